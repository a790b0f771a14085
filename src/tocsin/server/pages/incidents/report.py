"""The report of an incident, as a document in the language of its readers."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from tocsin.events import RSIT_TYPES
from tocsin.incidents import (
    CERTAINTIES,
    MILESTONES,
    PARTIES,
    SEVERITIES,
    ReportContent,
    ReportPart,
    ReportRequest,
    defang,
    make_report,
    veris_of,
)
from tocsin.incidents.evidence import EVIDENCE_KINDS
from tocsin.interface import ActContext
from tocsin.interface.documents import PaperDocument, PaperSection, ReportTable, paper_docx, paper_pdf, table_csv
from tocsin.node.accounts import names_of, names_of_actors
from tocsin.server.pages.incidents.timeline import TimelineStep, people_in, steps_of
from tocsin.server.pages.incidents.words import AUDIENCES, EVIDENCE_STATES, OBSERVABLES, REPORT_PARTS, STATES, TASKS
from tocsin.server.pages.words import N_, NN_, PageTexts

FORMATS: Final[Mapping[str, str]] = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "csv": "text/csv; charset=utf-8",
    "veris": "application/json",
}
"""The formats of a report, with their media types."""


def report_file(context: ActContext, request: ReportRequest, words: PageTexts) -> tuple[ReportContent, bytes]:
    """A report as a file, which is entered into the incident; raises as `make_report`."""

    def write(session: Session, content: ReportContent) -> bytes:
        node = context.node.settings.node.name
        if request.form == "veris":
            return veris_of(content, node)
        document = report_document(session, content, words, node, context.now)
        if request.form == "csv":
            found = (one.table for one in document.sections if one.table and one.table.name == ReportPart.TIMELINE)
            return table_csv(next(found, ReportTable("", "", (), ()))).encode()
        return paper_pdf(document) if request.form == "pdf" else paper_docx(document)

    return make_report(context, request, write)


def report_document(
    session: Session, content: ReportContent, words: PageTexts, node: str, now: datetime
) -> PaperDocument:
    """The report; what a part lacks is left out."""
    incident = content.incident
    lines = [
        f"{incident.reference} · {node} · {_time(now)} UTC",
        words.say(N_("For: %(audience)s"), audience=_whom(content, words)),
    ]
    if content.withheld:
        left = NN_(
            "%(n)s thing is left out: its marking does not allow it.",
            "%(n)s things are left out: their marking does not allow it.",
        )
        lines.append(words.count(*left, content.withheld))
    made = [_MAKERS[part](session, content, words) for part in content.parts]
    sections = [one for one in made if one.lines or (one.table and one.table.rows)]
    return PaperDocument(incident.title, content.marking.labels[0], lines, sections, words.language)


def _whom(content: ReportContent, words: PageTexts) -> str:
    return content.party.name if content.party else words.say(AUDIENCES[content.audience])


def _summary(session: Session, content: ReportContent, words: PageTexts) -> PaperSection:
    incident = content.incident
    facts = [
        (N_("State"), words.say(STATES[incident.state])),
        (N_("Severity"), words.say(SEVERITIES[incident.severity])),
        (N_("Type (RSIT)"), f"{RSIT_TYPES.get(incident.rsit_type, '')}/{incident.rsit_type}".strip("/")),
        (N_("Opened"), f"{_time(incident.opened_at)} UTC"),
        (N_("Closed"), f"{_time(incident.closed_at)} UTC" if incident.closed_at else ""),
    ]
    if content.inside and incident.lead:
        facts.append((N_("Lead"), names_of(session, [incident.lead]).get(incident.lead, "")))
    lines = [words.say(N_("%(name)s: %(value)s"), name=words.say(name), value=said) for name, said in facts if said]
    return PaperSection(words.say(REPORT_PARTS[ReportPart.SUMMARY]), lines)


def _milestones(_session: Session, content: ReportContent, words: PageTexts) -> PaperSection:
    """For others than our own people without who says so."""
    rows = [
        (
            _time(one.happened_at), words.say(MILESTONES[one.data["milestone"]]),
            words.say(CERTAINTIES[one.data["certainty"]]),
            *([one.data.get("known_from", "")] if content.inside else []),
        )
        for one in content.found[ReportPart.MILESTONES]
    ]  # fmt: skip
    columns = [N_("Time (UTC)"), N_("Milestone"), N_("Certainty"), *([N_("Source")] if content.inside else [])]
    return _section(words, ReportPart.MILESTONES, columns, rows, (3, 4, 3, 4))


def _timeline(session: Session, content: ReportContent, words: PageTexts) -> PaperSection:
    entries = content.found[ReportPart.TIMELINE]
    parties = {one.id: one.name for one in content.found.get(ReportPart.PARTIES, ())}
    if content.party is not None:
        parties = {content.party.id: content.party.name}
    actors = names_of_actors(session, {one.by for one in entries}) if content.inside else {}
    steps: Sequence[TimelineStep] = steps_of(
        entries, words, people=names_of(session, people_in(entries)), parties=parties, path="", actors=actors,
        corrected={}, merged={one.id: one.reference for one in content.family[1:]},
    )  # fmt: skip
    rows = [
        (
            _time(one.at), "\n".join(text for text in (one.said, one.text) if text),
            *([one.by] if content.inside else []), f"TLP:{one.tlp}",
        )
        for one in steps
    ]  # fmt: skip
    columns = [N_("Time (UTC)"), N_("What"), *([N_("Who")] if content.inside else []), N_("Marking")]
    return _section(words, ReportPart.TIMELINE, columns, rows, (5, 17, 5, 4) if content.inside else (5, 20, 4))


def _parties(_session: Session, content: ReportContent, words: PageTexts) -> PaperSection:
    rows = [
        (one.name, words.say(PARTIES[one.role]), one.mailbox, one.phone) for one in content.found[ReportPart.PARTIES]
    ]
    columns = [N_("Name"), N_("Role"), N_("Email address"), N_("Phone number")]
    return _section(words, ReportPart.PARTIES, columns, rows, (4, 3, 4, 3))


def _tasks(session: Session, content: ReportContent, words: PageTexts) -> PaperSection:
    tasks = content.found[ReportPart.TASKS]
    people = names_of(session, {one.owner for one in tasks if one.owner is not None})
    rows = [
        (one.text, words.say(TASKS[one.state]), people.get(one.owner, ""), _time(one.due_at), one.result)
        for one in tasks
    ]
    columns = [N_("Task"), N_("State"), N_("Assigned to"), N_("Due (UTC)"), N_("Result")]
    return _section(words, ReportPart.TASKS, columns, rows, (6, 3, 3, 3, 4))


def _observables(_session: Session, content: ReportContent, words: PageTexts) -> PaperSection:
    found = content.found[ReportPart.OBSERVABLES]
    rows = [(words.say(OBSERVABLES[one.kind]), defang(one.value), f"TLP:{one.tlp}") for one in found]
    columns = [N_("Kind"), N_("Value"), N_("Marking")]
    return _section(words, ReportPart.OBSERVABLES, columns, rows, (3, 9, 3))


def _evidence(_session: Session, content: ReportContent, words: PageTexts) -> PaperSection:
    rows = [
        (one.name, words.say(EVIDENCE_KINDS[one.kind]), words.say(EVIDENCE_STATES[one.state][0]), one.seal, one.sha256)
        for one in content.found[ReportPart.EVIDENCE]
    ]
    columns = [N_("What it is"), N_("Kind"), N_("State"), N_("Seal number"), "SHA-256"]
    return _section(words, ReportPart.EVIDENCE, columns, rows, (5, 3, 3, 3, 7))


def _section(
    words: PageTexts, part: ReportPart, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], widths: Sequence[int]
) -> PaperSection:
    title = words.say(REPORT_PARTS[part])
    table = ReportTable(part.value, title, tuple(map(words.say, columns)), tuple(rows))
    return PaperSection(title, (), table, widths)


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


_MAKERS: Final[Mapping[ReportPart, Callable[[Session, ReportContent, PageTexts], PaperSection]]] = {
    ReportPart.SUMMARY: _summary,
    ReportPart.MILESTONES: _milestones,
    ReportPart.TIMELINE: _timeline,
    ReportPart.PARTIES: _parties,
    ReportPart.TASKS: _tasks,
    ReportPart.OBSERVABLES: _observables,
    ReportPart.EVIDENCE: _evidence,
}
