"""The report of DORA as a document: checked by the data model of the supervisors, and made of the fields of a notice.

The model is `formats/dora.toml`, which says why it is no copy of their schema: docs/design/notices.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker

from tocsin.incidents.notices.laws import FORMATS, NoticeFieldKind, NoticeKind, NoticeLaw
from tocsin.incidents.text_files import parse_document, shipped_in

_TEXT: Final = 32_767
_SPAN: Final = r"^\d{1,3}:(?:[01]\d|2[0-3]):[0-5]\d$"
_VALUES: Final[Mapping[str, dict[str, Any]]] = {
    "text": {"type": "string", "maxLength": _TEXT},
    "string": {"type": "string"},
    "time": {"type": "string", "format": "date-time"},
    "email": {"type": "string", "format": "email"},
    "phone": {"type": "string", "pattern": r"^\+?[1-9]\d{1,14}(\s?\(\d+\))?([-\s.]?\d+)*$"},
    "lei": {"type": "string", "pattern": "^[A-Z0-9]{18}[0-9]{2}$"},
    "span": {"type": "string", "pattern": _SPAN},
    "boolean": {"type": "boolean"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "percent": {"type": "number", "minimum": 0, "maximum": 100},
}
_SUBMISSIONS: Final = {
    NoticeKind.NOTIFICATION: "initial_notification",
    NoticeKind.INTERMEDIATE: "intermediate_report",
    NoticeKind.FINAL_REPORT: "final_report",
}


@dataclass(frozen=True)
class DoraFault:
    """Something in a document, by the path of its keys."""

    path: str
    reason: str


@dataclass(frozen=True)
class DoraCheck:
    """Whether a document is valid, what is wrong, and what the regulation asks of such a report that is not in it."""

    faults: tuple[DoraFault, ...]
    lacking: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def check_dora(document: Any) -> DoraCheck:
    """What is wrong with a document."""
    found = sorted(_validator().iter_errors(document), key=lambda one: one.json_path)
    faults = tuple(DoraFault(one.json_path, one.message[:500]) for one in found)
    kind = document.get("incidentSubmission") if isinstance(document, dict) else None
    expected = _format()["expected"].get(kind, []) if isinstance(kind, str) else []
    return DoraCheck(faults, tuple(path for path in expected if not _has(document, path.split("."))))


def dora_document(law: NoticeLaw, kind: str, values: Mapping[str, Any], *, entity: str, code: str) -> dict[str, Any]:
    """The document of a notice. ``entity``: its name; ``code``: how the entity is known here."""
    own: dict[str, Any] = {"entityType": "SUBMITTING_ENTITY", "name": entity}
    affected = {"entityType": "AFFECTED_ENTITY", "name": entity}
    document: dict[str, Any] = {
        "incidentSubmission": _SUBMISSIONS[NoticeKind(kind)],
        "submittingEntity": own,
        "affectedEntity": affected,
        "incident": {},
    }
    criteria: dict[str, dict[str, Any]] = {one: {"classificationCriterion": one} for one in values.get("criteria", ())}
    for field in law.fields_of(kind):
        if field.id not in values or not field.path or field.id == "criteria":
            continue
        *parents, last = field.path.split(".")
        if field.only:
            if field.only in criteria:
                criteria[field.only][last] = values[field.id]
            continue
        place = document
        for name in parents:
            place = place.setdefault(name, {})
        whole = field.kind is NoticeFieldKind.NUMBER and last == "number"
        place[last] = round(values[field.id]) if whole else values[field.id]
    document["incident"]["classificationTypes"] = list(criteria.values())
    own["code"] = code
    affected["LEI"] = own.get("LEI", "")
    document["affectedEntity"] = [affected]
    return document


def _has(document: Any, keys: list[str]) -> bool:
    for key in keys:
        if not isinstance(document, dict) or key not in document:
            return False
        document = document[key]
    return True


@cache
def _format() -> dict[str, Any]:
    return parse_document(shipped_in("tocsin.incidents.notices", FORMATS)["dora"], "dora")[0]


@cache
def _validator() -> Draft202012Validator:
    checker = FormatChecker(["email"])
    checker.checks("date-time")(_is_time)
    parts = dict(_parts())
    return Draft202012Validator({"$ref": "#/$defs/Report", "$defs": parts}, format_checker=checker)


def _is_time(value: object) -> bool:
    """Whether a text is a date with a time (RFC 3339; the zone may lack, as in many forms)."""
    if not isinstance(value, str):
        return True
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return len(value) > len("2026-11-27")


def _parts() -> Iterator[tuple[str, dict[str, Any]]]:
    """The parts of a report as JSON Schema (draft 2020-12)."""
    for name, keys in _format()["parts"].items():
        yield (
            name,
            {
                "type": "object",
                "properties": {key: _schema(of.removesuffix("!")) for key, of in keys.items()},
                "required": [key for key, of in keys.items() if of.endswith("!")],
                "additionalProperties": False,
            },
        )


def _schema(of: str) -> dict[str, Any]:
    if of.startswith("["):
        return {"type": "array", "items": _schema(of.strip("[]")), "minItems": 1}
    if of in _VALUES:
        return _VALUES[of]
    lists = _format()["lists"]
    return {"type": "string", "enum": lists[of]} if of in lists else {"$ref": f"#/$defs/{of}"}
