"""The API of MISP as partners' programs use it: PyMISP, and our own client, against the real server."""

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import md5
from pathlib import Path
from time import process_time
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymisp import MISPEvent, MISPObject, PyMISP
from sqlalchemy import select
from sqlalchemy.event import listen

from support.ledger_examples import agreement_of
from support.partner_examples import NODE, do
from support.world import World, copy_world, make_world
from tocsin.exchange.agreements import StoredAgreement
from tocsin.exchange.agreements.models import AgreementSignature
from tocsin.exchange.ledger import OfferedItem, PassedItem
from tocsin.exchange.protocols import ProgramCaller
from tocsin.exchange.protocols.misp.answering import WRITES
from tocsin.exchange.protocols.misp.event_reader import EventReader
from tocsin.exchange.protocols.misp.queries import NoMatchError, read_query, read_terms
from tocsin.exchange.protocols.misp.visible_events import VisibleEvent, VisibleEvents
from tocsin.incidents import Incident, IncidentReader, ObservableKind, add_incident, add_observable, find_incident
from tocsin.interface import ActContext
from tocsin.node.errors import InputError, WithheldError
from tocsin.node.records import AuditAction, AuditEntry, node_uuid
from tocsin.pipeline.misp_push import MispPush, MispPushResult, push

NAME = "CERT B"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    """A node with a partner that is in the directory, and another without a token."""
    made = copy_world(fresh, tmp_path)
    do(made, "add", name=NAME, node=NODE, team="nat-b")
    with made.open:
        yield made


def token(world: World, *scopes: str, name: str = NAME) -> str:
    options = [word for scope in scopes or ("read", "post") for word in ("--scope", scope)]
    return str(world.tocsin.json("exchange", "token", "make", name, "--protocol", "misp", *options)["secret"])


@pytest.fixture
def client(world: World) -> httpx.Client:
    """A program that signs in."""
    made = world.client()
    made.headers["Authorization"] = token(world)
    return made


@pytest.fixture
def misp(client: httpx.Client) -> Any:
    made = PyMISP(f"{str(client.base_url).rstrip('/')}/misp/", str(client.headers["Authorization"]))
    made.toggle_global_pythonify()
    return made


def incident(world: World, tlp: str = "GREEN") -> UUID:
    with world.node.database.begin() as session:
        made = add_incident(session, title="Cards for sale", rsit_type="phishing", tlp=tlp, actor="x", now=world.now)
        for value, label in (("login.example", "GREEN"), ("secret.example", "AMBER")):
            add_observable(session, made, ObservableKind.DOMAIN, value, role="indicator", tlp=label, now=world.now)
        return made.uuid


def items(world: World) -> list[OfferedItem]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(OfferedItem).order_by(OfferedItem.id)).all())


def new_event(value: str = "192.0.2.7", /, **said: Any) -> MISPEvent:
    event = MISPEvent()
    event.from_dict(**{"info": "Scans", "distribution": 3, **said})
    event.add_attribute("ip-src", value)
    return event


