"""*Wrong* is not *to do*: each finding of the doctor says which of both it is, and only what failed ends it with 1."""

import ast
import json
from pathlib import Path

import pytest

import tocsin.operations
from support.world import World, make_world
from tocsin.delivery import Delivery
from tocsin.operations.health_finding import KINDS, HealthFinding, HealthKind
from tocsin.server.pages.admin.node import PAGES

_SOURCES = Path(str(tocsin.operations.__file__)).parent


def _whats() -> set[str]:
    """What every finding of the source is about: the first argument of `HealthFinding`, or what a name stands for."""
    found: set[str] = set()
    for path in _SOURCES.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = [
            (target.id, node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        ]
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        for call in calls:
            if call.func.id in {"HealthFinding", "_files_found"} and call.args:  # type: ignore[attr-defined]
                first = call.args[0]
                values = [of for name, of in named if name == first.id] if isinstance(first, ast.Name) else [first]
                said = [of for of in values if isinstance(of, ast.Call) and ast.unparse(of.func) == "say"]
                found |= {str(ast.literal_eval(of.args[0])) for of in said}
    return found


def test_the_kind_of_each_finding_is_declared() -> None:
    found = _whats()
    assert len(found) > 20
    assert found - KINDS.keys() == set()
    assert KINDS.keys() - found == set(), "nobody finds these any more"


def test_what_is_to_do_leads_to_where_it_is_done() -> None:
    assert {what for what, kind in KINDS.items() if kind is HealthKind.TO_DO} <= PAGES.keys()


@pytest.mark.parametrize("what", sorted(KINDS))
def test_only_what_failed_is_not_ok(what: str) -> None:
    well, not_well = HealthFinding(what, True, ""), HealthFinding(what, False, "")
    assert (well.kind, well.ok) == (HealthKind.OK, True)
    assert (not_well.kind, not_well.ok) == (KINDS[what], KINDS[what] is HealthKind.TO_DO)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = make_world(tmp_path)
    world.hear("192.0.2.1")
    world.tell()
    return world


@pytest.mark.parametrize(
    ("state", "kind"), [("held", "to-do"), ("stuck", "to-do"), ("bounced", "to-do"), ("failed", "failed")]
)
def test_a_digest_that_waits_for_a_person_is_no_alarm(world: World, state: str, kind: str) -> None:
    with world.node.database.begin() as session:
        for row in session.query(Delivery):
            row.state = state
    found, out, _ = world.tocsin.call("--json", "doctor")
    said = json.loads(out)
    mine = {one["kind"] for one in said if one["what"] in {"deliveries", "sending"}} - {"ok"}
    assert mine == {kind}
    assert found == int(any(one["kind"] == "failed" for one in said)), "only what failed ends it with 1"
    assert all(one["ok"] is (one["kind"] != "failed") for one in said)
