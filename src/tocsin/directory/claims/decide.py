"""A person approves or refuses a claim; what is approved becomes that person's word in the directory."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tocsin.directory.claims.model import Claim, ClaimState, Proof
from tocsin.directory.claims.read import claim_of, find_claim, read_claim, read_rivals
from tocsin.directory.claims.tables import ClaimRow
from tocsin.directory.conflicts import ContestedAssertion
from tocsin.directory.contacts import note_verified, one_form
from tocsin.directory.person_statements import (
    AssertionResult,
    PersonStatement,
    add_assertion_in,
    read_line,
    renew_version,
)
from tocsin.directory.precedence import MAILBOX
from tocsin.directory.queries import keys_asked
from tocsin.directory.tables import TeamRow
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.records import AuditAction, Database, audit
from tocsin.node.sentences import say

_FEW = 5


@dataclass(frozen=True, slots=True)
class ClaimDecision:
    """A decided claim; what of the directory changed, for the thing and for the mailbox; who else claims the same."""

    claim: Claim
    spoken: tuple[AssertionResult, ...] = ()
    rivals: tuple[ContestedAssertion, ...] = ()


def approve_claim(
    database: Database,
    number: int,
    *,
    said_by: str,
    reason: str,
    over: bool,
    actor: str,
    now: datetime,
    despite_rivals: bool = False,
) -> ClaimDecision:
    """Record that what a claim says is so.

    ``over``: imports that say otherwise are overruled; else they stand beside it. ``reason``: needed where control was
    not shown by mail or DNS; it is then the judgement. ``despite_rivals``: also where other teams claim the same.

    Raises:
        UsageError: who approves is not said, or why, where nothing shows control.
        NotFoundError: there is no such claim.
        ConflictError: it is decided or expired, a person's word stands against it, or others claim the same.

    """
    who, why = read_line("--said-by", said_by, needed=True), read_line("--reason", reason)
    claim = read_claim(database, number, now)
    rivals = read_rivals(database, claim)
    if rivals and not despite_rivals and claim.state in {ClaimState.OPEN, ClaimState.PROVED}:
        raise _contested(claim, rivals)
    with database.begin() as session:
        renew_version(session)
        row = find_claim(session, number, now)
        if not row.proof and not why:
            raise UsageError(
                say("Control is not proved for claim %(number)s.", number=number),
                hint="Say how you know: --reason TEXT. Or 'tocsin directory claims check' first.",
            )
        row.proof = row.proof or Proof.JUDGEMENT.value
        team = keys_asked(session)[row.team_id]
        because = f"claim {number}, by {row.proof}: {why or row.evidence}"[:500]
        words = [
            add_assertion_in(
                session, PersonStatement(team, kind, value, who, because, beside=beside), actor=actor, now=now
            )
            for kind, value, beside in ((row.kind, row.value, not over), (MAILBOX, row.mailbox, True))
        ]
        if row.proof == Proof.MAIL and one_form(row.mailbox) in map(one_form, row.asked):
            at = row.proved_at or now
            note_verified(session, team_id=row.team_id, mailbox=row.mailbox, at=at, via="claim")
        _close(row, ClaimState.APPROVED, who, why, now)
        detail = {"kind": row.kind, "value": row.value, "by": row.proof}
        detail["team"] = str(session.get_one(TeamRow, row.team_id).uuid)
        audit(session, AuditAction.CLAIM_APPROVED, at=now, actor=actor, subject=f"claim:{number}", detail={**detail})
        return ClaimDecision(claim_of(session, row, now), tuple(words), tuple(rivals))


def refuse_claim(
    database: Database, number: int, *, said_by: str, reason: str, actor: str, now: datetime
) -> ClaimDecision:
    """Record that a claim is not accepted, and why.

    Raises:
        UsageError: who refuses, or why, is not said.
        NotFoundError: there is no such claim.
        ConflictError: it is decided or expired.

    """
    who, why = read_line("--said-by", said_by, needed=True), read_line("--reason", reason, needed=True)
    with database.begin() as session:
        row = find_claim(session, number, now)
        _close(row, ClaimState.REFUSED, who, why, now)
        detail = {"kind": row.kind, "value": row.value, "team": str(session.get_one(TeamRow, row.team_id).uuid)}
        audit(session, AuditAction.CLAIM_REFUSED, at=now, actor=actor, subject=f"claim:{number}", detail={**detail})
        return ClaimDecision(claim_of(session, row, now))


def _contested(claim: Claim, rivals: Iterable[ContestedAssertion]) -> ConflictError:
    thing = f"AS{claim.value}" if claim.kind == "asn" else claim.value
    teams = ", ".join(sorted({rival.team for rival in rivals})[:_FEW])
    return ConflictError(
        say("Others claim %(value)s, what it lies in, or parts of it: %(value2)s.", value=thing, value2=teams),
        hint=f"Look: tocsin directory claims show {claim.number}. To approve it all the same, add --yes.",
    )


def _close(row: ClaimRow, state: ClaimState, who: str, why: str, now: datetime) -> None:
    row.state, row.decided_by, row.decided_at, row.reason = state.value, who, now, why
