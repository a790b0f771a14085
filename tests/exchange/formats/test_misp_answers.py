"""What MISP's API answers is read, whichever of its forms it has, or refused in words."""

import json
from typing import Any

import pytest

from tocsin.exchange.formats import check_document, convert_document
from tocsin.node.errors import InputError

_ATTRIBUTE = {
    "type": "ip-dst", "object_relation": "ip", "value": "192.0.2.1", "to_ids": True,
    "uuid": "11111111-1111-4111-8111-111111111111",
}  # fmt: skip
_OBJECT = {
    "name": "ip-port", "meta-category": "network", "uuid": "11111111-1111-4111-8111-111111111112",
    "Attribute": [_ATTRIBUTE],
}  # fmt: skip
_EVENT = {"info": "Scans", "date": "2026-11-28"}


@pytest.mark.parametrize("thing", [
    {"Object": _OBJECT}, {"Attribute": _ATTRIBUTE}, _OBJECT, _ATTRIBUTE,
    {"Attribute": [_ATTRIBUTE]}, {"Object": [_OBJECT]},
    {**_ATTRIBUTE, "Event": _EVENT}, {"Object": {**_OBJECT, "Event": _EVENT}},
    {"Event": {**_EVENT, "Attribute": [_ATTRIBUTE]}}, {"Event": {**_EVENT, "Object": [_OBJECT]}},
    {"Event": {**_EVENT, "Attribute": _ATTRIBUTE}}, {"Event": {**_EVENT, "Object": _OBJECT}},
    {**_EVENT, "Object": [{**_OBJECT, "Attribute": _ATTRIBUTE}]},
])  # fmt: skip
@pytest.mark.parametrize("around", ["{}", "[{}]", '{{"response": {}}}', '{{"response": [{}]}}'])
def test_each_form_of_an_answer_is_read(thing: Any, around: str) -> None:
    data = around.format(json.dumps(thing)).encode()
    assert len([*check_document("misp", data)]) == 1
    for target in ("stix", "misp"):
        made = convert_document(data, "misp", target)
        assert b"192.0.2.1" in made.data
        assert made.lost == ()


@pytest.mark.parametrize("document", [[], {}, {"response": []}, {"response": [{"Sighting": {"id": 1}}]}, [[_EVENT]]])
def test_what_has_no_event_is_refused(document: Any) -> None:
    data = json.dumps(document).encode()
    assert [one.valid for one in check_document("misp", data)] == [False]
    with pytest.raises(InputError, match="no event"):
        convert_document(data, "misp", "stix")


def test_what_else_an_answer_holds_is_named() -> None:
    made = convert_document(json.dumps([{"Event": _EVENT}, 5, {"x": 1}]).encode(), "misp", "misp")
    assert made.lost == ("Neither event, object nor attribute: 2.", "x")
    event = {**_EVENT, "Attribute": [_ATTRIBUTE, "192.0.2.9"]}
    made = convert_document(json.dumps(event).encode(), "misp", "misp")
    assert made.lost == ("What is no object of JSON (Attribute): 1.", "Event: Attribute")


def test_what_the_event_of_a_search_forbids_holds_for_each_of_its_objects() -> None:
    green = {**_EVENT, "Tag": [{"name": "tlp:green"}]}
    found = [
        {"Object": {**_OBJECT, "uuid": f"11111111-1111-4111-8111-{number:012}", "Event": event}}
        for number, event in enumerate([{**green, "uuid": "1", "distribution": "0"}, {**green, "uuid": "2"}])
    ]
    events = json.loads(convert_document(json.dumps({"response": found}).encode(), "misp", "misp").data)["response"]
    tags = [[tag["name"] for tag in one["Event"]["Tag"]] for one in events]
    assert tags == [["tlp:amber+strict"], ["tlp:green"]]
