"""A small directory for tests: two ways to say things, and what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from tocsin.directory import (
    AssertionResult,
    DecisionRecord,
    Directory,
    ImportResult,
    PersonStatement,
    ValueDecision,
    add_assertion,
    add_denial,
    decide_conflict,
    import_directory,
    read_directory,
    withdraw_statement,
)
from tocsin.networks import parse_address
from tocsin.node.records import Database
from tocsin.sharing.routing import Router, RoutingDecision

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TEAMS = (
    "key,name,mailboxes\n"
    "alpha,Alpha,abuse@alpha.example\n"
    "beta,Beta,abuse@beta.example old@beta.example\n"
    "gamma,Gamma,abuse@gamma.example\n"
)


@dataclass
class World:
    """The records and a clock that goes on by a minute with each act."""

    database: Database
    folder: Path
    now: datetime = field(default=NOW)

    def tick(self) -> datetime:
        """The time of the next act."""
        self.now += timedelta(minutes=1)
        return self.now

    def bring(self, source: str, text: str, *, most_gone: int | None = None, dry_run: bool = False) -> ImportResult:
        """Import a CSV text."""
        path = self.folder / "file.csv"
        path.write_text(text, encoding="utf-8")
        return import_directory(
            self.database, path, actor="x", now=self.tick(), source=source, most_gone=most_gone, dry_run=dry_run
        )

    def rules(self, source: str, rows: Iterable[str]) -> ImportResult:
        """Import rules, ``team kind value`` or ``team kind value role`` each."""
        lines = [",".join([*row.split(), ""][:4]) for row in rows]
        return self.bring(source, "\n".join(["team,kind,value,role", *lines]) + "\n")

    def say(self, row: str, *, by: str = "Ana", reason: str = "", beside: bool = False) -> AssertionResult:
        """A person asserts ``team kind value``."""
        said = statement(row, by, reason, beside=beside)
        return add_assertion(self.database, said, actor="x", now=self.tick())

    def deny(self, row: str, *, by: str = "Ana", reason: str = "") -> AssertionResult:
        """A person denies ``team kind value``."""
        return add_denial(self.database, statement(row, by, reason), actor="x", now=self.tick())

    def take_back(self, row: str, *, by: str = "") -> AssertionResult:
        """A person's word is withdrawn."""
        return withdraw_statement(self.database, statement(row, by), actor="x", now=self.tick())

    def decide(self, value: str, *teams: str, both: bool = False, by: str = "Ana") -> DecisionRecord:
        """A person decides."""
        verdict = ValueDecision(value, teams, by, "papers seen", both)
        return decide_conflict(self.database, verdict, actor="x", now=self.tick())

    def told(self, *, address: str | None = None, asn: int = -1, domain: str | None = None) -> RoutingDecision:
        """What routing says."""
        return ask(read_directory(self.database), address=address, asn=asn, domain=domain)

    def keys(self, *, address: str | None = None, asn: int = -1, domain: str | None = None) -> list[str]:
        """The keys of those who are told, sorted."""
        directory = read_directory(self.database)
        keys = {team.id: team.key for team in directory.teams}
        return sorted(keys[team] for team in ask(directory, address=address, asn=asn, domain=domain).told)


def statement(row: str, by: str, reason: str = "", *, beside: bool = False) -> PersonStatement:
    """A person's word on ``team kind value``."""
    team, kind, value = row.split()
    return PersonStatement(team, kind, value, by, reason, beside=beside)


def ask(
    directory: Directory, *, address: str | None = None, asn: int = -1, domain: str | None = None
) -> RoutingDecision:
    """The decision of a router made of this directory."""
    router = Router.compile((*directory.rules, *directory.overruled), directory.teams, now=NOW)
    hi, lo = (parse_address(address) if address else None) or (0, 0)
    (number,) = router.cases(
        np.array([hi], dtype=np.uint64),
        np.array([lo], dtype=np.uint64),
        np.array([address is not None]),
        np.array([asn]),
        domain=[domain],
    ).tolist()
    return router.decision(number)
