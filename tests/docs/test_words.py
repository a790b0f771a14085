"""What people read uses words that they know: docs/design/words.md says which homemade ones may not come back."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from tocsin.delivery.digest_summary import TEMPLATES
from tocsin.server.pages.catalogues import source

REFUSED = re.compile(
    r"""\b(
    mailbox(es)? | somebody | told | hears? | mend(s|ed|ing)? | stands? | stood | desk | anew | brake | asunder
    | (of|on)\ ours | set(s|ting)?\ aside | left\ aside | say\ so | must\ know | who\ knows | known\ to\ tell
    | further\ ones | earlier\ ones | drop\ all | (?<!two\ )letters? | no\ \w+\ fits? | matters?
    | (next|last)\ tr(y|ies)
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)
"""Homemade words, or words used in a homemade way. The list only grows."""

ALLOWED: dict[str, str] = {
    "delivery/mailbox/account.py: Set host, user and password_file in [mailbox]; see docs/replies.md.": (
        "a section of the settings"
    ),
}
"""English texts in which such a word has its common meaning, each with that meaning."""


_NAMES = re.compile(r"`[^`]*`|'[^']*'|\[\w+\]|--\w+|^#* ?tocsin .*|%\(\w+\)s")
"""Names of commands, options and settings, which stay as programs have them."""
_CODE = re.compile(r"^```.*?^```|^ {4}.*?$|\]\([^)\s]+\)|<[^>\n]+>", re.MULTILINE | re.DOTALL)
"""Code, what links lead to, and placeholders in pages of the manual."""


def _texts() -> dict[str, set[str]]:
    """All English texts of pages and rooms, by the place of the file that they are in."""
    found = defaultdict(set)
    for message in source():
        for text in message.id if isinstance(message.id, tuple) else [message.id]:
            for file, _line in message.locations:
                path = Path(file)
                parts = path.parts[:1] if path.suffix == ".py" and len(path.parts) == 1 else path.parts[:2]
                found["/".join(parts)].add(f"{file}: {text}")
    return found


_TEXTS = _texts()


@pytest.mark.parametrize("place", sorted(_TEXTS))
def test_texts_of_a_place_use_known_words(place: str) -> None:
    """Every text of a page, or of a sentence that pages show."""
    wrong = sorted(
        one for one in _TEXTS[place] if REFUSED.search(_NAMES.sub("", one.partition(": ")[2])) and one not in ALLOWED
    )
    assert not wrong, "\n".join(wrong)


def test_help_of_commands_uses_known_words(pages: dict[str, str]) -> None:
    """Each command and option, as ``--help`` prints it; the page is made of that."""
    lines = pages["docs/commands.md"].splitlines()
    wrong = [f"{number}: {line}" for number, line in enumerate(lines, 1) if REFUSED.search(_NAMES.sub("", line))]
    assert len(lines) > 100
    assert not wrong, "\n".join(wrong)


def test_pages_of_the_manual_use_known_words(pages: dict[str, str]) -> None:
    """README and docs/, outside code; the reasons in docs/design/ and old changes are as they were written."""
    read = {page: text for page, text in pages.items() if not page.startswith(("docs/design/", "CHANGELOG"))}
    wrong = [
        f"{page}: {line}"
        for page, text in read.items()
        for line in _CODE.sub("", text).splitlines()
        if REFUSED.search(_NAMES.sub("", line))
    ]
    assert len(read) > 30
    assert not wrong, "\n".join(wrong)


def test_mails_use_known_words() -> None:
    """The English texts of mails that a node begins with."""
    files = sorted((TEMPLATES / "en").rglob("*.t*"))
    wrong = [
        f"{file.name}: {line}"
        for file in files
        if file.is_file()
        for line in file.read_text().splitlines()
        if REFUSED.search(line.partition("#")[0])
    ]
    assert files
    assert not wrong, "\n".join(wrong)
