"""``tocsin directory assert``, ``deny`` and ``withdraw``: what a person says of a team, which no import overrules."""

import getpass
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.directory_records import records, renew_router
from tocsin.interface.output import Invocation, emit, say

if TYPE_CHECKING:
    from tocsin.directory import AssertionResult, PersonStatement

app = typer.Typer()

_FEW = 10
_Team = Annotated[str, typer.Argument(help="The key or UUID of a team.")]
_Kind = Annotated[str, typer.Argument(help="prefix, asn, domain, country or mailbox.")]
_Value = Annotated[str, typer.Argument(help="The network, AS number, domain, country code or address.")]
_SaidBy = Annotated[str, typer.Option("--said-by", help="Whose word it is; needed.")]
_Reason = Annotated[str, typer.Option(help="Why, in one line; every explanation shows it.")]


@app.command("assert")
def assert_(
    ctx: typer.Context,
    team: _Team,
    kind: _Kind,
    value: _Value,
    said_by: _SaidBy = "",
    reason: _Reason = "",
    role: Annotated[str, typer.Option(help="responsible, or informed: it only wants to know.")] = "responsible",
    confidence: Annotated[int | None, typer.Option(min=0, max=100, help="How sure, 0 to 100.")] = None,
    beside: Annotated[
        bool, typer.Option("--beside", help="Let imports stand that say otherwise of it, or of a part of it.")
    ] = False,
) -> None:
    """Say what is a team's: a network, an AS, a domain, a country or a mailbox. No import overrules it."""
    from tocsin.directory import ResponsibilityRole, assert_claim
    from tocsin.node.errors import UsageError

    if role not in list(ResponsibilityRole):
        raise UsageError(f"'{role}' is none of {', '.join(ResponsibilityRole)}.")
    more = {"role": ResponsibilityRole(role), "confidence": confidence, "beside": beside}
    _speak(ctx.obj, assert_claim, (team, kind, value, said_by, reason), "It is theirs now", needed=True, more=more)


@app.command()
def deny(
    ctx: typer.Context, team: _Team, kind: _Kind, value: _Value, said_by: _SaidBy = "", reason: _Reason = ""
) -> None:
    """Say what is not a team's: imports that say it is are kept, shown as overruled, and not followed."""
    from tocsin.directory import deny_claim

    _speak(ctx.obj, deny_claim, (team, kind, value, said_by, reason), "It is not theirs", needed=True)


@app.command()
def withdraw(
    ctx: typer.Context,
    team: _Team,
    kind: _Kind,
    value: _Value,
    said_by: Annotated[str, typer.Option("--said-by", help="Take back only the word of this person.")] = "",
) -> None:
    """Take back what persons said of a team, so that imports count again."""
    from tocsin.directory import withdraw_word

    _speak(ctx.obj, withdraw_word, (team, kind, value, said_by, ""), "Taken back", needed=False)


def _speak(
    invocation: Invocation,
    write: "Callable[..., AssertionResult]",
    given: tuple[str, str, str, str, str],
    words: str,
    *,
    needed: bool,
    more: dict[str, Any] | None = None,
) -> None:
    from tocsin.directory import PersonStatement, read_line

    team, kind, value, said_by, reason = given
    said = PersonStatement(
        team, kind, value, read_line("--said-by", said_by, needed=needed), read_line("--reason", reason), **(more or {})
    )
    with records(invocation.home) as database:
        done = write(database, said, actor=getpass.getuser(), now=datetime.now(UTC))
        renew_router(invocation.home, database)
    emit(invocation, asdict(done), lambda: _print(done, said, words))


def _print(done: "AssertionResult", said: "PersonStatement", words: str) -> None:
    thing = f"AS{done.value}" if done.kind == "asn" else f"{done.kind} {done.value}"
    if not done.changed:
        say(f"{done.team}, {thing}: {said.said_by} said so already; nothing was changed.")
        return
    say(f"{done.team}, {thing}: {words[0].lower()}{words[1:]}{f', says {said.said_by}' if said.said_by else ''}.")
    if done.overruled_by:
        say(f"But a decision stands against it: {done.overruled_by}. 'tocsin directory decide' makes a new one.")
    for title, effects in (
        ("Overruled by it", [effect for effect in done.effects if effect.overruled]),
        ("In force again", [effect for effect in done.effects if not effect.overruled]),
    ):
        if effects:
            say(f"{title}, {len(effects):,}:")
            for effect in effects[:_FEW]:
                say(
                    f"  {effect.team}, {effect.kind} {effect.value}, {effect.role or 'theirs'} (source {effect.source})"
                )
            if len(effects) > _FEW:
                say(f"  and {len(effects) - _FEW:,} more; --json shows all.")
