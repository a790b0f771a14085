"""Who is a supervisor or the police, and whether what waits for them may still leave: consent may be gone by then."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.directory import OFFICIAL_KINDS, Team
from tocsin.incidents.arrivals import PublicReport, ReleaseScope, all_reports_in, unreleased
from tocsin.incidents.models import Incident, Party
from tocsin.incidents.read import IncidentReader
from tocsin.incidents.states import PartyRole
from tocsin.incidents.threads.models import IncidentMail, IncidentThread
from tocsin.incidents.threads.read import whole_family
from tocsin.node.letters import HAND_OVER, INCIDENT, Letter
from tocsin.sharing.gate import VOLUNTARY

_OFFICIAL: Final = (PartyRole.AUTHORITY, PartyRole.POLICE)
_PERSON: Final = re.compile(r"person:(\d+)")


def official_addresses(teams: Iterable[Team]) -> Mapping[str, str]:
    """By the address in lower case, of which kind a supervisor or the police is, whoever is said to have it."""
    official = (team for team in teams if team.kind in OFFICIAL_KINDS)
    return {mailbox.lower(): team.kind.value for team in official for mailbox in team.mailboxes}


def official_kind(mailbox: str, addresses: Mapping[str, str], *, role: str = "", team: Team | None = None) -> str:
    """Of which kind a supervisor or the police a recipient is, by its role, its team, its address; else nothing."""
    kind = team.kind.value if team is not None and team.kind in OFFICIAL_KINDS else ""
    return (role if role in _OFFICIAL else kind) or addresses.get(mailbox.lower(), "")


def withheld_letters(
    session: Session, letters: Sequence[Letter], teams: Mapping[int, Team], now: datetime
) -> dict[int, str]:
    """Those of letters that tell a supervisor or the police what came voluntarily and is released no more.

    By the number of the letter, with the words of the gate. Asked of mails to parties and of reports handed over, as
    when they were written: with what their writer may read.
    """
    asked = {one.key: one for one in letters if one.kind in {INCIDENT, HAND_OVER}}
    addresses = official_addresses(teams.values()) if asked else {}
    withheld = {}
    for key, role, team, reports in (*_to_parties(session, asked, now), *_handed_over(session, asked)):
        kind = official_kind(asked[key].mailbox, addresses, role=role, team=teams.get(team or 0))
        if kind and unreleased(session, reports, ReleaseScope(kind)):
            withheld[asked[key].id] = VOLUNTARY.words
    return withheld


_Letter: TypeAlias = tuple[str, str, int | None, Sequence[PublicReport]]
"""Its key, the role and the team of its recipient, and the reports that it may tell of."""


def _to_parties(session: Session, keys: Collection[str], now: datetime) -> Iterator[_Letter]:
    mails = (
        select(IncidentMail, Party, Incident)
        .join(IncidentThread, IncidentThread.id == IncidentMail.thread_id)
        .join(Party, Party.id == IncidentThread.party_id)
        .join(Incident, Incident.id == Party.incident_id)
        .where(IncidentMail.letter.in_(keys))
    )
    for mail, party, incident in session.execute(mails) if keys else ():
        writer = _PERSON.fullmatch(mail.by)
        family = whole_family(session, IncidentReader(int(writer[1]) if writer else None, now), incident)
        yield mail.letter, party.role, party.team_id, all_reports_in(session, family)


def _handed_over(session: Session, letters: Mapping[str, Letter]) -> Iterator[_Letter]:
    references = {key: key.split(":")[1] for key, one in letters.items() if one.kind == HAND_OVER}
    found = select(PublicReport).where(PublicReport.reference.in_(references.values()))
    reports = {one.reference: one for one in session.scalars(found)} if references else {}
    for key, reference in references.items():
        if (report := reports.get(reference)) is not None:
            yield key, "", report.team_id, [report]
