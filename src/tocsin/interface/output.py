"""What every command prints with: one JSON document, or words and tables for a person."""

import getpass
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property, partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import typer

from tocsin.node.errors import TocsinError, UsageError
from tocsin.node.trace import logged, traced

if TYPE_CHECKING:
    from rich.table import Table

    from tocsin.node.records import Database
    from tocsin.node.settings import Settings

_Function = TypeVar("_Function", bound=Callable[..., Any])
_GAP: Final = 3  # blanks between two cells of a table; at its edges one
_WHOLE = re.compile(r"[A-Z]{3}-\d{4}-\d{7,}|\d{4}-\d\d-\d\d")  # references, which people copy, and dates


class Invocation:
    """One call of a command: its global options, and the node that it works on.

    ``server``: the node to ask, or empty. ``clock``: what gives the present moment, in UTC.
    """

    def __init__(self, home: Path, json: bool, server: str = "", clock: Callable[[], datetime] | None = None) -> None:
        self._home, self.json, self.server = home, json, server
        self.clock = clock or partial(datetime.now, UTC)

    def own_facts(self, query: str, *, unit: str, at: datetime) -> list[dict[str, str]]:  # noqa: ARG002 (where there is a node it is asked)
        """What the records of the node say for a query: rows with the columns that it takes.

        ``unit``: three letters of a country, or empty for all. ``at``: as of when.

        Raises:
            UsageError: they cannot be asked from here.

        """
        raise UsageError("The records of this node cannot be asked from here.", hint="Give the facts as a file.")

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

    @cached_property
    def settings(self) -> "Settings":
        """What the node is told to do; see `load_settings`."""
        from tocsin.node.settings import load_settings

        return _with_log(load_settings(self.home))

    @cached_property
    def database(self) -> "Database":
        """The records of the node, its folder and tables made or brought up to date; see `open_home`."""
        from tocsin.node.home import open_home

        settings, database = open_home(self.home)
        _with_log(settings)
        return database

    @property
    def now(self) -> datetime:
        """The present moment, in UTC."""
        return self.clock()

    @property
    def actor(self) -> str:
        """Who gave the command, as the audit log names it."""
        return getpass.getuser()

    def emit(self, document: object, human: str | Callable[[], None]) -> None:
        """Print ``document`` as one JSON document under ``--json``, else the words of ``human``, or let it print."""
        if self.json:
            print_json(document)
        elif isinstance(human, str):
            say(human)
        else:
            human()

    def close(self) -> None:
        """Close the records, if they were opened."""
        if "database" in vars(self):
            self.database.close()


def _with_log(settings: "Settings") -> "Settings":
    """The same; commands have lines where there is a file for them."""
    if settings.log.file:
        from tocsin.node.log import open_log

        open_log(settings.log, command=True)
    return settings


@contextmanager
def _own_log() -> Iterator[None]:
    """What is opened inside the block is closed at its end."""
    try:
        yield
    finally:
        if (log := sys.modules.get("tocsin.node.log")) is not None:
            log.close_log()


_TAG: Final = re.compile(r"\[(?=[a-z#/@])")


class Commands(typer.Typer):
    """A group of commands. A function whose first argument is an `Invocation` is given it; it is closed afterwards."""

    def command(self, *args: Any, **settings: Any) -> Callable[[_Function], _Function]:
        """As in Typer."""

        def add(function: _Function) -> _Function:
            # Typer reads help as markup, to which the table of a setting, such as [server], is one.
            text = _TAG.sub(r"\\[", settings.get("help") or inspect.getdoc(function) or "")
            super(Commands, self).command(*args, **{**settings, "help": text or None})(_with_invocation(function))
            return function

        return add

    def callback(self, *args: Any, **settings: Any) -> Callable[[_Function], _Function]:
        """As in Typer."""
        register = super().callback(*args, **settings)
        return lambda function: (register(_with_invocation(function)), function)[1]


