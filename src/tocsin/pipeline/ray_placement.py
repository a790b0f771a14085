"""Reports worked on by a Ray cluster: ``[work] on = "ray"``.

Tasks understand chunks and finish batches, the frames lie in Ray's object store; one restartable actor for each group
of shards settles, with key files of its own. Ray places the work, finds out who died and has it done again. It does not
promise that a step is done once, so each step that is repeated writes the same bytes under the same names: several may
do it at once, also one that was thought dead, and it makes no difference. What counts is decided by one process, in the
records (`tocsin.pipeline.commit`).

Workers get what they need and no more: with each session the tables of networks, the compiled directory and the rules;
with each report its chunks, the answers and reminders of teams, and where parts and keys are written. None gets the
folder of the node, its settings, or the address of its records: what only those say, an owner lacks and asks for.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final, TypeAlias
from uuid import uuid4

import numpy as np

from tocsin.events import EventStore
from tocsin.events.sources import Chunk, sources
from tocsin.networks import Networks
from tocsin.node.errors import SettingError, StorageError, TocsinError
from tocsin.node.file_locks import process_folder
from tocsin.node.paths import HomeFolder
from tocsin.node.place import FolderPlace, Place
from tocsin.node.records import KeyFiles, KeyPlace
from tocsin.node.sentences import say
from tocsin.node.work_settings import check_ray_token
from tocsin.pipeline.notify_decision import NotificationDecider, NotifiedBatch
from tocsin.pipeline.placement import OpenWork, UnderstoodBatch, WorkerLostError
from tocsin.pipeline.recipients import RecipientResolver
from tocsin.pipeline.steps import (
    BatchWorker,
    FinishedBatch,
    IngestTerms,
    PartTerms,
    RowFacts,
    RowVerdicts,
    Settlement,
    WideBatch,
    WorkerSets,
)
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.team_sets import Int32s, NumberedTeams, TeamSets
from tocsin.problems import NOTES, SHARDS, ReminderPolicy, ReminderRequests, SightingResult, Tracker
from tocsin.problems.answers import AnswerSnapshot

ObjectRef: TypeAlias = Any  # of Ray, which is imported where it is used
_TASK_CPUS: Final = 0.9
"""Of a processor: what is left of each has room for owners, which need one only while they settle."""
_OWNER: Final = {"num_cpus": 0.01, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": "SPREAD"}
Sent = Mapping[int, AbstractSet[int]]


@dataclass(frozen=True)
class _SettleTerms:
    """What owners need to know of an ingest. ``days``: today, and before it those of the window.

    ``committed``: an ingest up to which all are, but for those that are ``passed`` over.
    """

    ingest: int
    feed: int
    now: int
    days: Sequence[date]
    repeat: ReminderPolicy
    reminders: ReminderRequests
    said: AnswerSnapshot
    live: bool
    committed: int
    passed: AbstractSet[int]


class _Lacking(Exception):  # noqa: N818  # an owner gives it as its answer
    """What an owner must be told before it can settle a batch: numbers of these sets of teams, or which mails left."""

    def __init__(self, sets: Sequence[NumberedTeams] = (), sent: Sequence[int] = ()) -> None:
        super().__init__(sets, sent)
        self.sets, self.sent = sets, sent


@dataclass
class _OwnersDecider(NotificationDecider):
    """Decides as ever, but gives no number to a set of teams, which its coordinator has to do."""

    def decide(
        self, allowed: Int32s, asked_next: Int32s | None, seen: SightingResult, routed: Int32s | None = None
    ) -> NotifiedBatch:
        known = len(self.sets.members)
        decided = super().decide(allowed, asked_next, seen, routed)
        if new := self.sets.members[known:]:
            self.sets.forget(known)
            raise _Lacking(sets=new)
        return decided


class _ShardOwner:
    """An actor: owns the rows and problems of some shards. All that it remembers it reads again from its files."""

    def __init__(self, problems: Place, rows: Place, keep: timedelta, copies: str, division: str) -> None:
        os.umask(0o077)  # of Ray is that of whoever started it
        self._problems, self._rows, self._keep, self._copies, self._division = problems, rows, keep, copies, division
        self._passed: AbstractSet[int] = frozenset()
        self._open: dict[tuple[Place, str], KeyFiles] = {}
        self._sets: tuple[ObjectRef, TeamSets] = (None, TeamSets())

    def settle(
        self, terms: _SettleTerms, facts: RowFacts, part: int, sets: Sequence[ObjectRef], sent: Sent
    ) -> RowVerdicts | _Lacking:
        """Settle rows of our shards, with what is noted of them on disk; safe to repeat until the next part comes."""

        def left(ingests: Sequence[int]) -> Sent:
            if lacking := [ingest for ingest in ingests if ingest not in sent]:
                raise _Lacking(sent=lacking)
            return sent

        self._passed = terms.passed
        if self._sets[0] != sets[0]:  # there are few new ones
            import ray

            self._sets = sets[0], TeamSets(ray.get(sets[0]))
        decider = _OwnersDecider(self._sets[1], left, terms.live, terms.said)
        tracker = Tracker(self._files(self._problems, columns=len(NOTES)))
        days = [self._files(self._rows, f"{day}") for day in terms.days]
        here = Settlement(terms.ingest, terms.feed, terms.now, days, tracker, terms.repeat, terms.reminders, decider)
        try:
            verdicts = here.settle(facts, part)
        except _Lacking as lacking:
            return lacking
        for files in (tracker.files, days[0]):
            files.sync(terms.ingest, part)
            if not part:
                files.merge(up_to=terms.committed)
        return verdicts

    def _files(self, place: Place, below: str = "", *, columns: int = 0) -> KeyFiles:
        """In the folder that all machines see, or copies of what is in a bucket."""
        if (place, below) not in self._open:
            folder, kept = place.folder / below, None
            if not isinstance(place, FolderPlace):
                # Not those of other owners: another node may work here, or numbers come again after `take_back`.
                above = Path(gettempdir(), f"tocsin-{os.getuid()}")
                folder = process_folder(above, self._copies) / str(columns) / below
                kept = KeyPlace(place, below)
            files = KeyFiles(folder, columns, self._division, lambda _: self._passed, self._keep, kept)
            self._open[place, below] = files
        return self._open[place, below]


def _understand(tables: Sequence[ObjectRef], report: Any, feed: Any, heard: Any, chunk: Chunk) -> Any:
    """A task: the wide frame of a chunk, which stays, and the facts of its rows.

    Numbers of sets of teams are the chunk's own, the same whoever numbers them: the frame may be lost, and made once
    more by another worker after its facts were settled.
    """
    import ray

    (origin, again), worker, sets = report, _worker_of(tables[0]), TeamSets()
    reader = origin.open(again.code, BytesIO(again.head), again.batch_bytes, again.max_record_bytes)
    wide, facts = worker.understand(reader, chunk, feed, heard)
    facts, numbers = replace(facts, team_sets=WorkerSets(worker.sets.members)).numbered(sets)
    if wide.known is not None:
        known = replace(wide.known, routed=numbers[wide.known.routed], allowed=facts.allowed)
        wide = replace(wide, known=known)
    used = np.arange(len(sets.members), dtype=np.int32)
    return wide, (
        replace(facts, used=used, team_sets=WorkerSets(sets.members)),
        ray.get_runtime_context().get_node_id(),
    )


def _finish(
    tables: Sequence[ObjectRef], wide: WideBatch, verdicts: RowVerdicts, ingest: IngestTerms, at: PartTerms
) -> FinishedBatch:
    """A task: the part of a batch, on disk."""
    worker = _worker_of(tables[0])
    finished = worker.finish(wide, verdicts, ingest, at)
    if finished.part is not None:
        worker.store.sync([finished.part])
    return finished


@lru_cache(maxsize=1)
def _worker_of(tables: ObjectRef) -> BatchWorker:
    import ray

    os.umask(0o077)  # as in `_ShardOwner`
    networks, routing, router, events = ray.get(tables)  # its arrays are read where Ray has them
    return BatchWorker.of(networks, RecipientResolver(routing, router), EventStore(events))


@cache
def _cluster(address: str) -> Any:
    """Ray, connected for as long as this process runs.

    Raises:
        SettingError: the cluster is not there, or has no token, which nobody may do without.

    """
    check_ray_token()
    try:
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise SettingError(say("Ray is not installed."), hint=say("pip install 'tocsin[cluster]'")) from error
    try:
        ray.init(address=address, namespace="tocsin", log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ray.exceptions.RayError) as error:
        raise SettingError(
            say("The Ray cluster at %(address)s cannot be used: %(error)s", address=address, error=str(error)),
            hint=say("'tocsin doctor' says what is wrong; this machine must be a node of it: docs/cluster.md."),
        ) from error
    return ray


def _leave() -> None:
    """Forget the cluster, so that it is looked for again."""
    import ray

    ray.shutdown()
    _cluster.cache_clear()
    _owners.cache_clear()


@cache
def _owners(address: str, groups: int, *files: object) -> Sequence[Any]:
    """The owners of all shards, each an actor; they end with this process. ``files``: as `_ShardOwner`."""
    owner = _cluster(address).remote(**_OWNER)(_ShardOwner)
    divisions, own = [f"{number}of{groups}" for number in range(1, groups + 1)], uuid4().hex
    return [owner.remote(*files, f"{own}-{division}", division) for division in divisions]


class OnRay:
    """What one session has on the cluster. Implements `BatchPlacement`."""

    def __init__(self, node: NodeWithStores, resolver: RecipientResolver, networks: Networks) -> None:
        """Connect, once for a process.

        Raises:
            SettingError: as `_cluster`, or the records are not those of several machines.

        """
        if node.database.engine.dialect.name == "sqlite":
            raise SettingError(
                say("Work on Ray needs PostgreSQL."), hint=say("Set [storage] database; 'tocsin move' goes there.")
            )
        work = self._settings = node.settings.work
        self._ray = _cluster(work.address)
        names = HomeFolder.EVENTS, HomeFolder.PROBLEMS, HomeFolder.ROWS
        events, problems, rows = (node.place(name).bare() for name in names)
        self._owners = _owners(work.address, work.groups, problems, rows, timedelta(node.settings.storage.recover_days))
        self.group_of = np.arange(SHARDS) * len(self._owners) // SHARDS
        self._committed = node.store.last_committed
        self.ahead = int(self._ray.cluster_resources().get("CPU", 1) / _TASK_CPUS) + 1
        self._pool = ThreadPoolExecutor(self.ahead)
        self._asking = ThreadPoolExecutor(len(self._owners))
        self._tables = [self._ray.put((networks, resolver.terms, resolver.router, events))]  # a list: not read at once
        self._understand = self._ray.remote(num_cpus=_TASK_CPUS, num_returns=2, max_retries=-1)(_understand)
        self._finish = self._ray.remote(num_cpus=_TASK_CPUS, max_retries=-1)(_finish)
        self._reports: dict[OpenWork, ObjectRef] = {}
        self._put: tuple[object, ObjectRef] = (None, None)
        self._known: tuple[int, list[ObjectRef]] = (0, [])

    def understand(self, work: OpenWork, chunk: Chunk) -> Future[UnderstoodBatch]:
        """As `BatchPlacement`."""
        if work not in self._reports:
            origin = sources(*work.again.folders)[work.again.source]  # workers have no mapping files
            # Read by Ray before a task begins: one that waits lends its processor, and another worker is started.
            self._reports[work] = self._ray.put((origin, replace(work.again, folders=())))
        return self._pool.submit(self._understood, work, self._reports[work], chunk)

    def _understood(self, work: OpenWork, report: ObjectRef, chunk: Chunk) -> UnderstoodBatch:
        wide: list[ObjectRef] = []

        def ask() -> ObjectRef:
            *wide[:], facts = self._understand.remote(self._tables, report, work.feed, work.heard, chunk)
            return facts

        facts, machine = self.answer(ask, lambda ref: self._ray.cancel(ref, force=True))
        return UnderstoodBatch(facts, (wide[0], machine))

    def finish(
        self, batch: UnderstoodBatch, verdicts: RowVerdicts, ingest: IngestTerms, part: PartTerms
    ) -> Future[FinishedBatch]:
        """As `BatchPlacement`."""
        if self._put[0] is not ingest:
            self._put = ingest, self._ray.put(ingest)
        narrow, terms = RowVerdicts(verdicts.kept, verdicts.fresh, verdicts.told), self._put[1]
        held: tuple[ObjectRef, str] = batch.held  # type: ignore[assignment]  # ours
        # Where the frame is, also where that machine is busy: else half of the frames would cross the wire.
        there = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(held[1], soft=True)
        return self._pool.submit(
            self.answer,
            lambda: self._finish.options(scheduling_strategy=there).remote(self._tables, held[0], narrow, terms, part),
            lambda ref: self._ray.cancel(ref, force=True),
        )

    def settling(self, here: Settlement) -> "_Settling":
        """As `BatchPlacement`: owners elsewhere do."""
        days = [date.fromisoformat(files.folder.name) for files in here.days]
        terms = _SettleTerms(
            here.ingest, here.feed, here.now, days, here.repeat, here.reminders, here.decider.said, here.decider.live,
            self._committed(), here.tracker.files.passed(here.ingest),
        )  # fmt: skip
        return _Settling(self, here.decider, self._ray.put(terms))

    def ask_owners(
        self, terms: ObjectRef, rows: Mapping[int, RowFacts], part: int, sets: TeamSets, sent: Sent
    ) -> Iterator[tuple[int, RowVerdicts | _Lacking]]:
        """What the owners of groups say of some rows each, all asked at once."""
        if len(sets.members) != self._known[0]:
            self._known = len(sets.members), [self._ray.put(sets.members)]

        def one(group: int) -> RowVerdicts | _Lacking:
            owner = self._owners[group]
            answer: RowVerdicts | _Lacking = self.answer(
                lambda: owner.settle.remote(terms, rows[group], part, self._known[1], sent),
                lambda _: self._ray.kill(owner, no_restart=False),
            )
            return answer

        return zip(rows, self._asking.map(one, rows), strict=True)

    def answer(self, ask: Callable[[], ObjectRef], give_up: Callable[[ObjectRef], None]) -> Any:
        """What comes of a step; begun again where it takes too long, as of a worker that stands still.

        Raises:
            StorageError: this machine is no node of the cluster any more; the next session connects again.
            WorkerLostError: Ray gave up.

        """
        errors, patience = self._ray.exceptions, self._settings.patience_seconds
        while True:
            asked = ask()
            try:
                return self._ray.get(asked, timeout=patience)
            except errors.GetTimeoutError:
                patience *= 2  # it may be the machine that is slow, and owners have to start
                give_up(asked)
            except errors.RayTaskError as error:
                raise error.cause if isinstance(error.cause, TocsinError) else error from error
            except errors.LocalRayletDiedError as error:
                _leave()
                raise StorageError(
                    say("Ray ended on this machine."),
                    hint=say("Start it again; what is not taken in yet is, after that."),
                ) from error
            except errors.RayError as error:
                raise WorkerLostError(
                    say("Ray gave up a step: %(error)s", error=str(error).partition("\n")[0]),
                    hint=say("'tocsin doctor' says which of its machines are missing."),
                ) from error

    def close(self, work: OpenWork) -> None:
        """As `BatchPlacement`."""
        self._reports.pop(work, None)

    def end(self) -> None:
        """As `BatchPlacement`; owners and the connection stay for the next session."""
        for pool in (self._pool, self._asking):
            pool.shutdown(cancel_futures=True)


@dataclass
class _Settling:
    """Settles the batches of one ingest by the owners of their shards. Implements `Settles`."""

    cluster: OnRay
    decider: NotificationDecider
    terms: ObjectRef
    sent: dict[int, AbstractSet[int]] = field(default_factory=dict)

    def settle(self, facts: RowFacts, part: int) -> RowVerdicts:
        """As `Settlement`, of all shards; the next part is asked for when all owners have settled this one."""
        verdicts, sets = RowVerdicts.blank(len(facts)), self.decider.sets
        groups = self.cluster.group_of[facts.shards]
        narrow = replace(facts, team_sets=WorkerSets([]), extras={}, unusable=())
        waiting = {group: groups == group for group in np.unique(groups).tolist()}
        while waiting:
            asked = {group: narrow.of(rows) for group, rows in waiting.items()}
            for group, answer in self.cluster.ask_owners(self.terms, asked, part, sets, self.sent):
                if isinstance(answer, RowVerdicts):
                    verdicts.add(waiting.pop(group), answer)
                    continue
                for members in answer.sets:
                    sets.number_again(members)
                self.sent.update(self.decider.sent(answer.sent) if answer.sent else {})
        return verdicts
