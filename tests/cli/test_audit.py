"""The audit log by command: sealed, checked here and by others, kept through a backup, and honest after tampering."""

import getpass
import os
from pathlib import Path

import pytest
from sqlalchemy import select, update

from support.cast import Tocsin
from support.processes import KILLED, command
from support.world import World, copy_world, make_world
from tocsin.node.records import AuditAside, AuditEntry


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("audit")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


def test_entries_are_listed_shown_and_exported(world: World) -> None:
    listed = world.tocsin.json("audit", "list", "--limit", "1")
    assert world.tocsin.json("audit", "show", str(listed[0]["number"])) == listed[0]
    exported = world.tocsin.lines("audit", "export")
    assert exported[-1] == {name: value for name, value in listed[0].items() if name != "said"}
    assert [entry["number"] for entry in exported] == sorted(entry["number"] for entry in exported)
    words = {entry["word"] for entry in exported}
    assert {entry["word"] for entry in world.tocsin.json("audit", "list", "--word", min(words))} == {min(words)}
    assert "no word" in world.tocsin.call("audit", "list", "--word", "no.word")[2]
    assert world.tocsin.call("audit", "show", "99999")[0] == 1


def test_a_restored_node_still_verifies_and_tampering_is_named(world: World, tmp_path: Path) -> None:
    world.hear("192.0.2.1")
    sealed = world.tocsin.json("audit", "seal")
    assert sealed["sealed"] > 0
    assert world.tocsin.json("audit", "verify")["head"] == sealed["head"]
    world.tocsin.run("audit", "key", "--out", tmp_path / "public.pem")
    world.tocsin.run("backup", tmp_path / "copy")
    restored = Tocsin(tmp_path / "restored", {})
    restored.run("restore", tmp_path / "copy")
    restored.json("audit", "seal")
    verdict = restored.json("audit", "verify", "--key", tmp_path / "public.pem", "--head", sealed["head"])
    assert (verdict["good"], verdict["waiting"], verdict["seals"]) == (True, 0, 2)

    with world.node.database.begin() as session:
        session.execute(update(AuditEntry).where(AuditEntry.id == 1).values(actor="another"))
    code, out, _ = world.tocsin.call("audit", "verify")
    assert code == 1
    assert "Entry 1 was changed after seal 1." in out
    [found] = world.tocsin.json("audit", "verify", code=1)["findings"]
    assert (found["kind"], found["entry"], found["seal"]) == ("changed", 1, 1)


def test_a_log_that_lost_its_seals_is_known_by_the_one_noted(world: World) -> None:
    head = world.tocsin.json("audit", "seal")["head"]
    other = f"1:{'0' * 64}"
    assert world.tocsin.json("audit", "verify", "--head", head)["good"]
    assert [one["kind"] for one in world.tocsin.json("audit", "verify", "--head", other, code=1)["findings"]] == [
        "seal changed"
    ]
    assert world.tocsin.call("audit", "verify", "--head", "1")[0] == 2


@pytest.mark.parametrize(("place", "seals"), [("seals.writing", 0), ("seals.written", 1)])
def test_a_sealer_that_is_killed_leaves_a_whole_seal_or_none(world: World, place: str, seals: int) -> None:
    killed = command(world.node.home, "audit", "seal", environment={**os.environ, "TOCSIN_CUT": place})
    assert killed.wait() == KILLED
    verdict = world.tocsin.json("audit", "verify")
    assert (verdict["good"], verdict["seals"]) == (True, seals)
    world.tocsin.run("audit", "seal")
    verdict = world.tocsin.json("audit", "verify")
    assert (verdict["good"], verdict["seals"], verdict["waiting"]) == (True, 1, 0)


def test_what_people_type_stands_beside_the_log_and_can_be_erased(world: World) -> None:
    """Neither the reason nor the name of the machine's user is in an entry; both are shown until they are erased."""
    world.tocsin.run("stop", "--reason", "Ana Silva is ill")
    (entry,) = world.tocsin.json("audit", "list", "--word", "telling.stopped")
    login, reason = entry["actor"], entry["detail"]["reason"]
    assert (login.partition(":")[0], reason.partition(":")[0]) == ("login", "words")
    assert entry["said"] == {login: getpass.getuser(), reason: "Ana Silva is ill"}
    assert getpass.getuser() in world.tocsin.run("audit", "list", "--word", "telling.stopped")
    assert world.tocsin.json("audit", "list", "--actor", getpass.getuser())[0]["actor"] == login
    exported = world.tocsin.run("audit", "export", "--word", "telling.stopped")
    assert "Ana" not in exported
    world.tocsin.run("audit", "seal")
    world.tocsin.run("audit", "erase", reason)
    (entry,) = world.tocsin.json("audit", "list", "--word", "telling.stopped")
    assert (entry["detail"]["reason"], list(entry["said"])) == (reason, [login])
    assert world.tocsin.json("audit", "verify")["good"]
    code, _, words = world.tocsin.call("audit", "erase", reason)
    assert (code != 0, "Nothing is kept" in words) == (True, True)
    with world.node.database.reading() as session:
        assert [row.text for row in session.scalars(select(AuditAside)) if row.kind == "words"] == [""]
