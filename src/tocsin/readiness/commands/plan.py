"""The part of `tocsin assessment` that looks ahead and back: plans, targets, comparisons, ranks."""

from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.interface import Commands, Invocation, fields, print_table, say
from tocsin.node.errors import ConflictError
from tocsin.readiness.commands.answers import By, perform, snapshot_of

if TYPE_CHECKING:
    from tocsin.readiness.assessment import AssessmentComparison, Score, TargetProgress

plan = Commands(no_args_is_help=True, help="The action list: owner, date, cost, expected gain.")


@plan.command("add")
def add(
    call: Invocation,
    assessment: int,
    question: str,
    level: Annotated[str, typer.Argument(help="The level to reach: index or label.")],
    *,
    title: Annotated[str, typer.Option(help="What is to be done.")],
    owner: Annotated[str, typer.Option(help="Who does it.")],
    due: Annotated[str, typer.Option(help="By when, YYYY-MM-DD.")],
    by: By,
    cost: Annotated[float | None, typer.Option(help="What it costs; leave out if unknown.")] = None,
    currency: Annotated[str, typer.Option(help="Such as USD.")] = "",
) -> None:
    """Add an action to the list; its expected gain is worked out now."""
    from tocsin.readiness.commands.assessment import day

    task = {"task": title, "owner": owner, "due": day(due), "cost": cost, "currency": currency}
    made = perform(call, "addAction", by, assessment=assessment, question=question, level=level, **task)
    document = {"action": made.id, **fields(made, "gain gain_low gain_high")}
    call.emit(
        document,
        f"Action {made.id}: expected gain {made.gain:.1f} points ({made.gain_low:.1f} to {made.gain_high:.1f}).",
    )


@plan.command("done")
def done(call: Invocation, action: int, on: Annotated[str, typer.Option(help="YYYY-MM-DD.")], by: By) -> None:
    """Mark an action done; the next assessment shows whether it moved a measured value."""
    from tocsin.readiness.commands.assessment import day

    perform(call, "finishAction", by, action=action, on=day(on))
    call.emit({"action": action, "done_on": on}, f"Action {action} was done on {on}.")


@plan.command("list")
def list_actions(call: Invocation, assessment: int) -> None:
    """List the actions of an assessment by date."""
    actions = snapshot_of(call, assessment).actions
    rows = [
        (
            action.id,
            action.question,
            action.title,
            action.owner,
            str(action.due),
            "unknown" if action.cost is None else f"{action.cost:,.0f} {action.currency}",
            f"{action.gain:.1f} ({action.gain_low:.1f} to {action.gain_high:.1f})",
            str(action.done_on or ""),
        )
        for action in actions
    ]
    columns = ("No.", "Question", "Action", "Owner", "Due", "Cost", "Expected gain", "Done")
    call.emit([a.__dict__ for a in actions], lambda: print_table("Actions", columns, rows, numbers=[0, 5, 6]))


def compare(
    call: Invocation,
    first: Annotated[int, typer.Argument(help="The number of one assessment.")],
    second: Annotated[int, typer.Argument(help="And of the other.")],
    under: Annotated[str, typer.Option(help="The version to re-score both under; empty: the later one's.")] = "",
) -> None:
    """Compare two years: re-scored under one version, chain-linked, and which actions moved a measured value."""
    from tocsin.readiness.assessment import compare as compare_years

    with call.database.begin() as session:
        found = compare_years(session, first, second, under or None)
    call.emit(_comparison_document(found), lambda: _print_comparison(found))


def target(
    call: Invocation,
    unit: str,
    framework: str,
    version: str,
    *,
    goal: Annotated[float, typer.Option(help="In % for relative and gap, in points otherwise.")],
    baseline: Annotated[int, typer.Option(help="The year it is counted from.")],
    end: Annotated[int, typer.Option(help="The year it is due.")],
    by: By,
    of: Annotated[str, typer.Option(help="overall, a pillar or an indicator.")] = "overall",
    kind: Annotated[str, typer.Option(help="relative, points, gap or reach.")] = "relative",
) -> None:
    """Set a target for a unit."""
    document = {"unit": unit, "of": of, "kind": kind, "goal": goal, "baseline": baseline, "end": end}
    perform(call, "targetScore", by, framework=framework, version=version, **document)
    call.emit(document, f"Target for {unit}: {of}, {kind} {goal:g} from {baseline} to {end}.")


def targets(call: Invocation, assessment: int) -> None:
    """Show how far the targets of a unit are, in several readings side by side."""
    from tocsin.readiness.report import tracked_targets

    with call.database.begin() as session:
        found = tracked_targets(session, assessment)
    call.emit([_target_document(item) for item in found], lambda: _print_targets(found))


