"""A MISP is pulled: each event with every change of it, once, however it lists them; what is gone is noted."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.abuse_reports import REFERENCE, canaries, noted, xarf
from support.cast import Tocsin
from support.collected_reports import spooled, stored
from support.https_server import Answer, WebServer
from support.misp_server import FakeMisp
from tocsin.pipeline.collectors import CollectedOffer, MispSettings, open_misp, read_collectors
from tocsin.pipeline.collectors.kinds import Memory
from tocsin.pipeline.collectors.misp import MispCollector, changed_events

NOW = int(time.time()) - 3_600
LOCAL = ["127.0.0.0/8"]


@pytest.fixture
def misp(server: WebServer) -> FakeMisp:
    return FakeMisp(server)


@pytest.fixture
def pull(collect: Callable[..., None], server: WebServer, secret: str) -> Callable[..., None]:
    """Writes the collector's settings."""

    def write(**settings: object) -> None:
        collect("misp", **{"url": server.url(""), "secret_file": secret, "networks": LOCAL, **settings})

    return write


@pytest.fixture
def settings(server: WebServer, secret: str, certificate: tuple[Path, Any]) -> MispSettings:
    table = {
        "kind": "misp", "url": server.url(""), "secret_file": secret, "networks": LOCAL,
        "ca_file": str(certificate[0] / "certificate.pem"),
    }  # fmt: skip
    found = read_collectors({"it": table})["it"]
    assert isinstance(found, MispSettings)
    return found


def offers(settings: MispSettings, home: Path, memory: Memory) -> list[CollectedOffer]:
    """What is offered, each report read before the next one is asked for."""
    found = []
    with MispCollector(settings, home).look(memory) as looked:
        for offer in looked:
            assert all(b"".join(item.read()) for item in offer.items)
            found.append(offer)
    return found


def test_each_event_is_taken_once_and_again_when_it_changes(
    tocsin: Tocsin, pull: Callable[..., None], misp: FakeMisp
) -> None:
    pull()
    first, other = misp.put(NOW - 20, "192.0.2.1"), misp.put(NOW - 10, "192.0.2.2")
    misp.put(NOW - 15, "192.0.2.9", published=False)

    assert [len(offer["reports"]) for offer in tocsin.json("collect", "run", "it", "--dry-run")] == [1, 1]
    assert misp.viewed() == []
    assert tocsin.json("collect", "run", "it")[0]["reports"] == 2
    assert tocsin.json("collect", "run", "it")[0]["reports"] == 0
    misp.change(first, NOW, "192.0.2.3")
    [third] = tocsin.json("collect", "run", "it")

    assert (third["reports"], [label.split()[1].strip(",") for label in third["taken"]]) == (1, [first])
    assert misp.viewed() == [first, other, first]
    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert spooled(tocsin) == []


def test_filters_are_asked_for(tocsin: Tocsin, pull: Callable[..., None], misp: FakeMisp) -> None:
    pull(tags=["tlp:green"], published=False)
    wanted = misp.put(NOW, "192.0.2.1", published=False, tags=["tlp:green"])
    misp.put(NOW, "192.0.2.2", tags=["tlp:red"])
    [offer] = tocsin.json("collect", "run", "it", "--dry-run")
    assert offer["reports"] == [{"name": f"{wanted}-{NOW}.json", "bytes": None}]
    pull(pull=False)
    assert tocsin.json("collect", "run", "it", "--dry-run") == []


def test_pages_are_read_to_the_end_though_times_are_equal_and_events_change_meanwhile(
    tocsin: Tocsin, settings: MispSettings, misp: FakeMisp
) -> None:
    uuids = [misp.put(NOW - 100 + at, "192.0.2.1") for at in (0, 1, 1, 1, 1, 1, 1, 2)]
    moved: list[str] = []

    def move() -> None:
        if not moved:
            moved.append(uuids[0])
            misp.change(uuids[0], NOW)

    misp.paged = move
    with open_misp(settings, tocsin.home) as server:
        found = list(changed_events(server, settings, NOW - 100, limit=3))
    assert sorted({one.uuid for one in found}) == sorted(uuids)
    assert [one.changed for one in found if one.uuid == uuids[0]] == [NOW - 100, NOW]
    assert len(found) == len(uuids) + 1


