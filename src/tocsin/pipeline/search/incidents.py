"""What of incidents and the inbox has the words or the value that somebody typed, inside his compartments."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from sqlalchemy.orm import Session

from tocsin.incidents import (
    IncidentMatch,
    IncidentReader,
    entries_with_words,
    extract_observables,
    incidents_with_observables,
    incidents_with_words,
    named_incident,
    reports_with_words,
)
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline.search.words import SHOWN, Hit, HitKind

_TEXT: Final = 200  # characters of a text that are shown
_MOST: Final = 5_000  # rows of many pasted lines


def find_named(session: Session, visitor: Principal, reader: IncidentReader, typed: str) -> Hit | None:
    """The incident that is called so: its reference, or its number in another tool."""
    found = named_incident(session, reader, typed) if visitor.may(Permission.INCIDENTS_READ) else None
    return _incident(found) if found else None


def find_in_incidents(session: Session, visitor: Principal, reader: IncidentReader, typed: str) -> list[Hit]:
    """Incidents, entries, observables and reports of the inbox, at most one more of a kind than `SHOWN`."""
    hits: list[Hit] = []
    if visitor.may(Permission.INCIDENTS_READ):
        hits += map(_incident, incidents_with_words(session, reader, typed, limit=SHOWN + 1))
        hits += find_observed(session, visitor, reader, typed)
        hits += [
            Hit(HitKind.ENTRY, one.reference, f"{one.title}: {_short(one.text)}", f"{_page(one)}#entry-{one.entry}")
            for one in entries_with_words(session, reader, typed, limit=SHOWN + 1)
        ]
    if visitor.may(Permission.INBOX_READ):
        hits += [
            Hit(HitKind.REPORT, one.reference, _short(one.text), f"/reports/public/{quote(one.reference)}")
            for one in reports_with_words(session, reader, typed, limit=SHOWN + 1)
        ]
    return hits


def find_observed(session: Session, visitor: Principal, reader: IncidentReader, typed: str) -> list[Hit]:
    """The incidents in which exactly this value was observed."""
    found = [one for of in observed_in(session, visitor, reader, [typed]).values() for one in of]
    return [
        Hit(HitKind.OBSERVABLE, one.reference, f"{one.title}: {one.text}", _page(one)) for one in found[: SHOWN + 1]
    ]


def observed_in(
    session: Session, visitor: Principal, reader: IncidentReader, lines: Sequence[str]
) -> dict[str, list[IncidentMatch]]:
    """By line, the incidents in which what it says was observed; lines without one are left out."""
    if not visitor.may(Permission.INCIDENTS_READ):
        return {}
    values = {line: [one.value for one in extract_observables(line).found] for line in dict.fromkeys(lines)}
    wanted = {value for of in values.values() for value in of}
    known: Mapping[str, list[IncidentMatch]] = (
        incidents_with_observables(session, reader, wanted, limit=_MOST) if wanted else {}
    )
    found = {line: [one for value in of for one in known.get(value, ())] for line, of in values.items()}
    return {line: of for line, of in found.items() if of}


def _incident(match: IncidentMatch) -> Hit:
    return Hit(HitKind.INCIDENT, match.reference, match.title, _page(match))


def _page(match: IncidentMatch) -> str:
    return f"/incidents/{quote(match.reference)}"


def _short(text: str) -> str:
    return " ".join(text[:_TEXT].split())
