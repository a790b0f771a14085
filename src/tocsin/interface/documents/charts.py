"""Charts as SVG text: pure functions from numbers to a picture, no library, no script.

Colours and line styles are classes, which the page styles for light, dark and print (see ``chart.css``). What matters
is said by shape and word too: a bar is the unit, a light band or whisker is what it may be, a tick is the peers.
Scores are 0 to 100.
"""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from html import escape
from pathlib import Path

WIDTH = 720


@dataclass(frozen=True)
class IntervalBar:
    """A row of a bar chart: the point with its bounds, a wider range around them, and the peers' median."""

    label: str
    low: float
    point: float | None
    high: float
    wide: tuple[float, float] | None = None
    peer: float | None = None


@dataclass(frozen=True)
class Pair:
    """What is declared beside what is measured, each 0 to 100; ``low`` and ``high`` belong to the measured one."""

    label: str
    declared: float | None
    low: float
    measured: float | None
    high: float


@dataclass(frozen=True)
class Moment:
    """A score at a date, with its bounds."""

    on: date
    low: float
    point: float | None
    high: float


def picture(width: float, height: float, parts: Sequence[str], title: str, alt: str) -> str:
    """The parts as one SVG with its title and text alternative."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'width="{width:g}" height="{height:g}"><title>{escape(title)}</title><desc>{escape(alt)}</desc>'
        + "".join(parts)
        + "</svg>"
    )


def bars(
    rows: Sequence[IntervalBar],
    title: str,
    alt: str,
    *,
    wide: str = "",
    peer: str = "",
    whisker: str = "unanswered at worst and at best",
) -> str:
    """Horizontal bars from zero, with the range drawn over each, and a tick for the peers."""
    left, right, step, top = 236, 84, 34, 34
    scale = _scale(0, 100, left, WIDTH - right)
    bottom = top + step * len(rows)
    parts = list(_axis(scale, range(0, 101, 20), top, bottom))
    for number, row in enumerate(rows):
        parts += _bar_row(row, top + step * number + step / 2, scale, left)
    words = [("own", "this unit")]
    words += [("whisker", whisker)] if any(row.low < row.high for row in rows) else []
    words += [("band", wide)] if wide else []
    words += [("peers", peer)] if peer else []
    key, height = _key(words, bottom + 26)
    return picture(WIDTH, height, [*parts, *key], title, alt)


def radar(axes: Sequence[IntervalBar], title: str, alt: str, *, wide: str = "", peer: str = "") -> str:
    """One spoke an axis: the line is the unit, the band is what it may be, the broken line the peers' median."""
    centre_x, centre_y, radius = WIDTH / 2, 222, 158
    angles = [2 * math.pi * number / len(axes) - math.pi / 2 for number in range(len(axes))]

    def at(angle: float, value: float) -> tuple[float, float]:
        length = radius * value / 100
        return centre_x + length * math.cos(angle), centre_y + length * math.sin(angle)

    def ring(values: Sequence[float]) -> str:
        return " ".join(_xy(*at(angle, value)) for angle, value in zip(angles, values, strict=True))

    parts = [f'<polygon class="grid" points="{ring([level] * len(axes))}"/>' for level in (25, 50, 75, 100)]
    parts += [_line(centre_x, centre_y, *at(angle, 100), "grid") for angle in angles]
    parts += [_text(centre_x + 4, centre_y - radius * level / 100 - 2, f"{level}", "faint") for level in (50, 100)]
    ends = [axis.wide or (axis.low, axis.high) for axis in axes]
    band = f"M{ring([high for _, high in ends])}ZM{ring([low for low, _ in ends])}Z"
    parts.append(f'<path class="band" fill-rule="evenodd" d="{band}"/>')
    for kind, points in (("peers-line", [axis.peer for axis in axes]), ("own-line", [axis.point for axis in axes])):
        places = [None if p is None else at(angle, p) for p, angle in zip(points, angles, strict=True)]
        parts += _ring_line(places, kind)
    for axis, angle in zip(axes, angles, strict=True):
        parts += _spoke_label(axis.label, angle, at(angle, 112))
    words = [("own-line", "this unit")]
    words += [("band", wide)] if wide else []
    words += [("peers-line", peer)] if peer else []
    key, height = _key(words, centre_y + radius + 64)
    return picture(WIDTH, height, [*parts, *key], title, alt)


