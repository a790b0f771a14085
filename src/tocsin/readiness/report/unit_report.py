"""The report of one unit of a built run: pure, from the run's folder as read to a report in plain data."""

from collections.abc import Callable, Sequence
from datetime import date

from tocsin.interface.documents import (
    Block,
    Cell,
    Figure,
    KeyFigure,
    KeyFigures,
    Prose,
    ReadinessReport,
    ReportSection,
    ReportTable,
    charts,
)
from tocsin.readiness.report.figures import tile_map
from tocsin.readiness.report.run_folder import IndexPart, UnitRun

WHISKER = "missing data at worst and at best"
SHOWN_RANKS = 60  # more would not be read on one page; the table has them all


def unit_report(run: UnitRun, *, made_on: date, peers: str = "", ranked: bool = False) -> ReadinessReport:
    """The report of one unit. Ranks and other units' values are shown only when ``ranked`` says that all agreed.

    Raises:
        InputError: the run has no group called ``peers``.

    """
    others = run.peers(peers)
    title = next((part.name for part in run.parts if part.code == run.index), run.index)
    sections = [
        _profile(run, others, _peer_words(run, others, peers), ranked=ranked),
        *_years(run),
        _spread(run, others),
        *(_ranks(run) if ranked else ()),
        *(_map(run) if ranked else ()),
        _indicators(run, others),
        _sources(run, ranked=ranked),
    ]
    return ReadinessReport(
        title=f"{run.name}: {title}",
        subtitle=f"One unit of a built run of {len(run.others)} units" + (f", year {run.year}" if run.year else ""),
        made_on=made_on,
        sections=tuple(sections),
        data=_data(run),
        recipe={"identity": f"Identity of the run: {run.recipe['identity']}", **run.recipe, "unit": run.code},
    )


def _peer_words(run: UnitRun, others: Sequence[str], group: str) -> str:
    if len(others) < 3:
        return ""
    who = f"peers ({run.group_names[group]}: {run.groups[run.code][group]})" if group else "other units"
    return f"median of {len(others)} {who}"


def _profile(run: UnitRun, others: Sequence[str], peer: str, *, ranked: bool) -> ReportSection:
    score, middle = run.value("Aggregated", run.index), run.median_of(others, run.index)
    title = f"{run.name} has no score in this run"
    if score is not None:
        title = f"{run.name} stands at {score:.1f}"
        if middle is not None:
            title += f"; the {peer} is {middle:.1f}"
    blocks: list[Block] = [_keys(run, ranked=ranked)]
    scale = _chart_scale(run)
    rows = {level: _bars(run, others, level, scale) for level in _group_levels(run)}
    table = _group_table(run, others)
    for level, found in rows.items():
        blocks += _group_figures(found, peer, table, level=level, first=level == max(rows))
    if not peer:
        blocks.append(Prose("Too few peers for a median: it takes three."))
    return ReportSection("profile", "Profile", title, tuple(blocks))


def _keys(run: UnitRun, *, ranked: bool) -> KeyFigures:
    score, bound = run.value("Aggregated", run.index), run.bounds.get(run.code)
    indicators = run.at_level(1)
    given = sum(run.value("Raw", part.code) is not None for part in indicators)
    items = [
        KeyFigure(
            "Index",
            "unknown" if score is None else f"{score:.1f}",
            "" if bound is None or bound.low == bound.high else f"may be {bound.low:.1f} to {bound.high:.1f}",
            WHISKER if bound and bound.low < bound.high else "no data are missing",
        ),
        KeyFigure("Indicators with data", f"{given} of {len(indicators)}", _filled(run)),
    ]
    if bound is not None:
        items.append(KeyFigure("Missing, by weight", f"{100 * bound.missing:.1f} %"))
    if ranked and bound is not None and bound.rank is not None:
        reach = f"{bound.best} to {bound.worst} of {len(run.bounds)}" if bound.best < bound.worst else ""
        items.append(KeyFigure("Rank", str(bound.rank), reach, "what missing data, also of others, leaves open"))
    return KeyFigures(tuple(items))


def _filled(run: UnitRun) -> str:
    filled = sum(run.value("Raw", p.code) is None and run.value("Imputed", p.code) is not None for p in run.at_level(1))
    return f"{filled} filled by imputation" if filled else "none filled in"


def _group_levels(run: UnitRun) -> list[int]:
    # From the level below the index down to the first above the indicators.
    top = max(part.level for part in run.parts)
    return [level for level in range(top - 1, 1, -1) if run.at_level(level)] or [1]


def _bars(run: UnitRun, others: Sequence[str], level: int, scale: Callable[[float], float]) -> list[charts.IntervalBar]:
    rows = []
    for part in run.at_level(level):
        value, middle = run.value("Aggregated", part.code), run.median_of(others, part.code)
        at = None if value is None else scale(value)
        ends = run.part_bounds.get(part.code) or (None if value is None else (value, value))
        low, high = (0.0, 100.0) if ends is None else (_within(scale(ends[0])), _within(scale(ends[1])))
        rows.append(charts.IntervalBar(part.name, low, at, high, peer=None if middle is None else scale(middle)))
    return rows


