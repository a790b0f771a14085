"""A profile as plain text to the outline of RFC 2350: 72 columns, ASCII layout, and exactly readable."""

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from tocsin.directory.profile.model import ProfileItem, TeamProfile, lines_of
from tocsin.directory.profile.outline import OUTLINE, ProfileSection

NOT_STATED: Final = "Not stated."
TITLE_END: Final = "profile according to RFC 2350"
_WIDTH = 72


def profile_text(profile: TeamProfile) -> str:
    """The document: headings at the margin; items as ``- LABEL: VALUE``, details below them; prose in paragraphs."""
    items: dict[str, list[ProfileItem]] = defaultdict(list)
    for line in lines_of(profile):
        items[line.section].append(line)
    title = f"{profile.name}: {TITLE_END}"
    parts = [f"{title}\n{'=' * min(len(title), _WIDTH)}\n"]
    for section in OUTLINE:
        parts.append(_heading(section))
        body = [*_items(items[section.number]), *_prose(profile.prose(section.topic))]
        if not body and section.number not in _CHAPTERS:
            body = [f"   {NOT_STATED}\n"]
        parts += body
    return "\n".join(parts)


def _heading(section: ProfileSection) -> str:
    heading = f"{section.number}. {section.heading}" if section.level == 1 else f"{section.number} {section.heading}"
    return f"\n{heading}\n{'-' * len(heading)}\n" if section.level == 1 else f"{heading}\n"


def _items(lines: Iterable[ProfileItem]) -> Iterator[str]:
    """One block of all items of a section."""
    rows: list[str] = []
    for line in lines:
        rows.append(f"   - {line.label}: {line.value}" if line.label else f"   - {line.value}")
        rows += [f"       {name}: {text}" for name, text in line.details]
    if rows:
        yield "\n".join(rows) + "\n"


def _prose(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n") if text else ():
        wrapped = textwrap.wrap(paragraph, _WIDTH - 3, break_long_words=False, break_on_hyphens=False)
        yield "\n".join(f"   {row}" for row in wrapped) + "\n"


_CHAPTERS: Final = {"1", "2", "3", "4", "5", "5.1"}
"""Sections that hold others and may be empty themselves."""