def rank(call: Invocation, framework: str, version: str) -> None:
    """Rank the units that opted in, each with the best and the worst place it can have."""
    from tocsin.readiness.report import ranked_units

    with call.database.begin() as session:
        found = ranked_units(session, framework, version)
    if len(found) < 2:
        raise ConflictError(
            f"There is no ranking under '{framework}' {version}: {len(found)} units opted in, and it takes two.",
            hint="A unit opts in with 'tocsin assessment opt-in'.",
        )
    rows = [(r.unit, r.nominal or "unknown", f"{r.best} to {r.worst}") for r in found]
    call.emit(
        [r.__dict__ for r in found],
        lambda: print_table("Ranks among units that opted in", ("Unit", "Rank", "Range"), rows, numbers=[1, 2]),
    )


def opt_in(call: Invocation, assessment: int, by: By) -> None:
    """Agree to be ranked with this assessment."""
    _set_ranked(call, assessment, ranked=True, by=by)


def opt_out(call: Invocation, assessment: int, by: By) -> None:
    """No longer agree to be ranked with this assessment."""
    _set_ranked(call, assessment, ranked=False, by=by)


def _set_ranked(call: Invocation, assessment: int, *, ranked: bool, by: str) -> None:
    perform(call, "rankAssessment", by, assessment=assessment, ranked=ranked)
    words = "may be ranked" if ranked else "is not ranked"
    call.emit({"assessment": assessment, "ranked": ranked}, f"Assessment {assessment} {words}.")


def _comparison_document(found: "AssessmentComparison") -> dict[str, object]:
    years = {"first": (found.first, found.first_scores), "second": (found.second, found.second_scores)}
    return {
        "unit": found.second.unit,
        "under": found.under.version,
        **{
            name: {
                "as_of": snapshot.as_of,
                "version": snapshot.framework.version,
                "scores": [s.__dict__ for s in scores.values() if s.kind != "question"],
            }
            for name, (snapshot, scores) in years.items()
        },
        "relations": found.relations,
        "linked": None if found.linked is None else {**found.linked.__dict__, "change": found.linked.change.__dict__},
        "why": found.why,
        "outcomes": [
            {
                "action": item.action.title,
                **fields(item.action, "owner done_on"),
                **fields(item, "query moved"),
                "change": None if item.change is None else item.change.__dict__,
            }
            for item in found.outcomes
        ],
    }


def _print_comparison(found: "AssessmentComparison") -> None:
    def words(item: "Score") -> str:
        return f"{'unknown' if item.point is None else f'{item.point:.1f}'} [{item.low:.1f} to {item.high:.1f}]"

    rows = [
        (ident, after.title, words(before), words(after))
        for ident, after in found.second_scores.items()
        if after.kind in {"overall", "pillar"} and (before := found.first_scores.get(ident)) is not None
    ]
    years = (str(found.first.as_of), str(found.second.as_of))
    print_table(f"Both under version {found.under.version}", ("Part", "Title", *years), rows, numbers=[2, 3])
    if found.linked is None:
        say(found.why)
    else:
        link = found.linked
        say(
            f"On the {len(link.common)} questions that both versions share: {link.change.value:+.1f} points "
            f"({link.change.low:+.1f} to {link.change.high:+.1f})."
        )
        say(
            f"Linked score {link.linked:.1f}; score under the new criteria {link.second:.1f}: "
            f"the change of criteria alone makes {link.break_:+.1f} (the break)."
        )
    for item in found.outcomes:
        say(f"Action '{item.action.title}' ({item.action.owner}): {item.moved}.")


def _target_document(item: "TargetProgress") -> dict[str, object]:
    return {
        **item.goal.__dict__,
        **fields(item, "wanted reached"),
        "readings": dict(item.readings),
        "why": item.why,
        "series": [{"as_of": on, **fields(held, "low point high")} for on, held in item.series],
        **({} if item.supported is None else {"supported": _target_document(item.supported)}),
    }


def _print_targets(found: "list[TargetProgress]") -> None:
    columns = ("Target", "Answers", "Wanted", "Now", "Reached", "In %", "Points", "Gap %")
    rows, reasons = [], []
    for item in found:
        title = f"{item.goal.title}, by {item.goal.end}"
        for number, (kind, one) in enumerate((("declared", item), ("supported", item.supported))):
            if one is not None:
                rows.append((title if number == 0 else "", kind, *_target_cells(one)))
                if one.why and number == 0:
                    reasons.append(f"{title}: not computable, {one.why}.")
    print_table("Targets", columns, rows, numbers=[2, 5, 6, 7])
    for reason in reasons:
        say(reason)


def _target_cells(item: "TargetProgress") -> tuple[object, ...]:
    last = item.series[-1][1] if item.series else None
    wanted = "" if item.wanted is None else f"{item.wanted:.1f}"
    held = "unknown" if last is None or last.point is None else f"{last.point:.0f} [{last.low:.0f}-{last.high:.0f}]"
    change = [item.readings.get(reading) for reading in ("relative", "points", "gap")]
    return (wanted, held, item.reached or "?", *("" if value is None else f"{value:+.1f}" for value in change))