def test_an_event_is_added_edited_searched_tagged_sighted_and_offered(world: World, misp: Any) -> None:
    made = new_event()
    made.add_tag("tlp:green")
    thing = made.add_object(MISPObject("file"))
    thing.add_attribute("filename", "a.exe")
    event: Any = misp.add_event(made)
    assert (event.uuid, [one.value for one in event.attributes]) == (made.uuid, ["192.0.2.7"])
    assert [one.value for one in event.objects[0].attributes] == ["a.exe"]
    again: Any = misp.add_event(made)
    assert again["errors"][0] == 404

    event.info = "More scans"
    event.add_attribute("domain", "bad.example")
    event = misp.update_event(event)
    assert (event.info, [one.value for one in event.attributes]) == ("More scans", ["192.0.2.7", "bad.example"])
    attribute: Any = misp.update_attribute({"to_ids": False, "comment": "gone"}, event.attributes[1].id)
    assert (attribute.to_ids, attribute.comment, attribute.value) == (False, "gone", "bad.example")
    assert misp.tag(event, "case:seven")["success"] is True
    assert misp.tag(event.attributes[0], "tlp:red")["success"] is True
    assert misp.add_sighting({"value": "192.0.2.7"}).attribute_id == str(event.attributes[0].id)
    assert misp.delete_attribute(event.attributes[1])["message"] == "Attribute deleted."

    for asked in ({"value": "192.0.2.7"}, {"value": "192.0.%"}, {"tags": "case:seven"}, {"eventid": event.uuid}):
        assert [one.uuid for one in misp.search(**asked)] == [event.uuid], asked
    for asked in ({"value": "192.0.2.8"}, {"value": "%2.7"}, {"tags": {"NOT": ["case:seven"]}}, {"timestamp": "5x"}):
        assert misp.search(**asked) == [], asked
    found: Any = misp.get_event(event)
    assert [len(one.sightings) for one in found.attributes] == [1]
    assert sorted(tag.name for tag in found.tags) == ["case:seven", "tlp:green"]
    assert len(misp.get_event(event, deleted=True).attributes) == 2
    assert misp.event_exists(event)
    assert not misp.event_exists(str(uuid4()))

    (item,) = items(world)
    assert (item.title, item.tlp, item.state, item.way, item.verified) == (
        "More scans",
        "RED",
        "offered",
        "misp",
        False,
    )
    proposed: Any = misp.add_attribute_proposal(event, {"type": "ip-dst", "value": "198.51.100.1"})
    assert [one.uuid for one in misp.attribute_proposals(event)] == [proposed.uuid]
    assert misp.publish(event)["success"] is True
    assert [one.code for one in items(world)] == ["publish"]
    assert misp.delete_event(event)["success"] is True
    assert [one.code for one in items(world)] == ["deleted"]
    assert not misp.event_exists(event)
    assert misp.add_event(made)["errors"][0] == 403


def test_incidents_are_read_as_the_gate_lets_and_who_read_them_is_noted(world: World, misp: Any) -> None:
    uuid, hidden = incident(world), incident(world, "AMBER")
    found: Any = misp.get_event(str(uuid))
    assert [one.value for one in found.attributes] == ["login.example"]
    assert "tlp:green" in {tag.name for tag in found.tags}
    assert [one.uuid for one in misp.search(value="login.example")] == [str(uuid)]
    assert [one.uuid for one in misp.search_index()] == [str(uuid)]
    for name in (str(hidden), "secret.example"):
        assert misp.search(value=name, uuid=name) == []
    assert misp.get_event(str(hidden))["errors"][0] == 404
    with world.node.database.reading() as session:
        rows = session.scalars(select(PassedItem)).all()
        assert [(one.item, one.way, one.version, one.outgoing_id) for one in rows] == [(uuid, "misp-api", 1, None)]


def test_an_agreement_lets_amber_go_is_a_sharing_group_and_ends_both_when_it_is_left(world: World, misp: Any) -> None:
    world.after_today(0).tocsin.run("keys", "node-make", "--format", "openpgp")
    uuid = incident(world, "AMBER")
    assert (misp.get_event(str(uuid))["errors"][0], misp.sharing_groups()) == (404, [])
    number, own = agreement_of(world)["agreement"], node_uuid(world.node.database)
    with world.node.database.begin() as session:
        session.get_one(StoredAgreement, number).adopted_at = world.now
        session.add_all(AgreementSignature(agreement_id=number, node=one, key="", signature="", at=world.now)
                        for one in (own, NODE))  # fmt: skip
    (group,) = misp.sharing_groups()
    assert (group.uuid, group.name, group.releasability) == (
        str(UUID(int=77)), "Regional exchange", "The parties of this agreement (mou)",
    )  # fmt: skip
    assert {one.Organisation["uuid"] for one in group.sgorgs} == {str(own), str(NODE)}
    assert misp.get_sharing_group(group).id == group.id
    event: Any = misp.get_event(str(uuid))
    assert {one.value for one in event.attributes} == {"login.example", "secret.example"}
    with world.node.database.reading() as session:
        (sent,) = session.scalars(select(AuditEntry.detail).where(AuditEntry.word == "item.sent"))
    assert (sent["ground"], sent["agreement"]) == ("agreement", group.uuid)
    assert pushed(world, uuid).marking == ["TLP:AMBER"]

    made = new_event(distribution=4, sharing_group_id=9)
    made.add_tag("tlp:green")
    misp.add_event(made)
    assert items(world)[0].tlp == "AMBER+STRICT"  # nobody knows who is in that group

    world.tocsin.run("exchange", "agreements", "leave", str(number))
    assert (misp.get_event(str(uuid))["errors"][0], misp.sharing_groups()) == (404, [])
    with pytest.raises(WithheldError):
        pushed(world, uuid)


