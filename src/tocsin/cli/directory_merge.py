"""``tocsin directory merges``: teams that may be one, and those that were merged."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, all_but, print_table, say

if TYPE_CHECKING:
    from tocsin.directory import MergeCandidate, TeamMerge

app = Commands()

_SHOWN = 50


@app.command()
def merges(
    call: NodeInvocation,
    done: Annotated[bool, typer.Option("--done", help="List the merges that were made instead.")] = False,
) -> None:
    """List teams that may be one, with the reasons; nothing is merged by itself."""
    from tocsin.directory import read_candidates, read_merges

    if done:
        made = read_merges(call.database)
        call.emit([all_but(merge, "version") for merge in made], lambda: _print_made(made))
        return
    found = read_candidates(call.database)
    call.emit([asdict(one) for one in found], lambda: _print(found))


def _print(found: "list[MergeCandidate]") -> None:
    if not found:
        say("No teams look like one.")
        return
    rows = [
        (one.score, f"{one.keep}\n{one.merge}", "\n".join(one.names), "; ".join(one.reasons), one.warning)
        for one in found[:_SHOWN]
    ]
    width = 5 if any(one.warning for one in found) else 4
    columns = ("score", "teams", "names", "in common", "warning")[:width]
    print_table(f"{len(found):,} pairs of teams may be one", columns, [row[:width] for row in rows], numbers=[0])
    if len(found) > _SHOWN:
        say(f"and {len(found) - _SHOWN:,} more; --json shows all.")
    say("They are: tocsin directory merge KEEP TEAM --said-by NAME --reason '...'; they are not: keep-apart.")


def _print_made(made: "list[TeamMerge]") -> None:
    if not made:
        say("No team is merged into another.")
        return
    rows = [(one.team, one.into, f"{one.recorded:%Y-%m-%d}", one.said_by, one.reason) for one in made]
    print_table(f"{len(made):,} merges", ("team", "is", "since", "said by", "reason"), rows)
