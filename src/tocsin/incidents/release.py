"""What of an incident leaves in a report, and for whom: parts by audience, and the release gate over all of it.

All but our own people get facts: when what was reached, what was observed. What people here wrote, and who else takes
part, stays here; a party reads of its own correspondence only.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy import false, or_, select
from sqlalchemy.orm import Session

from tocsin.incidents.act_parts import IncidentNamed, changing
from tocsin.incidents.arrivals import HINT, ReleaseScope, all_reports_in, refusal, unreleased
from tocsin.incidents.evidence import evidence_of
from tocsin.incidents.models import Incident, IncidentEntry, Party
from tocsin.incidents.read import (
    IncidentReader,
    compartments_of,
    corrections_of,
    entries_of,
    find_incident,
    find_party,
    merged_family,
    observables_of,
    parties_of,
    readable,
    tasks_of,
)
from tocsin.incidents.states import IncidentEntryKind, ObservableRole
from tocsin.incidents.threads import PartyPost, open_post
from tocsin.incidents.veris import veris_record
from tocsin.interface import ActContext
from tocsin.node.errors import UsageError, WithheldError
from tocsin.node.sentences import say
from tocsin.sharing.gate import (
    Audience,
    GateVerdict,
    Marking,
    Recipient,
    ReleasePurpose,
    Tlp,
    decide,
    highest,
    read_marking,
)


class ReportAudience(StrEnum):
    """For whom a report is."""

    INTERNAL = "internal"  # who makes it, and the team
    MANAGEMENT = "management"
    PARTY = "party"  # one of those who take part
    AUTHORITY = "authority"
    PUBLIC = "public"


class ReportPart(StrEnum):
    """What a report has."""

    SUMMARY = "summary"
    MILESTONES = "milestones"
    TIMELINE = "timeline"
    PARTIES = "parties"
    TASKS = "tasks"
    OBSERVABLES = "observables"
    EVIDENCE = "evidence"


_FACTS: Final = (ReportPart.SUMMARY, ReportPart.MILESTONES, ReportPart.OBSERVABLES)
PARTS: Final[Mapping[ReportAudience, tuple[ReportPart, ...]]] = {
    ReportAudience.INTERNAL: tuple(ReportPart),
    ReportAudience.MANAGEMENT: tuple(ReportPart),
    ReportAudience.PARTY: (ReportPart.SUMMARY, ReportPart.MILESTONES, ReportPart.TIMELINE, ReportPart.OBSERVABLES),
    ReportAudience.AUTHORITY: (*_FACTS, ReportPart.EVIDENCE),
    ReportAudience.PUBLIC: _FACTS,
}
"""The parts that a report for an audience may have."""

_RECIPIENTS: Final = {
    ReportAudience.INTERNAL: Recipient(Audience.OWN, named=True),  # a person makes it for himself
    ReportAudience.MANAGEMENT: Recipient(Audience.OWN),
    ReportAudience.AUTHORITY: Recipient(Audience.COMMUNITY, official=ReleaseScope.AUTHORITY.value),
    ReportAudience.PUBLIC: Recipient(Audience.PUBLIC),
}
_INSIDE: Final = (ReportAudience.INTERNAL, ReportAudience.MANAGEMENT)


@dataclass(frozen=True)
class ReportContent:
    """What a report holds. ``marking``: the strictest of all of it; ``withheld``: how many things the gate kept back.

    ``found``: what each part holds, of those that hold several things. ``roles``: of who takes part.
    """

    incident: Incident
    family: Sequence[Incident]
    audience: ReportAudience
    parts: tuple[ReportPart, ...]
    marking: Marking
    withheld: int
    party: Party | None
    found: Mapping[ReportPart, Sequence[Any]]
    roles: frozenset[str]

    @property
    def inside(self) -> bool:
        """Whether it is for our own people."""
        return self.audience in _INSIDE


def report_content(
    session: Session,
    post: PartyPost,
    reader: IncidentReader,
    reference: str,
    audience: ReportAudience,
    *,
    parts: Sequence[ReportPart] = (),
    party: int = 0,
) -> ReportContent:
    """What a report for an audience holds. ``parts``: only these; ``party``: the number of the one that it is for.

    Raises:
        NotFoundError: the reader knows no such incident or party.
        UsageError: a part is not for this audience, or it does not say which party.
        WithheldError: the gate does not let the incident itself go there, or what came voluntarily.

    """
    incident = find_incident(session, reader, reference)
    family = merged_family(session, reader, incident)
    chosen = tuple(one for one in PARTS[audience] if one in parts) if parts else PARTS[audience]
    if parts and len(chosen) < len(set(parts)):
        raise UsageError(
            say("A report for this audience has no such part."),
            hint=say("It may have: %(parts)s.", parts=", ".join(PARTS[audience])),
        )
    if audience is ReportAudience.PARTY and not party:
        raise UsageError(say("Which party is it for?"))
    whom = find_party(session, reader, incident, party) if audience is ReportAudience.PARTY else None
    verdict = _verdict_of(post, audience, whom)
    for one in family:
        if not (said := verdict(one.tlp)).allowed:
            raise WithheldError(said.words, hint=say("Change the marking of the incident, if it may be read there."))
    _check_voluntary(session, post, family, audience, whom)
    entries = entries_of(session, reader, family)
    corrected = corrections_of(session, entries)
    current = [one for one in entries if one.id not in corrected][::-1]
    found: dict[ReportPart, Sequence[Any]] = {
        ReportPart.MILESTONES: [one for one in current if one.kind == IncidentEntryKind.MILESTONE],
        ReportPart.TIMELINE: [one for one in current if whom is None or (one.party_id == whom.id and _is_mail(one))],
        ReportPart.OBSERVABLES: observables_of(session, reader, family),
        ReportPart.EVIDENCE: evidence_of(session, reader, family),
        ReportPart.PARTIES: parties_of(session, reader, family),
        ReportPart.TASKS: tasks_of(session, reader, family),
    }
    if audience not in _INSIDE:
        role = ObservableRole.INDICATOR
        found[ReportPart.OBSERVABLES] = [one for one in found[ReportPart.OBSERVABLES] if one.role == role]
    passed, withheld, tlps = _passed({part: found.get(part, ()) for part in chosen}, verdict)
    marking = highest(read_marking(tlp, None) for tlp in (*(one.tlp for one in family), *tlps))
    roles = frozenset(one.role for one in found[ReportPart.PARTIES])
    return ReportContent(incident, family, audience, chosen, marking, withheld, whom, passed, roles)


def _check_voluntary(
    session: Session,
    post: PartyPost,
    family: Sequence[Incident],
    audience: ReportAudience,
    party: Party | None,
) -> None:
    recipient = _RECIPIENTS[ReportAudience.AUTHORITY]
    if party is not None:
        held = post.unreleased(session, family[0], party)
    elif audience is ReportAudience.AUTHORITY:
        held = unreleased(session, all_reports_in(session, family), ReleaseScope.AUTHORITY)
    else:
        return
    verdict = decide(read_marking("CLEAR", None), recipient, ReleasePurpose.COORDINATION, voluntary=bool(held))
    if not verdict.allowed:
        raise WithheldError(refusal(verdict, held, compartments_of(session, post.reader)), hint=HINT)


def _passed(
    found: Mapping[ReportPart, Sequence[Any]], verdict: Callable[[str], GateVerdict]
) -> tuple[dict[ReportPart, Sequence[Any]], int, set[str]]:
    """What the gate lets pass, how much it kept back, and the labels of what passed."""
    passed: dict[ReportPart, Sequence[Any]] = {}
    withheld, tlps = 0, set[str]()
    for part, things in found.items():
        kept = [one for one in things if not hasattr(one, "tlp") or verdict(one.tlp).allowed]
        passed[part], withheld = kept, withheld + len(things) - len(kept)
        tlps |= {one.tlp for one in kept if hasattr(one, "tlp")}
    return passed, withheld, tlps


def _verdict_of(post: PartyPost, audience: ReportAudience, party: Party | None) -> Callable[[str], GateVerdict]:
    if party is not None:
        return lambda tlp: post.verdict(party, tlp, to_person=False)
    recipient = _RECIPIENTS[audience]
    return lambda tlp: decide(read_marking(tlp, None), recipient, ReleasePurpose.COORDINATION, post.local)


def _is_mail(entry: IncidentEntry) -> bool:
    return entry.kind in {IncidentEntryKind.MAIL_IN, IncidentEntryKind.MAIL_OUT}


class ReportRequest(IncidentNamed):
    """A report of an incident. ``parts``: only these; ``party``: whose it is, for the audience ``party``."""

    audience: ReportAudience = ReportAudience.INTERNAL
    parts: tuple[ReportPart, ...] = ()
    party: int = Field(0, ge=0, le=2**31 - 1)
    form: str = Field("pdf", pattern="^(pdf|docx|csv|veris)$")


def make_report(
    context: ActContext, request: ReportRequest, write: Callable[[Session, ReportContent], bytes]
) -> tuple[ReportContent, bytes]:
    """The report as a file, and the entry that says for whom it was made; raises as `report_content`.

    ``write``: makes the file of what it holds.
    """
    post = open_post(context)
    with changing(context, request) as opened:
        content = report_content(
            opened.session, post, opened.reader, request.reference, request.audience, parts=request.parts,
            party=request.party,
        )  # fmt: skip
        made = write(opened.session, content)
        data = {
            "act": "reported", "audience": request.audience.value, "form": request.form, "parts": list(content.parts),
            "withheld": content.withheld, "file": hashlib.sha256(made).hexdigest(),
        }  # fmt: skip
        tlp = content.marking.tlp.value
        opened.enter(IncidentEntryKind.EVIDENCE, data=data, party=content.party, of=content.party, tlp=tlp)
        return content, made


def veris_of(content: ReportContent, source: str) -> bytes:
    """The report as a record of VERIS."""
    milestones, observables = (content.found.get(part, ()) for part in (ReportPart.MILESTONES, ReportPart.OBSERVABLES))
    record = veris_record(content.incident, milestones, observables, content.roles, source=source)
    return (json.dumps(record, ensure_ascii=False, indent=1) + "\n").encode()


def shareable_incidents(
    session: Session, reader: IncidentReader, team: int | None, *, bound: bool = False, since: datetime | None,
    only: UUID | None,
) -> Sequence[Incident]:  # fmt: skip
    """Those that a partner might have: marked CLEAR or GREEN, or its team takes part. The gate decides on each.

    ``bound``: an agreement in force binds it, so it might have what is marked AMBER, too.

    ``since``: changed then or later, those that changed first first. ``only``: that one alone.
    """
    labels = [Tlp.CLEAR.value, Tlp.GREEN.value, *([Tlp.AMBER.value] if bound else [])]
    labelled = Incident.tlp.in_(labels)
    of_team = Party.team_id == team, Party.left_at.is_(None), readable(session, reader, Party)
    joined = Incident.id.in_(select(Party.incident_id).where(*of_team)) if team is not None else false()
    query = select(Incident).where(readable(session, reader, Incident), Incident.merged_into.is_(None))
    query = query.where(or_(labelled, joined))
    query = query if since is None else query.where(Incident.changed_at >= since)
    query = query if only is None else query.where(Incident.uuid == only)
    return session.scalars(query.order_by(Incident.changed_at, Incident.id)).all()
