"""`tocsin events`: find stored events and print or write them."""

import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli import events_remote, remote
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import print_table
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from tocsin.networks import AddressRange


class PrintFormat(StrEnum):
    """How events are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


_SHOWN = {
    "time.source": "time (UTC)",
    "source.ip": "address",
    "source.port": "port",
    "source.asn": "AS",
    "source.geolocation.cc": "country",
    "classification.type": "type",
    "classification.identifier": "identifier",
    "feed.code": "feed",
}


def events(
    call: NodeInvocation,
    cidr: Annotated[str | None, typer.Option(help="Address or prefix of the source.")] = None,
    asn: Annotated[int | None, typer.Option(help="AS number of the source.")] = None,
    country: Annotated[str | None, typer.Option(help="Country code of the source.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Classification type.")] = None,
    feed: Annotated[str | None, typer.Option(help="Code or name of the feed.")] = None,
    since: Annotated[str | None, typer.Option(help="From this time on, ISO 8601; UTC without a zone.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time, ISO 8601; UTC without a zone.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")] = 100,
    format_: Annotated[PrintFormat | None, typer.Option("--format", help="How to print.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file; Parquet needs one or a pipe.")] = None,
) -> None:
    """Find stored events: IDF field names; JSON is one object a line; times are UTC."""
    from tocsin.events import EventQuery

    form = format_ or (PrintFormat.JSON if call.json else PrintFormat.TABLE)
    if call.server:
        conditions = {
            "address": cidr, "asn": asn, "country": country, "type": type_, "feed": feed,
            "since": read_time("since", since), "until": read_time("until", until),
        }  # fmt: skip
        events_remote.write(remote.client_of(call), conditions, form.value, limit=limit, out=out, shown=_SHOWN)
        return
    query = EventQuery(
        ranges=_ranges(cidr) if cidr else (),
        asn=asn,
        country=country,
        type=type_,
        feed=feed,
        since=read_time("since", since),
        until=read_time("until", until),
    )
    found = call.node.store.find(query, limit=limit)
    _write(found, form, out)


def _write(found: "pl.DataFrame", form: PrintFormat, out: Path | None) -> None:
    from tocsin.events import flat, idf_lines

    if form is PrintFormat.TABLE:
        shown = [[_cell(value) for value in row] for row in flat(found).select(*_SHOWN).iter_rows()]
        print_table(f"{found.height:,} events", list(_SHOWN.values()), shown)
        return
    with out.open("wb") if out else nullcontext(sys.stdout.buffer) as target:
        if form is PrintFormat.JSON:
            target.writelines(line.encode() + b"\n" for line in idf_lines(found))
        elif form is PrintFormat.CSV:
            flat(found).write_csv(target, datetime_format="%Y-%m-%dT%H:%M:%S%.fZ")
        else:
            flat(found).write_parquet(target)


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return "" if value is None else str(value)


def read_time(option: str, text: str | None) -> datetime | None:
    """The time that an option gives, in ISO 8601; UTC without a zone. Raises UsageError."""
    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--{option} {text} is not a time.", hint="Write it like 2026-11-24T08:00:00.") from error
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)


def _ranges(cidr: str) -> "list[AddressRange]":
    from tocsin.networks import parse_network

    network = parse_network(cidr)
    if network is None:
        raise UsageError(f"--cidr {cidr} is not an address or a prefix.", hint="Write it like 192.0.2.0/24.")
    return network.ranges
