"""Unreadable rows reprocessed after a fix, theirs or ours: they go through the spine as a small report of their own.

What was set aside stays on record as it came. A replay says which rows of which ingest it read; what is still wrong
with them is set aside by the replay, so that sums balance on both.
"""

import codecs
import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import islice
from operator import itemgetter
from typing import Annotated, Final, cast

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.events import (
    FeedRecord,
    Ingest,
    IngestState,
    LeftAside,
    OpenedReport,
    SetAsideRow,
    WaitingRows,
    header_of,
    set_aside,
    taken_places,
    waiting_rows,
)
from tocsin.interface import N_, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, InputError, NotFoundError
from tocsin.node.place import Place
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.groups import Counts
from tocsin.pipeline.ingest import ReplayOf, take_in_again
from tocsin.pipeline.stores import NodeWithStores, writer

_NAMED = 100  # rows that an audit entry names
_Number = Annotated[
    int,
    Field(
        ge=1, le=2**31 - 1, title=N_("Report number"), description="Number of the ingest, from 'quarantine list'.",
        examples=[1],
    ),
]  # fmt: skip


@dataclass(frozen=True)
class QuarantinedIngest:
    """An ingest that set rows aside; ``replayed_by`` is the newest ingest that read some of them again.

    ``open``: how many still wait for a person.
    """

    ingest: int
    report: str
    feed: str
    rows: int
    replayed_by: int | None
    open: int


@dataclass(frozen=True)
class RowFilter:
    """Which rows that wait; every given condition must hold. ``feed``: source and code."""

    feed: str = ""
    reason: str = ""
    ingest: int | None = None


def quarantined(node: NodeWithStores, now: datetime) -> list[QuarantinedIngest]:
    """The ingests that set rows aside which are kept, newest first."""
    since = kept_since(node, now)
    wanted = (
        select(Ingest, FeedRecord.code)
        .join(FeedRecord, FeedRecord.id == Ingest.feed_id)
        .where(Ingest.quarantined > 0, Ingest.started_at >= since, Ingest.state != IngestState.WITHDRAWN)
    )
    replays = select(Ingest.replay_of, Ingest.number).where(Ingest.replay_of > 0)
    with node.database.reading() as session:
        by = dict(sorted(((of, number) for of, number in session.execute(replays)), key=itemgetter(1)))
        left = {one.ingest.number: one.open for one in waiting_rows(session, since)}
        return [
            QuarantinedIngest(
                record.number,
                record.report,
                code,
                record.quarantined,
                by.get(record.number),
                left.get(record.number, 0),
            )
            for record, code in sorted(session.execute(wanted), key=lambda row: -row[0].number)
        ]


def require_ingest(node: NodeWithStores, number: int) -> tuple[Ingest, FeedRecord]:
    """The ingest of that number and its feed.

    Raises:
        NotFoundError: there is none.

    """
    with node.database.reading() as session:
        record = session.get(Ingest, number)
        if record is None:
            raise NotFoundError(f"There is no ingest {number}.", hint="'tocsin quarantine list' shows the numbers.")
        return record, session.get_one(FeedRecord, record.feed_id)


def kept_since(node: NodeWithStores, now: datetime) -> datetime:
    """Since when the set-aside rows of ingests are still kept."""
    return now - timedelta(days=node.settings.retention.quarantine_days)


def find_row(node: NodeWithStores, number: int, place: int) -> SetAsideRow:
    """One row that an ingest set aside.

    Raises:
        NotFoundError: there is none at that place.

    """
    require_ingest(node, number)
    found = next(islice(set_aside(node.quarantine, number), place, None), None) if place >= 0 else None
    if found is None:
        raise NotFoundError(
            f"Ingest {number} has no set-aside row {place}.", hint=f"'tocsin quarantine show {number}' lists them."
        )
    return found


def is_open(node: NodeWithStores, row: SetAsideRow) -> bool:
    """Whether a row was not read again yet."""
    with node.database.reading() as session:
        taken = taken_places(session, row.ingest)
    return taken is not None and row.place not in taken


