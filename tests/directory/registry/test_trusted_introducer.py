"""Lists of CSIRTs import with networks, mailboxes and status; what is not taken says why."""

import json
import re
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.directory import ImportResult, import_entries, read_about, read_directory, read_team
from tocsin.directory.registry import read_team_list
from tocsin.directory.registry.constituency_text import read_text
from tocsin.node.errors import InputError, NotFoundError
from tocsin.node.records import Database

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OLD = "trusted_introducer_teams_2012_no_reps.json"
CURRENT = "trusted_introducer_sample.json"
CERTOPEDIA = "certopedia/certs.json"


def bring(database: Database, path: Path) -> ImportResult:
    return import_entries(database, read_team_list(path), actor="ana", now=NOW)


def records_of(shared_data: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared_data / "csirt" / name).read_text(encoding="utf-8"))
    return found


def test_the_teams_of_2012(database: Database, shared_data: Path) -> None:
    listed = records_of(shared_data, OLD)
    done = bring(database, shared_data / "csirt" / OLD)

    gone = [team["title"] for team in listed if team["TI Level"] == "Not Operational"]
    assert done.teams_new == len(listed) - len(gone)
    refused = {one.what for one in done.not_taken}
    assert set(gone) <= refused

    directory = read_directory(database)
    addresses = {mailbox for team in directory.teams for mailbox in team.mailboxes}
    assert len(addresses) == len(listed) - len(gone)
    levels = Counter(team["TI Level"].lower() for team in listed if team["title"] not in gone)
    standings = [fact for team in directory.teams for fact in read_about(database, team.key).facts]
    member = Counter(fact.get("status") for fact in standings if fact.value == "Trusted Introducer")
    assert {status: member[status] for status in levels} == dict(levels)
    first = [team for team in listed if team.get("FIRST Membership") == "Full Member" and team["title"] not in gone]
    assert sum(1 for fact in standings if fact.value == "FIRST") == len(first)


def test_every_network_of_2012_is_taken_or_has_a_reason(records: Database, shared_data: Path) -> None:
    """Each full network, AS number and range in the texts is found again, as plain patterns see them."""
    listed = [team for team in records_of(shared_data, OLD) if team["TI Level"] != "Not Operational"]
    done = bring(records, shared_data / "csirt" / OLD)
    directory = read_directory(records)
    keys = {team.id: team.name for team in directory.teams}
    rules = {(keys[rule.team_id], rule.value) for rule in directory.rules}
    for team in listed:
        text = team.get("Internet Addresses") or ""
        for network in re.findall(r"\d+\.\d+\.\d+\.\d+/\d+", text):
            assert (team["Official Team Name"], network) in rules
        for number in re.findall(r"AS(\d+)", text):
            assert (team["Official Team Name"], number) in rules
        for name in re.findall(r"\*\.([a-z0-9-]+\.[a-z]{2,3})(?=\. -|$)", text):
            assert {(team["Official Team Name"], name), (team["Official Team Name"], f".{name}")} & rules
    told = " ".join(f"{one.what}: {one.why}" for one in done.not_taken)
    for part in ("62.212.230.x", "82.194/19", "*.vw.*", "any   domainany Belgian IP address"):
        assert f"'{part}'" in told


def test_the_current_shape(database: Database, shared_data: Path) -> None:
    listed = records_of(shared_data, CURRENT)
    done = bring(database, shared_data / "csirt" / CURRENT)

    counted = sum(len(team["constituency"][name]) for team in listed for name in ("asns", "domains", "ipranges"))
    national = [team for team in listed if "National" in team["constituency"]["types"]]
    countries = sum(len(team["constituency"]["countries"]) for team in national)
    assert (done.teams_new, done.rules_new) == (len(listed), counted + countries)

    team, rules = read_team(database, "ti-cert-at")
    assert (team.name, team.kind, team.country) == ("Computer Emergency Response Team Austria", "national", "AT")
    assert team.organisation == "nic.at, the Austrian domain registry."
    assert (team.mailboxes, team.timezone) == (("team@cert.at",), "Europe/Berlin")
    assert {rule.value for rule in rules} == {".at", ".wien", ".tirol", ".versicherung", "AT"}
    about = {(fact.kind.value, fact.value): fact for fact in read_about(database, "ti-cert-at").facts}
    assert about["membership", "Trusted Introducer"].get("status") == "certified"
    assert about["membership", "Trusted Introducer"].day("since") == date(2018, 2, 5)
    assert about["hours", "mon-fri 08:00-18:00"]


