"""`tocsin duty`: who is on duty, by a roster or a calendar; nothing is stored."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table, say
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from tocsin.incidents.duty import DutyGap, DutyPeriod, DutyShift

app = Commands(help="Who is on duty, by a roster or a calendar; nothing is stored.", no_args_is_help=True)

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
