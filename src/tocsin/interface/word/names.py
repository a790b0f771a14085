"""The Word XML vocabulary that reading and writing share (ECMA-376 part 1; MS-DOCX for replies to comments)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TypeAlias

from lxml import etree

Element: TypeAlias = etree._Element  # noqa: SLF001  (lxml has no public name for its elements)

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_R = "http://purl.oclc.org/ooxml/officeDocument/relationships"
MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"
MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"
W14 = "http://schemas.microsoft.com/office/word/2010/wordml"
W15 = "http://schemas.microsoft.com/office/word/2012/wordml"

LOOKS = {"b": "bold", "i": "italic", "strike": "strike", "vanish": "hidden", "u": "underline"}
"""Run properties that are kept, in the order of the schema; super- and subscript share ``vertAlign``."""

TRACKED = {
    "ins": "insert",
    "del": "delete",
    "moveFrom": "move_from",
    "moveTo": "move_to",
    "cellIns": "insert",
    "cellDel": "delete",
}
RANGES = frozenset(
    f"{name}{edge}" for name in ("commentRange", "moveFromRange", "moveToRange") for edge in ("Start", "End")
)

FIELDS = frozenset("PAGE NUMPAGES SECTIONPAGES REF PAGEREF NOTEREF STYLEREF SEQ DATE TIME AUTHOR TITLE".split())
"""Fields whose instruction is kept: they count or repeat. Others can fetch, run or ask; only their result is kept."""

DEEPEST = 50
"""How deep blocks may stand in blocks, and parts of a paragraph in parts of it."""

LINKS = ("https://", "http://", "mailto:", "#")
"""Where a kept link may lead."""

_KNOWN = {W: "", STRICT: "", MC: "mc:", MATH: "m:"}


def local(element: Element) -> str:
    """The name without its namespace; ``mc:`` and ``m:`` before those of markup compatibility and mathematics.

    A name of any other vocabulary is empty: nothing there is text.
    """
    space, _, name = str(element.tag)[1:].partition("}")
    prefix = _KNOWN.get(space)
    return "" if prefix is None else prefix + name


def attribute(element: Element, name: str) -> str:
    """The value of a Word attribute, empty when absent."""
    value = element.get(f"{{{W}}}{name}")
    if value is None:
        value = element.get(f"{{{STRICT}}}{name}")
    return value or ""


def child(parent: Element, name: str) -> Element | None:
    """The first child of this name."""
    return next(children(parent, name), None)


def children(parent: Element, name: str) -> Iterator[Element]:
    """The children of this name."""
    return parent.iterchildren(f"{{{W}}}{name}", f"{{{STRICT}}}{name}")


def on(text: str) -> datetime | None:
    """The time in a date attribute to the second, None when it is no time; without a zone it is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text).replace(microsecond=0)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def value(parent: Element, name: str) -> str:
    """The ``val`` of the first child of this name, empty when there is none."""
    element = child(parent, name)
    return "" if element is None else attribute(element, "val")


def whole(text: str, default: int = 0) -> int:
    """The whole number in an attribute, or ``default`` where there is none that a document can mean."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default
