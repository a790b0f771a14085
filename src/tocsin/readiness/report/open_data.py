"""The open data of an assessment, and the recipe that leads from it to every figure."""

import hashlib
import json
from collections.abc import Mapping
from operator import attrgetter

from tocsin import __version__
from tocsin.interface.documents import Download, ReportTable, table_csv
from tocsin.readiness.assessment import QUERIES, Score, Snapshot

_SCORE = attrgetter("kind", "id", "parent", "share", "known", "low", "point", "high")
_VALUE = attrgetter("value", "low", "high", "observed", "total", "coverage")
_PIECE = attrgetter("digest", "title", "language", "link")


def assessment_data(snapshot: Snapshot, declared: Mapping[str, Score], supported: Mapping[str, Score]) -> ReportTable:
    """Every score of an assessment in one long table, both readings."""
    place = (snapshot.unit, snapshot.framework.id, snapshot.framework.version, str(snapshot.as_of))
    rows = tuple(
        (*place, reading, *_SCORE(item))
        for reading, scores in (("declared", declared), ("supported", supported))
        for item in scores.values()
    )
    columns = (
        "unit", "framework", "version", "as_of", "reading", "kind", "id", "parent", "share", "known",
        "low", "score", "high",
    )  # fmt: skip
    return ReportTable("Data", "Scores, one a line", columns, rows, frozenset(range(8, 13)), places=3)


def assessment_downloads(snapshot: Snapshot) -> tuple[Download, ...]:
    """Answers, measured values and evidence as CSV, and the framework as JSON."""
    framework = json.dumps(snapshot.framework.document(), indent=1, ensure_ascii=False) + "\n"
    tables = (
        (_answers(snapshot), "answers.csv", "every answer given, also those that no longer count"),
        (_measurements(snapshot), "measured.csv", "measured values with method, coverage and interval"),
        (_evidence(snapshot), "evidence.csv", "evidence with hash, language and validity"),
    )
    return (
        *(Download(name, "text/csv", table_csv(table), what) for table, name, what in tables),
        Download("framework.json", "application/json", framework, "the version that the answers were given under"),
    )


def assessment_recipe(snapshot: Snapshot) -> dict[str, object]:
    """What leads to the same figures: versions, hashes, rules. ``identity`` is the hash of answers and framework."""
    answers = table_csv(_answers(snapshot)) + table_csv(_measurements(snapshot)) + table_csv(_evidence(snapshot))
    digest = snapshot.framework.digest()
    identity = hashlib.sha256((digest + answers).encode()).hexdigest()
    return {
        "identity": f"Identity {identity[:16]}: the hash of framework, answers, measured values and evidence.",
        "inputs_sha256": identity,
        "framework": snapshot.framework.id,
        "framework_version": snapshot.framework.version,
        "framework_sha256": digest,
        "unit": snapshot.unit,
        "as_of": str(snapshot.as_of),
        "software": f"tocsin {__version__}",
        "aggregation": "weighted arithmetic mean, question to indicator to pillar to overall, on 0 to 100",
        "unanswered": "point: left out of the mean; bounds: at worst and at best",
        "declared": "per question the verified answer before the declared one, then by assessor kind, then the newest",
        "supported": "verified with evidence valid on the date, not in dispute; or measured; the rest unknown",
        "measures": {query.name: {"version": query.version, "method": query.method} for query in QUERIES},
    }


def _answers(snapshot: Snapshot) -> ReportTable:
    rows = tuple(
        (a.question, a.level, a.status, a.assessor_kind, a.assessor, a.comment, a.at.isoformat())
        for a in snapshot.answers
    )
    columns = ("question", "level", "status", "assessor_kind", "assessor", "comment", "at")
    return ReportTable("Answers", "Answers", columns, rows)


def _measurements(snapshot: Snapshot) -> ReportTable:
    rows = tuple(
        (
            m.query,
            m.method_version,
            m.as_of.isoformat(),
            *_VALUE(m),
            json.dumps(m.detail, sort_keys=True),
            m.facts_sha256,
        )
        for m in snapshot.measured.values()
    )
    columns = (
        "query", "method_version", "as_of", "value", "low", "high", "observed", "total", "coverage", "detail",
        "facts_sha256",
    )  # fmt: skip
    return ReportTable("Measured", "Measured values", columns, rows)


def _evidence(snapshot: Snapshot) -> ReportTable:
    rows = tuple(
        (question, *_PIECE(piece), str(piece.valid_from or ""), str(piece.valid_until or ""))
        for question, pieces in snapshot.evidence.items()
        for piece in pieces
    )
    columns = ("question", "sha256", "title", "language", "link", "valid_from", "valid_until")
    return ReportTable("Evidence", "Evidence", columns, rows)
