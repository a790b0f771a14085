"""``tocsin directory list`` and ``show``: teams as the directory has them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, all_but, print_table, say

if TYPE_CHECKING:
    from tocsin.directory import DirectoryRule, RuleKind, Team

app = Commands()

_WORDS = {
    "prefix": ("prefix", "prefixes"),
    "asn": ("AS", "AS numbers"),
    "domain": ("domain", "domains"),
    "country": ("country", "countries"),
}


@app.command("list")
def list_(call: NodeInvocation) -> None:
    """Show all teams with what they answer for."""
    from tocsin.directory import RuleKind, list_teams

    teams = list_teams(call.database)  # their numbers never leave this node
    documents = [
        all_but(team, "id") | {"rules": {kind.value: counts.get(kind, 0) for kind in RuleKind}}
        for team, counts in teams
    ]
    call.emit(documents, lambda: _print_teams(teams))


@app.command()
def show(call: NodeInvocation, team: Annotated[str, typer.Argument(help="The key or UUID of a team.")]) -> None:
    """Show one team, its preferences and every rule that names it."""
    from tocsin.directory import read_overruled, read_team

    found, rules = read_team(call.database, team)
    overruled = read_overruled(call.database, team)
    document = all_but(found, "id") | {"rules": [all_but(rule, "team_id") for rule in rules]}
    document["overruled"] = [all_but(rule, "team_id") for rule in overruled]
    call.emit(document, lambda: _print_shown(found, rules, overruled))


def _print_teams(teams: "list[tuple[Team, dict[RuleKind, int]]]") -> None:
    if not teams:
        say("No team is in the directory. 'tocsin directory import FILE' brings some in; docs/directory.md says how.")
        return
    rows = [
        (team.key, team.name, team.kind, team.country, len(team.mailboxes), _scope(counts)) for team, counts in teams
    ]
    columns = ("team", "name", "kind", "country", "email addresses", "answers for, or wants to know of")
    print_table(f"{len(teams):,} teams", columns, rows, numbers=[4])


def _scope(counts: "Mapping[RuleKind, int]") -> str:
    parts = (f"{count:,} {_WORDS[kind][count > 1]}" for kind, count in sorted(counts.items()))
    return ", ".join(parts) or "nothing"


def _print_shown(team: "Team", rules: "tuple[DirectoryRule, ...]", overruled: "tuple[DirectoryRule, ...]") -> None:
    print_team(team, rules)
    if overruled:
        cells = [(rule.kind.value, rule.value, rule.role.value, rule.source, rule.overruled) for rule in overruled]
        print_table(f"{len(overruled):,} overruled", ("level", "what", "role", "source", "by"), cells)


def print_team(team: "Team", rules: "tuple[DirectoryRule, ...]") -> None:
    """A team, its preferences and its rules, as tables."""
    facts = [
        ("name", team.name),
        ("organisation", team.organisation),
        ("kind", team.kind.value),
        ("country", team.country),
        ("language", team.language),
        ("time zone", team.timezone),
        ("email addresses", ", ".join(team.mailboxes) or "none: this team cannot be notified"),
        ("notified", f"{team.interval.value.replace('_', ' ')}, data as {', '.join(team.formats)}"),
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
