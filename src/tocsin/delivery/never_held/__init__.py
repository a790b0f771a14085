"""What must never be held: only a reference is noted, and the hotline is told the URL in a message that we cannot open.

Nothing of it is seen by any role but the protection officer's. docs/design/never-held.md says why.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.delivery.never_held import acts
    from tocsin.delivery.never_held.hotline import open_hotline, receive, send_again, send_to_hotline
    from tocsin.delivery.never_held.intake_filter import IntakeFilter, class_table
    from tocsin.delivery.never_held.mail_filter import MailFilter
    from tocsin.delivery.never_held.mail_redaction import (
        ArrivingMail,
        filtered_mail,
        found_in,
        looked_through,
        read_arriving,
        redacted_mail,
    )
    from tocsin.delivery.never_held.mails import answers_hotline, remove_mail, take_hotline_mail
    from tocsin.delivery.never_held.models import HotlineMessage, NeverHeldReference, ReferenceState
    from tocsin.delivery.never_held.references import (
        RECEIPT_WITHIN,
        Reference,
        ReferenceLine,
        find_reference,
        forget_references,
        keyed_hash,
        list_references,
        note_reference,
        reference_line,
        references_to_ring,
    )
else:
    lazy_face(__name__)
