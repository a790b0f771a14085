"""`tocsin clocks`: texts that a team adopts, clocks that run; and deadlines and business time from files alone."""

from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, note, print_table, say
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from tocsin.incidents.clocks import CalendarText, ClockRule, ClockStep, ClockText

app = Commands(
    cls=act_group("clocks"),
    help="Statutory deadlines: texts to adopt, clocks of incidents, and what can be reckoned without either.",
    no_args_is_help=True,
)

_From = Annotated[str, typer.Option("--from", help="The instant, as 2026-11-27T10:20; without an offset, local.")]


@app.command("list")
def list_(call: NodeInvocation) -> None:
    """List the clock texts that come along, with their rules. None holds before a person here has checked it."""
    from tocsin.incidents.clocks import read_clock_text, shipped_texts

    texts = [read_clock_text(content, name) for name, content in sorted(shipped_texts().items())]
    documents = [_text_document(text) for text in texts]
    rows = [(text.id, rule.id, _period(rule), rule.title) for text in texts for rule in text.rule]
    call.emit(documents, lambda: print_table("", ("text", "rule", "period", "what is due"), rows))


@app.command()
def texts(call: NodeInvocation) -> None:
    """List the clock texts of this node, with when and by whom each was adopted."""
    from tocsin.incidents.clocks import available_texts

    with call.database.reading() as session:
        found = available_texts(session, call.home)
    documents = [
        {
            "id": one.name,
            "edition": one.text.edition if one.text else None,
            "own": one.own,
            "current": one.current,
            "error": one.error,
            "adopted": [
                {"edition": of.edition, "at": of.adopted_at, "by": of.adopted_by, "checked_by": of.checked_by}
                for of in one.adopted
            ],
        }
        for one in found
    ]
    rows = [
        (
            one.name,
            one.error or ("adopted" if one.current else "a newer edition waits" if one.adopted else "not adopted"),
        )
        for one in found
    ]
    call.emit(documents, lambda: print_table("", ("text", "state"), rows))


@app.command()
def running(call: NodeInvocation) -> None:
    """List the clocks that run on incidents which the whole team may read, in the order in which they are due."""
    from tocsin.incidents import IncidentReader
    from tocsin.incidents.clocks import running_clocks

    with call.database.reading() as session:
        found = running_clocks(session, IncidentReader(None, call.now))
    documents = [
        {
            "reference": incident.reference, "clock": clock.id, "act": clock.act, "rule": clock.rule,
            "title": clock.title, "ours": clock.ours, "started_at": clock.started_at, "due_at": clock.due_at,
        }
        for clock, incident in found
    ]  # fmt: skip
    rows = [
        (f"{clock.due_at:%Y-%m-%d %H:%M}" if clock.due_at else "", incident.reference, clock.id, clock.title)
        for clock, incident in found
    ]
    call.emit(
        documents,
        partial(print_table, "", ("due (UTC)", "incident", "clock", "what"), rows) if rows else "No clock runs.",
    )


@app.command()
def reckon(
    call: NodeInvocation,
    file: Annotated[str, typer.Argument(help="A clock text, or the name of one that comes along.", metavar="FILE")],
    rule: Annotated[str, typer.Option(help="The rule of the text.", metavar="ID")],
    start: _From,
    fact: Annotated[list[str] | None, typer.Option(help="When a fact of a limit was.", metavar="NAME=INSTANT")] = None,
    zone: Annotated[str, typer.Option(help="On the clock of this time zone, not that of the text.")] = "",
    country: Annotated[str, typer.Option(help="With the public holidays of this country.", metavar="XX")] = "",
    subdivision: Annotated[str, typer.Option(help="And of this part of it.")] = "",
    holiday: Annotated[list[str] | None, typer.Option(help="This day is a holiday too.", metavar="YYYY-MM-DD")] = None,
) -> None:
    """Say when something is due, and explain it day by day. Exit 1: the text cannot be used; 2: it cannot be read."""
    from tocsin.incidents.clocks import WorkingCalendar, explain, find_clock_text
    from tocsin.incidents.clocks import reckon as reckon_rule

    text = find_clock_text(file)
    found = text.find(rule)
    calendar = WorkingCalendar(_calendar(text.calendar, zone, country, subdivision, holiday or []))
    started = _instant(start, calendar.zone)
    deadline = reckon_rule(found, started, calendar, _facts(text, fact or [], calendar.zone))
    steps = list(explain(deadline, calendar))
    due = deadline.due.astimezone(calendar.zone) if deadline.due else None
    document = {
        "due": due,
        "steps": [{"day": one.day, "counted": one.counted, "why": one.why} for one in steps],
        "rule": found.id,
        "title": found.title,
        "cite": found.cite,
        "edition": text.edition,
        "notes": _notes(text, found, started),
    }
    call.emit(document, lambda: _print_deadline(text, found, due, steps, started))


