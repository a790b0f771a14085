"""The "+40 %" target on the index of 195 members: recounted here row by row, in another way."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.node.errors import InputError, UsageError
from tocsin.readiness.target import Panel, RiseGoal, assess, read_panel, tabulate

GROUPS = ("all", "LDC14=True", "SIDS=True", "LLDC=True", "EIT=True")


@pytest.fixture(scope="module")
def panel_file(shared_data: Path) -> Path:
    return shared_data / "readiness" / "gci_panel.csv"


def cell(row: dict[str, str], column: str) -> float:
    return float(row[column] or "nan")


def weight(row: dict[str, str], weighting: str, year: int) -> float:
    if weighting == "unweighted":
        return 1.0
    users = 1.0 if weighting == "weighted_by_penetration" else cell(row, f"pop{year}")
    return cell(row, f"net{year}") * users


def weighted_mean(rows: list[dict[str, str]], weighting: str, year: int, weight_year: int) -> float:
    total = math.fsum(weight(row, weighting, weight_year) for row in rows)
    return math.fsum(cell(row, str(year)) * weight(row, weighting, weight_year) for row in rows) / total


def recount(path: Path, group: str, baseline: int, end: int = 2020) -> dict[str, float]:
    """The same figures with plain loops over the file."""
    column = group.partition("=")[0]
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if group == "all" or row[column] == "True"]
    rows = [row for row in rows if row[str(baseline)] and row[str(end)]]
    found: dict[str, float] = {}
    for weighting in ("unweighted", "weighted_by_penetration", "weighted_by_users"):
        for kind, later in (("fixed_weights", baseline), ("moving_weights", end)):
            used = [
                row for row in rows
                if not math.isnan(weight(row, weighting, baseline) + weight(row, weighting, later))
            ]  # fmt: skip
            before = weighted_mean(used, weighting, baseline, baseline)
            after = weighted_mean(used, weighting, end, later)
            stem = f"change_of_group_mean.{weighting}.{kind}"
            found[f"{stem}.relative_percent"] = 100 * (after / before - 1)
            found[f"{stem}.points"] = after - before
            found[f"{stem}.share_of_remaining_gap_percent"] = 100 * (after - before) / (100 - before)
            found[f"{stem}.members_used"] = len(used)
    pairs = [(float(row[str(baseline)]), float(row[str(end)])) for row in rows]
    rose = "members_that_rose_by_the_goal"
    found[f"{rose}.relative_percent.count"] = sum(b > 0 and e >= 1.4 * b - 1e-12 for b, e in pairs)
    found[f"{rose}.points.count"] = sum(e >= b + 40 for b, e in pairs)
    found[f"{rose}.share_of_remaining_gap_percent.count"] = sum(e - b >= 0.4 * (100 - b) - 1e-12 for b, e in pairs)
    found["members_that_rose.count"] = sum(e > b for b, e in pairs)
    found["members_that_fell.count"] = sum(e < b for b, e in pairs)
    found["members_that_fell.of"] = len(pairs)
    return found


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("baseline", [2014, 2017, 2018])
def test_every_figure_agrees_with_a_recount(group: str, baseline: int, panel_file: Path) -> None:
    rows = tabulate(read_panel(panel_file), RiseGoal(40, baseline, 2020))
    row = next(row for row in rows if row["group"] == group and row["baseline"] == baseline)
    for name, value in recount(panel_file, group, baseline).items():
        assert row[name] == pytest.approx(value, abs=1e-9), name


def test_the_answer_depends_on_the_reading(panel_file: Path) -> None:
    found = assess(read_panel(panel_file), RiseGoal(40, 2017, 2020))
    change = found["change_of_group_mean"]
    assert isinstance(change, dict)
    plain = change["unweighted"]["fixed_weights"]
    assert plain["relative_percent"]["goal_met"] is True
    assert plain["share_of_remaining_gap_percent"]["goal_met"] is False
    assert change["weighted_by_penetration"]["fixed_weights"]["relative_percent"]["goal_met"] is True
    assert change["weighted_by_penetration"]["moving_weights"]["relative_percent"]["goal_met"] is False


def panel(start: list[float], end: list[float], **more: list[float]) -> Panel:
    members = tuple(f"M{i}" for i in range(len(start)))
    net = {2010: np.array(more["net"])} if "net" in more else {}
    return Panel(members, {2010: np.array(start), 2020: np.array(end)}, net, {}, {})


def test_what_cannot_be_computed_says_why() -> None:
    found = assess(panel([0.0, 0.0], [10.0, 20.0]), RiseGoal(40, 2010, 2020))
    change = found["change_of_group_mean"]
    assert isinstance(change, dict)
    assert change["unweighted"]["fixed_weights"]["relative_percent"] == {
        "value": None,
        "reason": "the baseline mean is 0",
    }
    assert change["unweighted"]["fixed_weights"]["points"] == {"value": 15.0, "goal_met": False}
    assert change["weighted_by_penetration"]["fixed_weights"]["points"]["value"] is None
    assert "net2010" in change["weighted_by_penetration"]["fixed_weights"]["points"]["reason"]
    rose = found["members_that_rose_by_the_goal"]
    assert isinstance(rose, dict)
    assert rose["relative_percent"]["not_computable"] == {"count": 2, "reason": "the member's baseline score is 0"}
    full = assess(panel([100.0], [100.0]), RiseGoal(40, 2010, 2020))["change_of_group_mean"]
    assert isinstance(full, dict)
    assert "no gap" in full["unweighted"]["fixed_weights"]["share_of_remaining_gap_percent"]["reason"]


def test_fixed_weights_can_be_known_where_moving_ones_are_not() -> None:
    change = assess(panel([10.0, 20.0], [20.0, 20.0], net=[90.0, 10.0]), RiseGoal(40, 2010, 2020))[
        "change_of_group_mean"
    ]
    assert isinstance(change, dict)
    assert change["weighted_by_penetration"]["fixed_weights"]["points"]["value"] == pytest.approx(9.0)
    assert "net2020" in change["weighted_by_penetration"]["moving_weights"]["points"]["reason"]


def test_members_without_a_score_are_named_not_counted_as_zero(panel_file: Path) -> None:
    members = assess(read_panel(panel_file), RiseGoal(40, 2014, 2020))["members"]
    assert isinstance(members, dict)
    assert members["in_group"] == 195
    assert members["with_both_years"] == 192
    assert len(members["without_baseline_score"]) == 1
    assert len(members["without_end_score"]) == 2


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=12))
def test_members_either_rise_fall_or_stay(pairs: list[tuple[float, float]]) -> None:
    found = assess(panel([a for a, _ in pairs], [b for _, b in pairs]), RiseGoal(40, 2010, 2020))
    total = 0
    for key in ("members_that_rose", "members_that_fell", "members_unchanged"):
        part = found[key]
        assert isinstance(part, dict)
        total += part["count"]
        assert part["of"] == len(pairs)
    assert total == len(pairs)


def test_wrong_questions(panel_file: Path, tmp_path: Path) -> None:
    data = read_panel(panel_file)
    for goal in (RiseGoal(40, 2015, 2020), RiseGoal(40, 2020, 2014), RiseGoal(40, 2014, 2030)):
        with pytest.raises(UsageError):
            assess(data, goal)
    for group in (["LDC14"], ["LDC15=True"], ["LDC14=Perhaps"]):
        with pytest.raises(UsageError):
            assess(data, RiseGoal(40, 2014, 2020), group)
    bad = tmp_path / "panel.csv"
    bad.write_text('iso3,2014,2020\nAAA,1,"2,5"\n')
    with pytest.raises(InputError, match="AAA, column 2020"):
        read_panel(bad)
    bad.write_text("iso3,2014,2020\nAAA,1,2\nAAA,1,2\n")
    with pytest.raises(InputError, match="AAA stands twice"):
        read_panel(bad)
    bad.write_text("iso3,first,second\nAAA,1,2\n")
    with pytest.raises(InputError, match="no column is a year"):
        read_panel(bad)
