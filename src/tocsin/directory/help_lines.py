"""Helplines, hotlines and police: whom a child in danger can turn to. Only what was confirmed is handed out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from tocsin.directory.contacts import (
    ContactState,
    confirmed_values,
    contact_states,
    note_verified,
    one_form,
    terms_of,
)
from tocsin.directory.effective import merged_teams
from tocsin.directory.facts import ChannelKind, FactKind
from tocsin.directory.model import TeamKind
from tocsin.directory.person_statements import renew_version
from tocsin.directory.tables import TeamRow
from tocsin.directory.team_record import TeamRecord, read_about
from tocsin.node.errors import UsageError
from tocsin.node.records import AuditAction, Database, audit
from tocsin.node.sentences import say
from tocsin.node.settings import Settings

HELP_LINE_KINDS: Final = (TeamKind.HELPLINE, TeamKind.HOTLINE, TeamKind.POLICE)
"""The kinds of teams that are help lines, in the order in which they are shown."""

_PAGES: Final = (ChannelKind.WEBSITE, ChannelKind.FORM)
_TRIED: Final = (ChannelKind.PHONE, *_PAGES)
_CONFIRMED: Final = (ContactState.VERIFIED, ContactState.ANSWERING)


@dataclass(frozen=True, slots=True)
class HelpLine:
    """A helpline, hotline or police: the numbers and pages that are confirmed; hours by its own clock."""

    key: str
    name: str
    kind: TeamKind
    country: str
    phones: tuple[str, ...]
    pages: tuple[str, ...]
    hours: tuple[str, ...]
    timezone: str
    languages: tuple[str, ...]


def read_help_lines(database: Database, settings: Settings, now: datetime) -> list[HelpLine]:
    """Every help line with a number or page that is confirmed, by kind and name; not those that are hidden.

    All of a team's count as confirmed while one of its mailboxes is: its holder knows them. Else each one counts for
    itself, for as long after somebody tried it (`confirm_lines`) as a mailbox does.
    """
    terms = terms_of(settings)
    with database.reading() as session:
        query = select(TeamRow.id, TeamRow.key).where(TeamRow.kind.in_([kind.value for kind in HELP_LINE_KINDS]))
        gone, hidden = merged_teams(session), settings.node.hidden_teams
        teams = {number: key for number, key in session.execute(query) if number not in gone and key not in hidden}
        contacts = contact_states(session, now, terms, teams=teams) if teams else []
        whole = {contact.team_id for contact in contacts if contact.stand.state in _CONFIRMED}
        tried = {number: confirmed_values(session, number, now, terms) for number in teams if number not in whole}
    lines = [_line(read_about(database, key), tried.get(number)) for number, key in teams.items()]
    shown = [line for line in lines if line.phones or line.pages]
    return sorted(shown, key=lambda line: (HELP_LINE_KINDS.index(line.kind), line.name.casefold(), line.key))


def lacks_help(database: Database, settings: Settings, now: datetime) -> bool:
    """Whether the page for a child in danger would name nobody: no emergency number, no help line of the country."""
    if settings.node.emergency_number:
        return False
    return not lines_for(read_help_lines(database, settings, now), here=settings.node.country)


def lines_for(lines: Sequence[HelpLine], *, here: str, country: str = "") -> list[HelpLine]:
    """Those of the visitor's country, then those of the node's (``here``); all where the node has no country."""
    wanted = dict.fromkeys(code for code in (country, here) if code)
    found = [line for code in wanted for line in lines if line.country == code]
    return found if found or here else [*lines]


def confirm_lines(
    database: Database, key: str, values: Collection[str], *, actor: str, now: datetime
) -> tuple[str, list[str]]:
    """Note that a person tried these numbers and pages of a team (none named: all of them); its key, and which.

    Raises:
        NotFoundError: there is no such team.
        UsageError: one of them is not the team's, or it has none.

    """
    about = read_about(database, key)
    known = {one_form(value): value for value in _values(about, _TRIED)}
    wanted = [one_form(value) for value in values] or [*known]
    if not wanted or not known.keys() >= set(wanted):
        raise UsageError(
            say("%(team)s has no such telephone number or page.", team=about.team.name),
            hint=say("Enter it first: 'tocsin directory set TEAM channels NUMBER'."),
        )
    with database.begin() as session:
        for value in wanted:
            note_verified(session, team_id=about.team.id, mailbox=value, at=now, via="call")
        renew_version(session)
        detail: dict[str, object] = {"via": "call", "values": len(wanted)}
        subject = f"team:{about.team.uuid}"
        audit(session, AuditAction.CONTACT_CONFIRMED, at=now, actor=actor, subject=subject, detail=detail)
    return about.team.key, [known[value] for value in wanted]


def help_line_values(database: Database, key: str) -> tuple[str, ...]:
    """The numbers and pages of a team that is a help line; none of another."""
    about = read_about(database, key)
    return _values(about, _TRIED) if about.team.kind in HELP_LINE_KINDS else ()


def _values(about: TeamRecord, kinds: Collection[ChannelKind]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fact.value for fact in about.of(FactKind.CHANNEL) if fact.get("kind") in kinds))


def _line(about: TeamRecord, tried: Collection[str] | None) -> HelpLine:
    def shown(*kinds: ChannelKind) -> tuple[str, ...]:
        return tuple(value for value in _values(about, kinds) if tried is None or one_form(value) in tried)

    team = about.team
    return HelpLine(
        key=team.key,
        name=team.name,
        kind=team.kind,
        country=team.country,
        phones=shown(ChannelKind.PHONE),
        pages=shown(*_PAGES),
        hours=tuple(fact.value for fact in about.of(FactKind.HOURS)),
        timezone=team.timezone,
        languages=tuple(fact.value for fact in about.of(FactKind.LANGUAGE)),
    )
