"""What-if: change an answer and see the score and its bounds move, on the page itself; a table where no script runs."""

from tocsin.interface import fields
from tocsin.interface.documents import Cell, ReportSection, ReportTable, WhatIf
from tocsin.readiness.assessment import UNKNOWN, Framework, FrameworkQuestion, QuestionScore, Snapshot, score
from tocsin.readiness.report.material import Material, overall


def what_if(material: Material) -> ReportSection:
    """The section; the page's script uses the same arithmetic on the same numbers."""
    snapshot = material.snapshot
    rows = gains(snapshot)
    title = "Change answers and see the score move"
    if rows and isinstance(rows[0][4], float):
        best = str(rows[0][0])
        title = f"Most is gained by one step on “{_criterion(snapshot, best)}” ({best}): {rows[0][4]:.1f} points"
    table = ReportTable(
        "What if",
        "What one step up on each question would do",
        ("Question", "Text", "Now", "Next", "Gain", "Score then", "from", "to"),
        tuple(rows),
        frozenset({4, 5, 6, 7}),
        places=1,
        note="As declared, one question at a time. Answering an open one (here at its middle level) narrows the range.",
    )
    return ReportSection("what-if", "What if", title, (WhatIf(_data(material), table),))


def _criterion(snapshot: Snapshot, question: str) -> str:
    parts = snapshot.framework.indicators()
    return next(part.title for _, part in parts if any(asked.id == question for asked in part.question))


def _data(material: Material) -> dict[str, object]:
    snapshot = material.snapshot
    own = overall(snapshot)
    others = [overall(one) for one in material.others if one.ranked] if snapshot.ranked else []
    return {
        "pillars": _pillars(snapshot),
        "start": {"point": None if own is None or own.point is None else own.point / 100},
        "others": [{"low": item.low / 100, "high": item.high / 100} for item in others if item is not None],
    }


def _pillars(snapshot: Snapshot) -> list[dict[str, object]]:
    """The framework as the script computes with it, without what does not apply."""
    readings = snapshot.declared()
    pillars: list[dict[str, object]] = []
    for pillar in snapshot.framework.pillar:
        indicators = []
        for indicator in pillar.indicator:
            questions = [
                _question(snapshot.framework, question, held)
                for question in indicator.question
                if (held := readings.get(question.id, UNKNOWN)) is not None
            ]
            if questions:
                indicators.append({"weight": indicator.weight, "questions": questions})
        if indicators:
            pillars.append({"title": pillar.title, "weight": pillar.weight, "indicators": indicators})
    return pillars


def _question(framework: Framework, question: FrameworkQuestion, held: QuestionScore) -> dict[str, object]:
    levels = framework.scales[question.scale].levels
    return {
        **fields(question, "id text weight"),
        "value": held.point,
        "levels": [fields(level, "label value") for level in levels],
    }


def gains(snapshot: Snapshot) -> list[tuple[Cell, ...]]:
    """What one step up would do, most first: question, text, now, next, gain, and the score then with its bounds."""
    readings = snapshot.declared()
    framework = snapshot.framework
    now = overall(snapshot)
    rows: list[tuple[float, tuple[Cell, ...]]] = []
    for ident, question in framework.questions().items():
        held = readings.get(ident, UNKNOWN)
        levels = framework.scales[question.scale].levels
        if held is None:
            continue
        place = next((i for i, level in enumerate(levels) if level.value == held.point), None)
        goal = len(levels) // 2 if place is None else place + 1
        if goal >= len(levels):
            continue
        value = levels[goal].value
        then = score(framework, {**readings, ident: QuestionScore(value, value, value)})["overall"]
        known = place is not None and now is not None and now.point is not None and then.point is not None
        gain = (then.point or 0.0) - (now.point or 0.0) if known and now is not None else None
        label = "unanswered" if place is None else levels[place].label
        rows.append(
            (gain or 0.0, (ident, question.text, label, levels[goal].label, gain, then.point, then.low, then.high))
        )
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])]
