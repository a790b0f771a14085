"""Did readiness rise by 40 %? The same goal read in every way that was meant, none chosen.

Readings: relative change, change in points, share of the gap to the full score that was closed; the group's mean
unweighted, weighted by penetration (share of people online), by users (people online); weights of the baseline year
("fixed") or of each year ("moving"); and how many members rose by the goal, or fell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tocsin.node.errors import InputError, UsageError
from tocsin.readiness.inputs import numbers, read_csv
from tocsin.readiness.table import BoolArray, FloatArray

READINGS = ("relative_percent", "points", "share_of_remaining_gap_percent")
WEIGHTINGS = ("unweighted", "weighted_by_penetration", "weighted_by_users")
WEIGHTS = ("fixed_weights", "moving_weights")


@dataclass(frozen=True)
class Panel:
    """Scores of each member by year, (members,) each; penetration in percent and population where the file has them."""

    members: tuple[str, ...]
    scores: Mapping[int, FloatArray]
    penetration: Mapping[int, FloatArray]
    population: Mapping[int, FloatArray]
    labels: Mapping[str, tuple[str, ...]]

    def flags(self) -> tuple[str, ...]:
        """The columns that say True or False for every member: groups."""
        return tuple(c for c, values in self.labels.items() if {v.lower() for v in values} <= {"true", "false"})


def read_panel(path: Path) -> Panel:
    """The panel of a CSV file: a code first, a column for each year, ``net<year>``, ``pop<year>``, and group columns.

    Raises InputError naming a bad cell or a member that stands twice.
    """
    frame = read_csv(path)
    code = next((c for c in ("iso3", "uCode", "code") if c in frame.columns), frame.columns[0])
    members = tuple(frame[code].to_list())
    twice = next((m for i, m in enumerate(members) if m in members[:i]), None)
    if twice is not None:
        raise InputError(f"{path.name}, column {code}: member {twice} stands twice.")
    years = [column for column in frame.columns if column.isdigit() and len(column) == 4]
    if not years:
        raise InputError(f"{path.name}: no column is a year, such as 2014.")

    def by_year(prefix: str) -> dict[int, FloatArray]:
        columns = {int(year): f"{prefix}{year}" for year in years if f"{prefix}{year}" in frame.columns}
        return {year: numbers(frame, [column], path.name, members)[:, 0] for year, column in columns.items()}

    measured = {*years, *(f"{prefix}{year}" for prefix in ("net", "pop") for year in years)}
    labels = {c: tuple(frame[c].to_list()) for c in frame.columns if c not in measured and c != code}
    return Panel(members, by_year(""), by_year("net"), by_year("pop"), labels)


@dataclass(frozen=True)
class RiseGoal:
    """A rise of ``percent`` from the year ``baseline`` to the year ``end``, on a scale that ends at ``full_score``."""

    percent: float
    baseline: int
    end: int
    full_score: float = 100.0


def in_group(panel: Panel, conditions: Sequence[str]) -> BoolArray:
    """True for members that meet every "COLUMN=VALUE"; letters regardless of case. Raises UsageError."""
    inside = np.ones(len(panel.members), dtype=np.bool_)
    for condition in conditions:
        column, equals, value = condition.partition("=")
        if not equals:
            raise UsageError(f'"--group {condition}" is not COLUMN=VALUE.')
        if column not in panel.labels:
            raise UsageError(f"The panel has no group column {column}.", hint=f"It has {', '.join(panel.labels)}.")
        inside &= np.array([label.lower() == value.lower() for label in panel.labels[column]])
    if not inside.any():
        raise UsageError(f"No member of the panel is {' and '.join(conditions)}.")
    return inside


def assess(panel: Panel, goal: RiseGoal, conditions: Sequence[str] = ()) -> dict[str, object]:
    """Every reading of the goal for one group, between two years; the keys explain themselves.

    Means are over members with a score in both years. A figure that cannot be computed is
    ``{"value": None, "reason": …}``. Raises UsageError for an unknown year or group.
    """
    for year in (goal.baseline, goal.end):
        if year not in panel.scores:
            raise UsageError(f"The panel has no year {year}.", hint=f"It has {', '.join(map(str, panel.scores))}.")
    if goal.end <= goal.baseline:
        raise UsageError(f"The end, {goal.end}, must be after the baseline, {goal.baseline}.")
    inside = in_group(panel, conditions)
    start, final = panel.scores[goal.baseline], panel.scores[goal.end]
    both = inside & ~np.isnan(start) & ~np.isnan(final)
    names = np.array(panel.members)
    return {
        "goal_percent": goal.percent,
        "baseline_year": goal.baseline,
        "end_year": goal.end,
        "full_score": goal.full_score,
        "group": list(conditions) or "all",
        "members": {
            "in_group": int(inside.sum()),
            "with_both_years": int(both.sum()),
            "without_baseline_score": names[inside & np.isnan(start)].tolist(),
            "without_end_score": names[inside & np.isnan(final)].tolist(),
        },
        "change_of_group_mean": {
            weighting: {kind: _mean_change(panel, both, (weighting, kind), goal) for kind in WEIGHTS}
            for weighting in WEIGHTINGS
        },
        "members_that_rose_by_the_goal": {
            reading: _rose(start[both], final[both], reading, goal) for reading in READINGS
        },
        "members_that_rose": _share(final[both] > start[both]),
        "members_that_fell": _share(final[both] < start[both]),
        "members_unchanged": _share(final[both] == start[both]),
    }


def tabulate(panel: Panel, goal: RiseGoal) -> list[dict[str, object]]:
    """One row for all members and for each flagged group, from each year before the goal's end to that end."""
    rows = []
    for condition in ("", *(f"{flag}=True" for flag in panel.flags())):
        for baseline in sorted(year for year in panel.scores if year < goal.end):
            found = assess(panel, replace(goal, baseline=baseline), [condition] if condition else [])
            rows.append({"group": condition or "all", "baseline": baseline, "end": goal.end, **_flat(found)})
    return rows


