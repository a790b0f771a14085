"""Incidents that are merged, and who may read one: restricted, let in, taken out, let oneself in for a day."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field
from sqlalchemy.orm import Session

from tocsin.incidents.act_parts import (
    LINE,
    IncidentNamed,
    IncidentResult,
    OpenIncident,
    PersonName,
    Reason,
    account_of,
    changing,
    incident_act,
    kept,
    may_read,
    people_for,
    state_of,
)
from tocsin.incidents.contents import move_to_compartment
from tocsin.incidents.endings import DeadlineAnswers, settle
from tocsin.incidents.evidence import hold_facts, keep_holds
from tocsin.incidents.read import (
    TEAM,
    access_to_review,
    before_merge,
    find_incident,
    find_restricted,
    is_restricted,
    members_of,
    merged_family,
    merged_root,
    readable_by_all_of,
    references_by_number,
)
from tocsin.incidents.states import IncidentEntryKind, IncidentState
from tocsin.incidents.write import (
    add_compartment,
    add_entry,
    add_member,
    keep_reviews,
    remove_member,
)
from tocsin.interface import N_, Absence, ActContext, NoUndo, Reverse, Wording
from tocsin.node.accounts import Permission, Person, find_person
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.letters import ACCOUNT, queue_letter
from tocsin.node.sentences import say

if TYPE_CHECKING:
    from tocsin.incidents.models import Incident

LET_IN: Final = timedelta(hours=24)
"""So long somebody who lets himself in may read."""

_SUBJECT: Final = N_("Access to restricted incident %(reference)s")
_BODY: Final = N_(
    "%(name)s gained access to the restricted incident %(reference)s until %(until)s UTC.\n\n"
    "Reason: %(reason)s\n\n"
    "A second person must review this: it stays a to-do item until then.\n"
)


class MergeInto(DeadlineAnswers, IncidentNamed):
    """Which incident it belongs to."""

    into: Annotated[
        str, Wording(lacking=N_("Write the reference of the other incident."), proposed="incidents")
    ] = Field(
        min_length=1, max_length=60, title=N_("Reference of the other incident"),
        description="The reference of the other incident.", examples=["INC-4KX7-9M2P"],
    )  # fmt: skip


class IncidentReaders(IncidentNamed):
    """Who may read it."""

    persons: Annotated[
        tuple[str, ...],
        Wording(
            lacking=N_("Choose at least one person."), choices="readers",
            hint=N_("Nobody else finds it, with all that is in it. You are one of them."),
        ),
    ] = Field(
        min_length=1, max_length=100, title=N_("People who may read it"),
        description="Accounts, by email address or number; you are one of them.",
    )  # fmt: skip


class IncidentMember(IncidentNamed):
    """A person of a restricted incident."""

    person: Annotated[PersonName, Wording(choices="readers")] = Field(
        min_length=1, max_length=320, description="An account, by email address or number."
    )


class OwnAccess(IncidentNamed):
    """Why somebody lets himself in."""

    reason: Reason = Field(min_length=10, max_length=1_000, pattern=LINE, description="Why, in one line.")


class AccessReview(IncidentNamed):
    """Whose access was looked at."""

    person: int = Field(ge=1, le=2**31 - 1, title=N_("Person"), description="The number of the person.")


def merge(context: ActContext, request: MergeInto) -> IncidentResult:
    """Nothing is moved, so it can be unmerged at any time. Open tasks, and deadlines left running, go on in the other.

    Raises:
        ConflictError: it is merged already, they are one already, or some who read it may not read the other.
        UsageError: a deadline runs, and the request does not say what becomes of it.

    """
    with changing(context, request) as opened:
        incident = opened.live()
        into = find_incident(opened.session, opened.reader, request.into, lock=True)
        if merged_root(opened.session, opened.reader, into).id == incident.id:
            raise ConflictError(say("These are one incident already."))
        if not readable_by_all_of(into, incident):
            raise ConflictError(
                say("Not everybody who may read this incident may read the other."),
                hint=say("Restrict this one to the same people first, or open the other one."),
            )
        settle(opened, request)
        data = {"into": into.reference, "state": incident.state}
        incident.state, incident.merged_into = IncidentState.MERGED.value, into.id
        made = opened.enter(IncidentEntryKind.MERGE, data=data)
        if incident.compartment_id == into.compartment_id:  # else the other would name one that its readers cannot see
            opened.enter(IncidentEntryKind.MERGE, of=into, data={"from": incident.reference})
        return opened.done(made)


def unmerge(context: ActContext, request: IncidentNamed) -> IncidentResult:
    """It is as if it had never been merged, but for legal holds: those on the other incident stay on both.

    Raises:
        ConflictError: it is not merged.

    """
    with changing(context, request) as opened:
        incident = opened.incident
        if incident.state != IncidentState.MERGED or incident.merged_into is None:
            raise ConflictError(say("%(reference)s is not merged.", reference=incident.reference))
        into = _merged_into(opened)
        _keep_holds(opened)
        incident.state = before_merge(opened.session, incident).value
        incident.merged_into = None
        if into is not None and incident.compartment_id == into.compartment_id:
            opened.enter(IncidentEntryKind.MERGE, of=into, data={"without": incident.reference})
        return opened.done(opened.enter(IncidentEntryKind.MERGE, data={"out": True}))


def restrict(context: ActContext, request: IncidentReaders) -> IncidentResult:
    """Nobody else finds it, or anything in it. A lead who is not among them is unassigned.

    Raises:
        ConflictError: the person let himself in, for a time.

    """
    with changing(context, request) as opened:
        _check_decides(opened)
        chosen = {_reader(opened.session, one).id for one in request.persons}
        me = account_of(opened.session, context)
        chosen |= {me} if me else set()
        compartment = add_compartment(opened.session, chosen, **context.by)
        if is_restricted(opened.incident):
            keep_reviews(opened.session, opened.incident.compartment_id, compartment, now=context.now)
        return _resettle(opened, compartment, {"act": "restricted", "persons": sorted(chosen)}, chosen)


def unrestrict(context: ActContext, request: IncidentNamed) -> IncidentResult:
    """The whole team reads all that is in it.

    Raises:
        ConflictError: everybody reads it already, or the person let himself in, for a time.

    """
    with changing(context, request) as opened:
        _restricted(opened)
        _check_decides(opened)
        return _resettle(opened, TEAM, {"act": "opened"})


def let_in(context: ActContext, request: IncidentMember) -> IncidentResult:
    """The person reads all that is in it.

    Raises:
        ConflictError: everybody reads it, or the person let himself in, for a time.

    """
    with changing(context, request) as opened:
        incident, person = _restricted(opened), _reader(opened.session, request.person)
        if person.id == context.person:  # another is let in by him too, where nobody whom it names is left
            _check_decides(opened)
        if any(one.person == person.id and one.until is None for one in members_of(opened.session, incident)):
            return opened.done()
        add_member(opened.session, incident.compartment_id, person.id, **context.by)
        return opened.done(opened.enter(IncidentEntryKind.ACCESS, data={"act": "let-in", "persons": [person.id]}))


def take_out(context: ActContext, request: IncidentMember) -> IncidentResult:
    """What the person has read already cannot be taken back.

    Raises:
        ConflictError: the person leads it, or is the last who reads it; or who acts let himself in, for a time.

    """
    with changing(context, request) as opened:
        incident, person = _restricted(opened), find_person(opened.session, request.person)
        _check_decides(opened)
        if incident.lead == person.id:
            raise ConflictError(say("This person leads the incident."), hint=say("Assign it to another first."))
        if {one.person for one in members_of(opened.session, incident) if one.until is None} <= {person.id}:
            raise ConflictError(say("Nobody could read the incident any more."), hint=say("Let another in first."))
        if not remove_member(opened.session, incident.compartment_id, person.id, now=context.now):
            return opened.done()
        return opened.done(opened.enter(IncidentEntryKind.ACCESS, data={"act": "taken-out", "persons": [person.id]}))


def let_me_in(context: ActContext, request: OwnAccess) -> IncidentResult:
    """For 24 hours. The lead and the managers are written to, and a second person reviews it.

    Raises:
        NotFoundError: no restricted incident is called so.
        UsageError: a command has no person.

    """
    if context.person is None:
        raise UsageError(say("Sign in to do this."))
    reason = kept(context, request.reason)
    with context.database.begin() as session:
        incident = find_restricted(session, request.reference)
        until = context.now + LET_IN
        if may_read(session, incident, context.person, context.now):
            return state_of(incident)
        add_member(session, incident.compartment_id, context.person, until=until, reason=reason, **context.by)
        data = {"act": "let-me-in", "persons": [context.person], "until": until.isoformat()}
        made = add_entry(session, incident, IncidentEntryKind.ACCESS, text=reason, data=data, **context.by)
        for one in _managers(session, incident, context.person):
            values = {
                "reference": incident.reference, "name": context.name, "reason": reason,
                "until": f"{until:%Y-%m-%d %H:%M}",
            }  # fmt: skip
            language = one.language or context.node.settings.node.language
            queue_letter(
                session, key=f"incident-access:{made.id}:{one.id}", kind=ACCOUNT, mailbox=one.mailbox,
                subject=context.say(language, _SUBJECT, reference=incident.reference),
                body=context.say(language, _BODY, **values), now=context.now, about=f"incident:{incident.reference}",
            )  # fmt: skip
        return state_of(incident, made)


def review_access(context: ActContext, request: AccessReview) -> IncidentResult:
    """By another person than who let himself in.

    Raises:
        NotFoundError: there is nothing of this person to review.

    """
    with changing(context, request) as opened:
        found = [of for one, of in access_to_review(opened.session, opened.reader) if one.id == opened.incident.id]
        mine = [of for of in found if of.person == request.person]
        if not mine or context.person is None:
            raise NotFoundError(say("There is no access of this person to review."))
        for of in mine:
            of.reviewed_by = context.person
        data = {"act": "reviewed", "persons": [request.person]}
        return opened.done(opened.enter(IncidentEntryKind.ACCESS, data=data))


def _merged_into(opened: OpenIncident) -> "Incident | None":
    """What it was merged into, where its reader may read that."""
    found = references_by_number(opened.session, opened.reader, [opened.incident.merged_into])
    return next((find_incident(opened.session, opened.reader, one, lock=True) for one in found.values()), None)


def _keep_holds(opened: OpenIncident) -> None:
    """Let the legal holds that it is under by the merge stay on it."""
    for made in keep_holds(opened.session, opened.incident, opened.context.now):
        opened.enter(IncidentEntryKind.EVIDENCE, data=hold_facts(made))


def _resettle(
    opened: OpenIncident, compartment: int, data: dict[str, object], readers: set[int] | None = None
) -> IncidentResult:
    """Move an incident and what was merged into it to another compartment."""
    before = opened.live().compartment_id
    made = None
    for one in merged_family(opened.session, opened.reader, opened.incident):
        if one.compartment_id == before:
            if readers is not None and one.lead not in readers and one.lead is not None:
                one.lead = None
                one.state = IncidentState.NEW.value if one.state == IncidentState.OPEN else one.state
            move_to_compartment(opened.session, one, compartment)
            entry = opened.enter(IncidentEntryKind.ACCESS, of=one, data=data)
            made = made or entry
    return opened.done(made)


def _restricted(opened: OpenIncident) -> "Incident":
    if not is_restricted(opened.incident):
        raise ConflictError(say("Everybody of the team may read this incident."))
    return opened.incident


def _check_decides(opened: OpenIncident) -> None:
    """Whether who acts may say who reads: in a restricted incident, not who is in it for a time only."""
    mine = [one for one in members_of(opened.session, opened.incident) if one.person == opened.context.person]
    if mine and all(one.until is not None for one in mine):
        raise ConflictError(
            say("You have access to this incident for a time only."),
            hint=say("Those whom it names decide who else reads it. Let another person in who decides."),
        )


def _reader(session: Session, named: str) -> Person:
    found = find_person(session, named)
    if found.id not in {one.id for one in people_for(session, Permission.INCIDENTS_READ)}:
        raise UsageError(say("%(name)s may not read incidents.", name=found.name))
    return found


def _managers(session: Session, incident: "Incident", but: int) -> list[Person]:
    """Its lead and all who may let themselves in, but for one."""
    told = {one.id for one in people_for(session, Permission.INCIDENTS_ENTER)} | {incident.lead}
    return [one for one in people_for(session, Permission.INCIDENTS_READ) if one.id in told - {but}]


ACTS: Final = (
    incident_act(
        "merge", "Merge an incident into another", merge, title=N_("Merge into another"), button=N_("Merge"),
        undo=Reverse("unmerge"),
    ),
    incident_act("unmerge", "Unmerge an incident", unmerge, title=N_("Unmerge"), undo=Reverse("merge")),
    incident_act(
        "restrict", "Restrict an incident to some people", restrict, title=N_("Restrict"),
        undo=lambda _: say("Restricted"),
    ),
    incident_act(
        "unrestrict", "Open an incident to the whole team", unrestrict, title=N_("Open to the whole team"),
        undo=lambda _: say("Opened to the whole team"),
    ),
    incident_act(
        "let-in", "Let a person read a restricted incident", let_in, title=N_("Let a person read it"),
        undo=lambda _: say("Access given"),
    ),
    incident_act(
        "take-out", "Remove a person from a restricted incident", take_out, title=N_("Remove a person"),
        undo=lambda _: say("Access removed"),
    ),
    incident_act(
        "let-me-in", "Gain access to a restricted incident", let_me_in, title=N_("Access to a restricted incident"),
        button=N_("Get access"),
        notice=N_(
            "You may read it for 24 hours. Its lead and the managers get an email with your name and your reason, and "
            "a second person reviews it."
        ), permission=Permission.INCIDENTS_ENTER,
        command=Absence("A command has no person, whose access could be reviewed."),
        route=Absence("It is for a person at a page, who gives a reason."), page="/incidents/access",
        undo=NoUndo("The lead and the managers are written to."),
    ),
    incident_act(
        "review-access", "Review access to a restricted incident", review_access, title=N_("Mark as reviewed"),
        path="access/{person}/review", arguments=("reference", "person"),
        command=Absence("A command has no person, who reviews it."), undo=lambda _: say("Access reviewed"),
    ),
)  # fmt: skip
"""What can be done with who reads an incident, and with what belongs together."""
