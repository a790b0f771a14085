"""Claims read from the records, with those who claim the same."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tocsin.directory.claims.dns_proof import record_names
from tocsin.directory.claims.model import Claim, ClaimState, claim_state
from tocsin.directory.claims.tables import ClaimRow
from tocsin.directory.conflicts import ContestedAssertion
from tocsin.directory.decisions import same_and_wider
from tocsin.directory.effective import DirectoryPart, read_effective
from tocsin.directory.history import networks_inside
from tocsin.directory.model import DirectoryRule, ResponsibilityRole, RuleKind
from tocsin.directory.precedence import DECISION, PERSON
from tocsin.directory.queries import keys_asked
from tocsin.directory.tables import ConstituencyRow, TeamRow
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.records import Database, from_row
from tocsin.node.sentences import say


def read_claims(database: Database, now: datetime) -> list[Claim]:
    """All claims, the latest first."""
    with database.reading() as session:
        rows = session.scalars(select(ClaimRow).order_by(ClaimRow.id.desc()))
        return [claim_of(session, row, now) for row in rows]


def read_claim(database: Database, number: int, now: datetime) -> Claim:
    """One claim.

    Raises:
        NotFoundError: there is none of this number.

    """
    with database.reading() as session:
        return claim_of(session, _row(session, number), now)


def read_rivals(database: Database, claim: Claim) -> list[ContestedAssertion]:
    """What other teams claim of the same value, of what it lies in, and of parts of it."""
    values = set(same_and_wider(claim.kind, claim.value))
    if claim.kind == RuleKind.PREFIX:
        values |= set(networks_inside(database, claim.value))
    with database.reading() as session:
        if claim.kind == RuleKind.DOMAIN:
            values |= set(_names_inside(session, claim.value))
        found = read_effective(session, DirectoryPart(values={claim.kind: sorted(values)}))
        keys = keys_asked(session)
    rules = [rule for rule in (*found.rules, *found.overruled) if rule.role is ResponsibilityRole.RESPONSIBLE]
    return [_rival(rule, keys[rule.team_id]) for rule in _order(rules) if keys[rule.team_id] != claim.team]


def find_claim(session: Session, number: int, now: datetime) -> ClaimRow:
    """A claim that can still be shown or decided; nobody else changes it until the end of this transaction.

    Raises:
        NotFoundError: there is none of this number.
        ConflictError: it is decided, or too old.

    """
    row = _row(session, number, lock=True)
    state = claim_state(row.state, row.proof, row.expires_at, now)
    if state not in {ClaimState.OPEN, ClaimState.PROVED}:
        raise ConflictError(
            say("Claim %(number)s is %(state)s.", number=number, state=state),
            hint="Make a new one: tocsin directory claim VALUE",
        )
    return row


def claim_of(session: Session, row: ClaimRow, now: datetime) -> Claim:
    """A row as people see it."""
    return from_row(
        Claim,
        row,
        number=row.id,
        team=session.get_one(TeamRow, row.team_id).key,
        state=claim_state(row.state, row.proof, row.expires_at, now),
        dns_names=record_names(row.kind, row.value),
        asked=tuple(row.asked),
    )


def registered_mailboxes(session: Session, kind: str, value: str) -> list[str]:
    """The mailboxes that imports name for this, or else for the narrowest that it lies in; none of persons' words.

    Each comes from the source that also names its team for it: only that knows the one and the other.
    """
    wider = same_and_wider(kind, value)
    rules = read_effective(session, DirectoryPart(values={kind: wider}))
    said = [rule for rule in (*rules.rules, *rules.overruled) if _is_import(rule.source)]
    for one in wider:
        teams = {
            (rule.team_id, rule.source)
            for rule in said
            if rule.value == one and rule.role is ResponsibilityRole.RESPONSIBLE
        }
        boxes = read_effective(session, DirectoryPart(teams={team for team, _ in teams})).mailboxes if teams else []
        found = list(dict.fromkeys(box.address for box in boxes if (box.team_id, box.source) in teams))
        if found:
            return found
    return []


def _row(session: Session, number: int, *, lock: bool = False) -> ClaimRow:
    row = session.get(ClaimRow, number, with_for_update=lock)
    if row is None:
        raise NotFoundError(f"There is no claim {number}.", hint="'tocsin directory claims list' shows all.")
    return row


def _is_import(source: str) -> bool:
    return not source.startswith((PERSON, DECISION))


def _names_inside(session: Session, domain: str) -> Iterable[str]:
    row = ConstituencyRow
    ends = or_(row.value.endswith(f".{domain}", autoescape=True), row.value == f".{domain}")
    return session.scalars(select(row.value).where(row.kind == RuleKind.DOMAIN.value, ends).distinct())


def _order(rules: Iterable[DirectoryRule]) -> list[DirectoryRule]:
    return sorted(rules, key=lambda rule: (bool(rule.overruled), rule.value))


def _rival(rule: DirectoryRule, team: str) -> ContestedAssertion:
    return ContestedAssertion(team, rule.value, rule.source, rule.as_of, rule.confidence, rule.said_by, rule.overruled)
