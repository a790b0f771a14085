"""An assessment for the demonstration: its country under the framework that comes along, half answered."""

import tempfile
from datetime import timedelta
from pathlib import Path

from tocsin.interface import Invocation
from tocsin.readiness.acts import evidence_copies
from tocsin.readiness.assessment import (
    AnswerInput,
    EvidenceStatement,
    Unit,
    add_evidence,
    add_version,
    assign,
    bundled_framework,
    give_answer,
    publish,
    start,
    state,
    use_evidence,
)

_FRAMEWORK, _VERSION = "c5", "1.0"
_MINUTES = "Minutes of the national forum on network security of Kestria, second meeting: attendance, decisions.\n"
_LEVELS = ("3", "2", "1", "4", "2", "0", "3", "2", "1", "3", "2", "2", "1")


def add_example(call: Invocation) -> None:
    """The assessment of Kestria, with evidence and a review, as its team would have entered it this month."""
    by, now = "team", call.now
    framework = bundled_framework(_FRAMEWORK)
    asked = [question for _, indicator in framework.indicators() for question in indicator.question]
    questions = [question.id for question in asked if question.measured is None]
    with call.database.begin() as session, tempfile.TemporaryDirectory() as folder:
        add_version(session, framework, by=by, now=now)
        assign(session, _FRAMEWORK, _VERSION, "all", "Ministry of Communications", by=by, now=now)
        publish(session, _FRAMEWORK, _VERSION, by=by, now=now)
        unit = Unit("XA", "Kestria", {"income": "lower middle", "region": "example"})
        made = start(session, unit, _FRAMEWORK, _VERSION, now.date() - timedelta(days=7), by=by, now=now)
        for question, level in zip(questions, _LEVELS, strict=False):
            given = AnswerInput(question, level, "declared", "self", "Kestria National CSIRT")
            give_answer(session, made.id, given, by=by, now=now)
        file = Path(folder) / "minutes.txt"
        file.write_text(_MINUTES, encoding="utf-8")
        piece = EvidenceStatement("Minutes of the national forum", "en", valid_from=now.date() - timedelta(days=60))
        held = add_evidence(session, evidence_copies(call.home), file, piece, by=by, now=now)
        use_evidence(session, held.digest, made.id, questions[1], by=by, now=now)
        state(session, made.id, questions[1], "review", "The minutes name who attended.", by="reviewer", now=now)
