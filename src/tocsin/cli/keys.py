"""`tocsin keys`: the keys that mails to teams are encrypted for, and this node's own."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli import keys_node
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_table, say, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.directory import Team
    from tocsin.directory.keys import KeyResult, TeamKey
    from tocsin.node.records import Database

app = Commands(help="Keys of teams, for encrypted mail, and this node's own keys.", no_args_is_help=True)
app.add_typer(keys_node.app)

_SHORT = 16  # digits of a fingerprint in a table
_COLUMNS = ("team", "format", "fingerprint", "state", "until", "whose")


@app.command("import")
def import_(
    call: NodeInvocation,
    team: Annotated[str, typer.Argument(help="The key or UUID of a team.")],
    file: Annotated[Path, typer.Argument(help="OpenPGP or X.509: a key, certificates, a revocation.")],
    said_by: Annotated[str, typer.Option(help="Who says that the key is the team's, and how it was checked.")] = "",
    source: Annotated[str, typer.Option(help="Where it came from; the file's name when not given.")] = "",
    any_mailbox: Annotated[
        bool, typer.Option("--any-mailbox", help="It serves all email addresses of the team, whatever it names.")
    ] = False,
    prefer: Annotated[
        bool, typer.Option("--prefer", help="The team wants its format rather than that of its other keys.")
    ] = False,
) -> None:
    """Record keys of a team, or newer forms of them, and say of each whether mails can be encrypted for it."""
    from tocsin.directory.keys import KeySubmission, import_keys

    content = keys_node.read_key(file)
    saying = KeySubmission(call.actor, source or file.name, said_by, any_mailbox, prefer)
    now = call.now
    found, taken = import_keys(call.database, team, content, saying, now)
    documents = [document(one.key, found, now) | {"change": one.change.value} for one in taken]
    call.emit(documents, lambda: _print_taken(taken, found, now))


@app.command("list")
def list_(
    call: NodeInvocation,
    team: Annotated[str, typer.Option(help="Only those of this team, by its key or UUID.")] = "",
    former: Annotated[bool, typer.Option("--former", help="Also those that were withdrawn or replaced.")] = False,
) -> None:
    """List the keys of teams, each with whether mails can be encrypted for it."""
    from tocsin.directory import read_team
    from tocsin.directory.keys import team_keys

    wanted = [read_team(call.database, team)[0].id] if team else None
    found, teams = team_keys(call.database, wanted, withdrawn=former), _teams(call.database)
    now = call.now
    documents = [document(key, teams[key.team_id], now) for key in found]
    call.emit(documents, lambda: _print_keys(found, teams, now))


@app.command()
def remove(
    call: NodeInvocation,
    team: Annotated[str, typer.Argument(help="The key or UUID of a team.")],
    fingerprint: Annotated[str, typer.Argument(help="Its first or last digits, eight at least.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the key.")] = "removed by a person",
) -> None:
    """Withdraw a key: mails are no longer encrypted for it. What was said of it is kept."""
    from tocsin.directory.keys import remove_key

    now = call.now
    found, key = remove_key(call.database, team, fingerprint, reason=reason, actor=call.actor, now=now)
    words = f"The {key.facts.format.words} key {key.facts.fingerprint} of {found.key} is withdrawn."
    call.emit(document(key, found, now), words)


@app.command()
def expiring(call: NodeInvocation, days: Annotated[int, typer.Option(min=1, help="Within so many days.")] = 60) -> None:
    """List the keys that are good now and will not be soon, this node's own among them."""
    from tocsin.delivery.sealing import read_own_keys
    from tocsin.directory.keys import expiring_keys, team_keys

    now = call.now
    found, teams = expiring_keys(team_keys(call.database), now, days), _teams(call.database)
    own = read_own_keys(call.home, call.settings.mail).ending(now, days)
    rows = [("this node", facts, until) for facts, until in own]
    rows += [(teams[key.team_id].key, key.facts, until) for key, until in found]
    documents = [
        {"whose": whose, "format": facts.format, "fingerprint": facts.fingerprint, "until": until}
        for whose, facts, until in rows
    ]
    cells = [(whose, facts.format.words, facts.fingerprint, f"{until:%Y-%m-%d}") for whose, facts, until in rows]

    def show() -> None:
        if cells:
            print_table("", ("whose", "format", "fingerprint", "until"), cells)
        else:
            say(f"No key ends within {days} days.")

    call.emit(documents, show)


