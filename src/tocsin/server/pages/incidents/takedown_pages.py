"""Take-downs on pages: the tab of an incident, with whom to write to next, and the list of all with their hosts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from tocsin.directory import team_names
from tocsin.incidents import (
    Incident,
    IncidentReader,
    ObservableRole,
    defang,
    observables_of,
)
from tocsin.incidents.arrivals import form_word
from tocsin.incidents.takedowns import (
    KINDS,
    OPEN,
    SIGHTINGS,
    TAKEDOWN_GROUNDS,
    TAKEDOWN_ROLES,
    TakedownRecipient,
    TakedownRow,
    TakedownSearch,
    TakedownState,
    count_takedowns,
    host_figures,
    hosts_of,
    list_takedowns,
    next_role,
    recipients_of,
    sightings_of,
    takedown_needs,
    takedowns_of,
)
from tocsin.interface import NotHereError, PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents.list_pages import PLACE
from tocsin.server.pages.incidents.tabs import part_frame
from tocsin.server.pages.incidents.words import TAKEDOWN_SHAPES, TAKEDOWN_STATES

_PATH: Final = "/takedowns"
_ROWS: Final = 50
_NAMED: Final = 5  # of chosen ones that a form names
_NAMES: Final[dict[str, Any]] = {
    "takedown_states": TAKEDOWN_STATES, "takedown_shapes": TAKEDOWN_SHAPES, "grounds": TAKEDOWN_GROUNDS,
    "roles": TAKEDOWN_ROLES, "sightings": SIGHTINGS, "defang": defang,
}  # fmt: skip

_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]


@dataclass
class NextMail:
    """A mail that can be written: to whom (``role`` empty: to who was asked last), about which, and its form."""

    act: str
    role: str
    recipient: TakedownRecipient
    numbers: list[int] = field(default_factory=list)
    made: str = ""


class TakedownsFilter(BaseModel):
    """What narrows the list, as typed. ``age``: proposed so many days ago or longer."""

    state: str = ""
    host: str = ""
    incident: str = ""
    age: str = ""
    need: str = ""
    before: str = ""

    def path(self, **other: str) -> str:
        """The address of the list with these conditions, or with others."""
        asked = {name: text for name, text in {**self.model_dump(), "before": "", **other}.items() if text}
        return f"{_PATH}?{urlencode(asked)}" if asked else _PATH

    @property
    def search(self) -> TakedownSearch:
        """What the list is asked for; what cannot be read does not count."""
        states = {"all": (), **{one.value: (one,) for one in TakedownState}}.get(self.state, OPEN)
        days = min(number_in(self.age) or 0, 3_650)
        return TakedownSearch(states, self.incident[:60], self.host[:200], timedelta(days=days), need=bool(self.need))


def takedown_pages(desk: PageContext) -> APIRouter:
    """The list, and the tab of an incident."""
    router = PageRouter()

    @router.get(_PATH)
    def listed(request: Request, visitor: _Reader, asked: Annotated[TakedownsFilter, Query()]) -> Response:
        """Those that match, the newest first; at first all that may still be there. Below: how fast each host is."""
        reader, search = IncidentReader(visitor.person, desk.now), asked.search
        with desk.node.database.reading() as session:
            found = list_takedowns(session, reader, search, before=number_in(asked.before) or 0, limit=_ROWS + 1)
            rows = found[:_ROWS]
            context: dict[str, Any] = {
                "rows": rows,
                "found": count_takedowns(session, reader, search),
                "open": count_takedowns(session, reader, TakedownSearch(OPEN)),
                "needed": takedown_needs(session, reader).count,
                "seen": sightings_of(session, reader, rows),
                "hosts": hosts_of(session, reader),
                "figures": host_figures(session, reader),
            }
        further = asked.path(before=str(rows[-1].takedown.id)) if len(found) > _ROWS else ""
        return desk.page(request, "incidents/takedowns.html", asked=asked, further=further, **context, **_NAMES)

    @router.get(PLACE + "/{reference}/takedowns")
    def tab(request: Request, visitor: _Reader, reference: str) -> Response:
        """Those of an incident, by host."""
        reader = IncidentReader(visitor.person, desk.now)
        with desk.node.database.reading() as session:
            frame = part_frame(desk.words(request), session, reader, reference, "takedowns")
            rows = takedowns_of(session, reader, frame.family)
            there = recipients_of(session, reader, rows)
            mails = next_mails(rows, there, reader)
            for number, one in enumerate(mails):
                one.made = form_word(desk.tokens, desk.now) if number < _ROWS else ""
            teams = team_names(session, {one.team_id for of in there.values() for one in of if one.team_id is not None})
            context: dict[str, Any] = {
                "rows": sorted(rows, key=lambda one: (one.takedown.host, one.takedown.id)),
                "there": there,
                "seen_of": sightings_of(session, reader, rows),
                "mails": mails,
                "without": [one for one in rows if one.takedown.state in OPEN and not there.get(one.takedown.id)],
                "teams": teams,
            }
        settings = desk.node.settings
        outside: dict[str, Any] = {
            "may_look_up": settings.directory.rdap or settings.takedowns.dns,
            "may_fetch": settings.takedowns.fetch,
        }
        return desk.page(request, "incidents/takedown_tab.html", **frame.shown, **context, **outside, **_NAMES)

    return router


def next_mails(
    rows: Sequence[TakedownRow], there: Mapping[int, Sequence[TakedownRecipient]], reader: IncidentReader
) -> list[NextMail]:
    """The mails that can be written now, one for each recipient: first requests, reminders, the next ones. Pure."""
    made: dict[tuple[str, str, str], NextMail] = {}

    def add(act: str, role: str, recipient: TakedownRecipient, number: int) -> None:
        key = act, role, recipient.mailbox
        made.setdefault(key, NextMail(act, role, recipient)).numbers.append(number)

    for row in rows:
        one, known = row.takedown, there.get(row.takedown.id, ())
        asked = [of for of in known if of.asked_at]
        due = one.due_at is not None and one.due_at <= reader.now
        if one.state == TakedownState.ASKED and due and asked:
            add("remind", "", max(asked, key=lambda of: (of.asked_at, of.id)), one.id)
        role = next_role({of.role for of in known}, {of.role for of in asked})
        if role is not None and (one.state == TakedownState.PROPOSED or (one.state in OPEN and due)):
            for of in known:
                if of.role == role:
                    add("ask", role.value, of, one.id)
    return [*made.values()]


def indicators_text(session: Session, reader: IncidentReader, incident: Incident) -> str:
    """What an incident has that can be taken down and is not asked for yet, a line each, defanged."""
    known = {one.observable.id for one in takedowns_of(session, reader, [incident])}
    found = observables_of(session, reader, [incident])
    wanted = (one for one in found if one.role == ObservableRole.INDICATOR and one.kind in KINDS)
    return "\n".join(defang(one.value) for one in wanted if one.id not in known)


def values_of(session: Session, reader: IncidentReader, family: Sequence[Incident], chosen: Sequence[str]) -> str:
    """What the chosen take-downs are of, in a few words.

    Raises:
        NotHereError: one of them is not there.

    """
    numbers = {number_in(one) or 0 for one in chosen}
    rows = takedowns_of(session, reader, family, numbers=numbers)
    if len(rows) != len(numbers):
        raise NotHereError
    named = [defang(one.observable.value) for one in rows[:_NAMED]]
    more = [f"+{len(rows) - _NAMED}"] if len(rows) > _NAMED else []
    return ", ".join([*named, *more])
