"""Decisions of conflicts: a person says which of the teams that claim a value hold it.

A decision is recorded and stays so; a new one of the same value takes its place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from tocsin.directory.effective import DirectoryPart, EffectiveAssertions, read_effective, words_at
from tocsin.directory.model import ResponsibilityRole, RuleKind
from tocsin.directory.person_statements import audit_detail, read_line, read_value_of_kind, renew_version
from tocsin.directory.precedence import DECISION, MAILBOX, PersonAssertions, RecordedDecision, name_of
from tocsin.directory.queries import find_team, keys_asked
from tocsin.directory.tables import DecisionRow, TeamRow
from tocsin.networks import Network, parse_network
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.records import AuditAction, Database, audit
from tocsin.node.sentences import say

_AS = re.compile(r"AS[0-9]+|[0-9]+", re.IGNORECASE)
_COUNTRY = re.compile(r"[A-Za-z]{2}")


@dataclass(frozen=True)
class ValueDecision:
    """What a person decides of a value: it is of these teams (keys or UUIDs), or of all that claim it (``both``)."""

    value: str
    teams: tuple[str, ...]
    said_by: str
    reason: str
    both: bool = False


@dataclass(frozen=True)
class DecisionRecord:
    """The decision as it was recorded: keys of teams; ``supersedes`` is the number of the one before, if any."""

    number: int
    kind: str
    value: str
    teams: tuple[str, ...]
    against: tuple[str, ...]
    supersedes: int | None
    version: str


def decide_conflict(database: Database, verdict: ValueDecision, *, actor: str, now: datetime) -> DecisionRecord:
    """Record which of the teams that claim a value hold it; it holds until a person decides anew.

    Raises:
        UsageError: the value, the name or the reason cannot be taken, or no team is named.
        NotFoundError: nobody claims the value, or there is no such team.
        ConflictError: a team that is named does not claim it.

    """
    said_by = read_line("--said-by", verdict.said_by, needed=True)
    reason = read_line("--reason", verdict.reason, needed=True)
    kind, value = read_ground(verdict.value)
    if verdict.both is bool(verdict.teams):
        raise UsageError(say("Say either --for with a team, or --both."), hint="--for may be given several times.")
    with database.begin() as session:
        version = renew_version(session)
        contest = _contest(session, kind, value)
        keys = keys_asked(session)
        teams = contest.both if verdict.both else {find_team(session, key) for key in verdict.teams}
        _check(contest, teams, keys)
        row = _record(session, kind, contest, teams, now)
        row.said_by, row.reason = said_by, reason
        session.flush()
        holders = [str(session.get_one(TeamRow, team).uuid) for team in row.teams]
        detail = audit_detail(kind, contest.value) | {"teams": holders}
        audit(session, AuditAction.CONFLICT_DECIDED, at=now, actor=actor, subject=f"decision:{row.id}", detail=detail)
        return DecisionRecord(
            number=row.id,
            kind=kind,
            value=contest.value,
            teams=tuple(keys[team] for team in row.teams),
            against=tuple(keys[team] for team in row.against),
            supersedes=contest.decision.number if contest.decision else None,
            version=version,
        )


def undecide(database: Database, value: str, *, said_by: str, reason: str, actor: str, now: datetime) -> int:
    """Take back the decision of a value, so that what else is said of it counts again; its number.

    Raises:
        UsageError: the value, the name or the reason cannot be taken.
        NotFoundError: nothing was decided of it.

    """
    read_line("--said-by", said_by, needed=True)
    read_line("--reason", reason, needed=True)
    kind, found = read_ground(value)
    with database.begin() as session:
        renew_version(session)
        decision = _decision_of(words_at(session, {}), kind, found)
        if decision is None:
            raise NotFoundError(
                f"Nothing was decided of {found}.", hint="'tocsin directory conflicts --all' lists decisions."
            )
        session.get_one(DecisionRow, decision.number).withdrawn = now
        detail = audit_detail(kind, decision.value) | {"said_by": said_by, "reason": reason}
        subject = f"decision:{decision.number}"
        audit(session, AuditAction.DECISION_WITHDRAWN, at=now, actor=actor, subject=subject, detail=detail)
        return decision.number


def _decision_of(words: PersonAssertions, kind: str, value: str) -> RecordedDecision | None:
    name = name_of(kind, value)
    return next((one for one in words.decided if (one.kind, name_of(one.kind, one.value)) == (kind, name)), None)


def read_ground(text: str) -> tuple[str, str]:
    """What a text names, by kind and canonical value: a mailbox, network, AS, country or domain.

    Raises:
        UsageError: it is none of these.

    """
    text = text.strip()
    if "@" in text:
        kind = MAILBOX
    elif parse_network(text):
        kind = RuleKind.PREFIX.value
    elif _AS.fullmatch(text):
        kind = RuleKind.ASN.value
    elif _COUNTRY.fullmatch(text):
        kind = RuleKind.COUNTRY.value
    else:
        kind = RuleKind.DOMAIN.value
    return kind, read_value_of_kind(kind, text)


def same_and_wider(kind: str, value: str) -> list[str]:
    """The values that hold this one, itself first, then wider and wider; as rules may have them."""
    if kind == RuleKind.PREFIX:
        return _supernets(value)
    if kind == RuleKind.DOMAIN:
        labels = name_of(kind, value).split(".")
        names = [".".join(labels[at:]) for at in range(len(labels))]
        return [form for name in names for form in (name, f".{name}")]
    return [value]


@dataclass(frozen=True)
class _Contest:
    """Who claims a value, and who claims what it lies in; ``value`` as the claims write it."""

    value: str
    claimants: set[int]
    around: set[int]
    decision: RecordedDecision | None

    @property
    def both(self) -> set[int]:
        """All who claim it; where it is one team, with those who claim what it lies in."""
        return self.claimants if len(self.claimants) > 1 else self.claimants | self.around


def _contest(session: Session, kind: str, value: str) -> _Contest:
    wider = same_and_wider(kind, value)
    found = read_effective(session, DirectoryPart(kind=kind, values={kind: wider}))
    name = name_of(kind, value)
    claims = _claims(found, kind)
    exact = [claim for claim in claims if name_of(kind, claim[1]) == name]
    decision = _decision_of(found.words, kind, value)
    if not exact and not decision:
        raise NotFoundError(
            f"No team claims to be responsible for {value}.",
            hint="'tocsin directory conflicts' lists what is contested; 'tocsin directory assert' makes a claim.",
        )
    teams = {team for team, _ in exact} | (decision.teams | decision.against if decision else set())
    nearest = min((wider.index(of) for team, of in claims if name_of(kind, of) != name), default=None)
    around = {team for team, of in claims if nearest is not None and of == wider[nearest]}
    return _Contest(exact[0][1] if exact else value, teams, around, decision)


def _record(session: Session, kind: str, contest: _Contest, teams: set[int], now: datetime) -> DecisionRow:
    """The row of a new decision, in place of the one before."""
    if contest.decision:
        session.get_one(DecisionRow, contest.decision.number).withdrawn = now
    row = DecisionRow(kind=kind, value=contest.value, teams=sorted(teams), against=sorted(contest.claimants - teams))
    row.recorded = now
    session.add(row)
    return row


def _claims(found: EffectiveAssertions, kind: str) -> list[tuple[int, str]]:
    """Team and value of every claim to be responsible, overruled ones with them, but no decisions."""
    if kind == MAILBOX:
        return [(box.team_id, box.address) for box in (*found.mailboxes, *found.mailboxes_overruled)]
    return [
        (rule.team_id, rule.value)
        for rule in (*found.rules, *found.overruled)
        if rule.role is ResponsibilityRole.RESPONSIBLE and not rule.source.startswith(DECISION)
    ]


def _check(contest: _Contest, teams: set[int], keys: Mapping[int, str]) -> None:
    strangers = sorted(keys[team] for team in teams - contest.claimants - contest.around)
    if strangers:
        raise ConflictError(
            say(
                "%(strangers)s does not claim %(value)s, nor what it lies in.",
                strangers=", ".join(strangers),
                value=contest.value,
            ),
            hint="'tocsin directory assert' makes a claim that overrules imports; then there is nothing to decide.",
        )


def _supernets(value: str) -> list[str]:
    network = parse_network(value)
    if network is None:
        return [value]
    shortest = 96 if network.hi == 0 and network.lo >> 32 == 0xFFFF else 0
    return [str(_cut(network, length)) for length in range(network.length, shortest - 1, -1)]


def _cut(network: Network, length: int) -> Network:
    whole = ((network.hi << 64 | network.lo) >> (128 - length)) << (128 - length)
    return Network(whole >> 64, whole & 0xFFFF_FFFF_FFFF_FFFF, length)
