"""`tocsin severity`: incidents rated by a scheme, and the level that one gives for answers in a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table, say

if TYPE_CHECKING:
    from tocsin.incidents.severity import SeverityScheme, SeverityScore

app = Commands(
    cls=act_group("severity"),
    help="How severe an incident is, by published schemes.",
    no_args_is_help=True,
)

_Scheme = Annotated[str, typer.Argument(help="A scheme, or the name of one that comes along.", metavar="SCHEME")]


@app.command("list")
def list_(call: NodeInvocation) -> None:
    """List the schemes that come along."""
    from tocsin.incidents.severity import read_scheme, shipped_schemes

    schemes = [read_scheme(content, name) for name, content in sorted(shipped_schemes().items())]
    documents = [{"id": one.id, "title": one.title, "edition": one.edition} for one in schemes]
    rows = [(one.id, one.title, one.edition) for one in schemes]
    call.emit(documents, lambda: print_table("", ("scheme", "title", "edition"), rows))


@app.command()
def score(
    call: NodeInvocation,
    scheme: _Scheme,
    inputs: Annotated[Path, typer.Option(help="Answers by the id of their input, TOML or JSON.", metavar="FILE")],
) -> None:
    """Say which level a scheme gives, and why. Exit 1: scheme or answers cannot be used; 2: they cannot be read."""
    from tocsin.incidents.severity import find_scheme, score_severity
    from tocsin.incidents.text_files import parse_document, read_bytes

    found = find_scheme(scheme)
    result = score_severity(found, parse_document(read_bytes(inputs), str(inputs))[0])
    call.emit(_document(found, result), lambda: _print(found, result))


def _document(scheme: "SeverityScheme", result: "SeverityScore") -> dict[str, object]:
    least, most = (_finite(end) for end in result.score) if result.score else (None, None)
    return {
        "scheme": scheme.id,
        "edition": scheme.edition,
        "level": result.level.id if result.level else None,
        "title": result.level.title if result.level else None,
        "levels": [one.id for one in result.levels],
        "score": least if least == most else None,
        "score_range": [least, most] if result.score else None,
        "rule": result.rule,
        "why": result.why,
        "unknown": result.unknown,
    }


def _finite(number: float) -> float | None:
    return round(number, 4) if abs(number) < float("inf") else None


def _print(scheme: "SeverityScheme", result: "SeverityScore") -> None:
    titles = [f"{one.id}: {one.title}" if one.title else one.id for one in result.levels]
    say(titles[0] if result.level else f"One of: {'; '.join(titles)}")
    if result.score:
        least, most = (f"{end:g}" for end in (round(number, 2) for number in result.score))
        say(f"Score {least}" if least == most else f"Score {least} to {most}")
    for why in result.why:
        say(why)
    say(f"{scheme.title}, edition {scheme.edition}")
