"""Letters: mails that are not digests, such as a question to confirm a mailbox, owed from the transaction that asks.

Any room may ask for one; delivery sends them. A letter holds no event data: what it may say is decided by who writes
it, and it is written for one mailbox.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.node.letters.models import (
        ACCOUNT,
        EXCHANGE,
        HAND_OVER,
        INCIDENT,
        NOTICE,
        Letter,
        LetterState,
        empty_letters,
        queue_letter,
    )
else:
    lazy_face(__name__)
