"""`tocsin times`: how long it takes to tell, to answer and to fix, measured."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import fields, print_table, say
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.node.censoring import Median
    from tocsin.pipeline.stores import NodeWithStores
    from tocsin.problems import TimesGroup

ByName = Literal["all", "team", "as", "type", "country"]


def times(
    call: NodeInvocation,
    by: Annotated[ByName, typer.Option(help="What the times are put together by.")] = "all",
    since: Annotated[str, typer.Option(help="Only problems first seen from this day on, YYYY-MM-DD.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="So many groups, those with most problems first; 0: all.")] = 20,
) -> None:
    """Show how long it takes from report to notification, from there to an answer, and to the end of a problem."""
    from tocsin.problems import By, problem_times, summarise

    node = call.node
    found = problem_times(node, node.store, node.tracker, since=_day(since))
    groups = summarise(found, By(by), now=call.now, most=limit)
    name = _names(node, by)
    call.emit([document(group, name) for group in groups], lambda: _print(groups, by, name))


def document(group: "TimesGroup", name: Callable[[object], str]) -> dict[str, object]:
    """One group as JSON has it; hours, null for what is infinite or not known."""
    return {
        "group": name(group.key),
        "problems": group.problems,
        "gone_before_told": group.ended_before,
        **{str(stretch): _median(found) for stretch, found in group.stretches.items()},
    }


def _median(found: "Median | None") -> dict[str, object] | None:
    if found is None:
        return None
    hours = {name: getattr(found, name) for name in ("earliest", "latest", "low", "high")}
    return {**fields(found, "times ended"), **{f"{name}_hours": _finite(value) for name, value in hours.items()}}


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else round(value, 3)


def _print(groups: "Sequence[TimesGroup]", by: str, name: Callable[[object], str]) -> None:
    if not groups:
        say("No notification was sent yet: there are no times.")
        return
    print_table(
        "Median times, and between which two the true one lies with 95 % confidence",
        (by if by != "all" else "", "problems", "seen to notified", "notified to answered", "notified to gone"),
        [
            (name(group.key), group.problems, *(_shown(group.stretches[stretch]) for stretch in group.stretches))
            for group in groups
        ],
        numbers=[1],
    )
    say("'open' means that more than half have no end yet. Shares: how many have ended.")


def _shown(found: "Median | None") -> str:
    """``26 h (20 h to 31 h), 80 %``."""
    if found is None:
        return "no times"
    middle = _hours(found.latest) if math.isinf(found.latest) else _hours((found.earliest + found.latest) / 2)
    around = "" if found.low is None or found.high is None else f" ({_hours(found.low)} to {_hours(found.high)})"
    return f"{middle}{around}, {found.ended / found.times:.0%}"


def _hours(hours: float) -> str:
    if math.isinf(hours):
        return "open"
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"


def _names(node: "NodeWithStores", by: str) -> Callable[[object], str]:
    """How the key of a group is shown."""
    if by == "team":
        from tocsin.directory import teams_by_id

        teams = {number: team.key for number, team in teams_by_id(node.database).items()}
        return lambda key: teams.get(key, "no longer in the directory") if isinstance(key, int) else "?"
    if by == "as":
        return lambda key: f"AS{key}" if key is not None else "not known"
    return lambda key: "all" if by == "all" else str(key) if key is not None else "not known"


def _day(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError:
        raise UsageError(f"'{text}' is not a day.", hint="Write it like 2026-11-24.") from None
