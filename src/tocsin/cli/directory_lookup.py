"""``tocsin directory lookup``: who is responsible for each of many addresses."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli import remote
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_json, visible
from tocsin.node.errors import InputError
from tocsin.node.spreadsheet import csv_text

if TYPE_CHECKING:
    from tocsin.networks import Networks
    from tocsin.sharing.routing import Router

app = Commands()

_BLOCK = 100_000  # lines that are worked on at once
_COLUMNS = ("address", "prefix", "asn", "country", "responsible", "informed", "mailboxes", "by", "lists")


@app.command()
def lookup(
    call: NodeInvocation,
    file: Annotated[
        Path | None, typer.Argument(help="A file with an address in each line; else standard input.")
    ] = None,
) -> None:
    """Show for each of many addresses who is responsible, and their email addresses, as CSV."""
    from tocsin.cli.explain import open_router
    from tocsin.networks import Networks

    if call.server:
        with remote.client_of(call) as client:
            _write(call, (dict(line) for block in _blocks(file) for line in client.look_up_many(block)))
        return
    router, networks = open_router(call.home, call.now), Networks.open(call.home)
    _write(call, (row for block in _blocks(file) for row in _answers(call, block, router, networks)))


def _answers(
    call: NodeInvocation, block: list[str], router: "Router", networks: "Networks"
) -> Iterator[dict[str, object]]:
    from tocsin.events import codes_of, find_listings
    from tocsin.sharing.lookup import who_of_each

    lists = find_listings(call.home, block)
    for line, (row, _) in zip(block, who_of_each(block, router, networks), strict=True):
        yield {**row, "lists": codes_of(lists, line)}


def _write(call: NodeInvocation, rows: Iterator[dict[str, object]]) -> None:
    if call.json:
        print_json(list(rows))
        return
    sys.stdout.write(csv_text([_COLUMNS], end="\n"))
    for row in rows:
        sys.stdout.write(csv_text([[visible(_cell(row[name])) for name in _COLUMNS]], end="\n"))


def _cell(value: object) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is None else str(value)


def _blocks(file: Path | None) -> Iterator[list[str]]:
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
