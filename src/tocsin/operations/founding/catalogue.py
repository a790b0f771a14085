"""The questions that a founder of a CSIRT is asked, and what each suggests; `questions.toml` has their words."""

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import TZPATH

from tocsin.directory import FRAMEWORK, Authority, TeamKind, canonical, phone, read_hours, service_name, url
from tocsin.operations.founding.questions import (
    Answers,
    InterviewQuestion,
    country,
    day,
    each,
    person,
    postal_address,
    prose,
    renewal_day,
    scope,
)

_READERS: Final[Mapping[str, Callable[[str], str]]] = {
    "name": canonical.name,
    "key": canonical.key,
    "kind": canonical.choice(TeamKind),
    "organisation": canonical.line,
    "country": country,
    "mandate": canonical.line,
    "mandate_until": day,
    "networks": each(scope),
    "authority": canonical.choice(Authority),
    "services": each(lambda text: service_name(canonical.name(text)), between=";"),
    "timezone": canonical.timezone,
    "hours": each(read_hours, between=";"),
    "languages": each(canonical.language),
    "mailbox": canonical.mailbox,
    "phone": phone,
    "emergency_phone": phone,
    "website": url,
    "form": url,
    "address": postal_address,
    "roster": person,
    "emergency_number": phone,
    "memberships": each(canonical.name),
    "smtp": canonical.host,
    "imap": canonical.host,
}
"""How answers are read; what is not here is prose."""


def key_from(name: str) -> str:
    """A short name made of a long one."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return plain[:40].strip("-") or "csirt"


def questions(today: date) -> tuple[InterviewQuestion, ...]:
    """Every question, in the order in which they are asked."""
    entries = tomllib.loads((Path(__file__).parent / "questions.toml").read_text(encoding="utf-8"))
    entries["services"]["choices"] = {name: area for area, names in FRAMEWORK.items() for name in names}
    readers = {**_READERS, "expires": renewal_day(today)}
    return tuple(_question(name, entry, readers.get(name, prose), today) for name, entry in entries.items())


def _question(name: str, entry: dict[str, Any], read: Callable[[str], str], today: date) -> InterviewQuestion:
    text, choices = entry.pop("default", None), tuple(entry.pop("choices", {}).items())

    def default(answers: Answers) -> str:
        team, renewal = _one(answers, "name"), (today + timedelta(days=330)).isoformat()
        return str(text).format(name=team, key=key_from(team), zone=_zone(answers), renewal=renewal)

    return InterviewQuestion(name, read=read, choices=choices, default=default if text else None, **entry)


def _one(answers: Answers, name: str) -> str:
    found = answers.get(name, "")
    return found if isinstance(found, str) else "; ".join(found)


def _zone(answers: Answers) -> str:
    """The first time zone of the country in the system's table of zones, else UTC."""
    for folder in TZPATH:
        table = Path(folder) / "zone.tab"
        if table.is_file():
            rows = (row.split("\t") for row in table.read_text(encoding="utf-8").splitlines() if row[:1] != "#")
            return next((row[2] for row in rows if row[0] == _one(answers, "country")), "UTC")
    return "UTC"
