"""``tocsin directory``: teams, how they want to be told, and which part of the network each answers for."""

import getpass
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.output import Invocation, emit, note, print_table, say

if TYPE_CHECKING:
    from tocsin.directory import Imported, Rule, RuleKind, Team
    from tocsin.records import Database

app = typer.Typer(no_args_is_help=True, help="Teams, how they want to be told, and what each answers for.")

_FEW = 20
_WORDS = {
    "prefix": ("prefix", "prefixes"),
    "asn": ("AS", "AS numbers"),
    "domain": ("domain", "domains"),
    "country": ("country", "countries"),
}


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A .toml or .csv file, as docs/directory.md describes.")],
    source: Annotated[str, typer.Option(help="Who says so; the file's own word or its name when not given.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, change nothing.")] = False,
) -> None:
    """Bring teams and rules from a file into the directory; the same file again changes nothing."""
    from tocsin.directory import directory_version, import_directory, read_directory
    from tocsin.routing import current_router

    invocation: Invocation = ctx.obj
    with _records(invocation.home) as database:
        done = import_directory(
            database, file, actor=getpass.getuser(), now=datetime.now(UTC), source=source, dry_run=dry_run
        )
        if not dry_run:  # so that the next report, or question, does not wait for it
            version = directory_version(database)
            folder = invocation.home / "compiled" / "routing"
            current_router(folder, version, lambda: read_directory(database), now=datetime.now(UTC))
    emit(invocation, asdict(done), lambda: _print_import(done))
    if done.failed:
        raise typer.Exit(1)


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """Show all teams with what they answer for."""
    from tocsin.directory import RuleKind, list_teams

    invocation: Invocation = ctx.obj
    with _records(invocation.home) as database:
        teams = list_teams(database)
    documents = [
        _team_document(team) | {"rules": {kind.value: counts.get(kind, 0) for kind in RuleKind}}
        for team, counts in teams
    ]
    emit(invocation, documents, lambda: _print_teams(teams))


@app.command()
def show(
    ctx: typer.Context,
    team: Annotated[str, typer.Argument(help="The key or UUID of a team.")],
) -> None:
    """Show one team, its preferences and every rule that names it."""
    from tocsin.directory import read_team

    invocation: Invocation = ctx.obj
    with _records(invocation.home) as database:
        found, rules = read_team(database, team)
    document = _team_document(found) | {"rules": [_rule_document(rule) for rule in rules]}
    emit(invocation, document, lambda: _print_team(found, rules))


@contextmanager
def _records(home: Path) -> "Iterator[Database]":
    from tocsin.app import open_node

    database = open_node(home).database
    try:
        yield database
    finally:
        database.engine.dispose()


def _team_document(team: "Team") -> dict[str, object]:
    document = asdict(team)
    del document["id"]  # a number of this node, which never leaves it
    return document


def _rule_document(rule: "Rule") -> dict[str, object]:
    document = asdict(rule)
    del document["team_id"]
    return document


def _print_import(done: "Imported") -> None:
    say(f"{done.file}, source '{done.source}'" + (" (dry run, nothing was changed)" if done.dry_run else ""))
    rows = [
        ("teams", done.teams_new, done.teams_changed, done.teams_same),
        ("rules", done.rules_new, done.rules_withdrawn, done.rules_same),
        ("mailboxes", done.mailboxes_new, done.mailboxes_withdrawn, done.mailboxes_same),
        ("mutes", done.mutes_new, done.mutes_withdrawn, done.mutes_same),
    ]
    print_table("", ("", "new", "changed or withdrawn", "as before"), rows, numbers=[1, 2, 3])
    if done.not_taken:
        note(f"Not taken: {len(done.not_taken):,}")
        for refused in done.not_taken[:_FEW]:
            note(f"  {refused.where}: {refused.what}: {refused.why}")
        if len(done.not_taken) > _FEW:
            note(f"  and {len(done.not_taken) - _FEW:,} more; --json shows all.")
    if done.kept:
        note(f"Not withdrawn: {done.kept:,} earlier entries of teams of which something was not taken.")


def _print_teams(teams: "list[tuple[Team, dict[RuleKind, int]]]") -> None:
    if not teams:
        say("No team is in the directory. 'tocsin directory import FILE' brings some in; docs/directory.md says how.")
        return
    rows = [
        (team.key, team.name, team.kind, team.country, len(team.mailboxes), _scope(counts)) for team, counts in teams
    ]
    columns = ("team", "name", "kind", "country", "mailboxes", "answers for, or wants to know of")
    print_table(f"{len(teams):,} teams", columns, rows, numbers=[4])


def _scope(counts: "Mapping[RuleKind, int]") -> str:
    parts = (f"{count:,} {_WORDS[kind][count > 1]}" for kind, count in sorted(counts.items()))
    return ", ".join(parts) or "nothing"


def _print_team(team: "Team", rules: "tuple[Rule, ...]") -> None:
    facts = [
        ("name", team.name),
        ("organisation", team.organisation),
        ("kind", team.kind.value),
        ("country", team.country),
        ("language", team.language),
        ("time zone", team.timezone),
        ("mailboxes", ", ".join(team.mailboxes) or "none: this team cannot be told"),
        ("told", f"{team.interval.value.replace('_', ' ')}, data as {', '.join(team.formats)}"),
        ("up to", f"TLP:{team.ceiling}"),
        *(("mutes", mute.words) for mute in team.mutes),
    ]
    print_table(f"{team.key} ({team.uuid})", ("", ""), [fact for fact in facts if fact[1]])
    shown = [
        (rule.kind.value, rule.value, rule.role.value, rule.source, rule.as_of or "", rule.confidence, rule.said_by)
        for rule in rules
    ]
    cells = [tuple("" if cell is None else cell for cell in row) for row in shown]
    print_table(f"{len(rules):,} rules", ("level", "what", "role", "source", "as of", "confidence", "said by"), cells)
