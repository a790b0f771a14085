"""`tocsin deliveries`: what became of the digests."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tocsin.cli.output import Invocation, emit, print_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.app import Node
    from tocsin.delivery import Delivery
    from tocsin.directory import Team

State = Literal["queued", "retry", "sent", "failed", "withheld"]

app = typer.Typer(help="Digests: who was told what, and what could not be told.", no_args_is_help=True)


@app.command("list")
def list_(
    ctx: typer.Context,
    state: Annotated[State | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 100,
) -> None:
    """List digests, newest first."""
    from tocsin.app import open_node
    from tocsin.delivery import deliveries

    invocation: Invocation = ctx.obj
    node = open_node(invocation.home)
    teams = _teams(node)
    with node.database.begin() as session:
        found = deliveries(session, state=state, limit=limit)
    emit(invocation, [document(one, teams) for one in found], lambda: _print(found, teams))


@app.command()
def show(ctx: typer.Context, reference: Annotated[str, typer.Argument(help="For example TOC-2026-0000123.")]) -> None:
    """Show all that is known of one digest."""
    from tocsin.app import open_node
    from tocsin.delivery import delivery

    invocation: Invocation = ctx.obj
    node = open_node(invocation.home)
    teams = _teams(node)
    with node.database.begin() as session:
        found = delivery(session, reference)
    said = document(found, teams)
    emit(
        invocation,
        said,
        lambda: print_table("", ("", ""), [(name.replace("_", " "), _shown(value)) for name, value in said.items()]),
    )


@app.command()
def retry(ctx: typer.Context, reference: Annotated[str, typer.Argument(help="A digest that was given up.")]) -> None:
    """Let the next run of 'tocsin deliver' try a digest again."""
    from datetime import UTC

    from tocsin.app import open_node
    from tocsin.delivery import retry as try_again

    invocation: Invocation = ctx.obj
    node = open_node(invocation.home)
    with node.database.begin() as session:
        found = try_again(session, reference, datetime.now(UTC))
    said = document(found, _teams(node))
    emit(invocation, said, lambda: say(f"{found.reference} goes out with the next 'tocsin deliver'."))


def document(one: "Delivery", teams: "dict[int, Team]") -> dict[str, object]:
    """One digest as JSON; the team by its key."""
    return {
        "reference": one.reference,
        "state": one.state,
        "team": teams[one.team_id].key if one.team_id in teams else None,
        "subject": one.subject,
        "message_id": one.message_id,
        "channel": one.channel,
        "created_at": one.created_at,
        "sent_at": one.sent_at,
        "attempts": one.attempts,
        "next_try_at": one.next_try_at,
        "path": one.path,
        "size": one.size,
        "counts": {"owed": one.events, **one.counts},
        "error": one.error,
    }


def _print(found: "Sequence[Delivery]", teams: "dict[int, Team]") -> None:
    if not found:
        say("No digests here. 'tocsin deliver' makes those that are due.")
        return
    print_table(
        "",
        ("reference", "state", "events", "at (UTC)", "team"),
        [
            (one.reference, one.state, one.counts.get("events", one.events), _when(one), _team(teams, one))
            for one in found
        ],
        numbers=[2],
    )
    for one in found:
        if one.error:
            say(f"{one.reference}: {one.error}")


def _teams(node: "Node") -> "dict[int, Team]":
    from tocsin.directory import read_directory

    return {team.id: team for team in read_directory(node.database).teams}


def _team(teams: "dict[int, Team]", one: "Delivery") -> str:
    return teams[one.team_id].name if one.team_id in teams else "no longer in the directory"


def _when(one: "Delivery") -> str:
    return f"{one.sent_at or one.created_at:%Y-%m-%d %H:%M}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return "" if value is None else str(value)
