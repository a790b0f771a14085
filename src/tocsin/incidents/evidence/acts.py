"""What is done with evidence: added, attached, moved along its chain of custody, destroyed, held by order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import IO, Any, Final

from pydantic import Field
from sqlalchemy import select

from tocsin.incidents.act_parts import (
    IncidentResult,
    OpenIncident,
    changing,
    done_before,
    incident_act,
    kept,
    marking_for,
    once_of,
)
from tocsin.incidents.arrivals import PublicFile, PublicReport, find_report, mails_of, reports_in
from tocsin.incidents.evidence.files import KeptFile, keep_bytes, keep_file
from tocsin.incidents.evidence.models import IncidentEvidence
from tocsin.incidents.evidence.read import check_hold, find_evidence, find_hold, is_in_force
from tocsin.incidents.evidence.requests import (
    CustodyChange,
    Destruction,
    EvidenceFromMail,
    EvidenceFromReport,
    EvidenceNamed,
    EvidenceSource,
    HoldNamed,
    NewEvidence,
    NewHold,
)
from tocsin.incidents.evidence.states import (
    CustodyStep,
    EvidenceKind,
    EvidenceState,
    state_after,
)
from tocsin.incidents.evidence.write import add_hold, add_item, check_quota, delete_file, hold_facts
from tocsin.incidents.models import IncidentEntry
from tocsin.incidents.read import merged_family
from tocsin.incidents.states import IncidentEntryKind
from tocsin.incidents.threads import find_party_thread, find_thread_mail
from tocsin.interface import N_, Act, ActContext, NoUndo
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.records import cut
from tocsin.node.sentences import say, say_count


class EvidenceResult(IncidentResult):
    """Besides: the numbers of the items."""

    evidence: list[int] = Field(default_factory=list)


class HoldResult(IncidentResult):
    """Besides: the number of the hold."""

    hold: int = 0


class DestructionResult(EvidenceResult):
    """Besides: whether it is destroyed; else a second person must confirm it."""

    destroyed: bool = False


@dataclass(frozen=True)
class NewFile:
    """A file that is going to be evidence, with its name as it came."""

    name: str
    stream: IO[bytes]


def add(context: ActContext, request: NewEvidence) -> EvidenceResult:
    """What it is, where, under which seal; of bytes their hash and size, by which they are known again."""
    if (done := done_before(context, request)) is not None:
        return EvidenceResult(**done.model_dump())
    with changing(context, request) as opened:
        made = add_item(
            opened.session, opened.incident, name=kept(context, request.name), kind=request.kind,
            sha256=request.sha256.lower(), size=request.size, kept=False, seal=request.seal, place=request.place,
            tlp=marking_for(context, opened.incident, request), now=context.now,
        )  # fmt: skip
        return _received(opened, request, [made])


def add_files(context: ActContext, request: EvidenceSource, files: Sequence[NewFile]) -> EvidenceResult:
    """Files as items, whole and unopened, each under its hash.

    Raises:
        InputError: one is too large, empty, or may not be kept whole.
        ConflictError: so much may not be kept.

    """
    if (done := done_before(context, request)) is not None:
        return EvidenceResult(**done.model_dump())
    stored = [(one.name, keep_file(context.node, one.stream, context.now)) for one in files]
    return _add_stored(context, request, stored)


def attach_report(context: ActContext, request: EvidenceFromReport) -> EvidenceResult:
    """Its files, and its mails as they came, with their headers. The report keeps them, too.

    Raises:
        NotFoundError: the report is not in this incident.
        UsageError: it has no file and no mail.

    """
    if (done := done_before(context, request)) is not None:
        return EvidenceResult(**done.model_dump())
    node = context.node
    with changing(context, request) as opened:
        report = _report_in(opened, request.report)
        rows = opened.session.scalars(select(PublicFile).where(PublicFile.report_id == report.id)).all()
        found = [(one.name, node.inbox.read(one.sha256)) for one in rows]
        found += [(f"mail-{one.id}.eml", node.mailroom.read(one.sha256)) for one in mails_of(opened.session, report)]
        if not found:
            raise UsageError(say("This report has no files and no mails."))
        stored = [(name, keep_bytes(node, content, context.now)) for name, content in found]
        return _add_to(opened, request, stored, {"report": report.reference})


def attach_mail(context: ActContext, request: EvidenceFromMail) -> EvidenceResult:
    """With its headers and attachments, byte by byte.

    Raises:
        NotFoundError: there is no such mail, or it is one of ours.

    """
    if (done := done_before(context, request)) is not None:
        return EvidenceResult(**done.model_dump())
    with changing(context, request) as opened:
        found = find_party_thread(opened.session, opened.reader, request.reference, request.party)
        mail = find_thread_mail(opened.session, opened.reader, found.thread, request.mail)
        if mail.sha256 is None:
            raise NotFoundError(say("There is no such mail."))
        content = context.node.mailroom.read(mail.sha256)
        stored = [(f"mail-{mail.id}.eml", keep_bytes(context.node, content, context.now))]
        return _add_to(opened, request, stored, {"mail": mail.id})


def record(context: ActContext, request: CustodyChange) -> EvidenceResult:
    """It is an entry of its own, and is never changed.

    Raises:
        ConflictError: it cannot follow, as when the item is destroyed or with somebody else.
        UsageError: it is destroyed by another act.

    """
    if (done := done_before(context, request)) is not None:
        return EvidenceResult(**done.model_dump())
    if request.step is CustodyStep.DESTROYED:
        raise UsageError(say("Destroying is an act of its own."), hint=say("Choose Destroy."))
    with changing(context, request) as opened:
        item = find_evidence(opened.session, opened.reader, opened.incident, request.evidence)
        state = state_after(EvidenceState(item.state), request.step, kept=item.kept)
        if state is None:
            raise ConflictError(
                say("The item is not here, or it is destroyed."),
                hint=say("Record that it was received again, where it came back."),
            )
        item.state, item.seal = state.value, request.seal or item.seal
        item.place = request.place or ("" if request.step is CustodyStep.HANDED else item.place)
        data = {
            "act": request.step.value, **_facts(item), "person": kept(context, request.person),
            "how": kept(context, request.how),
        }  # fmt: skip
        once = once_of(context, request)
        made = opened.enter(
            IncidentEntryKind.EVIDENCE, data=data, of=item, tlp=item.tlp, happened_at=request.happened_at, once=once
        )
        return EvidenceResult(**opened.done(made).model_dump(), evidence=[item.id])


def destroy(context: ActContext, request: Destruction) -> DestructionResult:
    """Its file is deleted here; of a thing it is noted. The settings say whether a second person must confirm it.

    Raises:
        ConflictError: the incident is under a legal hold, or the item is destroyed already, or not here.

    """
    reason = kept(context, request.reason)
    with changing(context, request) as opened:
        item = find_evidence(opened.session, opened.reader, opened.incident, request.evidence)
        if state_after(EvidenceState(item.state), CustodyStep.DESTROYED, kept=item.kept) is None:
            raise ConflictError(say("The item is not here, or it is destroyed."))
        check_hold(opened.session, [item.incident_id], context.now)
        two = context.node.settings.evidence.second_person
        asked = two and item.destroy_by in {"", opened.author}
        if asked and item.destroy_by:
            raise ConflictError(say("A second person must confirm that it is destroyed."))
        data = {"act": "destroy-asked" if asked else CustodyStep.DESTROYED.value, **_facts(item)}
        if asked:
            item.destroy_by = opened.author
        else:
            data["asked_by"] = item.destroy_by or opened.author
            item.state, item.kept = EvidenceState.DESTROYED.value, False
        made = opened.enter(IncidentEntryKind.EVIDENCE, reason, data=data, of=item, tlp=item.tlp)
        done = DestructionResult(**opened.done(made).model_dump(), evidence=[item.id], destroyed=not asked)
        digest = item.sha256
        cut("evidence.destroying")
    cut("evidence.destroyed")
    if done.destroyed:
        with context.database.begin() as session:
            delete_file(session, context.node.incident_evidence, digest)
    return done


def keep_item(context: ActContext, request: EvidenceNamed) -> EvidenceResult:
    """Nobody asks for it to be destroyed any more."""
    with changing(context, request) as opened:
        item = find_evidence(opened.session, opened.reader, opened.incident, request.evidence)
        if not item.destroy_by or item.state == EvidenceState.DESTROYED:
            return EvidenceResult(**opened.done().model_dump(), evidence=[item.id])
        item.destroy_by = ""
        data = {"act": "kept", **_facts(item)}
        made = opened.enter(IncidentEntryKind.EVIDENCE, data=data, of=item, tlp=item.tlp)
        return EvidenceResult(**opened.done(made).model_dump(), evidence=[item.id])


def hold(context: ActContext, request: NewHold) -> HoldResult:
    """Retention, purges and who works on it delete nothing of it, nor of its reports of the inbox."""
    if (done := done_before(context, request)) is not None:
        return HoldResult(**done.model_dump())
    with changing(context, request) as opened:
        who = kept(context, request.ordered_by)
        made = add_hold(
            opened.session, opened.incident, ordered_by=who, order_reference=request.order_reference,
            until=request.until, now=context.now,
        )  # fmt: skip
        entry = opened.enter(IncidentEntryKind.EVIDENCE, data=hold_facts(made), once=once_of(context, request))
        return HoldResult(**opened.done(entry).model_dump(), hold=made.id)


def lift(context: ActContext, request: HoldNamed) -> HoldResult:
    """What was kept only for it goes with the next retention."""
    reason = kept(context, request.reason)
    with changing(context, request) as opened:
        found = find_hold(opened.session, opened.reader, opened.incident, request.hold)
        if not is_in_force(found, context.now):
            return HoldResult(**opened.done().model_dump(), hold=found.id)
        found.lifted_at = context.now
        data = {"act": "lifted", "hold": found.id, "who": found.ordered_by}
        entry = opened.enter(IncidentEntryKind.EVIDENCE, reason, data=data, of=found)
        return HoldResult(**opened.done(entry).model_dump(), hold=found.id)


def copied(context: ActContext, request: EvidenceNamed) -> IncidentEvidence:
    """Note that somebody takes a copy of a file; the item.

    Raises:
        NotFoundError: there is no such item, or its bytes are not kept here.

    """
    with changing(context, request) as opened:
        item = find_evidence(opened.session, opened.reader, opened.incident, request.evidence)
        if not item.kept:
            raise NotFoundError(say("The file of this item is not kept here."))
        data = {"act": CustodyStep.COPIED.value, **_facts(item), "how": "download"}
        opened.enter(IncidentEntryKind.EVIDENCE, data=data, of=item, tlp=item.tlp)
        return item


def _add_stored(context: ActContext, request: EvidenceSource, stored: Sequence[tuple[str, KeptFile]]) -> EvidenceResult:
    with changing(context, request) as opened:
        return _add_to(opened, request, stored, {})


def _add_to(
    opened: OpenIncident, request: EvidenceSource, stored: Sequence[tuple[str, KeptFile]], more: dict[str, Any]
) -> EvidenceResult:
    made, marking = [], marking_for(opened.context, opened.incident, request)
    for name, file in stored:
        check_quota(opened.session, opened.incident, file.size, opened.context.node.settings.evidence)
        if file.sha256 not in opened.context.node.incident_evidence:
            raise ConflictError(say("The same file was destroyed at this moment."), hint=say("Add it again."))
        made.append(
            add_item(
                opened.session,
                opened.incident,
                name=kept(opened.context, _plain(name)),
                kind=EvidenceKind.FILE,
                sha256=file.sha256,
                size=file.size,
                kept=True,
                seal=request.seal,
                place=request.place,
                tlp=marking,
                now=opened.context.now,
            )
        )
    return _received(opened, request, made, more)


def _received(
    opened: OpenIncident, request: EvidenceSource, items: Sequence[IncidentEvidence], more: dict[str, Any] | None = None
) -> EvidenceResult:
    """The first entry of each item; only that of the first has the name of the form."""
    context = opened.context
    entries: list[IncidentEntry] = []
    why = {"tlp_reason": kept(context, request.tlp_reason)} if request.tlp_reason else {}
    for item in items:
        data = {
            "act": CustodyStep.RECEIVED.value, **_facts(item), "person": kept(context, request.received_from),
            "how": kept(context, request.how), **(more or {}), **why,
        }  # fmt: skip
        once = None if entries else once_of(context, request)
        entries.append(
            opened.enter(
                IncidentEntryKind.EVIDENCE, data=data, tlp=item.tlp, happened_at=request.happened_at, once=once
            )
        )
    return EvidenceResult(**opened.done(entries[0]).model_dump(), evidence=[one.id for one in items])


def _facts(item: IncidentEvidence) -> dict[str, Any]:
    """What each entry says of its item."""
    return {
        "evidence": item.id, "name": item.name, "sha256": item.sha256, "size": item.size, "seal": item.seal,
        "place": item.place,
    }  # fmt: skip


def _report_in(opened: OpenIncident, reference: str) -> PublicReport:
    report = find_report(opened.session, opened.reader, reference)
    family = merged_family(opened.session, opened.reader, opened.incident)
    if all(one.id != report.id for one in reports_in(opened.session, opened.reader, family)):
        raise NotFoundError(say("The report %(reference)s is not in this incident.", reference=report.reference))
    return report


def _plain(name: str) -> str:
    """The last part of a file's name, on one line."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(one for one in last if one.isprintable())[:300].strip() or "file"


