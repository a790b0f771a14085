"""The holder of a mailbox answers whether it is a team's: once, and what follows is recorded as that person's word.

Whoever answers at the same time, by page or by mail, exactly one counts: the row of the question is taken by one
conditional update.
"""

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tocsin.directory.contacts.record import note_verified
from tocsin.directory.contacts.tables import VerificationRow
from tocsin.directory.effective import BESIDE, merged_teams
from tocsin.directory.person_statements import renew_version
from tocsin.directory.precedence import MAILBOX, PERSON
from tocsin.directory.tables import ConstituencyRow, DenialRow, MailboxRow, TeamRow
from tocsin.node.letters import Letter, LetterState
from tocsin.node.records import AuditAction, audit

HOLDER: Final = "verified"
"""Who says what the holder of a mailbox said; its source is ``person:verified``."""

KIND: Final = "verify"
"""The kind of the letters that ask, and what their keys begin with."""

NOTE_LENGTH: Final = 500

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
_TRIALS = {LetterState.SHADOW.value, LetterState.REDIRECTED.value}
_UNSENT = (LetterState.QUEUED.value, LetterState.RETRY.value, LetterState.HELD.value)


class ConfirmationOutcome(StrEnum):
    """What the holder of a mailbox said."""

    OURS = "ours"  # it is our mailbox for these networks
    NOT_THESE = "not_these"  # it is ours, but some of the networks are not
    WRONG = "wrong"  # it is not the mailbox of that team


def open_question(session: Session, name: str, now: datetime) -> VerificationRow | None:
    """The question of this name, where it can still be answered: one that only we have read asked nobody."""
    row = session.scalar(select(VerificationRow).where(VerificationRow.name == name))
    if row is None or row.used_at is not None or not row.asked_at <= now < row.expires_at:
        return None
    return None if _on_trial(session, row) else row


def _on_trial(session: Session, row: VerificationRow) -> bool:
    """Whether its letters went to this node's own people instead, in shadow or redirect mode."""
    keys = [letter_key(row.id, step) for step in range(row.reminders + 1)]
    states = set(session.scalars(select(Letter.state).where(Letter.key.in_(keys))))
    return bool(states) and states <= _TRIALS


def question_of_letter(session: Session, key: str, now: datetime) -> VerificationRow | None:
    """The question that the letter of this key asked, where it can still be answered."""
    kind, _, rest = key.partition(":")
    number = rest.partition(":")[0]
    row = session.get(VerificationRow, int(number)) if kind == KIND and number.isdecimal() else None
    return open_question(session, row.name, now) if row is not None else None


def letter_key(number: int, step: int) -> str:
    """The key of the letter that asks a question (step 0) or repeats it."""
    return f"{KIND}:{number}:{step}"


