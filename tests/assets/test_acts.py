"""The register is kept: by the CSIRT at once, by operators with its consent; a call sheet takes two persons."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from support.assets import FIELDS, Keeper
from support.world import World
from tocsin.assets import changes_waiting, stale_assets
from tocsin.assets.register import Asset, AssetChange, CallSheet, find_asset, neighbours
from tocsin.directory import read_team
from tocsin.incidents import IncidentReader
from tocsin.node.accounts import AccountRole, PermissionScope
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.records import AuditEntry
from tocsin.node.settings import AssetsSettings

ALL = PermissionScope(everything=True)


def asset_of(world: World, number: int) -> Asset:
    with world.node.database.reading() as session:
        return find_asset(session, ALL, number)


def operator_of(world: World, key: str = "operator") -> Keeper:
    return Keeper(world, AccountRole.OPERATOR, (read_team(world.node.database, key)[0].id,))


def test_only_a_name_is_needed(world: World, keeper: Keeper) -> None:
    found = asset_of(world, keeper.add("Water"))
    assert (found.name, found.kind, found.impact, found.needs) == ("Water", "service", "unknown", [])


def test_what_depends_on_it_is_found_through_others(world: World, keeper: Keeper) -> None:
    power = keeper.add(**FIELDS)
    cranes = keeper.add("Cranes", needs="Harbour power; electricity; 2019")
    food = keeper.add("Food import", needs=f"#{cranes}")
    with world.node.database.reading() as session:
        near = neighbours(session, ALL, find_asset(session, ALL, power))
    assert [(one.id, steps) for one, steps in near.dependents] == [(cranes, 1), (food, 2)]
    keeper.do("remove", asset=cranes)
    with world.node.database.reading() as session:
        assert neighbours(session, ALL, find_asset(session, ALL, food)).needs == []


def test_after_a_year_it_is_to_be_confirmed(world: World, keeper: Keeper) -> None:
    number, person = keeper.add("Water"), keeper.number

    def stale() -> int:
        with world.node.database.reading() as session:
            return stale_assets(session, IncidentReader(person, world.now))

    world.at(364)
    assert stale() == 0
    world.at(366)
    assert stale() == 1
    keeper.do("confirm", asset=(number,))
    assert stale() == 0


def test_an_operator_sends_and_a_person_decides(world: World, keeper: Keeper) -> None:
    number, operator = keeper.add(**FIELDS), operator_of(world)
    assert operator.do("change", asset=number, **{**FIELDS, "site": "Quay 5", "team": "sector"}).asset is None
    assert asset_of(world, number).site == "Quay 4"
    with world.node.database.reading() as session:
        assert changes_waiting(session, IncidentReader(keeper.number, world.now))[0] == 1
        (change,) = session.scalars(select(AssetChange))
    keeper.do("decide", change=change.id, approve=True)
    found = asset_of(world, number)
    assert (found.site, found.team_id) == ("Quay 5", operator.teams[0])  # it gives nothing to another
    with pytest.raises(ConflictError):
        keeper.do("decide", change=change.id, approve=True)


def test_another_operator_has_no_such_asset(world: World, keeper: Keeper) -> None:
    number, other = keeper.add(**FIELDS), operator_of(world, "outsider")
    for act, values in (("change", {"name": "x"}), ("remove", {}), ("acknowledge", {})):
        with pytest.raises(NotFoundError):
            other.do(act, asset=number, **values)
    with pytest.raises(NotFoundError):
        other.do("confirm", asset=(number,))


def sheet_of(world: World) -> CallSheet:
    with world.node.database.reading() as session:
        return session.scalars(select(CallSheet)).one()


def test_a_sheet_takes_two_persons_within_minutes(world: World, keeper: Keeper) -> None:
    number, other = keeper.add(**FIELDS), Keeper(world, AccountRole.ANALYST)
    sheet = keeper.do("ask", asset=(number,), holder="Safe of the duty room").sheet
    with pytest.raises(ConflictError, match="Another person"):
        keeper.do("print", sheet=sheet)
    with pytest.raises(ConflictError, match="another person"):
        keeper.do("approve", sheet=sheet)
    other.do("approve", sheet=sheet)
    with pytest.raises(ConflictError):
        other.do("print", sheet=sheet)
    assert keeper.do("print", sheet=sheet).assets == [number]
    world.now += timedelta(minutes=16)
    with pytest.raises(ConflictError, match="time"):
        keeper.do("print", sheet=sheet)
    other.do("destroy", sheet=sheet)
    made = sheet_of(world)
    assert (made.printed_at is not None, made.destroyed_by) == (True, f"person:{other.number}")
    with world.node.database.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.subject == f"call-sheet:{sheet}").order_by("id"))
        words = [one.word for one in entries]
    assert words == ["callsheet.asked", "callsheet.approved", "callsheet.printed", "callsheet.destroyed"]


@pytest.mark.parametrize(("name", "values"), [
    ("add", {"name": "x"}), ("confirm", {"asset": (1,)}), ("ask", {"asset": (1,), "holder": "x"}),
    ("import", {"text": "name\nx"}), ("remove", {"asset": 1}), ("decide", {"change": 1}), ("print", {"sheet": 1}),
])  # fmt: skip
def test_where_it_is_off_nothing_is_done(world: World, keeper: Keeper, name: str, values: dict[str, Any]) -> None:
    world.node = replace(world.node, settings=world.node.settings.model_copy(update={"assets": AssetsSettings()}))
    with pytest.raises(NotFoundError):
        keeper.do(name, **values)
