"""``tocsin directory history``: who was responsible on a day, and what was said of it when."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, say, visible
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.directory import HistoryEntry
    from tocsin.networks import Networks
    from tocsin.node.records import Database
    from tocsin.sharing.lookup import Explanation, Subject

app = Commands()

_SHOWN = 100


@app.command()
def history(
    call: NodeInvocation,
    query: Annotated[
        str,
        typer.Argument(
            help="An address, a network, an AS, a domain, an email address, a country in capitals, or a team."
        ),
    ],
    on: Annotated[str, typer.Option(help="The day, as YYYY-MM-DD, up to its end in UTC; today when not given.")] = "",
) -> None:
    """Show who was responsible on a day, by which assertions, and all that was ever said of it."""
    from tocsin.networks import Networks
    from tocsin.sharing.lookup import read_subject

    at = end_of_day(on, call.now)
    if _is_value(query):
        told = _of_value(call.database, query, at)
    elif _is_team(query):
        told = _of_team(call.database, query.strip().lower(), at)
    else:
        told = _of_subject(call.database, read_subject(query), Networks.open(call.home), at)
    call.emit(told.document(), lambda: _print(told, on))


@dataclass(frozen=True)
class _HistoryAnswer:
    """The answer; ``found`` is None for a team."""

    query: str
    at: datetime
    found: "Explanation | None"
    entries: "Sequence[HistoryEntry]"

    @property
    def later(self) -> "tuple[HistoryEntry, ...]":
        """What this node learned after that day, though it is said for it."""
        from tocsin.directory import said_later

        return said_later(self.entries, self.at)

    def document(self) -> dict[str, object]:
        """The answer as JSON has it."""
        found = self.found.document() if self.found else {}
        parts: dict[str, object] = {
            name: found[name] for name in ("teams", "passed_over", "overruled") if name in found
        }
        stood = [entry for entry in self.entries if entry.stood(self.at)]
        return {
            "query": self.query,
            "on": self.at.date(),
            "at": self.at,
            **parts,
            "stood": [asdict(entry) for entry in stood],
            "later": [asdict(entry) for entry in self.later],
            "history": [asdict(entry) for entry in self.entries],
        }


def end_of_day(text: str, now: datetime) -> datetime:
    """The last moment of a day, UTC; of today where none is given."""
    try:
        day = date.fromisoformat(text.strip()) if text else now.date()
    except ValueError:
        raise UsageError(f"--on '{text}' is not a date such as 2026-11-01.") from None
    if day > now.date():
        raise UsageError(f"--on '{text}' has not come yet.")
    return datetime.combine(day, time.max, UTC)


def _is_value(query: str) -> bool:
    """Whether a query is a mailbox or, in capitals, a country."""
    return "@" in query or (len(query) == 2 and query.isalpha() and query.isupper())


def _is_team(query: str) -> bool:
    """Whether a query can only be a team: no address, no AS, and no dot as every domain has one."""
    from tocsin.sharing.lookup import read_subject

    try:
        subject = read_subject(query)
    except UsageError:
        return True
    return subject.domain is not None and "." not in query


def _of_team(database: "Database", key: str, at: datetime) -> _HistoryAnswer:
    from tocsin.directory import read_team_history

    return _HistoryAnswer(key, at, None, read_team_history(database, key))


def _of_value(database: "Database", query: str, at: datetime) -> _HistoryAnswer:
    """Of a country or a mailbox: only what was said of it."""
    from tocsin.directory import read_ground, read_history

    kind, value = read_ground(query)
    return _HistoryAnswer(value, at, None, read_history(database, {kind: [value]}))


def _of_subject(database: "Database", subject: "Subject", networks: "Networks", at: datetime) -> _HistoryAnswer:
    from tocsin.directory import networks_inside, read_assertions_on, read_history
    from tocsin.sharing.gate import read_marking
    from tocsin.sharing.lookup import explain_subject, known_of, values_of
    from tocsin.sharing.routing import Router

    values = values_of(subject, known_of(subject, networks))
    if subject.network:
        values["prefix"] = [*values["prefix"], *networks_inside(database, subject.network)]
    directory = read_assertions_on(database, values, at)
    router = Router.compile((*directory.rules, *directory.overruled), directory.teams, now=at)
    found = explain_subject(subject, networks, router, read_marking("AMBER", "AMBER"))
    return _HistoryAnswer(subject.query, at, found, read_history(database, values))


def _print(told: _HistoryAnswer, on: str) -> None:
    when = f"On {told.at:%Y-%m-%d}" if on else "Today"
    if told.found:
        _print_answer(told.found, when, told.query)
    entries = [entry for entry in told.entries if entry.stood(told.at)] if on else told.entries
    if not entries:
        say("Nothing was said of it then." if on else "Nothing was ever said of it.")
    else:
        _print_entries("Said and not withdrawn then" if on else "All that was ever said", entries)
    if told.later and on:
        _print_entries("Said for that day or before, but not known here then", told.later)


def _print_answer(found: "Explanation", when: str, query: str) -> None:
    facts, verb = found.facts, "is" if when == "Today" else "was"
    if facts.asn and found.subject.asn is None:
        say(f"{query} is in AS{facts.asn}{f', {facts.country}' if facts.country else ''}, by the tables of today.")
    for match in found.decision.matches:
        team = found.teams[match.team_id]
        told = ", ".join(team.mailboxes) or "no email address"
        say(f"{when}, {team.key} {verb} {match.role.value}, by {match.rule}; {told}.")
    if not found.decision.matches:
        say(f"{when}, nobody {verb} responsible for it or informed of it.")
    for match in found.decision.overruled:
        say(f"Overruled: {found.teams[match.team_id].key}, {match.rule}: {match.overruled}.")


def _print_entries(title: str, entries: "Sequence[HistoryEntry]") -> None:
    say(f"\n{title}:")
    for entry in entries[-_SHOWN:]:
        until = f"{entry.withdrawn:%Y-%m-%d %H:%M}" if entry.withdrawn else "now"
        say(visible(f"  {entry.recorded:%Y-%m-%d %H:%M} to {until:<16}  {_words(entry)}"))
    if len(entries) > _SHOWN:
        say(f"and {len(entries) - _SHOWN:,} earlier ones; --json shows all.")


def _words(entry: "HistoryEntry") -> str:
    thing = f"AS{entry.value}" if entry.kind == "asn" else f"{entry.kind} {entry.value}"
    teams = ", ".join(entry.teams)
    words = {
        "claim": f"{teams}: {thing}{f', {entry.role}' if entry.role else ''}",
        "denial": f"{teams}: not {thing}",
        "decision": f"decided: {thing} is of {teams}",
        "merge": " is ".join(entry.teams),
    }[entry.act]
    basis = [
        f"source {entry.source}",
        f"as of {entry.as_of}" if entry.as_of else "",
        "" if entry.confidence is None else f"confidence {entry.confidence}",
        f"said by {entry.said_by}" if entry.said_by else "",
        entry.reason,
    ]
    return f"{words} ({', '.join(part for part in basis if part)})"