def pushed(world: World, uuid: UUID) -> MispPushResult:
    """What would go of an incident to the partner's own MISP."""
    there = {"kind": "misp", "url": "https://misp.example", "secret_file": "key", "partner": NAME}
    settings = world.node.settings.model_copy(update={"collect": {"theirs": there}})
    context = ActContext(replace(world.node, settings=settings), world.now, "test")
    with world.node.database.reading() as session:
        reference = session.scalars(select(Incident.reference).where(Incident.uuid == uuid)).one()
    return push(context, MispPush(to="theirs", incident=reference, preview=True))


def test_an_edit_of_an_incident_is_a_proposal_and_changes_nothing(world: World, misp: Any) -> None:
    uuid = incident(world)
    event: Any = misp.get_event(str(uuid))
    event.add_attribute("domain", "more.example")
    event.attributes[0].comment = "ours as well"
    misp.update_event(event)
    assert sorted(one.value for one in misp.attribute_proposals(event)) == ["login.example", "more.example"]
    assert misp.add_attribute(event, {"type": "domain", "value": "third.example"}).value == "third.example"
    assert misp.add_sighting({"value": "login.example"}).event_id == str(event.id)
    for refused in (misp.delete_event(event), misp.tag(event, "x"), misp.publish(event)):
        assert refused["errors"][0] == 403
    (item,) = items(world)
    assert item.title.startswith("Proposals and sightings: ")
    with world.node.database.reading() as session:
        made = find_incident(session, IncidentReader(None, world.now), item.title.split(": ")[1])
        assert {one.value for one in made_observables(session, made.id)} == {"login.example", "secret.example"}


def made_observables(session: Any, number: int) -> list[Any]:
    from tocsin.incidents import IncidentObservable

    return list(session.scalars(select(IncidentObservable).where(IncidentObservable.incident_id == number)).all())


def test_what_was_offered_is_adopted_with_its_observables(world: World, misp: Any) -> None:
    event = new_event()
    event.add_tag("tlp:green")
    misp.add_event(event)
    (item,) = items(world)
    reference = world.tocsin.json("exchange", "adopt", str(item.id))["incident"]
    with world.node.database.reading() as session:
        made = find_incident(session, IncidentReader(None, world.now), reference)
        assert [one.value for one in made_observables(session, made.id)] == ["192.0.2.7"]
        assert made.tlp == "GREEN"


def test_of_all_that_is_said_of_a_marking_the_strictest_holds(world: World, misp: Any) -> None:
    said = (
        ({"distribution": 0}, "tlp:green", "AMBER+STRICT"), ({"distribution": 3}, "tlp:clear", "CLEAR"),
        ({"distribution": 1}, "tlp:clear", "GREEN"), ({"distribution": 3}, "", "AMBER+STRICT"),
        ({"distribution": 3}, "tlp:pink", "RED"), ({"distribution": 3}, "tlp:amber", "AMBER"),
    )  # fmt: skip
    for values, tag, _ in said:
        event = new_event(distribution=values["distribution"])
        if tag:
            event.add_tag(tag)
        misp.add_event(event)
    assert [one.tlp for one in items(world)] == [wanted for _, _, wanted in said]


