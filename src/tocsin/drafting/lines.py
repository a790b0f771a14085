"""What one line of a compilation is by itself: heading, label, stakeholder, new proposal, plain words, comments."""

import re
from dataclasses import dataclass

from tocsin.drafting.model import SourceSpan

# Stakeholder groups as negotiation records print them after a name; anything else stays part of the name.
ROLES = """\
Government, Governments, Civil Society, Private Sector, Business, Business Sector, Business Entity, Industry, \
International Organization, International Organisation, Intergovernmental Organization, \
Intergovernmental Organisation, Regional Organization, Regional Organisation, Technical Community, Academia, \
Academia and Technical Community, Technical and Academic Community, UN Agency, Media""".split(", ")
_ROLE = "|".join(sorted((re.escape(role) for role in ROLES), key=len, reverse=True))
_NAME = r"[^\W\d_](?:[^\[\]:;“”\"\t]{0,159}?[^\[\]:;“”\"\s])?"
_SUFFIX = r"bis|ter|quater|quinquies|sexies|septies|octies"
_LETTERS = r"[a-z]|(?P<twin>[a-z])(?P=twin)|[ivxl]{1,6}"

_BULLET = re.compile(r"\s*[·•‣▪◦●○∙]\s*")
_WITH_ROLE = re.compile(rf"\s*(?P<name>{_NAME})\s*+,\s*+(?P<role>{_ROLE})\s*(?P<colon>:|$)", re.IGNORECASE)
_WITHOUT_ROLE = re.compile(rf"\s*(?P<name>{_NAME})\s*+(?P<colon>:)")
_NEW_PROPOSAL = re.compile(
    rf"\s*\[\s*New\s+(?P<kind>\w+)\s*,\s*(?P<name>{_NAME})(?<!,)[\s,]++(?P<role>{_ROLE})\s*\]\s*:?", re.IGNORECASE
)
_LABEL = re.compile(rf"\s*(?P<new>new\s+)?\(?(?P<label>(?:{_LETTERS}|\d{{1,3}})(?:\s+(?:{_SUFFIX}))?)\)", re.IGNORECASE)
_HEADING = re.compile(r"\s*(?P<number>\d{1,2}|[IVX]{1,5})\.\s+(?P<title>[^\W\d_][^.;:\[\]]{0,79})$")
_COMMENT = re.compile(r"(?:^\s*|\t[ \xa0]*)Comment by (?P<author>[^:\t]{1,80}):")


@dataclass(frozen=True)
class Remark:
    """A comment as it stands on its line; ``author`` is None for Word's anonymous "Author"."""

    author: str | None
    span: SourceSpan


@dataclass(frozen=True)
class Header:
    """A stakeholder's label and group; ``irregular`` says what is missing of bullet, group and colon."""

    name: str
    role: str | None
    end: int
    irregular: tuple[str, ...] = ()


@dataclass(frozen=True)
class Label:
    """A provision's label; ``new`` when the writer says that the provision is new."""

    label: str
    new: bool
    end: int


@dataclass(frozen=True)
class NewProposal:
    """A stakeholder proposes a provision without a label: "[New Pillar, Uruguay Government]"."""

    kind: str
    header: Header


@dataclass(frozen=True)
class Heading:
    """A section's number and title."""

    number: str
    title: str


@dataclass(frozen=True)
class ParsedLine:
    """A line taken apart: its words (``start`` to ``end`` of ``raw``), what they begin with, and its comments."""

    number: int
    raw: str
    start: int
    end: int
    bullet: bool
    what: Header | Label | NewProposal | Heading | None
    remarks: tuple[Remark, ...]

    @property
    def blank(self) -> bool:
        """Whether the line holds nothing at all."""
        return self.start == self.end and not self.bullet and not self.remarks


def read_line(number: int, raw: str) -> ParsedLine:
    """What line ``number`` is, judged by itself."""
    marks = list(_COMMENT.finditer(raw))
    end = marks[0].start() if marks else len(raw)
    bullet = _BULLET.match(raw, 0, end)
    start, end = trimmed(raw, bullet.end() if bullet else 0, end)
    what = _what(raw, start, end, bullet=bullet is not None) if start < end else None
    return ParsedLine(number, raw, start, end, bullet is not None, what, _remarks(number, raw, marks))


def label_at(raw: str, start: int, end: int) -> Label | None:
    """The label with which ``raw[start:end]`` begins."""
    match = _LABEL.match(raw, start, end)
    if match is None:
        return None
    label = re.sub(r"\s+", " ", match["label"])
    return Label(label, match["new"] is not None, match.end())


def trimmed(raw: str, start: int, end: int) -> tuple[int, int]:
    """The same range without the space at both ends."""
    while start < end and raw[start].isspace():
        start += 1
    while end > start and raw[end - 1].isspace():
        end -= 1
    return start, end


def organisations(name: str) -> tuple[str, ...]:
    """The organisations that share one label: "A, B, C and D" are four; a name that holds "and" alone is one."""
    head, comma, last = name.rpartition(",")
    left, joined, right = last.rpartition(" and ")
    if not (comma and joined):
        return (name,)
    return tuple(part.strip() for part in [*head.split(","), left, right] if part.strip())


def _what(raw: str, start: int, end: int, *, bullet: bool) -> Header | Label | NewProposal | Heading | None:
    if proposal := _NEW_PROPOSAL.match(raw, start, end):
        return NewProposal(proposal["kind"].casefold(), Header(proposal["name"], proposal["role"], proposal.end()))
    if not bullet and (heading := _HEADING.match(raw, start, end)):
        return Heading(heading["number"], heading["title"].strip())
    return _header(raw, start, end, bullet=bullet) or (None if bullet else label_at(raw, start, end))


def _header(raw: str, start: int, end: int, *, bullet: bool) -> Header | None:
    """A header needs a bullet or a group that is known; words before a colon alone are not enough."""
    if match := _WITH_ROLE.match(raw, start, end):
        missing = [] if bullet else ["bullet"]
        missing += [] if match["colon"] else ["colon"]
        return Header(match["name"], match["role"], match.end(), tuple(missing))
    if bullet and (match := _WITHOUT_ROLE.match(raw, start, end)) and len(match["name"].split()) <= 12:
        return Header(match["name"], None, match.end(), ("group",))
    return None


def _remarks(number: int, raw: str, marks: list[re.Match[str]]) -> tuple[Remark, ...]:
    ends = [mark.start() for mark in marks[1:]] + [len(raw)]
    return tuple(
        Remark(
            None if mark["author"].strip() == "Author" else mark["author"].strip(),
            SourceSpan(number, *trimmed(raw, mark.end(), end)),
        )
        for mark, end in zip(marks, ends, strict=False)
    )
