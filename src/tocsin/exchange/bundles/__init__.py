"""Evidence bundles: who sent what to whom, and when it was received, checked by anyone with gpg and sha256sum."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.bundles.make import TimeStamps, bundle_files, write_bundle
    from tocsin.exchange.bundles.time_stamps import TimeStampError, check_time_stamp, read_certificates
    from tocsin.exchange.bundles.verify import BundleVerdict, verify_bundle
else:
    lazy_face(__name__)
