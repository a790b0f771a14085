"""What was seen of a mailbox is noted, in the caller's transaction."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from tocsin.directory.contacts.state import Sign
from tocsin.directory.contacts.tables import ContactFactRow

_AGAIN: Final = timedelta(days=7)  # one mail that arrives in a week says as much as all of them
_CHUNK: Final = 500


def one_form(mailbox: str) -> str:
    """One text for one mailbox: in practice all servers ignore case."""
    return mailbox.strip().casefold()


def note_bounce(session: Session, *, mailbox: str, at: datetime, permanent: bool, detail: str = "") -> None:
    """A mail to this mailbox came back; ``permanent``: another would too. ``detail``: a status code, not words."""
    _note(session, Sign.BOUNCED, mailbox=mailbox, team_id=None, at=at, via=detail, permanent=permanent, detail=detail)


def note_answer(
    session: Session, *, team_id: int, mailbox: str, at: datetime, told_at: datetime | None, via: str = ""
) -> None:
    """A person answered a notification that left at ``told_at`` (None: it did not really leave).

    ``mailbox`` is empty where it is not known which of the team's it was.
    """
    _note(session, Sign.ANSWERED, mailbox=mailbox, team_id=team_id, at=at, via=via, told_at=told_at)


def note_verified(session: Session, *, team_id: int, mailbox: str, at: datetime, via: str, detail: str = "") -> None:
    """A person confirmed that this mailbox, number or page is that team's."""
    _note(session, Sign.VERIFIED, mailbox=mailbox, team_id=team_id, at=at, via=via, detail=detail)


def note_delivered(session: Session, mailboxes: Iterable[str], *, at: datetime) -> None:
    """A mail server took mails for these; noted at most once a week for each."""
    wanted = sorted({one_form(mailbox) for mailbox in mailboxes})
    fact = ContactFactRow
    for chunk in (wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK)):
        lately = select(fact.mailbox).where(
            fact.mailbox.in_(chunk), fact.kind == Sign.DELIVERED.value, fact.at > at - _AGAIN
        )
        known = set(session.scalars(lately))
        same = {"team_id": None, "kind": Sign.DELIVERED.value, "at": at, "via": "", "permanent": False}
        rows = [{"mailbox": one, "told_at": None, "detail": "", **same} for one in chunk if one not in known]
        if rows:
            session.execute(insert(fact), rows)


def _note(session: Session, sign: Sign, *, mailbox: str, **given: object) -> None:
    row = {"team_id": None, "via": "", "permanent": False, "told_at": None, "detail": "", **given}
    session.add(ContactFactRow(mailbox=one_form(mailbox), kind=sign.value, **row))