def rows_waiting(
    node: NodeWithStores, wanted: RowFilter, now: datetime, *, after: tuple[int, int] | None = None
) -> Iterator[tuple[WaitingRows, SetAsideRow]]:
    """The rows that wait for a person: the newest ingest first, its rows in order.

    ``after``: ingest and place of the row before the first; a stable cursor.
    """
    for one, taken in _waiting(node, wanted, now):
        number = one.ingest.number
        if after is not None and number > after[0]:
            continue
        first = after[1] + 1 if after is not None and number == after[0] else 0
        for row in islice(set_aside(node.quarantine, number), first, None):
            if row.place not in taken and wanted.reason in {"", row.reason}:
                yield one, row


def reasons_waiting(node: NodeWithStores, wanted: RowFilter, now: datetime) -> Counter[tuple[str, str, bool]]:
    """How many rows wait, by feed (source and code), reason, and whether they have a text that can be read again."""
    found: Counter[tuple[str, str, bool]] = Counter()
    for one, taken in _waiting(node, wanted, now):
        feed = f"{one.feed.source}/{one.feed.code}"
        for (reason, readable), count in _reasons(node.quarantine, one.ingest.number, taken):
            found[feed, reason, readable] += count
    return found


def replay(
    node: NodeWithStores,
    number: int,
    *,
    places: Collection[int] | None = None,
    mended: Mapping[int, str] | None = None,
    actor: str = "quarantine",
    now: datetime | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> Counts:
    """Read set-aside rows of an ingest again: those at ``places``, or all that were not read again yet.

    ``mended``: by place, the text that takes the place of a row's own; these rows are read too. ``waiting`` is called
    where another process or thread is taking something in; it may raise to give up.

    Raises:
        NotFoundError: there is no such ingest or row, or it set nothing aside.
        ConflictError: they were read again already; what stayed aside is with that later ingest.
        InputError: a mended text is empty or longer than a record may be.

    """
    texts = {place: plain_text(text, node) for place, text in (mended or {}).items()}
    with writer(node, waiting):
        commitment.recover(node)
        record, feed = require_ingest(node, number)
        rows = _chosen(node, number, None if places is None and not texts else {*(places or ()), *texts})
        chosen = None if places is None and not texts else [row.place for row in rows]
        intake = IntakeFilter(node, "quarantine edit" if texts else "replay", lambda: now or datetime.now(UTC))
        content, _ = intake.kept(row_content(node, number, [texts.get(row.place, row.raw) for row in rows]))
        named = "" if chosen is None else f"{chosen}\n"  # the same text at another place is another row
        identity = hashlib.sha256(f"replay of ingest {number}\n{named}".encode() + content).hexdigest()
        node.spool.mkdir(parents=True, exist_ok=True)
        path = node.spool / f"replay-{number}.report"
        path.write_bytes(codecs.BOM_UTF8 + content)  # by which it is not taken for the encoding that a mapping names
        name = record.report.removesuffix(_SUFFIX) + _SUFFIX
        report = OpenedReport(name, path, path.stat().st_size, identity)
        at = now or datetime.now(UTC)
        again = ReplayOf(
            number, chosen, lambda session, counts: _note(session, rows, counts, mended=texts, actor=actor, at=at)
        )
        try:
            return take_in_again(node, report, source=feed.source, feed=feed.code, again=again, clock=lambda: at)
        finally:
            path.unlink(missing_ok=True)


def leave_aside(node: NodeWithStores, number: int, *, reason: str, actor: str, now: datetime) -> int:
    """Note that what an ingest set aside stays so; returns how many rows. They are kept as long as the settings say.

    Raises:
        NotFoundError: there is no such ingest, or nothing of it waits.
        InputError: the reason is empty.

    """
    if not reason.strip():
        raise InputError(say("The reason is empty."), hint=say("Give a reason."))
    require_ingest(node, number)
    with node.database.begin() as session:
        aside = waiting_rows(session, kept_since(node, now))
        waiting = next((one.open for one in aside if one.ingest.number == number), 0)
        if not waiting:
            raise NotFoundError(f"No set-aside row of ingest {number} waits.")
        session.add(LeftAside(ingest=number, at=now, said_by=actor, reason=reason.strip()[:2_000]))
        detail: dict[str, object] = {"rows": waiting}
        audit(session, AuditAction.QUARANTINE_LEFT, at=now, actor=actor, subject=f"ingest:{number}", detail=detail)
    return waiting


_SUFFIX = " (set-aside rows)"


@lru_cache(maxsize=256)
def _reasons(kept: Place, number: int, taken: frozenset[int]) -> tuple[tuple[tuple[str, bool], int], ...]:
    """How many rows of an ingest each reason has, without those that were taken; kept, since these never change."""
    rows = (row for row in set_aside(kept, number) if row.place not in taken)
    return tuple(Counter((row.reason, bool(row.raw)) for row in rows).items())


def _waiting(node: NodeWithStores, wanted: RowFilter, now: datetime) -> list[tuple[WaitingRows, frozenset[int]]]:
    with node.database.reading() as session:
        found = [
            one
            for one in waiting_rows(session, kept_since(node, now))
            if wanted.feed in {"", f"{one.feed.source}/{one.feed.code}"} and wanted.ingest in {None, one.ingest.number}
        ]
        return [(one, taken_places(session, one.ingest.number) or frozenset()) for one in found]


def _chosen(node: NodeWithStores, number: int, places: Collection[int] | None) -> list[SetAsideRow]:
    """The rows that are to be read again."""
    with node.database.reading() as session:
        taken = taken_places(session, number)
        later = session.scalar(select(Ingest.number).where(Ingest.replay_of == number).order_by(Ingest.number.desc()))
    rows = list(set_aside(node.quarantine, number))
    if places is not None and (unknown := set(places) - {row.place for row in rows}):
        raise NotFoundError(f"Ingest {number} has no set-aside row {min(unknown)}.")
    chosen = [row for row in rows if (places is None or row.place in places) and row.raw]
    fresh = [row for row in chosen if taken is not None and row.place not in taken]
    if (later is not None and not fresh) or (places is not None and len(fresh) < len(chosen)):
        raise ConflictError(
            say("The rows of ingest %(number)s were read again by ingest %(later)s.", number=number, later=later),
            hint=f"What stayed aside is there: 'tocsin quarantine replay {later}'.",
        )
    if not fresh:
        raise NotFoundError(f"Ingest {number} has no set-aside rows to read again.")
    return fresh


def row_content(node: NodeWithStores, number: int, texts: Iterable[str]) -> bytes:
    """A report of these rows, under the first line of the ingest that set them aside."""
    return "\n".join([*header_of(node.quarantine, number), *texts, ""]).encode("utf-8", "surrogateescape")


def plain_text(text: str, node: NodeWithStores) -> str:
    """A text as a form or a file gives it, as a record: with line ends of one kind, none at its end."""
    plain = text.replace("\r\n", "\n").rstrip("\r\n")
    if not plain.strip():
        raise InputError(say("The text of the row is empty."), hint=say("Dismiss the row instead; it stays on record."))
    if len(plain.encode("utf-8", "surrogateescape")) > node.settings.ingest.max_record_bytes:
        raise InputError(say("The text of the row is longer than a record may be (ingest.max_record_bytes)."))
    return plain


def _note(
    session: Session,
    rows: Sequence[SetAsideRow],
    counts: Counts,
    *,
    mended: Mapping[int, str],
    actor: str,
    at: datetime,
) -> None:
    word = AuditAction.QUARANTINE_MENDED if mended else AuditAction.QUARANTINE_REPLAYED
    detail: dict[str, object] = {"rows": counts.rows, "stored": counts.stored, "set_aside": counts.quarantined}
    if mended:
        detail["places"] = [row.place for row in rows][:_NAMED]
        detail["lines"] = [row.line for row in rows][:_NAMED]
    audit(session, word, at=at, actor=actor, subject=f"ingest:{rows[0].ingest}", detail=detail)


class IngestRows(BaseModel):
    """Which unreadable rows of which ingest."""

    number: _Number
    reason: str = Field(
        "", max_length=2_000, title=N_("Reason"),
        description="Only the rows that are unreadable for this reason, word for word.",
    )  # fmt: skip


class MendedRow(BaseModel):
    """Another text for an unreadable row."""

    number: _Number
    place: int = Field(ge=0, le=2**31 - 1, title=N_("Row"), description="Place of the row, from 'quarantine show'.")
    text: Annotated[str, Wording(lines=True, hint=N_("Correct what is wrong. The row as received is kept."))] = Field(
        max_length=900_000, title=N_("Text of the row"), description="What the row is to say."
    )


class RowsLeft(BaseModel):
    """Why the rows of an ingest need not be read."""

    number: _Number
    reason: Annotated[
        str,
        Wording(lacking=N_("The reason is empty."), hint=N_("The rows stay on record and leave the quarantine.")),
    ] = Field(min_length=1, max_length=2_000, title=N_("Reason"), description="Why these rows need not be read.")


class RowsAside(BaseModel):
    """How many rows of an ingest stay aside."""

    ingest: int
    rows: int


def replay_rows(context: ActContext, request: IngestRows) -> Counts:
    """After its feed or mapping was fixed. What is still unreadable stays in quarantine with the new ingest."""
    node = cast("NodeWithStores", context.node)
    wanted = RowFilter(reason=request.reason, ingest=request.number)
    places = [row.place for _, row in rows_waiting(node, wanted, context.now) if row.raw] if request.reason else None
    return replay(node, request.number, places=places, waiting=partial(_wait, context), **context.by)


def mend_row(context: ActContext, request: MendedRow) -> Counts:
    """The row as it came stays on record. With the text that it has it is only read again."""
    node, number, place = cast("NodeWithStores", context.node), request.number, request.place
    same = request.text.rstrip("\r\n") == find_row(node, number, place).raw.rstrip("\r\n")
    mended = {} if same else {place: request.text}
    return replay(node, number, places=[place], mended=mended, waiting=partial(_wait, context), **context.by)


def _wait(context: ActContext) -> None:
    """Give up where something else is being taken in, and whoever acts does not wait for it."""
    if not context.waits:
        raise ConflictError(
            say("Another report is being taken in at this moment."),
            hint=say("Try it again in a moment; nothing was changed."),
        )


def leave_rows(context: ActContext, request: RowsLeft) -> RowsAside:
    """They stay on record and leave the quarantine."""
    node = cast("NodeWithStores", context.node)
    rows = leave_aside(node, request.number, reason=request.reason, **context.by)
    return RowsAside(ingest=request.number, rows=rows)


_act = partial(Act, noun="quarantine", permission=Permission.QUARANTINE_MEND, arguments=("number",))

ACTS: Final = (
    _act(
        "replay", "Reprocess the unreadable rows of an ingest", replay_rows, audit=(AuditAction.QUARANTINE_REPLAYED,),
        command="quarantine replay", route="/quarantine/{number}/replay",
        page=OwnSurface("/reports/quarantine/replay"),
        told="{stored:,} of {rows:,} rows are now stored; still unreadable: {quarantined:,}.",
    ),
    _act(
        "mend", "Edit an unreadable row and reprocess it", mend_row, audit=(AuditAction.QUARANTINE_MENDED,),
        command=OwnSurface("quarantine edit"), route="/quarantine/{number}/mend", title=N_("Edit row"),
        button=N_("Reprocess"),
        page=OwnSurface("/reports/quarantine/{number}/{place}"),
    ),
    _act(
        "leave", "Dismiss the unreadable rows of an ingest", leave_rows, audit=(AuditAction.QUARANTINE_LEFT,),
        command="quarantine dismiss", route="/quarantine/{number}/leave", page=OwnSurface("/reports/{number}/leave"),
        told="{rows:,} rows of ingest {ingest} are dismissed.", title=N_("Dismiss"),
    ),
)  # fmt: skip
"""What can be done with rows that were set aside."""
