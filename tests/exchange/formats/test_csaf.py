"""CSAF: the verdicts of the library against the suites of OASIS, BSI and gocsaf, test by test."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.cast import Tocsin
from tocsin.exchange.formats import Verdict
from tocsin.exchange.formats.csaf import check
from tocsin.exchange.formats.registry import check_document

ONLINE = "needs the network"
MISSING = "the library does not have this test"
NEWER = "the library follows csd04, which is newer than the document"
BESIDE = "another mandatory test finds fault with the document, which the suite does not count"
LIBRARY = "the library judges this case otherwise"

# Where finding or verdict differ from the suite's: the file's number, whether the finding, the verdict, and why.
DIFFERENCES = {
    "2.0": {
        "6-2-08-02": (False, True, BESIDE),
        "6-3-06-01": (True, False, ONLINE),
        "6-3-07-01": (True, False, ONLINE),
    },
    "2.1": {
        "6-1-04-12": (False, True, NEWER),
        "6-1-10-13": (False, True, BESIDE),
        "6-1-16-09": (True, False, LIBRARY),
        "6-1-24-01": (True, False, NEWER),
        "6-1-27-13-11": (False, True, BESIDE),
        "6-1-27-13-15": (False, True, BESIDE),
        "6-1-48-21": (True, True, LIBRARY),
        "6-1-50-03": (True, True, LIBRARY),
        "6-1-50-15": (False, True, BESIDE),
        "6-2-04-01": (False, True, NEWER),
        "6-2-19-19": (False, True, BESIDE),
        "6-2-20-02": (False, True, NEWER),
        "6-2-27-01": (False, True, BESIDE),
        "6-2-34-13": (False, True, BESIDE),
        "6-2-38-11": (False, True, BESIDE),
        "6-2-39-01-01": (False, True, BESIDE),
        "6-2-39-01-02": (False, True, BESIDE),
        "6-2-39-01-12": (False, True, BESIDE),
        "6-2-39-01-13": (False, True, BESIDE),
        "6-2-39-04-01": (False, True, BESIDE),
        "6-2-42-02": (False, True, BESIDE),
        "6-2-44-02": (False, True, BESIDE),
        "6-2-44-12": (False, True, BESIDE),
        "6-2-46-01": (False, True, BESIDE),
        "6-2-51-12": (True, False, LIBRARY),
        "6-2-54-01-01": (True, False, MISSING),
        "6-2-54-02-01": (True, False, MISSING),
        "6-3-06-02": (True, False, ONLINE),
        "6-3-08-01": (True, False, MISSING),
        "6-3-08-02": (True, False, MISSING),
        "6-3-21-01-12": (False, True, NEWER),
    },
}
# Examples of the specification that break it: a VEX with a status that it forbids, and documents in 2.0's shape in 2.1.
BROKEN_EXAMPLES = {
    ("2.0", "2022-evd-uc-08-001.json"),
    ("2.1", "2022-evd-uc-08-001.json"),
    ("2.1", "cisco-sa-20180328-smi2.json"),
    ("2.1", "rhsa-2021_5186.json"),
    ("2.1", "rhsa-2021_5217.json"),
}


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_each_document_of_the_suite_is_judged_as_it_says(version: str, shared_data: Path) -> None:
    folder = shared_data / "exchange" / "csaf" / version
    different = {}
    for line in (folder / "expected.jsonl").read_text().splitlines():
        expected = json.loads(line)
        verdict = _verdict(folder / expected["file"])
        found = _finds(verdict, expected["test"]) != expected["finds"], verdict.valid != expected["valid"]
        if any(found):
            different[Path(expected["file"]).stem.split("-", 2)[2].removeprefix("2021-").removeprefix("2024-")] = found
    assert different == {name: (finds, valid) for name, (finds, valid, _) in DIFFERENCES[version].items()}


def test_other_suites_agree_wholly(shared_data: Path) -> None:
    folder = shared_data / "exchange" / "csaf"
    for path in (folder / "bsi-validator-lib").rglob("*.json"):
        test = path.parts[-3].split("_", 1)[1].replace("_", ".")
        assert _finds(_verdict(path), test) == (path.parts[-2] == "failing"), path
    for path in folder.glob("*/filenames/*/*.json"):
        assert _finds(_verdict(path), "5.1") == (path.parts[-2] == "invalid"), path
    for path in folder.glob("2.*/examples/csaf/*.json"):
        assert _verdict(path).valid == ((path.parts[-4], path.name) not in BROKEN_EXAMPLES), path
    for path in (folder / "gocsaf").rglob("avendor*.json"):
        assert _verdict(path).valid, path


def test_each_cpe_is_judged_as_the_suite_says(shared_data: Path) -> None:
    folder = shared_data / "exchange" / "csaf" / "2.1"
    document = json.loads((folder / "mandatory" / "oasis_csaf_tc-csaf_2_1-2024-6-1-01-13.json").read_text())
    for line in (folder / "cpe.jsonl").read_text().splitlines():
        case = json.loads(line)
        product = {"product_id": "P", "name": "P", "product_identification_helper": {"cpe": case["case"]}}
        document["product_tree"] = {"full_product_names": [product]}
        (verdict,) = check(json.dumps(document).encode())
        refused = any(fault.rule == "schema" and fault.path.endswith(".cpe") for fault in verdict.faults)
        assert refused != case["valid"], case


def test_a_fault_has_the_number_of_its_test_and_its_place(shared_data: Path) -> None:
    folder = shared_data / "exchange" / "csaf" / "2.1" / "mandatory"
    path = folder / "oasis_csaf_tc-csaf_2_1-2024-6-1-01-03.json"
    expected = json.loads(path.with_suffix(".result.json").read_text())["primary_result"]
    found = [fault.path for fault in _verdict(path).faults if fault.rule == expected["id"]]
    assert found[0] == "vulnerabilities[0].ids[0].product_ids[0]"
    assert len(found) == len(expected["errors"])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[1]", "no CSAF document"),
        (b'{"document": 1}', "no CSAF document"),
        (b'{"document": {"csaf_version": "3.0"}}', "CSAF 3.0 is not known"),
        (b'{"document": {"csaf_version": "2.0"}} trailing', "no JSON"),
    ],
)
def test_what_is_no_document_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    (verdict,) = check_document("csaf", data)
    assert verdict.valid is False
    assert reason in verdict.faults[0].reason


def test_a_document_whose_schema_fails_still_meets_the_tests_and_never_a_traceback(shared_data: Path) -> None:
    path = shared_data / "exchange" / "csaf" / "2.1" / "mandatory" / "oasis_csaf_tc-csaf_2_1-2024-6-1-01-03.json"
    document = json.loads(path.read_text())
    for wrong in _wrong_values(document):
        (verdict,) = check(json.dumps(wrong).encode())
        assert verdict.valid is False
        assert verdict.faults


_RANGES = ("vers:intdot/>2.1.0|<4.2.0", "vers:intdot/>1.2.0|<2.4.0")


@pytest.mark.parametrize(("names", "statuses", "test"), [
    (_RANGES, ("fixed", "first_fixed"), "6.3.19.1"),
    ((">2.1.0|<4.2.0", ">1.2.0|<2.4.0"), ("known_affected", "last_affected"), "6.3.19.2"),
    (("vers:intdot/>2.1.0|<4.2.0", "2.4.0"), ("fixed", "first_fixed"), "6.3.19.3"),
    (_RANGES, ("known_affected", "known_not_affected"), ""),
    ((">2.1.0|<4.2.0", "2.4.0"), ("known_affected", "fixed"), ""),
    (_RANGES, (), ""),
])  # fmt: skip
def test_overlapping_ranges_have_the_number_of_the_part_that_means_them(
    names: tuple[str, str], statuses: tuple[str, ...], test: str, shared_data: Path
) -> None:
    document = _document(shared_data, "3-19-01-11")
    for one, name in zip(document["product_tree"]["branches"][0]["branches"][0]["branches"], names, strict=True):
        one |= {"name": name, "category": "product_version_range" if "<" in name else "product_version"}
    said = {status: [f"CSAFPID-908070{number}"] for number, status in enumerate(statuses)}
    document["vulnerabilities"] = [{"product_status": said}]
    assert _numbers(document, "6.3.19") == [test] * bool(test)


@pytest.mark.parametrize("sources", [(None, None), ("https://a.example", "https://a.example")])
def test_scores_are_one_too_many_only_of_the_same_source(sources: tuple[str | None, ...], shared_data: Path) -> None:
    document = _document(shared_data, "1-07-01")
    metrics = document["vulnerabilities"][0]["metrics"]
    for metric, source in zip(metrics, sources, strict=True):
        metric.update({"source": source} if source else {})
    assert _numbers(document, "6.1.7") == ["6.1.7"]
    metrics[1]["source"] = "https://b.example"
    assert _numbers(document, "6.1.7") == []


def test_the_name_of_a_file_is_checked_by_the_command(tmp_path: Path, shared_data: Path) -> None:
    tocsin = Tocsin(tmp_path / "home", {**os.environ, "NO_COLOR": "1"})
    document = _document(shared_data, "1-01-13")
    right = re.sub(r"[^+\-a-z0-9]+", "_", document["document"]["tracking"]["id"].lower()) + ".json"
    for name, faults in ((right, []), ("advisory.json", ["5.1"])):
        (tmp_path / name).write_text(json.dumps(document))
        line = tocsin.run("exchange", "check", tmp_path / name, "--format", "csaf", "--json")
        assert [one["id"] for one in json.loads(line)["reasons"] if one["id"] == "5.1"] == faults


def _document(data: Path, number: str) -> Any:
    (path,) = (data / "exchange/csaf/2.1").rglob(f"oasis_csaf_tc-csaf_2_1-2024-6-{number}.json")
    return json.loads(path.read_text())


def _numbers(document: Any, test: str) -> list[str]:
    (verdict,) = check(json.dumps(document).encode())
    return [one.rule for one in verdict.faults if one.rule == test or one.rule.startswith(f"{test}.")]


def test_other_files_of_a_provider_are_not_checked_and_said_so(shared_data: Path) -> None:
    folder = shared_data / "exchange" / "csaf" / "2.1" / "examples"
    for path in (*(folder / "ROLIE").iterdir(), *(folder / "aggregator").iterdir()):
        verdict = _verdict(path)
        assert verdict.valid is None
        assert "not checked" in verdict.faults[0].reason


def test_the_library_leaves_the_root_logger_alone_and_may_be_missing() -> None:
    program = """
import logging, sys
from tocsin.exchange.formats.csaf import check
document = b'{"document": {"csaf_version": "2.1"}}'
sys.modules["csaf"] = None
assert next(check(document)).valid is None and "tocsin[formats]" in next(check(document)).faults[0].reason
del sys.modules["csaf"]
assert next(check(document)).valid is False
assert logging.getLogger().handlers == []
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def _verdict(path: Path) -> Verdict:
    (verdict,) = check(path.read_bytes(), path.name)
    return verdict


def _finds(verdict: Verdict, test: str) -> bool:
    return any(fault.rule == test for fault in verdict.faults)


def _wrong_values(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The document with each member of its parts replaced by what no test expects there."""
    for part in ("document", "product_tree", "vulnerabilities"):
        for wrong in (None, [7], {"x": [None]}):
            yield {**document, part: wrong} if part != "document" else {**document, part: {"csaf_version": "2.1"}}
    for name in document["document"]:
        if name != "csaf_version":
            yield {**document, "document": {**document["document"], name: [None]}}
