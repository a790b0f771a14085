"""A report read again after its mapping was corrected: its first reading goes, the second takes its place.

Both happen in one commit of the event table (docs/design/rereading.md), so there is never a moment with both or none.
What teams were told already stays on record; one held digest for each team corrects it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Final, cast

from pydantic import BaseModel, Field
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory import team_names
from tocsin.events import FeedRecord, Ingest, IngestState, OpenedReport, Reread, shown, watch_feeds
from tocsin.exchange.ledger import ItemOrigin
from tocsin.interface import N_, Act, ActContext, NoUndo, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, InputError, NotFoundError
from tocsin.node.records import AuditAction, audit, cut, purged_counts
from tocsin.node.sentences import say
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.first_reading import FirstReading, Rewritten, packed
from tocsin.pipeline.groups import Counts
from tocsin.pipeline.ingest import SecondReading, read_again, rereading
from tocsin.pipeline.kept_reports import kept_report
from tocsin.pipeline.parse import passing
from tocsin.pipeline.stores import NodeWithStores

_READ: Final = ("rows", "stored", "duplicates", "quarantined", "problems_new", "problems_continuing")


class RereadRequest(BaseModel):
    """Which report is read again."""

    number: int = Field(
        ge=1, le=2**31 - 1, title=N_("Report number"),
        description="Number of the report, from 'quarantine list' or its page.",
    )  # fmt: skip
    preview: Annotated[bool, Wording(hidden=True)] = Field(
        default=False, title=N_("Preview"), description="Only say what would be done."
    )


class RereadTeam(BaseModel):
    """A team that a rereading concerns, by events: what it was owed and is not any more, what it is owed instead.

    ``withdrawn``: events that were not sent yet. ``told``: digests that it has, of which ``wrong`` problems are there
    no more; its held digest corrects them. ``owed``: events of the second reading in that digest.
    """

    key: str
    name: str
    withdrawn: int = 0
    told: list[str] = Field(default_factory=list)
    wrong: int = 0
    owed: int = 0


class RereadResult(BaseModel):
    """What a rereading does, or did: what goes (``events`` of ingest ``of``) and what the second reading makes.

    ``number``: of the ingest that takes its place; None for a preview. ``problems``: those that the first reading saw;
    ``vanished``: of which nothing is left.
    """

    of: int
    report: str
    number: int | None
    events: int
    problems: int
    vanished: int
    rows: int
    stored: int
    duplicates: int
    quarantined: int
    problems_new: int
    problems_continuing: int
    teams: list[RereadTeam]


def reread(
    node: NodeWithStores,
    number: int,
    *,
    file: Path | None = None,
    preview: bool = False,
    actor: str,
    now: datetime,
    waits: bool = True,
) -> RereadResult:
    """Read the report of an ingest again, from a file or from the copy that is kept.

    A preview does all of it but to make it true. ``waits``: for other processes that write or deliver.

    Raises:
        NotFoundError: there is no such ingest, or its report is not kept and not given.
        ConflictError: it was read again already, read rows of another, or its events are deleted.
        InputError: the file is another one.

    """
    with commitment.alone(node, waits=waits):
        commitment.recover(node)
        record, feed = _rereadable(node, number, now)
        try:
            with _given(node, record, file, now) as report, rereading(node, record.started_at) as session:
                following = commitment.next_number(node)
                first = FirstReading.of(node, record, following, session.decider.sets)
                first.note_without()
                withdraw = partial(_withdraw, first, actor=actor, at=now)
                again = SecondReading(record.started_at, now, first.stored, first.settle, withdraw)
                counts, prepared = read_again(
                    session, report, following, source=feed.source, feed=feed.code, again=again
                )
                done = _result(node, first, counts, prepared, None if preview else following)
                if preview:
                    return done
                rewritten = first.rewritten()
                beside = partial(_noted, first=first, rewritten=rewritten, actor=actor, at=now)
                prepared = replace(prepared, beside=beside)
                commitment.prepare(node, [prepared])
                commitment.commit_reread(node, following, prepared.parts, now=now)
        except BaseException:
            commitment.recover(node)  # what it wrote is nobody's, or is finished
            raise
        finally:
            if preview:
                commitment.clean(node)
        watch_feeds(node.database, now=now, feeds={record.feed_id})
        return done


def _rereadable(node: NodeWithStores, number: int, now: datetime) -> tuple[Ingest, FeedRecord]:
    with node.database.reading() as session:
        record = session.get(Ingest, number)
        if record is None:
            raise NotFoundError(
                say("There is no report %(number)s.", number=number),
                hint=say("The page 'Reports', or 'tocsin quarantine list', has the numbers."),
            )
        later = session.scalar(select(Reread.number).where(Reread.of == number))
        feed = session.get_one(FeedRecord, record.feed_id)
        purged = purged_counts(session, number)
        things = or_(ItemOrigin.thing == f"ingest:{number}", ItemOrigin.thing.startswith(f"event:{number}-"))
        taken_back = session.scalar(select(ItemOrigin.thing).where(things).limit(1))
    if later is not None or record.state == IngestState.WITHDRAWN:
        raise ConflictError(
            say("Report %(number)s was read again as %(later)s.", number=number, later=later),
            hint=say("Nothing was changed. Should it be read once more, name %(later)s.", later=later),
        )
    if record.replay_of is not None:
        raise ConflictError(
            say("Report %(number)s has reprocessed rows of report %(of)s.", number=number, of=record.replay_of),
            hint=say("Read that one again."),
        )
    if any(purged):
        raise ConflictError(
            say("Something of report %(number)s was purged: to read it again would bring that back.", number=number),
            hint=say("Take what must not be here out of the file, and ingest that as a new report."),
        )
    if taken_back:
        raise ConflictError(
            say("A partner took back events of report %(number)s.", number=number),
            hint=say("End those first: they would come again under other numbers."),
        )
    if record.day < (now - timedelta(days=node.settings.retention.events_days)).date():
        raise ConflictError(
            say("The events of report %(number)s were deleted by retention.", number=number),
            hint=say("There is nothing to take back. Ingest what is to be read as a new report."),
        )
    return record, feed


@contextmanager
def _given(node: NodeWithStores, record: Ingest, file: Path | None, now: datetime) -> Iterator[OpenedReport]:
    """The report itself: what is given or kept has its SHA-256."""
    path = file or kept_report(node, record)
    if path is None:
        days = node.settings.retention.reread_days
        raise NotFoundError(
            say(
                "Report %(number)s (%(name)s) is not kept here: it is read again from the file that came, by command.",
                number=record.number,
                name=record.report,
            ),
            hint=say(
                "Give the file that came: tocsin reports reread %(number)s FILE. Reports are kept for %(days)s days "
                "([retention] reread_days), up to 64 MB each.",
                number=record.number, days=days,
            ),
        )  # fmt: skip
    intake = IntakeFilter(node, "reread", lambda: now)
    for report in passing(intake, path, node.spool, node.settings.ingest):
        if report.content_hash == record.content_hash:
            yield replace(report, name=record.report)
            return
    raise InputError(
        say(
            "%(file)s is not report %(number)s: its SHA-256 is not the one that is on record, %(hash)s.",
            file=shown(path), number=record.number, hash=record.content_hash,
        ),
        hint=say("Give the very file that came, as it came or packed. What is new in it is ingested as a new report."),
    )  # fmt: skip


def _withdraw(first: FirstReading, session: Session, *, actor: str, at: datetime) -> None:
    """Take back the first reading's place and what it owed, in the transaction that notes the second one."""
    record = session.get_one(Ingest, first.ingest.number)
    # The hash belongs to the second reading: whoever gives the file to 'tocsin ingest' is told of that one.
    record.state, record.content_hash = IngestState.WITHDRAWN, f"{record.content_hash} {first.number}"
    record.parts = []
    changed = first.withdraw(session)
    session.flush()
    detail: dict[str, object] = {
        "ingest": first.number, "events": first.events.height, "problems": len(first.keys), "digests": len(changed),
    }  # fmt: skip
    subject = f"ingest:{record.number}"
    audit(session, AuditAction.REPORT_REREAD, at=at, actor=actor, subject=subject, detail=detail)
    cut("reread.withdrawn")


