"""`tocsin deliveries held` and `release`: the mails that are held for review."""

from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.acts import act_of, perform
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, print_table, say
from tocsin.node.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from tocsin.delivery import Delivery
    from tocsin.directory import Team
    from tocsin.node.letters import Letter

app = Commands()


@app.command()
def held(call: NodeInvocation) -> None:
    """List the mails that are held for review: the first to each team, and those held by hand."""
    from tocsin.delivery import held_digests, held_letters
    from tocsin.directory import read_directory

    teams = read_directory(call.database).by_id
    with call.database.begin() as session:
        found = [_digest(one, teams) for one in held_digests(session)]
        found += [_letter(one) for one in held_letters(session)]
    call.emit(found, lambda: _print(found))


@app.command()
def release(
    call: NodeInvocation,
    references: Annotated[
        list[str] | None, typer.Argument(help="Held digests or other mails.", metavar="REFERENCE")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that are held.")] = False,
    team: Annotated[str, typer.Option(help="What is held for this team.")] = "",
    over_limit: Annotated[bool, typer.Option("--over-limit", help="What the volume limit holds.")] = False,
) -> None:
    """Release held mails: the next 'tocsin deliver' sends them; give references, --team, --all or --over-limit."""
    if [bool(references), all_, bool(team), over_limit].count(True) != 1:
        raise UsageError("Say what to release.", hint="Give references, or one of --team KEY, --all, --over-limit.")
    if over_limit:
        mails = perform(call, act_of("deliveries", "unbrake"), {}).released
    else:
        chosen = references or _held(call, team)
        act = act_of("deliveries", "release")
        done = perform(call, act, {"reference": chosen}) if chosen else []
        mails = sum(one.state != "held" for one in done)
        if approved := len(done) - mails:
            note(f"{approved:,} approved; a second person must release them.")
    call.emit({"released": mails}, f"{mails:,} released; sent with the next 'tocsin deliver'.")


def _held(call: NodeInvocation, team: str) -> list[str]:
    """The references of all that is held, or of what is held for one team."""
    from tocsin.delivery import held_digests, held_letters
    from tocsin.directory import read_team

    database = call.database
    wanted = read_team(database, team)[0] if team else None
    with database.reading() as session:
        digests, letters = held_digests(session, wanted.id if wanted else None), held_letters(session)
    boxes = {mailbox.casefold() for mailbox in wanted.mailboxes} if wanted else set()
    found = [one.reference for one in digests]
    found += [one.reference for one in letters if not wanted or one.mailbox.casefold() in boxes]
    if wanted and not found:
        raise NotFoundError(f"Nothing is held for {wanted.name}.", hint="'tocsin deliveries held' lists what is.")
    return found


def _digest(one: "Delivery", teams: "dict[int, Team]") -> dict[str, object]:
    team = teams.get(one.team_id)
    return {
        "reference": one.reference,
        "to": team.name if team else "no longer in the directory",
        "team": team.key if team else None,
        "mailboxes": list(team.mailboxes) if team else [],
        **fields(one, "subject events created_at error"),
    }


def _letter(one: "Letter") -> dict[str, object]:
    box = {"reference": one.reference, "to": one.mailbox, "team": None, "mailboxes": [one.mailbox]}
    return {**box, "subject": one.subject, "events": 0, **fields(one, "created_at error")}


def _print(found: list[dict[str, object]]) -> None:
    if not found:
        say("Nothing is held.")
        return
    rows = [(one["reference"], one["to"], one["subject"]) for one in found]
    print_table("", ("reference", "to", "subject"), rows)
    for why in dict.fromkeys(str(one["error"]) for one in found if one["error"]):
        say(f"{', '.join(str(one['reference']) for one in found if one['error'] == why)}: {why}")
    say("'tocsin deliveries show REFERENCE --mail' shows the mail; 'tocsin deliveries release' sends it.")
