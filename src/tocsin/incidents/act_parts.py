"""What all acts on incidents share: which incident, in which transaction, what they give back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Protocol, get_args

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.incidents.models import Incident
from tocsin.incidents.read import (
    IncidentReader,
    compartments_of,
    find_incident,
    is_restricted,
    known_entry,
    merged_family,
)
from tocsin.incidents.states import IncidentEntryKind, IncidentState, SeverityLevel
from tocsin.incidents.write import add_entry
from tocsin.interface import N_, Act, ActContext, Moment, Wording
from tocsin.node.accounts import AccountRole, Permission, Person, Principal, find_person
from tocsin.node.errors import ConflictError, SimultaneousError, UsageError
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say
from tocsin.sharing.gate import read_tlp

if TYPE_CHECKING:
    from tocsin.incidents.models import IncidentEntry

SIGNED: Final = ("--as", "Whose word it is: an account, by email address or number; else the user of this machine.")
"""The option by which every command of incidents is told who says it."""
SIGNED_NEEDED: Final = ("--as", "Whose account it is, by email address or number. Needed.")
LINE: Final = r"^[^\x00-\x1f\x7f]*$"
Tlp = Literal["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]
"""A label of TLP 2.0."""

TLPS: Final = {str(one): f"TLP:{one}" for one in get_args(Tlp)}
MarkingName = Annotated[Tlp, Field(title=N_("Marking")), Wording(choices=TLPS)]
OwnMarkingName = Annotated[Tlp | None, Field(title=N_("Marking")), Wording(choices=TLPS, nothing=N_("As the incident"))]
"""That of the incident, where nothing is said."""

Once = Annotated[
    str,
    Field(
        max_length=100, title="Key of this request",
        description="A key of your choice; sent twice with the same one, it is kept once.",
    ),
    Wording(hidden=True),
]  # fmt: skip
Text = Annotated[
    str,
    Field(title=N_("Text")),
    Wording(lacking=N_("Write something, in at most 10,000 characters."), lines=True),
]
Reason = Annotated[str, Field(title=N_("Reason")), Wording(lacking=N_("Say why."))]
Source = Annotated[
    str,
    Field(title=N_("Source")),
    Wording(hint=N_("Who says so, or what shows it, such as: log of the mail server")),
]
PersonName = Annotated[str, Field(title=N_("Person")), Wording(lacking=N_("Choose a person."), choices="people")]
HappenedAt = Annotated[Moment | None, Field(title=N_("When it happened (UTC), if not now"))]
Validity = Annotated[
    Moment | None,
    Field(title=N_("Valid until (UTC)")),
    Wording(option="--until", hint=N_("Then it is no longer looked for. Without a time it has no end.")),
]


class IncidentNamed(BaseModel):
    """Which incident."""

    reference: str = Field(
        min_length=1, max_length=60, title=N_("Reference of the incident"),
        description="The reference of an incident.", examples=["INC-4KX7-9M2P"],
    )  # fmt: skip


class IncidentAddition(IncidentNamed):
    """Something that is added to an incident."""

    once: Once = ""


_LAST: Final = Wording(order=1)


class OwnMarking(BaseModel):
    """The marking of something in an incident, where it is not the incident's."""

    tlp: Annotated[OwnMarkingName, _LAST] = Field(
        None, description="Its marking by TLP 2.0; without it, that of the incident."
    )
    tlp_reason: Annotated[str, _LAST] = Field(
        "", max_length=300, pattern=LINE, title=N_("Why it is marked less strictly than the incident"),
        description="Why it is marked less strictly than the incident.",
    )  # fmt: skip


class IncidentResult(BaseModel):
    """How an incident is after an act. ``lead``: the number of a person, or null; ``entry``: that of the new entry."""

    reference: str
    title: str
    state: IncidentState
    severity: SeverityLevel
    lead: int | None
    entry: int | None = None


class InIncident(Protocol):
    """Something in an incident, such as a party, a task or an item of evidence."""

    @property
    def incident_id(self) -> int:
        """The number of its incident."""
        ...


