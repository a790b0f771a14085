"""Reading a profile that ``text.py`` wrote, exactly: what is not written so is an error, never guessed."""

from collections.abc import Iterator
from typing import Final

from tocsin.directory.facts import ProfileTopic
from tocsin.directory.profile.model import LABELS, ProfileItem, TeamProfile, profile_of
from tocsin.directory.profile.outline import OUTLINE, ProfileSection
from tocsin.directory.profile.text import NOT_STATED, profile_text

_HEADINGS: Final = {
    (f"{section.number}. {section.heading}" if section.level == 1 else f"{section.number} {section.heading}"): section
    for section in OUTLINE
}
DETAIL: Final = "       "
"""What stands before a detail of an item."""
ITEM: Final = "   - "
"""What stands before an item."""
_PROSE = "   "


def read_exactly(text: str) -> TeamProfile | None:
    """The profile that gives this very text, or None where none does."""
    try:
        lines: list[ProfileItem] = []
        prose: dict[ProfileTopic, str] = {}
        for section, body in _sections(text):
            items, paragraphs = _split(body)
            lines += (_line(section, item) for item in items)
            if section.topic and paragraphs:
                prose[section.topic] = "\n\n".join(paragraphs)
        profile = profile_of(lines, prose)
    except (ValueError, LookupError):
        return None
    return profile if profile_text(profile) == text else None


def _sections(text: str) -> Iterator[tuple[ProfileSection, list[str]]]:
    """Each section with the lines of its body."""
    section: ProfileSection | None = None
    body: list[str] = []
    for row in text.split("\n"):
        if row in _HEADINGS:
            if section:
                yield section, body
            section, body = _HEADINGS[row], []
        elif not row.startswith("---"):
            body.append(row)
    if section:
        yield section, body


def _split(body: list[str]) -> tuple[list[list[str]], list[str]]:
    """The items of a section, each with its details, and its paragraphs."""
    blocks = [block.split("\n") for block in "\n".join(body).strip("\n").split("\n\n")]
    items: list[list[str]] = []
    if blocks and blocks[0][0].startswith(ITEM):
        for row in blocks.pop(0):
            if row.startswith(DETAIL):
                items[-1].append(row.removeprefix(DETAIL))
            else:
                items.append([row.removeprefix(ITEM)])
    paragraphs = [" ".join(row.removeprefix(_PROSE) for row in block) for block in blocks]
    return items, [] if paragraphs in ([""], [NOT_STATED]) else paragraphs


def _line(section: ProfileSection, item: list[str]) -> ProfileItem:
    label, value = "", item[0]
    if (section.number, "") not in LABELS:
        label, _, value = value.partition(": ")
    details = (detail.partition(": ")[::2] for detail in item[1:])
    return ProfileItem(section.number, label, value, tuple(details))
