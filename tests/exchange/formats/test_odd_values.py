"""A value of another kind than a format says, in each field: a verdict or an error of ours, never another one."""

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any, Final

import pytest

from tocsin.exchange.formats import idea, iodef, misp, stix
from tocsin.exchange.formats.registry import check_document  # a boundary around the validator, which is others'
from tocsin.node.errors import TocsinError

_ODD: Final[list[Any]] = [
    [],
    ["a"],
    [[]],
    {},
    {"a": []},
    7,
    -1.5,
    True,
    None,
    "",
    "\x00",
    "0001-01-01T00:00:00+14:00",
]  # fmt: skip
_MODULES: Final[dict[str, Any]] = {"misp": misp, "stix": stix, "idea": idea, "iodef": iodef}
_UUID: Final = "5a0e1b8c-7f3d-4c7e-9b57-2f1f7f0f6a11"
_TIME: Final = "2026-11-28T12:00:00Z"
_TAG: Final = {"name": "tlp:amber", "colour": "#ffffff"}
_ATTRIBUTE: Final = {
    "uuid": _UUID, "type": "ip-src|port", "category": "Network activity", "value": "192.0.2.7|22", "to_ids": True,
    "timestamp": "1764331200", "distribution": "4", "sharing_group_id": "1", "Tag": [_TAG], "object_relation": "ip",
}  # fmt: skip
_DOCUMENTS: Final[dict[str, Any]] = {
    "misp": {
        "Event": {
            "uuid": _UUID, "info": "An event", "date": "2026-11-28", "threat_level_id": "2", "analysis": "0",
            "distribution": "1", "published": False, "timestamp": "1764331200", "Tag": [_TAG],
            "Attribute": [_ATTRIBUTE],
            "Object": [
                {
                    "uuid": _UUID, "name": "file", "meta-category": "file", "Attribute": [_ATTRIBUTE],
                    "ObjectReference": [{"referenced_uuid": _UUID, "relationship_type": "drops"}],
                }
            ],
        }
    },
    "stix": {
        "type": "bundle", "id": f"bundle--{_UUID}",
        "objects": [
            {
                "type": "indicator", "spec_version": "2.1", "id": f"indicator--{_UUID}", "created": _TIME,
                "modified": _TIME, "pattern": "[ipv4-addr:value = '192.0.2.7']", "pattern_type": "stix",
                "valid_from": _TIME, "labels": ["a"], "external_references": [{"source_name": "a", "url": "b"}],
            }
        ],
    },
    "idea": {
        "Format": "IDEA0", "ID": _UUID, "DetectTime": _TIME, "Category": ["Attempt.Login"],
        "Source": [{"IP4": ["192.0.2.7"], "Proto": ["ssh"], "Port": [22]}],
        "Node": [{"Name": "a.example", "Type": ["Relay"]}],
    },
    "iodef": {
        "version": "2.0",
        "Incident": [
            {
                "purpose": "reporting", "restriction": "green", "IncidentID": {"id": "1", "name": "csirt.example"},
                "GenerationTime": _TIME,
                "Contact": [{"role": "creator", "type": "person", "Email": [{"EmailTo": "a@b.example"}]}],
            }
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize("format_", sorted(_DOCUMENTS))
def test_odd_value_in_each_field_is_a_verdict_or_an_error_of_ours(format_: str) -> None:
    for document in _changed(_DOCUMENTS[format_]):
        content = json.dumps(document).encode()
        with suppress(TocsinError):
            list(check_document("stix", content) if format_ == "stix" else _MODULES[format_].check(content))
        with suppress(TocsinError):
            _MODULES[format_].read(content)


def _changed(document: Any) -> Iterator[Any]:
    """The document once with each odd value at each place."""
    for place in _places(document):
        for odd in _ODD:
            changed = deepcopy(document)
            inner = changed
            for step in place[:-1]:
                inner = inner[step]
            inner[place[-1]] = odd
            yield changed


def _places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*here, step)
        yield from _places(inner, (*here, step))