@dataclass(frozen=True)
class OpenIncident:
    """An incident that an act changes, in its transaction."""

    context: ActContext
    session: Session
    reader: IncidentReader
    incident: Incident
    author: str

    def enter(
        self, kind: IncidentEntryKind, text: str = "", *, of: Incident | InIncident | None = None, **more: Any
    ) -> "IncidentEntry":
        """Add an entry; ``of``: to another incident of its family, or to that of something in it.

        What was merged may be restricted where the incident asked for is not, so what is said of it stays there.
        """
        if not isinstance(of, Incident):
            of = self.session.get_one(Incident, of.incident_id) if of else self.incident
        return add_entry(self.session, of, kind, text=text, author=self.author, **more, **self.context.by)

    def family(self) -> list[Incident]:
        """The incident, and what was merged into it and is read by the same: what may be named in its entries."""
        found = merged_family(self.session, self.reader, self.incident)
        return [one for one in found if one.compartment_id == self.incident.compartment_id]

    def done(self, entry: "IncidentEntry | None" = None) -> IncidentResult:
        """What the act gives back."""
        return state_of(self.incident, entry)

    def change(self, name: str, value: str, text: str = "") -> IncidentResult:
        """Set a column of the incident, with its entry; where it is so already, nothing."""
        before = getattr(self.incident, name)
        if before == value:
            return self.done()
        setattr(self.incident, name, value)
        data = {"what": name, "before": before, "after": value}
        return self.done(self.enter(IncidentEntryKind.CHANGE, text, data=data))

    def live(self) -> Incident:
        """The incident, which is not merged and not a partner's.

        Raises:
            ConflictError: it is.

        """
        if self.incident.state == IncidentState.MERGED:
            raise ConflictError(
                say("%(reference)s was merged into another incident.", reference=self.incident.reference),
                hint=say("Unmerge it first, or do this to the other incident."),
            )
        if self.incident.handed_to:
            raise ConflictError(
                say(
                    "%(reference)s was handed over to %(name)s.", reference=self.incident.reference,
                    name=self.incident.handed_to,
                ),
                hint=say("Ask the partner to offer it back."),
            )  # fmt: skip
        return self.incident


def state_of(incident: Incident, entry: "IncidentEntry | None" = None) -> IncidentResult:
    """How an incident is."""
    return IncidentResult(
        reference=incident.reference, title=incident.title, state=IncidentState(incident.state),
        severity=SeverityLevel(incident.severity), lead=incident.lead, entry=None if entry is None else entry.id,
    )  # fmt: skip


def reader_of(context: ActContext) -> IncidentReader:
    """As whom an act reads: the person; a command is nobody."""
    return IncidentReader(context.person, context.now)


@contextmanager
def changing(
    context: ActContext, request: IncidentNamed, *, first: Callable[[Session], object] | None = None
) -> Iterator[OpenIncident]:
    """The incident of a request in a transaction that can be undone, where the act says so.

    ``first``: locks what others lock before an incident.

    Raises:
        SimultaneousError: the same form did it since `done_before` looked.
        UsageError: the act ended the incident, and what still runs there has no answer in the request.

    """
    with context.undoable() as session:
        reader = reader_of(context)
        if first is not None:
            first(session)
        incident = find_incident(session, reader, request.reference, lock=True)
        once = once_of(context, request) if isinstance(request, IncidentAddition) else None
        if once and known_entry(session, reader, once) is not None:  # not yet when `done_before` looked
            raise SimultaneousError(say("The same was done at this moment."))
        before, opened = incident.state, OpenIncident(context, session, reader, incident, author_of(session, context))
        yield opened
        if incident.state != before:
            from tocsin.incidents.endings import check_answered

            check_answered(opened, before, request)


def once_of(context: ActContext, request: IncidentAddition) -> str | None:
    """The name of the form that something came by, of this person and act alone."""
    act = context.act.operation if context.act else ""
    return f"{context.keyed_by or context.actor}/{act}/{request.once}" if request.once else None


