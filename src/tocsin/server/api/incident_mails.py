"""``/incidents/…/parties/…``: the correspondence with a party of an incident, and what a person does with it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict

from tocsin.incidents import IncidentReader
from tocsin.incidents.threads import (
    ThreadMailState,
    ThreadTurn,
    acts,
    awaited_answers,
    find_party_thread,
    letters_of_mails,
    mails_of,
)
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal, note_read
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext

TAG = "incidents"

_Reference = Annotated[
    str, Path(max_length=60, description="The reference of an incident.", examples=["INC-0000-0000"])
]
_Party = Annotated[int, Path(ge=1, le=2**31 - 1, description="The number of a party.", examples=[1])]
_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]


class ThreadMailOut(BaseModel):
    """A mail. ``ours``: we sent it, and ``sent`` says how far it is. ``address``: of the party, or of who wrote."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    ours: bool
    state: ThreadMailState
    address: str
    subject: str
    text: str
    quoted: str
    tlp: str
    at: datetime
    sent: str | None = None


class PartyThreadOut(BaseModel):
    """The correspondence with a party; ``turn``: who writes next, null where nothing was written yet."""

    reference: str
    party: int
    name: str
    turn: ThreadTurn | None
    mails: list[ThreadMailOut]


class AwaitedAnswerOut(BaseModel):
    """A party that waits for an answer. ``lead``: the number of a person, or null."""

    model_config = ConfigDict(from_attributes=True)

    reference: str
    party: int
    name: str
    since: datetime
    lead: int | None
    closed: bool


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    database = counter.node.database

    @router.get("/incident-mails", operation_id="listAwaitedAnswers", summary="Parties who wait for an answer")
    def list_awaited(visitor: _Reader) -> list[AwaitedAnswerOut]:
        """Of the incidents that you may read, the longest first."""
        with database.reading() as session:
            found = awaited_answers(session, IncidentReader(visitor.person, counter.now))
        return [AwaitedAnswerOut.model_validate(one) for one in found]

    @router.get(
        "/incidents/{reference}/parties/{party}/mails", operation_id="readPartyMails", summary="The mails of a party"
    )
    def read_mails(reference: _Reference, party: _Party, visitor: _Reader) -> PartyThreadOut:
        """In the order that they came; that they were read is on record."""
        with database.reading() as session:
            found = find_party_thread(session, IncidentReader(visitor.person, counter.now), reference, party)
            reader = IncidentReader(visitor.person, counter.now)
            mails = mails_of(session, reader, [found.thread] if found.thread else [])
            letters = letters_of_mails(session, mails)
            shown = [ThreadMailOut.model_validate(one) for one in mails]
            for one, mail in zip(shown, mails, strict=True):
                one.sent = letters[mail.letter].state if mail.letter in letters else None
        note_read(database, visitor, f"incident:{found.incident.reference}", now=counter.now)
        turn = ThreadTurn(found.thread.turn) if found.thread else None
        return PartyThreadOut(
            reference=found.incident.reference, party=found.party.id, name=found.party.name, turn=turn, mails=shown
        )

    add_acts(router, counter, acts.ACTS)
