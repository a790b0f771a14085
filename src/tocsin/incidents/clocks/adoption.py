"""Clock texts of a node: those that come along and those in its home folder; none holds before a person adopts it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.incidents.clocks.calendar import CalendarText, WorkingCalendar
from tocsin.incidents.clocks.models import AdoptedClockText, NodeCalendar
from tocsin.incidents.clocks.text import ClockRule, ClockText, edition_at, read_clock_text, shipped_texts
from tocsin.incidents.text_files import read_bytes
from tocsin.node.errors import ConflictError, NotFoundError, TocsinError, UsageError
from tocsin.node.paths import HomeFolder
from tocsin.node.records import AuditAction, audit, take_turns
from tocsin.node.sentences import say

_OWN_DAYS: Final = ("holidays", "working_days")


@dataclass(frozen=True)
class AvailableText:
    """A text that can be adopted. ``own``: from the home folder. ``text``: None where it cannot be used, see ``error``.

    ``adopted``: what of it was adopted and holds, the newest first.
    """

    name: str
    content: bytes
    own: bool
    text: ClockText | None
    error: str = ""
    adopted: Sequence[AdoptedClockText] = field(default=())

    @property
    def current(self) -> bool:
        """Whether the text as it is now is adopted."""
        return bool(self.adopted) and self.adopted[0].sha256 == _sha256(self.content)


def available_texts(session: Session, home: Path) -> list[AvailableText]:
    """The texts by id; one in the home folder comes in place of the shipped one of the same id."""
    found = {name: _available(name, content, own=False) for name, content in shipped_texts().items()}
    for path in sorted((home / HomeFolder.CLOCKS).glob("*.toml")):
        try:
            one = _available(path.stem, read_bytes(path), own=True)
        except UsageError as error:  # it cannot be read
            one = AvailableText(path.stem, b"", own=True, text=None, error=str(error))
        found[one.name] = one
    adopted = adopted_texts(session)
    return [
        AvailableText(
            one.name, one.content, one.own, one.text, one.error, [of for of in adopted if of.law == name]
        )
        for name, one in sorted(found.items())
    ]  # fmt: skip


def _available(name: str, content: bytes, *, own: bool) -> AvailableText:
    try:
        text = read_clock_text(content, f"{name}.toml")
    except TocsinError as error:
        return AvailableText(name, content, own, None, str(error))
    return AvailableText(text.id, content, own, text)


def adopted_texts(session: Session) -> list[AdoptedClockText]:
    """The adopted texts that hold, the newest first."""
    row = AdoptedClockText
    return list(session.scalars(select(row).where(row.withdrawn_at.is_(None)).order_by(row.id.desc())))


@cache
def parsed(content: str) -> ClockText:
    """An adopted text."""
    return read_clock_text(content.encode())


def adopt_text(
    session: Session, home: Path, name: str, *, checked_by: str, note: str, actor: str, now: datetime
) -> AdoptedClockText:
    """Adopt a text as it is now; clocks that run keep the edition that they have.

    Raises:
        NotFoundError: there is none of this id.
        TextFaultError: it cannot be used; names each fault with its line.
        ConflictError: it is adopted already as it is, or a rule of another law has the same id.

    """
    take_turns(session, "clck")
    found = next((one for one in available_texts(session, home) if one.name == name), None)
    if found is None:
        raise NotFoundError(say("There is no clock text '%(id)s'.", id=name[:60]))
    text = found.text or read_clock_text(found.content, f"{name}.toml")
    if found.current:
        raise ConflictError(say("This edition is adopted already."))
    WorkingCalendar(calendar_for(text, node_calendar(session)))  # its country may be unknown
    known = {rule.id: of.law for of in adopted_texts(session) for rule in parsed(of.content).rule if of.law != text.id}
    if twice := next((rule.id for rule in text.rule if rule.id in known), ""):
        raise ConflictError(say("'%(rule)s' is a rule of '%(law)s' too.", rule=twice, law=known[twice]))
    row = AdoptedClockText(
        law=text.id, edition=text.edition, in_force=text.in_force, content=found.content.decode("utf-8-sig"),
        sha256=_sha256(found.content), checked_by=checked_by, note=note, adopted_at=now, adopted_by=actor,
        withdrawn_at=None,
    )  # fmt: skip
    session.add(row)
    detail: dict[str, object] = {"edition": text.edition, "sha256": row.sha256, "checked_by": checked_by}
    audit(session, AuditAction.CLOCKS_CHANGED, at=now, actor=actor, subject=f"clock-text:{text.id}", detail=detail)
    session.flush()
    return row


def withdraw_text(session: Session, law: str, *, reason: str, actor: str, now: datetime) -> None:
    """Let a law start no clock any more; those that run go on.

    Raises:
        NotFoundError: no text of this law is adopted.

    """
    rows = [one for one in adopted_texts(session) if one.law == law]
    if not rows:
        raise NotFoundError(say("No text '%(id)s' is adopted.", id=law[:60]))
    for row in rows:
        row.withdrawn_at = now
    detail: dict[str, object] = {"withdrawn": [one.edition for one in rows], "reason": reason}
    audit(session, AuditAction.CLOCKS_CHANGED, at=now, actor=actor, subject=f"clock-text:{law}", detail=detail)


def rules_for(session: Session, started: datetime) -> list[tuple[AdoptedClockText, ClockRule]]:
    """The rules that hold for what starts then: of each law the edition that is in force, of those adopted."""
    rows, found = adopted_texts(session), []
    for law in sorted({one.law for one in rows}):
        editions = [one for one in rows if one.law == law]
        text = edition_at([parsed(one.content) for one in editions], started)
        if text is not None:
            row = next(one for one in editions if parsed(one.content) is text)
            found += [(row, rule) for rule in text.rule]
    return found


def find_rule(session: Session, rule: str, started: datetime) -> tuple[AdoptedClockText, ClockRule]:
    """A rule by its id, in the edition that holds for what starts then.

    Raises:
        NotFoundError: no adopted text has it.

    """
    found = next((pair for pair in rules_for(session, started) if pair[1].id == rule), None)
    if found is None:
        raise NotFoundError(
            say("No adopted text has a rule '%(id)s' for that day.", id=rule[:60]),
            hint=say("Adopt the text first, under Clock texts."),
        )
    return found


# The calendar of the node.


def node_calendar(session: Session) -> CalendarText:
    """The calendar that holds; UTC, Saturday and Sunday, where none was set."""
    row = session.scalar(select(NodeCalendar).order_by(NodeCalendar.id.desc()).limit(1))
    return CalendarText.model_validate(row.calendar) if row else CalendarText()


def set_calendar(session: Session, calendar: CalendarText, *, actor: str, now: datetime) -> None:
    """Let the node count by another calendar; who calls it reckons what runs again."""
    kept: dict[str, object] = {
        "time_zone": str(calendar.time_zone),
        "country": calendar.country,
        "subdivision": calendar.subdivision,
        "weekend": list(calendar.weekend) if calendar.weekend else None,
        **{name: [day.isoformat() for day in getattr(calendar, name)] for name in _OWN_DAYS},
    }
    session.add(NodeCalendar(calendar=kept, set_at=now, set_by=actor))
    session.flush()
    audit(session, AuditAction.CLOCKS_CHANGED, at=now, actor=actor, subject="clock-calendar", detail=kept)


def calendar_for(text: ClockText, node: CalendarText) -> CalendarText:
    """The calendar of a text here: what it says itself, else what the node says.

    The node's own days off come on top, unless the text is of another country.
    """
    own = text.calendar
    if own.country and (own.country, own.subdivision) != (node.country, node.subdivision):
        return own
    said: dict[str, object] = {name: getattr(own, name) for name in own.model_fields_set - set(_OWN_DAYS)}
    days: dict[str, tuple[date, ...]] = {name: (*getattr(node, name), *getattr(own, name)) for name in _OWN_DAYS}
    return node.model_copy(update={**said, **days})


class Calendars:
    """The working calendar of each adopted text by the calendar of the node; each is made once."""

    def __init__(self, session: Session) -> None:
        self.node = node_calendar(session)
        self._made: dict[str, WorkingCalendar] = {}

    def of(self, row: AdoptedClockText) -> WorkingCalendar:
        """The calendar of a text."""
        if (made := self._made.get(row.sha256)) is None:
            made = self._made[row.sha256] = WorkingCalendar(calendar_for(parsed(row.content), self.node))
        return made


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
