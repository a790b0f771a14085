"""The report of an assessment: pure, from what was gathered to a report in plain data."""

from datetime import date

from tocsin.interface.documents import (
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
from tocsin.readiness.assessment import (
    FrameworkQuestion,
    Score,
    Snapshot,
    as_reading,
    find_query,
    profiles,
    shrink,
)
from tocsin.readiness.report.figures import tile_map
from tocsin.readiness.report.material import Material, overall
from tocsin.readiness.report.open_data import assessment_data, assessment_downloads, assessment_recipe
from tocsin.readiness.report.progress import changes, plan, targets
from tocsin.readiness.report.questionnaire import questionnaire
from tocsin.readiness.report.what_if import what_if

_WIDE = "if only verified and measured answers count"
Scores = dict[str, Score]


def assessment_report(material: Material, *, made_on: date) -> ReadinessReport:
    """The report of one assessment: profile, measures, plan, targets, what-if, questionnaire, map, sources."""
    snapshot = material.snapshot
    declared, supported = snapshot.scores()
    sections = [
        _profile(material, declared, supported),
        *_ranking(material),
        *_measured(material),
        *changes(material.comparison),
        targets(material.tracked),
        plan(snapshot),
        what_if(material),
        *_map(material),
        questionnaire(snapshot),
        _origin(snapshot),
    ]
    return ReadinessReport(
        title=f"Readiness of {snapshot.unit_name}",
        subtitle=f"{snapshot.framework.title}, version {snapshot.framework.version}, as of {snapshot.as_of:%-d %B %Y}",
        made_on=made_on,
        sections=tuple(sections),
        data=assessment_data(snapshot, declared, supported),
        recipe=assessment_recipe(snapshot),
        downloads=assessment_downloads(snapshot),
        language="en",
    )


def score_words(item: Score | None) -> tuple[str, str]:
    """(point, range) of a score as a person reads them."""
    if item is None:
        return "unknown", "nothing applies"
    point = "unknown" if item.point is None else f"{item.point:.0f}"
    return point, f"may be {item.low:.0f} to {item.high:.0f}" if item.low < item.high else "all is answered"


def _profile(material: Material, declared: Scores, supported: Scores) -> ReportSection:
    snapshot = material.snapshot
    whole, sure = declared.get("overall"), supported.get("overall")
    point, reach = score_words(whole)
    asked, answered = len(snapshot.framework.questions()), len(snapshot.held())
    disputed = sum(standing.open for standing in snapshot.standings().values())
    keys = KeyFigures(
        (
            KeyFigure("As declared, of 100", point, reach, "every answer at its word; unanswered at worst and at best"),
            KeyFigure(
                "Supported, of 100",
                "unknown" if sure is None else f"{sure.low:.0f} to {sure.high:.0f}",
                "",
                "verified or measured answers only; the rest may be anything",
            ),
            KeyFigure(
                "Supported by weight",
                f"{0 if sure is None else 100 * sure.known:.0f} %",
                f"{len(snapshot.measured)} measured, {sum(h.supported for h in snapshot.held().values())} verified",
            ),
            KeyFigure(
                "Questions answered",
                f"{answered} of {asked}",
                f"{sum(map(len, snapshot.evidence.values()))} uses of evidence",
                f"{disputed} in dispute" if disputed else "none in dispute",
            ),
        )
    )
    title = f"{snapshot.unit_name} declares {point} of 100; nothing of it is verified or measured yet"
    if whole is None or whole.point is None:
        title = f"Nothing is answered about {snapshot.unit_name} yet"
    elif sure is not None and sure.known:
        title = (
            f"{snapshot.unit_name} declares {point} of 100; the {100 * sure.known:.0f} % verified or measured "
            f"leaves {sure.low:.0f} to {sure.high:.0f} possible"
        )
    rows = _pillar_bars(material, declared, supported)
    peer = material.peers.words if material.peers.medians else ""
    figures = _pillar_figures(rows, peer, _pillar_table(declared, supported, material))
    notes = () if material.peers.medians else (Prose(material.peers.words),)
    return ReportSection("profile", "Profile", title, (keys, *figures, *notes, *_profile_results(snapshot)))


def _pillar_bars(material: Material, declared: Scores, supported: Scores) -> list[charts.IntervalBar]:
    return [
        charts.IntervalBar(
            item.title,
            item.low,
            item.point,
            item.high,
            wide=(supported[item.id].low, supported[item.id].high),
            peer=material.peers.medians.get(item.id),
        )
        for item in declared.values()
        if item.kind == "pillar" and item.id in supported
    ]


def _pillar_figures(rows: list[charts.IntervalBar], peer: str, table: ReportTable) -> list[Figure]:
    known = [row for row in rows if row.point is not None]
    if not known:
        return []
    best, worst = max(known, key=lambda row: row.point or 0), min(known, key=lambda row: row.point or 0)
    finding = f"Strongest in “{best.label}”, weakest in “{worst.label}”"
    alt = "Scores by pillar, 0 to 100. " + "; ".join(
        f"{row.label}: {'unknown' if row.point is None else f'{row.point:.0f}'}"
        + (f", from {row.wide[0]:.0f} to {row.wide[1]:.0f} supported" if row.wide else "")
        for row in rows
    )
    bars = charts.bars(rows, finding, alt, wide=_WIDE, peer=peer)
    found = [Figure("Pillars", finding, bars, alt, table)]
    if 3 <= len(rows) <= 20:
        title = _unsupported(rows)
        svg = charts.radar(rows, title, alt, wide=_WIDE, peer=peer)
        found.append(Figure("Pillars, radar", title, svg, alt, table, again=True))
    return found


def _unsupported(rows: list[charts.IntervalBar]) -> str:
    widths = [(row.wide[1] - row.wide[0], row.label) for row in rows if row.wide is not None]
    empty = sum(width > 99.9 for width, _ in widths)
    if empty == len(rows):
        return "Nothing is verified or measured in any pillar"
    if empty > 1:
        return f"In {empty} of {len(rows)} pillars nothing is verified or measured"
    return f"Least is verified or measured in “{max(widths)[1]}”"


def _pillar_table(declared: Scores, supported: Scores, material: Material) -> ReportTable:
    rows: list[tuple[Cell, ...]] = [
        (
            item.id,
            "Overall" if item.kind == "overall" else item.title,
            100 * item.share,
            item.point,
            item.low,
            item.high,
            supported[item.id].low,
            supported[item.id].high,
            material.peers.medians.get(item.id),
        )
        for item in declared.values()
        if item.kind in {"overall", "pillar"} and item.id in supported
    ]
    columns = (
        "Pillar", "Title", "Weight %", "Declared", "Worst", "Best", "Supported from", "Supported to", "Peers",
    )  # fmt: skip
    return ReportTable("Pillars", "Scores by pillar", columns, tuple(rows), frozenset(range(2, 9)))


def _profile_results(snapshot: Snapshot) -> list[ReportTable]:
    levels = {question: item.answer.level for question, item in snapshot.held().items()}
    results = profiles(snapshot.framework, levels)
    if not results:
        return []
    words = {True: "reached", False: "not reached", None: "unknown: not all is answered"}
    rows = tuple((item.title, words[item.reached], _listed(item.short), _listed(item.unknown)) for item in results)
    return [ReportTable("Profiles", "Profiles, as declared", ("Profile", "State", "Below it", "Unanswered"), rows)]


def _listed(idents: tuple[str, ...]) -> str | None:
    return ", ".join(idents) if len(idents) <= 16 else f"{len(idents)} indicators"


def _ranking(material: Material) -> list[ReportSection]:
    own = next((row for row in material.ranked if row.unit == material.snapshot.unit), None)
    if own is None or len(material.ranked) < 2:
        return []
    count = len(material.ranked)
    place = f"is {own.best}" if own.best == own.worst else f"lies between {own.best} and {own.worst}"
    title = f"As declared, its rank {place} among the {count} units that agreed to be ranked"
    alt = title + ". " + "; ".join(f"{row.unit}: {row.best} to {row.worst}" for row in material.ranked)
    svg = charts.ranks(
        [(row.unit, row.best, row.nominal or row.best, row.worst, row.unit == own.unit) for row in material.ranked],
        title,
        alt,
    )
    rows = tuple((row.unit, row.best, row.nominal, row.worst) for row in material.ranked)
    table = ReportTable(
        "Ranks", "Rank ranges, as declared", ("Unit", "Best", "Rank", "Worst"), rows, frozenset({1, 2, 3})
    )
    return [
        ReportSection(
            "ranks", "Ranks", title, (Figure("Ranks", "Where ranges overlap, no order is sure", svg, alt, table),)
        )
    ]


def _measured(material: Material) -> list[ReportSection]:
    snapshot = material.snapshot
    asked = [question for question in snapshot.framework.questions().values() if question.measured]
    if not asked:
        return []
    rows = [_pair(snapshot, question) for question in asked]
    seen = [row for row in rows if row.measured is not None]
    below = [row for row in seen if row.declared is not None and row.high < row.declared]
    if not seen:
        title = f"None of the {len(asked)} measurable answers is measured yet"
    elif below:
        title = f"{len(below)} of {len(seen)} measured values lie below what was declared"
    else:
        title = f"No measured value contradicts what was declared ({len(seen)} of {len(asked)} measured)"
    alt = title + ". " + "; ".join(_pair_words(row) for row in rows)
    finding = _widest_gap(seen) or "What was declared, and how much of the scale is still possible"
    figure = Figure(
        "Declared and measured",
        finding,
        charts.pairs(rows, finding, alt),
        alt,
        _measured_table(material, asked),
        note="Declared levels and measured values are on one scale, 0 to 100. The band is all that is possible.",
    )
    shrunk = _shrunk(material, asked)
    return [ReportSection("measured", "Declared and measured", title, (figure, *shrunk))]


def _widest_gap(seen: list[charts.Pair]) -> str:
    gaps = [(abs((row.measured or 0) - row.declared), row) for row in seen if row.declared is not None]
    if not gaps:
        return ""
    gap, row = max(gaps, key=lambda pair: pair[0])
    return f"The widest gap between declared and measured is {gap:.0f} points: {row.label.lower()}"


def _pair(snapshot: Snapshot, question: FrameworkQuestion) -> charts.Pair:
    held = snapshot.held().get(question.id)
    declared = None
    if held is not None and held.answer.level is not None:
        declared = 100 * snapshot.framework.scales[question.scale].levels[held.answer.level].value
    goal = question.measured
    found = snapshot.measured.get(goal.query) if goal else None
    if goal is None or found is None:
        return charts.Pair(_short_title(question), declared, 0.0, None, 100.0)
    reading = as_reading(goal, found)
    point = None if reading.point is None else 100 * reading.point
    return charts.Pair(_short_title(question), declared, 100 * reading.low, point, 100 * reading.high)


def _pair_words(row: charts.Pair) -> str:
    declared = "not declared" if row.declared is None else f"declared {row.declared:.0f}"
    measured = (
        "not measured" if row.measured is None else f"measured {row.measured:.0f}, {row.low:.0f} to {row.high:.0f}"
    )
    return f"{row.label}: {declared}, {measured}"


def _measured_table(material: Material, asked: list[FrameworkQuestion]) -> ReportTable:
    rows: list[tuple[Cell, ...]] = []
    for question in asked:
        name = question.measured.query if question.measured else ""
        found = material.snapshot.measured.get(name)
        asked_for = (question.id, find_query(name).title)
        if found is None:
            rows.append((*asked_for, "not measured", *[None] * 6))
            continue
        method, on = f"{name}, version {found.method_version}", f"{found.as_of:%Y-%m-%d}"
        value = None if found.value is None else 100 * found.value
        looked_at = (100 * found.coverage, found.total)
        rows.append((*asked_for, method, on, value, 100 * found.low, 100 * found.high, *looked_at))
    columns = ("Question", "What", "Method", "As of", "Value %", "From %", "To %", "Looked at %", "Of")
    note = "95 % intervals; what was not looked at counts as worst in one end and as best in the other."
    return ReportTable("Measured", "Measured values", columns, tuple(rows), frozenset(range(4, 9)), note=note)


def _shrunk(material: Material, asked: list[FrameworkQuestion]) -> list[ReportTable]:
    rows: list[tuple[Cell, ...]] = []
    snapshot = material.snapshot
    for query in dict.fromkeys(question.measured.query for question in asked if question.measured):
        held = {one.unit: one.measured[query] for one in (snapshot, *material.others) if query in one.measured}
        if snapshot.unit not in held or len(held) < 4:
            continue
        found = shrink({unit: (m.successes, m.trials) for unit, m in held.items()})[snapshot.unit]
        own = None if found.own is None else 100 * found.own
        ends = (100 * found.value, 100 * found.low, 100 * found.high, 100 * found.weight)
        rows.append((find_query(query).title, len(held), own, *ends))
    if not rows:
        return []
    columns = ("What", "Units", "Own value %", "With peers %", "From %", "To %", "Own data count %")
    note = (
        "Empirical-Bayes estimate from all units that measured the same: few observations lean on the peers, many do "
        "not. It is for reading a small country's value with care. It never enters a score."
    )
    return [
        ReportTable("With peers", "What the peers make likely", columns, tuple(rows), frozenset(range(1, 7)), note=note)
    ]


def _map(material: Material) -> list[ReportSection]:
    shown = [one for one in (material.snapshot, *material.others) if one.ranked or one is material.snapshot]
    values = {one.unit: None if (item := overall(one)) is None else item.point for one in shown}
    hidden = len(material.others) + 1 - len(shown)
    own = material.snapshot
    points = [value for unit, value in values.items() if value is not None and unit != own.unit]
    mine = values[own.unit]
    title = f"{own.unit_name} stands at {'an unknown value' if mine is None else f'{mine:.0f}'}"
    if points:
        title += f"; of {len(points)} more that agreed to be shown, all are at {min(points):.0f} to {max(points):.0f}"
    note = f"{hidden} more did not agree and are not shown. " if hidden else ""
    finding = "Overall scores as declared; each country is one square"
    return tile_map(values, own.unit, title, finding, ("Overall score, as declared", "Score"), note=note)


def _origin(snapshot: Snapshot) -> ReportSection:
    framework = snapshot.framework
    rows = tuple(
        (
            f"{pillar.title}: {indicator.title}",
            snapshot.responsible.get(indicator.id),
            indicator.standing or pillar.standing or None,
        )
        for pillar, indicator in framework.indicators()
    )
    words = (
        Prose(f"Source: {framework.origin.source}."),
        Prose(f"The original's: {framework.origin.original}"),
        Prose(f"Ours: {framework.origin.ours}"),
        Prose(f"Licence: {framework.origin.licence}"),
        Prose(
            "Scores are weighted means from question to indicator to pillar. What is unanswered may be anything, "
            "and the bounds say so. Units are ranked only if they agreed to it."
        ),
    )
    columns = ("Criterion", "Responsible", "How far its wording is agreed")
    table = ReportTable("Criteria", "Who answers for each criterion", columns, rows)
    return ReportSection(
        "origin", "Sources and rules", "Whose words these are, and who answers for them", (*words, table)
    )


def _short_title(question: FrameworkQuestion) -> str:
    return find_query(question.measured.query).short if question.measured else question.id
