"""An incident is rated by a scheme: its severity follows, what is not known makes a range, a person may override."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.console_users import person
from support.world import World, copy_world, make_world
from tocsin.incidents import IncidentEntryKind, IncidentReader, acts, entries_of, find_incident
from tocsin.incidents.severity import acts as severity_acts
from tocsin.interface import ActContext, RequestError, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import InputError, NotFoundError, UsageError

ACTS = {act.operation: act for act in (*acts.ACTS, *severity_acts.ACTS)}
LEGAL = '[severity]\nschemes = ["impact-size", "dora"]\n'


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    first = copy_world(fresh, tmp_path / "first")
    with (first.node.home / "tocsin.toml").open("a") as file:
        file.write(getattr(request, "param", ""))
    made = copy_world(first.folder, tmp_path / "second")
    with made.open:
        yield made


@pytest.fixture
def analyst(world: World) -> int:
    return person(world.node, AccountRole.ANALYST, now=world.now)


@pytest.fixture
def reference(world: World, analyst: int) -> str:
    return str(do(world, "openIncident", analyst, title="Ransomware, Lagoon Hospital").reference)


def do(world: World, operation: str, who: int, **values: Any) -> Any:
    act = ACTS[operation]
    context = ActContext(world.node, world.now, f"person:{who}", "One", who, act=act)
    return act.function(context, read_request(act, values))


def newest(world: World, reference: str) -> dict[str, Any]:
    with world.node.database.reading() as session:
        reader = IncidentReader(None, world.now)
        found = entries_of(session, reader, [find_incident(session, reader, reference)], limit=1)
        return {"kind": found[0].kind, "text": found[0].text, **found[0].data}


def test_the_severity_follows_the_scheme_and_its_reason_is_kept(world: World, analyst: int, reference: str) -> None:
    answers = ["impact=serious", "victim=essential-services"]
    made = do(world, "rateIncidentByScheme", analyst, reference=reference, answers=answers, comment="The hospital rang")
    assert (made.level, made.rule, made.severity) == ("2", "category-2", "critical")
    kept = newest(world, reference)
    assert (kept["kind"], kept["text"]) == (IncidentEntryKind.RATING, "The hospital rang")
    assert (kept["scheme"], kept["before"], kept["after"]) == ("impact-size", "unknown", "critical")
    assert kept["answers"] == {"impact": "serious", "victim": "essential-services"}


def test_what_is_not_known_makes_a_range_and_sets_nothing(world: World, analyst: int, reference: str) -> None:
    made = do(world, "rateIncidentByScheme", analyst, reference=reference, answers=["impact=serious"])
    assert (made.level, made.severity) == ("", "unknown")
    assert [one[0] for one in made.levels] == list("23456")
    assert newest(world, reference)["unknown"] == ["victim"]
    both = do(
        world, "rateIncidentByScheme", analyst, reference=reference,
        answers=["impact=emergency,serious", "victim=central-government"],
    )  # fmt: skip
    assert (both.level, [one[0] for one in both.levels], both.severity) == ("", ["1", "2"], "critical")


def test_who_overrides_a_scheme_says_why_and_both_are_kept(world: World, analyst: int, reference: str) -> None:
    do(world, "rateIncidentByScheme", analyst, reference=reference, answers=["impact=serious", "victim=medium"])
    with pytest.raises(UsageError, match="by the scheme it is medium"):
        do(world, "rateIncident", analyst, reference=reference, severity="high")
    do(world, "rateIncident", analyst, reference=reference, severity="medium")  # as the scheme says
    do(world, "rateIncident", analyst, reference=reference, severity="high", reason="Patients were moved")
    override = newest(world, reference)
    assert (override["kind"], override["before"], override["after"]) == (IncidentEntryKind.CHANGE, "medium", "high")
    assert override["text"] == "Patients were moved"


@pytest.mark.parametrize("world", [LEGAL], indirect=True)
def test_a_legal_test_sets_nothing(world: World, analyst: int, reference: str) -> None:
    answers = ["critical=yes", "malicious-access=yes"]
    made = do(world, "rateIncidentByScheme", analyst, reference=reference, scheme="dora", answers=answers)
    assert (made.level, made.severity) == ("major", "unknown")
    assert newest(world, reference)["legal"]


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"scheme": "dora", "answers": ["critical=yes"]}, NotFoundError),  # not in the settings
        ({"answers": ["impact"]}, UsageError),
        ({"answers": ["impact=huge"]}, InputError),
        ({"answers": []}, RequestError),
    ],
)
def test_what_does_not_fit_is_refused(
    world: World, analyst: int, reference: str, values: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        do(world, "rateIncidentByScheme", analyst, reference=reference, **values)
    assert newest(world, reference)["kind"] == IncidentEntryKind.OPENED