def _chart_scale(run: UnitRun) -> Callable[[float], float]:
    # Scores that do not lie between 0 and 100 (z-scores, ranks) are drawn on the range of all units.
    values = [v for row in run.others.values() for v in row.values() if v is not None]
    low, high = min(values, default=0.0), max(values, default=100.0)
    if low >= 0 and high <= 100:
        return lambda value: value
    return lambda value: 100 * (value - low) / ((high - low) or 1)


def _within(value: float) -> float:
    return min(100.0, max(0.0, value))


def _group_figures(
    rows: list[charts.IntervalBar], peer: str, table: ReportTable, *, level: int, first: bool
) -> list[Figure]:
    known = [row for row in rows if row.point is not None]
    if not known:
        return []
    best, worst = max(known, key=lambda row: row.point or 0), min(known, key=lambda row: row.point or 0)
    finding = f"“{best.label}” is its strongest part, “{worst.label}” its weakest"
    alt = "Scores by part. " + "; ".join(_bar_words(row) for row in rows)
    chart = charts.bars(rows, finding, alt, peer=peer, whisker=WHISKER)
    found = [Figure(f"Level {level}", finding, chart, alt, table, again=not first)]
    apart = [row for row in known if row.peer is not None]
    if 3 <= len(rows) <= 20 and apart:
        furthest = max(apart, key=lambda row: abs((row.point or 0) - (row.peer or 0)))
        gap = (furthest.point or 0) - (furthest.peer or 0)
        title = f"It is furthest from its peers in “{furthest.label}”: {gap:+.0f} points"
        band = WHISKER if any(row.low < row.high for row in rows) else ""
        radar = charts.radar(rows, title, alt, wide=band, peer=peer)
        found.append(Figure(f"Level {level}, radar", title, radar, alt, table, again=True))
    return found


def _bar_words(row: charts.IntervalBar) -> str:
    peer = "" if row.peer is None else f" (peers {row.peer:.0f})"
    said = "unknown" if row.point is None else f"{row.point:.0f}"
    reach = f", may be {row.low:.0f} to {row.high:.0f}" if row.low < row.high else ""
    return f"{row.label}: {said}{reach}{peer}"


def _group_table(run: UnitRun, others: Sequence[str]) -> ReportTable:
    rows: list[tuple[Cell, ...]] = [
        (
            part.code,
            part.name,
            part.level,
            None if part.weight is None else 100 * part.weight,
            run.value("Aggregated", part.code),
            *run.part_bounds.get(part.code, (None, None)),
            run.median_of(others, part.code),
        )
        for part in sorted(run.parts, key=lambda part: -part.level)
        if part.level > 1
    ]
    columns = ("Code", "Name", "Level", "Weight in the index %", "Score", "At worst", "At best", "Peers' median")
    return ReportTable("Groups", "Scores by part of the index", columns, tuple(rows), frozenset(range(2, 8)))


def _years(run: UnitRun) -> list[ReportSection]:
    known = [(one.year, one.score, one.low or 0.0, one.high or 0.0) for one in run.series if one.score is not None]
    if len(known) < 2:
        return []
    change = known[-1][1] - known[0][1]
    title = f"From {known[0][0]} to {known[-1][0]} the index changed by {change:+.1f}"
    scale = _chart_scale(run)
    moments = [
        charts.Moment(date(int(float(year)), 7, 1), _within(scale(low)), scale(score), _within(scale(high)))
        for year, score, low, high in known
    ]
    alt = title + ". " + "; ".join(f"{year}: {score:.1f} ({low:.1f} to {high:.1f})" for year, score, low, high in known)
    columns = ("Year", "Index", "At worst", "At best")
    table = ReportTable(
        "Years", "Index by year", columns, tuple(known), frozenset({1, 2, 3}), note=f"The range: {WHISKER}."
    )
    chart = charts.track(moments, None, int(float(known[-1][0])), title, alt)
    return [ReportSection("years", "Years", title, (Figure("Years", "Index by year", chart, alt, table),))]


def _spread(run: UnitRun, others: Sequence[str]) -> ReportSection:
    found = []
    for part in run.at_level(1):
        value, middle = run.value("Aggregated", part.code), run.median_of(others, part.code)
        if value is not None and middle is not None and run.value("Raw", part.code) is not None:
            found.append((value - middle, part, value, middle))
    found.sort(key=lambda row: row[0])
    columns = ("Indicator", "Value", "Unit", "Score", "Peers", "Distance")

    def rows(chosen: list[tuple[float, IndexPart, float, float]]) -> tuple[tuple[Cell, ...], ...]:
        return tuple((p.name, run.value("Raw", p.code), p.unit, value, m, gap) for gap, p, value, m in chosen)

    strong, weak = [row for row in found[::-1] if row[0] > 0][:5], [row for row in found if row[0] < 0][:5]
    title = "No indicator can be set beside its peers"
    if strong and weak:
        title = f"It leads its peers most in “{strong[0][1].name}” and trails most in “{weak[0][1].name}”"
    numbers = frozenset({1, 3, 4, 5})
    tables = (
        ReportTable("Strengths", "Furthest above the peers' median", columns, rows(strong), numbers),
        ReportTable("Weaknesses", "Furthest below the peers' median", columns, rows(weak), numbers),
    )
    return ReportSection("strengths", "Strengths and weaknesses", title, tables)