def test_what_is_deleted_or_gone_is_noted_and_a_late_one_is_taken(
    tocsin: Tocsin, settings: MispSettings, misp: FakeMisp
) -> None:
    stays, goes = misp.put(NOW - 20, "192.0.2.1", "192.0.2.2"), misp.put(NOW - 10, "192.0.2.3")
    now = datetime.now(UTC)
    first = offers(settings, tocsin.home, Memory(now))
    cursor = dict(first[-1].cursor)
    known = frozenset(offer.key for offer in first)
    assert cursor == {"since": str(NOW - 10)}

    misp.change(stays, NOW, deleted="192.0.2.2")
    del misp.events[goes]
    late = misp.put(NOW - 15, "192.0.2.4")  # it came from another MISP with its own, older time
    same_day = offers(settings, tocsin.home, Memory(now, cursor, known, now))
    assert [offer.key for offer in same_day] == [f"{stays}:{NOW}", f"{stays}:{NOW}:deleted"]
    assert "in this event: 1." in same_day[1].refused
    next_day = offers(settings, tocsin.home, Memory(now, cursor, known, now - timedelta(days=1)))
    assert {offer.key for offer in next_day} == {
        f"{late}:{NOW - 15}", f"{stays}:{NOW}", f"{stays}:{NOW}:deleted", f"{goes}:{NOW - 10}:gone",
    }  # fmt: skip
    again = known | {offer.key for offer in next_day}
    assert offers(settings, tocsin.home, Memory(now, cursor, again, now - timedelta(days=1))) == []


def test_an_event_that_cannot_be_read_is_asked_for_again_and_holds_up_no_other(
    tocsin: Tocsin, pull: Callable[..., None], misp: FakeMisp, server: WebServer
) -> None:
    pull()
    broken = misp.put(NOW - 20, "192.0.2.1")
    misp.put(NOW - 10, "192.0.2.2")
    path = f"/events/view/{broken}/deleted[]:0/deleted[]:1/excludeGalaxy:1/includeAttachments:0"
    server.pages[path] = Answer(b'{"name": "Error", "message": "An Internal Error Has Occurred."}', 500)
    [first] = tocsin.json("collect", "run", "it", code=1)
    assert (first["reports"], "An Internal Error Has Occurred" in first["error"]) == (1, True)
    del server.pages[path]
    assert tocsin.json("collect", "run", "it")[0]["reports"] == 1
    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2"]


ODD = {
    "redirect": (Answer(status=302, headers={"Location": "https://127.0.0.1:1/elsewhere"}), "302"),
    "page": (Answer(b"<html>"), "does not answer with JSON"),
    "deep": (Answer(b"[" * 100_000), "does not answer with JSON"),
    "object": (Answer(b'{"rows": 1}'), "no list of events"),
    "large": (Answer(b" " * 1_000_001), "more than 1,000,000 bytes"),
    "order": (
        Answer(b'[{"uuid": "00000000-0000-4000-8000-000000000001", "publish_timestamp": "9"},'
               b'{"uuid": "00000000-0000-4000-8000-000000000002", "publish_timestamp": "8"}]'),
        "in the order asked for",
    ),
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_what_a_server_answers_wrongly_is_said(
    tocsin: Tocsin, pull: Callable[..., None], misp: FakeMisp, odd: str
) -> None:
    misp.server.pages["/events/index"], words = ODD[odd]
    pull(max_bytes=1_000_000)
    code, _, said = tocsin.call("collect", "run", "it")
    assert (code, words in said) == (1, True), said
    assert misp.calls == []


def test_a_private_address_that_is_not_named_is_not_asked_and_no_key_is_shown(
    tocsin: Tocsin, pull: Callable[..., None], misp: FakeMisp, secret: str
) -> None:
    pull(networks=["10.0.0.0/8"])
    code, out, said = tocsin.call("collect", "run", "it")
    assert (code, "no public address" in said, misp.calls) == (1, True, [])
    pull()
    (tocsin.home / secret).write_text("an0ther")
    code, more_out, more_said = tocsin.call("collect", "run", "it")
    assert (code, "Authentication failed" in more_said) == (1, True)
    assert not any(key in out + said + more_out + more_said for key in ("s3cret", "an0ther"))


def test_of_what_must_never_be_held_a_reference_alone_is_written(
    tocsin: Tocsin, pull: Callable[..., None], misp: FakeMisp
) -> None:
    uuid = misp.put(NOW, "192.0.2.1")
    misp.events[uuid]["Object"] = [xarf()]
    pull()
    tocsin.call("collect", "run", "it")
    assert canaries(tocsin.home) == []
    assert noted(tocsin.home) == [("csam", REFERENCE, "collector it")]


def test_what_a_partner_recalled_does_not_come_back(settings: MispSettings, misp: FakeMisp, tocsin: Tocsin) -> None:
    recalled, other = misp.put(NOW - 20, "192.0.2.1"), misp.put(NOW - 10, "192.0.2.2")
    memory = Memory(datetime.fromtimestamp(NOW, UTC), recalled=frozenset({recalled}))
    found = [(one.label.split()[1].strip(","), len(one.items)) for one in offers(settings, tocsin.home, memory)]
    assert found == [(recalled, 0), (other, 1)]
    assert misp.viewed() == [other]
    # Where nothing shows that the partner is its source, it comes in, and a person is asked.
    memory = replace(memory, recalled=frozenset(), claimed=memory.recalled)
    claimed = [(set(one.claimed), len(one.items)) for one in offers(settings, tocsin.home, memory)]
    assert claimed == [({recalled}, 1), (set(), 1)]
