"""What a mapping makes of a report before anything is taken in: events, what is set aside, what no column names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from tocsin.delivery.never_held import IntakeFilter
from tocsin.events import OpenedReport, normalise, to_idf
from tocsin.events.redaction import redacted
from tocsin.events.sources import DescribedSource, FeedSource, MappingError, sources
from tocsin.node.errors import UsageError
from tocsin.node.paths import HomeFolder
from tocsin.node.sentences import say
from tocsin.pipeline.parse import origin_of, passing
from tocsin.pipeline.stores import NodeWithStores

if TYPE_CHECKING:
    from tocsin.events import NormalisedBatch
    from tocsin.events.sources import Batch

MOST_EVENTS: Final = 100_000
"""After so many a trial ends: whoever wants more takes the report in."""

FOLLOWS: Final = ("feed.", "rsit.", "classification.taxonomy", "time.observation")
"""How fields begin that follow from the mapping file or from another field: nobody looks at them in a trial."""

_MAPPED: Final = "mapped"
_SAMPLE: Final = 1 << 24  # bytes of which a mapping is suggested: a document of JSON is read whole or not at all


@dataclass
class FeedTrial:
    """What came out.

    ``events`` as IDF, ``set_aside`` as line, reason and raw text; ``sample``: how the report begins. ``unmapped``:
    columns that no entry names, ``absent``: columns that an entry names and no record has, ``unread``: fields with a
    value that they could not take, ``passed_over``: records that were not asked for. ``notes``: what else the mapping
    lacks, in words.
    """

    feed: str = ""
    rows: int = 0
    events: list[dict[str, object]] = field(default_factory=list)
    set_aside: list[tuple[int, str, str]] = field(default_factory=list)
    passed_over: int = 0
    unmapped: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    mistakes: list[MappingError] = field(default_factory=list)
    sample: str = ""


def try_feed(
    node: NodeWithStores,
    path: Path,
    mapping: Path | None,
    feed: str | None,
    now: datetime,
    *,
    most: int = MOST_EVENTS,
) -> FeedTrial:
    """Read a report as an ingest would, and store nothing.

    ``mapping``: the file that describes it; ``feed``: the name of one, of one's own or of the catalogue; without both
    it is recognised. ``most``: after so many events it ends.

    Raises:
        InputError: the report cannot be read, or nobody knows its feed.
        UsageError: there is no such feed or mapping file.

    """
    trial, intake = FeedTrial(), IntakeFilter(node, "feeds try")
    columns: set[str] = set()
    read = 0
    limits = node.settings.ingest
    with TemporaryDirectory() as spool:
        for report in passing(intake, path, Path(spool), limits):
            if max(len(trial.events), len(trial.set_aside)) >= most:
                break
            trial.sample = intake.kept(report.head())[0].decode("utf-8", "replace")
            try:
                source, code = _source(node, report, mapping, feed)
                known = source.feed(code)
            except MappingError as error:
                trial.mistakes.append(error)
                return trial
            trial.feed = code
            redaction = intake.redaction()
            with report.path.open("rb") as stream:
                reader = source.open(
                    code, redacted(report.limited(stream), redaction), limits.batch_bytes, limits.max_record_bytes
                )
                for chunk in reader.chunks():
                    batch = reader.parse(chunk)
                    columns |= {name for name, count in batch.filled.items() if count}
                    read += batch.frame.height + batch.passed_over
                    intake.note(redaction)
                    checked = normalise(batch, known, now)
                    _count(trial, batch, checked)
                    trial.events += to_idf(checked.frame.filter(checked.usable))
                    if max(len(trial.events), len(trial.set_aside)) >= most:
                        break
            described = source if isinstance(source, DescribedSource) else None
            named = described.named(code) if described else set()
            extra = _extra(trial)
            trial.unmapped = sorted(name for name in extra if not {name, f"extra.{name}"} & named)
            trial.unread = {name: str(value) for name, value in sorted(extra.items()) if name in named}
            if described and read:
                trial.absent = sorted(described.absent(code, columns | set(reader.columns)))
            if described and "classification.type" not in named:
                trial.notes = [say("The mapping gives no type: classification.type, by [constants] or by [values].")]
            patterns: Sequence[str] = getattr(reader, "unfitting", ())
            trial.notes += [say("[head]: no line is as %(pattern)s says.", pattern=repr(one)) for one in patterns]
    return trial


def suggested_mapping(node: NodeWithStores, path: Path) -> str:
    """A first mapping file for a report.

    Raises:
        InputError: it cannot be read.

    """
    intake = IntakeFilter(node, "feeds try")
    with TemporaryDirectory() as spool:
        for report in passing(intake, path, Path(spool), node.settings.ingest):
            for source in sources().values():
                if isinstance(source, DescribedSource):
                    return source.suggestion(report.name, intake.kept(report.head(_SAMPLE))[0])
    return ""


def _source(
    node: NodeWithStores, report: OpenedReport, mapping: Path | None, feed: str | None
) -> tuple[FeedSource, str]:
    if mapping is None and feed is None:
        return origin_of(node, report, None, None)
    if mapping is not None:
        if mapping.suffix != ".toml" or not mapping.is_file():
            raise UsageError(f"{mapping} is no mapping file.", hint="It is called NAME.toml; see docs/sources.md.")
        return sources(mapping.parent)[_MAPPED], mapping.stem
    known = sources(node.home / HomeFolder.FEEDS, report.folder)
    for candidate in known.values():
        if isinstance(candidate, DescribedSource) and candidate.has(str(feed)):
            return candidate, str(feed)
    return origin_of(node, report, None, feed)


def _count(trial: FeedTrial, batch: "Batch", checked: "NormalisedBatch") -> None:
    """Add what cannot be used, and count the records."""
    trial.set_aside += checked.set_aside(batch)
    records = len(checked.usable) if batch.records is None else len(set(batch.records.tolist()))
    trial.rows += records + len(batch.unreadable)
    trial.passed_over += batch.passed_over


def _extra(trial: FeedTrial) -> dict[str, object]:
    """What stands in ``extra`` under which names, each with its first value."""
    found: dict[str, object] = {}
    for event in trial.events:
        for name, value in event.items():
            if name.startswith("extra."):
                found.setdefault(name.removeprefix("extra."), value)
    return found
