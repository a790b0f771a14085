"""What `tocsin sbom` prints: a bill of materials that others' tools accept, with everything that is needed."""

import os
from datetime import UTC, datetime
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.cast import Tocsin
from tocsin.cli.sbom import bill_of_materials, bundled_data, installed


@pytest.fixture
def tocsin(tmp_path: Path) -> Tocsin:
    """The command line on a home folder that need not be there."""
    return Tocsin(tmp_path / "home", {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"})


@pytest.fixture
def bill(tocsin: Tocsin) -> Any:
    """The document."""
    return tocsin.json("sbom")


def test_it_is_valid_cyclonedx(tocsin: Tocsin) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(tocsin.run("--json", "sbom")) is None


def test_it_holds_what_tocsin_declares_in_the_installed_versions(bill: Any) -> None:
    listed = {canonicalize_name(component["name"]): component["version"] for component in bill["components"]}
    declared = [Requirement(text) for text in requires("tocsin") or [] if "extra" not in text]
    assert len(declared) > 10
    for requirement in declared:
        assert listed[canonicalize_name(requirement.name)] == version(requirement.name)


def test_every_dependency_is_a_component_and_every_component_is_needed(bill: Any) -> None:
    application = bill["metadata"]["component"]["bom-ref"]
    components = {component["bom-ref"] for component in bill["components"]}
    needs = {entry["ref"]: entry["dependsOn"] for entry in bill["dependencies"]}
    reached, todo = set(), [application]
    while todo:
        reached.add(ref := todo.pop())
        todo += set(needs.get(ref, [])) - reached
    assert reached == components | {application}


def test_it_says_which_build_it_is_of(bill: Any, tocsin: Tocsin) -> None:
    said = {one["name"]: one["value"] for one in bill["metadata"]["component"]["properties"]}
    assert len(said) == 3
    assert said["tocsin:commit"][:8] in (line := tocsin.run("--version"))
    assert all(value[:8] in line for value in said.values())


def test_it_leaves_out_what_only_tests_use(bill: Any) -> None:
    assert {"pytest", "ruff", "mypy"}.isdisjoint(component["name"] for component in bill["components"])


def test_it_names_the_data_that_came_along_and_its_licence(bill: Any) -> None:
    data = [component for component in bill["components"] if component["type"] == "data"]
    assert {component["name"] for component in data} == {"@ip-location-db/asn", "@ip-location-db/asn-country"}
    assert all("CC-BY-4.0" in component["licenses"][0]["license"]["name"] for component in data)


def test_a_person_gets_a_table_with_licences(tocsin: Tocsin) -> None:
    lines = {tuple(line.split()[:3]) for line in tocsin.run("sbom").splitlines() if line.strip()}
    assert ("tocsin", version("tocsin"), "Apache-2.0") in lines
    assert ("typer", version("typer"), "MIT") in lines


def test_the_same_installation_has_the_same_serial_number() -> None:
    packages = installed("tocsin")
    one, two = (bill_of_materials(packages, [], now=datetime(2026, 1, day, tzinfo=UTC)) for day in (1, 2))
    assert one["serialNumber"] == two["serialNumber"]
    more = bundled_data('{"sources": [{"package": "more", "version": "1", "licence": "CC0-1.0"}]}')
    other = bill_of_materials(packages, more, now=datetime.now(UTC))
    assert other["serialNumber"] != one["serialNumber"]
