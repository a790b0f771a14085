"""TAXII 2.1 as partners' programs use it: taxii2-client against the real server."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import select
from taxii2client.v21 import Server, as_pages

from support.abuse_reports import xarf
from support.ledger_examples import everything_of
from support.taxii_examples import MEDIA, Partner, incident, partner, patterns
from support.world import World, make_world
from tocsin.exchange.formats import check_document
from tocsin.exchange.ledger import PassedItem
from tocsin.exchange.protocols import CollectionWriter, TaxiiCollection, TaxiiObject
from tocsin.node.records import AuditEntry
from tocsin.pipeline.notify_now import notify_now


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path, '[tell]\nmode = "live"\n')
    with made.open:
        yield made


def test_each_partner_reads_what_the_gate_lets_it_have_and_what_is_taken_back_is_revoked(world: World) -> None:
    http = world.client()
    world.tocsin.run("keys", "node-make", "--format", "openpgp")
    one, other = partner(world, http, "B"), partner(world, http, "C")
    public = incident(world, "CLEAR", "public.example")
    named = incident(world, "AMBER", "named.example", "B")
    for tlp, value in (("AMBER", "other.example"), ("AMBER+STRICT", "strict.example"), ("RED", "red.example")):
        incident(world, tlp, value)
    incident(world, "CLEAR", "restricted.example", members=(1,))
    read = one.objects()
    assert patterns(read) == {"public.example", "named.example"}
    bundle = {"type": "bundle", "id": f"bundle--{'1' * 8}-1111-4111-8111-{'1' * 12}", "objects": read}
    (verdict,) = check_document("stix", json.dumps(bundle).encode())
    assert verdict.valid, verdict.faults
    assert sum(item["type"] == "grouping" for item in read) == 2
    assert not one.objects(added_after=datetime.now(UTC) + timedelta(days=1))
    # It is noted who has what, for recalls, before anybody asks.
    with world.node.database.reading() as session:
        assert {(row.partner_id, row.way) for row in session.scalars(select(PassedItem))} == {(1, "taxii")}
        assert len([row for row in session.scalars(select(AuditEntry)) if row.word == "item.sent"]) == 2
    # A new marking, and a recall: the one who read it learns that it is taken back, nobody else reads it any more.
    world.tocsin.run("incidents", "mark", public, "--tlp", "RED")
    world.tocsin.run("exchange", "recall", "--incident", named, "--code", "wrong")
    assert not other.objects()
    gone = {item["id"]: item for item in one.objects() if "modified" in item and item["type"] != "identity"}
    before = {item["id"]: item for item in read if "modified" in item and item["type"] != "identity"}
    assert gone.keys() == before.keys()
    for name, item in gone.items():
        assert item["revoked"] is True
        assert item["modified"] > before[name]["modified"]
        assert "example" not in json.dumps({key: text for key, text in item.items() if key != "created_by_ref"})
    (verdict,) = check_document("stix", json.dumps({**bundle, "objects": one.objects()}).encode())
    assert verdict.valid, verdict.faults
    # What goes once more has other names, since a revoked one has no later version.
    world.tocsin.run("incidents", "mark", public, "--tlp", "CLEAR", "--reason", "It was public")
    again = [item for item in one.objects() if item["type"] == "indicator" and "revoked" not in item]
    assert patterns(again) == {"public.example"}
    assert not {item["id"] for item in again} & before.keys()


def test_what_is_not_for_a_program_is_missing_and_wrong_requests_are_refused(world: World) -> None:
    http = world.client()
    one, other = partner(world, http, "B", "read", "post"), partner(world, http, "C")
    incident(world, "CLEAR", "public.example")
    foreign = other.path(0, "objects/")
    name = next(item["id"] for item in one.objects() if item["type"] == "indicator")
    mine, takes = one.path(0, "objects/"), one.path(1, "objects/")
    body = b'{"objects": []}'
    assert one.ask(mine).headers["X-TAXII-Date-Added-First"].endswith("Z")
    assert Server(f"{http.base_url}/taxii2/", user="x", password=one.secret).default.url == one.root.url
    wrong = ("limit=0", "limit=x", "next=%C3%A4", "added_after=monday", "match[version]=old")
    cases: list[tuple[int, str, str, dict[str, Any]]] = [
        (404, "GET", foreign, {}),
        (404, "GET", "other/", {}),
        (404, "GET", "root/collections/nothing/", {}),
        (404, "GET", f"{mine}indicator--00000000-0000-4000-8000-000000000000/", {}),
        (404, "GET", "root/status/00000000-0000-4000-8000-000000000000/", {}),
        (404, "GET", "root/status/../../etc/", {}),
        (403, "GET", takes, {}),
        (403, "POST", mine, {"content": body, "headers": {"Content-Type": MEDIA}}),
        (403, "DELETE", f"{mine}{name}/", {}),
        (405, "PUT", mine, {}),
        (406, "GET", mine, {"headers": {"Accept": "application/taxii+json;version=2.0"}}),
        (406, "GET", mine, {"headers": {"Accept": "application/json"}}),
        (415, "POST", takes, {"content": body, "headers": {"Content-Type": "application/json"}}),
        (413, "POST", takes, {"content": b" " * 10_000_001, "headers": {"Content-Type": MEDIA}}),
        (422, "POST", takes, {"content": b"{", "headers": {"Content-Type": MEDIA}}),
        (422, "POST", takes, {"content": b"[" * 100_000, "headers": {"Content-Type": MEDIA}}),
        (422, "POST", takes, {"content": body, "headers": {"Content-Type": MEDIA}}),
        *((400, "GET", f"{mine}?{query}", {}) for query in wrong),
        *((401, "GET", mine, {"headers": {"Authorization": sent}}) for sent in ("", "Bearer tcf", "Basic Og==")),
    ]  # fmt: skip
    for status, method, path, options in cases:
        answer = one.ask(path, method, **options)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, MEDIA), (method, path, answer.text)
        assert answer.json()["http_status"] == str(status)
    versions = one.shared.object_versions(name)["versions"]
    assert one.shared.get_object(name, version=versions[0])["objects"][0]["id"] == name
    assert [item["id"] for item in one.shared.get_manifest(type="indicator")["objects"]] == [name]
    assert one.ask(f"{mine}?match[spec_version]=2.0").json() == {}
    api = world.node.settings.api.model_copy(update={"requests_a_minute": 2})
    settings = world.node.settings.model_copy(update={"api": api})
    limited = World(world.folder, replace(world.node, settings=settings), open=world.open).client()
    limited.auth = ("x", one.secret)
    answers = [limited.get(f"/taxii2/{mine}", headers={"Accept": MEDIA}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["Retry-After"]) in range(1, 61)
    world.tocsin.run("stop", "--reason", "drill")
    assert one.ask(mine).status_code == 503
    world.tocsin.run("exchange", "token", "revoke", "B")
    assert one.ask("").status_code == 401


def fill(world: World, count: int, begin: int = 0) -> None:
    """So many objects in the collection of the first partner, all at one time."""
    at = world.now
    with world.node.database.begin() as session:
        collection = session.get_one(TaxiiCollection, 1, with_for_update=True)
        CollectionWriter(session, collection, at).write(9_000 + begin, [_object(begin + n) for n in range(count)])


def _object(number: int) -> dict[str, Any]:
    at = "2026-01-01T00:00:00.000Z"
    id_ = f"indicator--00000000-0000-4000-8000-{number:012d}"
    return {
        "type": "indicator", "spec_version": "2.1", "id": id_, "created": at, "modified": at, "valid_from": at,
        "pattern": f"[domain-name:value = 'n{number}.example']", "pattern_type": "stix",
    }  # fmt: skip


def by_date(one: Partner, size: int, which: int = 0) -> Iterator[str]:
    """As clients page that know no `next`: after the date of the last object, to an empty page."""
    after: dict[str, Any] = {}
    path = one.path(which, "objects/")
    while objects := (answer := one.ask(path, params={"limit": size, **after})).json().get("objects"):
        yield from (item["id"] for item in objects)
        after = {"added_after": answer.headers["X-TAXII-Date-Added-Last"]}


def test_while_others_write_each_object_is_read_exactly_once_at_any_page_size(world: World) -> None:
    one = partner(world, world.client(), "B")
    assert not one.objects()
    fill(world, 400)
    wanted, writes = 400, Event()

    def write() -> None:
        for number in range(20):
            fill(world, 10, 1_000 + 10 * number)
        writes.set()

    thread = Thread(target=write)
    thread.start()
    for size in (7, 33, 1_000):
        shared = one.shared
        pages = [page.get("objects", []) for page in as_pages(shared.get_objects, per_request=size)]
        ids = [item["id"] for page in pages for item in page]
        assert len(ids) == len(set(ids)) >= wanted
        assert max(map(len, pages)) <= size
    thread.join()
    assert writes.is_set()
    for ids in (
        list(by_date(one, 41)),
        [item["id"] for page in as_pages(one.shared.get_manifest, per_request=41) for item in page["objects"]],
    ):
        assert len(ids) == len(set(ids)) == 600
    # Equal content is never there twice.
    fill(world, 10, 1_000)
    with world.node.database.reading() as session:
        numbers = list(session.scalars(select(TaxiiObject.number)))
        times = list(session.scalars(select(TaxiiObject.added_at).order_by(TaxiiObject.number)))
    assert len(numbers) == 600
    assert times == sorted(set(times))


def test_events_of_its_team_are_read_once_each_in_the_order_in_which_they_came(world: World) -> None:
    http = world.client()
    one, other = partner(world, http, "B", team="sector"), partner(world, http, "C")
    assert len(other.root.collections) == 2, "no team of the directory, no events"
    assert other.ask(one.path(2, "objects/")).status_code == 404
    world.hear("192.0.2.130", "192.0.2.1", "198.51.100.7", "192.0.2.131")  # the second is another's, the third nobody's
    world.hear("192.0.2.140")
    wanted = ["192.0.2.130", "192.0.2.131", "192.0.2.140"]
    for size in (2, 5_000):
        pages = [page.get("objects", []) for page in as_pages(one.events.get_objects, per_request=size)]
        assert max(map(len, pages)) <= size
        read = [item for page in pages for item in page]
        assert [values(item) for item in read if item["type"] == "indicator"] == wanted
        assert len({item["id"] for item in read}) == len(read)
        named = [item for page in as_pages(one.events.get_manifest, per_request=size) for item in page["objects"]]
        assert [item["id"] for item in named] == [item["id"] for item in read]
    assert len(set(by_date(one, 2, 2))) == len(read)
    bundle = {"type": "bundle", "id": f"bundle--{'1' * 8}-1111-4111-8111-{'1' * 12}", "objects": read}
    (verdict,) = check_document("stix", json.dumps(bundle).encode())
    assert verdict.valid, verdict.faults
    last = read[-1]
    assert one.events.get_object(last["id"])["objects"] == [last]
    assert one.events.object_versions(last["id"])["versions"] == [last["created"]]
    assert one.ask(one.path(2, "objects/indicator--1/")).status_code == 404
    after = named[-1]["date_added"]
    world.hear("192.0.2.150")
    world.node.store.compact(min_files=2)
    new = one.events.get_objects(added_after=after)["objects"]
    assert [values(item) for item in new] == ["192.0.2.150"]
    said = ("--reason", "a call", "--said-by", "A")
    world.tocsin.run("directory", "assert", "sector", "prefix", "198.51.100.0/24", *said)
    notify_now(world.node, days=7, actor="test", now=world.now)
    later = one.events.get_objects(added_after=one.events.get_manifest()["objects"][-2]["date_added"])["objects"]
    assert [values(item) for item in later] == ["198.51.100.7"], "an older one that was told now comes now"
    with world.node.database.reading() as session:
        told = [row.detail for row in session.scalars(select(AuditEntry)) if row.word == "events.exported"]
    assert {(row["to"], row["form"]) for row in told} == {("partner:1", "taxii")}
    (world.folder / "rules.toml").write_text(STAYS)
    world.tocsin.run("rules", "set", world.folder / "rules.toml", "--why", "Law")
    assert not any(item["type"] == "indicator" for item in one.events.get_objects()["objects"])


STAYS = """\
title = "Law"
type = "law"
parties = ["all"]
edition = "1"