def test_what_is_not_in_the_list_is_refused_as_misp_refuses(world: World, client: httpx.Client) -> None:
    for method, path in (
        ("POST", "users/add"), ("GET", "servers/serverSettings"), ("POST", "feeds/add"), ("DELETE", "events/view/1"),
        ("POST", "galaxies/pushCluster"), ("GET", "logs/index"), ("POST", "events/freeTextImport/1"), ("GET", ""),
    ):  # fmt: skip
        answer = client.request(method, f"/misp/{path}")
        assert (answer.status_code, {"name", "message", "url"} - answer.json().keys()) == (403, set()), path
    client.headers["Authorization"] = "x" * 40
    assert client.get("/misp/events/index").status_code == 403
    client.headers["Authorization"] = token(world, "read")
    assert client.post("/misp/events/add", json={"info": "x"}).status_code == 403
    assert client.get("/misp/events/index").json() == []
    api = world.node.settings.api.model_copy(update={"requests_a_minute": 2})
    settings = world.node.settings.model_copy(update={"api": api})
    limited = World(world.folder, replace(world.node, settings=settings), open=world.open).client()
    limited.headers["Authorization"] = client.headers["Authorization"]
    assert [limited.get("/misp/events/index").status_code for _ in range(3)] == [200, 200, 429]


_KNOWN = str(UUID(int=5))
_NAMES = (
    "Event", "Attribute", "Object", "ObjectReference", "ShadowAttribute", "Sighting", "Tag", "SharingGroup", "Orgc",
    "request", "uuid", "id", "info", "name", "type", "value", "values", "tag", "timestamp", "date", "distribution",
    "deleted", "published", "object_uuid", "attribute_uuid", "tags", "eventid", "limit", "page",
)  # fmt: skip
_LEAVES = (
    None, True, 0, -1, 2**70, 1e300, "", "1", "x", "%", "5d", "1e999", "9" * 5_000, "\0", "\ud800", "ä", _KNOWN,
    "tlp:red", "ip-src", "192.0.2.7",
)  # fmt: skip
_JSON = st.recursive(
    st.sampled_from(_LEAVES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=6),
    max_leaves=12,
)
_RIGHT = {
    "info": "x", "type": "ip-src", "value": "192.0.2.7", "name": "file", "tag": "tlp:red", "Tag": [{"name": "tlp:red"}],
}  # fmt: skip
_WRONG = st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=2).map(lambda said: {**_RIGHT, **said})
_SENT = st.one_of(
    _WRONG, _JSON, st.lists(_WRONG, max_size=2), st.dictionaries(st.sampled_from(_NAMES), _WRONG, max_size=1),
    st.builds(lambda name, inner: {**_RIGHT, name: [inner]}, st.sampled_from(("Attribute", "Object")), _WRONG),
)  # fmt: skip
_ENDLESS = b'{"info": "' + b'\\"' * 100_000  # each quote could begin a text that is looked for to the end
_NO_JSON = (
    _ENDLESS, b"{", b'{"info": "\xff"}', b'{"info": NaN}', b'{"a": ' * 200, b'{"info": "x"', b'{"info": "x", 1: 2}',
)  # fmt: skip
_BODY = _SENT.map(lambda said: json.dumps(said).encode()) | st.sampled_from(_NO_JSON)


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(sorted(WRITES)), of=st.sampled_from(("", "1", "2", _KNOWN, "9" * 30, "%00")), body=_BODY)
def test_whatever_a_program_writes_is_done_or_refused_as_misp_refuses(
    world: World, fuzzed: httpx.Client, name: str, of: str, body: bytes
) -> None:
    before = len(items(world))
    answer = fuzzed.post(f"/misp/{name}/{of}", content=body)
    assert answer.status_code in {200, 400, 403, 404}, answer.text
    if answer.status_code != 200:
        assert answer.json().keys() >= {"name", "message", "url"}
        assert len(items(world)) == before


@pytest.fixture
def fuzzed(client: httpx.Client) -> httpx.Client:
    """A program that has written an event."""
    attribute = {"uuid": _KNOWN, "type": "ip-src", "value": "192.0.2.7"}
    event = {"uuid": _KNOWN, "info": "x", "Attribute": [attribute], "Object": [{"uuid": _KNOWN, "name": "file"}]}
    assert client.post("/misp/events/add", json=event).status_code == 200
    return client