def test_certopedia(database: Database, shared_data: Path) -> None:
    listed = records_of(shared_data, CERTOPEDIA)
    done = bring(database, shared_data / "csirt" / CERTOPEDIA)
    teams = read_directory(database).teams
    assert done.teams_new == len(listed)
    assert {team.mailboxes for team in teams} == {(team["email"],) for team in listed}
    assert all(team.country for team in teams)
    assert sum(team.kind == "national" for team in teams) == sum(1 for team in listed if team["sector"] == "National")


@pytest.mark.parametrize("name", [OLD, CURRENT, CERTOPEDIA])
def test_the_same_list_again_changes_nothing(name: str, records: Database, shared_data: Path) -> None:
    bring(records, shared_data / "csirt" / name)
    before = read_directory(records)
    again = bring(records, shared_data / "csirt" / name)
    assert read_directory(records) == before
    assert (again.teams_new, again.rules_new, again.mailboxes_new, again.facts_new, again.kept) == (0, 0, 0, 0, 0)


def test_what_a_list_no_longer_says_is_withdrawn(records: Database, tmp_path: Path, shared_data: Path) -> None:
    listed = records_of(shared_data, OLD)
    bring(records, shared_data / "csirt" / OLD)
    listed[0]["Internet Addresses"] = "AS1853. - and more in prose"
    path = tmp_path / "newer.json"
    path.write_text(json.dumps(listed))
    done = import_entries(records, read_team_list(path), actor="ana", now=NOW, most_gone=None)
    assert [rule.value for rule in read_team(records, "ti-aconet-cert")[1]] == ["1853"]
    assert (done.rules_withdrawn, done.kept) == (32, 0)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ("words", "a record is a table of fields"),
        ({"official_name": ""}, "it names no team"),
        ({"official_name": "X", "constituency": "everything"}, "not as it should be"),
        ({"official_name": "X", "emails": [{"address": "Ana <ana@x.example>"}]}, "display name"),
    ],
)
def test_records_that_are_wrong(record: object, why: str, records: Database, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    good = {"official_name": "Good", "emails": [{"address": "cert@good.example"}]}
    path.write_text(json.dumps([good, record]))
    done = bring(records, path)
    assert read_directory(records).teams[0].key == "ti-good"
    assert [one.where for one in done.not_taken if why in one.why] == ["record 2"]


@pytest.mark.parametrize(
    ("content", "why"), [("{", "not JSON"), ("[]", "no list of teams"), ('{"a": 1}', "no list"), ('["x"]', "no list")]
)
def test_files_that_are_no_lists(content: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(content)
    with pytest.raises(InputError, match=why):
        read_team_list(path)
    with pytest.raises(NotFoundError):
        read_team_list(tmp_path / "none.json")


networks = st.sampled_from(["193.0.0.0/21", "2620:4f:8000::/48", "AS112", "*.example.org", "bund.de", "AS110-AS113"])


@given(st.lists(networks, min_size=1, max_size=8, unique=True))
def test_what_is_written_plainly_is_found_whole(parts: list[str]) -> None:
    found = list(read_text(". - ".join(parts)))
    assert not [one for one in found if one.why]
    expected = {part.removeprefix("AS").removeprefix("*.") for part in parts if "-" not in part}
    expected |= {"110", "111", "112", "113"} if "AS110-AS113" in parts else set()
    assert {one.value for one in found} == expected


@given(st.text(max_size=80))
def test_any_text_is_read(text: str) -> None:
    for one in read_text(text):
        assert (one.into is None) == bool(one.why)
