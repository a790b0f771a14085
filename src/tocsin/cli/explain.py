"""``tocsin explain``: who would be told of an address, a network, a domain or an AS, through which rule.

It asks what an ingest asks, of one row: the same tables, the same router, the same gate. No records database is opened
beyond one look at the directory's version, so that the answer comes at once.
"""

import os
import sqlite3
import tomllib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import say
from tocsin.node.paths import HomeFile, HomeFolder

if TYPE_CHECKING:
    from tocsin.directory import Directory
    from tocsin.node.records import Database
    from tocsin.sharing.lookup import Explanation
    from tocsin.sharing.routing import Router, RuleMatch
    from tocsin.sharing.rules import Rules

T = TypeVar("T")


def explain(
    call: NodeInvocation,
    query: Annotated[
        str, typer.Argument(help="An address, a network, a domain or URL, an AS as AS64500 or 64500, a country as MU.")
    ],
    tlp: Annotated[str, typer.Option(help="The TLP label that the event would carry.")] = "AMBER",
    pap: Annotated[str, typer.Option(help="The PAP label that it would carry.")] = "AMBER",
    identifier: Annotated[str, typer.Option(help="Its classification.identifier, for teams that mute some.")] = "",
    type_: Annotated[str, typer.Option("--type", help="Its classification.type, for teams that mute some.")] = "",
    feed: Annotated[str, typer.Option(help="The code of the feed that says it, for rules that name some.")] = "",
) -> None:
    """Show who would be notified of something, through which rule, and what the release gate says."""
    from tocsin.networks import Networks
    from tocsin.sharing.gate import read_marking
    from tocsin.sharing.lookup import explain_subject, resolve_subject

    subject = resolve_subject(query)
    router = open_router(call.home, call.now)
    networks = Networks.open(call.home)
    marking = read_marking(tlp, pap)
    own = _own_teams(call.home)
    asked = replace(subject, identifier=identifier, type_=type_, feed=feed)
    rules = _rules(call.home)
    found = explain_subject(asked, networks, router, marking, own=own, rules=rules)
    call.emit(found.document(), lambda: _print(found))


def open_router(home: Path, now: datetime) -> "Router":
    """The router of the node's directory as it stands."""
    from tocsin.sharing.routing import current_router

    def with_records(ask: "Callable[[Database], T]") -> T:
        from tocsin.pipeline.stores import open_node

        database = open_node(home).database
        try:
            return ask(database)
        finally:
            database.close()

    def read() -> "Directory":
        from tocsin.directory import read_directory

        return with_records(read_directory)

    version = _version_in_sqlite(home)
    if version is None:
        from tocsin.directory import directory_version

        version = with_records(directory_version)
    return current_router(home / HomeFolder.COMPILED / "routing", version, read, now=now)


def _rules(home: Path) -> "Rules | None":
    """The rules of the node; None where it has none, and nothing need be imported for them."""
    if _elsewhere(home):
        from tocsin.pipeline.stores import open_node
        from tocsin.sharing.rules import rules_in_force

        with open_node(home).database.reading() as session:
            return rules_in_force(session)
    found = _ask_sqlite(home, "SELECT id, text FROM rules_version ORDER BY id DESC LIMIT 1")
    if found is None:
        return None
    from tocsin.sharing.rules import read_version

    return read_version(*found)


def _version_in_sqlite(home: Path) -> str | None:
    """The directory's version, read without SQLAlchemy, whose import takes longer than all the rest; None: ask it."""
    row = None if _elsewhere(home) else _ask_sqlite(home, "SELECT version FROM directory_state")
    return str(row[0]) if row else None


def _elsewhere(home: Path) -> bool:
    """Whether the records are not in the home folder."""
    return bool(os.environ.get("TOCSIN_STORAGE_DATABASE")) or _sets_database(home / HomeFile.SETTINGS)


