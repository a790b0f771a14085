"""`tocsin deliveries held`, `release`, `drop`: the mails that wait for a person's look."""

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.interface.output import Invocation, emit, print_table, say
from tocsin.node.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tocsin.delivery import Delivery
    from tocsin.directory import Team
    from tocsin.node.letters import Letter

app = typer.Typer()


@app.command()
def held(ctx: typer.Context) -> None:
    """List the mails that wait for a person's look: the first to each team."""
    from tocsin.delivery import held_digests, held_letters
    from tocsin.directory import read_directory
    from tocsin.pipeline.stores import open_node

    invocation: Invocation = ctx.obj
    node = open_node(invocation.home)
    teams = read_directory(node.database).by_id
    with node.database.begin() as session:
        found = [_digest(one, teams) for one in held_digests(session)]
        found += [_letter(one) for one in held_letters(session)]
    emit(invocation, found, lambda: _print(found))


@app.command()
def release(
    ctx: typer.Context,
    references: Annotated[
        list[str] | None, typer.Argument(help="Held digests or letters.", metavar="REFERENCE")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that are held.")] = False,
    team: Annotated[str, typer.Option(help="What is held for this team.")] = "",
    brake: Annotated[bool, typer.Option("--brake", help="What the brake holds.")] = False,
) -> None:
    """Let held mails leave with the next 'tocsin deliver'; give references, --team, --all or --brake."""
    from tocsin.delivery import release as let_go
    from tocsin.delivery import release_brake
    from tocsin.directory import read_directory
    from tocsin.pipeline.stores import open_node

    if [bool(references), all_, bool(team), brake].count(True) != 1:
        raise UsageError("Say what to release.", hint="Give references, or one of --team KEY, --all, --brake.")
    invocation: Invocation = ctx.obj
    node = open_node(invocation.home)
    actor, now = getpass.getuser(), datetime.now(UTC)
    teams = read_directory(node.database).by_id if team else {}
    with node.database.begin() as session:
        if brake:
            mails = release_brake(session, actor=actor, now=now)
        else:
            chosen = _chosen(session, references or [], team, teams)
            let_go(session, chosen, actor=actor, now=now)
            mails = len(chosen)
    emit(invocation, {"released": mails}, lambda: say(f"{mails:,} may leave with the next 'tocsin deliver'."))


@app.command()
def drop(
    ctx: typer.Context,
    reference: Annotated[str, typer.Argument(help="A held digest or letter.")],
    reason: Annotated[str, typer.Option(help="Why it must not leave; kept with it.", prompt="Why")],
) -> None:
    """Never send a held mail, for good: nothing undoes it. The next one to its team is held again."""
    from tocsin.delivery import drop as never_send
    from tocsin.delivery import find_mail
    from tocsin.pipeline.stores import open_node

    invocation: Invocation = ctx.obj
    node = open_node(invocation.home)
    with node.database.begin() as session:
        found = find_mail(session, reference)
        never_send(session, found, reason=reason, actor=getpass.getuser(), now=datetime.now(UTC))
        name = found.reference
    emit(invocation, {"reference": name, "state": "dropped"}, lambda: say(f"{name} is not sent."))


def _chosen(
    session: "Session", references: list[str], team: str, teams: "dict[int, Team]"
) -> "list[Delivery | Letter]":
    """The mails that a person named; all held ones where none is."""
    from tocsin.delivery import find_mail, held_digests, held_letters

    if references:
        return [find_mail(session, reference) for reference in references]
    if not team:
        return [*held_digests(session), *held_letters(session)]
    wanted = next((one for one in teams.values() if one.key == team), None)
    if wanted is None:
        raise NotFoundError(f"There is no team '{team}'.", hint="'tocsin directory list' shows all keys.")
    boxes = {mailbox.casefold() for mailbox in wanted.mailboxes}
    letters = [letter for letter in held_letters(session) if letter.mailbox.casefold() in boxes]
    found: list[Delivery | Letter] = [*held_digests(session, wanted.id), *letters]
    if not found:
        raise NotFoundError(f"Nothing is held for {wanted.name}.", hint="'tocsin deliveries held' lists what is.")
    return found


def _digest(one: "Delivery", teams: "dict[int, Team]") -> dict[str, object]:
    team = teams.get(one.team_id)
    return {
        "reference": one.reference,
        "to": team.name if team else "no longer in the directory",
        "team": team.key if team else None,
        "mailboxes": list(team.mailboxes) if team else [],
        "subject": one.subject,
        "events": one.events,
        "created_at": one.created_at,
    }


def _letter(one: "Letter") -> dict[str, object]:
    return {
        "reference": one.reference,
        "to": one.mailbox,
        "team": None,
        "mailboxes": [one.mailbox],
        "subject": one.subject,
        "events": 0,
        "created_at": one.created_at,
    }


def _print(found: list[dict[str, object]]) -> None:
    if not found:
        say("Nothing is held.")
        return
    rows = [(one["reference"], one["to"], one["subject"]) for one in found]
    print_table("", ("reference", "to", "subject"), rows)
    say("'tocsin deliveries show REFERENCE --mail' shows the very mail; 'tocsin deliveries release' lets it go.")
