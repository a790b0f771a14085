"""``tocsin directory lookup``: who is responsible for each of many addresses."""

import csv
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.output import Invocation, print_json, visible

if TYPE_CHECKING:
    from tocsin.networks import Networks
    from tocsin.routing import Router

app = typer.Typer()

_BLOCK = 100_000  # lines that are worked on at once
_COLUMNS = ("address", "prefix", "asn", "country", "responsible", "informed", "mailboxes", "by")


@app.command()
def lookup(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="A file with an address in each line; else standard input.")
    ] = None,
) -> None:
    """Show for each of many addresses who is responsible, and their mailboxes, as CSV."""
    from tocsin.cli.explain import open_router
    from tocsin.networks import Networks

    invocation: Invocation = ctx.obj
    router, networks = open_router(invocation.home, datetime.now(UTC)), Networks.open(invocation.home)
    rows = (row for block in _blocks(file) for row in _answers(block, router, networks))
    if invocation.json:
        print_json(list(rows))
        return
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(_COLUMNS)
    out.writerows([visible(_cell(row[name])) for name in _COLUMNS] for row in rows)


def _cell(value: object) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is None else str(value)


def _blocks(file: Path | None) -> Iterator[list[str]]:
    from tocsin.errors import InputError

    try:
        with file.open(encoding="utf-8", errors="replace") if file else sys.stdin as lines:
            block: list[str] = []
            for line in lines:
                if line.strip():
                    block.append(line.strip())
                if len(block) == _BLOCK:
                    yield block
                    block = []
            yield block
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from error


def _answers(lines: list[str], router: "Router", networks: "Networks") -> Iterator[dict[str, object]]:
    """What is known of each line, in their order; one that is no address says so."""
    import polars as pl

    from tocsin.networks import parse_addresses

    hi, lo, known = parse_addresses(pl.Series(lines, dtype=pl.String))
    facts = networks.enrich(hi, lo).with_columns(pl.when(pl.Series(known)).then(pl.all()).name.keep())
    asn = facts["asn"].cast(pl.Int64).fill_null(-1).to_numpy()
    cases = router.cases(hi, lo, known, asn, country=facts["country"]).tolist()
    words = {case: _words(router, case) for case in set(cases)}
    columns = facts.select("prefix", "asn", "country").iter_rows(named=True)
    for line, is_address, row, case in zip(lines, known.tolist(), columns, cases, strict=True):
        told = {"address": line} | row | words[case]
        yield told if is_address else told | {"by": "not an address"}


def _words(router: "Router", case: int) -> dict[str, object]:
    matches = router.decision(case).matches
    answering = [match for match in matches if match.role == "responsible"]
    boxes = dict.fromkeys(box for match in answering for box in router.teams[match.team_id].mailboxes)
    rules = dict.fromkeys(match.rule for match in answering)
    return {
        "responsible": [router.teams[match.team_id].key for match in answering],
        "informed": [router.teams[match.team_id].key for match in matches if match.role == "informed"],
        "mailboxes": [*boxes],
        "by": "; ".join(rules) or "nobody is responsible",
    }
