"""The national and governmental teams of states as of a time, read from the records."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.directory.contacts import Contact, ContactState, Terms, contact_states
from tocsin.directory.effective import DirectoryPart, read_effective
from tocsin.directory.facts import Fact, FactKind
from tocsin.directory.model import DirectoryRule, ResponsibilityRole, RuleKind, TeamKind
from tocsin.directory.states.cirts import (
    CirtAssessment,
    CirtCandidate,
    LinkProof,
    MembershipLink,
    judge,
    links_of,
)
from tocsin.directory.states.sets import Body, CountryState
from tocsin.directory.tables import FactRow, TeamRow
from tocsin.directory.team_record import fact_of, settle_facts

_KINDS = (TeamKind.NATIONAL, TeamKind.GOVERNMENTAL)


def read_cirts(
    session: Session,
    states: Sequence[CountryState],
    bodies: Mapping[str, Body],
    *,
    at: datetime,
    now: datetime,
    terms: Terms,
    told: Iterable[int] = (),
    last_used: Mapping[tuple[str, str], date] | None = None,
    proofs: Iterable[LinkProof] = (),
    contact: str = "",
) -> list[CirtAssessment]:
    """What both rules say of each state at a time, as it was known then; that of now where ``at`` is ``now``.

    ``told``: numbers of teams that had time enough to answer a notification; of others that do not answer, nothing is
    known. ``last_used``: see `judge`. ``proofs``: of this node's links; ``contact``: its own mailbox, by which its team
    is found.
    """
    found = read_candidates(session, at=at, now=now, terms=terms, told=frozenset(told), own_mailbox=contact)
    candidates = with_links(found, bodies, at.date(), tuple(proofs))
    return [judge(state, candidates.get(state.code, ()), bodies, at.date(), last_used or {}) for state in states]


def read_candidates(
    session: Session,
    *,
    at: datetime,
    now: datetime,
    terms: Terms,
    told: frozenset[int] = frozenset(),
    own_mailbox: str = "",
) -> dict[str, list[CirtCandidate]]:
    """The national and governmental teams by country: of those where they are, or that they answer for."""
    past = at if at < now else None
    standing_then = read_effective(session, DirectoryPart(kind=RuleKind.COUNTRY.value), past)
    rules = [rule for rule in standing_then.rules if rule.role is ResponsibilityRole.RESPONSIBLE]
    merged = standing_then.merged
    row = TeamRow
    query = select(row.id, row.key, row.kind, row.country).where(
        row.kind.in_([kind.value for kind in _KINDS]), row.recorded <= at
    )
    found = session.execute(query.order_by(row.key)).all()
    facts = _facts(session, merged)
    contacts: dict[int, list[Contact]] = defaultdict(list)
    for contact in contact_states(session, at, terms, teams={number for number, *_ in found}, at=past):
        contacts[contact.team_id].append(contact)
    candidates: dict[str, list[CirtCandidate]] = defaultdict(list)
    for number, key, kind, country in found:
        if number in merged:
            continue
        mine = [rule for rule in rules if rule.team_id == number]
        holding, ended = _as_of(facts[number], past)
        answers = _answers(contacts[number], told=number in told)
        for code in sorted({country, *(rule.value for rule in mine)} - {""}):
            said = tuple(_said(mine, contacts[number], code))
            ours = bool(own_mailbox) and own_mailbox in {one.mailbox for one in contacts[number]}
            made = CirtCandidate(key, TeamKind(kind), holding, ended, said, answers, number, ours)
            candidates[code].append(made)
    return candidates


def with_links(
    candidates: Mapping[str, Sequence[CirtCandidate]],
    bodies: Mapping[str, Body],
    day: date,
    proofs: Sequence[LinkProof],
) -> dict[str, list[CirtCandidate]]:
    """The teams by country, with the links that this node has measured: each is one of both its ends.

    A link is regional where teams of both countries are in a regional body together, and international where teams of
    both are in bodies, and in no regional one together. Where nothing is known of one of them its reach is not known.
    """
    home = next((code for code, teams in candidates.items() if any(one.ours for one in teams)), "")
    within = {code: frozenset(_bodies(teams, bodies, day)) for code, teams in candidates.items()}

    def link(team: CirtCandidate, proof: LinkProof, name: str) -> MembershipLink:
        ours, theirs = within.get(home, frozenset()), within.get(proof.country, frozenset())
        common = any(body.reach == "regional" for body in ours & theirs)
        reach = "" if not (ours and theirs) else "regional" if common else "international"
        why_not = "" if proof.live else f"not shown to work since {proof.at}"
        return MembershipLink(team.key, name, reach, proof.at, why_not, "this node", measured=True)

    def proved(code: str, team: CirtCandidate) -> tuple[MembershipLink, ...]:
        abroad = [one for one in proofs if one.country != home]
        if team.ours:
            return tuple(link(team, one, one.name) for one in abroad)
        return tuple(
            link(team, one, home or "this node") for one in abroad if one.team == team.number and one.country == code
        )

    return {code: [replace(one, proved=proved(code, one)) for one in teams] for code, teams in candidates.items()}


def _bodies(teams: Iterable[CirtCandidate], bodies: Mapping[str, Body], day: date) -> Iterable[Body]:
    for link in (link for team in teams for link in links_of(team, bodies, day, {})):
        if (body := bodies.get(link.body.casefold())) and not link.why_not:
            yield body


def _facts(session: Session, merged: Mapping[int, int]) -> dict[int, list[Fact]]:
    """All memberships and attestations that were ever said, by the team that each is said of now."""
    kinds = (FactKind.MEMBERSHIP.value, FactKind.ATTESTATION.value)
    facts: dict[int, list[Fact]] = defaultdict(list)
    for row in session.scalars(select(FactRow).where(FactRow.kind.in_(kinds)).order_by(FactRow.id)):
        facts[merged.get(row.team_id, row.team_id)].append(fact_of(row))
    return facts


def _as_of(facts: Iterable[Fact], at: datetime | None) -> tuple[tuple[Fact, ...], tuple[Fact, ...]]:
    """The facts that hold, and of those that were withdrawn by then the ones that nobody says again."""
    known = list(facts)
    current, _ = settle_facts(fact for fact in known if fact.stood(at))
    again = {(fact.kind, fact.thing) for fact in current}
    gone = [fact for fact in known if fact.withdrawn is not None and (at is None or fact.withdrawn <= at)]
    return tuple(current), tuple(fact for fact in gone if (fact.kind, fact.thing) not in again)


def _answers(contacts: Iterable[Contact], *, told: bool) -> bool | None:
    """Whether a person answers: yes; no, where all mailboxes bounce or time enough went by; else not known."""
    states = {contact.stand.state for contact in contacts if contact.mailbox}
    if ContactState.ANSWERING in states:
        return True
    return False if told or states == {ContactState.BOUNCING} else None


def _said(rules: Iterable[DirectoryRule], contacts: Iterable[Contact], code: str) -> Iterable[str]:
    for rule in rules:
        if rule.value == code:
            day = f", as of {rule.as_of}" if rule.as_of else ""
            yield f"answers for {code} (said by {rule.said_by or rule.source}{day})"
    for contact in contacts:
        if contact.mailbox:
            yield f"an email address that is {contact.stand.state}: {contact.stand.reason}"