@app.command()
def hours(
    call: NodeInvocation,
    file: Annotated[Path, typer.Argument(help="Hours, shifts, breaks, holidays and time_zone.", metavar="FILE")],
    add: Annotated[str, typer.Option(help="When so much business time has passed: 90m, 8h, 2d; -90m: back.")] = "",
    start: _From = "",
    between: Annotated[tuple[str, str] | None, typer.Option(help="Business time between two instants.")] = None,
    periods: Annotated[tuple[str, str] | None, typer.Option(help="The business periods between two instants.")] = None,
) -> None:
    """Count business time. Exit 1: the file cannot be used; 2: it cannot be read."""
    from tocsin.incidents.clocks import read_duration, read_hours_text
    from tocsin.incidents.text_files import parse_document, read_bytes

    if sum(map(bool, (add, between, periods))) != 1:
        raise UsageError("Say one thing to count.", hint="Give one of --add, --between and --periods.")
    schedule, passed_over = read_hours_text(*parse_document(read_bytes(file), str(file)))
    if passed_over:
        note(f"Not known and passed over: {', '.join(passed_over)}.")
    zone = schedule.zone
    if add:
        due = schedule.add(_instant(start, zone) if start else call.now, read_duration(add)).astimezone(zone)
        call.emit({"due": due}, f"{due:%Y-%m-%d %H:%M:%S} ({zone})")
    elif between:
        found = schedule.between(*(_instant(one, zone) for one in between)).total_seconds()
        call.emit({"hours": found / 3600, "seconds": found}, f"{found / 3600:g} h")
    elif periods:
        spans = [
            [instant.astimezone(zone) for instant in span]
            for span in schedule.periods(*(_instant(one, zone) for one in periods))
        ]
        rows = [[f"{instant:%a %Y-%m-%d %H:%M}" for instant in span] for span in spans]
        call.emit({"periods": spans}, lambda: print_table("", ("from", "until"), rows))


def _calendar(
    given: "CalendarText", zone: str, country: str, subdivision: str, holidays: "Sequence[str]"
) -> "CalendarText":
    """The calendar of a text with what the command says in its place."""
    from tocsin.incidents.text_files import read_zone

    try:
        changes = {
            "time_zone": read_zone(zone) if zone else given.time_zone,
            "country": country or given.country,
            "subdivision": subdivision if country else given.subdivision,
            "holidays": (*given.holidays, *map(date.fromisoformat, holidays)),
        }
    except ValueError as error:
        raise UsageError(str(error)) from None
    return given.model_copy(update=changes)


def _instant(text: str, zone: "ZoneInfo") -> datetime:
    from tocsin.incidents.text_files import read_instant

    try:
        return read_instant(text, zone)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _facts(text: "ClockText", given: "Sequence[str]", zone: "ZoneInfo") -> dict[str, datetime]:
    pairs = [one.partition("=") for one in given]
    if unknown := [name for name, _, _ in pairs if name not in text.facts]:
        raise UsageError(f"The text has no fact '{unknown[0]}'.", hint=f"It has: {', '.join(text.facts)}.")
    return {name: _instant(instant, zone) for name, _, instant in pairs}


def _notes(text: "ClockText", rule: "ClockRule", started: datetime) -> list[str]:
    """What a person should know who relies on the deadline."""
    early = text.in_force and text.calendar.day(started) < text.in_force
    return [
        *([f"The act applies from {text.in_force} only; this started before."] if early else []),
        *([f"Only for: {rule.applies_to}."] if rule.applies_to else []),
        *([rule.note] if rule.note else []),
    ]


def _print_deadline(
    text: "ClockText", rule: "ClockRule", due: datetime | None, steps: "list[ClockStep]", started: datetime
) -> None:
    when = f"{due:%A %Y-%m-%d %H:%M:%S} ({due.tzinfo})" if due else rule.without_period
    say(f"{rule.title}: {when}")
    say(f"{rule.cite or rule.id}, edition {text.edition}")
    for one in _notes(text, rule, started):
        say(one)
    print_table("", ("day", "counted", "why"), list(_rows(steps)))


def _rows(steps: "list[ClockStep]") -> "Iterator[tuple[str, str, str]]":
    for one in steps:
        yield f"{one.day:%a %Y-%m-%d}", f"{one.counted:g}", one.why


def _period(rule: "ClockRule") -> str:
    return str(rule.within or rule.without_period)


def _text_document(text: "ClockText") -> dict[str, object]:
    return {
        "id": text.id,
        "title": text.title,
        "act": text.act,
        "edition": text.edition,
        "in_force": text.in_force,
        "rules": [
            {"id": rule.id, "title": rule.title, "period": _period(rule), "cite": rule.cite} for rule in text.rule
        ],
    }
