"""Problems by command and by the API: listed by any condition, shown, answered by phone, reminded, muted."""

from pathlib import Path

import pytest

from support.api_client import caller
from support.world import World, copy_world
from tocsin.node.accounts import AccountRole

OWN, OWN_TOO, SECTOR = "192.0.2.1", "192.0.2.2", "192.0.2.200"


@pytest.fixture(scope="module")
def heard(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that notified teams of three machines."""
    world = copy_world(fresh, tmp_path_factory.mktemp("commands"))
    world.hear(OWN, OWN_TOO, SECTOR)
    world.tell()
    return world.folder


@pytest.fixture
def world(heard: Path, tmp_path: Path) -> World:
    return copy_world(heard, tmp_path / "world").at(1)


def key_of(world: World, address: str) -> str:
    (found,) = world.tocsin.json("problems", "list", "--address", address)
    return str(found["problem"])


def test_the_list_takes_every_condition(world: World) -> None:
    def listed(*options: str) -> set[str]:
        return {one["where"] for one in world.tocsin.json("problems", "list", *options)}

    assert listed() == {OWN, OWN_TOO, SECTOR}
    assert listed("--team", "operator", "--state", "notified", "--kind", "open-rdp") == {OWN, OWN_TOO}
    assert listed("--state", "told") == {OWN, OWN_TOO, SECTOR}  # as the field ``state`` names it
    assert listed("--team", "-") == set()
    assert "Take one of: open" in world.tocsin.call("problems", "list", "--state", "odd")[2]
    assert "due" in world.tocsin.call("problems", "list", "--sort", "odd")[2]
    key = key_of(world, OWN)
    (course,) = world.tocsin.json("problems", "show", key)
    assert [step["what"] for step in course["steps"]] == ["heard", "told", "told"]
    assert world.tocsin.json("problems", "show", OWN)[0]["problem"] == key


def test_a_team_answers_by_phone_and_only_of_what_it_was_notified_of(world: World) -> None:
    keys = [key_of(world, address) for address in (OWN, SECTOR)]
    code, _, error = world.tocsin.call("problems", "answer", *keys, "--verdict", "fixed")
    assert (code != 0, "Which team said so?" in error) == (True, True)
    done = world.tocsin.json("problems", "answer", *keys, "--verdict", "fixed", "--team", "operator")
    assert (done["problems"], done["without"], len(done["answers"])) == (1, 1, 1)
    states = {one["where"]: one["state"] for one in world.tocsin.json("problems", "list")}
    assert states == {OWN: "said-fixed", OWN_TOO: "told", SECTOR: "told"}
    code, _, error = world.tocsin.call("problems", "answer", keys[1], "--verdict", "fixed", "--team", "operator")
    assert (code != 0, "was not notified of these problems" in error) == (True, True)


def test_the_api_previews_and_does_the_same(world: World) -> None:
    keys = [key_of(world, address) for address in (OWN, OWN_TOO)]
    with caller(world, AccountRole.ANALYST) as client:
        seen = client.post("/problems/reminders", json={"problems": keys, "preview": True}).json()
        assert (seen["problems"], seen["teams"]) == (2, ["Example Operator", "National CSIRT of A"])
        assert client.get(f"/problems/{keys[0]}").json()["steps"][-1]["what"] == "told"
        muted = client.post("/problems/mutes", json={"problems": keys, "by": "address", "days": 7}).json()
        assert min(muted["mutes"]) == "Example Operator 192.0.2.1/32"
        assert {one["where"] for one in client.get("/problems", params={"state": "muted"}).json()["items"]} == {
            OWN, OWN_TOO,
        }  # fmt: skip
        assert client.post("/problems/reminders", json={"problems": keys}).json()["problems"] == 0
        said = {"problems": keys, "verdict": "accepted", "team": "operator", "spoken_with": "Jane", "days": 30}
        assert client.post("/problems/answers/by-phone", json=said).json()["problems"] == 2
        assert client.post("/problems/mutes", json={"problems": ["x"]}).status_code == 422
        assert client.get("/problems", params={"state": "odd"}).status_code == 400
    with caller(world, AccountRole.OPERATOR, teams=(1,)) as client:
        for path in ("/problems/reminders", "/problems/mutes", "/problems/answers/by-phone"):
            assert client.post(path, json={"problems": keys, "verdict": "fixed"}).status_code == 404
        assert client.get(f"/problems/{keys[0]}").status_code == 404


def test_pages_of_the_api_hold_each_once_in_any_order(world: World) -> None:
    world.hear(*(f"192.0.2.{n}" for n in range(20, 40)))
    with caller(world, AccountRole.ANALYST) as client:
        for sort in ("seen", "due", "age", "severity"):
            whole = [one["problem"] for one in client.get("/problems", params={"sort": sort}).json()["items"]]
            page = client.get("/problems", params={"sort": sort, "limit": 5})
            found = [one["problem"] for one in page.json()["items"]]
            while page.json()["next"]:
                page = client.get(page.links["next"]["url"])
                found += [one["problem"] for one in page.json()["items"]]
            assert found == whole
            assert len(set(found)) == 23
