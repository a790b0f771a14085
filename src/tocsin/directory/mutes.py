"""What a person says by the pages that a team does not want to be told, for a time; imports leave it alone."""

from datetime import datetime
from difflib import get_close_matches

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.directory import canonical
from tocsin.directory.model import Mute, MuteKind
from tocsin.directory.person_statements import renew_version
from tocsin.directory.precedence import PERSON
from tocsin.directory.queries import find_team
from tocsin.directory.tables import MuteRow, TeamRow
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.place import Place
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say


def mute(session: Session, key: str, said: Mute, *, actor: str, now: datetime) -> Mute:
    """Note in the caller's transaction that a team is not notified of something; replaces what was said of it here.

    Raises:
        NotFoundError: there is no such team.
        UsageError: the value is none of its kind, or the end is past.

    """
    if said.until is not None and said.until <= now:
        raise UsageError(say("The end of this is past already."), hint=say("Choose a later day."))
    try:
        value = _type(said.value) if said.kind is MuteKind.TYPE else canonical.MUTE_VALUES[said.kind](said.value)
    except ValueError as error:
        raise UsageError(
            say("%(kind)s '%(value)s': %(error)s.", kind=said.kind, value=said.value, error=error),
            hint=say("Write a network like 192.0.2.0/24, an identifier like open-rdp, a type like scanner."),
        ) from None
    renew_version(session)
    team = session.get_one(TeamRow, find_team(session, key))
    _end(session, team.id, said.kind, value)
    source = f"{PERSON}{actor}"
    row = MuteRow(team_id=team.id, kind=said.kind, value=value, until=said.until, reason=said.reason, source=source)
    session.add(row)
    detail: dict[str, object] = {"kind": said.kind.value, "value": value}
    audit(session, AuditAction.MUTE_SET, at=now, actor=actor, subject=f"team:{team.uuid}", detail=detail)
    return Mute(said.kind, value, said.until, said.reason)


def check_identifier(value: str, events: Place) -> None:
    """Refuse an identifier that would mute nothing; ``events``: where the event table is.

    Raises:
        UsageError: neither a report type that comes with Tocsin nor an event here has it; names the nearest.

    """
    from tocsin.events import bundled_identifiers, stored_identifiers

    wanted = canonical.lower(value)
    if wanted in bundled_identifiers() or wanted in (stored := stored_identifiers(events)):
        return
    nearest = get_close_matches(wanted, sorted(bundled_identifiers() | stored), n=3)
    raise UsageError(
        say("No event has the identifier '%(value)s'.", value=wanted),
        hint=say("Is it one of these: %(nearest)s?", nearest=", ".join(nearest))
        if nearest
        else say("Write it as the events have it, such as open-rdp."),
    )


def unmute(session: Session, key: str, kind: MuteKind, value: str, *, actor: str, now: datetime) -> None:
    """End what was said here, in the caller's transaction; the team is notified again from the next digest on.

    Raises:
        NotFoundError: there is no such team, or nothing like this was said here.

    """
    renew_version(session)
    team = session.get_one(TeamRow, find_team(session, key))
    if not _end(session, team.id, kind, value):
        raise NotFoundError(f"{value} is not muted here.", hint="What a file says is changed in that file.")
    detail: dict[str, object] = {"kind": kind.value, "value": value}
    audit(session, AuditAction.MUTE_ENDED, at=now, actor=actor, subject=f"team:{team.uuid}", detail=detail)


def _type(stated: str) -> str:
    """The type of IDF that this is or stands for; a word with a slip in it would mute nothing."""
    from tocsin.events import TYPES

    known = TYPES.get(canonical.lower(stated))
    if known is None:
        raise ValueError("no event has this type")
    return known.type


def _end(session: Session, team: int, kind: MuteKind, value: str) -> bool:
    """Whether something like this was said here; it holds no more."""
    here = select(MuteRow).where(MuteRow.team_id == team, MuteRow.kind == kind, MuteRow.value == value)
    said = session.scalars(here.where(MuteRow.source.startswith(PERSON, autoescape=True))).all()
    for row in said:
        session.delete(row)
    return bool(said)
