"""A claim is made, and shown: what is written to the records, and the letter with the code."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tocsin.directory import canonical
from tocsin.directory.claims.dns_proof import missing_records, record_names
from tocsin.directory.claims.eligibility import read_claimed
from tocsin.directory.claims.model import OPEN_FOR, Claim, ClaimState, Proof
from tocsin.directory.claims.read import claim_of, find_claim, registered_mailboxes
from tocsin.directory.claims.tables import ClaimRow
from tocsin.directory.person_statements import read_line, renew_version
from tocsin.directory.precedence import PERSON
from tocsin.directory.queries import find_team
from tocsin.directory.tables import TeamRow
from tocsin.node.errors import ConflictError, InputError, UsageError
from tocsin.node.letters import queue_letter
from tocsin.node.node_settings import NodeSettings
from tocsin.node.records import AuditAction, Database, audit
from tocsin.node.sentences import say

MOST_TRIES: Final = 5
"""Wrong codes after which the way by mail is closed for a claim."""

_MOST_ASKED: Final = 3
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that is taken for another
_CODE_LENGTH: Final = 12  # 60 bits
_LETTER: Final = """\
Hello,

{sender} was informed that {thing} is run by

  {team}

and that notifications of security problems in it should go to {mailbox}.
The registries name your address for it. If that is right, give that team
this code, which shows that you agree:

  {code}

If it is not, do nothing; or write to {contact}.
The code works until {day}.

{sender}
{contact}
"""


def make_claim(
    database: Database, text: str, *, team: str, mailbox: str, claimed_by: str, sender: NodeSettings, now: datetime
) -> Claim:
    """Record that a team claims a network, AS or domain, and send the code; the same claim, still open, is given back.

    Raises:
        InputError: it cannot be claimed; says why.
        UsageError: the mailbox or the name cannot be taken.
        NotFoundError: there is no such team.

    """
    kind, value = read_claimed(text)
    who = read_line("--by", claimed_by)
    try:
        address = canonical.mailbox(mailbox)
    except ValueError as error:
        raise UsageError(say("email address '%(address)s': %(error)s.", address=mailbox, error=error)) from None
    with database.begin() as session:
        renew_version(session)
        number = find_team(session, team)
        same = select(ClaimRow).filter_by(team_id=number, kind=kind.value, value=value, state=ClaimState.OPEN.value)
        row = session.scalars(same.where(ClaimRow.expires_at > now)).first()
        if row is None:
            row, code = _row(session, (number, kind.value, value), address, who, now)
            owner = session.get_one(TeamRow, number)
            _send_code(session, row, code, owner.name, sender)
            detail: dict[str, object] = {"team": str(owner.uuid), "kind": kind.value, "value": value}
            actor = claimed_by if claimed_by.startswith(PERSON) else "claims"
            audit(session, AuditAction.CLAIM_MADE, at=now, actor=actor, subject=f"claim:{row.id}", detail=detail)
        return claim_of(session, row, now)


def show_code(database: Database, number: int, code: str, *, now: datetime) -> Claim:
    """Show control by the code from the letter.

    Raises:
        NotFoundError: there is no such claim.
        ConflictError: it is decided or expired, no code was sent, or too many were wrong.
        InputError: the code is not the one that was sent.

    """
    with database.begin() as session:
        row = find_claim(session, number, now)
        if not row.asked:
            raise ConflictError(
                say("No code was sent for this claim."), hint=say("Prove control by DNS, or ask an analyst.")
            )
        claim = ClaimRow
        tried = session.execute(
            update(claim).where(claim.id == number, claim.tries < MOST_TRIES).values(tries=claim.tries + 1)
        )
        if tried.rowcount != 1:  # type: ignore[attr-defined]
            raise ConflictError(say("Too many codes were wrong."), hint=say("Prove control by DNS, or ask an analyst."))
        right = hmac.compare_digest(row.code, _digest(code))
        if right:
            _prove(
                session, row, Proof.MAIL, say("The code sent to %(asked)s came back.", asked=", ".join(row.asked)), now
            )
        found = claim_of(session, row, now)
    if not right:  # raised after the transaction: the try must count
        raise InputError(
            say("That is not the code that was sent."),
            hint=say("After %(most_tries)s wrong ones none is taken.", most_tries=MOST_TRIES),
        )
    return found


def show_dns(database: Database, number: int, *, resolver: str, now: datetime) -> tuple[Claim, list[str]]:
    """Look for the TXT records; the claim as it is then, and the names that do not have theirs.

    Raises:
        NotFoundError: there is no such claim.
        ConflictError: it is decided or expired, or DNS cannot show it.
        RemoteError: DNS does not answer.

    """
    with database.begin() as session:
        row = find_claim(session, number, now)
        names, value = record_names(row.kind, row.value), row.dns_value
    if not names:
        raise ConflictError(
            say("DNS cannot prove control of this."), hint=say("Take the code by mail, or ask an analyst.")
        )
    missing = missing_records(names, value, resolver)
    with database.begin() as session:
        row = find_claim(session, number, now)
        if not missing:
            _prove(session, row, Proof.DNS, say("TXT at %(few)s said %(value)s.", few=_few(names), value=value), now)
        return claim_of(session, row, now), missing


def _row(session: Session, what: tuple[int, str, str], mailbox: str, who: str, now: datetime) -> tuple[ClaimRow, str]:
    code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
    team, kind, value = what
    row = ClaimRow(
        uuid=uuid4(),
        team_id=team,
        kind=kind,
        value=value,
        mailbox=mailbox,
        claimed_by=who,
        made_at=now,
        expires_at=now + OPEN_FOR,
        state=ClaimState.OPEN.value,
        dns_value=f"tocsin-claim={secrets.token_hex(16)}",
        code=_digest(code),
        asked=registered_mailboxes(session, kind, value)[:_MOST_ASKED],
        tries=0,
        **dict.fromkeys(("proof", "evidence", "decided_by", "reason"), ""),
        proved_at=None,
        decided_at=None,
    )
    session.add(row)
    session.flush()
    return row, code


def _send_code(session: Session, row: ClaimRow, code: str, team: str, sender: NodeSettings) -> None:
    thing = f"AS{row.value}" if row.kind == "asn" else row.value
    spelled = "-".join(code[start : start + 4] for start in range(0, len(code), 4))
    who, day = {"sender": sender.name, "contact": sender.contact}, f"{row.expires_at:%Y-%m-%d}"
    body = _LETTER.format(**who, thing=thing, team=team, mailbox=row.mailbox, code=spelled, day=day)
    for number, mailbox in enumerate(row.asked):
        key, subject = f"claim:{row.id}:{number}", f"Who runs {thing}? A code"
        queue_letter(session, key=key, kind="claim", mailbox=mailbox, subject=subject, body=body, now=row.made_at)


def _prove(session: Session, row: ClaimRow, proof: Proof, evidence: str, now: datetime) -> None:
    if row.proof:
        return
    row.proof, row.evidence, row.proved_at = proof.value, f"{evidence[:400]} ({now:%Y-%m-%d %H:%M} UTC)", now
    audit(
        session, AuditAction.CLAIM_PROVED, at=now, actor="claims", subject=f"claim:{row.id}", detail={"by": proof.value}
    )
    session.flush()


def _digest(code: str) -> str:
    """What is kept of a code; blanks, hyphens and small letters do not matter."""
    plain = "".join(letter for letter in code.upper() if letter in _LETTERS)
    return hashlib.sha256(plain.encode("ascii")).hexdigest()


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
