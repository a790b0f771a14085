"""Text from right to left in plain mails: marks that keep addresses, dates and columns in order (UAX #9).

Mail programs and ticket systems differ: some choose the direction by line, most show all from left to right. With these
marks both show sentences from right to left, and addresses, dates and tables from left to right.
"""

import re
import unicodedata

LEFT = "\N{LEFT-TO-RIGHT MARK}"
_RIGHT = "\N{RIGHT-TO-LEFT MARK}"
_BEGIN, _END = "\N{RIGHT-TO-LEFT EMBEDDING}", "\N{POP DIRECTIONAL FORMATTING}"
# After an Arabic letter the parts of a date would change places (rules W2 and W4).
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d)?(?: UTC)?")


def as_word(text: str) -> str:
    """A cell of a table that goes from left to right: what is written from right to left stays in its place."""
    return f"{_BEGIN}{text}{_END}{LEFT}" if _goes_left(text) else text


def right_to_left(text: str) -> str:
    """A text in which sentences go from right to left; lines that start with `LEFT`, or have no such letter, stay."""
    return "\n".join(_line(line) if _goes_left(line) else line for line in text.split("\n"))


def _line(line: str) -> str:
    if line.startswith(LEFT):
        return line
    dated = _DATE.sub(lambda found: f"{LEFT}{found[0]}{LEFT}", line)
    return f"{_RIGHT}{_BEGIN}{dated}{_END}"


def _goes_left(text: str) -> bool:
    return not text.isascii() and any(unicodedata.bidirectional(sign) in {"R", "AL"} for sign in text)
