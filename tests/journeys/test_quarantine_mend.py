"""Set-aside rows mended by command: tried, read again once, by reason, or left; sums always balance."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from support.cast import HEADER
from support.world import World, make_world
from tocsin.events.ingests import open_rows
from tocsin.events.models import Ingest
from tocsin.node.errors import ConflictError
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.replay import kept_since, replay

_ROW = '"2026-11-16 04:00:00","medium","{}","tcp",3389,,"rdp",,,,'
_UNUSABLE = "No usable address, network, AS, domain or URL in it."


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def hear(world: World, *addresses: str) -> None:
    world.reports += 1
    path = world.folder / f"2026-11-16-scan_rdp-test{world.reports}-geo.csv"
    path.write_text("\n".join([HEADER, *(_ROW.format(address) for address in addresses), ""]))
    assert not ingest(world.node, [path], clock=lambda: world.now).failed


def test_a_row_is_tried_and_mended_and_the_rest_read_again_or_left(world: World) -> None:
    hear(world, "nowhere", "elsewhere", "there", "192.0.2.1")
    run = world.tocsin.run
    tried = run("quarantine", "edit", "1", "0", "--try", "--text", _ROW.format("192.0.2.8"))
    assert "classification.identifier" in tried
    assert re.search(r"^ *operator +20\d\d-\d\d-\d\d \d\d:\d\d +1 +0 *$", tried, re.MULTILINE)
    foreseen = world.tocsin.json("quarantine", "edit", "1", "0", "--try", "--text", _ROW.format("203.0.113.99"))
    assert len(foreseen["events"]) == 1
    assert [(one["events"], one["withheld"]) for one in foreseen["notifications"]] == [(0, 1)]
    assert "1 of 1 rows are now stored" in run("quarantine", "edit", "1", "0", stdin=_ROW.format("192.0.2.8").encode())
    world.tocsin.run("quarantine", "mend", "1", "0", "--text", "again", code=1)
    assert "0 of 2 rows are now stored; still unreadable: 2" in run("quarantine", "replay", "1", "--reason", _UNUSABLE)
    assert "2 rows of ingest 3 are dismissed." in run("quarantine", "dismiss", "3", "--reason", "Totals.")
    with world.node.database.reading() as session:
        assert open_rows(session, kept_since(world.node, world.now)) == (0, None)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=4))
def test_rows_in_any_order_are_read_once_and_sums_balance(world: World, steps: list[tuple[int, bool]]) -> None:
    hear(world, *(f"nowhere-{world.reports}-{n}" for n in range(4)))
    with world.node.database.reading() as session:
        number = max(session.scalars(select(Ingest.number)))
        before = open_rows(session, kept_since(world.node, world.now))[0]
    taken: set[int] = set()
    stored = 0
    for place, mends in steps:
        address = f"192.0.2.{10 * world.reports + place}"
        try:
            counts = replay(
                world.node,
                number,
                places=[place],
                mended={place: _ROW.format(address)} if mends else None,
                now=world.now,
            )
        except ConflictError:
            assert place in taken
        else:
            assert place not in taken
            assert counts.rows == counts.stored + counts.duplicates + counts.quarantined == 1
            taken.add(place)
            stored += counts.quarantined == 0
    with world.node.database.reading() as session:
        assert open_rows(session, kept_since(world.node, world.now))[0] == before - stored
