"""What every command prints with: one JSON document, or words and tables for a person."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

from tocsin.node.errors import TocsinError, UsageError

if TYPE_CHECKING:
    from rich.table import Table

_WHOLE = re.compile(r"[A-Z]{3}-\d{4}-\d{7,}|\d{4}-\d\d-\d\d")  # references, which people copy, and dates


class OwnFacts(Protocol):
    """Reads what the records of the node in ``home`` say for a query: rows with the columns that it takes."""

    def __call__(self, home: Path, query: str, *, unit: str, at: datetime) -> list[dict[str, str]]:
        """``unit``: three letters of a country, or empty for all. ``at``: as of when."""


class Invocation:
    """The global options of one call; commands find it as ``ctx.obj``. ``server``: the node to ask, or empty.

    ``own_facts``: for commands of capabilities that stand apart and see nothing of the node's work themselves.
    """

    def __init__(self, home: Path, json: bool, server: str = "", own_facts: OwnFacts | None = None) -> None:
        self._home, self.json, self.server, self._own_facts = home, json, server, own_facts

    def own_facts(self, query: str, *, unit: str, at: datetime) -> list[dict[str, str]]:
        """What the node's own records say for a query; see `OwnFacts`.

        Raises:
            UsageError: they cannot be asked from here.

        """
        if self._own_facts is None:
            raise UsageError("The records of this node cannot be asked from here.", hint="Give the facts as a file.")
        return self._own_facts(self.home, query, unit=unit, at=at)

    @property
    def home(self) -> Path:
        """The folder of the node.

        Raises:
            UsageError: another node is meant, which only some commands can ask.

        """
        if self.server:
            raise UsageError(
                "This command needs the node itself.",
                hint="Run it where the node is, without --server; docs/api.md lists what can be asked from afar.",
            )
        return self._home


def emit(invocation: Invocation, document: object, human: Callable[[], None]) -> None:
    """Print ``document`` as one JSON document under ``--json``, else let ``human`` print."""
    if invocation.json:
        print_json(document)
    else:
        human()


def print_json(document: object) -> None:
    """One JSON document on one line of stdout; dates in ISO 8601, everything else that is not JSON as text."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, default=_plain) + "\n")


def say(text: str) -> None:
    """A line for the person on stdout."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """A line about progress or a warning, on stderr."""
    sys.stderr.write(visible(text) + "\n")


def visible(text: str) -> str:
    """The text with control characters as escapes: what a feed or a file name says must not steer the terminal."""
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[int] = ()
) -> None:
    """A table on stdout; ``numbers`` are the indexes of right-aligned columns."""
    from rich.console import Console

    Console().print(table(title, columns, rows, numbers=numbers))


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[int] = ()
) -> "Table":
    """The same table, not yet printed."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    rows = list(rows)
    made = Table(title=escape(title) or None, title_justify="left", box=box.SIMPLE, pad_edge=False)
    for index, column in enumerate(columns):
        cells = {str(row[index]) for row in rows if index < len(row)} - {""}
        whole = bool(cells) and all(map(_WHOLE.fullmatch, cells))
        made.add_column(column, justify="right" if index in numbers else "left", overflow="fold", no_wrap=whole)
    for row in rows:
        made.add_row(
            *(
                f"{cell:,}" if isinstance(cell, int) and index in numbers else escape(visible(str(cell)))
                for index, cell in enumerate(row)
            )
        )
    return made


def fail(error: TocsinError) -> NoReturn:
    """Say what happened and what to do on stderr, and end with 2 for wrong usage, else 1."""
    note(f"tocsin: {error}")
    if error.hint:
        note(f"  {error.hint}")
    raise SystemExit(2 if isinstance(error, UsageError) else 1)


def _plain(value: object) -> str:
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else str(value)
