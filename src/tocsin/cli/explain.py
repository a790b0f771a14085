"""``tocsin explain``: who would be told of an address, a network, a domain or an AS, through which rule.

It asks what an ingest asks, of one row: the same tables, the same router, the same gate. No records database is opened
beyond one look at the directory's version, so that the answer comes at once.
"""

import os
import re
import sqlite3
import tomllib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from tocsin.cli.output import Invocation, emit, say
from tocsin.errors import UsageError

if TYPE_CHECKING:
    from tocsin.directory import Directory, Team
    from tocsin.networks import Answer, Networks
    from tocsin.records import Database
    from tocsin.release import Marking, Verdict
    from tocsin.routing import Decision, Match, Router

T = TypeVar("T")

_AS = re.compile(r"(?:AS)?([0-9]+)", re.IGNORECASE)
_HOST = re.compile(r"[^\s/@:]*[^\W\d_][^\s/@:]*")


def explain(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="An address, a network, a domain, or an AS as AS64500 or 64500.")],
    tlp: Annotated[str, typer.Option(help="The TLP label that the event would carry.")] = "AMBER",
    pap: Annotated[str, typer.Option(help="The PAP label that it would carry.")] = "AMBER",
    identifier: Annotated[str, typer.Option(help="Its classification.identifier, for teams that mute some.")] = "",
    type_: Annotated[str, typer.Option("--type", help="Its classification.type, for teams that mute some.")] = "",
) -> None:
    """Show who would be told of something, through which rule, and what the release gate says."""
    from tocsin.networks import Networks
    from tocsin.release import read_marking

    invocation: Invocation = ctx.obj
    subject = read_subject(query)
    router = open_router(invocation.home, datetime.now(UTC))
    networks = Networks.open(invocation.home)
    marking = read_marking(tlp, pap)
    own = _own_teams(invocation.home)
    found = explain_subject(replace(subject, identifier=identifier, type_=type_), networks, router, marking, own=own)
    emit(invocation, found.document(), lambda: _print(found))


@dataclass(frozen=True)
class Subject:
    """What is asked about, as far as known."""

    query: str
    address: tuple[int, int] | None = None
    network: str | None = None
    asn: int | None = None
    domain: str | None = None
    identifier: str = ""
    type_: str = ""


@dataclass(frozen=True)
class Explanation:
    """The answer: what is known of the subject, who must know of it, and what the gate says of each team."""

    subject: Subject
    facts: "Answer"
    marking: "Marking"
    decision: "Decision"
    teams: "Mapping[int, Team]"
    gate: "dict[int, Verdict]"

    @property
    def nobody(self) -> str | None:
        """Why nobody is told, or None."""
        if not self.teams:
            return "The directory is empty: 'tocsin directory import FILE' brings in teams."
        if not self.decision.matches and self.decision.overruled:
            return "A person said that the teams which claim it do not answer for it."
        if not self.decision.matches:
            return "No prefix, AS, domain or country rule in the directory holds it."
        if not any(self.is_told(match) for match in self.decision.matches):
            return "Each team that must know is muted, has no mailbox, or may not have it by the gate."
        return None

    def is_told(self, match: "Match") -> bool:
        """Whether this team is told."""
        team = self.teams[match.team_id]
        return not match.muted and self.gate[match.team_id].allowed and bool(team.mailboxes)

    def document(self) -> dict[str, object]:
        """The answer as JSON has it."""
        return {
            "query": self.subject.query,
            "address": self.facts.address or None,
            "network": self.subject.network,
            "domain": self.subject.domain,
            "prefix": self.facts.prefix,
            "asn": self.facts.asn,
            "as_name": self.facts.as_name,
            "country": self.facts.country,
            "marking": {"tlp": self.marking.tlp, "pap": self.marking.pap},
            "teams": [self._team(match) for match in self.decision.matches],
            "overlaps": [self._rule(match) for match in self.decision.overlaps],
            "passed_over": [self._rule(match) for match in self.decision.passed_over],
            "overruled": [self._rule(match) | {"by": match.overruled} for match in self.decision.overruled],
            "nobody": self.nobody,
        }

    def _team(self, match: "Match") -> dict[str, object]:
        team, verdict = self.teams[match.team_id], self.gate[match.team_id]
        return self._rule(match) | {
            "told": self.is_told(match),
            "muted": match.muted or None,
            "told_as": {"interval": team.interval, "formats": team.formats, "mailboxes": team.mailboxes},
            "gate": {"allowed": verdict.allowed, "rule": verdict.rule, "words": verdict.words},
        }

    def _rule(self, match: "Match") -> dict[str, object]:
        team = self.teams[match.team_id]
        return {
            "team": team.key,
            "name": team.name,
            "role": match.role,
            "level": match.level,
            "value": match.value,
            "rule": match.rule,
        }


def read_subject(query: str) -> Subject:
    """What a query means: an address, else a network, else an AS number, else a domain.

    Raises:
        UsageError: it is none of these.

    """
    from tocsin.networks import parse_address, parse_network

    text = query.strip()
    if address := parse_address(text):
        return Subject(text, address=address)
    if network := parse_network(text):
        return Subject(text, network=str(network))
    found = _AS.fullmatch(text)
    if found and len(found[1]) <= 10 and 1 <= int(found[1]) <= 4_294_967_295:
        return Subject(text, asn=int(found[1]))
    if not found and _HOST.fullmatch(text):
        return Subject(text, domain=text.lower().removesuffix("."))
    raise UsageError(
        f"'{text}' is no address, network, domain or AS.",
        hint="Ask as in: 192.0.2.1, 192.0.2.0/24, example.org, AS64500.",
    )


