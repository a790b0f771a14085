"""What of a report may be kept: taken out of its bytes on their way, before anything of them is written or read.

X-ARF reports carry evidence. Of it, text stays, cut; of pictures and other files only type, size and hash. Of a report
of a class that must never be held, such as child sexual abuse, nothing stays but its reference: keeping such material
is a crime in many countries. All of it is pure; `tocsin.delivery.never_held` notes what was found.
docs/design/evidence.md says what is seen and what is not.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.events.redaction.classes import BUILT_IN, ClassTable, FoundReport
    from tocsin.events.redaction.files import redact_file, redacted_bytes, scan_file
    from tocsin.events.redaction.records import (
        ABUSE,
        NEVER_HELD,
        loads,
        names_xarf,
        placeholder,
        reduced,
        unreadable,
        withheld,
    )
    from tocsin.events.redaction.stream import MailRedaction, Redaction, redacted
else:
    lazy_face(__name__)
