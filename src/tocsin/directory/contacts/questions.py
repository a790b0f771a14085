"""Questions are recorded, with the letters that ask them, in the caller's transaction."""

import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tocsin.directory.contacts.confirm import KIND, letter_key, team_names
from tocsin.directory.contacts.plan import ANSWER_WITHIN, Ask, QuestionReminder, Round
from tocsin.directory.contacts.tables import VerificationRow
from tocsin.directory.effective import DirectoryPart, read_effective
from tocsin.directory.model import DirectoryRule, ResponsibilityRole
from tocsin.directory.queries import keys_asked
from tocsin.directory.version import DirectoryStateRow
from tocsin.node.letters import Letter, queue_letter
from tocsin.node.records import AuditAction, audit

SHOWN: Final = 50
"""Networks that a letter and its page name; of more it says how many."""

_MANY: Final = 500  # teams; for more, the rules of all are read


@dataclass(frozen=True, slots=True)
class ContactQuestion:
    """What a letter asks. ``networks``: kinds and values, at most `SHOWN`; ``networks_all``: how many there are."""

    name: str
    mailbox: str
    teams: tuple[str, ...]
    networks: tuple[tuple[str, str], ...]
    networks_all: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Letters:
    """How letters are made.

    ``write`` makes the subject and the text of the letter that asks a question (step 0) or repeats it; ``reply_to``
    gives the address that a letter is answered to by its reference, or an empty text.
    """

    write: Callable[[ContactQuestion, int], tuple[str, str]]
    reply_to: Callable[[str], str]


def lock_questions(session: Session) -> None:
    """Whoever asks at the same time waits here until the end of this transaction."""
    session.scalars(select(DirectoryStateRow).with_for_update()).one()


def read_rounds(session: Session) -> list[Round]:
    """The questions that were asked, the last of each mailbox, and all of the days to come."""
    row = VerificationRow
    columns = (row.id, row.mailbox, row.asked_at, row.expires_at, row.reminders, row.used_at)
    return [
        Round(number, mailbox, asked_at, expires_at, reminders, used_at is not None)
        for number, mailbox, asked_at, expires_at, reminders, used_at in session.execute(
            select(*columns).order_by(row.id)
        )
    ]


def networks_of(session: Session, teams: Collection[int]) -> dict[int, list[DirectoryRule]]:
    """What each of these teams answers for."""
    found: dict[int, list[DirectoryRule]] = defaultdict(list)
    wanted = frozenset(teams)
    for rule in read_effective(session, DirectoryPart(teams=wanted) if len(wanted) <= _MANY else None).rules:
        if rule.role is ResponsibilityRole.RESPONSIBLE and rule.team_id in wanted:
            found[rule.team_id].append(rule)
    return found


def ask(
    session: Session, one: Ask, rules: Mapping[int, list[DirectoryRule]], letters: Letters, *, now: datetime
) -> VerificationRow:
    """Record a question and queue its letter; the caller must know that none is open for this mailbox."""
    theirs = [(rule.kind.value, rule.value, team) for team in one.teams for rule in rules.get(team, ())]
    theirs = list(dict.fromkeys(theirs))
    row = VerificationRow(
        name=secrets.token_hex(16),
        mailbox=one.mailbox,
        teams=list(one.teams),
        networks=theirs[:SHOWN],
        networks_all=len(theirs),
        asked_at=one.at,
        expires_at=one.at + ANSWER_WITHIN,
        reminders=0,
        used_at=None,
        outcome="",
        via="",
        note="",
    )
    session.add(row)
    session.flush()
    _queue(session, row, 0, letters, now=now)
    return row


def remind(session: Session, one: QuestionReminder, letters: Letters, *, now: datetime) -> bool:
    """Queue the letter that repeats a question; False where it was answered, or repeated by another run, meanwhile."""
    row = VerificationRow
    open_still = (row.id == one.number, row.used_at.is_(None), row.reminders < one.step)
    taken = session.execute(update(row).where(*open_still).values(reminders=one.step))
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        return False
    _queue(session, session.get_one(row, one.number), one.step, letters, now=now)
    return True


def question_of(session: Session, row: VerificationRow) -> ContactQuestion:
    """A recorded question, with the names of its teams as they are now."""
    networks = tuple(dict.fromkeys((kind, value) for kind, value, _ in row.networks))
    names = tuple(team_names(session, row.teams))
    return ContactQuestion(row.name, row.mailbox, names, networks, row.networks_all, row.expires_at)


@dataclass(frozen=True, slots=True)
class ContactReply:
    """What the holder of a mailbox answered; ``teams`` are keys."""

    number: int
    at: datetime
    mailbox: str
    teams: tuple[str, ...]
    outcome: str
    via: str
    note: str


def read_answers(session: Session) -> list[ContactReply]:
    """All answers, the latest first."""
    row, keys = VerificationRow, keys_asked(session)
    query = select(row).where(row.used_at.is_not(None)).order_by(row.used_at.desc(), row.id.desc())
    return [
        ContactReply(
            one.id, one.used_at, one.mailbox, tuple(keys[n] for n in one.teams), one.outcome, one.via, one.note
        )
        for one in session.scalars(query)
        if one.used_at is not None
    ]


def _queue(session: Session, row: VerificationRow, step: int, letters: Letters, *, now: datetime) -> None:
    subject, body = letters.write(question_of(session, row), step)
    key, at = letter_key(row.id, step), max(now, row.asked_at)
    queue_letter(session, key=key, kind=KIND, mailbox=row.mailbox, subject=subject, body=body, now=at)
    letter = session.scalars(select(Letter).where(Letter.key == key)).one()
    letter.reply_to = letters.reply_to(letter.reference)
    detail: dict[str, object] = {"letter": letter.reference, "step": step}
    audit(session, AuditAction.CONTACT_ASKED, at=now, actor="verify", subject=f"verification:{row.id}", detail=detail)
    session.flush()
