"""``tocsin directory merges``, ``merge``, ``unmerge`` and ``keep-apart``: teams that are one."""

import getpass
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.directory_records import records, renew_router
from tocsin.interface.output import Invocation, emit, print_table, say

if TYPE_CHECKING:
    from tocsin.directory import Candidate, TeamMerge

app = typer.Typer()

_SHOWN = 50
_SaidBy = Annotated[str, typer.Option("--said-by", help="Who says so; needed.")]
_Reason = Annotated[str, typer.Option(help="Why, in one line; needed.")]


@app.command()
def merges(
    ctx: typer.Context,
    done: Annotated[bool, typer.Option("--done", help="List the merges that were made instead.")] = False,
) -> None:
    """List teams that may be one, with the reasons; nothing is merged by itself."""
    from tocsin.directory import read_candidates, read_merges

    invocation: Invocation = ctx.obj
    with records(invocation.home) as database:
        if done:
            made = read_merges(database)
            emit(invocation, [_document(merge) for merge in made], lambda: _print_made(made))
            return
        found = read_candidates(database)
    emit(invocation, [asdict(one) for one in found], lambda: _print(found))


@app.command()
def merge(
    ctx: typer.Context,
    keep: Annotated[str, typer.Argument(help="The team that stays, by key or UUID.")],
    team: Annotated[str, typer.Argument(help="The team that becomes it; its key and UUID go on to name it.")],
    said_by: _SaidBy = "",
    reason: _Reason = "",
) -> None:
    """Say that two teams are one: what is said of the second holds for the first. It can be undone."""
    from tocsin.directory import merge_teams

    invocation: Invocation = ctx.obj
    with records(invocation.home) as database:
        done = merge_teams(
            database, keep, team, said_by=said_by, reason=reason, actor=getpass.getuser(), now=datetime.now(UTC)
        )
        renew_router(invocation.home, database)
    emit(invocation, asdict(done), lambda: say(f"{done.team} is {done.into} from now on."))


@app.command()
def unmerge(
    ctx: typer.Context,
    team: Annotated[str, typer.Argument(help="The team that was merged into another, by its own key or UUID.")],
    said_by: _SaidBy = "",
) -> None:
    """Undo a merge: what is said of the team is its own again."""
    from tocsin.directory import unmerge_team

    invocation: Invocation = ctx.obj
    with records(invocation.home) as database:
        done = unmerge_team(database, team, said_by=said_by, actor=getpass.getuser(), now=datetime.now(UTC))
        renew_router(invocation.home, database)
    emit(invocation, asdict(done), lambda: say(f"{done.team} is a team of its own again, apart from {done.into}."))


@app.command("keep-apart")
def keep_apart_(
    ctx: typer.Context,
    one: Annotated[str, typer.Argument(help="A team, by key or UUID.")],
    other: Annotated[str, typer.Argument(help="Another team.")],
    said_by: _SaidBy = "",
    reason: _Reason = "",
) -> None:
    """Say that two teams are not one, so that they are not offered again."""
    from tocsin.directory import keep_apart

    invocation: Invocation = ctx.obj
    with records(invocation.home) as database:
        keys = keep_apart(
            database, one, other, said_by=said_by, reason=reason, actor=getpass.getuser(), now=datetime.now(UTC)
        )
    emit(invocation, {"apart": list(keys)}, lambda: say(f"{' and '.join(keys)} are not offered again."))


def _document(merge: "TeamMerge") -> dict[str, object]:
    document = asdict(merge)
    del document["version"]
    return document


def _print(found: "list[Candidate]") -> None:
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