def done_before(context: ActContext, request: IncidentAddition) -> IncidentResult | None:
    """What the same form did when it came before; None: it is here for the first time."""
    if (once := once_of(context, request)) is None:
        return None
    with context.database.reading() as session:
        known = known_entry(session, reader_of(context), once)
        return None if known is None else state_of(known)


def marking_for(context: ActContext, incident: Incident, request: OwnMarking) -> str:
    """The marking of something new in an incident, and why: that of the incident, where the request names none.

    Raises:
        UsageError: it is less strict than the incident's, and nobody says why.

    """
    tlp = request.tlp or incident.tlp
    check_lowered(incident, tlp, kept(context, request.tlp_reason))
    return tlp


def check_lowered(incident: Incident, tlp: str, reason: str) -> None:
    """Whether a marking is less strict than that of an incident without a reason. Raises UsageError."""
    if not reason.strip() and read_tlp(tlp).rank < read_tlp(incident.tlp).rank:
        raise UsageError(
            say("Say why: %(reference)s is TLP:%(tlp)s.", reference=incident.reference, tlp=incident.tlp),
            hint=say("Give a reason for the less strict marking, or keep the marking of the incident."),
        )


def kept(context: ActContext, text: str) -> str:
    """A text as it may be kept here: without what must never be held."""
    return IntakeFilter(context.node, "incidents").kept_text(text) if text else ""


def person_of(session: Session, context: ActContext) -> int:
    """The number of who acts; a command says whose account it is."""
    if context.person is not None:
        return context.person
    if not context.name:
        raise UsageError("Who is it?", hint="Add --as with the email address or number of an account.")
    return worker(session, context.name).id


def author_of(session: Session, context: ActContext) -> str:
    """Whose word an entry is: that of the account that a command was given, else of who acts."""
    person = account_of(session, context)
    return context.actor if person == context.person else f"person:{person}"


def account_of(session: Session, context: ActContext) -> int | None:
    """The number of who acts, or of the account that a command was given; None where it was given none."""
    return person_of(session, context) if context.person is not None or context.name else None


def worker(session: Session, named: str) -> Person:
    """The account of somebody who may work on incidents.

    Raises:
        UsageError: the account may not.

    """
    found = find_person(session, named)
    if not _may(found.role, Permission.INCIDENTS_WRITE, blocked=found.blocked_at is not None):
        raise UsageError(
            say("%(name)s may not work on incidents.", name=found.name),
            hint=say("Choose a manager, analyst or administrator."),
        )
    return found


def people_for(session: Session, permission: Permission) -> list[Person]:
    """The people whose role has a permission, by name; nobody who is blocked."""
    here = select(Person).where(Person.removed_at.is_(None), Person.blocked_at.is_(None))
    found = session.scalars(here.order_by(Person.name, Person.id))
    return [one for one in found if _may(one.role, permission, blocked=False)]


def may_read(session: Session, incident: Incident, person: int, now: datetime) -> bool:
    """Whether a person may read an incident."""
    return not is_restricted(incident) or incident.compartment_id in compartments_of(
        session, IncidentReader(person, now)
    )


def _may(role: str, permission: Permission, *, blocked: bool) -> bool:
    return not blocked and Principal(AccountRole(role)).may(permission)


def incident_act(
    word: str, summary: str, function: Callable[[ActContext, Any], Any], *, path: str = "", **more: Any
) -> Act:
    """An act on an incident. ``word``: its command; ``path``: the end of its address, if that is not the same."""
    place = "/incidents/{reference}/" + (path or word)
    defaults = {
        "noun": "incident", "permission": Permission.INCIDENTS_WRITE, "audit": (AuditAction.INCIDENT_ENTRY,),
        "command": f"incidents {word}", "route": place, "page": place, "arguments": ("reference",),
        "told": "{reference} {title}: {state}.", "name": word, "signed": SIGNED,
    }  # fmt: skip
    return Act(summary=summary, function=function, **{**defaults, **more})
