"""`tocsin collect`: fetch reports from where they wait."""

import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, note_error, print_json, print_table, say
from tocsin.node.errors import ConflictError, NotFoundError, TocsinError, UsageError

if TYPE_CHECKING:
    from tocsin.pipeline.collectors import CollectorRun, CollectorStatus
    from tocsin.pipeline.stores import NodeWithStores

_LONGEST_SLEEP = 60.0  # seconds
_AFTER_TROUBLE = 30.0  # seconds until the records are tried again
_BETWEEN_LOOKS = timedelta(minutes=1)  # at the health of all feeds; each ingest looks at its own

Names = Annotated[list[str] | None, typer.Argument(help="Only these collectors, whether they are due or not.")]

app = Commands(help="Collectors: fetch reports from where they wait, on a schedule.", no_args_is_help=True)


@app.command("list")
def list_(call: NodeInvocation) -> None:
    """List the collectors of the settings: when each succeeded last and looks next, and why one fails."""
    found = _standings(call.node)
    call.emit([_document(one) for one in found], lambda: _show(found))


@app.command()
def run(
    call: NodeInvocation,
    names: Names = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be taken; change nothing, here or there.")
    ] = False,
    forever: Annotated[
        bool, typer.Option("--forever", help="Stay and run each when it is due; SIGTERM or Ctrl-C ends it.")
    ] = False,
) -> None:
    """Run the collectors that are due, or those named. Exit 1 when one failed or a report was refused.

    With --json and --forever each run gives one line.
    """
    if dry_run and forever:
        raise UsageError("--dry-run and --forever do not go together.", hint="Leave one of them out.")
    node = call.node
    chosen = _chosen(_standings(node), names or [])
    if dry_run:
        _dry_run(call, node, chosen)
    elif forever:
        _run_forever(call, node, [one.name for one in chosen])
    else:
        _run_once(call, node, chosen if names else _due(chosen, call.now))


@app.command()
def refused(call: NodeInvocation) -> None:
    """List what collectors fetched and could not take in, newest first, each with the reason."""
    from tocsin.pipeline.collectors import refusals

    found = refusals(call.database)
    documents = [{"collector": one.collector, "what": one.label, "at": one.at, "reason": one.refused} for one in found]

    def show() -> None:
        if not found:
            say("Nothing was refused.")
            return
        rows = [(one.collector, f"{one.at:%Y-%m-%d %H:%M}", one.label, one.refused) for one in found]
        print_table("", ("collector", "at (UTC)", "what", "reason"), rows)

    call.emit(documents, show)


@app.command()
def retry(call: NodeInvocation, name: Annotated[str, typer.Argument(help="The collector.")]) -> None:
    """Let the next run take in again what was fetched and refused, say after a mapping was corrected."""
    from tocsin.pipeline.collectors import retry_refused

    [one] = _chosen(_standings(call.node), [name])
    again = retry_refused(call.node, one.name)
    call.emit(
        {"collector": one.name, "reports": again}, f"{again:,} to be taken in again by 'tocsin collect run {one.name}'."
    )


def _standings(node: "NodeWithStores") -> "list[CollectorStatus]":
    from tocsin.pipeline.collectors import node_collectors, standings

    return standings(node.database, node_collectors(node))


def _chosen(found: "Sequence[CollectorStatus]", names: Sequence[str]) -> "list[CollectorStatus]":
    by_name = {one.name: one for one in found}
    for name in names:
        if name not in by_name:
            known = ", ".join(by_name) or "none; docs/collectors.md shows how to write one"
            raise NotFoundError(f"There is no collector '{name}'.", hint=f"In tocsin.toml are: {known}.")
    return [by_name[name] for name in dict.fromkeys(names)] or list(found)


def _due(found: "Iterable[CollectorStatus]", now: datetime) -> "list[CollectorStatus]":
    return [one for one in found if one.is_due(now)]


def _run_once(call: NodeInvocation, node: "NodeWithStores", chosen: "Sequence[CollectorStatus]") -> None:
    from tocsin.events import watch_feeds

    with _until_told() as told:
        runs = list(_runs(call, chosen, told))
    watch_feeds(node.database, now=call.now)
    for one in runs:
        if not (one.error or one.taken or one.refused):
            note(f"{one.name}: nothing new.")
    if call.json:
        print_json([_run_document(one) for one in runs])
    elif not chosen:
        say("No collector is due." if node.settings.collect else "tocsin.toml has no collectors.")
    if any(one.error or one.refused for one in runs):
        raise typer.Exit(1)


