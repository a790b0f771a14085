"""Records of VERIS: our statement of its constraints agrees with its tests and with its schema."""

import json
from pathlib import Path

import jsonschema
import pytest

from support.cast import Tocsin
from tocsin.incidents.veris import check_veris


def test_every_case_of_veris_has_the_verdict_that_it_should_have(shared_data: Path) -> None:
    cases = sorted((shared_data / "incidents/veris/tests").glob("*.json"))
    assert len(cases) > 100
    wrong = []
    for file in cases:
        case = json.loads(file.read_text())
        if (not check_veris(case, 2026)) != (case["should"] == "pass"):
            wrong.append(file.name)
    assert wrong == []


def test_the_schema_of_veris_finds_as_many_faults_at_the_same_places(shared_data: Path) -> None:
    schema = json.loads((shared_data / "incidents/veris/verisc-merged-1.3.1.json").read_text())
    theirs = jsonschema.Draft4Validator(schema)
    for file in sorted((shared_data / "incidents/veris/tests").glob("*.json")):
        record = json.loads(file.read_text())["incident"]
        places = sorted(".".join(map(str, one.absolute_path)) for one in theirs.iter_errors(record))
        assert [one.path for one in check_veris(record, 2020)] == places, file.name


@pytest.mark.parametrize("record", [None, [], "text", 7, {}, {"incident": []}])
def test_what_is_no_record_is_not_valid(record: object) -> None:
    assert check_veris(record, 2026)


def test_the_command_says_a_line_for_each_file_and_how_bad_the_worst_is(tmp_path: Path) -> None:
    good, bad, odd = (tmp_path / name for name in ("good.json", "bad.json", "odd.json"))
    record = {
        "schema_version": "1.3.1", "incident_id": "1", "security_incident": "Suspected", "actor": {"unknown": {}},
        "action": {"unknown": {}}, "asset": {"assets": [{"variety": "Unknown"}]}, "discovery_method": "Unknown",
        "timeline": {"incident": {"year": 2024}},
    }  # fmt: skip
    good.write_text(json.dumps(record))
    bad.write_text(json.dumps({**record, "timeline": {"incident": {"year": 1949}}}))
    odd.write_text("{")
    tocsin = Tocsin(tmp_path / "home", {})
    check = ("--json", "incidents", "check", "--format", "veris")
    assert json.loads(tocsin.run(*check, good)) == {"file": str(good), "valid": True, "reasons": []}
    found = json.loads(tocsin.run(*check, bad, code=1))
    assert found["reasons"] == [{"path": "timeline.incident.year", "reason": "1949 is less than the minimum of 1950"}]
    lines = [json.loads(line) for line in tocsin.run(*check, good, bad, odd, code=2).splitlines()]
    assert [line["valid"] for line in lines] == [True, False, False]
