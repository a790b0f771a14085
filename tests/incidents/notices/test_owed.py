"""What this CSIRT owes for a notice: an item with its deadline, from when it was filed until it is answered."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from support.console_users import Browser, browsers_of, person
from support.page_examples import OPERATOR
from support.world import World, copy_world, make_world, text_of
from tocsin.cli.acts import every_act
from tocsin.incidents import IncidentReader, find_incident
from tocsin.incidents.clocks import OUR_ANSWER, clocks_of
from tocsin.incidents.notices import find_notice
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.to_do import KINDS, Item, every_item

ACTS: Final = {act.operation: act for act in every_act()}
FIELDS: Final = {"aware_at": "2026-11-15 08:00", "what": "Ransomware", "malicious": "yes", "cross_border": "unknown"}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        person(made.node, AccountRole.ANALYST, now=made.now)
        yield made


def do(world: World, operation: str, **values: Any) -> Any:
    act = ACTS[operation]
    context = ActContext(world.node, world.now, "person:1", "Analyst", 1, act=act)
    return act.perform(context, read_request(act, values))


def file(world: World, kind: str = "early_warning", **more: Any) -> str:
    given = {"team": OPERATOR, "law": "nis2", "kind": kind, "door": "paper", "received_at": world.now, "fields": FIELDS}
    return str(do(world, "addNotice", **(given | more)).reference)


def adopt(world: World) -> None:
    do(world, "adoptClockText", law="nis2", checked_by="Legal office")


def items(world: World) -> list[Item]:
    return [one for one in every_item(world.node, world.now, 1) if one.kind in {ItemKind.NOTICES, ItemKind.INBOX}]


def test_an_early_warning_is_an_item_due_in_a_day_until_it_is_answered(world: World) -> None:
    adopt(world)
    reference, filed = file(world), world.now
    (item,) = items(world)
    assert (item.kind, item.count, item.due) == (ItemKind.NOTICES, 1, filed + timedelta(hours=24))
    assert str(KINDS[item.kind].title(item)) == "1 NIS2 notification to answer"
    world.at(3)
    corrected = file(world, corrects=reference)
    assert [one.due for one in items(world)] == [filed + timedelta(hours=24)]  # a correction gives no more time
    do(world, "takeInboxReport", reference=corrected)
    assert [one.due for one in items(world)] == [filed + timedelta(hours=24)]  # nor is it done by who takes it
    do(world, "answerNotice", reference=corrected, text="Isolate the servers.")
    assert items(world) == []


def test_without_an_adopted_text_it_is_an_item_until_somebody_takes_it(world: World) -> None:
    reference = file(world)
    (item,) = items(world)
    assert (item.kind, item.due) == (ItemKind.NOTICES, None)
    assert "has no owner (NIS2)" in str(KINDS[item.kind].title(item))
    do(world, "takeInboxReport", reference=reference)
    assert items(world) == []


def test_one_that_needs_no_answer_ends_with_a_reason(world: World) -> None:
    adopt(world)
    reference = file(world)
    opened = do(world, "openIncidentInboxReport", reference=(reference,))[0]
    assert [one.due for one in items(world)] == [world.now + timedelta(hours=24)]
    do(world, "waiveNotice", reference=reference, reason="Told by telephone")
    assert items(world) == []
    assert our_clocks(world, opened.incident) == ["not-applicable"]
    with pytest.raises(ConflictError):
        do(world, "waiveNotice", reference=reference, reason="Again")
    with world.node.database.reading() as session:
        assert find_notice(session, IncidentReader(1, world.now), reference).state == "waived"


@pytest.mark.parametrize(("end", "state"), [("answerNotice", "met"), ("waiveNotice", "not-applicable")])
def test_an_incident_that_is_opened_afterwards_has_no_clock_of_what_is_done(world: World, end: str, state: str) -> None:
    adopt(world)
    reference = file(world)
    do(
        world,
        end,
        reference=reference,
        **({"text": "Isolate it."} if end == "answerNotice" else {"reason": "By phone"}),
    )
    world.at(1)
    opened = do(world, "openIncidentInboxReport", reference=(reference,))[0]
    assert our_clocks(world, opened.incident) == [state]
    assert items(world) == []


def our_clocks(world: World, incident: str) -> list[str]:
    reader = IncidentReader(1, world.now)
    with world.node.database.reading() as session:
        clocks = clocks_of(session, reader, [find_incident(session, reader, incident)])
        return [one.state for one in clocks if one.due_notice == OUR_ANSWER]


def test_its_page_says_the_deadline_and_has_the_acts(world: World) -> None:
    adopt(world)
    reference = file(world)
    with browsers_of(world, AccountRole.ANALYST, AccountRole.AUDITOR) as (analyst, auditor):
        page = analyst.get(f"/notices/{reference}")
        due = f"{world.now + timedelta(hours=24):%Y-%m-%d %H:%M}"
        assert f"is due on {due} UTC" in text_of(page)
        assert "1 NIS2 notification to answer" in text_of(analyst.get("/today"))
        for act in ("open-incident", "put"):
            (link,) = re.findall(rf'href="(/reports/public/act\?act={act}&amp;[^"]+)"', page.text)
            assert analyst.get(link.replace("&amp;", "&")).status_code == 200
        assert due in text_of(analyst.get("/notices"))
        seen = auditor.get(f"/notices/{reference}").text
        assert "open-incident" not in seen
        assert "no-answer" not in seen
        assert "done" in waived(analyst, reference)
    assert items(world) == []


def waived(browser: Browser, reference: str) -> str:
    assert browser.send(f"/notices/{reference}/no-answer").status_code == 422
    answer = browser.send(f"/notices/{reference}/no-answer", reason="By telephone")
    return "done" if answer.status_code == 303 else text_of(answer)