def _run_forever(call: NodeInvocation, node: "NodeWithStores", names: Sequence[str]) -> None:
    """Run what is due, sleep until the next is, and so on; what fails is tried again, the loop goes on."""
    from tocsin.events import watch_feeds

    if not names:
        raise UsageError("tocsin.toml has no collectors.", hint="docs/collectors.md shows how to write one.")
    note(f"Collecting {', '.join(names)}; press Ctrl-C to end.")
    watched = call.now - _BETWEEN_LOOKS
    with _until_told() as told:
        while not told.is_set():
            try:
                mine = [one for one in _standings(node) if one.name in names]
                for one in _runs(call, _due(mine, call.now), told):
                    if call.json:
                        print_json(_run_document(one))
                if call.now - watched >= _BETWEEN_LOOKS:
                    watched = call.now
                    watch_feeds(node.database, now=watched)
                told.wait(_until_next([one for one in _standings(node) if one.name in names], call.now))
            except TocsinError as error:
                note_error("tocsin", error)
                told.wait(_AFTER_TROUBLE)
    note("Ended.")


def _until_next(found: "Sequence[CollectorStatus]", now: datetime) -> float:
    """Seconds until the next is due."""
    seconds = [(one.next_try_at - now).total_seconds() if one.next_try_at else 0.0 for one in found]
    return max(0.2, min([_LONGEST_SLEEP, *seconds]))


def _runs(call: NodeInvocation, chosen: "Iterable[CollectorStatus]", told: threading.Event) -> "Iterator[CollectorRun]":
    """Run one after the other, saying what happens."""
    from tocsin.pipeline.collectors import CollectorRun, run_collector

    for one in chosen:
        if told.is_set():
            return
        try:
            done = run_collector(
                call.node, one, clock=call.clock, stop=told.is_set, progress=partial(_progress, one.name)
            )
        except ConflictError as error:
            done = CollectorRun(one.name, error=error)
        _say_run(done)
        yield done


def _progress(name: str, line: str) -> None:
    note(f"{name}: {line}")


def _say_run(done: "CollectorRun") -> None:
    if done.error:
        note_error(f"{done.name} failed", done.error)
    if done.refused:
        note(f"{done.name}: {len(done.refused)} refused; 'tocsin collect refused' says why.")


def _dry_run(call: NodeInvocation, node: "NodeWithStores", chosen: "Sequence[CollectorStatus]") -> None:
    from tocsin.pipeline.collectors import would_take

    found: list[dict[str, object]] = []
    failed = False
    for one in chosen:
        try:
            for offer in would_take(node, one, clock=call.clock):
                reports = [{"name": item.name, "bytes": item.size} for item in offer.items]
                refused = {"refused": offer.refused} if offer.refused else {}
                found.append({"collector": one.name, "what": offer.label, "reports": reports, **refused})
        except TocsinError as error:
            failed = True
            note_error(f"{one.name} fails", error)
    call.emit(found, lambda: _show_offers(found))
    if failed:
        raise typer.Exit(1)


def _show_offers(found: Sequence[dict[str, object]]) -> None:
    if not found:
        say("Nothing would be taken.")
        return
    rows = []
    for offer in found:
        reports = offer["reports"] if isinstance(offer["reports"], list) else []
        names = ", ".join(str(report["name"]) for report in reports)
        rows.append((offer["collector"], offer["what"], names or f"would be refused: {offer.get('refused', '')}"))
    print_table("", ("collector", "would take", "reports"), rows)


@contextmanager
def _until_told() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set: what is under way is brought to a good end, then the command ends."""
    told = threading.Event()
    before = {number: signal.signal(number, lambda *_: told.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _document(one: "CollectorStatus") -> dict[str, object]:
    return {
        "name": one.name,
        "kind": one.settings.kind,
        "every_seconds": int(one.settings.every.total_seconds()),
        **fields(one, "last_try_at last_success_at last_report_at next_try_at failures error"),
    }


def _run_document(done: "CollectorRun") -> dict[str, object]:
    return {
        "name": done.name,
        "taken": done.taken,
        "refused": [{"what": label, "reason": reason} for label, reason in done.refused],
        **vars(done.counts),
        "error": str(done.error) if done.error else None,
        "next_try_at": done.standing.next_try_at if done.standing else None,
    }


def _show(found: "Sequence[CollectorStatus]") -> None:
    if not found:
        say("tocsin.toml has no collectors; docs/collectors.md shows how to write one.")
        return
    rows = [
        (
            one.name,
            one.settings.kind,
            _period(int(one.settings.every.total_seconds())),
            _when(one.last_success_at),
            _when(one.last_report_at),
            _when(one.next_try_at) if one.next_try_at else "now",
            one.failures,
        )
        for one in found
    ]
    print_table("", ("name", "kind", "every", "last success", "last report", "next", "failures"), rows, numbers=[6])
    for one in found:
        if one.error:
            say(f"{one.name} fails: {one.error}")


def _period(seconds: int) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"