def with_files(context: ActContext, request: EvidenceSource) -> EvidenceResult:
    """The files come beside the request, so each door calls `add_files` itself."""
    return add_files(context, request, ())


_OF_ITEM: Final = ("reference", "evidence")
ACTS: Final[tuple[Act, ...]] = (
    incident_act(
        "add-evidence", "Add an item of evidence that is kept elsewhere", add,
        title=N_("Add an item that is kept elsewhere"), path="evidence", name="add", noun="evidence of incident",
        command="evidence add", makes=True, undo=lambda n: say_count("%(n)s item added", "%(n)s items added", n),
    ),
    incident_act(
        "attach-report", "Make the files and mails of a report evidence", attach_report,
        title=N_("Add the files of a report"), path="evidence/report", name="attach-report",
        noun="evidence of incident", command="evidence attach-report", makes=True, arguments=("reference", "report"),
        undo=lambda n: say_count("%(n)s item added", "%(n)s items added", n),
    ),
    incident_act(
        "attach-mail", "Make a mail of a party evidence", attach_mail, title=N_("Add a mail"), path="evidence/mail",
        name="attach-mail", noun="evidence of incident", command="evidence attach-mail", makes=True,
        undo=lambda n: say_count("%(n)s item added", "%(n)s items added", n),
    ),
    incident_act(
        "custody", "Record a step in the chain of custody", record, title=N_("Record custody"),
        path="evidence/{evidence}/custody", name="record", noun="custody of incident", command="evidence record",
        arguments=_OF_ITEM, makes=True, undo=lambda _: say("Chain of custody recorded"),
    ),
    incident_act(
        "destroy-evidence", "Destroy an item of evidence", destroy, title=N_("Destroy"),
        path="evidence/{evidence}/destroy", name="destroy", noun="evidence of incident", command="evidence destroy",
        arguments=_OF_ITEM, undo=NoUndo("What is destroyed is gone; the form names it and asks for a reason."),
    ),
    incident_act(
        "keep-evidence", "Do not destroy an item after all", keep_item, title=N_("Keep"),
        path="evidence/{evidence}/keep", name="keep", noun="evidence of incident", command="evidence keep",
        arguments=_OF_ITEM, undo=lambda _: say("Item kept"),
    ),
    incident_act(
        "hold", "Put an incident under a legal hold", hold, title=N_("Add legal hold"), path="holds", name="add",
        noun="legal hold of incident", command="evidence hold", makes=True, undo=lambda _: say("Legal hold added"),
    ),
    incident_act(
        "lift-hold", "Lift a legal hold", lift, title=N_("Lift legal hold"), path="holds/{hold}/lift", name="lift",
        noun="legal hold of incident", command="evidence lift-hold", arguments=("reference", "hold"),
        undo=lambda _: say("Legal hold lifted"),
    ),
)  # fmt: skip
"""What can be done with evidence and legal holds."""

ADD_FILES: Final = replace(ACTS[0], function=with_files)
"""The first with the files themselves, whose request this reads."""
