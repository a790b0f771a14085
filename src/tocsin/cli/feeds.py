"""`tocsin feeds`: which feeds come, and whether they come as they always did."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tocsin.cli.acts import act_group, act_of, document_of, perform
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, print_table, say
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.events import FeedAlarm, FeedCadence, FeedState
    from tocsin.pipeline.feed_files import FeedFiles
    from tocsin.pipeline.feed_setup import DryRun
    from tocsin.pipeline.feed_trial import FeedTrial


_SHOWN: Final = 20  # events of a trial on a terminal


def _show_cadence(done: "FeedCadence") -> None:
    words = f"every {done.cadence_hours} h" if done.cadence_hours else "when it likes, it is never late"
    say(f"{done.feed} comes {words}.")


app = Commands(
    cls=act_group("feeds", {"cadence": _show_cadence}),
    help="Feeds: when each came last, and alarms of those that are not as usual.",
    no_args_is_help=True,
)


@app.command("list")
def list_(
    call: NodeInvocation,
    known: Annotated[
        bool, typer.Option("--known", help="Those of the catalogue instead: who has them, and how.")
    ] = False,
) -> None:
    """List all feeds: how often each should come, when it came last, how much, and its state."""
    if known:
        from tocsin.pipeline.feed_files import all_feed_files

        catalogue = all_feed_files(call.home)
        call.emit([_known_document(one) for one in catalogue], lambda: _show_known(catalogue))
        return
    found = _watched(call)
    call.emit([_document(one) for one in found], lambda: _show(found))


@app.command()
def health(call: NodeInvocation) -> None:
    """Look at all feeds and list the alarms that are open. Exit 1 when one is not acknowledged."""
    found = [one for one in _watched(call) if one.alarms]
    call.emit([_alarm(one, alarm) for one in found for alarm in one.alarms], lambda: _show_alarms(found))
    loud = sum(alarm.acknowledged_at is None for one in found for alarm in one.alarms)
    if loud:
        note(f"{loud} not acknowledged.")
        raise typer.Exit(1)


@app.command("try")
def try_(
    call: NodeInvocation,
    file: Annotated[Path, typer.Argument(help="A report, or some lines of one; '-' is standard input.")],
    mapping: Annotated[Path | None, typer.Option(help="The mapping file that describes it.")] = None,
    feed: Annotated[str | None, typer.Option(help="The name of a feed, of yours or of the catalogue.")] = None,
    suggest: Annotated[bool, typer.Option("--suggest", help="Print a first mapping file for it instead.")] = False,
) -> None:
    """Show the events of a report; store nothing. Exit 1: a record would go into quarantine; 2: it cannot be read."""
    from tocsin.pipeline.feed_trial import suggested_mapping, try_feed

    if suggest:
        text = suggested_mapping(call.node, file)
        call.emit({"mapping": text}, lambda: say(text))
        return
    found = try_feed(call.node, file, mapping, feed, call.now)
    call.emit(_trial(found), lambda: _show_trial(found))
    if found.mistakes or found.set_aside:
        raise typer.Exit(2 if found.mistakes else 1)


def _trial(found: "FeedTrial") -> dict[str, object]:
    return {
        **fields(found, "feed rows passed_over events"),
        "set_aside": [{"line": line, "reason": reason, "raw": raw} for line, reason, raw in found.set_aside],
        **fields(found, "unmapped absent unread notes"),
        "problems": [
            {"file": str(one.path), "line": one.row, "column": one.place, "reason": one.reason}
            for one in found.mistakes
        ],
    }


def _show_trial(found: "FeedTrial") -> None:
    for one in found.mistakes:
        say(f"{one.path}:{one.row}:{one.place}: {one.reason}")
    _show_events(found.events)
    for line, reason, raw in found.set_aside[:_SHOWN]:
        say(f"For quarantine, line {line}: {reason} {' '.join(raw[:200].split())}")
    if found.unmapped:
        say(f"Kept in extra, as no column names them: {', '.join(found.unmapped)}.")
    if found.absent:
        say(f"Named in the mapping, and empty in each record: {', '.join(found.absent)}.")
    for text in found.notes:
        say(text)
    for name, value in found.unread.items():
        say(f"{name} cannot take all values: {value}. They are kept in extra; 'skip' names values that say nothing.")
    if not found.mistakes:
        passed = f", {found.passed_over} passed over by [where]" if found.passed_over else ""
        note(
            f"{found.feed}: {len(found.events)} events of {found.rows} records{passed}, "
            f"{len(found.set_aside)} for quarantine."
        )


def _show_events(events: Sequence[dict[str, object]]) -> None:
    """What is the same in all events once, then what differs, an event a row; all of it is in the JSON."""
    from tocsin.pipeline.feed_trial import FOLLOWS

    shown = [
        {name: str(value) for name, value in event.items() if not name.startswith(FOLLOWS)} for event in events[:_SHOWN]
    ]
    names = list(dict.fromkeys(name for event in shown for name in event))
    same = [name for name in names if len(shown) > 1 and len({event.get(name) for event in shown}) == 1]
    if same:
        print_table("The same in all events", ("field", "value"), [(name, shown[0][name]) for name in same])
    if rest := [name for name in names if name not in same]:
        print_table("Events", rest, [[event.get(name, "") for name in rest] for event in shown])
    if len(events) > _SHOWN:
        say(f"The first {_SHOWN} of {len(events)} are shown; --json prints all.")


@app.command()
def save(
    call: NodeInvocation,
    file: Annotated[Path, typer.Argument(help="The mapping file: NAME.toml.")],
    name: Annotated[str | None, typer.Option(help="The name of the feed, if not that of the file.")] = None,
) -> None:
    """Save a mapping file as a feed of this node, after it was checked."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read.", hint="Name a mapping file; see docs/sources.md.") from error
    done = perform(call, act_of("feeds", "save"), {"feed": name or file.stem, "text": text})
    call.emit(document_of(done), lambda: say(f"{done.feed} is a feed of this node."))


