"""``tocsin directory conflicts``: who claims the same; what is said of a decision."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_table, say

if TYPE_CHECKING:
    from tocsin.directory import Conflict, ContestedAssertion, DecisionRecord

app = Commands()

_SHOWN = 50


@app.command()
def conflicts(
    call: NodeInvocation,
    country: Annotated[str, typer.Option(help="Only what concerns this country: its networks, names and teams.")] = "",
    all_: Annotated[
        bool, typer.Option("--all", help="Also what was decided, or overruled by a person's word.")
    ] = False,
    nested: Annotated[
        bool,
        typer.Option("--nested", help="Also parts of networks and domains that another source gives to another team."),
    ] = False,
    mailboxes: Annotated[
        bool, typer.Option("--mailboxes", help="Also email addresses on which sources differ.")
    ] = False,
) -> None:
    """List what several teams claim, with where each claim comes from."""
    from tocsin.directory import ConflictState, read_conflicts, read_directory

    found = read_conflicts(call.database, nested=nested)
    if country:
        countries = {team.key: team.country for team in read_directory(call.database).teams}
        found = [one for one in found if _concerns(one, country.upper(), countries, _country_of(call.home))]
    settled = {ConflictState.DECIDED, ConflictState.SAID}
    shown = [
        one for one in found if (all_ or one.state not in settled) and (mailboxes or not one.kind.startswith("mailbox"))
    ]
    hidden = Counter(_group(one) for one in found) - Counter(_group(one) for one in shown)
    call.emit([_document(one) for one in shown], lambda: _print(shown, hidden))


def _group(conflict: "Conflict") -> str:
    return "about email addresses (--mailboxes)" if conflict.kind.startswith("mailbox") else "settled (--all)"


def _country_of(home: Path) -> "Callable[[str, str], str | None]":
    """The country of a network's first address, of an AS, or of a domain, as far as this node's tables know."""
    from tocsin.networks import Networks

    networks = Networks.open(home)

    def find(kind: str, value: str) -> str | None:
        if kind == "prefix":
            return networks.answer(value.partition("/")[0]).country
        if kind == "asn":
            return networks.register.country(int(value))
        return value if kind == "country" else value.rpartition(".")[2].upper()

    return find


def _concerns(
    conflict: "Conflict", country: str, teams: dict[str, str], country_of: "Callable[[str, str], str | None]"
) -> bool:
    if any(teams.get(key) == country for key in conflict.teams):
        return True
    return not conflict.kind.startswith("mailbox") and country_of(conflict.kind, conflict.value) == country


def _document(conflict: "Conflict") -> dict[str, object]:
    said = fields(conflict.decision, "number said_by day reason") if conflict.decision else None
    claims = [asdict(claim) for claim in conflict.claims]
    return {**fields(conflict, "kind value state"), "claims": claims, "decision": said}


def _print(shown: "list[Conflict]", hidden: "Counter[str]") -> None:
    from tocsin.directory import STATES

    say(f"{len(shown):,} {'conflict' if len(shown) == 1 else 'conflicts'}." if shown else "Nothing is contested.")
    for one in shown[:_SHOWN]:
        named = f"AS{one.value}" if one.kind == "asn" else f"{one.kind} {one.value}"
        state = "its sources name different ones" if one.kind == "mailboxes" else STATES[one.state]
        columns = ("team", "claims", "source", "as of", "confidence", "said by", "overruled")
        rows, width = _rows(one.claims), 7 if any(claim.overruled for claim in one.claims) else 6
        print_table(f"{named}: {state}", columns[:width], [row[:width] for row in rows])
        if one.decision:
            say(f"Decision {one.decision.number}, {one.decision.day}, {one.decision.said_by}: {one.decision.reason}\n")
    if len(shown) > _SHOWN:
        say(f"and {len(shown) - _SHOWN:,} more; --json shows all.")
    for group, count in hidden.items():
        say(f"Not shown: {count:,} {group}.")
    if shown:
        say("Settle one: tocsin directory decide VALUE --for TEAM --said-by NAME --reason '...'")


def _rows(claims: "Iterable[ContestedAssertion]") -> list[list[object]]:
    cells = (fields(claim, "team value source as_of confidence said_by overruled").values() for claim in claims)
    return [["" if cell is None else cell for cell in row] for row in cells]


def show_decision(done: "DecisionRecord") -> None:
    """The decision that was made, and what it means."""
    named = f"AS{done.value}" if done.kind == "asn" else f"{done.kind} {done.value}"
    say(f"Decision {done.number}: {named} is of {', '.join(done.teams)}.")
    if done.against:
        say(f"Not of {', '.join(done.against)}, whatever imports say.")
    if done.supersedes is not None:
        say(f"Decision {done.supersedes} no longer holds; it stays in the history.")
