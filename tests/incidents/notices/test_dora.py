"""The report of DORA: what we call valid is valid by the schema of the supervisors, and the other way round."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from support.world import World, copy_world, make_world
from tocsin.incidents.notices import check_dora, dora_document, find_law, read_values
from tocsin.incidents.notices.dora import _format

VALUES: dict[str, Any] = {
    "lei": "5299000J2N45DDNE4Y28", "entity_type": ["credit_institution"], "contact_name": "A. Person",
    "contact_email": "duty@bank.example", "contact_phone": "+2305550111", "incident_code": "B-7",
    "detected_at": "2026-11-15 08:00", "classified_at": "2026-11-15 10:00", "what": "Payments failed",
    "criteria": ["geographical_spread", "data_losses", "economic_impact", "reputational_impact"],
    "states": ["FR", "LU"], "data_losses": ["availability"], "economic": "More than 100,000 euro",
    "discovery": "staff", "third_party": "A host", "continuity": "yes", "incident_type": ["cybersecurity-related"],
    "techniques": ["ddos"], "services": "Cards", "clients": "1200", "infrastructure": "no",
    "occurred_at": "2026-11-15 07:00", "restored_at": "2026-11-15 12:00", "temporary": "no",
    "root_cause": ["malicious_actions"], "resolution": "Filtered", "resolved_at": "2026-11-15 12:00",
    "planned": "As planned", "costs": "10000.50", "recoveries": "0",
}  # fmt: skip


@pytest.fixture(scope="module")
def schema(shared_data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared_data / "incidents/notices/dora_ir_v1.2.1.json").read_text())
    return found


def document_of(kind: str) -> dict[str, Any]:
    law = find_law("dora")
    asked = {field.id for field in law.fields_of(kind)}
    values, wrongs = read_values(law, kind, {name: value for name, value in VALUES.items() if name in asked})
    assert wrongs == []
    return dora_document(law, kind, values, entity="Bank", code="bank")


@pytest.mark.parametrize("kind", ["notification", "intermediate", "final_report"])
def test_a_notice_makes_a_valid_document(schema: dict[str, Any], kind: str) -> None:
    """Also by the draft that knows the conditions of the schema, which the one that it names ignores."""
    document = document_of(kind)
    for validator in (Draft202012Validator, Draft7Validator):
        assert [error.message for error in validator(schema).iter_errors(document)] == []
    checked = check_dora(document)
    assert (checked.valid, checked.lacking) == (True, ())


def places(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, one in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield from places(one, (*path, key))


_ANY = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 200), st.floats(allow_nan=False, allow_infinity=False, width=16),
    st.text(max_size=4), st.sampled_from(["", "FR", "ddos", "yes", "other", "x" * 32_768, "12:23:59", "12:24:00"]),
    st.just([]), st.just({}), st.just(["FR"]), st.just([{}]),
)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["notification", "intermediate", "final_report"]), data=st.data())
def test_what_is_changed_gets_the_verdict_of_the_schema(schema: dict[str, Any], kind: str, data: Any) -> None:
    document = copy.deepcopy(document_of(kind))
    *parents, last = data.draw(st.sampled_from([path for path in places(document) if path]))
    place = document
    for key in parents:
        place = place[key]
    if data.draw(st.booleans()):
        del place[last]
    else:
        place[last] = data.draw(_ANY)
    if isinstance(place, dict) and data.draw(st.integers(0, 9)) == 0:
        place["more"] = 1
    theirs = Draft202012Validator(schema).is_valid(document)
    of_format = any("is not a" in one.reason for one in check_dora(document).faults)  # which their draft only notes
    assert check_dora(document).valid == theirs or (theirs and of_format)


def test_every_key_and_list_of_the_schema_is_known(schema: dict[str, Any]) -> None:
    parts = _format()["parts"]
    assert set(parts) == {"Report", *schema["$defs"]}
    for name, part in (("Report", schema), *schema["$defs"].items()):
        assert set(parts[name]) == set(part["properties"]), name
        assert {key for key, of in parts[name].items() if of.endswith("!")} == set(part["required"]), name


def test_the_commands(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    world: World = copy_world(make_world(tmp_path_factory.mktemp("fresh")).folder, tmp_path / "copy")
    good, bad, odd = (tmp_path / name for name in ("good.json", "bad.json", "odd.json"))
    good.write_text(json.dumps(document_of("final_report")))
    bad.write_text(json.dumps(document_of("final_report") | {"incidentSubmission": "soon"}))
    odd.write_text("{")
    codes = [world.tocsin.call("--json", "notices", "check", str(of), "--format", "dora")[0] for of in (good, bad, odd)]
    assert codes == [0, 1, 2]
    fields = json.dumps({name: VALUES[name] for name in find_law("dora").form("final_report").fields})
    made = world.tocsin.json(
        "notices", "add", "--team", "operator", "--law", "dora", "--kind", "final_report", "--door", "mail",
        "--received-at", "2026-11-15 09:30", "--fields", fields,
    )  # fmt: skip
    out = tmp_path / "out.json"
    world.tocsin.run("notices", "export", made["reference"], "--format", "dora", "--out", str(out))
    assert check_dora(json.loads(out.read_text())).valid