@settings(max_examples=60, deadline=None, derandomize=True)
@given(event=st.dictionaries(st.sampled_from(_NAMES[4:]), _JSON), parts=st.lists(_JSON), block=st.integers(1, 9))
def test_an_event_that_is_read_in_pieces_is_the_same(event: Any, parts: list[Any], block: int) -> None:
    parts = [{"of": one} for one in parts]
    body = json.dumps({"Event": {**event, "Attribute": parts}}, ensure_ascii=False)
    try:
        whole = body.encode()
    except UnicodeError:
        return
    found = list[Any]()
    reader = EventReader(lambda _, part: found.append(part), block=block)
    if any(sign in body for sign in ("\\u0000", "\\ud800")):
        with pytest.raises(InputError):
            reader.read(whole)
    else:
        assert (reader.read(whole), found) == (event, parts)


def test_a_misp_that_pushes_and_pulls_makes_these_calls(client: httpx.Client) -> None:
    uuid, seen = str(uuid4()), str(uuid4())
    version = client.get("/misp/servers/getVersion").json()
    assert (version["perm_sync"], version["perm_galaxy_editor"], version["perm_analyst_data"]) == (True, False, False)
    assert client.post("/misp/servers/postTest", json={"testString": "ä"}).json()["body"] == {"testString": "ä"}
    event = {
        "uuid": uuid,
        "info": "Scans",
        "timestamp": "1700000000",
        "published": True,
        "distribution": "1",
        "Attribute": [{"uuid": seen, "type": "ip-src", "category": "Network activity", "value": "192.0.2.7"}],
    }
    asked = [{"Event": {"uuid": uuid, "timestamp": "1700000000"}}]
    assert client.post("/misp/events/filterEventIdsForPush", json=asked).json() == [uuid]
    assert client.head(f"/misp/events/view/{uuid}").status_code == 404
    added = client.post("/misp/events/add/metadata:1", json={"Event": event}).json()["Event"]
    assert (added["uuid"], added["timestamp"], added["attribute_count"]) == (uuid, "1700000000", "1")
    assert client.post("/misp/events/filterEventIdsForPush", json=asked).json() == []
    again = client.post("/misp/events/add/metadata:1", json={"Event": event})
    assert (again.status_code, again.headers["location"].rpartition("/")[2]) == (404, added["id"])
    newer = {**event, "timestamp": "1700000001", "info": "More scans"}
    assert client.post(f"/misp/events/edit/{uuid}/metadata:1", json={"Event": newer}).status_code == 200
    older = client.post(f"/misp/events/edit/{uuid}", json={"Event": {**event, "timestamp": "1600000000"}})
    assert (older.status_code, older.json()["saved"]) == (403, False)
    sightings = [{"uuid": str(uuid4()), "attribute_uuid": seen, "type": "0", "date_sighting": "1700000000"}]
    names = [one["uuid"] for one in sightings]
    assert client.post(f"/misp/sightings/filterSightingUuidsForPush/{uuid}", json=names).json() == names
    assert client.post(f"/misp/sightings/bulkSaveSightings/{uuid}", json=sightings).status_code == 200
    assert client.post(f"/misp/sightings/filterSightingUuidsForPush/{uuid}", json=names).json() == []
    listed = client.post("/misp/events/index", json={"minimal": 1, "published": 1}).json()
    assert [one["uuid"] for one in listed] == [uuid]
    pulled = client.get(f"/misp/events/view/{uuid}/deleted[]:0/deleted[]:1/excludeGalaxy:1/includeAttachments:0").json()
    assert [one["uuid"] for one in pulled["Event"]["Attribute"]] == [seen]
    assert client.get("/misp/shadow_attributes/index.json").json() == []
    found = client.post("/misp/sightings/restSearch/event", json={"id": uuid, "returnFormat": "json"}).json()
    assert [one["Sighting"]["uuid"] for one in found["response"]] == names


class _Counted(dict[str, Any]):
    looked = 0

    def __getitem__(self, name: str) -> Any:
        _Counted.looked += name == "object_id"
        return super().__getitem__(name)


