"""`tocsin readiness report`: one unit of a built run, for reading, printing, calculating and taking along."""

from pathlib import Path
from typing import Annotated

import typer

from tocsin.interface import Invocation


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
