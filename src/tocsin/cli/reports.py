"""`tocsin reports`: a report that was taken in is read again after its mapping was corrected."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table, say

if TYPE_CHECKING:
    from tocsin.pipeline.reread import RereadResult

app = Commands(cls=act_group("reports"), help="Reports that were taken in.", no_args_is_help=True)


@app.callback()
def reports() -> None:
    """Reports that were taken in."""


@app.command("reread")
def reread_(
    call: NodeInvocation,
    number: Annotated[int, typer.Argument(min=1, help="Number of the report, from its page or 'quarantine list'.")],
    file: Annotated[
        Path | None, typer.Argument(help="The file as it came, also packed. Without it: the copy that is kept.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this it is only said what would be done.")] = False,
) -> None:
    """Read a report again after its mapping was corrected: the second reading takes the place of the first.

    Nothing is mailed by itself: what teams are owed then, and what corrects earlier digests, waits for your release.
    """
    from tocsin.pipeline.reread import reread

    done = reread(call.node, number, file=file, preview=not yes, actor=call.actor, now=call.now)
    call.emit(done.model_dump(), lambda: _say(done))


def _say(done: "RereadResult") -> None:
    if done.number is None:
        say(f"Report {done.of}, {done.report}, would be read again. Nothing was changed.")
    else:
        say(f"Report {done.of}, {done.report}, was read again as {done.number}.")
    say(f"Withdrawn: {done.events:,} events of {done.problems:,} problems; {done.vanished:,} of these vanish.")
    say(
        f"Second reading: {done.rows:,} rows, {done.stored:,} stored, {done.duplicates:,} duplicates, "
        f"{done.quarantined:,} unreadable; {done.problems_new:,} problems are new."
    )
    columns = ("team", "withdrawn before it was sent", "told", "of which wrong", "owed, held")
    cells = [(one.key, one.withdrawn, " ".join(one.told), one.wrong, one.owed) for one in done.teams]
    if cells:
        print_table("Events by team", columns, cells, numbers=[1, 3, 4])
    if done.number is None:
        say("Do it: the same with --yes. What is owed and corrected then waits for your release.")
    elif any(one.wrong or one.owed for one in done.teams):
        say("What teams are told waits for your release: 'tocsin deliveries held'.")
