"""A negotiated text for the demonstration: a national code for reporting flaws, with what stakeholders wrote on it."""

from typing import Final

from tocsin.drafting.parse import read_text
from tocsin.drafting.store import add_text
from tocsin.interface import Invocation

_NAME: Final = "reporting-flaws"
_TEXT: Final = """\
Code for reporting flaws in Kestria

1.\tPrinciples
a) Whoever finds a flaw in good faith [shall] [should] be free of legal action, where the rules of this code were kept.

· Ministry of Justice, Government: Whoever finds a flaw in good faith should be free of legal action, where the \
rules of this code and the law were kept.

· Open Network Society, Civil society: Whoever finds a flaw in good faith shall be free of legal action.

b) A report goes to the owner of the product first, and to the national CSIRT where the owner cannot be found.

· Harbour Telecom, Business: A report goes to the owner of the product first, and to the national CSIRT where the \
owner cannot be found or does not answer within ten days.

c) The owner answers within ten days and agrees a day of publication, ninety days later at most.

· Kestria Banks, Business: The owner answers within ten working days and agrees a day of publication.
\tComment by Kestria Banks: A fixed limit cannot be kept for old systems.

· Open Network Society, Civil society: The owner answers within ten days and agrees a day of publication, \
sixty days later at most.

2.\tReview
a) This code is reviewed each year by all who use it.

· Ministry of Communications, Government: This code is reviewed each year by all who use it.
\tComment by Ministry of Communications: Support.
"""


def add_example(call: Invocation) -> None:
    """The text as its secretariat would have imported it; positions are what the reader infers."""
    data = _TEXT.encode()
    add_text(call.database, read_text(data, f"{_NAME}.txt"), data, actor="secretariat", at=call.now, name=_NAME)