def _with_invocation(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as Typer calls it: with its context, whose object is the invocation."""
    signature = inspect.signature(function)
    first, *others = signature.parameters.values() or [None]
    if first is None or not (isinstance(first.annotation, type) and issubclass(first.annotation, Invocation)):
        return function

    @wraps(function)
    def called(ctx: typer.Context, **options: Any) -> Any:
        name = ctx.command_path.removeprefix(str(ctx.find_root().info_name)).strip()  # what stands behind it is content
        with traced(), _own_log(), logged("command", name=name):
            try:
                return function(ctx.obj, **options)
            finally:
                ctx.obj.close()

    context = first.replace(name="ctx", annotation=typer.Context)
    called.__signature__ = signature.replace(parameters=[context, *others])  # type: ignore[attr-defined]  # PEP 362
    called.__annotations__ = {one.name: one.annotation for one in (context, *others)}
    return called


def emit(invocation: Invocation, document: object, human: Callable[[], None]) -> None:
    """As `Invocation.emit`."""
    invocation.emit(document, human)


def print_json(document: object) -> None:
    """One JSON document on one line of stdout; dates in ISO 8601, everything else that is not JSON as text."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, default=_plain) + "\n")


def fields(thing: object, names: str) -> dict[str, object]:
    """The named fields of a thing, for a document or a row of a table; the names stand with spaces between them."""
    return {name: getattr(thing, name) for name in names.split()}


def all_but(thing: Any, names: str) -> dict[str, Any]:
    """All fields of a dataclass but those named, for a document; the names stand with spaces between them."""
    return {name: value for name, value in asdict(thing).items() if name not in names.split()}


def say(text: str) -> None:
    """A line for the person on stdout."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """A line about progress or a warning, on stderr."""
    sys.stderr.write(visible(text) + "\n")


def note_error(what: str, error: TocsinError) -> None:
    """What happened, and below it what to do, on stderr; ``what`` stands before it."""
    note(f"{what}: {error}")
    if error.hint:
        note(f"  {error.hint}")


def visible(text: str) -> str:
    """The text with control characters as escapes: what a feed or a file name says must not steer the terminal."""
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[int] = ()
) -> None:
    """A table on stdout; ``numbers`` are the indexes of right-aligned columns.

    No word is broken: a pipe gets rows as long as they are; a terminal that is too narrow gets each row as lines of
    its own, a column in each.
    """
    from rich.console import Console

    cells = [
        [f"{cell:,}" if isinstance(cell, int) and at in numbers else visible(str(cell)) for at, cell in enumerate(row)]
        for row in rows
    ]
    console = Console()
    endless = not console.is_terminal and "COLUMNS" not in os.environ
    widths = _widths(columns, cells, sys.maxsize if endless else console.width)
    if widths is None:
        _print_records(title, columns, cells)
    else:
        Console(width=sum(widths) + _GAP * len(widths) if endless else None).print(
            _table(title, columns, cells, widths, numbers)
        )


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """How wide each column is in a table of this width: the widest give way; None: words would have to break."""
    from rich.cells import cell_len

    by_column = [[column, *(row[at] for row in rows if at < len(row))] for at, column in enumerate(columns)]
    least = [max((cell_len(word) for cell in cells for word in _words(cell)), default=0) for cells in by_column]
    widths = [max(cell_len(line) for cell in cells for line in cell.splitlines() or [""]) for cells in by_column]
    over = sum(widths) + _GAP * len(widths) - width
    while over > 0 and (wide := [at for at in range(len(widths)) if widths[at] > least[at]]):
        widest = max(wide, key=widths.__getitem__)
        next_one = max((widths[at] for at in wide if widths[at] < widths[widest]), default=0)
        cut = min(over, widths[widest] - max(least[widest], min(next_one, widths[widest] - 1)))
        widths[widest] -= cut
        over -= cut
    return None if over > 0 else widths


def _words(cell: str) -> list[str]:
    """What a cell is broken at blanks into; a reference or a day alone in it stays whole."""
    return [cell] if _WHOLE.fullmatch(cell) else re.findall(r"^[^\S\n]*+\S+|\S+", cell, re.MULTILINE)


def _table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], numbers: Sequence[int]
) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text  # else what a feed says would be taken for markup, or for the name of a picture

    made = Table(title=Text(title) if title else None, title_justify="left", box=box.SIMPLE, pad_edge=False)
    for at, (column, width) in enumerate(zip(columns, widths, strict=True)):
        made.add_column(Text(column), justify="right" if at in numbers else "left", overflow="fold", width=width)
    for row in rows:
        made.add_row(*map(Text, row))
    return made


def _print_records(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Each row as lines of "column  value", a blank line between two."""
    head = max(map(len, columns), default=0)
    for text in ([title] if title else []) + [
        "\n".join(f"{column:<{head}}  {cell}".rstrip() for column, cell in zip(columns, row, strict=False) if cell)
        for row in rows
    ]:
        say(text + "\n")


def fail(error: TocsinError) -> NoReturn:
    """Say what happened and what to do on stderr, and end with 2 for wrong usage, else 1."""
    note_error("tocsin", error)
    raise SystemExit(2 if isinstance(error, UsageError) else 1)


def _plain(value: object) -> str:
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else str(value)