@app.command()
def add(
    call: NodeInvocation,
    feed: Annotated[
        str, typer.Argument(help="The feed, as 'tocsin feeds list --known' names it; of a server, a name for it.")
    ],
    url: Annotated[str, typer.Option(help="Its address, if not the catalogue's.")] = "",
    user: Annotated[str, typer.Option(help="The user name, where one is asked for.")] = "",
    header: Annotated[str, typer.Option(help="The header that takes the key, if not the catalogue's.")] = "",
    mail_server: Annotated[str, typer.Option(help="It comes by mail: the IMAP server of the mail account.")] = "",
    kind: Annotated[
        str, typer.Option(help="'taxii' or 'misp': the address is that of such a server, which needs no mapping file.")
    ] = "",
    collection: Annotated[
        list[str] | None, typer.Option(help="Id or title of a collection of the TAXII server; without it, all.")
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="Where such a server may be, if not at a public address: 10.1.0.0/16.")
    ] = None,
    secret_file: Annotated[
        Path | None, typer.Option(help="File with the key or password; without it, it is asked for.")
    ] = None,
) -> None:
    """Add a feed with the collector that fetches it; show its terms and what the first run would take."""
    from tocsin.node.settings import read_secret
    from tocsin.pipeline.feed_files import feed_files
    from tocsin.pipeline.feed_setup import look_ahead

    found = feed_files(call.home, feed)
    if found is not None:
        _say_terms(found)
    secret = read_secret(str(secret_file), setting="--secret-file") if secret_file else ""
    needed = bool(mail_server or user or header or kind) or (found is not None and found.known.access == "key")
    if needed and not secret and sys.stdin.isatty():
        secret = typer.prompt("Key or password", hide_input=True)
    values = {
        "feed": feed, "url": url, "user": user, "header": header, "mail_server": mail_server, "secret": secret,
        "kind": kind, "collections": collection or [], "networks": network or [],
    }  # fmt: skip
    done = perform(call, act_of("feeds", "add"), values)
    note(f"Added. 'tocsin feeds pause {feed}' rests it, 'tocsin feeds remove {feed}' ends it.")
    looked = look_ahead(call.node, feed, call.now)
    call.emit(
        {**document_of(done), "would_take": looked.names, "error": looked.error or None}, lambda: _show_look(looked)
    )
    if looked.error:
        raise typer.Exit(1)


