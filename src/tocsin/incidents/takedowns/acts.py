"""What is done to have content taken down: proposed, asked for, looked at, refused, withdrawn, objected to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, Field

from tocsin.incidents.act_parts import (
    IncidentAddition,
    OpenIncident,
    changing,
    incident_act,
    kept,
    once_of,
    reader_of,
)
from tocsin.incidents.read import find_incident, known_entry, observables_of
from tocsin.incidents.states import IncidentEntryKind, ObservableRole
from tocsin.incidents.takedowns import outside
from tocsin.incidents.takedowns.mails import REMINDER, REQUEST, send_mails
from tocsin.incidents.takedowns.models import TakedownRecipient
from tocsin.incidents.takedowns.proposal import (
    KINDS,
    TakedownTarget,
    proposals,
    read_targets,
    target_of,
)
from tocsin.incidents.takedowns.read import (
    TakedownRow,
    find_takedowns,
    recipients_of,
    sightings_of,
    takedowns_of,
)
from tocsin.incidents.takedowns.requests import (
    MOST,
    NewTakedowns,
    TakedownReason,
    TakedownReminder,
    TakedownRequest,
    TakedownSeen,
    TakedownsNamed,
)
from tocsin.incidents.takedowns.states import (
    OPEN,
    ContentState,
    TakedownRole,
    TakedownState,
)
from tocsin.incidents.takedowns.write import (
    SightingFacts,
    TakedownTerms,
    add_recipients,
    add_takedown,
    next_look,
    record_sighting,
)
from tocsin.incidents.threads import open_post
from tocsin.interface import N_, Act, ActContext, NoUndo, RequestError
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.sentences import say
from tocsin.sharing.gate import ReleaseAction

_MOST_OUTSIDE: Final = 10  # of one act that asks outside and waits for answers


class TakedownsResult(BaseModel):
    """What was done. ``takedowns``: their numbers; ``known``: were there already; ``without``: have no contact.

    ``mails``: so many leave; ``unread``: lines without anything that can be taken down.
    """

    reference: str
    takedowns: list[int] = Field(default_factory=list)
    count: int = 0
    mails: int = 0
    known: int = 0
    without: int = 0
    unread: list[str] = Field(default_factory=list)


def propose(context: ActContext, request: NewTakedowns) -> TakedownsResult:
    """Nobody is asked, here or outside: who can take it down is what the directory and the tables of networks say.

    Raises:
        UsageError: there is nothing in it that can be taken down.
        RequestError: neither the request nor the settings say by which law or terms.

    """
    if (done := _done_before(context, request)) is not None:
        return done
    basis = request.basis or context.node.settings.takedowns.basis
    if not basis:
        hint = say("'basis' in [takedowns] of the settings says it for all.")
        raise RequestError([("basis", N_("Say by which law or terms."))], hint)
    targets, unread = read_targets(kept(context, request.text)) if request.text else (_indicators(context, request), [])
    if not targets:
        raise UsageError(say("There is no URL, name or address in this."))
    if len(targets) > MOST:
        raise UsageError(say("At most %(n)s take-downs are proposed at once.", n=MOST))
    terms = TakedownTerms(request.ground.value, kept(context, basis), kept(context, request.necessity), request.pap)
    seen = SightingFacts(ContentState.UP, kept(context, request.how), kept(context, request.place), context.now)
    recipients = proposals(context, targets)
    with changing(context, request) as opened:
        opened.live()
        rows = [add_takedown(opened, *of, terms, seen) for of in zip(targets, recipients, strict=True)]
        made = [one.id for one in rows if one is not None]
        if made:
            data = {"act": "proposed", "takedowns": made}
            opened.enter(IncidentEntryKind.TAKEDOWN, terms.necessity, data=data, once=once_of(context, request))
        without = [one for one, of in zip(rows, recipients, strict=True) if one is not None and not of]
        return TakedownsResult(
            reference=opened.incident.reference, takedowns=made, count=len(made), known=len(rows) - len(made),
            without=len(without), unread=unread,
        )  # fmt: skip


def ask(context: ActContext, request: TakedownRequest) -> TakedownsResult:
    """One mail for each recipient, with all that it shall remove, the ground, and how to object. It is a party then.

    Raises:
        WithheldError: the PAP label of one of them forbids it.
        RequestError: the gate says no.
        ConflictError: nobody of this kind is known, or all were asked.

    """

    def chosen(rows: Sequence[TakedownRow], there: Mapping[int, list[TakedownRecipient]]) -> _Chosen:
        live = [row for row in rows if row.takedown.state in OPEN]
        pairs = [(row, one) for row in live for one in there.get(row.takedown.id, ()) if one.role == request.role]
        if not (new := [(row, one) for row, one in pairs if one.asked_at is None]):
            raise ConflictError(
                say("All of them were asked already.") if pairs else say("No contact of this kind is known."),
                hint=say("Choose others, or look up who else can do it."),
            )
        return new

    return _write(context, request, chosen, template=REQUEST, act="asked")


def remind(context: ActContext, request: TakedownReminder) -> TakedownsResult:
    """Who was asked last gets another mail with all that is still to be removed.

    Raises:
        WithheldError: the PAP label of one of them forbids it.
        RequestError: the gate says no.
        ConflictError: none of them was asked for, or all are gone or withdrawn.

    """

    def chosen(rows: Sequence[TakedownRow], there: Mapping[int, list[TakedownRecipient]]) -> _Chosen:
        live = [row for row in rows if row.takedown.state == TakedownState.ASKED]
        last = [(row, [one for one in there.get(row.takedown.id, ()) if one.asked_at]) for row in live]
        if not (found := [(row, max(asked, key=lambda one: (one.asked_at, one.id))) for row, asked in last if asked]):
            raise ConflictError(say("None of them waits for an answer."), hint=say("Ask for them first."))
        return found

    return _write(context, request, chosen, template=REMINDER, act="reminded")


def saw(context: ActContext, request: TakedownSeen) -> TakedownsResult:
    """Only this makes a take-down gone. What is seen there again is asked for again."""
    how, place = kept(context, request.how), kept(context, request.place)
    at = request.happened_at or context.now
    if at > context.now:
        raise RequestError([("happened_at", N_("This is in the future."))], "")
    facts = SightingFacts(request.seen, how, place, at)
    return _on_each(
        context, request, "seen", lambda opened, row: record_sighting(opened, row.takedown, facts),
        seen=request.seen.value, text=how, happened_at=at,
    )  # fmt: skip


def check(context: ActContext, request: TakedownsNamed) -> TakedownsResult:
    """This node asks the host itself, once, follows no redirect and keeps nothing of the content.

    Raises:
        UsageError: the settings do not allow it, or these are too many.
        WithheldError: the PAP label of one of them forbids touching it.

    """
    settings = context.node.settings
    if not settings.takedowns.fetch:
        raise UsageError(
            say("This node does not look at content itself."),
            hint=say("'fetch' in [takedowns] of the settings allows it."),
        )
    seen = {}
    here = settings.node.name
    for number, (target, _) in _outside_of(context, request, ReleaseAction.ACTIVE).items():
        found = outside.addresses_of(target.name, settings.directory.resolver) if target.name else [target.address]
        seen[number] = SightingFacts(*outside.fetch(target, found), here, context.now)
    return _on_each(
        context, request, "checked",
        lambda opened, row: record_sighting(opened, row.takedown, seen[row.takedown.id]),
        results={str(number): one.seen.value for number, one in seen.items()},
    )  # fmt: skip


def look_up(context: ActContext, request: TakedownsNamed) -> TakedownsResult:
    """DNS and the registries are asked about what is not known here, as far as settings and PAP allow.

    Raises:
        WithheldError: the PAP label of one of them forbids it; nothing is asked then.
        UsageError: this node does not ask registries, or these are too many.
        RemoteError: one of them does not answer.

    """
    asked = _outside_of(context, request, ReleaseAction.LOOKUP)
    found = {
        number: replace(target, address=outside.address_of(context, target)) for number, (target, _) in asked.items()
    }
    for (number, target), recipients in zip(found.items(), proposals(context, [*found.values()]), strict=True):
        roles, pap = {one.role for one in recipients}, asked[number][1]
        if target.address and TakedownRole.HOST not in roles:
            outside.ask_registry(context, target.address, pap)
        if target.registered and TakedownRole.REGISTRAR not in roles:
            outside.ask_registry(context, target.registered, pap)
    known = dict(zip(found, proposals(context, [*found.values()]), strict=True))

    def add(opened: OpenIncident, row: TakedownRow) -> None:
        number = row.takedown.id
        there = {one.role for one in recipients_of(opened.session, opened.reader, [row]).get(number, ())}
        new = [one for one in known[number] if one.role not in there]
        add_recipients(opened, row.takedown, found[number].address, new)

    return _on_each(context, request, "looked-up", add)


def refuse(context: ActContext, request: TakedownReason) -> TakedownsResult:
    """It is a to-do item at once: the next one can be asked."""

    def refused(opened: OpenIncident, row: TakedownRow) -> None:
        if row.takedown.state != TakedownState.ASKED:
            raise ConflictError(say("Nobody was asked for this yet, or it is over."))
        row.takedown.state, row.takedown.due_at = TakedownState.REFUSED.value, opened.context.now

    return _on_each(context, request, "refused", refused, text=kept(context, request.reason))


def withdraw(context: ActContext, request: TakedownReason) -> TakedownsResult:
    """No mail leaves by this; write to the party where it should know."""

    def withdrawn(_: OpenIncident, row: TakedownRow) -> None:
        row.takedown.state, row.takedown.due_at = TakedownState.WITHDRAWN.value, None

    return _on_each(context, request, "withdrawn", withdrawn, text=kept(context, request.reason))


def record_objection(context: ActContext, request: TakedownReason) -> TakedownsResult:
    """An objection came, by mail or otherwise. It is shown, and a to-do item, until it is answered."""

    def objected(opened: OpenIncident, row: TakedownRow) -> None:
        row.takedown.objected_at, row.takedown.answered_at = opened.context.now, None

    return _on_each(context, request, "objected", objected, text=kept(context, request.reason))


def answer_objection(context: ActContext, request: TakedownReason) -> TakedownsResult:
    """What was answered goes into the timeline. Withdraw the take-down where the objection is right."""

    def answered(opened: OpenIncident, row: TakedownRow) -> None:
        if not row.is_disputed:
            raise ConflictError(say("No objection waits for an answer."))
        row.takedown.answered_at = opened.context.now

    return _on_each(context, request, "answered", answered, text=kept(context, request.reason))


_Chosen = Sequence[tuple[TakedownRow, TakedownRecipient]]


def _write(
    context: ActContext,
    request: TakedownRequest | TakedownReminder,
    choose: Callable[[Sequence[TakedownRow], Mapping[int, list[TakedownRecipient]]], _Chosen],
    *,
    template: str,
    act: str,
) -> TakedownsResult:
    """Mails to those who are chosen, with what they say noted, all in one transaction."""
    if (done := _done_before(context, request)) is not None:
        return done
    post, once = open_post(context), once_of(context, request)
    with changing(context, request) as opened:
        rows = find_takedowns(opened.session, opened.reader, opened.incident, request.takedowns)
        outside.check_pap(((one.takedown.pap, one.observable.value) for one in rows), ReleaseAction.LOOKUP)
        there = recipients_of(opened.session, opened.reader, rows).items()
        chosen = choose(rows, {number: [one for one in found if one.mailbox] for number, found in there})
        seen = sightings_of(opened.session, opened.reader, rows)
        mails = send_mails(opened, post, chosen, seen, template=template, tlp=request.tlp or "")
        for row, _ in chosen:
            row.takedown.state, row.takedown.due_at = TakedownState.ASKED.value, next_look(context)
            row.takedown.asked_at = row.takedown.asked_at or context.now
        for party, about in mails:
            data = {"act": act, "takedowns": [one.takedown.id for one in about]}
            opened.enter(IncidentEntryKind.TAKEDOWN, data=data, party=party, once=once)
            once = None  # it names one entry
        numbers = [row.takedown.id for row, _ in chosen]
        return TakedownsResult(
            reference=opened.incident.reference, takedowns=numbers, count=len(set(numbers)), mails=len(mails)
        )


def _on_each(
    context: ActContext,
    request: TakedownsNamed,
    act: str,
    do: Callable[[OpenIncident, TakedownRow], None],
    *,
    text: str = "",
    happened_at: datetime | None = None,
    **data: Any,
) -> TakedownsResult:
    """Do something to each take-down of a request, with one entry for all."""
    if (done := _done_before(context, request)) is not None:
        return done
    with changing(context, request) as opened:
        rows = find_takedowns(opened.session, opened.reader, opened.incident, request.takedowns)
        for row in rows:
            do(opened, row)
        numbers = [one.takedown.id for one in rows]
        opened.enter(
            IncidentEntryKind.TAKEDOWN, text, data={"act": act, "takedowns": numbers, **data}, happened_at=happened_at,
            once=once_of(context, request),
        )  # fmt: skip
        return TakedownsResult(reference=opened.incident.reference, takedowns=numbers, count=len(numbers))


def _done_before(context: ActContext, request: IncidentAddition) -> TakedownsResult | None:
    """What the same form did when it came before; None: it is here for the first time."""
    if (once := once_of(context, request)) is None:
        return None
    with context.database.reading() as session:
        known = known_entry(session, reader_of(context), once)
        return None if known is None else TakedownsResult(reference=known.reference)


def _indicators(context: ActContext, request: NewTakedowns) -> list[TakedownTarget]:
    """What the incident has that can be taken down, and is not asked for yet."""
    with context.database.reading() as session:
        reader = reader_of(context)
        incident = find_incident(session, reader, request.reference)
        known = {one.observable.id for one in takedowns_of(session, reader, [incident])}
        found = [
            one
            for one in observables_of(session, reader, [incident])
            if one.role == ObservableRole.INDICATOR and one.kind in KINDS and one.id not in known
        ]
        return [target_of(one.kind, one.value) for one in found]


def _outside_of(
    context: ActContext, request: TakedownsNamed, action: ReleaseAction
) -> dict[int, tuple[TakedownTarget, str]]:
    """What outsiders are asked about, with its PAP label; nobody is where one of them may not be asked about."""
    with context.database.reading() as session:
        reader = reader_of(context)
        incident = find_incident(session, reader, request.reference)
        rows = find_takedowns(session, reader, incident, request.takedowns, lock=False)
        outside.check_pap(((one.takedown.pap, one.observable.value) for one in rows), action)
        if len(rows) > _MOST_OUTSIDE:
            raise UsageError(say("Outsiders are asked about at most %(n)s at once.", n=_MOST_OUTSIDE))
        return {
            one.takedown.id: (
                target_of(one.observable.kind, one.observable.value, one.takedown.address),
                one.takedown.pap,
            )
            for one in rows
        }


def _takedown_act(word: str, summary: str, function: Callable[[ActContext, Any], Any], said: str, **more: Any) -> Act:
    """``said``: the notice by which it can be undone."""
    place = "/incidents/{reference}/takedowns" + ("" if word == "propose" else f"/{word}")
    defaults = {
        "noun": "takedowns", "command": f"takedowns {word}", "route": place, "page": place,
        "arguments": ("reference", "takedowns"), "told": "{reference}: {count} take-downs, {mails} mails.",
        "undo": lambda _: said,
    }  # fmt: skip
    return incident_act(word, summary, function, **{**defaults, **more})


ACTS: Final = (
    _takedown_act(
        "propose", "Propose take-downs", propose, say("Take-downs proposed"), title=N_("Propose take-downs"),
        arguments=("reference",), makes=True,
        told="{reference}: {count} take-downs proposed, {without} without a contact, {known} known.",
    ),
    _takedown_act(
        "look-up", "Look up who can take it down", look_up, say("Contacts looked up"), title=N_("Look up contacts"),
    ),
    _takedown_act(
        "ask", "Ask for a take-down", ask, say("Take-downs asked for"), title=N_("Ask for a take-down"), makes=True,
    ),
    _takedown_act(
        "remind", "Remind who was asked for a take-down", remind, say("Reminders sent"), title=N_("Send a reminder"),
        makes=True,
    ),
    _takedown_act(
        "saw", "Record what was seen of a take-down", saw, say("Sighting recorded"), title=N_("Record a sighting"),
        makes=True,
    ),
    _takedown_act(
        "check", "Check whether content is still there", check, "", title=N_("Check the content"), makes=True,
        undo=NoUndo("It was seen; another sighting says otherwise."),
    ),
    _takedown_act(
        "refuse", "Record that a take-down was refused", refuse, say("Refusal recorded"), title=N_("Record a refusal"),
    ),
    _takedown_act(
        "withdraw", "Withdraw a take-down", withdraw, say("Take-downs withdrawn"), title=N_("Withdraw take-downs"),
    ),
    _takedown_act(
        "object", "Record an objection to a take-down", record_objection, say("Objection recorded"),
        title=N_("Record an objection"),
    ),
    _takedown_act(
        "answer", "Record the answer to an objection", answer_objection, say("Answer recorded"),
        title=N_("Record an answer to an objection"),
    ),
)  # fmt: skip
"""What can be done with take-downs."""