def summary_rows(found: Mapping[str, object]) -> tuple[list[str], list[list[str]]]:
    """The findings of ``assess`` as a table for reading: a row for each weighting, then the members."""
    row = _flat(found)
    columns = ["", *(reading.replace("_", " ") for reading in READINGS)]

    def cell(name: str, unit: str = "") -> str:
        value = row.get(name)
        return f"{value:+.1f}{unit}" if isinstance(value, float) else "not computable"

    rows = [
        [
            f"{weighting} ({kind})".replace("_", " "),
            *(cell(f"change_of_group_mean.{weighting}.{kind}.{r}") for r in READINGS),
        ]
        for weighting in WEIGHTINGS
        for kind in WEIGHTS
    ]
    rose = [row.get(f"members_that_rose_by_the_goal.{r}.share_percent") for r in READINGS]
    rows.append(["members that rose by the goal", *(f"{v:.1f} %" if isinstance(v, float) else "" for v in rose)])
    fell = row.get("members_that_fell.share_percent")
    rows.append(["members that fell", f"{fell:.1f} %" if isinstance(fell, float) else "", "", ""])
    return columns, rows


def notes(found: Mapping[str, object]) -> list[str]:
    """What stands beside the table of ``summary_rows``: how many members count, who is left out, and why."""
    row = _flat(found)
    lines = [f"{row['members.with_both_years']} of {row['members.in_group']} members have a score in both years."]
    reasons: dict[str, None] = {}
    without: set[str] = set()

    def walk(value: object) -> None:
        if not isinstance(value, dict):
            return
        if "reason" in value:
            reasons[str(value["reason"])] = None
        without.update(value.get("members_without_weight", []))
        for inner in value.values():
            walk(inner)

    walk(found)
    if without:
        names = ", ".join(sorted(without))
        lines.append(f"No penetration or population, so not in the weighted means: {names}.")
    return lines + [f"Not computable: {reason}." for reason in reasons]


