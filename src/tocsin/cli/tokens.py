"""`tocsin tokens`: what programs sign in with."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, print_table, say
from tocsin.node.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tocsin.node.accounts import ApiToken, Permission, Person

Who = Annotated[str, typer.Argument(help="The person's email address, or number.")]

app = Commands(help="Tokens: a program acts for a person, by its scopes and for a while.", no_args_is_help=True)


@app.command()
def make(
    call: NodeInvocation,
    person: Who,
    name: Annotated[str, typer.Option(help="What the token is for.")],
    scope: Annotated[list[str], typer.Option("--scope", help="What it may do, such as events.read; may be repeated.")],
    days: Annotated[int, typer.Option(min=1, max=365, help="How long it works.")] = 90,
) -> None:
    """Make a token for a person. It is printed once, and is nowhere to be read again."""
    from tocsin.node.accounts import make_token

    now, actor = call.now, call.actor
    with call.database.begin() as session:
        holder = _person(session, person)
        row, secret = make_token(session, holder, name=name, scopes=_acts(scope), days=days, now=now, actor=actor)
    call.emit(_document(row, now) | {"token": secret}, secret)
    if not call.json:
        note(f"Token {row.id}, until {row.expires_at:%Y-%m-%d}. Keep it now: it is not shown again.")


@app.command("list")
def list_(
    call: NodeInvocation,
    person: Annotated[str | None, typer.Option(help="Only those of this email address, or number of a person.")] = None,
) -> None:
    """List all tokens, with when they were used last."""
    from tocsin.node.accounts import list_tokens

    now = call.now
    with call.database.reading() as session:
        rows = list_tokens(session, _person(session, person).id if person else None)
    call.emit([_document(row, now) for row in rows], lambda: _show(rows, now))


@app.command()
def revoke(call: NodeInvocation, token: Annotated[int, typer.Argument(help="The token's number.")]) -> None:
    """Take a token back: it does not work any more."""
    from tocsin.node.accounts import revoke_token

    now = call.now
    with call.database.begin() as session:
        row = revoke_token(session, token, now=now, actor=call.actor)
    call.emit(_document(row, now), f"Token {token} does not work any more.")


def _person(session: "Session", text: str) -> "Person":
    from sqlalchemy import select

    from tocsin.node.accounts import Person

    named = Person.id == int(text) if text.isdecimal() else Person.mailbox == text.strip().lower()
    found = session.scalar(select(Person).where(named))
    if found is None:
        raise NotFoundError(f"There is no account of '{text}'.", hint="'tocsin people list' lists them.")
    return found


def _acts(names: list[str]) -> "list[Permission]":
    from tocsin.node.accounts import IN_API, Permission

    if wrong := sorted(set(names) - set(Permission)):
        raise UsageError(f"There is no scope {', '.join(wrong)}.", hint=f"Scopes are: {', '.join(sorted(IN_API))}.")
    return [Permission(name) for name in names]


def _document(row: "ApiToken", now: datetime) -> dict[str, object]:
    from tocsin.node.accounts import token_state

    return {
        "number": row.id,
        "person": row.person_id,
        **fields(row, "name scopes made_at expires_at used_at"),
        "state": token_state(row, now),
    }


def _show(rows: "list[ApiToken]", now: datetime) -> None:
    from tocsin.node.accounts import token_state

    if not rows:
        say("There are no tokens. 'tocsin tokens make' makes one.")
        return
    print_table(
        "",
        ("number", "person", "name", "scopes", "until", "last used (UTC)", "state"),
        [
            (
                row.id, row.person_id, row.name, ", ".join(row.scopes), f"{row.expires_at:%Y-%m-%d}",
                f"{row.used_at:%Y-%m-%d %H:%M}" if row.used_at else "never", token_state(row, now),
            )
            for row in rows
        ],
    )  # fmt: skip