def pairs(rows: Sequence[Pair], title: str, alt: str) -> str:
    """Declared (hollow circle) beside measured (filled diamond with its interval), joined by a line."""
    left, right, step, top = 250, 84, 40, 34
    scale = _scale(0, 100, left, WIDTH - right)
    bottom = top + step * len(rows)
    parts = list(_axis(scale, range(0, 101, 20), top, bottom))
    for number, row in enumerate(rows):
        parts += _pair_row(row, top + step * number + step / 2, scale, left)
    parts += [
        f'<circle class="declared" cx="{left + 8}" cy="{bottom + 22}" r="6"/>',
        _text(left + 20, bottom + 26, "declared", ""),
        _diamond(left + 112, bottom + 22),
        _text(left + 124, bottom + 26, "measured, with its 95 % interval", ""),
    ]
    return picture(WIDTH, bottom + 40, parts, title, alt)


def track(points: Sequence[Moment], goal: float | None, due: int, title: str, alt: str) -> str:
    """Scores over time with their bounds, the goal as a line at the year it is due."""
    left, right, top, bottom = 60, 170, 28, 258
    years = [moment.on.year + moment.on.timetuple().tm_yday / 366 for moment in points]
    first, last = math.floor(min([*years, due])), math.ceil(max([*years, due]) + 0.5)
    across, up = _scale(first, last, left, WIDTH - right), _scale(0, 100, bottom, top)
    parts = [_line(left, up(value), WIDTH - right, up(value), "grid") for value in range(0, 101, 20)]
    parts += [_text(left - 8, up(value) + 4, str(value), "faint", "end") for value in range(0, 101, 20)]
    every = max(1, (last - first) // 8)
    parts += [_text(across(year), bottom + 20, str(year), "faint", "middle") for year in range(first, last + 1, every)]
    parts += list(_goal(goal, due, across, up, WIDTH - right))
    known = [(year, moment) for year, moment in zip(years, points, strict=True) if moment.point is not None]
    parts.append(
        f'<polyline class="own-line" points="{" ".join(_xy(across(y), up(m.point or 0)) for y, m in known)}"/>'
    )
    for year, moment in zip(years, points, strict=True):
        parts += _moment(moment, across(year), up)
    parts.append(_text(left - 8, 12, "points", "faint", "end"))
    return picture(WIDTH, bottom + 34, parts, title, alt)


def ranks(rows: Sequence[tuple[str, float, float, float, bool]], title: str, alt: str) -> str:
    """Rank ranges of many units: (name, best, rank, worst, is it the unit). Rank 1 is at the top."""
    left, right, top = 180, 60, 34
    step = 18 if len(rows) <= 40 else 14
    most = max([worst for _, _, _, worst, _ in rows] + [2])
    least = min(best for _, best, _, _, _ in rows)
    scale = _scale(least, most, left, WIDTH - right)
    height = top + step * len(rows) + 34
    every = 10 if most - least < 100 else 20
    inner = [t for t in range(every, int(most), every) if t - least > most / 30 and most - t > most / 30]
    ticks = [int(least), *inner, int(most)]
    parts = list(_axis(scale, ticks, top, top + step * len(rows), "rank"))
    for number, (name, best, rank, worst, own) in enumerate(rows):
        y = top + step * number + step / 2
        word = "own" if own else "other"
        parts += [
            _text(left - 12, y + 4, _short(name, 22), f"label {word}", "end"),
            _line(scale(best), y, scale(worst), y, f"range {word}"),
            f'<circle class="dot {word}" cx="{scale(rank):.1f}" cy="{y:.1f}" r="{5 if own else 3.5}"/>',
        ]
    return picture(WIDTH, height, parts, title, alt)


def tile_map(values: Mapping[str, float | None], own: str, title: str, alt: str) -> str:
    """Each country one square of equal size, so that small islands are seen; shade is the value, hatching no value.

    Values are 0 to 100 by ISO 3166-1 alpha-3 code; codes that have no square are left out.
    """
    side, top = 23, 8
    places = tiles()
    rows = max(row for _, row in places.values()) + 1
    parts = [_HATCH]
    for code, (column, row) in sorted(places.items()):
        parts += _tile(code, values, column * side, top + row * side, side - 1, own=code == own)
    bottom = top + rows * side + 8
    parts += _shades(bottom, own=bool(own))
    return picture(WIDTH, bottom + 44, parts, title, alt)


def word_map(words: Mapping[str, str], kinds: Mapping[str, str], title: str, alt: str) -> str:
    """Each country one square, as in `tile_map`, that says one of a few words.

    ``words`` by ISO 3166-1 alpha-3 code; a country without one is left white. ``kinds``: for each word how its square
    looks, ``full``, ``crossed`` or ``hatched``, in the order of the key.
    """
    side, top = 23, 8
    parts, rows = [_HATCH], max(row for _, row in tiles().values()) + 1
    for code, (column, row) in sorted(tiles().items()):
        word = words.get(code, "")
        parts += _word_tile(code, word, kinds.get(word, "white"), (column * side, top + row * side, side - 1))
    bottom = top + rows * side + 8
    for place, (word, kind) in enumerate(kinds.items()):
        parts += _word_tile("", word, kind, (place * 200, bottom, 22))
        parts.append(_text(place * 200 + 30, bottom + 16, word, "faint"))
    return picture(WIDTH, bottom + 34, parts, title, alt)


@cache
def tiles() -> dict[str, tuple[int, int]]:
    """Column and row of each country's square. Our own layout, after the countries' centres."""
    text = Path(__file__).with_name("tiles.csv").read_text(encoding="utf-8")
    return {row["iso3"]: (int(row["column"]), int(row["row"])) for row in csv.DictReader(text.splitlines())}


_HATCH = (
    '<defs><pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<line class="grid" x1="0" y1="0" x2="0" y2="5"/></pattern></defs>'
)


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / ((self.high - self.low) or 1) * (self.end - self.start)


def _scale(low: float, high: float, start: float, end: float) -> _Scale:
    return _Scale(low, high, start, end)


def _axis(scale: _Scale, ticks: Sequence[int], top: float, bottom: float, unit: str = "points") -> Iterator[str]:
    for tick in ticks:
        yield _line(scale(tick), top - 6, scale(tick), bottom, "zero" if tick == 0 else "grid")
        yield _text(scale(tick), top - 12, str(tick), "faint", "middle")
    yield _text(scale.start - 12, top - 12, unit, "faint", "end")


def _bar_row(row: IntervalBar, y: float, scale: _Scale, left: float) -> Iterator[str]:
    yield from _label(row.label, left - 12, y)
    if row.wide is not None:
        yield _span("band", scale(row.wide[0]), scale(row.wide[1]), y, 9)
    if row.point is not None:
        yield _span("own", scale(0), scale(row.point), y, 5)
    if row.low < row.high:
        yield from _whisker(scale(row.low), scale(row.high), y, 5)
    if row.peer is not None:
        yield _line(scale(row.peer), y - 12, scale(row.peer), y + 12, "peers")
    said = "unknown" if row.point is None else f"{row.point:.0f}"
    yield _text(WIDTH - 8, y + 4, said, "value", "end")


def _label(words: str, x: float, y: float) -> Iterator[str]:
    lines = _wrap(words, 30)
    for number, line in enumerate(lines):
        yield _text(x, y + 4 + 14 * (number - (len(lines) - 1) / 2), line, "label", "end")


def _pair_row(row: Pair, y: float, scale: _Scale, left: float) -> Iterator[str]:
    yield from _label(row.label, left - 12, y)
    yield _span("band", scale(row.low), scale(row.high), y, 8)
    yield from _whisker(scale(row.low), scale(row.high), y, 6)
    if row.declared is not None and row.measured is not None:
        yield _line(scale(row.declared), y, scale(row.measured), y, "gap")
    if row.declared is not None:
        yield f'<circle class="declared" cx="{scale(row.declared):.1f}" cy="{y:.1f}" r="6"/>'
    if row.measured is not None:
        yield _diamond(scale(row.measured), y)


def _ring_line(places: Sequence[tuple[float, float] | None], kind: str) -> Iterator[str]:
    # Neighbours are joined; where nothing is known the line has a gap.
    for first, second in zip(places, [*places[1:], places[0]], strict=True):
        if first is not None and second is not None:
            yield _line(*first, *second, kind)
    for x, y in (place for place in places if place is not None and kind == "own-line"):
        yield f'<circle class="dot own" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'


def _spoke_label(label: str, angle: float, place: tuple[float, float]) -> Iterator[str]:
    across = math.cos(angle)
    anchor = "middle" if abs(across) < 0.25 else "start" if across > 0 else "end"
    lines = _wrap(label, 22)[:2]
    rise = -16 if math.sin(angle) < -0.98 else -4 if math.sin(angle) < -0.8 else 4
    for number, line in enumerate(lines):
        yield _text(place[0], place[1] + rise + 14 * (number - (len(lines) - 1) / 2), line, "label", anchor)


def _goal(goal: float | None, due: int, across: _Scale, up: _Scale, end: float) -> Iterator[str]:
    if goal is None:
        return
    height = min(goal, 100.0)
    yield _line(across(across.low), up(height), end, up(height), "goal")
    yield _text(end + 8, up(height) + 4, f"goal {goal:.0f} by {due}", "goal-word")
    yield _line(across(due), up(0), across(due), up(100), "goal thin")


def _moment(moment: Moment, x: float, up: _Scale) -> Iterator[str]:
    high, low = up(moment.high), up(moment.low)
    yield f'<rect class="band" x="{x - 8:.1f}" y="{high:.1f}" width="16" height="{low - high:.1f}"/>'
    yield _line(x, high, x, low, "whisker")
    yield _line(x - 5, high, x + 5, high, "whisker")
    yield _line(x - 5, low, x + 5, low, "whisker")
    if moment.point is not None:
        yield f'<circle class="dot own" cx="{x:.1f}" cy="{up(moment.point):.1f}" r="5"/>'
        yield _text(x + 11, up(moment.point) - 8, f"{moment.point:.0f}", "value")


def _tile(
    code: str, values: Mapping[str, float | None], x: float, y: float, side: float, *, own: bool
) -> Iterator[str]:
    value = values.get(code)
    shade = "none" if value is None else f"s{min(4, int(max(0.0, value) // 20))}"
    said = "no value" if value is None else f"{value:.1f}"
    yield f'<g><title>{code}: {said}</title><rect class="tile {shade}" x="{x}" y="{y}" width="{side}" height="{side}"/>'
    yield f'<text class="tile-code on-{shade}" x="{x + side / 2:.1f}" y="{y + side / 2 + 3:.1f}">{code}</text>'
    if own:
        yield f'<rect class="tile-own" x="{x}" y="{y}" width="{side}" height="{side}"/>'
    yield "</g>"


def _word_tile(code: str, word: str, kind: str, place: tuple[float, float, float]) -> Iterator[str]:
    x, y, side = place
    shade = {"full": "s4", "crossed": "s0", "hatched": "none", "white": "blank"}[kind]
    yield f"<g><title>{escape(f'{code}: {word}' if word else f'{code}: not counted')}</title>"
    yield f'<rect class="tile {shade}" x="{x}" y="{y}" width="{side}" height="{side}"/>'
    if kind == "crossed":
        yield _line(x, y + side, x + side, y, "grid zero")
    yield f'<text class="tile-code on-{shade}" x="{x + side / 2:.1f}" y="{y + side / 2 + 3:.1f}">{code}</text></g>'


def _shades(y: float, *, own: bool) -> Iterator[str]:
    for number in range(5):
        yield f'<rect class="tile s{number}" x="{number * 74}" y="{y}" width="72" height="12"/>'
        yield _text(number * 74, y + 28, f"{20 * number} to {20 * number + 20}", "faint")
    yield f'<rect class="tile none" x="386" y="{y}" width="40" height="12"/>'
    yield _text(386, y + 28, "no value", "faint")
    if own:
        yield f'<rect class="tile-own" x="460" y="{y}" width="12" height="12"/>'
        yield _text(480, y + 11, "this unit", "faint")


def _key(words: Sequence[tuple[str, str]], y: float) -> tuple[list[str], float]:
    # (parts, height of the picture); a new line where the words would not fit, at about 7 px a letter.
    parts: list[str] = []
    x = 4.0
    for kind, said in words:
        wide = 28 + 7.2 * len(said) + 16
        if x > 4 and x + wide > WIDTH:
            x, y = 4.0, y + 22
        if kind in {"own", "band"}:
            parts.append(_span(kind, x, x + 22, y - 4, 5 if kind == "own" else 9))
        elif kind == "whisker":
            parts += _whisker(x, x + 22, y - 4, 5)
        else:
            parts.append(_line(x, y - 4, x + 22, y - 4, kind))
        parts.append(_text(x + 28, y, said, ""))
        x += wide
    return parts, y + 12


def _whisker(start: float, end: float, y: float, half: float) -> Iterator[str]:
    yield _line(start, y, end, y, "whisker")
    yield _line(start, y - half, start, y + half, "whisker")
    yield _line(end, y - half, end, y + half, "whisker")


def _diamond(x: float, y: float) -> str:
    corners = ((x, y - 7), (x + 7, y), (x, y + 7), (x - 7, y))
    return f'<polygon class="measured" points="{" ".join(_xy(*corner) for corner in corners)}"/>'


def _span(kind: str, start: float, end: float, y: float, half: float) -> str:
    box = f'x="{start:.1f}" y="{y - half:.1f}" width="{end - start:.1f}" height="{2 * half}"'
    return f'<rect class="{kind}" {box}/>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _xy(x: float, y: float) -> str:
    return f"{x:.1f},{y:.1f}"


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def _wrap(words: str, most: int) -> list[str]:
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [lines[0], _short(" ".join(lines[1:]), most)] if len(lines) > 1 else lines