def _mean_change(panel: Panel, both: BoolArray, how: tuple[str, str], goal: RiseGoal) -> dict[str, object]:
    weighting, kind = how
    baseline, end = goal.baseline, goal.end
    first, reason = _weights(panel, weighting, baseline)
    last, reason_end = (first, reason) if kind == "fixed_weights" else _weights(panel, weighting, end)
    if first is None or last is None:
        return _none_of_it(reason or reason_end)
    used = both & ~np.isnan(first) & ~np.isnan(last)
    unweighted = np.array(panel.members)[both & ~used].tolist()
    if not used.any() or first[used].sum() <= 0 or last[used].sum() <= 0:
        return _none_of_it("no member of the group has scores in both years and a weight above 0")
    before = float((panel.scores[baseline][used] * first[used]).sum() / first[used].sum())
    after = float((panel.scores[end][used] * last[used]).sum() / last[used].sum())
    readings = {reading: _change(before, after, reading, goal.full_score) for reading in READINGS}
    return {
        "baseline_mean": before,
        "end_mean": after,
        **{
            reading: {"value": value, "goal_met": value >= goal.percent - 1e-9} if value is not None else _not(why)
            for reading, (value, why) in readings.items()
        },
        "members_used": int(used.sum()),
        "members_without_weight": unweighted,
    }


def _weights(panel: Panel, weighting: str, year: int) -> tuple[FloatArray | None, str]:
    if weighting == "unweighted":
        return np.ones(len(panel.members)), ""
    if year not in panel.penetration:
        return None, f"the panel has no penetration (column net{year}) for {year}"
    if weighting == "weighted_by_penetration":
        return panel.penetration[year], ""
    if year not in panel.population:
        return None, f"the panel has no population (column pop{year}) for {year}"
    return panel.penetration[year] / 100 * panel.population[year], ""


def _change(before: float, after: float, reading: str, full_score: float) -> tuple[float | None, str]:
    if reading == "points":
        return after - before, ""
    if reading == "relative_percent":
        return ((after - before) / before * 100, "") if before > 0 else (None, "the baseline mean is 0")
    gap = full_score - before
    return ((after - before) / gap * 100, "") if gap > 0 else (None, "the baseline is the full score: no gap remains")


def _rose(start: FloatArray, final: FloatArray, reading: str, goal: RiseGoal) -> dict[str, object]:
    whole, computable, why = {
        "points": (np.full_like(start, 100.0), np.ones(len(start), dtype=np.bool_), ""),
        "relative_percent": (start, start > 0, "the member's baseline score is 0"),
        "share_of_remaining_gap_percent": (
            goal.full_score - start,
            start < goal.full_score,
            "the member's baseline is the full score",
        ),
    }[reading]
    met = final - start >= goal.percent / 100 * whole - 1e-9
    left_out = int((~computable).sum())
    return {
        **_share(met[computable]),
        "not_computable": {"count": left_out, **({"reason": why} if left_out else {})},
    }


def _share(met: BoolArray) -> dict[str, object]:
    if not len(met):
        return {"count": 0, "of": 0, "share_percent": _not("no member has what this needs")}
    return {"count": int(met.sum()), "of": len(met), "share_percent": {"value": float(met.mean() * 100)}}


def _none_of_it(reason: str) -> dict[str, object]:
    return {
        "baseline_mean": _not(reason),
        "end_mean": _not(reason),
        **{reading: _not(reason) for reading in READINGS},
        "members_used": 0,
        "members_without_weight": [],
    }


def _not(reason: str) -> dict[str, object]:
    return {"value": None, "reason": reason}


def _flat(found: Mapping[str, object]) -> dict[str, object]:
    """The figures of ``assess`` in one row: names joined by dots, values only."""
    row: dict[str, object] = {}

    def walk(value: object, name: str) -> None:
        if isinstance(value, dict) and "value" in value:
            row[name] = value["value"]
        elif isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{name}.{key}" if name else key)
        elif isinstance(value, (int, float)):
            row[name] = value

    for key in (
        "members",
        "change_of_group_mean",
        "members_that_rose_by_the_goal",
        "members_that_rose",
        "members_that_fell",
    ):
        walk(found[key], key)
    return row
