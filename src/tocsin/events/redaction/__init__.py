"""What of a report may be kept: taken out of its bytes on their way, before anything of them is written or read.

X-ARF reports carry evidence. Of it, text stays, cut; of pictures and other files only type, size and hash. Of a report
of child sexual abuse nothing stays but its reference: keeping such material is a crime in many countries.
docs/design/evidence.md says what is seen and what is not.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.events.redaction.records import ABUSE, reduced, withheld
    from tocsin.events.redaction.stream import Redaction, redact_file, redacted, redacted_bytes
else:
    lazy_face(__name__)
