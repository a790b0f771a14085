"""The classification table against the vocabularies of others."""

import csv
import json
from pathlib import Path

import polars as pl

from tocsin.events.classify import TYPES, classes, classify


def frame(types: list[str | None], taxonomies: list[str | None] | None = None) -> pl.DataFrame:
    empty: list[str | None] = [None] * len(types)
    columns = {
        "classification.taxonomy": taxonomies or empty,
        "classification.type": types,
        "rsit.taxonomy": empty,
        "rsit.type": empty,
    }
    return classify(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String())))


def test_every_rsit_class_is_one_of_the_published_list(shared_data: Path) -> None:
    rsit = json.loads((shared_data / "misp" / "taxonomy-rsit.json").read_text())
    published = {(group["predicate"], entry["value"]) for group in rsit["values"] for entry in group["entry"]}
    assert {(found.rsit_taxonomy, found.rsit_type) for found in TYPES.values()} == published


def test_every_idf_type_has_the_taxonomy_that_its_tools_know(shared_data: Path) -> None:
    with (shared_data / "shadowserver" / "rsit_type_to_taxonomy.csv").open() as file:
        known = {row["classification.type"]: row["classification.taxonomy"] for row in csv.DictReader(file)}
    assert {found.type: found.taxonomy for found in TYPES.values()} == known


def test_both_names_of_a_type_become_one() -> None:
    found = frame(["blocklist", "blacklist", "Infected System", "unauthorised-use-of-resources"])
    assert found["classification.type"].to_list() == [
        "blacklist",
        "blacklist",
        "infected-system",
        "unauthorized-use-of-resources",
    ]
    assert found["rsit.type"].to_list() == ["other", "other", "infected-system", "unauthorised-use-of-resources"]


def test_a_type_that_nobody_knows_keeps_its_name_and_taxonomy() -> None:
    found = frame(["novel", None, "phishing"], ["abusive-content", "fraud", "other"])
    assert found["classification.type"].to_list() == ["novel", "undetermined", "phishing"]
    assert found["classification.taxonomy"].to_list() == ["abusive-content", "fraud", "fraud"]
    assert found["rsit.type"].to_list() == ["undetermined", "undetermined", "phishing"]


def test_one_type_for_all_rows_is_the_same_as_many() -> None:
    for name in [*TYPES, "novel"]:
        alone = frame([name] * 2, ["x", None]).row(0)
        mixed = frame([name, "phishing"], ["x", None]).row(0)
        assert alone == mixed
        assert alone[1:] == (classes(name).type, classes(name).rsit_taxonomy, classes(name).rsit_type)