def _noted(session: Session, *, first: FirstReading, rewritten: Rewritten, actor: str, at: datetime) -> None:
    """Note what takes whose place, in the transaction that notes the second reading."""
    rest, replaced = rewritten
    corrections = {str(team): [one.stored() for one in of] for team, of in first.corrections().items()}
    session.add(
        Reread(
            number=first.number,
            of=first.ingest.number,
            at=at,
            actor=actor,
            rows=packed(first.rows),
            parts=[asdict(part) for part in rest],
            replaced=replaced,
            corrections=corrections,
        )
    )


def _result(
    node: NodeWithStores,
    first: FirstReading,
    counts: Counts,
    prepared: commitment.PreparedIngest,
    number: int | None,
) -> RereadResult:
    corrections = first.corrections()
    with node.database.reading() as session:
        waiting = first.waiting()
        names = team_names(session, waiting.keys() | corrections.keys() | prepared.owed.keys())
    teams = [
        RereadTeam(
            key=key, name=name, withdrawn=waiting.get(team, 0),
            told=[one.reference for one in corrections.get(team, ())],
            wrong=sum(one.problems for one in corrections.get(team, ())), owed=prepared.owed.get(team, 0),
        )
        for team, (key, name) in sorted(names.items(), key=lambda pair: pair[1])
    ]  # fmt: skip
    return RereadResult(
        of=first.ingest.number, report=first.ingest.report, number=number, events=first.events.height,
        problems=len(first.keys), vanished=len(first.vanished), teams=teams,
        **{name: getattr(counts, name) for name in _READ},
    )  # fmt: skip


def read_report_again(context: ActContext, request: RereadRequest) -> RereadResult:
    """From the copy that is kept. What is owed then, and what corrects digests, waits for a person's release."""
    node = cast("NodeWithStores", context.node)
    return reread(node, request.number, preview=request.preview, waits=context.waits, **context.by)


ACTS: Final = (
    Act(
        "reread", "Read a report again after its mapping was corrected", read_report_again, noun="report",
        permission=Permission.QUARANTINE_MEND, audit=(AuditAction.REPORT_REREAD,), arguments=("number",),
        command=OwnSurface("reports reread"), route="/ingests/{number}/reread",
        page=OwnSurface("/reports/{number}/reread"),
        undo=NoUndo("It rewrites the event table; its page says what goes and what comes, and asks."),
        title=N_("Read again"),
        notice=N_(
            "Nothing is mailed by itself: one notification for each team waits for release. It corrects what was sent"
            " before. This cannot be undone."
        ),
    ),
)  # fmt: skip
"""What can be done with a report that was taken in."""
