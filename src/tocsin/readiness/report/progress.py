"""Where an assessment comes from and goes: changes since the last one, targets, and the plan."""

from dataclasses import replace

from tocsin.interface.documents import Cell, Figure, Prose, ReportSection, ReportTable, charts
from tocsin.readiness.assessment import AssessmentComparison, ChainLink, Score, Snapshot, TargetProgress

ONLY_MEASURED = "Nothing of it is declared: these are verified or measured values."


def changes(comparison: AssessmentComparison | None) -> list[ReportSection]:
    """What changed since the last assessment, both under one version; empty where there is none before."""
    if comparison is None:
        return []
    before, after = comparison.first_scores.get("overall"), comparison.second_scores.get("overall")
    title = f"Since {comparison.first.as_of} nothing can be compared"
    if before and after and before.point is not None and after.point is not None:
        title = (
            f"Under the same criteria it went from {before.point:.0f} ({comparison.first.as_of}) to {after.point:.0f}"
        )
    words = comparison.why if comparison.linked is None else _link_words(comparison.linked)
    outcomes = (_outcome_table(comparison),) if comparison.outcomes else ()
    return [ReportSection("changes", "Changes", title, (_change_table(comparison), Prose(words), *outcomes))]


def _link_words(link: ChainLink) -> str:
    return (
        f"On the {len(link.common)} questions that both versions share and both years answer, the change is "
        f"{link.change.value:+.1f} points. Carried on from {link.first:.1f}, that makes {link.linked:.1f}; under the "
        f"new criteria the score is {link.second:.1f}. The difference of {link.break_:+.1f} is the break: it comes "
        "from the change of criteria and says nothing about the country."
    )


def _change_table(comparison: AssessmentComparison) -> ReportTable:
    rows = tuple(
        (after.title, before.point, before.low, before.high, after.point, after.low, after.high)
        for ident, after in comparison.second_scores.items()
        if after.kind in {"overall", "pillar"} and (before := comparison.first_scores.get(ident)) is not None
    )
    first, second = str(comparison.first.as_of), str(comparison.second.as_of)
    columns = ("Part", first, "from", "to", second, "from ", "to ")
    title = f"Both years under version {comparison.under.version}"
    return ReportTable("Changes", title, columns, rows, frozenset(range(1, 7)))


def _outcome_table(comparison: AssessmentComparison) -> ReportTable:
    rows = tuple(
        (
            item.action.title,
            item.action.owner,
            "open" if item.action.done_on is None else f"done {item.action.done_on}",
            item.moved,
            None if item.change is None or item.change.value is None else 100 * item.change.value,
            None if item.change is None else 100 * item.change.low,
            None if item.change is None else 100 * item.change.high,
        )
        for item in comparison.outcomes
    )
    columns = ("Action", "Owner", "State", "Measured value", "Change, points", "from", "to")
    note = "A value moved when the 95 % interval of its change leaves zero out."
    title = "Which actions of the last plan moved a measured value"
    return ReportTable("Actions, outcome", title, columns, rows, frozenset({4, 5, 6}), note=note)


def targets(tracked: tuple[TargetProgress, ...]) -> ReportSection:
    """Each target with the scores so far and the readings of the change."""
    if not tracked:
        return ReportSection(
            "targets", "Targets", "No target is set", (Prose("Set one with 'tocsin assessment target'."),)
        )
    reached = sum(item.reached == "yes" for item in tracked)
    open_ = sum(item.reached == "open" for item in tracked)
    title = f"{reached} of {len(tracked)} targets surely reached" + (
        f", {open_} within what it may be" if open_ else ""
    )
    return ReportSection(
        "targets", "Targets", title, tuple(_target_figure(number, item) for number, item in enumerate(tracked, start=1))
    )


def _target_figure(number: int, item: TargetProgress) -> Figure | Prose:
    if not item.series:
        return Prose(f"{item.goal.title} by {item.goal.end}: not computable, {item.why}.")
    if item.supported is not None and item.series[-1][1].point is None and _last(item.supported) is not None:
        return _target_figure(number, replace(item.supported, why=item.supported.why or ONLY_MEASURED))
    state = {"yes": "reached", "no": "not reached", "open": "not sure: the goal lies within what it may be"}
    said = state[item.reached] if item.reached else f"not computable: {item.why}"
    title = f"{item.goal.title}: {said}"
    moments = [charts.Moment(on, held.low, held.point, held.high) for on, held in item.series]
    alt = f"{title}. " + "; ".join(
        f"{m.on}: {'unknown' if m.point is None else f'{m.point:.0f}'}, {m.low:.0f} to {m.high:.0f}" for m in moments
    )
    rows: list[tuple[Cell, ...]] = [(str(m.on), m.low, m.point, m.high, item.wanted) for m in moments]
    table = ReportTable(
        f"Target {number}",
        item.goal.title,
        ("Date", "From", "Score", "To", "Wanted"),
        tuple(rows),
        frozenset({1, 2, 3, 4}),
    )
    units = {"relative": "{:+.1f} % of the baseline", "points": "{:+.1f} points", "gap": "{:+.1f} % of the gap"}
    readings = [units[kind].format(value) for kind, value in item.readings.items() if value is not None]
    note = f"Change from {item.goal.baseline}, read in several ways: {'; '.join(readings)}. " if readings else ""
    note += f"{ONLY_MEASURED} " if item.why == ONLY_MEASURED else ""
    if item.supported is not None:
        note += _supported_words(item.supported)
    svg = charts.track(moments, item.wanted, item.goal.end, title, alt)
    return Figure(f"Target {number}", title, svg, alt, table, note=note)


def _last(item: TargetProgress) -> Score | None:
    """The latest score, where it is known."""
    last = item.series[-1][1] if item.series else None
    return None if last is None or last.point is None else last


def _supported_words(item: TargetProgress) -> str:
    last = _last(item)
    if last is None:
        return "Nothing of it is verified or measured."
    state = {"yes": ", which reaches it", "no": ", which does not reach it", "open": ", which leaves it open"}
    said = state[item.reached] if item.reached else f"; not computable: {item.why}"
    return f"Verified or measured answers alone: {last.point:.0f}, may be {last.low:.0f} to {last.high:.0f}{said}."


def plan(snapshot: Snapshot) -> ReportSection:
    """The action list with owner, date, cost and expected gain."""
    if not snapshot.actions:
        words = "No action is planned yet. Add one with 'tocsin assessment plan add'."
        return ReportSection("plan", "Plan", "No action is planned", (Prose(words),))
    open_ = [action for action in snapshot.actions if action.done_on is None]
    # Two actions on one question do not add up: the better one counts.
    best = {action.question: action for action in sorted(open_, key=lambda action: action.gain)}.values()
    gain, low, high = (sum(getattr(a, end) for a in best) for end in ("gain", "gain_low", "gain_high"))
    title = f"{len(open_)} open actions could gain {gain:.1f} points ({low:.1f} to {high:.1f})"
    rows = tuple(
        (
            action.title,
            action.question,
            action.owner,
            str(action.due),
            "unknown" if action.cost is None else f"{action.cost:,.0f} {action.currency}",
            action.gain,
            action.gain_low,
            action.gain_high,
            str(action.done_on) if action.done_on else "open",
        )
        for action in snapshot.actions
    )
    columns = ("Action", "Question", "Owner", "Due", "Cost", "Gain", "from", "to", "State")
    note = "Gains are points of the overall score, as expected when planned; on one question the better action counts."
    return ReportSection(
        "plan", "Plan", title, (ReportTable("Plan", "Action list", columns, rows, frozenset({5, 6, 7}), note=note),)
    )