def _ask_sqlite(home: Path, query: str) -> tuple[Any, ...] | None:
    """The first row; None where there is none, or no such table yet."""
    try:
        with closing(sqlite3.connect(f"{(home / HomeFile.RECORDS).as_uri()}?mode=ro", uri=True)) as connection:
            row: tuple[Any, ...] | None = connection.execute(query).fetchone()
    except sqlite3.Error:
        return None
    return row


def _own_teams(home: Path) -> frozenset[str]:
    """``[node] own_teams``; where nothing sets it, the settings need not be loaded, which would take longer."""
    path = home / HomeFile.SETTINGS
    if "TOCSIN_NODE_OWN_TEAMS" not in os.environ and (not path.is_file() or b"own_teams" not in path.read_bytes()):
        return frozenset()
    from tocsin.node.settings import load_settings

    return frozenset(load_settings(home).node.own_teams)


def _sets_database(path: Path) -> bool:
    try:
        storage = tomllib.loads(path.read_text(encoding="utf-8")).get("storage", {})
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True  # whoever reads the settings in full says what is wrong with them
    return not isinstance(storage, dict) or bool(storage.get("database"))


def _print(found: "Explanation") -> None:
    say(_introduction(found))
    for match in found.decision.matches:
        team = found.teams[match.team_id]
        say(f"\n{team.key}: {team.name}")
        say(f"  {match.role.value:<12} by {match.rule}")
        say(f"  {'notified' if found.is_told(match) else 'not notified':<12} {_fate(found, match)}")
    overlaps = found.decision.overlaps
    for level, value in dict.fromkeys((match.level, match.value) for match in overlaps):
        keys = [found.teams[match.team_id].key for match in overlaps if (match.level, match.value) == (level, value)]
        say(f"\n{', '.join(keys)} all answer for {level} {value}: all are notified.")
    if found.decision.passed_over:
        say("\nRules that also hold, but do not decide:")
        for match in found.decision.passed_over:
            say(f"  {found.teams[match.team_id].key:<12} {match.role.value}, {match.rule}")
    if found.decision.overruled:
        say("\nOverruled by what a person said:")
        for match in found.decision.overruled:
            say(f"  {found.teams[match.team_id].key:<12} {match.role.value}, {match.rule}: {match.overruled}")
    for number, rule in found.more.items():
        team, verdict = found.teams[number], found.gate[number]
        fate = "notified" if found.is_told_more(number) else "not notified"
        say(f"\n{team.key}: {team.name}\n  {'informed':<12} by rule {rule} of this node")
        say(f"  {fate:<12} {found.quiet.get(number) or f'{verdict.words} (rule {verdict.rule})'}")
    if found.undecided:
        say(f"\nRules of this node that may hold too, by what was not asked: {', '.join(found.undecided)}.")
    if found.nobody:
        say(f"\nNo contact would be notified. {found.nobody}")


def _introduction(found: "Explanation") -> str:
    facts, subject = found.facts, found.subject
    known = [
        f"in {facts.prefix}" if facts.prefix else "",
        f"AS{facts.asn}" if facts.asn and subject.asn is None else "",
        facts.as_name or "",
        f"country {facts.country}" if facts.country else "",
        "in no network that our tables know" if subject.address and not facts.prefix else "",
    ]
    words = ", ".join(part for part in known if part)
    marking = f"as {', '.join(found.marking.labels)}"
    return f"{subject.query}{': ' if words else ''}{words} ({marking})"


def _fate(found: "Explanation", match: "RuleMatch") -> str:
    team, verdict = found.teams[match.team_id], found.gate[match.team_id]
    if match.muted:
        return f"the team {match.muted}"
    if not verdict.allowed:
        return f"{verdict.words} (rule {verdict.rule})"
    if not team.mailboxes:
        return "the team has no email address"
    how = f"{team.interval.replace('_', ' ')}, as {', '.join(team.formats)}, to {', '.join(team.mailboxes)}"
    return f"{how} (rule {verdict.rule})"
