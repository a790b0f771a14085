"""Purging one thing, and finishing what was killed or came back with a backup."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from pydantic import TypeAdapter

from tocsin.delivery.mailbox import remove_from_server
from tocsin.exchange.ledger import is_to_repeat, repeat_recalls
from tocsin.incidents import IncidentReader, subjects_for
from tocsin.incidents.evidence import check_hold
from tocsin.node.errors import ConflictError, NotFoundError, TocsinError
from tocsin.node.files import disk_failures
from tocsin.node.journal import (
    PURGE,
    JournalEntry,
    Step,
    copy_journal_beside,
    lacks_steps,
    learn_steps,
    newest_steps,
    note_for_all,
)
from tocsin.node.paths import HomeFolder
from tocsin.node.records import cut, find_tombstone, name_by_reference, words_by_reference
from tocsin.operations.purge.carry_out import carry_out
from tocsin.operations.purge.plan import PurgePlan, incidents_in, make_plan
from tocsin.operations.purge.references import read_reference
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.commit import alone
from tocsin.pipeline.stores import NodeWithStores, open_node

_PLAN: Final = TypeAdapter(PurgePlan)
_RESTORE: Final = "restore"  # who purges what a backup brought back


@dataclass(frozen=True)
class PurgeOutcome:
    """What was purged.

    ``at``: when, or None where it is only foreseen. ``taken_back``: what a repair put aside goes, too. ``on_server``:
    what became of the mail on the mail server, ``waiting`` where that failed, or empty; ``trouble``: why.
    """

    reference: str
    kind: str
    came_at: datetime | None
    at: datetime | None
    events: int
    rows: int
    digests: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    taken_back: bool = False
    on_server: str = ""
    trouble: str = ""


def purge(
    node: NodeWithStores,
    text: str,
    *,
    reason: str,
    actor: str,
    now: datetime,
    waits: bool = True,
    person: int | None = None,
    never_held: bool = False,
    keep: Mapping[str, str] | None = None,
) -> PurgeOutcome:
    """Purge what somebody names; of what was purged before, what is known of it.

    ``waits``: for other processes that write or deliver. ``person``: who must be able to read what is restricted.
    ``never_held``: it is of a class that must never be held, so that no legal hold keeps it. ``keep``: of an item of
    a partner, what of all that was made of it stays, and why; what is left of one is purged as often as that is asked.

    Raises:
        UsageError: it names nothing, or several things.
        NotFoundError: there is no such thing here.
        ConflictError: another process writes or delivers, or it is under a legal hold.
        StorageError: a disk or database failed; it is finished by the next command or by the server.

    """
    with alone(node, waits=waits):
        commitment.recover(node)
        _finish(node)
        reader = IncidentReader(person, now)
        if keep is None and (before := purged_before(node, text, reader)) is not None:
            return before
        plan = make_plan(node, text, reader, keep)
        if not never_held:
            with node.database.reading() as session:
                check_hold(session, incidents_in(session, plan), now)
        with node.database.begin() as session:
            words = words_by_reference(session, reason)
            who = name_by_reference(session, actor)
        entry = JournalEntry(
            uuid4().hex, Step.INTENT, plan.reference, plan.identity, datetime.now(UTC).isoformat(),
            by=who, reason=words, plan=_PLAN.dump_python(plan, mode="json"),
        )  # fmt: skip
        outcome = foreseen(node, plan)
        if outcome.taken_back:
            aside = node.home / HomeFolder.TAKEN_BACK
            with disk_failures(f"{aside} could not be deleted"):
                shutil.rmtree(aside)  # what a repair put aside may hold it; its reports were to be given again
        note_for_all(node, entry)
        cut("purge.noted")
        carry_out(node, plan, reason=words, actor=who, now=now)
        entry = _note(node, entry, Step.CLEARED)
    on_server, trouble = _on_server(node, plan, entry)
    return replace(outcome, at=now, on_server=on_server, trouble=trouble)


def foreseen(node: NodeWithStores, plan: PurgePlan) -> PurgeOutcome:
    """What would be purged by a plan."""
    return PurgeOutcome(
        plan.reference,
        plan.kind.value,
        plan.came_at,
        None,
        events=sum(part.event_count for part in plan.parts),
        rows=sum(part.row_count for part in plan.parts),
        digests=plan.digests,
        related=plan.related,
        taken_back=(node.home / HomeFolder.TAKEN_BACK).exists(),
    )


def unfinished(home: Path) -> list[JournalEntry]:
    """The purges of the node in ``home`` that are not finished."""
    return [entry for entry in newest_steps(home) if entry.act == PURGE and entry.step is not Step.DONE]


def finish_interrupted(home: Path) -> None:
    """Finish what a killed purge left on this disk, before anything else is done; nothing where another is at it.

    After a restore, also recalls of partners that came after the backup. Nothing where 'doctor --repair' is due, which
    does it at its end.
    """
    recalled = any(map(is_to_repeat, newest_steps(home)))
    if not recalled and not any(map(_is_ours, unfinished(home))):
        return
    node = open_node(home)
    try:
        if commitment.is_repair_due(node):
            return
        with alone(node, waits=False):
            commitment.recover(node)
            _finish(node)
            if recalled:
                repeat_recalls(node)
    except ConflictError:
        return
    finally:
        node.database.close()


def finish_purges(node: NodeWithStores) -> str:
    """Finish everything that was begun, also on the mail server; returns why that does not work yet, or nothing.

    Also what a machine with a home of its own began that is cut off; that one does it once more when it is back, for
    what lies in its home.

    Raises:
        ConflictError: another process writes or delivers.
        StorageError: a disk or database fails.

    """
    if lacks_steps(node) or any(map(_is_ours, unfinished(node.home))):
        with alone(node, waits=False):
            commitment.recover(node)
            _finish(node)
    for entry in unfinished(node.home):
        if entry.step is Step.CLEARED:
            _, trouble = _on_server(node, _PLAN.validate_python(entry.plan), entry)
            if trouble:
                return trouble
    return ""


def _is_ours(entry: JournalEntry) -> bool:
    """Whether what is left of it needs no mail server."""
    return entry.step is not Step.CLEARED or not entry.plan["mails"]


def _finish(node: NodeWithStores) -> None:
    """Finish what was begun on this disk, and by machines that are cut off. For the writer."""
    learn_steps(node)
    for entry in filter(_is_ours, unfinished(node.home)):
        if entry.step is Step.AGAIN:
            found = _found_again(node, entry)
            if found is None:
                _note(node, entry, Step.DONE)
                continue
            intent = replace(entry, step=Step.INTENT, by=_RESTORE, plan=_PLAN.dump_python(found, mode="json"))
            note_for_all(node, intent)
            cut("purge.again")
            _carry_on(node, intent, found)
        else:
            _carry_on(node, entry, _PLAN.validate_python(entry.plan))


def _carry_on(node: NodeWithStores, entry: JournalEntry, plan: PurgePlan) -> None:
    if entry.step is not Step.CLEARED:
        carry_out(node, plan, reason=entry.reason, actor=entry.by, now=datetime.now(UTC))
        entry = _note(node, entry, Step.CLEARED)
    if not plan.mails:
        _on_server(node, plan, entry)


def _found_again(node: NodeWithStores, entry: JournalEntry) -> PurgePlan | None:
    """The plan of a thing that is here again; None where it is not, or another thing has its number."""
    try:
        plan = make_plan(node, entry.reference)
    except NotFoundError:
        return None
    return plan if plan.identity == entry.identity else None


def _note(node: NodeWithStores, entry: JournalEntry, step: Step) -> JournalEntry:
    noted = replace(entry, step=step, plan=entry.plan if step is Step.CLEARED else {})
    note_for_all(node, noted)
    return noted


def _on_server(node: NodeWithStores, plan: PurgePlan, entry: JournalEntry) -> tuple[str, str]:
    """Take the mail away on the server; what became of it, and why it could not be done yet."""
    outcome, settings = "", node.settings
    if plan.mails and settings.mailbox.host:
        try:
            outcome = remove_from_server(settings.mailbox, plan.mails, how=settings.never_held.mail_on_server).value
        except TocsinError as error:
            return "waiting", f"{error} {error.hint}".strip()
    cut("purge.server")
    _note(node, entry, Step.DONE)
    copy_journal_beside(node.home, settings)
    return outcome, ""


def purged_before(node: NodeWithStores, text: str, reader: IncidentReader) -> PurgeOutcome | None:
    """What is known of a thing that was purged; None where it was not, or the reader may not read its incident.

    Raises:
        UsageError: it names nothing.

    """
    with node.database.reading() as session:
        may = subjects_for(session, reader)
        stones = [find_tombstone(session, str(one), may) for one in read_reference(text)]
    found = next((stone for stone in stones if stone is not None), None)
    if found is None:
        return None
    waiting = any(entry.reference == found.reference for entry in unfinished(node.home))
    return PurgeOutcome(
        found.reference, found.kind, found.came_at, found.at, found.events, found.rows,
        on_server="waiting" if waiting else "",
    )  # fmt: skip
