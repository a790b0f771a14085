"""Affected systems: which problems an incident is about, how many are fixed, and what notifications of them say.

docs/design/incidents.md says why.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.populations import acts
    from tocsin.incidents.populations.acts import AffectedNotification, affected_keys, note_notified
    from tocsin.incidents.populations.keys import pack, unpack
    from tocsin.incidents.populations.read import affected_of, digest_notes, keys_of, populations_of, texts_of
    from tocsin.incidents.populations.tally import AffectedTally, tally
else:
    lazy_face(__name__)
