"""The purge itself: the records in one transaction, then files, the event table, and what the database still holds.

Every step may be repeated, so that one that was killed is finished from its plan.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import column, or_, select, table, update
from sqlalchemy.orm import Session

from tocsin.delivery import find_mail as find_sent
from tocsin.delivery import purge_digest, purge_letter, take_events_out
from tocsin.delivery.mailbox import ReceivedMail
from tocsin.delivery.never_held import Reference, ReferenceState, note_reference
from tocsin.events import Ingest, purge_ingest, purge_rows
from tocsin.exchange.ledger import end_things, find_item, kept_files, made_of, recalled_versions
from tocsin.exchange.protocols import purge_incident
from tocsin.incidents import IncidentReader, erase_part, find_part, incident_numbers, letters_of_part
from tocsin.incidents.arrivals import delete_files, find_report, forget_mail, purge_report
from tocsin.incidents.evidence import delete_file, sweep_exports
from tocsin.node.errors import UsageError
from tocsin.node.files import disk_failures, sync_folder
from tocsin.node.letters import Letter
from tocsin.node.records import AuditAction, Tombstone, audit, cut, erase_typed, find_tombstone, forget_undos, sweep
from tocsin.operations.purge.plan import IngestPart, PurgePlan
from tocsin.operations.purge.references import PurgeKind, read_reference
from tocsin.pipeline.collectors import purge_refused
from tocsin.pipeline.comments import purge_comment, purge_comments
from tocsin.pipeline.kept_reports import forget_report
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.uploads import purge_upload, read_upload
from tocsin.problems.answers import Answer
from tocsin.problems.replies import purge_mail

TABLES: Final = (
    "ingest", "left_aside", "feed_alarm", "column_set", "delivery", "delivery_item", "letter", "received_mail",
    "mail_bounce", "answer", "verification", "inbox_report", "inbox_entry", "inbox_file", "inbox_observable", "upload",
    "collected", "collector", "audit_aside", "request_once", "comment", "undo", "incident_thread", "incident_mail",
    "incident_draft", "incident_entry", "incident_party", "incident_task", "incident_observable",
    "incident_evidence", "incident_takedown", "incident_takedown_recipient", "incident_takedown_sighting",
    "incident_sighting", "incident_population", "incident_text",
    "incident_notice", "inbox_release", "posted", "exchange_taxii_object", "misp_record", "incident", "incident_alias",
    "incident_clock", "exchange_incoming", "exchange_item", "exchange_outgoing", "exchange_passing", "exchange_case",
    "exchange_case_entry", "exchange_message",
)  # fmt: skip
"""The tables that hold what strangers sent; on PostgreSQL they are written anew."""

_ANSWERS: Final = table("request_once", column("body"), column("status"))  # of the API, kept for a day


def carry_out(node: NodeWithStores, plan: PurgePlan, *, reason: str, actor: str, now: datetime) -> None:
    """Purge here all that the plan names; what is on the mail server is another's. For the writer.

    ``reason``: a reference as the audit log has it, or empty.

    Raises:
        StorageError: a disk or database failed; nothing is lost, and it can be carried out again.

    """
    with node.database.begin() as session:
        forget_undos(session)  # what goes now must not come back
        if find_tombstone(session, plan.reference) is None or _stands(node, session, plan):
            _purge_records(node, session, plan, now)
            _remember(session, plan, reason=reason, actor=actor, now=now)
        cut("purge.recording")
    cut("purge.recorded")
    _purge_files(node, plan)
    cut("purge.files")
    for part in plan.parts:
        _purge_part(node, part)
        with node.database.reading() as session:
            forget_report(node, session.get_one(Ingest, part.ingest))
    cut("purge.events")
    with node.database.begin() as session:
        forget_undos(session)  # of acts that read a row before it was purged, and changed it since
    sweep(node.database, TABLES)
    cut("purge.swept")


def _purge_records(node: NodeWithStores, session: Session, plan: PurgePlan, now: datetime) -> None:
    for part in plan.parts:
        purge_ingest(session, session.get_one(Ingest, part.ingest), whole=part.whole)
        take_events_out(session, part.ingest, part.told)
    purge_comments(session, (plan.reference, *plan.subjects))
    if plan.kind is PurgeKind.PARTNER_ITEM:
        _purge_partner_item(node, session, plan, now)
    if (purge_thing := _THINGS.get(plan.kind)) is not None:
        purge_thing(session, plan, plan.reference.partition(":")[2])
    for same in plan.also:
        erase_part(session, same.partition(":")[2])
    erase_typed(session, plan.subjects)
    if plan.words:
        named = or_(*(_ANSWERS.c.body.contains(word, autoescape=True) for word in plan.words))
        session.execute(update(_ANSWERS).where(named, _ANSWERS.c.status.is_not(None)).values(body=""))


def _stands(node: NodeWithStores, session: Session, plan: PurgePlan) -> bool:
    """Whether something of an item is here that an earlier purge of it left, as it was kept then."""
    if plan.kind is not PurgeKind.PARTNER_ITEM:
        return False
    item = find_item(session, int(plan.reference.partition(":")[2]))
    made = made_of(node, session, [item, *recalled_versions(session, item)], datetime.now(UTC))
    return not {one.name for one in made}.isdisjoint((*plan.also, *plan.things))


def _is_named(thing: str) -> bool:
    """Whether a thing has a name by which it could be purged by itself."""
    try:
        return [str(one) for one in read_reference(thing)] == [thing]
    except UsageError:
        return False


def _purge_mails(session: Session, plan: PurgePlan, _name: str) -> None:
    wanted = [mail.sha256 for mail in plan.mails]
    for mail in session.scalars(select(ReceivedMail).where(ReceivedMail.sha256.in_(wanted))).all():
        forget_mail(session, mail)
        purge_mail(session, mail)


def _purge_inbox(session: Session, plan: PurgePlan, name: str) -> None:
    _purge_mails(session, plan, name)
    purge_report(session, find_report(session, IncidentReader(None, datetime.now(UTC)), name))


def _purge_sent(session: Session, _plan: PurgePlan, name: str) -> None:
    one = find_sent(session, name)
    purge_letter(session, one) if isinstance(one, Letter) else purge_digest(one)


def _purge_note(session: Session, _plan: PurgePlan, name: str) -> None:
    session.execute(update(Answer).where(Answer.uuid == UUID(name)).values(note=""))


def _purge_part_of_incident(session: Session, _plan: PurgePlan, name: str) -> None:
    part = find_part(session, None, name)
    purge_incident(session, part.incident.id, datetime.now(UTC))
    for letter in letters_of_part(session, part):
        purge_letter(session, letter)
    erase_part(session, name)


def _purge_partner_item(node: NodeWithStores, session: Session, plan: PurgePlan, now: datetime) -> None:
    """All that was made of an item but for parts of incidents, and what partners may read of these."""
    item = find_item(session, int(plan.reference.partition(":")[2]), lock=True)
    versions = {one.id: one for one in (item, *recalled_versions(session, item))}
    _purge_mails(session, plan, "")
    touched = {one.split(":")[1] for one in (*plan.also, *plan.things) if one.startswith("incident:")}
    for name in plan.also:
        for letter in letters_of_part(session, find_part(session, None, name.partition(":")[2])):
            purge_letter(session, letter)
    end_things(node, session, list(versions.values()), plan.things, now)
    for number in sorted(incident_numbers(session, touched)):
        purge_incident(session, number, now)


_THINGS: Final[Mapping[PurgeKind, Callable[[Session, PurgePlan, str], None]]] = {
    PurgeKind.UPLOAD: lambda session, _, name: purge_upload(session, read_upload(session, UUID(name))),
    PurgeKind.COLLECTED: lambda session, _, name: purge_refused(session, name),
    PurgeKind.MAIL: _purge_mails,
    PurgeKind.INBOX: _purge_inbox,
    PurgeKind.DELIVERY: _purge_sent,
    PurgeKind.LETTER: _purge_sent,
    PurgeKind.ANSWER: _purge_note,
    PurgeKind.COMMENT: lambda session, _, name: purge_comment(session, int(name)),
    PurgeKind.INCIDENT: _purge_part_of_incident,
}
"""What is more than parts of ingests: the function of its room."""


def _remember(session: Session, plan: PurgePlan, *, reason: str, actor: str, now: datetime) -> None:
    """The tombstones of the thing, of whole ingests and of what is the same, and the entry of the audit log."""
    whole = {f"ingest:{part.ingest}": part for part in plan.parts if part.whole}
    also = dict.fromkeys(one for one in (*plan.also, *plan.things) if one not in whole and _is_named(one))
    stones: dict[str, IngestPart | None] = {plan.reference: None if whole else next(iter(plan.parts), None), **whole}
    stones |= also
    if plan.kind is PurgeKind.PARTNER_ITEM:  # its events are of several reports
        stones[plan.reference] = None
        single = ((part, row) for part in plan.parts for row in part.events or ())
        stones |= {f"event:{part.ingest}-{row}": replace(part, events=(row,), event_count=1) for part, row in single}
    for reference, part in stones.items():
        if find_tombstone(session, reference) is None:
            session.add(_tombstone(plan, reference, part, reason=reason, actor=actor, now=now))
    if plan.kind not in {PurgeKind.INCIDENT, PurgeKind.PARTNER_ITEM}:  # it may be restricted: its log has it
        purged = Reference("purged", plan.reference)
        note_reference(session, purged, place=plan.kind.value, state=ReferenceState.PURGED, now=now)
    detail: dict[str, object] = {
        "kind": plan.kind.value,
        "events": sum(part.event_count for part in plan.parts),
        "rows": sum(part.row_count for part in plan.parts),
        "digests": len(plan.digests),
        "why": reason,
    }
    audit(session, AuditAction.CONTENT_PURGED, at=now, actor=actor, subject=plan.reference, detail=detail)


def _tombstone(
    plan: PurgePlan, reference: str, part: IngestPart | None, *, reason: str, actor: str, now: datetime
) -> Tombstone:
    single = (*(part.events or ()), *(part.rows or ())) if part is not None else ()
    return Tombstone(
        reference=reference,
        kind=reference.partition(":")[0],
        ingest=part.ingest if part is not None else None,
        place=single[0] if single else None,
        events=part.event_count if part is not None else 0,
        rows=part.row_count if part is not None else 0,
        came_at=plan.came_at,
        at=now,
        by=actor,
        reason=reason,
    )


def _purge_files(node: NodeWithStores, plan: PurgePlan) -> None:
    with disk_failures("A file could not be purged"):
        for path in (node.home / name for name in plan.files):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            cut("purge.file")
        _sync({(node.home / name).parent for name in plan.files})
    for mail in plan.mails:
        node.mailroom.delete(mail.sha256)
    delete_files(node.database, node.inbox, plan.blobs)
    with node.database.begin() as session:
        named = kept_files(session) if plan.archives else set()
        for digest in set(plan.archives) - named:
            node.exchange.delete(digest)
        for digest in plan.evidence:
            delete_file(session, node.incident_evidence, digest)
    if plan.evidence:
        sweep_exports(datetime.now(UTC))  # one that is under way ends early


def _purge_part(node: NodeWithStores, part: IngestPart) -> None:
    if part.events is None or part.events:
        node.store.purge(part.ingest, part.events)
        node.events.summaries.keep_only(node.store.files())
        node.problems.keep()
    if part.rows is None or part.rows:
        purge_rows(node.quarantine, part.ingest, part.rows)


def _sync(folders: Iterable[Path]) -> None:
    for folder in folders:
        if folder.is_dir():
            sync_folder(folder)