[[transfer]]
id = "no-facts"
class = ["technical"]
send = "nothing"
cites = "Art. 3"
"""


def values(indicator: dict[str, Any]) -> str:
    (value,) = patterns([indicator])
    return value


POSTED = {
    "type": "indicator", "spec_version": "2.1", "id": "indicator--6a1c3a52-8c3a-4b0e-9b6e-0d6b1f6e5a01",
    "created": "2026-11-01T00:00:00.000Z", "modified": "2026-11-01T00:00:00.000Z", "name": "Kit",
    "pattern": "[domain-name:value = 'posted.example']", "pattern_type": "stix",
    "valid_from": "2026-11-01T00:00:00.000Z",
    "object_marking_refs": ["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"],
}  # fmt: skip


def test_what_is_posted_waits_for_a_person_and_commands_nothing(world: World) -> None:
    one = partner(world, world.client(), "B", "read", "post")
    assert not one.objects()
    was = everything_of(world)
    status = one.inbox.add_objects({"objects": [POSTED, POSTED, {"type": "x"}]}, wait_for_completion=False)
    assert (status.status, status.total_count, status.pending_count, status.failure_count) == ("pending", 2, 1, 1)
    now = everything_of(world)
    changed = {name for name in now if now[name] != was[name]}
    assert changed == {"exchange_incoming", "exchange_item", "exchange_taxii_status", "audit_entry", "day_volume"}
    again = one.inbox.add_objects({"objects": [POSTED, POSTED, {"type": "x"}]}, wait_for_completion=False)
    assert again.id == status.id
    (item,) = world.tocsin.json("exchange", "list")["received"]
    assert (item["tlp"], item["state"]) == ("GREEN", "offered")
    adopted = world.tocsin.json("exchange", "adopt", str(item["item"]))["incident"]
    status.refresh()
    assert (status.status, status.success_count) == ("complete", 1)
    observables = world.tocsin.json("incidents", "show", adopted)["observables"]
    assert [(row["value"], row["role"]) for row in observables] == [("posted.example", "indicator")]
    declined = one.inbox.add_objects({"objects": [{**POSTED, "revoked": True}]}, wait_for_completion=False)
    (_, second) = sorted(world.tocsin.json("exchange", "list")["received"], key=lambda row: int(row["item"]))
    assert "1 revoked" in second["thing"]
    world.tocsin.run("exchange", "decline", str(second["item"]), "--reason", "Known")
    declined.refresh()
    assert [row["message"] for row in declined.failures] == ["declined"]


def test_what_was_recalled_or_must_never_be_held_is_not_taken(world: World) -> None:
    world.tocsin.run("keys", "node-make", "--format", "openpgp")
    one = partner(world, world.client(), "B", "read", "post")
    incident(world, "CLEAR", "public.example")
    (grouping,) = [item for item in one.objects() if item["type"] == "grouping"]
    reference = grouping["name"].partition(":")[0]
    world.tocsin.run("exchange", "recall", "--incident", reference, "--code", "wrong")
    status = one.inbox.add_objects({"objects": [grouping, POSTED]}, wait_for_completion=False)
    assert (status.status, {row["message"] for row in status.failures}) == ("complete", {"recalled"})
    assert not world.tocsin.json("exchange", "list")["received"]
    path, headers = one.path(1, "objects/"), {"Content-Type": MEDIA}
    content = json.dumps({"objects": [{**POSTED, "x_report": json.dumps(xarf())}]})
    answer = one.ask(path, "POST", content=content, headers=headers)
    assert answer.status_code == 422
    assert not world.tocsin.json("exchange", "list")["received"]
    assert len(world.tocsin.json("never-held", "list")) == 1
