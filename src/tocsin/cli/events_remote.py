"""``tocsin events --server``: events of another node."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.interface import print_table
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.server.client import Client

_PAGE = 1_000
_OWN = ("id", "event")  # of the API, beside the fields


def write(
    client: "Client",
    conditions: Mapping[str, object],
    form: str,
    *,
    limit: int,
    out: Path | None,
    shown: Mapping[str, str],
) -> None:
    """Print or write what matches; ``shown``: the columns of the table. Files hold everything that matches.

    Raises:
        UsageError: a file is asked for, and a limit.

    """
    given = {name: _text(value) for name, value in conditions.items() if value is not None}
    if form in {"csv", "parquet"} and limit:
        raise UsageError(f"A {form} file of another node holds all that matches.", hint="Say --limit 0.")
    with client, out.open("wb") if out else nullcontext(sys.stdout.buffer) as target:
        if form in {"csv", "parquet"}:
            with client.events_file(form, **given) as pieces:
                target.writelines(pieces)
            return
        found = _events(client, given, limit)
        if form == "json":
            lines = (json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in found)
            target.writelines(line.encode() + b"\n" for line in lines)
            return
        rows = [[_cell(name, one.get(name)) for name in shown] for one in found]
        print_table(f"{len(rows):,} events", list(shown.values()), rows)


def _events(client: "Client", given: dict[str, str], limit: int) -> Iterator[dict[str, Any]]:
    found = client.events(page=min(limit, _PAGE) or _PAGE, **given)
    for one in islice(found, limit or None):
        yield {name: value for name, value in one.items() if name not in _OWN}


def _cell(name: str, value: object) -> str:
    if value is not None and name.startswith("time."):
        return f"{datetime.fromisoformat(str(value)):%Y-%m-%d %H:%M:%S}"
    return "" if value is None else str(value)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
