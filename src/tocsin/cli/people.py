"""`tocsin people`: who has an account, and the links by which they come in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, print_table, say
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.paths import HomeFolder

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tocsin.node.accounts import PersonSummary, SiteConfig
    from tocsin.node.records import Database
    from tocsin.node.settings import Settings

app = Commands(no_args_is_help=True, help="The people of this node: accounts, roles, invitations.")

RoleName = Literal[
    "administrator", "manager", "analyst", "auditor", "operator", "assessor", "delegate", "protection-officer"
]
Who = Annotated[str, typer.Argument(help="Email address or number of the account.")]
Teams = Annotated[list[str] | None, typer.Option("--team", help="Key of an operator's team; may be repeated.")]


@app.command()
def first(call: NodeInvocation) -> None:
    """Print the one-time link by which the first administrator makes an account; it works for 24 hours."""
    from tocsin.node.accounts import first_link

    with _changing(call) as work:
        link = first_link(work.session, work.house, now=call.now)
        if link is None:
            raise ConflictError(
                "There is an administrator already.", hint="They invite others: tocsin people invite MAILBOX ROLE."
            )
    work.give(link)


@app.command("list")
def list_(call: NodeInvocation) -> None:
    """List everybody with an account."""
    from tocsin.node.accounts import list_people

    with _changing(call) as work:
        people = list_people(work.session)
    work.call.emit([_document(one) for one in people], lambda: _print(people))


@app.command()
def invite(
    call: NodeInvocation,
    mailbox: Annotated[str, typer.Argument(help="Where the invitation goes; they sign in with it.")],
    role: Annotated[RoleName, typer.Argument(help="What they will do.")],
    team: Teams = None,
) -> None:
    """Invite a person by mail; the link, which works once and for seven days, is printed as well."""
    from tocsin.node.accounts import AccountRole
    from tocsin.node.accounts import invite as send

    teams = _teams(call, team)
    with _changing(call) as work:
        link = send(work.session, work.house, mailbox, AccountRole(role), teams=teams, actor=call.actor, now=call.now)
    work.give(link, mailed=bool(work.house.url))


@app.command()
def role(
    call: NodeInvocation,
    person: Who,
    role: Annotated[RoleName, typer.Argument(help="What they will do.")],
    team: Teams = None,
) -> None:
    """Change the role of a person, or an operator other teams; their browsers are signed out."""
    from tocsin.node.accounts import AccountRole, set_role

    teams = _teams(call, team)
    _change(
        call,
        person,
        lambda session, found, **by: set_role(session, found, AccountRole(role), teams, **by),
        f"has the role '{role}' now",
    )


@app.command()
def block(call: NodeInvocation, person: Who) -> None:
    """Let an account let nobody in, until it is unblocked."""
    from tocsin.node.accounts import block as act

    _change(call, person, act, "is blocked")


@app.command()
def unblock(call: NodeInvocation, person: Who) -> None:
    """Let an account let its person in again."""
    from tocsin.node.accounts import unblock as act

    _change(call, person, act, "is unblocked")


@app.command()
def reset(
    call: NodeInvocation,
    person: Who,
    second_factor: Annotated[
        bool, typer.Option("--second-factor", help="Also take away second factor, recovery codes and passkeys.")
    ] = False,
) -> None:
    """Mail a person a link to set a new password, and print it; it works once and for four hours."""
    from tocsin.node.accounts import find_person, reset_factor, reset_link

    with _changing(call) as work:
        found = find_person(work.session, person)
        if second_factor:
            reset_factor(work.session, work.house, found, actor=call.actor, now=call.now)
        link = reset_link(work.session, work.house, found, actor=call.actor, now=call.now)
    work.give(link, mailed=bool(work.house.url))


@app.command()
def remove(
    call: NodeInvocation,
    person: Who,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this nothing is removed.")] = False,
) -> None:
    """Remove an account for good: name, email address and credentials go; the audit log keeps its number."""
    from tocsin.node.accounts import remove as act

    if not yes:
        raise UsageError("A removed account does not come back.", hint="Add --yes, or block it instead.")
    _change(call, person, act, "is removed")


def note_first_link(settings: "Settings", database: "Database", home: Path, port: int) -> None:
    """Say how the first administrator comes in, where there is none yet; ``port``: where the pages are served."""
    from tocsin.node.accounts import first_link, site_config_of
    from tocsin.node.tokens import open_tokens

    with database.begin() as session:
        link = first_link(session, site_config_of(settings, open_tokens(home)), now=datetime.now(UTC))
    if link is not None:
        note("There is no administrator yet. Make the first account, within 24 hours, at:")
        note(f"  {_openable(link, settings, port)}")


def _openable(link: str, settings: "Settings", port: int) -> str:
    """The link as a browser can open it: at the public address, or on this machine where there is none."""
    server = settings.server
    if server.url and "//127.0.0.1" not in server.url:
        return link
    host = "127.0.0.1" if server.host in {"0.0.0.0", "::"} else server.host  # noqa: S104 (compared, not bound)
    return f"http://{host}:{port}{link.removeprefix(server.url)}"


def _port(call: NodeInvocation) -> int:
    """Where the pages are served now, or would be."""
    from tocsin.node.records import at_work

    ports = (name.partition(".")[2] for name in at_work(call.home / HomeFolder.AT_WORK))
    return next((int(port) for port in ports if port.isdecimal() and port != "0"), call.settings.server.port)


@dataclass(frozen=True)
class _PeopleSession:
    """What a command changes people with."""

    call: NodeInvocation
    house: "SiteConfig"
    session: "Session"

    def give(self, link: str, **more: object) -> None:
        """Print what a person is told to open."""
        link = _openable(link, self.call.settings, _port(self.call))
        self.call.emit({"link": link, **more}, link)


@contextmanager
def _changing(call: NodeInvocation) -> "Iterator[_PeopleSession]":
    from tocsin.node.accounts import site_config_of
    from tocsin.node.tokens import open_tokens

    house = site_config_of(call.settings, open_tokens(call.home))
    with call.database.begin() as session:
        yield _PeopleSession(call, house, session)


def _teams(call: NodeInvocation, keys: list[str] | None) -> list[int]:
    """The numbers of teams by their keys; to be asked before a transaction begins."""
    from tocsin.directory import read_team

    return [read_team(call.database, key)[0].id for key in keys] if keys else []


def _change(call: NodeInvocation, person: str, act: Callable[..., object], became: str) -> None:
    """Do an act, which is given session, account, actor and now, and say what became of the account."""
    from tocsin.node.accounts import find_person

    with _changing(call) as work:
        found = find_person(work.session, person)
        number = found.id
        act(work.session, found, actor=call.actor, now=call.now)
    call.emit({"person": number}, f"Account {number} {became}.")


def _document(one: "PersonSummary") -> dict[str, object]:
    return {
        **fields(one, "number name mailbox"),
        "role": one.role.value,
        "teams": list(one.teams),
        **fields(one, "second_factor made_at seen_at blocked_at"),
    }


def _print(people: "list[PersonSummary]") -> None:
    if not people:
        say("Nobody has an account yet. Make the first with: tocsin people first")
        return
    rows = [
        (
            one.number,
            one.name,
            one.mailbox,
            one.role.value,
            "blocked" if one.blocked_at else "second factor" if one.second_factor else "password only",
            f"{one.seen_at:%Y-%m-%d}" if one.seen_at else "",
        )
        for one in people
    ]
    print_table("", ("no.", "name", "email address", "role", "state", "last seen"), rows)
