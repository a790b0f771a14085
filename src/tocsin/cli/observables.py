"""`tocsin observables`: what a text names that can be compared."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.interface import Commands, Invocation, print_json, print_table
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.incidents import ExtractedObservables

app = Commands(help="Observables: addresses, names, hashes … in texts.", no_args_is_help=True)


@app.callback()
def observables() -> None:
    """Observables: addresses, names, hashes … in texts."""


@app.command()
def extract(
    call: Invocation, file: Annotated[Path, typer.Argument(help="A text in UTF-8; - for standard input.")]
) -> None:
    """Find what a text names, refanged, and the lines in which nothing was found. Nothing is stored.

    With --json a line each: kind, value and line; of a line without anything the kind is "junk" and the value its text.
    """
    from tocsin.incidents import extract_observables

    found = extract_observables(_read(file))
    if call.json:
        rows = [(one.kind.value, one.value, one.line) for one in found.found]
        for kind, value, line in sorted([*rows, *(("junk", text, number) for number, text in found.junk)], key=_line):
            print_json({"kind": kind, "value": value, "line": line})
        return
    _show(found)


def _show(found: "ExtractedObservables") -> None:
    rows = [(one.kind.value, one.value, one.line) for one in found.found]
    print_table("", ("kind", "value", "line"), rows)
    if found.junk:
        print_table("lines without any", ("line", "text"), [(number, text[:100]) for number, text in found.junk])


def _line(row: tuple[str, str, int]) -> int:
    return row[2]


def _read(file: Path) -> str:
    """The text of a file; what is not UTF-8 in it is left out.

    Raises:
        UsageError: it cannot be read, or is no text.

    """
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.", hint="Name a file.") from error
    if b"\0" in raw:
        raise UsageError(f"{file} is no text in UTF-8.", hint="Save it as text in UTF-8.")
    return raw.decode("utf-8-sig", "ignore")
