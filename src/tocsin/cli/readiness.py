"""`tocsin readiness`: build a composite index, look at it from every side, and say how sure it is."""

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.output import Invocation, emit, note, say

app = typer.Typer(no_args_is_help=True, help="Composite indices of readiness: build, examine, compare, target.")

RunFolder = Annotated[Path, typer.Option("--run", help="The folder of a built run.")]
OutFile = Annotated[Path, typer.Option("--out", help="The CSV file to write.")]
Params = Annotated[list[str] | None, typer.Option("--param", help="NAME=VALUE; may be given several times.")]


@app.command()
def build(
    ctx: typer.Context,
    data: Annotated[Path, typer.Option(help="Indicator data: uCode, optionally uName and Time, a column an indicator.")],
    meta: Annotated[Path, typer.Option(help="The structure: Level, iCode, Parent, Direction, Weight, Type, …")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    recipe: Annotated[Path | None, typer.Option(help="Choices of method as TOML; without it the default recipe.")] = None,
    denominators: Annotated[Path | None, typer.Option(help="Denominators from a file of their own, by uCode.")] = None,
) -> None:
    """Build an index and write every stage as CSV."""
    from tocsin.readiness.run import build_run, describe_run, warnings_of

    invocation: Invocation = ctx.obj
    run = build_run(data, meta, recipe, out, denominators)
    document = {**describe_run(run), "folder": str(out), "files": sorted(path.name for path in out.glob("*.csv"))}
    for warning in warnings_of(run):
        note(f"tocsin: {warning}")

    def human() -> None:
        say(f"{document['units']} units, {document['indicators']} indicators, {document['levels']} levels → {out}")
        say(f"identity {run.identity}")

    emit(invocation, document, human)
