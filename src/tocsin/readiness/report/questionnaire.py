"""The questionnaire: every question with its answer, evidence, measured value, and what was said about it."""

from tocsin.interface.documents import Cards, Cell, QuestionCard, ReportSection, ReportTable
from tocsin.readiness.assessment import EffectiveAnswer, FrameworkQuestion, Snapshot


def questionnaire(snapshot: Snapshot) -> ReportSection:
    """Every question, grouped by pillar and indicator, with all that is on record about it."""
    held = snapshot.held()
    cards, rows = [], []
    for pillar, indicator in snapshot.framework.indicators():
        for question in indicator.question:
            cards.append(_card(snapshot, question, held.get(question.id), f"{pillar.title}: {indicator.title}"))
            rows.append((pillar.title, indicator.title, question.id, question.text, *_row(snapshot, question, held)))
    unanswered = len(rows) - len(held)
    title = f"{unanswered} of {len(rows)} questions are unanswered" if unanswered else "Every question is answered"
    columns = (
        "Pillar", "Indicator", "Question", "Text", "Answer", "Status", "Kind", "Assessor", "Evidence", "Counts as",
    )  # fmt: skip
    table = ReportTable("Questionnaire", "Questions and answers", columns, tuple(rows))
    return ReportSection("questions", "Questionnaire", title, (Cards(tuple(cards), table),))


def _card(snapshot: Snapshot, question: FrameworkQuestion, held: EffectiveAnswer | None, group: str) -> QuestionCard:
    tags: list[tuple[str, str]] = []
    lines: list[tuple[str, str]] = []
    if held is None:
        tags.append(("unknown", "unanswered"))
    else:
        answer = held.answer
        status = "verified" if held.supported else "declared"
        tags += [("level", _level(snapshot, question, held)), (status, status), ("kind", answer.assessor_kind)]
        lines.append(("Answered by", f"{answer.assessor}, {answer.at:%Y-%m-%d}"))
        if answer.status == "verified" and not held.supported:
            lines.append(("Counts as declared", held.why))
        if answer.comment:
            lines.append(("Comment", answer.comment))
    found = snapshot.measured.get(question.measured.query) if question.measured else None
    if found is not None:
        value = "nothing observed" if found.value is None else f"{100 * found.value:.1f} %"
        tags.append(("measured", "measured"))
        lines.append(
            ("Measured", f"{value}, {100 * found.low:.1f} to {100 * found.high:.1f} %, as of {found.as_of:%Y-%m-%d}")
        )
    for piece in snapshot.evidence.get(question.id, ()):
        until = f", valid until {piece.valid_until}" if piece.valid_until else ""
        link = f", from {piece.link}" if piece.link else ""
        lines.append(("Evidence", f"{piece.title} ({piece.language}{until}{link}), SHA-256 {piece.digest[:16]}…"))
    for said in snapshot.statements.get(question.id, ()):
        outcome = f", {said.outcome}" if said.outcome else ""
        lines.append((said.kind.capitalize(), f"{said.text} ({said.by}, {said.at:%Y-%m-%d}{outcome})"))
    standing = snapshot.standings().get(question.id)
    if standing is not None and standing.open:
        tags.append(("disputed", "in dispute"))
    if not lines and question.evidence:
        lines.append(("Could be shown by", question.evidence))
    return QuestionCard(question.id, question.text, tuple(tags), tuple(lines), group)


def _row(snapshot: Snapshot, question: FrameworkQuestion, held: dict[str, EffectiveAnswer]) -> tuple[Cell, ...]:
    item = held.get(question.id)
    pieces = "; ".join(piece.title for piece in snapshot.evidence.get(question.id, ())) or None
    if item is None:
        return None, "unanswered", None, None, pieces, "unknown"
    answer = item.answer
    return (
        _level(snapshot, question, item),
        answer.status,
        answer.assessor_kind,
        answer.assessor,
        pieces,
        "supported" if item.supported else item.why,
    )


def _level(snapshot: Snapshot, question: FrameworkQuestion, held: EffectiveAnswer) -> str:
    if held.answer.level is None:
        return "Does not apply"
    return snapshot.framework.scales[question.scale].levels[held.answer.level].label
