"""`tocsin duty`: who is on duty, by a file or by the rosters of the node; and call-outs."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from tocsin.cli.acts import act_group, act_of, document_of, perform
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table, say
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from tocsin.incidents.duty import DutyGap, DutyPeriod, DutyShift

app = Commands(
    cls=act_group("duty"),
    help="Who is on duty, rosters, and call-outs. 'who' and 'shifts' read a file and store nothing.",
    no_args_is_help=True,
)
_Text = Annotated[Path, typer.Argument(help="The roster (TOML or JSON), or a calendar (.ics).", metavar="FILE")]
_Keeper = Annotated[str, typer.Option(help="Who edits it, beside managers: an account.")]
_Always = Annotated[
    bool, typer.Option("--always", help="Somebody is on duty at all times: each other moment is a gap.")
]
_As = Annotated[str, typer.Option("--as", help="Whose word it is: an account, by email address or number.")]

_File = Annotated[Path, typer.Argument(help="A roster (TOML or JSON), or a calendar (.ics).", metavar="FILE")]
_Zone = Annotated[str, typer.Option(help="Clock of a calendar that names none, and of the answer.")]


class _Source(Protocol):
    """A roster or a calendar."""

    zone: "ZoneInfo"

    def at(self, at: datetime) -> "tuple[tuple[DutyShift, ...], DutyGap | None]": ...

    def shifts(self, start: datetime, end: datetime) -> "DutyPeriod": ...


@app.command()
def who(
    call: NodeInvocation,
    file: _File,
    at: Annotated[str, typer.Option(help="When, as 2026-11-27T10:20; without an offset, local. Without: now.")] = "",
    zone: _Zone = "",
) -> None:
    """Say who is on duty. Exit 1: the file cannot be used; 2: it cannot be read."""
    source = _read(file, zone)
    on, gap = source.at(_instant(at, source.zone) if at else call.now)
    document = {
        "on": [
            {
                "person": one.person,
                "from": _local(one.starts, source.zone),
                "until": _local(one.ends, source.zone),
                "why": one.why,
            }
            for one in on
        ],
        "gap": _gap(gap, source.zone) if gap else None,
    }

    def human() -> None:
        if gap:
            say(f"Nobody is on duty. {gap.why}")
        rows = [(one.person, _shown(one.starts, source.zone), _shown(one.ends, source.zone), one.why) for one in on]
        print_table("", ("on duty", "from", "until", "why"), rows or [("nobody", *_span(gap, source.zone), "")])

    call.emit(document, human)


@app.command()
def shifts(
    call: NodeInvocation,
    file: _File,
    start: Annotated[str, typer.Option("--from", help="From then on, as 2026-11-27; without an offset, local.")],
    end: Annotated[str, typer.Option("--to", help="Up to then.")],
    zone: _Zone = "",
) -> None:
    """List shifts, gaps and overlaps between two instants. Exit 1: the file cannot be used; 2: it cannot be read."""
    source = _read(file, zone)
    found = source.shifts(_instant(start, source.zone), _instant(end, source.zone))
    document = {
        "shifts": [
            {
                "person": one.person,
                "from": _local(one.start, source.zone),
                "until": _local(one.end, source.zone),
                "why": one.why,
                "truncated": one.truncated,
                "starts": _local(one.starts, source.zone),
                "ends": _local(one.ends, source.zone),
            }
            for one in found.shifts
        ],
        "gaps": [_gap(one, source.zone) for one in found.gaps],
        "overlaps": [
            {
                "people": one.people,
                "from": _local(one.start, source.zone),
                "until": _local(one.end, source.zone),
            }
            for one in found.overlaps
        ],
    }
    call.emit(document, lambda: _print_shifts(found, source.zone))


@app.command("add-roster")
def add_roster(
    call: NodeInvocation,
    name: Annotated[str, typer.Argument(help="What people call it.", metavar="NAME")],
    file: _Text,
    keeper: _Keeper = "",
    always: _Always = False,
    signed: _As = "",
) -> None:
    """Add a roster from a file. Names in it are email addresses or names of accounts."""
    values = {"name": name, "text": _text(file), "keeper": keeper, "always": always}
    done = perform(call, act_of("duty", "add-roster"), values, name=signed)
    call.emit(document_of(done), done.name)


@app.command("edit-roster")
def edit_roster(
    call: NodeInvocation,
    roster: Annotated[str, typer.Argument(help="Number or name of the roster.", metavar="ROSTER")],
    file: _Text,
    keeper: _Keeper = "",
    always: _Always = False,
    signed: _As = "",
) -> None:
    """Put another text in the place of a roster's. Whose shifts move gets an email."""
    values = {"roster": roster, "text": _text(file), "keeper": keeper, "always": always}
    done = perform(call, act_of("duty", "edit-roster"), values, name=signed)
    call.emit(document_of(done), done.name)


