"""Reading profiles that others wrote: by section numbers and headings, and what cannot be read is listed, not guessed.

Of free text only that is taken which stands there in so many words: an address of mail in the section of mail
addresses, a date in a form that says which is the month, a time zone by its name. Prose is kept as prose.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, TypeAlias

from tocsin.directory import canonical
from tocsin.directory.fact_schema import paragraphs, phone, url
from tocsin.directory.facts import ProfileTopic
from tocsin.directory.profile.exact import DETAIL, ITEM
from tocsin.directory.profile.model import LABELS, ProfileItem, profile_of
from tocsin.directory.profile.outline import OUTLINE, SECTIONS, ProfileSection
from tocsin.directory.profile.text import TITLE_END
from tocsin.directory.services import in_framework, service_name

_WIDEST: Final = 240  # characters of a row that can be a heading, a line of the contents, or a page's head or foot
_NUMBERED = re.compile(  # within 240
    r"\s{0,8}(?:#{1,6} *|\*\*)?(?:section )?(\d{1,2}(?:\.\d{1,2}){0,2})[.:)]?\s+(.{2,90}?)[\s*:]*", re.IGNORECASE
)
_PLAIN = re.compile(r"\s{0,4}(?:#{1,6} *|\*\*)(.{2,90}?)[\s*:]*")  # within 240
_CONTENTS = re.compile(r".*(?:\.\s?){3}\s*+\d*+\s*+|.*\S\s{2,}+\d{1,3}\s*+")  # within 240
_FURNITURE = re.compile(
    r".*(?:\[Page \d+\]|\f).*|\s*Page \d+(?: of \d+)?\s*|RFC \d+\s{3,}.*\d{4}\s*", re.IGNORECASE
)  # within 240
_UNDERLINE = re.compile(r"\s*(?:[-=~_*]{3,}|```\w*)\s*")
_KEY_BLOCK = re.compile(
    r"-----BEGIN PGP PUBLIC KEY BLOCK-----(?:[^-]++|-(?!----(?:BEGIN|END) PGP PUBLIC))*+"
    r"-----END PGP PUBLIC KEY BLOCK-----"
)
_BULLET = re.compile(r"(?<!\s)\s*+(?:[-*•·o]|\d\))\s+")
_NOTHING: Final = {"", "none", "n/a", "na", "-", "none available", "not available", "not stated", "not applicable"}

_MAIL = re.compile(r"(?<![^\s<>,;:\"()\[\]])[^\s<>,;:\"()\[\]]+@[^\s<>,;:\"()\[\]]*[^\s<>,;:\"()\[\].]")
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]*[^\s<>\"')\].,;]")
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{4,24}[0-9]")
_PRINT = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f](?:[ :\n]*[0-9A-Fa-f]){39}(?![0-9A-Fa-f])")
_ASN = re.compile(r"\bAS ?\d{1,10}\b")
_PREFIX = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]*)/\d{1,3}(?![\w/])")
_ZONE = re.compile(r"\b[A-Z][A-Za-z]+/[A-Za-z_/+-]+[A-Za-z]\b|\bUTC\b(?! ?[+-])")
_VERSION = re.compile(r"\bversion ?(?:number)?:? ?v?(\d{1,4})(?![\d.]*\d)", re.IGNORECASE)
_DATE = re.compile(
    r"\b(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}\.\d{1,2}\.\d{4}"
    r"|\d{1,2}(?:st|nd|rd|th)?(?: of)?[ -][A-Za-z]{3,9}[ ,-]+\d{4}"
    r"|[A-Za-z]{3,9} \d{1,2}(?:st|nd|rd|th)?,? \d{4})\b"
)
_DATES: Final = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d %B %Y", "%d %b %Y", "%B %d %Y", "%b %d %Y")
_NAMES: Final = {"full name", "official name", "name", "name of the team"}


@dataclass(frozen=True)
class Unread:
    """Something of a document that was not taken, and why: ``where`` is its section, ``what`` the words."""

    where: str
    what: str
    why: str


Rows: TypeAlias = Sequence[str]
Found: TypeAlias = Iterator[ProfileItem | Unread]


def read_freely(text: str) -> tuple[list[ProfileItem], dict[ProfileTopic, str], list[Unread]]:
    """The items and the prose of a document in free text, and what of it could not be read."""
    lines: list[ProfileItem] = []
    prose: dict[ProfileTopic, str] = {}
    unread: list[Unread] = []
    ours = TITLE_END in text[:1_000]
    blocks = _KEY_BLOCK.findall(text)
    unread += [_unread("2.8", f"{block[:36]}…", "'tocsin keys import' takes keys") for block in blocks]
    for section, rows in _sections(_KEY_BLOCK.sub("", text), unread):
        own, rest = _own(section, rows, ours=ours)
        found = [*own, *_read(section, rest)]
        lines += [line for line in found if isinstance(line, ProfileItem) and line not in lines]
        unread += [one for one in found if isinstance(one, Unread)]
        if section.topic and (kept := _prose(section, rest, unread)):
            prose[section.topic] = kept
    return lines, prose, unread


def _sections(text: str, unread: list[Unread]) -> Iterator[tuple[ProfileSection, list[str]]]:
    """The sections with their rows in the order of the outline; of one that comes twice, the longer body."""
    bodies: dict[str, list[str]] = {}
    strange: dict[str, list[str]] = defaultdict(list)
    body: list[str] = strange["before the first section"]
    for row in text.split("\n"):
        found = _heading(row)
        if isinstance(found, ProfileSection):
            body = []
            before = bodies.get(found.number, [])
            bodies[found.number] = body if not any(map(str.strip, before)) else before
            body = bodies[found.number] if body is bodies[found.number] else strange[f"{found.number} again"]
        elif found:
            body = strange[found]
        elif len(row) > _WIDEST or not (_UNDERLINE.fullmatch(row) or _FURNITURE.fullmatch(row)):
            body.append(row)
    for where, rows in strange.items():
        if (what := " ".join(" ".join(rows).split())) and where != "before the first section":
            unread.append(Unread(where, what, "no section of RFC 2350 has this number and heading"))
    for section in OUTLINE:
        if section.number in bodies:
            yield section, bodies[section.number]
        elif section.topic is None and section.number in _EXPECTED:
            unread.append(Unread(f"{section.number} {section.heading}", "", "the document has no such section"))


def _heading(row: str) -> ProfileSection | str | None:
    """The section that a row begins, or the words of a heading that no section has, or None for another row."""
    if len(row) > _WIDEST or _CONTENTS.fullmatch(row):
        return None
    numbered = _NUMBERED.fullmatch(row)
    if numbered:
        number, words = numbered[1], numbered[2].strip().lower()
        own = SECTIONS.get(number)
        if own and _is_named(own, words):
            return own
        level = number.count(".") + 1
        other = next((one for one in OUTLINE if one.level == level and _is_named(one, words)), None)
        return other or (row.strip() if level > 1 and len(words.split()) <= 8 and not words.endswith(".") else None)
    plain = _PLAIN.fullmatch(row)
    words = (plain[1] if plain else row).strip().lower()
    return next((one for one in OUTLINE if words == one.heading.lower()), None)


def _is_named(section: ProfileSection, words: str) -> bool:
    return len(words.split()) <= 12 and any(word in words for word in section.words)


def _own(section: ProfileSection, rows: Iterable[str], *, ours: bool) -> tuple[list[ProfileItem | Unread], list[str]]:
    """Items that are written as we write them, ``- LABEL: VALUE`` with details below, and the other rows.

    In a document that was ours before somebody changed it, an item without a label is one too.
    """
    found: list[ProfileItem | Unread] = []
    rest: list[str] = []
    for row in rows:
        label, colon, value = _BULLET.sub("", row, count=1).partition(": ")
        last = found[-1] if found and not rest else None
        if colon and (section.number, label) in LABELS and _BULLET.match(row) and value.strip():
            found.append(ProfileItem(section.number, label, value.strip()))
        elif ours and row.startswith(ITEM) and (section.number, "") in LABELS:
            found.append(ProfileItem(section.number, "", row.removeprefix(ITEM).strip()))
        elif colon and row.startswith(DETAIL) and isinstance(last, ProfileItem):
            found[-1] = replace(last, details=(*last.details, (label.strip(), value.strip())))
        elif row.strip() or rest:
            rest.append(row)
    return [_sound(one) if isinstance(one, ProfileItem) else one for one in found], rest


def _sound(line: ProfileItem) -> ProfileItem | Unread:
    """The line, where a profile can have its value."""
    try:
        profile_of([line], {})
    except (ValueError, LookupError) as error:
        return _unread(line.section, f"{line.label}: {line.value}", str(error))
    return line


def _read(section: ProfileSection, rows: Rows) -> Found:
    """What a section says in so many words; all of it is unread where nothing was taken and no prose keeps it."""
    text = "\n".join(rows)
    if text.strip().lower().rstrip(".") in _NOTHING:
        return
    finds, why = _READERS.get(section.number, (_nothing, "the section has no text of its own in RFC 2350"))
    found = list(finds(section.number, rows))
    yield from found
    if not found and section.topic is None:
        yield _unread(section.number, " ".join(text.split()), why)


def _nothing(_: str, __: Rows) -> Found:
    return iter(())


def _unread(number: str, what: str, why: str) -> Unread:
    return Unread(f"{number} {SECTIONS[number].heading}", what, why)


def _prose(section: ProfileSection, rows: Rows, unread: list[Unread]) -> str:
    """The prose of a section; the items of a list are paragraphs."""
    text = re.sub(r"\n(?=[^\S\n]*+[-*•·]\s)", "\n\n", "\n".join(rows))
    text = re.sub(r"(?m)^[^\S\n]*+[*•·]\s+", "- ", text)
    try:
        found = paragraphs(text)
    except ValueError as error:
        unread.append(Unread(f"{section.number} {section.heading}", " ".join(text.split())[:200], str(error)))
        return ""
    return "" if found.lower().rstrip(".") in _NOTHING else found


def _dated(number: str, rows: Rows) -> Found:
    text = " ".join(" ".join(rows).split())
    version = _VERSION.search(text)
    if version:
        yield ProfileItem(number, "Version", str(int(version[1])))
    elif "version" in text.lower():
        yield _unread(number, text, "a version is kept where it is a whole number")
    day = next((day for match in _DATE.finditer(text) if (day := _day(match[0]))), "")
    if day:
        yield ProfileItem(number, "Date", day)
    else:
        yield _unread(number, text, "no date stands there in a form that says which is the day and which the month")


def _day(text: str) -> str:
    words = " ".join(re.sub(r"(?<=\d)(?:st|nd|rd|th)| of\b|,", " ", text).split())
    if re.match(r"\d{1,2}-[A-Za-z]", words):
        words = words.replace("-", " ")
    for form in _DATES:
        try:
            return datetime.strptime(words, form).replace(tzinfo=UTC).date().isoformat()
        except ValueError:
            continue
    return ""


def _name(number: str, rows: Rows) -> Found:
    labelled = [row.strip().partition(":") for row in rows if row.strip().partition(":")[0].lower() in _NAMES]
    first, _, rest = "\n".join(rows).strip().partition("\n\n")
    text = labelled[0][2].strip() if labelled else " ".join(first.split()).removesuffix(".")
    if text.count('"') == 2 and text.startswith('"') and text.endswith('"'):
        text = text[1:-1]
    if text and len(text) <= 200:
        yield ProfileItem(number, "Name", text)
    if rest.strip() and not labelled:
        yield _unread(number, " ".join(rest.split()), "the name is what stands before the first empty line")


def _address(number: str, rows: Rows) -> Found:
    yield from (ProfileItem(number, "", " ".join(row.split())) for row in rows if row.strip())


def _zone(number: str, rows: Rows) -> Found:
    lines = (_take(number, "", canonical.timezone, word) for word in _ZONE.findall(" ".join(rows)))
    yield from [line for line in lines if isinstance(line, ProfileItem)][:1]


def _each(pattern: re.Pattern[str], take: Callable[[str], str], label: str = "") -> Callable[[str, Rows], Found]:
    """The reader of what a pattern finds, each once; what ``take`` refuses is unread."""

    def finds(number: str, rows: Rows) -> Found:
        for text in dict.fromkeys(found[0] for found in pattern.finditer("\n".join(rows))):
            yield _take(number, label, take, text)

    return finds


def _take(number: str, label: str, take: Callable[[str], str], text: str) -> ProfileItem | Unread:
    try:
        return ProfileItem(number, label, take(text))
    except ValueError as error:
        return _unread(number, " ".join(text.split()), str(error))


def _world_phone(text: str) -> str:
    if not text.startswith("+"):
        raise ValueError("a telephone number without its country code, such as +230")
    return phone(text)


def _other(number: str, rows: Rows) -> Found:
    for row in rows:
        if (text := " ".join(row.split())) and len(text) <= 200:
            yield ProfileItem(number, "Other", text)


def _as_number(text: str) -> str:
    return canonical.asn(text.replace(" ", ""))


def _scopes(number: str, rows: Rows) -> Found:
    yield from _each(_ASN, _as_number, "AS")(number, rows)
    yield from _each(_PREFIX, canonical.prefix, "Network")(number, rows)


def _services(_: str, rows: Rows) -> Found:
    for row in rows:
        name = service_name(_BULLET.sub("", row, count=1).strip(" .;:"))
        if in_framework(name):
            yield ProfileItem("5", "", name)


def _fingerprint(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum()).lower()


_READERS: Final[dict[str, tuple[Callable[[str, Rows], Found], str]]] = {
    "1.1": (_dated, "no date in a form that says which is the day and which the month"),
    "1.3": (_each(_URL, url), "no URL stands there"),
    "2.1": (_name, "no name of a team stands there alone"),
    "2.2": (_address, "no address stands there"),
    "2.3": (_zone, "no name of the IANA time zone database, such as Africa/Nairobi, stands there"),
    "2.4": (_each(_PHONE, _world_phone), "no number with its country code, such as +230 201 0000, stands there"),
    "2.5": (_each(_PHONE, _world_phone), "no number with its country code, such as +230 201 0000, stands there"),
    "2.6": (_other, "it is too long for a way to reach a team"),
    "2.7": (_each(_MAIL, canonical.mailbox), "no plain mail address stands there"),
    "2.8": (_each(_PRINT, _fingerprint, "OpenPGP"), ""),
    "3.2": (_scopes, ""),
    "5": (_services, ""),
    "5.2": (_services, ""),
    "6": (_each(_URL, url), ""),
}
_EXPECTED: Final = {"1.1", "2.1", "2.3", "2.4", "2.7"}