def _say_terms(found: "FeedFiles") -> None:
    one, feed = found.known, found.known.feed
    for what, said in (
        ("Provider", feed.provider), ("Address", one.url), ("Access", one.access), ("Terms", feed.terms),
        ("Marking", f"TLP:{feed.tlp}"),
    ):  # fmt: skip
        if said:
            note(f"{what}: {said}")
    if not feed.notify:
        note("It is context beside events and problems: nobody is notified of it.")


def _show_look(looked: "DryRun") -> None:
    if looked.error:
        say(f"The first run would fail: {looked.error}")
    else:
        say(f"The first run would take: {', '.join(looked.names) or 'nothing new'}.")


def _known_document(found: "FeedFiles") -> dict[str, object]:
    one = found.known
    return {
        "feed": found.code,
        **fields(one.feed, "name provider tlp pap terms cadence_hours"),
        **fields(one, "url access accuracy"),
        "notify": one.feed.notify,
        "state": _state_of(found),
    }


def _state_of(found: "FeedFiles") -> str:
    if found.mistake:
        return "wrong"
    if found.collector:
        return "paused" if found.collector.paused else "added"
    return "own" if found.own else ""


def _show_known(catalogue: "Sequence[FeedFiles]") -> None:
    rows = [
        (
            found.code,
            found.known.feed.provider,
            found.known.access,
            f"{found.known.feed.cadence_hours} h",
            found.known.feed.tlp,
            "teams" if found.known.feed.notify else "context",
            _state_of(found),
        )
        for found in catalogue
    ]
    print_table("", ("feed", "provider", "access", "every", "TLP", "for", "here"), rows)


def _watched(call: NodeInvocation) -> "Sequence[FeedState]":
    """All feeds, after a look at each."""
    from tocsin.events import feed_states, watch_feeds

    watch_feeds(call.database, now=call.now)
    return feed_states(call.database)


def _document(one: "FeedState") -> dict[str, object]:
    known = {"feed": one.name, **fields(one.record, "name provider cadence_hours"), **fields(one, "reports rows")}
    return {**known, "last_at": one.last, "late_at": one.due, "state": one.state}


def _alarm(one: "FeedState", alarm: "FeedAlarm") -> dict[str, object]:
    more = fields(alarm, "kind words ingest opened_at acknowledged_at acknowledged_by note")
    return {"alarm": alarm.id, "feed": one.name, **more}


def _show(found: "Sequence[FeedState]") -> None:
    if not found:
        say("No feed came yet. 'tocsin ingest FILE' or 'tocsin collect run' takes reports in.")
        return
    rows = [
        (
            one.name,
            f"{one.record.cadence_hours} h" if one.record.cadence_hours else "any time",
            f"{one.last:%Y-%m-%d %H:%M}",
            one.reports,
            one.rows,
            one.state,
        )
        for one in found
    ]
    print_table("", ("feed", "every", "last (UTC)", "reports", "rows", "state"), rows, numbers=[3, 4])


def _show_alarms(found: "Sequence[FeedState]") -> None:
    if not found:
        say("All feeds come as usual.")
        return
    rows = [
        (
            alarm.id,
            one.name,
            alarm.kind,
            f"{alarm.opened_at:%Y-%m-%d %H:%M}",
            alarm.words + (f" Acknowledged by {alarm.acknowledged_by}: {alarm.note}" if alarm.acknowledged_at else ""),
        )
        for one in found
        for alarm in one.alarms
    ]
    print_table("", ("alarm", "feed", "kind", "since (UTC)", "what"), rows, numbers=[0])
