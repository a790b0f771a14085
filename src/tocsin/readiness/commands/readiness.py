"""`tocsin readiness`: build a composite index, look at it from every side, and say how sure it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.interface import Commands, Invocation, note, print_table, say

if TYPE_CHECKING:
    from tocsin.readiness.run import Row
    from tocsin.readiness.table import DataTable

app = Commands(no_args_is_help=True, help="Composite indices of readiness: build, examine, compare, target.")

RunFolder = Annotated[Path, typer.Option("--run", help="The folder of a built run.")]
OutFile = Annotated[Path, typer.Option("--out", help="The CSV file to write.")]
Params = Annotated[list[str] | None, typer.Option("--param", help="NAME=VALUE; may be given several times.")]


@app.command()
def report(
    call: Invocation,
    unit: Annotated[str, typer.Argument(help="The unit's code in the run.")],
    out: Annotated[Path, typer.Option(help="FILE.html, .pdf, .xlsx or .csv.")],
    run: Annotated[Path, typer.Option(help="The folder of the built run; the current folder if not given.")] = Path(),
    peers: Annotated[str, typer.Option(help="Compare with the units of the same group: a group column.")] = "",
    *,
    ranked: Annotated[bool, typer.Option("--ranked", help="All units agreed: show ranks and map.")] = False,
) -> None:
    """Write the report of one unit: profile, strengths, indicators, uncertainty, open data and recipe."""
    from tocsin.interface.documents import write_report
    from tocsin.readiness.report import read_unit, unit_report

    today = call.now.date()
    write_report(unit_report(read_unit(run, unit), made_on=today, peers=peers, ranked=ranked), out)
    call.emit({"report": str(out), "unit": unit}, f"The report of {unit} is in {out}.")


@app.command()
def build(
    call: Invocation,
    data: Annotated[
        Path, typer.Option(help="Indicator data: uCode, optionally uName and Time, a column an indicator.")
    ],
    meta: Annotated[Path, typer.Option(help="The structure: Level, iCode, Parent, Direction, Weight, Type, …")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    recipe: Annotated[
        Path | None, typer.Option(help="Choices of method as TOML; without it the default recipe.")
    ] = None,
    denominators: Annotated[Path | None, typer.Option(help="Denominators from a file of their own, by uCode.")] = None,
) -> None:
    """Build an index and write every stage as CSV."""
    from tocsin.readiness.run import build_run, describe_run, warnings_of

    run = build_run(data, meta, recipe, out, denominators)
    document = {**describe_run(run), "folder": str(out), "files": sorted(path.name for path in out.glob("*.csv"))}
    for warning in warnings_of(run):
        note(f"tocsin: {warning}")

    def human() -> None:
        say(f"{document['units']} units, {document['indicators']} indicators, {document['levels']} levels → {out}")
        say(f"identity {run.identity}")

    call.emit(document, human)


@app.command()
def normalise(
    call: Invocation,
    run: RunFolder,
    method: Annotated[
        str,
        typer.Option(
            help="minmax, zscore, scaled, rank, borda, prank, fracmax, dist2targ, dist2ref, dist2max or goalposts."
        ),
    ],
    out: OutFile,
    param: Params = None,
    stage: Annotated[str, typer.Option(help="The stage to normalise.")] = "Treated",
) -> None:
    """Write the indicators on another scale, larger always better."""
    from tocsin.readiness import parameters
    from tocsin.readiness.build import method_columns
    from tocsin.readiness.normalise import normalise as apply
    from tocsin.readiness.normalise import reversed_by_fracmax, unscalable
    from tocsin.readiness.run import load_run

    built = load_run(run)
    codes = [element.code for element in built.inputs.hierarchy.indicators]
    table = built.stage(stage).columns(codes)
    columns, params = method_columns(built.inputs.hierarchy, codes), parameters.parse(param or [])
    made = apply(table, columns, method, params, over_panel=built.recipe.normalise.over_panel)
    if method == "fracmax" and params.get("negative") != "leader" and (turned := reversed_by_fracmax(table, columns)):
        note(f"tocsin: x / max turns round the order of {', '.join(turned)}; --param negative=leader does not.")
    if lost := unscalable(table, made):
        note(f"tocsin: {', '.join(lost)} cannot be scaled (the formula divides by zero) and are left empty.")
    _write_table(call, out, made, method=method, identity=built.identity)


@app.command()
def weights(
    call: Invocation,
    run: RunFolder,
    method: Annotated[
        str,
        typer.Option(help="given, effective, noisy, pca, balance, infomax; balance_corr and infomax_corr add the fit."),
    ],
    out: OutFile,
    level: Annotated[int | None, typer.Option(help="The level whose weights are computed.")] = None,
    param: Params = None,
) -> None:
    """Write a set of weights: iCode, Level, Weight."""
    from tocsin.readiness import parameters
    from tocsin.readiness.reweigh import weight_table
    from tocsin.readiness.run import load_run

    built = load_run(run)
    rows = weight_table(built, method, level, parameters.parse(param or []))
    _write_rows(call, out, rows, method=method, level=level, identity=built.identity)


@app.command()
def aggregate(
    call: Invocation,
    run: RunFolder,
    method: Annotated[str, typer.Option(help="amean, gmean, hmean, genmean, copeland; several by level with commas.")],
    out: OutFile,
    param: Params = None,
    normalised: Annotated[Path | None, typer.Option(help="A normalised table to use instead of the run's own.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights to use instead: CSV with iCode, Weight.")] = None,
) -> None:
    """Write indicators and all aggregates made in another way."""
    from tocsin.readiness import parameters
    from tocsin.readiness.reweigh import aggregate_again
    from tocsin.readiness.run import load_run

    built = load_run(run)
    made = aggregate_again(built, method, parameters.parse(param or []), normalised, weights)
    _write_table(call, out, made, method=method, identity=built.identity)


@app.command("remove-elements")
def remove_elements(
    call: Invocation,
    run: RunFolder,
    level: Annotated[int, typer.Option(help="Remove each element of this level in turn.")],
    out: OutFile,
    table: Annotated[str, typer.Option(help="scores, ranks, rank_diffs, rank_abs_diffs or mean_abs_diff.")] = "ranks",
    code: Annotated[str | None, typer.Option(help="The element studied; the index by default.")] = None,
) -> None:
    """Write what the index would be without each element of a level."""
    from tocsin.readiness import compare as comparing
    from tocsin.readiness.build import aggregation_steps
    from tocsin.readiness.run import load_run

    built = load_run(run)
    hierarchy, stages = built.inputs.hierarchy, built.stages
    steps = aggregation_steps(hierarchy, built.recipe)
    made = comparing.remove_elements(
        stages.normalised, hierarchy, stages.weights, steps, level=level, code=code or hierarchy.top
    )
    mean = {row["iCode"]: row["MeanAbsDiff"] for row in made.rows("mean_abs_diff")}
    _write_rows(call, out, made.rows(table), mean_abs_diff=mean)


@app.command()
def compare(
    call: Invocation,
    run: Annotated[list[Path], typer.Option("--run", help="The folder of a built run; may be given several times.")],
    out: OutFile,
    other: Annotated[
        list[Path] | None, typer.Option("--with", "--other", help="Another run; may be given several times.")
    ] = None,
    year: Annotated[
        list[int] | None, typer.Option(help="Years of a panel run to compare; the first is the base.")
    ] = None,
    code: Annotated[str | None, typer.Option(help="The element compared; the index by default.")] = None,
    by: Annotated[str, typer.Option(help="ranks or scores.")] = "ranks",
    table: Annotated[str, typer.Option(help="For more than two: values, diffs or abs_diffs.")] = "values",
) -> None:
    """Write two runs, or two years, side by side: uCode, coin.1, coin.2, Diff, Abs.diff; or several."""
    from tocsin.readiness.reweigh import comparison, labelled

    _write_rows(call, out, comparison(labelled([*run, *(other or [])]), year or [], code, by, table), by=by)


@app.command()
def sensitivity(
    call: Invocation,
    run: RunFolder,
    spec: Annotated[Path, typer.Option(help="The uncertain choices, as TOML.")],
    out: Annotated[
        Path,
        typer.Option(
            help="The folder for scores, ranks, rank statistics, sample and indices; or FILE.csv, rank statistics only."
        ),
    ],
) -> None:
    """Evaluate the index over other choices: ranks with intervals, and how much each choice changes them."""
    from tocsin.readiness.run import load_run
    from tocsin.readiness.sensitivity import write_sensitivity

    built = load_run(run)
    document = write_sensitivity(built, spec, out)

    def human() -> None:
        say(f"{document['evaluations']} evaluations ({document['method']}) → {out}")
        for line in document["lines"] if isinstance(document["lines"], list) else []:
            say(str(line))

    call.emit({key: value for key, value in document.items() if key != "lines"}, human)


@app.command()
def target(
    call: Invocation,
    panel: Annotated[Path, typer.Option(help="CSV: code, a column a year, net<year>, pop<year>, group columns.")],
    goal: Annotated[float, typer.Option(help="The goal in percent.")],
    baseline: Annotated[int, typer.Option(help="The year to start from.")],
    end: Annotated[int, typer.Option(help="The year to look at.")],
    group: Annotated[list[str] | None, typer.Option(help="COLUMN=VALUE; several narrow the group.")] = None,
    full_score: Annotated[float, typer.Option(help="The highest score there is.")] = 100.0,
    table: Annotated[
        Path | None, typer.Option(help="Also write a CSV of all groups and all earlier baselines.")
    ] = None,
) -> None:
    """Read a goal such as "+40 %" in every way it was meant."""
    from tocsin.readiness.run import write_rows
    from tocsin.readiness.target import RiseGoal, assess, read_panel, tabulate

    data, question = read_panel(panel), RiseGoal(goal, baseline, end, full_score)
    found = assess(data, question, group or [])
    if table is not None:
        write_rows(table, tabulate(data, question))
    call.emit(found, lambda: _print_target(found))


def _print_target(found: dict[str, object]) -> None:
    from tocsin.readiness.target import notes, summary_rows

    columns, rows = summary_rows(found)
    group = " and ".join(found["group"]) if isinstance(found["group"], list) else found["group"]
    title = f"+{found['goal_percent']:g} % from {found['baseline_year']} to {found['end_year']}, group: {group}"
    print_table(title, columns, rows)
    for line in notes(found):
        say(line)


def _write_rows(call: Invocation, out: Path, rows: "Sequence[Row]", **facts: object) -> None:
    from tocsin.readiness.run import write_rows

    write_rows(out, rows)
    call.emit({"file": str(out), "rows": len(rows), **facts}, f"{len(rows)} rows → {out}")


def _write_table(call: Invocation, out: Path, table: "DataTable", **facts: object) -> None:
    from tocsin.readiness.run import table_columns, write_csv

    write_csv(out, table_columns(table))
    call.emit({"file": str(out), "rows": len(table.units), **facts}, f"{len(table.units)} rows → {out}")


@app.command()
def describe(
    call: Invocation,
    run: RunFolder,
    view: Annotated[
        str,
        typer.Option(help="statistics, availability, correlations, flags, denominators, alpha, pca, bounds or trends."),
    ],
    out: OutFile,
    stage: Annotated[
        str | None, typer.Option(help="The stage looked at: Normalised, for trends Aggregated, unless named.")
    ] = None,
    level: Annotated[int, typer.Option(help="The level of groups, or of the elements for trends.")] = 2,
    kind: Annotated[str, typer.Option(help="Of correlations: pearson, spearman or kendall.")] = "pearson",
) -> None:
    """Write a statistical view of a run."""
    from tocsin.readiness.run import load_run
    from tocsin.readiness.views import view as rows_of

    looked_at = stage or ("Aggregated" if view == "trends" else "Normalised")
    _write_rows(call, out, rows_of(load_run(run), view, looked_at, level, kind), view=view)


@app.command()
def profile(
    call: Invocation,
    unit: Annotated[str, typer.Argument(help="The code of the unit.")],
    run: RunFolder,
    count: Annotated[int, typer.Option(help="How many strengths and weaknesses.")] = 5,
) -> None:
    """Show one unit: scores and ranks with bounds, strengths and weaknesses."""
    from tocsin.readiness.run import load_run
    from tocsin.readiness.views import unit_view

    found = unit_view(load_run(run), unit, count=count)

    def human() -> None:
        for title, rows in (
            ("", found["profile"]),
            ("Strengths", found["strengths"]),
            ("Weaknesses", found["weaknesses"]),
        ):
            if isinstance(rows, list) and rows:
                columns = list(rows[0])
                print_table(title, columns, [[_shown(row[c]) for c in columns] for row in rows])

    call.emit(found, human)


def _shown(value: object) -> object:
    return f"{value:.2f}" if isinstance(value, float) else "" if value is None else value
