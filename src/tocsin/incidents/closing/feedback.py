"""How it went, asked of the reporter and the victim: by a link that works once, without an account.

The link names the party and the day; nothing is kept until somebody answers. The answer is an entry of the incident.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.incidents.closing.states import FeedbackRating
from tocsin.incidents.models import Incident, IncidentEntry, Party
from tocsin.incidents.states import IncidentEntryKind
from tocsin.incidents.write import add_entry
from tocsin.node.tokens import Tokens

PATH: Final = "/f/"
"""Where the links begin."""

VALID_DAYS: Final = 90
_PURPOSE: Final = "feedback"
_ACTOR: Final = "public"


@dataclass(frozen=True)
class FeedbackRequest:
    """What a link asks about: as little as who has it may know. ``language``: of the party (BCP 47)."""

    party: int
    reference: str
    language: str


def feedback_link(tokens: Tokens, party: int, day: date) -> str:
    """The end of the address by which a party answers, from its number; it works for 90 days."""
    return f"{PATH}{tokens.make(_PURPOSE, f'{party}-{day:%Y%m%d}')}"


def open_feedback(session: Session, tokens: Tokens, token: str, now: datetime) -> FeedbackRequest | None:
    """What a token asks about; None: it is none of ours, too old, or was answered."""
    if (found := _party(session, tokens, token, now)) is None:
        return None
    party, incident = found
    answered = select(IncidentEntry.id).where(IncidentEntry.once == _once(party))
    if session.scalar(answered) is not None:
        return None
    return FeedbackRequest(party.id, incident.reference, party.language)


def record_feedback(
    session: Session, tokens: Tokens, token: str, rating: FeedbackRating, text: str, *, now: datetime
) -> bool:
    """Whether the answer was taken: once for each party. ``text``: as it may be kept."""
    if open_feedback(session, tokens, token, now) is None:
        return False
    party, incident = _party(session, tokens, token, now) or (None, None)
    if party is None or incident is None:
        return False
    add_entry(
        session, incident, IncidentEntryKind.FEEDBACK, actor=_ACTOR, now=now, text=text, party=party,
        data={"rating": rating.value}, once=_once(party),
    )  # fmt: skip
    return True


def _party(session: Session, tokens: Tokens, token: str, now: datetime) -> tuple[Party, Incident] | None:
    number, _, day = (tokens.read(_PURPOSE, token) or "").partition("-")
    if not number or now - datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) > timedelta(days=VALID_DAYS):
        return None
    found = session.execute(
        select(Party, Incident).join(Incident, Incident.id == Party.incident_id).where(Party.id == int(number))
    ).one_or_none()
    return None if found is None else (found[0], found[1])


def _once(party: Party) -> str:
    return f"feedback:{party.id}"