def open_router(home: Path, now: datetime) -> "Router":
    """The router of the node's directory as it stands."""
    from tocsin.routing import current_router

    def with_records(ask: "Callable[[Database], T]") -> T:
        from tocsin.app import open_node

        database = open_node(home).database
        try:
            return ask(database)
        finally:
            database.engine.dispose()

    def read() -> "Directory":
        from tocsin.directory import read_directory

        return with_records(read_directory)

    version = _version_in_sqlite(home)
    if version is None:
        from tocsin.directory import directory_version

        version = with_records(directory_version)
    return current_router(home / "compiled" / "routing", version, read, now=now)


def explain_subject(
    subject: Subject,
    networks: "Networks",
    router: "Router",
    marking: "Marking",
    *,
    own: frozenset[str] = frozenset(),
) -> Explanation:
    """Who would be told of one subject: the batch functions on one row. It takes well under 5 ms.

    ``own``: the keys of our own teams.
    """
    import numpy as np

    from tocsin.networks import Answer
    from tocsin.release import Purpose, decide, recipient_of

    facts = Answer("", asn=subject.asn)
    if subject.address:
        facts = networks.answer(subject.query)
    elif subject.asn:
        facts = replace(facts, as_name=networks.register.name(subject.asn))
    hi, lo = subject.address or (0, 0)
    decision = router.ask(
        np.array([hi], dtype=np.uint64),
        np.array([lo], dtype=np.uint64),
        np.array([subject.address is not None]),
        np.array([facts.asn or -1], dtype=np.int64),
        country=[facts.country],
        domain=[subject.domain],
        network=[subject.network],
        identifier=[subject.identifier],
        type_=[subject.type_],
    )
    gate = {
        match.team_id: decide(marking, recipient_of(router.teams[match.team_id], own=own), Purpose.REMEDIATION)
        for match in decision.matches
    }
    return Explanation(subject, facts, marking, decision, router.teams, gate)


def _version_in_sqlite(home: Path) -> str | None:
    """The directory's version, read without SQLAlchemy, whose import takes longer than all the rest; None: ask it."""
    if os.environ.get("TOCSIN_STORAGE_DATABASE") or _sets_database(home / "tocsin.toml"):
        return None
    try:
        with closing(sqlite3.connect(f"{(home / 'records.sqlite').as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT version FROM directory_state").fetchone()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else None


def _own_teams(home: Path) -> frozenset[str]:
    """``[node] own_teams``; where nothing sets it, the settings need not be loaded, which would take longer."""
    path = home / "tocsin.toml"
    if "TOCSIN_NODE_OWN_TEAMS" not in os.environ and (not path.is_file() or b"own_teams" not in path.read_bytes()):
        return frozenset()
    from tocsin.settings import load_settings

    return frozenset(load_settings(home).node.own_teams)


def _sets_database(path: Path) -> bool:
    try:
        storage = tomllib.loads(path.read_text(encoding="utf-8")).get("storage", {})
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True  # whoever reads the settings in full says what is wrong with them
    return not isinstance(storage, dict) or bool(storage.get("database"))


def _print(found: Explanation) -> None:
    say(_introduction(found))
    for match in found.decision.matches:
        team = found.teams[match.team_id]
        say(f"\n{team.key}: {team.name}")
        say(f"  {match.role.value:<12} by {match.rule}")
        say(f"  {'told' if found.is_told(match) else 'not told':<12} {_fate(found, match)}")
    overlaps = found.decision.overlaps
    for level, value in dict.fromkeys((match.level, match.value) for match in overlaps):
        keys = [found.teams[match.team_id].key for match in overlaps if (match.level, match.value) == (level, value)]
        say(f"\n{', '.join(keys)} all answer for {level} {value}: all must know.")
    if found.decision.passed_over:
        say("\nRules that also hold, but do not decide:")
        for match in found.decision.passed_over:
            say(f"  {found.teams[match.team_id].key:<12} {match.role.value}, {match.rule}")
    if found.decision.overruled:
        say("\nOverruled by what a person said:")
        for match in found.decision.overruled:
            say(f"  {found.teams[match.team_id].key:<12} {match.role.value}, {match.rule}: {match.overruled}")
    if found.nobody:
        say(f"\nNobody would be told. {found.nobody}")


def _introduction(found: Explanation) -> str:
    facts, subject = found.facts, found.subject
    known = [
        f"in {facts.prefix}" if facts.prefix else "",
        f"AS{facts.asn}" if facts.asn and subject.asn is None else "",
        facts.as_name or "",
        f"country {facts.country}" if facts.country else "",
        "in no network that our tables know" if subject.address and not facts.prefix else "",
    ]
    words = ", ".join(part for part in known if part)
    marking = f"as TLP:{found.marking.tlp}, PAP:{found.marking.pap}"
    return f"{subject.query}{': ' if words else ''}{words} ({marking})"


def _fate(found: Explanation, match: "Match") -> str:
    team, verdict = found.teams[match.team_id], found.gate[match.team_id]
    if match.muted:
        return f"the team {match.muted}"
    if not verdict.allowed:
        return f"{verdict.words} (rule {verdict.rule})"
    if not team.mailboxes:
        return "the team has no mailbox"
    how = f"{team.interval.replace('_', ' ')}, as {', '.join(team.formats)}, to {', '.join(team.mailboxes)}"
    return f"{how} (rule {verdict.rule})"
