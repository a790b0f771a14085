"""The letters that ask a team for a key, in its language; they say nothing of what a digest tells."""

import textwrap
import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

from tocsin.delivery.direction import right_to_left
from tocsin.delivery.mime import plain
from tocsin.directory import Team
from tocsin.directory.keys import TeamKey
from tocsin.node.node_settings import NodeSettings

LETTERS: Final = Path(__file__).parent / "letters"
_WIDTH = 76


@dataclass(frozen=True, slots=True)
class KeyLetter:
    """What a letter says."""

    subject: str
    body: str


def cannot_encrypt(team: Team, mailbox: str, why: str, key: TeamKey | None, sender: NodeSettings) -> KeyLetter:
    """That something waits, why it cannot be encrypted (a state of keys), and how to mend it."""
    texts = _texts(team.language)
    reason = texts["reason"][why].format(fingerprint=key.facts.spelled if key else "")
    return _letter(texts, "cannot_encrypt", sender, team=plain(team.name), mailbox=mailbox, reason=reason)


def expiring(team: Team, key: TeamKey, until: datetime, sender: NodeSettings) -> KeyLetter:
    """That a key will not serve any more after a day."""
    named = {"team": plain(team.name), "fingerprint": key.facts.spelled, "day": f"{until:%Y-%m-%d}"}
    return _letter(_texts(team.language), "expiring", sender, **named)


def _letter(texts: dict[str, dict[str, str]], kind: str, node: NodeSettings, **named: str) -> KeyLetter:
    given = {"sender": plain(node.name), "contact": node.contact, **named}
    paragraphs = [*texts[kind]["body"].strip().split("\n\n"), texts["signature"]["line"]]
    wrapped = [textwrap.fill(one.format(**given), _WIDTH, break_long_words=False) for one in paragraphs]
    body = "\n\n".join(wrapped) + "\n"
    mirrored = texts["signature"].get("direction") == "rtl"
    return KeyLetter(texts[kind]["subject"].format(**given), right_to_left(body) if mirrored else body)


def _texts(language: str) -> dict[str, dict[str, str]]:
    """The texts of a language (BCP 47), of its main language, or of English."""
    main = language.partition("-")[0].lower()
    return _read(main if main.isalpha() and (LETTERS / f"{main}.toml").is_file() else "en")


@cache
def _read(language: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((LETTERS / f"{language}.toml").read_text(encoding="utf-8"))
