"""`tocsin compare`: whom today's tool told, whom this node would tell, and why they differ."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import fields, note, print_table, say
from tocsin.node.errors import StorageError

if TYPE_CHECKING:
    from tocsin.pipeline.comparison import ComparisonCase, ToolComparison

_WORDS = {
    "same": "the same email addresses",
    "partly": "some email addresses are the same",
    "other_mailbox": "other email addresses of the same domain",
    "different": "others altogether",
    "only_today": "only today's tool notifies a contact",
    "only_tocsin": "only Tocsin would notify a contact",
    "nobody": "neither tells anybody",
}


def compare(
    call: NodeInvocation,
    files: Annotated[
        list[Path], typer.Argument(help="Events of today's tool, CSV or JSON lines, with source.abuse_contact.")
    ],
    out: Annotated[Path | None, typer.Option(help="Write all cases to this CSV file.")] = None,
    top: Annotated[int, typer.Option(min=0, help="Show so many cases in which they differ.")] = 20,
) -> None:
    """Compare with today's tool: whom it notified, whom this node would notify, and why. Stores and sends nothing."""
    from tocsin.pipeline.comparison import compare as compare_events

    found = compare_events(call.node, files, now=call.now)
    if out is not None:
        _write(out, found.cases)
    call.emit(document(found), lambda: _print(found, top, out))


def document(found: "ToolComparison") -> dict[str, object]:
    """The comparison as JSON has it."""
    return {
        "events": found.events,
        "unreadable": found.unreadable,
        "counts": {str(agreement): events for agreement, events in found.counts.items()},
        "cases": [_row(case) for case in found.cases],
    }


def _row(case: "ComparisonCase") -> dict[str, object]:
    return fields(case, "agreement events today tocsin why example")


def _print(found: "ToolComparison", top: int, out: Path | None) -> None:
    if not found.events:
        say("There is no event to compare.")
    else:
        _print_counts(found)
        _print_cases(found, top)
    if out is not None:
        say(f"All {len(found.cases):,} cases are in {out}.")
    if found.unreadable:
        rows = "1 row" if found.unreadable == 1 else f"{found.unreadable:,} rows"
        note(f"{rows} could not be read, and not compared; the first:")
        for name, line, why in found.first_unreadable[:3]:
            note(f"  {name}, line {line}: {why}")


def _print_counts(found: "ToolComparison") -> None:
    rows = [
        (_WORDS[agreement], events, f"{events / found.events:.1%}")
        for agreement, events in found.counts.items()
        if events
    ]
    print_table(
        f"{found.events:,} events, today's tool and Tocsin",
        ("who is notified", "events", "share"),
        [*rows, ("all", found.events, "100.0%")],
        numbers=[1, 2],
    )


def _print_cases(found: "ToolComparison", top: int) -> None:
    differing = [case for case in found.cases if case.agreement != "same"]
    for case in differing[:top]:
        say(f"{case.events:,} {'event' if case.events == 1 else 'events'}, such as {case.example or '?'}")
        say(f"  today   {', '.join(case.today) or 'nobody'}")
        say(f"  Tocsin  {', '.join(case.tocsin) or 'nobody'}")
        for reason in case.why:
            say(f"  why     {reason}")
        say("")
    if len(differing) > top:
        say(f"And {len(differing) - top:,} more cases: --top shows more, --out FILE writes all.")


def _write(out: Path, cases: "tuple[ComparisonCase, ...]") -> None:
    from tocsin.node.spreadsheet import csv_text

    rows = [
        (one.agreement, one.events, " ".join(one.today), " ".join(one.tocsin), " ".join(one.why), one.example)
        for one in cases
    ]
    try:
        text = csv_text([("agreement", "events", "today", "tocsin", "why", "example"), *rows])
        out.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror}.", hint="Name another file.") from error
