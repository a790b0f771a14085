"""What a report of an assessment is made from: read once from the records, then everything is pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from statistics import median

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.node.errors import InputError
from tocsin.readiness.assessment import (
    Assessment,
    AssessmentComparison,
    Framework,
    QuestionScore,
    RankRange,
    Score,
    Snapshot,
    TargetProgress,
    compare,
    get_version,
    goals,
    history,
    rank_ranges,
    read_snapshot,
    read_under,
    same_version,
    score,
    track,
)

FEWEST_PEERS = 3  # a median of fewer would give a single unit away


@dataclass(frozen=True)
class Peers:
    """Units of the same group: their medians by pillar, or why there are none."""

    words: str
    medians: Mapping[str, float]


@dataclass(frozen=True)
class Material:
    """An assessment with what stands around it. ``ranked`` holds only units that agreed to it."""

    snapshot: Snapshot
    others: tuple[Snapshot, ...]
    peers: Peers
    ranked: tuple[RankRange, ...]
    tracked: tuple[TargetProgress, ...]
    comparison: AssessmentComparison | None


def gather(session: Session, assessment_id: int, peers: str = "") -> Material:
    """All that the report of an assessment needs; ``peers`` names the group to compare with, such as income.

    Raises:
        NotFoundError: there is no such assessment.
        InputError: the unit has no such group.

    """
    snapshot = read_snapshot(session, assessment_id)
    others = tuple(same_version(session, snapshot))
    earlier = [held for held in history(session, snapshot.unit, snapshot.framework.id) if held.as_of < snapshot.as_of]
    return Material(
        snapshot=snapshot,
        others=others,
        peers=_peers(snapshot, others, peers),
        ranked=tuple(_ranks([snapshot, *others])),
        tracked=tuple(tracked_targets(session, assessment_id)),
        comparison=_compared(session, earlier[-1], snapshot) if earlier else None,
    )


def tracked_targets(session: Session, assessment_id: int) -> list[TargetProgress]:
    """The targets of the assessment's unit, each against all its assessments re-scored under this version."""
    snapshot = read_snapshot(session, assessment_id)
    past = [one for one in history(session, snapshot.unit, snapshot.framework.id) if one.as_of <= snapshot.as_of]
    declared, supported = (_series(session, past, snapshot.framework, supported=only) for only in (False, True))
    return [
        replace(track(goal, declared), supported=track(goal, supported))
        for goal in goals(session, snapshot.unit, snapshot.framework)
    ]


def _series(
    session: Session, past: list[Snapshot], framework: Framework, *, supported: bool
) -> list[tuple[date, dict[str, Score]]]:
    series = []
    for held in past:
        try:
            readings = read_under(session, held, framework, supported=supported)
        except InputError:
            continue  # no crosswalk leads here: that year cannot be compared, and is not drawn
        series.append((held.as_of, score(framework, readings)))
    return series


def ranked_units(session: Session, framework: str, version: str) -> list[RankRange]:
    """Rank ranges of the units that opted in, by their latest assessment under a version."""
    row, _ = get_version(session, framework, version)
    found = session.execute(
        select(Assessment.unit, Assessment.id)
        .where(Assessment.version_id == row.id)
        .order_by(Assessment.unit, Assessment.as_of)
    ).all()
    latest = dict(found)
    return _ranks([read_snapshot(session, ident) for ident in latest.values()])


def overall(snapshot: Snapshot) -> Score | None:
    """The overall score of an assessment, as declared."""
    return snapshot.scores()[0].get("overall")


def _ranks(snapshots: list[Snapshot]) -> list[RankRange]:
    held = {one.unit: overall(one) for one in snapshots if one.ranked}
    readings = {unit: as_reading(item) for unit, item in held.items() if item is not None}
    return rank_ranges(readings)


def as_reading(item: Score) -> QuestionScore:
    """A score as a reading, 0 to 1."""
    low, high = item.low / 100, item.high / 100
    point = None if item.point is None else min(max(item.point / 100, low), high)
    return QuestionScore(max(0.0, low), point, min(1.0, high))


def _peers(snapshot: Snapshot, others: tuple[Snapshot, ...], group: str) -> Peers:
    if group and group not in snapshot.groups:
        known = ", ".join(snapshot.groups) or "none"
        raise InputError(f"{snapshot.unit} has no group '{group}'.", hint=f"Its groups: {known}.")
    same = [one for one in others if not group or one.groups.get(group) == snapshot.groups[group]]
    name = f"{group} {snapshot.groups[group]}" if group else "all units under this version"
    if len(same) < FEWEST_PEERS:
        return Peers(f"No peers are shown: {len(same)} in {name}, and a median takes {FEWEST_PEERS}.", {})
    scores = [one.scores()[0] for one in same]
    medians = {
        ident: median(points)
        for ident in scores[0]
        if len(points := [s[ident].point or 0.0 for s in scores if ident in s and s[ident].point is not None])
        >= FEWEST_PEERS
    }
    return Peers(f"median of {len(same)} peers ({name})", medians)


def _compared(session: Session, first: Snapshot, second: Snapshot) -> AssessmentComparison | None:
    try:
        return compare(session, first.id, second.id)
    except InputError:
        return None