@app.command()
def remind(call: NodeInvocation) -> None:
    """Ask teams whose key ends within 30 days for the one that follows, once; for a daily timer."""
    from tocsin.delivery.sealing import remind_of_keys
    from tocsin.directory.keys import keys_by_team

    sender = call.settings.node
    teams = _teams(call.database)
    keys_of = keys_by_team(call.database, teams)
    with call.database.begin() as session:
        made = remind_of_keys(session, teams.values(), keys_of, sender, call.now)
    words = f"{made} requests go out with the next 'tocsin deliver'." if made else "No team needs to be asked."
    call.emit({"letters": made}, words)


def document(key: "TeamKey", team: "Team", now: datetime) -> dict[str, object]:
    """One key as JSON; the team by its key."""
    from tocsin.directory.keys import judge_for

    facts, verdict = key.facts, judge_for(key, team.mailboxes, now)
    return {
        "uuid": key.uuid,
        "team": team.key,
        **fields(facts, "format fingerprint names mailboxes"),
        "algorithm": facts.strength,
        **fields(facts, "since until"),
        **fields(verdict, "state why"),
        **fields(key, "any_mailbox preferred source said_by recorded withdrawn reason"),
    }


def _teams(database: "Database") -> "dict[int, Team]":
    from tocsin.directory import list_teams

    return {team.id: team for team, _ in list_teams(database)}


def _print_taken(taken: "Sequence[KeyResult]", team: "Team", now: datetime) -> None:
    from tocsin.directory.keys import judge_for

    for one in taken:
        facts, verdict = one.key.facts, judge_for(one.key, team.mailboxes, now)
        usable = "yes" if verdict.good else f"no, {verdict.state.replace('-', ' ')}: {verdict.why}"
        rows = [
            ("fingerprint", facts.spelled),
            ("names", "; ".join(facts.names)),
            ("email addresses", ", ".join(facts.mailboxes) or "none named: it serves all of the team"),
            ("strength", facts.strength),
            ("valid", f"{facts.since:%Y-%m-%d} to {f'{facts.until:%Y-%m-%d}' if facts.until else 'no end'}"),
            ("can be used", usable),
        ]
        print_table(f"{facts.format.words} key of {team.key}: {one.change.value}", ("", ""), rows)
    say("Check the fingerprint with the team by another way than mail, if you have not yet.")
    if not team.encrypt:
        say(f"Mails to {team.key} are not encrypted: its 'encrypt' in the directory is false.")


def _print_keys(found: "Sequence[TeamKey]", teams: "dict[int, Team]", now: datetime) -> None:
    from tocsin.directory.keys import judge_for

    if not found:
        say("No key of a team is here. 'tocsin keys import TEAM FILE' brings one in; docs/keys.md says how.")
        return
    verdicts = [judge_for(key, teams[key.team_id].mailboxes, now) for key in found]
    rows = [
        (
            teams[key.team_id].key,
            key.facts.format.words,
            key.facts.fingerprint[:_SHORT],
            f"withdrawn, {key.reason}" if key.withdrawn else verdict.state.replace("-", " "),
            f"{key.facts.until:%Y-%m-%d}" if key.facts.until else "",
            ", ".join(key.facts.mailboxes or key.facts.names),
        )
        for key, verdict in zip(found, verdicts, strict=True)
    ]
    print_table(f"{len(found):,} key{'' if len(found) == 1 else 's'}", _COLUMNS, rows)
    for key, verdict in zip(found, verdicts, strict=True):
        if not verdict.good and key.withdrawn is None:
            say(visible(f"{teams[key.team_id].key}, {key.facts.fingerprint[:_SHORT]}: {verdict.why}"))
