"""What an unreadable row is read as; what a new text of it would become, and whom it would notify. Nothing is kept."""

import codecs
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tocsin.delivery import due_at
from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory import Team
from tocsin.events import BY_NAME, FieldKind, normalise, to_idf
from tocsin.events.sources import Feed, Reader, sources
from tocsin.networks import Networks
from tocsin.node.paths import HomeFolder
from tocsin.pipeline.recipients import RecipientResolver
from tocsin.pipeline.replay import plain_text, require_ingest, row_content
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.understand import understand


@dataclass(frozen=True)
class PlannedNotification:
    """A team that would be notified of some events at a time; ``withheld``: of so many it may not be."""

    team: Team
    due_at: datetime
    events: int
    withheld: int = 0


@dataclass(frozen=True)
class ReplayPreview:
    """What rows would become: the events that they hold, and for each that is still wrong its reason and text.

    ``notifications``: by the directory and the rules of now; a team that was notified of the same problem lately, or
    that answered, is spared once it is real.
    """

    events: Sequence[dict[str, object]]
    wrong: Sequence[tuple[str, str]]
    notifications: Sequence[PlannedNotification] = ()


@dataclass(frozen=True)
class RowField:
    """A field that a row names, with its text; whether that is a value of its kind."""

    name: str
    text: str
    kind: FieldKind
    valid: bool


def try_row(node: NodeWithStores, number: int, text: str, *, now: datetime | None = None) -> ReplayPreview:
    """What a row of an ingest would become with this text.

    Raises:
        NotFoundError: there is no such ingest.
        InputError: the text is empty or longer than a record may be.

    """
    at = now or datetime.now(UTC)
    reader, feed = _open_row(node, number, text)
    networks, resolver = Networks.open(node.home), None
    events: list[dict[str, object]] = []
    wrong: list[tuple[str, str]] = []
    owed: Counter[int] = Counter()
    withheld: Counter[int] = Counter()
    for chunk in reader.chunks():
        understood = understand(reader, chunk, feed, networks, at)
        events += to_idf(understood.frame)
        wrong += [(reason, raw) for _, reason, raw in understood.unusable]
        if understood.frame.height:
            resolver = resolver or RecipientResolver.open(node)
            known = resolver.allowed(understood.frame)
            owed += resolver.sets.owed(known.allowed)
            withheld.update({key.team_id: count for key, count in known.withheld().items()})
    teams = resolver.teams if resolver else {}
    plan = [
        PlannedNotification(teams[team], due_at(teams[team], at), owed[team], withheld[team])
        for team, _ in (owed | withheld).most_common()
    ]
    return ReplayPreview(events, wrong, plan)


def row_fields(node: NodeWithStores, number: int, text: str) -> list[RowField]:
    """The fields that the first row of a text names; none where it cannot be read as a row.

    Raises:
        NotFoundError: there is no such ingest.
        InputError: the text is empty or longer than a record may be.

    """
    reader, feed = _open_row(node, number, text)
    for chunk in reader.chunks():
        batch = reader.parse(chunk)
        if batch.frame.is_empty():
            continue
        checked = normalise(batch, feed, datetime.now(UTC)).frame.row(0, named=True)
        given = {name: value for name, value in batch.frame.row(0, named=True).items() if name in BY_NAME}
        fields = [(BY_NAME[name], str(value)) for name, value in given.items() if value not in {None, ""}]
        return [RowField(of.name, said, of.kind, checked.get(of.columns[0]) is not None) for of, said in fields]
    return []


def _open_row(node: NodeWithStores, number: int, text: str) -> tuple[Reader, Feed]:
    _, record = require_ingest(node, number)
    origin = sources(node.home / HomeFolder.FEEDS)[record.source]
    feed = replace(origin.feed(record.code), tlp=record.tlp, name=record.name, provider=record.provider)
    limits = node.settings.ingest
    content = row_content(node, number, [plain_text(text, node)])
    stream = io.BytesIO(codecs.BOM_UTF8 + IntakeFilter(node, "quarantine edit").kept(content)[0])  # as in `replay`
    return origin.open(record.code, stream, limits.batch_bytes, limits.max_record_bytes), feed