def settle_question(
    session: Session,
    row: VerificationRow,
    outcome: ConfirmationOutcome,
    *,
    now: datetime,
    via: str,
    not_ours: Collection[tuple[str, str]] = (),
    note: str = "",
) -> bool:
    """Record what the holder said, in the caller's transaction; False, and nothing recorded, where it is too late.

    ``not_ours``: kinds and values of networks, of those that were asked about. ``via``: ``link`` or ``reply``.
    """
    question = VerificationRow
    taken = session.execute(
        update(question)
        .where(question.id == row.id, question.used_at.is_(None), question.asked_at <= now, question.expires_at > now)
        .values(used_at=now, outcome=outcome.value, via=via, note=_CONTROL.sub(" ", note).strip()[:NOTE_LENGTH])
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        return False
    merged = merged_teams(session)
    teams = sorted({merged.get(number, number) for number in row.teams})
    if outcome is ConfirmationOutcome.WRONG:
        _disown(session, row.mailbox, teams, now)
    else:
        _own(session, row.mailbox, teams, now, via)
        refused = set(not_ours)
        _deny(session, [(k, v, merged.get(t, t)) for k, v, t in row.networks if (k, v) in refused], now, row.id)
    _cancel_letters(session, row.id)
    renew_version(session)
    detail: dict[str, object] = {"outcome": outcome.value, "via": via, "networks": len(set(not_ours))}
    subject = f"verification:{row.id}"
    audit(session, AuditAction.CONTACT_CONFIRMED, at=now, actor=f"{PERSON}{HOLDER}", subject=subject, detail=detail)
    session.flush()
    return True


def _own(session: Session, mailbox: str, teams: Iterable[int], now: datetime, via: str) -> None:
    """The mailbox is theirs; imports that name others stand beside it."""
    for team in teams:
        note_verified(session, team_id=team, mailbox=mailbox, at=now, via=via)
        box = MailboxRow
        here = {"team_id": team, "address": mailbox, "withdrawn": None}
        said = select(box.id).filter_by(**here).where(box.word.is_not(None))
        if session.scalar(said.limit(1)) is None and not _denied(session, team, MAILBOX, mailbox):
            row = MailboxRow(team_id=team, address=mailbox, word=BESIDE, **_saying(now, "The holder confirmed it."))
            row.purpose = session.scalar(select(box.purpose).filter_by(**here).where(box.purpose.is_not(None)))
            session.add(row)


def _disown(session: Session, mailbox: str, teams: Iterable[int], now: datetime) -> None:
    """The mailbox is not theirs: what the holder said before is taken back, what imports say is overruled."""
    for team in teams:
        box = MailboxRow
        said = update(box).filter_by(team_id=team, address=mailbox, said_by=HOLDER, withdrawn=None)
        session.execute(said.values(withdrawn=now))
        _deny_one(session, team, (MAILBOX, mailbox), now=now, reason="The holder of the mailbox said so.")


def _deny(session: Session, networks: Iterable[tuple[str, str, int]], now: datetime, number: int) -> None:
    for kind, value, team in networks:
        said = select(ConstituencyRow.id).filter_by(team_id=team, kind=kind, value=value, withdrawn=None)
        if (
            session.scalar(said.where(ConstituencyRow.word.is_not(None)).limit(1)) is None
        ):  # a person's claim needs a person's decision
            reason = f"Not theirs, by the answer to question {number}."
            _deny_one(session, team, (kind, value), now=now, reason=reason)


def _deny_one(session: Session, team: int, what: tuple[str, str], *, now: datetime, reason: str) -> None:
    if not _denied(session, team, *what):
        row = DenialRow(team_id=team, kind=what[0], value=what[1], said_by=HOLDER, reason=reason, recorded=now)
        row.withdrawn = None
        session.add(row)


def _denied(session: Session, team: int, kind: str, value: str) -> bool:
    said = select(DenialRow.id).filter_by(team_id=team, kind=kind, value=value, withdrawn=None)
    return session.scalar(said.limit(1)) is not None


def _saying(now: datetime, reason: str) -> dict[str, object]:
    return {
        "source": f"{PERSON}{HOLDER}",
        "as_of": now.date(),
        "confidence": None,
        "said_by": HOLDER,
        "recorded": now,
        "withdrawn": None,
        "reason": reason,
        "purpose": None,
    }


def _cancel_letters(session: Session, number: int) -> None:
    """A reminder that has not left is not needed any more."""
    mine = [letter_key(number, step) for step in range(3)]
    session.execute(
        update(Letter).where(Letter.key.in_(mine), Letter.state.in_(_UNSENT)).values(state=LetterState.CANCELLED.value)
    )


def team_names(session: Session, numbers: Iterable[int]) -> list[str]:
    """The names of teams, as people read them."""
    merged = merged_teams(session)
    wanted = {merged.get(number, number) for number in numbers}
    return list(session.scalars(select(TeamRow.name).where(TeamRow.id.in_(wanted)).order_by(TeamRow.name)))


def question_language(session: Session, row: VerificationRow) -> str:
    """The language (BCP 47) of the team that a question is about; the first one's, of several."""
    merged = merged_teams(session)
    team = session.get(TeamRow, min(merged.get(number, number) for number in row.teams))
    return team.language if team is not None else "en"
