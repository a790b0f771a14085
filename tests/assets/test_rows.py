"""A CSV file: counted before it is stored, whole or not at all, and the same again changes nothing."""

from pathlib import Path

import pytest
from sqlalchemy import select

from support.assets import Keeper
from support.world import World
from tocsin.assets.register import Asset

CSV = """name,kind,team,identifiers,needs,contacts,impact
Cranes,system,,198.51.100.0/28|cranes.example,Harbour power; electricity,,high
Harbour power,System,operator,192.0.2.0/28,,"Ada; +230 1
Desk",critical
"""


def named(world: World) -> dict[str, Asset]:
    with world.node.database.reading() as session:
        return {one.name: one for one in session.scalars(select(Asset))}


def counts(world: World, text: str, **more: bool) -> tuple[int, int, int, list[int]]:
    done = Keeper(world).do("import", text=text, **more)
    return done.new, done.changed, done.same, [line for line, _ in done.wrong]


def test_counted_then_stored_then_the_same(world: World) -> None:
    assert counts(world, CSV, dry_run=True) == (2, 0, 0, [])
    assert named(world) == {}
    assert counts(world, CSV) == (2, 0, 0, [])
    found = named(world)
    assert found["Cranes"].needs == [{"on": found["Harbour power"].id, "kind": "electricity", "since": ""}]
    assert [one["name"] for one in found["Harbour power"].contacts] == ["Ada", "Desk"]
    assert found["Cranes"].confirmed_at is None  # a person confirms what a file says
    assert counts(world, CSV) == (0, 0, 2, [])
    assert counts(world, CSV.replace("high", "medium")) == (0, 1, 1, [])
    assert counts(world, CSV.replace(",", "\t", 6).replace("\t", ",")) == (0, 1, 1, [])


def test_rows_from_a_spreadsheet(world: World) -> None:
    assert counts(world, "name\tsector\nWater\twater\n") == (1, 0, 0, [])
    assert counts(world, "name;sector\nGas;energy\n") == (1, 0, 0, [])
    assert named(world)["Gas"].sector == "energy"


@pytest.mark.parametrize(("row", "line"), [
    ("x,nothing,,", 3), (",service,,", 3), ("x,service,nobody,", 3), ("x,service,,AS0", 3),
])  # fmt: skip
def test_one_wrong_row_stores_none(world: World, row: str, line: int) -> None:
    assert counts(world, f"name,kind,team,identifiers\nWater,service,,\n{row}\n")[3] == [line]
    assert named(world) == {}


def test_by_command_too(world: World, tmp_path: Path) -> None:
    file = tmp_path / "assets.csv"
    file.write_text(CSV)
    world.node.database.close()
    assert world.tocsin.json("assets", "import", str(file), "--dry-run")["new"] == 2
    said = world.tocsin.run("assets", "import", str(file))
    assert "Harbour" not in said
    assert "2" in said
    assert world.tocsin.json("assets", "count") == {"assets": 2, "stale": 2, "changes": 0}
    file.write_text("name,kind\nx,nothing\n")
    code, out, wrong = world.tocsin.call("assets", "import", str(file))
    assert (code, "Line 2" in wrong, "nothing" in out + wrong) == (1, True, False)
