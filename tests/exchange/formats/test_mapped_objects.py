"""Objects of every template that is mapped: what leaves passes our own check, and no value goes without a word."""

import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from support.misp_objects import objects_of, template_names
from tocsin.exchange.formats import check_document, convert_document
from tocsin.exchange.formats.losses import losses

SEEDS = range(20) if os.environ.get("TOCSIN_WHOLE") else range(1)
_UUID = "11111111-1111-4111-8111-111111111111"


@pytest.mark.parametrize("name", template_names())
@pytest.mark.parametrize("seed", SEEDS)
def test_objects_of_each_template_leave_valid_and_whole(name: str, seed: int) -> None:
    given = [*objects_of(name, random.Random(f"{name} {seed}"))]
    event = {"info": "x", "uuid": _UUID, "timestamp": "1764300000", "Object": given}
    stix = convert_document(json.dumps({"Event": event}).encode(), "misp", "stix")
    back = convert_document(stix.data, "stix", "misp")
    assert [fault for one in check_document("stix", stix.data) for fault in one.faults] == []
    assert [fault for one in check_document("misp", back.data) for fault in one.faults] == []
    assert all(one["name"] for one in json.loads(stix.data)["objects"] if one["type"] == "indicator")
    made = {one["uuid"]: one for one in json.loads(back.data)["Event"]["Object"]}
    assert set(made) == {one["uuid"] for one in given}
    said = {*stix.lost, *back.lost}
    for one in given:
        before, after = _values(one), _values(made[one["uuid"]])
        assert before <= after or said, one
        warns = {value for value, warned in after if warned} - {value for value, warned in before if warned}
        assert not warns, (one, warns)  # never more than was said
        gone = {value for value, _ in before} - {value for value, _ in after}
        assert not gone or said, (one, gone)


def _values(thing: Mapping[str, Any]) -> Counter[tuple[str, bool]]:
    """Each value, as it is written in any notation, and whether it warns."""
    return Counter((_plain(str(one["value"])), bool(one["to_ids"])) for one in thing["Attribute"])


def _plain(value: str) -> str:
    for short, full in (("hklm\\", "hkey_local_machine\\"), ("as", "")):
        if value.lower().startswith(short) and (short != "as" or value[2:].isdigit()):
            return full + value.lower().removeprefix(short)
    return {"true": "1", "false": "0"}.get(value.lower(), value.lower())


@pytest.mark.parametrize("pattern", [
    "[file:name = 'a.exe' AND file:content_ref.mime_type = 'image/png' AND file:content_ref.url = 'https://a.example']",
    "[file:name = 'a.exe' AND file:magic_number_hex = 'ffd8']",
    "[file:name = 'a.exe' AND process:pid = 5]",
    "[ipv4-addr:value = '192.0.2.1' AND file:name = 'a.exe']",
    "[ipv4-addr:value = '192.0.2.1'] AND [domain-name:value = 'a.example']",
    "[email-addr:value = 'a@a.example' AND email-addr:display_name = 'A']",
    "[domain-name:value = 'a.example' AND domain-name:x_unknown = '5']",
    "[network-traffic:src_ref.type = 'ipv4-addr' AND network-traffic:dst_port = 443]",
    "[file:name = 'a.exe' AND (file:size = 5 OR file:size = 6)]",
    "[file:name LIKE 'a%']", "[file:size > 5]", "[file:name = 'a.exe'] FOLLOWEDBY [file:name = 'b.exe']",
    "[file:name NOT = 'a.exe' AND file:size = 5]", "[file:name = 'a.exe'] REPEATS 5 TIMES",
])  # fmt: skip
@pytest.mark.parametrize("labels", [[], ['misp:name="file"'], ['misp:type="filename"'], ['misp:type="domain"']])
def test_an_and_that_misp_cannot_say_is_kept_as_text_and_never_said_in_half(pattern: str, labels: list[str]) -> None:
    id_ = f"indicator--{_UUID}"
    indicator = {"type": "indicator", "spec_version": "2.1", "id": id_, "pattern": pattern, "pattern_type": "stix",
                 "created": "2026-11-28T10:00:00.000Z", "modified": "2026-11-28T10:00:00.000Z",
                 "pattern_version": "2.1", "valid_from": "2026-11-28T10:00:00Z",
                 **({"labels": labels} if labels else {})}  # fmt: skip
    made = convert_document(json.dumps(indicator).encode(), "stix", "misp")
    event = json.loads(made.data)["Event"]
    assert [(one["type"], one["value"]) for one in _warning(event)] == [("stix2-pattern", pattern)]
    back = json.loads(convert_document(made.data, "misp", "stix").data)["objects"]
    assert [(one["id"], one["pattern"]) for one in back if one["type"] == "indicator"] == [(id_, pattern)]