def _ranks(run: UnitRun) -> list[ReportSection]:
    own = run.bounds.get(run.code)
    held = sorted(
        ((code, bound) for code, bound in run.bounds.items() if bound.rank is not None),
        key=lambda pair: (pair[1].rank or 0, pair[0]),
    )
    if own is None or len(held) < 2:
        return []
    words = f"is {own.best}" if own.best == own.worst else f"may be {own.best} to {own.worst}"
    title = f"Its rank {words} of {len(held)}, whatever the missing data are"
    alt = title + ". " + "; ".join(f"{run.names.get(code, code)}: {b.best} to {b.worst}" for code, b in held)
    place = next(number for number, (code, _) in enumerate(held) if code == run.code)
    first = max(0, min(place - SHOWN_RANKS // 2, len(held) - SHOWN_RANKS))
    near = held[first : first + SHOWN_RANKS]
    lines = [(run.names.get(code, code), b.best, b.rank or b.best, b.worst, code == run.code) for code, b in near]
    table = ReportTable(
        "Ranks",
        "Ranks, with what missing data leave open",
        ("Unit", "Name", "Best", "Rank", "Worst"),
        tuple((code, run.names.get(code, code), b.best, b.rank, b.worst) for code, b in held),
        frozenset({2, 3, 4}),
    )
    finding = (
        "Rank of each unit, with its range" if len(near) == len(held) else "The units around it, with their ranges"
    )
    figure = Figure("Ranks", finding, charts.ranks(lines, title, alt), alt, table)
    return [ReportSection("ranks", "Ranks", title, (figure,))]


def _map(run: UnitRun) -> list[ReportSection]:
    scale = _chart_scale(run)
    values = {code: None if (value := row.get(run.index)) is None else scale(value) for code, row in run.others.items()}
    known = [value for value in values.values() if value is not None]
    title = f"The index lies between {min(known):.0f} and {max(known):.0f}" if known else "No unit has a score"
    return tile_map(values, run.code, title, "Each country is one square", ("Index by unit", "Index"))


def _indicators(run: UnitRun, others: Sequence[str]) -> ReportSection:
    names = {part.code: part.name for part in run.parts}
    rows: list[tuple[Cell, ...]] = [
        (
            part.name,
            names.get(part.parent, part.parent),
            run.value("Raw", part.code),
            part.unit,
            run.value("Aggregated", part.code),
            run.median_of(others, part.code),
            _treatment(run, part.code),
        )
        for part in run.at_level(1)
    ]
    touched = sum(row[-1] is not None for row in rows)
    title = f"{len(rows)} indicators, {touched or 'none'} of them filled in or treated"
    columns = ("Indicator", "Group", "Value", "Unit", "Score", "Peers", "Note")
    table = ReportTable("Indicators", "Indicators, as given and as scored", columns, tuple(rows), frozenset({2, 4, 5}))
    return ReportSection("indicators", "Indicators", title, (table,))


def _treatment(run: UnitRun, code: str) -> str | None:
    raw, imputed, treated = (run.value(stage, code) for stage in ("Raw", "Imputed", "Treated"))
    if raw is None:
        return "no data" if imputed is None else "filled in"
    return "outlier treated" if imputed is not None and treated != imputed else None


def _sources(run: UnitRun, *, ranked: bool) -> ReportSection:
    warnings = run.recipe.get("warnings")
    blocks: list[Block] = [Prose(f"Identity of the run: {run.recipe['identity']}.")]
    blocks += [Prose(str(warning)) for warning in (warnings if isinstance(warnings, list) else [])]
    if not ranked:
        blocks.append(Prose("Ranks and other units' values are left out: they are shown only where all units agreed."))
    blocks.append(
        Prose("The same inputs and recipe give the same figures; the recipe is in the open data and the workbook.")
    )
    return ReportSection("sources", "Sources and rules", "How to come to the same figures", tuple(blocks))


def _data(run: UnitRun) -> ReportTable:
    rows: list[tuple[Cell, ...]] = [
        (run.code, run.year or None, part.code, part.name, part.level, part.parent or None, stage, value)
        for part in run.parts
        for stage, values in run.stages.items()
        if (value := values.get(part.code)) is not None and (part.level == 1) == (stage != "Aggregated")
    ]
    columns = ("unit", "year", "code", "name", "level", "parent", "stage", "value")
    return ReportTable(
        "Data", "All stages of this unit, one figure a line", columns, tuple(rows), frozenset({4, 7}), places=3
    )