def test_an_answer_costs_what_it_has(world: World, client: httpx.Client) -> None:
    """Not as many times: each object looks at its own attributes, and a search for many values is one look-up."""
    attributes: list[Any] = [_Counted(object_id=str(n), deleted=False, to_ids=False) for n in range(50)]
    objects = [{"id": str(n), "deleted": False} for n in range(50)]
    with world.node.database.reading() as session:
        events = VisibleEvents(session, world.node, ProgramCaller(1, 1, NAME, frozenset()), world.now)
        shown = VisibleEvent({"uuid": str(uuid4())})
        whole = events.whole(shown, read_query({}, world.now), attributes, objects)
    assert [len(one["Attribute"]) for one in whole["Object"]] == [1] * 50
    assert _Counted.looked <= 100

    objects_of = [{"name": "x", "Attribute": [{"type": "text", "value": str(number)}]} for number in range(9)]
    event = {"uuid": str(uuid4()), "info": "Scans", "Object": objects_of}
    assert client.post("/misp/events/add", json=event).status_code == 200
    asked = list[str]()
    listen(world.node.database.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    found = client.get(f"/misp/events/view/{event['uuid']}").json()["Event"]
    assert [one["Attribute"][0]["value"] for one in found["Object"]] == [str(number) for number in range(9)]
    assert sum("object_id IN" in one or "object_id =" in one for one in asked) == 1
    before = len(items(world)), len(came(world))
    many = [{"type": "text", "value": one} for one in ("new", "new", "newer")]
    made = client.post(f"/misp/attributes/add/{event['uuid']}", json=many).json()
    assert [one["value"] for one in made["Attribute"]] == ["new", "newer"]
    assert list(made["errors"]) == ["attribute_1"]
    assert (len(items(world)), len(came(world))) == (before[0], before[1] + 1)

    named, asks = incident(world), list[int]()
    part = client.get(f"/misp/events/view/{named}").json()["Event"]["Attribute"][0]["uuid"]
    for _ in range(2):
        assert client.post(f"/misp/sightings/add/{part}", json={}).status_code == 200
        asked.clear()
        said = {"includeAttribute": 1, "includeEvent": 1}
        assert client.post("/misp/sightings/restSearch/event", json=said).status_code == 200
        asks.append(sum("FROM incident" in one for one in asked))
    assert asks[0] == asks[1], "the gate is asked once, however many sightings there are"

    terms, began = read_terms([f"{number}.example" for number in range(20_000)]), process_time()
    assert not any(terms.allows([f"{number}.example.net"]) for number in range(2_000))
    assert process_time() - began < 1
    with pytest.raises(NoMatchError):
        read_terms([f"{number}%" for number in range(1_001)])


def came(world: World) -> list[Any]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(AuditEntry.id).where(AuditEntry.word == AuditAction.OFFER_CAME.value)))


def test_a_feed_lists_what_was_withdrawn_as_deleted(world: World, tmp_path: Path) -> None:
    world.after_today(1).tocsin.run("keys", "node-make", "--format", "openpgp")
    incident(world)
    folder = tmp_path / "feed"
    assert world.tocsin.json("exchange", "feed", str(folder))["events"] == 0
    assert world.tocsin.json("exchange", "feed", str(folder), "--tlp", "GREEN")["written"] == 1
    assert world.tocsin.json("exchange", "feed", str(folder), "--tlp", "GREEN")["written"] == 0
    (uuid,) = json.loads((folder / "manifest.json").read_bytes())
    event = MISPEvent()
    event.load_file(folder / f"{uuid}.json")
    assert [one.value for one in event.attributes] == ["login.example"]
    digest = md5(b"login.example", usedforsecurity=False).hexdigest()
    assert (folder / "hashes.csv").read_text().splitlines() == [f"{digest},{uuid}"]
    assert all((folder / f"{one.name}.asc").exists() for one in folder.iterdir() if one.suffix != ".asc")
    assert world.tocsin.json("exchange", "feed", str(folder))["withdrawn"] == 1
    said = json.loads((folder / f"{uuid}.json").read_bytes())["Event"]
    assert (said["info"], [one["deleted"] for one in said["Attribute"]]) == ("Withdrawn", [True])
    assert uuid in json.loads((folder / "manifest.json").read_bytes())