def test_a_pattern_beside_its_observation_has_an_id_of_its_own() -> None:
    event = {"info": "x", "Object": [{"name": "file", "uuid": _UUID, "Attribute": [
        {"type": "filename", "object_relation": "filename", "value": "a.exe", "to_ids": True}]}]}  # fmt: skip
    bundle = json.loads(convert_document(json.dumps(event).encode(), "misp", "stix").data)
    for one in bundle["objects"]:
        if one["type"] == "indicator":
            one["pattern"] = "[file:name = 'a.exe' AND file:magic_number_hex = 'ffd8']"
    made = json.loads(convert_document(json.dumps(bundle).encode(), "stix", "misp").data)["Event"]
    assert [one["type"] for one in _warning(made)] == ["stix2-pattern"]
    assert len({one["uuid"] for one in (*made["Attribute"], *made["Object"])}) == 2


def _warning(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for thing in (event, *event["Object"]):
        yield from (one for one in thing["Attribute"] if one["to_ids"])


def test_values_that_do_not_warn_stay_beside_those_that_do() -> None:
    values = [("url", "https://a.example/b", True), ("mime_type", "image/png", False), ("decryption_key", "x", False)]
    attributes = [{"type": "text", "object_relation": name, "value": said, "to_ids": ids} for name, said, ids in values]
    event = {"info": "x", "Object": [{"name": "artifact", "uuid": _UUID, "Attribute": attributes}]}
    made = convert_document(json.dumps(event).encode(), "misp", "stix")
    assert made.lost == ()
    assert all(one.valid for one in check_document("stix", made.data))
    (back,) = json.loads(convert_document(made.data, "stix", "misp").data)["Event"]["Object"]
    assert [(one["object_relation"], one["value"], one["to_ids"]) for one in back["Attribute"]] == values


_NAMED = [
    ({"type": "identity", "name": "Ada", "identity_class": "individual", "sectors": ["energy"]}, "Ada", ()),
    ({"type": "malware-analysis", "product": "p", "analysis_started": "2026-11-28T10:00:00Z", "result": "benign"},
     "2026-11-28T10:00:00Z", ()),
    ({"type": "domain-name", "value": "a.example", "resolves_to_refs": [f"ipv4-addr--{_UUID}"]}, "a.example",
     ("domain-name: resolves_to_refs to what is not in the file",)),
    ({"type": "artifact", "url": "https://a.example/b.png", "mime_type": "image/png"}, "https://a.example/b.png", ()),
    ({"type": "file", "name": "a", "magic_number_hex": "ffd8"}, "a", ("file: magic_number_hex",)),
    ({"type": "x-own", "name": "a", "some": "thing"}, "", ("Objects of type x-own", "x-own: name", "x-own: some")),
    ({"type": "indicator", "name": "A name", "pattern": "[domain-name:value = 'a.example']", "pattern_type": "stix",
      "revoked": True}, "A name", ("Revoked, so it warns of nothing", "indicator: revoked")),
    ({"type": "tool", "name": "a", "external_references": [{"source_name": "s", "description": "words"}]}, "a",
     ("tool: external_references.source_name", "tool: external_references.description")),
]  # fmt: skip


@pytest.mark.parametrize(("thing", "kept", "lost"), _NAMED)
def test_what_stix_says_is_kept_or_named(thing: dict[str, Any], kept: str, lost: tuple[str, ...]) -> None:
    at = {"created": "2026-11-27T10:00:00.000Z", "modified": "2026-11-27T10:00:00.000Z", "spec_version": "2.1"}
    data = json.dumps({**thing, "id": f"{thing['type']}--22222222-2222-4222-8222-222222222222", **at}).encode()
    made = convert_document(data, "stix", "misp")
    assert kept in made.data.decode()
    assert made.lost == lost
    assert not any(one["to_ids"] for one in _warning(json.loads(made.data)["Event"]))


def test_each_value_that_is_taken_out_is_named() -> None:
    event = {"info": "A title", "uuid": _UUID, "date": "2026-11-28", "Attribute": [
        {"type": "domain", "value": "a.example", "comment": "words", "Tag": [{"name": "a tag"}]},
        {"type": "ip-dst|port", "value": "192.0.2.1|443"}, {"type": "AS", "value": "AS64500"},
        {"type": "datetime", "value": "2026-11-28T10:00:00+00:00"}, {"type": "regkey", "value": "HKLM\\Software\\A"},
    ]}  # fmt: skip
    bundle = json.loads(convert_document(json.dumps(event).encode(), "misp", "stix").data)
    assert losses(event, bundle) == ()
    words = json.dumps(bundle)
    for value, path in [("A title", "Event: info"), ("words", "Event: Attribute.comment"),
                        ("a tag", "Event: Attribute.Tag.name"), ("a.example", "Event: Attribute.value"),
                        ("192.0.2.1", "Event: Attribute.value"), ("64500", "Event: Attribute.value"),
                        ("HKEY_LOCAL_MACHINE", "Event: Attribute.value"),
                        ("2026-11-28T10", "Event: Attribute.value")]:  # fmt: skip
        assert losses(event, json.loads(words.replace(value, "0"))) == (path,)
