"""Ratings of incidents by a scheme: entries, each with its answers, score, level and the rule that decided."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from tocsin.incidents.models import Incident, IncidentEntry
from tocsin.incidents.read import IncidentReader, entries_of, merged_family
from tocsin.incidents.severity.scheme import SeverityScheme, find_scheme, shipped_schemes
from tocsin.incidents.severity.score import UNKNOWN, Range, SeverityScore, score_severity
from tocsin.incidents.states import IncidentEntryKind
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.node import Node
from tocsin.node.sentences import say


def chosen_scheme(node: Node, name: str = "") -> SeverityScheme:
    """A scheme that the settings name; without a name, the usual one.

    Raises:
        NotFoundError: the settings name none that is called so.
        TextFaultError: it cannot be used.

    """
    names = node.settings.severity.schemes
    if not names or (name and name not in names):
        raise NotFoundError(
            say("Incidents are not rated by the scheme '%(name)s' here.", name=name[:60]),
            hint=say("Name it in the settings, [severity] schemes."),
        )
    chosen = name or names[0]
    return find_scheme(chosen if chosen in shipped_schemes() else str(node.home / chosen))


def read_answers(scheme: SeverityScheme, given: Sequence[str]) -> dict[str, Any]:
    """Answers by the id of their input, from words such as ``impact=serious``, ``victim=small,medium``, ``loss=1..5``.

    Raises:
        UsageError: one is not written so.

    """
    numbers = {one.id for one in scheme.input if one.number}
    found: dict[str, Any] = {}
    for one in given:
        name, equals, value = (part.strip() for part in one.partition("="))
        if not equals:
            raise UsageError(say("'%(text)s' is no answer; write it like impact=serious.", text=one[:60]))
        if not value or value == UNKNOWN:
            continue
        parts = value.split("..") if name in numbers else value.split(",")
        read = [_number(part) if name in numbers else part.strip() for part in parts]
        found[name] = read[0] if len(read) == 1 else read
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(say("'%(text)s' is no number.", text=text[:60])) from None


def rating_data(scheme: SeverityScheme, answers: Mapping[str, Any]) -> dict[str, Any]:
    """What the entry of a rating says. ``severity``: empty where several are possible, or the scheme is a legal test.

    Raises:
        TextFaultError: an answer does not fit; names all.

    """
    score = score_severity(scheme, answers)
    severities = {one.severity for one in score.levels}
    return {
        "scheme": scheme.id,
        "title": scheme.title,
        "edition": scheme.edition,
        "answers": dict(answers),
        "level": score.level.id if score.level else "",
        "levels": [f"{one.id}: {one.title}" if one.title else one.id for one in score.levels],
        "score": _ends(score),
        "rule": score.rule,
        "why": [str(one) for one in score.why],
        "unknown": list(score.unknown),
        "severity": severities.pop() if len(severities) == 1 else "",
        "legal": not any(one.severity for one in scheme.level),
    }


def _ends(score: SeverityScore) -> Range | None:
    return score.score if score.score and all(math.isfinite(one) for one in score.score) else None


def ratings_of(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> list[IncidentEntry]:
    """The newest rating of incidents by each scheme, the latest first."""
    newest: dict[str, IncidentEntry] = {}
    for one in entries_of(session, reader, incidents, kinds=(IncidentEntryKind.RATING,)):
        newest.setdefault(one.data.get("scheme", ""), one)
    return list(newest.values())


def severity_by_scheme(session: Session, reader: IncidentReader, incident: Incident) -> str:
    """The severity that the latest rating by a scheme gave; empty: none did."""
    found = ratings_of(session, reader, merged_family(session, reader, incident))
    return next((str(one.data["severity"]) for one in found if one.data.get("severity")), "")
