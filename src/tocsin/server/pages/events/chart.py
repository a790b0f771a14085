"""Bars over time, counted into hours, days or weeks, and where they stand."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tocsin.events import HOUR, Int64s

WIDTH, HEIGHT = 1000, 120  # units of the drawing
_FEW_HOURS: Final = 3 * 24
_MANY_DAYS: Final = 120
_GAP: Final = 0.12  # of a bar's width


@dataclass(frozen=True)
class TimeBar:
    """The events from ``start`` until ``end`` (not included), and the rectangle that shows them."""

    start: datetime
    end: datetime
    events: int
    x: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """``step``: ``hour``, ``day`` or ``week``. ``bars``: in order, empty ones too; ``most``: the greatest."""

    step: str
    bars: list[TimeBar]
    most: TimeBar | None

    @property
    def filled(self) -> list[TimeBar]:
        """The bars that have events."""
        return [bar for bar in self.bars if bar.events]


def chart_of(hours: Int64s, since: datetime | None, until: datetime | None) -> Chart:
    """The bars of events by hour, over the time that is asked for, else over the events' own."""
    known = hours[hours[:, 0] > 0]
    if not len(known):
        return Chart("day", [], None)
    first = _at(int(known[0, 0])) if since is None else since
    last = _at(int(known[-1, 0])) + timedelta(hours=1) if until is None else until
    span = (last - first) / timedelta(hours=1)
    step = "hour" if span <= _FEW_HOURS else "day" if span <= _MANY_DAYS * 24 else "week"
    size = {"hour": 1, "day": 24, "week": 168}[step]
    # 1970 began on a Thursday; weeks begin on a Monday.
    offset = 72 if step == "week" else 0
    begin = (int(first.timestamp()) // HOUR + offset) // size
    count = max(1, -(-(int(last.timestamp()) // HOUR + bool(last.timestamp() % HOUR) + offset) // size) - begin)
    sums = [0] * min(count, 2_000)
    for hour, events in known.tolist():
        if 0 <= (place := (hour + offset) // size - begin) < len(sums):
            sums[place] += events
    most = max(sums)
    wide = WIDTH / len(sums)
    bars = [
        TimeBar(
            _at((begin + place) * size - offset),
            _at((begin + place + 1) * size - offset),
            events,
            round(place * wide + wide * _GAP / 2, 2),
            round(wide * (1 - _GAP), 2),
            round(HEIGHT * events / most, 2) if most else 0.0,
        )
        for place, events in enumerate(sums)
    ]
    return Chart(step, bars, max(bars, key=lambda bar: bar.events) if most else None)


def _at(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * HOUR, UTC)