@app.command()
def rosters(call: NodeInvocation) -> None:
    """List the rosters of the node: who is on duty now, and the gaps of the next two weeks."""
    from tocsin.incidents.duty import live_rosters
    from tocsin.node.accounts import names_of

    with call.database.reading() as session:
        found = live_rosters(session, call.now)
        on = [sorted(names_of(session, one.on_duty(call.now)).values()) for one in found]
    documents = [
        {
            "number": one.row.id, "name": one.row.name, "time_zone": str(one.roster.time_zone),
            "keeper": one.row.keeper, "on": people,
            "gaps": [_gap(gap, one.roster.time_zone) for gap in one.gaps(call.now)],
        }
        for one, people in zip(found, on, strict=True)
    ]  # fmt: skip
    rows = [
        (str(one["number"]), str(one["name"]), ", ".join(people) or "nobody", str(len(one["gaps"])))
        for one, people in zip(documents, on, strict=True)
    ]
    head = ("number", "name", "on duty", "gaps (14 days)")
    call.emit(documents, (lambda: print_table("", head, rows)) if rows else "There is no roster.")


@app.command("call-outs")
def list_call_outs(
    call: NodeInvocation, limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50
) -> None:
    """List call-outs that the whole team may read, with who was called."""
    from tocsin.incidents import IncidentReader
    from tocsin.incidents.duty import call_outs, calls_of
    from tocsin.interface import fields

    with call.database.reading() as session:
        found = call_outs(session, IncidentReader(None, call.now), limit=limit)
        calls = calls_of(session, found)
    names = "reference subject level state opened_at acknowledged_at acknowledged_by note"
    of_call = "person channel state at error"
    documents = [
        {"number": one.id, **fields(one, names), "calls": [fields(of, of_call) for of in calls[one.id]]}
        for one in found
    ]
    rows = [(one.reference, one.opened_at, one.subject, one.level, one.state, len(calls[one.id])) for one in found]
    head = ("reference", "opened", "subject", "level", "state", "calls")
    call.emit(documents, (lambda: print_table("", head, rows)) if rows else "There was no call-out.")


@app.command()
def run(call: NodeInvocation) -> None:
    """Call whom the rules say for what waits now, once; a server does it by itself every 15 seconds."""
    from tocsin.pipeline.call_outs import look_for_call_outs

    sent = look_for_call_outs(call.node, call.now)
    call.emit({"sent": sent}, f"{sent} calls left by webhook and SMS; mails leave with 'tocsin deliver'.")


def _text(file: Path) -> str:
    from tocsin.incidents.text_files import read_bytes

    try:
        return read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{file} is no text in UTF-8.") from None


class _RosterSource:
    """A roster, asked like a calendar."""

    def __init__(self, content: bytes, name: str, zone: "ZoneInfo | None") -> None:
        from tocsin.incidents.duty import read_roster
        from tocsin.incidents.text_files import parse_document

        self._roster = read_roster(*parse_document(content, name))
        self.zone = zone or self._roster.time_zone

    def at(self, at: datetime) -> "tuple[tuple[DutyShift, ...], DutyGap | None]":
        from tocsin.incidents.duty import on_duty

        return on_duty(self._roster, at)

    def shifts(self, start: datetime, end: datetime) -> "DutyPeriod":
        from tocsin.incidents.duty import duty_shifts

        return duty_shifts(self._roster, start, end)


def _read(file: Path, zone: str) -> _Source:
    from tocsin.incidents.duty import DutyCalendar
    from tocsin.incidents.text_files import read_bytes, read_zone

    content = read_bytes(file)
    try:
        given = read_zone(zone) if zone else None
    except ValueError as error:
        raise UsageError(str(error)) from None
    if file.suffix.lower() in {".ics", ".ical"} or content.lstrip().upper().startswith(b"BEGIN:VCALENDAR"):
        return DutyCalendar(content, str(file), given)
    return _RosterSource(content, str(file), given)


def _instant(text: str, zone: "ZoneInfo") -> datetime:
    from tocsin.incidents.text_files import read_instant

    try:
        return read_instant(text, zone)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _local(at: datetime | None, zone: "ZoneInfo") -> datetime | None:
    return at.astimezone(zone) if at else None


def _gap(gap: "DutyGap", zone: "ZoneInfo") -> dict[str, object]:
    return {"from": _local(gap.start, zone), "until": _local(gap.end, zone), "why": gap.why}


def _shown(at: datetime | None, zone: "ZoneInfo") -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}" if at else ""


def _span(gap: "DutyGap | None", zone: "ZoneInfo") -> tuple[str, str]:
    return (_shown(gap.start, zone), _shown(gap.end, zone)) if gap else ("", "")


def _print_shifts(found: "DutyPeriod", zone: "ZoneInfo") -> None:
    people = [(one.start, one.end, one.person, one.why) for one in found.shifts]
    gaps = [(one.start, one.end, "nobody", one.why) for one in found.gaps if one.start and one.end]
    rows = [
        (person, _shown(start, zone), _shown(end, zone), why) for start, end, person, why in sorted([*people, *gaps])
    ]
    print_table("", ("on duty", "from", "until", "why"), rows)
    for one in found.overlaps:
        say(f"{' and '.join(one.people)} at once: {_shown(one.start, zone)} to {_shown(one.end, zone)}")
