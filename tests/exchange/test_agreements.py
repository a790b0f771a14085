"""Agreements between three nodes by file: signed, adopted, the ground for what goes, and left with a recall."""

import ssl
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pysequoia import Cert

from support.console_users import browser_of, browsers_of
from support.exchange_examples import part, peer
from support.https_server import WebServer
from support.ledger_examples import act, agreement_of, make_incident, make_node, own_key, party_of, pin_key
from support.misp_server import FakeMisp
from support.partner_examples import do
from support.taxii_examples import Partner, patterns
from support.world import World, copy_world, text_of
from tocsin.exchange.agreements import ARMOR, StoredAgreement, adopted_agreements, list_agreements
from tocsin.exchange.agreements.models import AgreementSignature
from tocsin.exchange.dispatches import Limits, genesis, members_of, open_file, seal
from tocsin.exchange.ledger import (
    NewDispatch,
    OfferedItem,
    OutgoingRow,
    PassedItem,
    offered_claims,
    preview,
    receipt_file,
    sealed_file,
    sent_claims,
    sent_dispatches,
)
from tocsin.exchange.ledger.links import own_party
from tocsin.exchange.partners import find_partner
from tocsin.exchange.statements import (
    AgreementType,
    Dispatch,
    DispatchType,
    SharedItem,
    SharingAgreement,
    read_statement,
)
from tocsin.incidents import add_incident
from tocsin.interface import ActContext
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError
from tocsin.node.records import AuditEntry
from tocsin.pipeline.misp_push import MispPush, push
from tocsin.server.server import make_application
from tocsin.sharing.gate import Audience, Tlp

NAMES = {"A": 1, "B": 2, "X": 3}


@pytest.fixture(scope="module")
def folders(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three nodes that confirmed each other's keys."""
    made = {name: copy_world(fresh, tmp_path_factory.mktemp(name)) for name in NAMES}
    for name, world in made.items():
        make_node(world, NAMES[name])
    at_once(made)
    for name, world in made.items():
        for other in made.keys() - {name}:
            pin_key(world, other, UUID(int=NAMES[other]), own_key(made[other]))
        world.node.database.close()
    return [world.folder for world in made.values()]


@pytest.fixture
def nodes(folders: list[Path], tmp_path: Path) -> Iterator[dict[str, World]]:
    made = {name: copy_world(of, tmp_path / name) for name, of in zip(NAMES, folders, strict=True)}
    at_once(made)
    with ExitStack() as open_:
        for world in made.values():
            open_.enter_context(world.open)
        yield made


def say(world: World, *words: str) -> Any:
    return world.tocsin.json("exchange", "agreements", *words)


def carry(nodes: dict[str, World], sender: str, to: str, known: dict[str, int]) -> list[str]:
    """All dispatches of a node to another that were not carried yet, each with its receipt back: their verdicts."""
    verdicts, key = [], f"{sender}{to}"
    with nodes[sender].node.database.reading() as session:
        sent = [one.row for one in sent_dispatches(session, find_partner(session, to).id)][::-1]
    for row in sent:
        if row.number > known.get(key, 0):
            known[key] = row.number
            verdicts.append(carry_one(nodes, sender, to, row.id))
    return verdicts


def carry_one(nodes: dict[str, World], sender: str, to: str, dispatch: int) -> str:
    at_once(nodes)
    with nodes[sender].node.database.reading() as session:
        _, file = sealed_file(nodes[sender].node, session, dispatch)
    done = act(nodes[to], "take", content=file)
    with nodes[to].node.database.reading() as session:
        _, receipt = receipt_file(nodes[to].node, session, done.incoming)
    act(nodes[sender], "take-receipt", content=receipt)
    return str(done.verdict)


def agreed(nodes: dict[str, World], known: dict[str, int], type_: str = "mou") -> None:
    """An agreement that X wrote, and all three signed and adopted."""
    say(nodes["X"], "draft", "Regional exchange", "--type", type_, "--party", "A", "--party", "B")
    say(nodes["X"], "adopt", "1")
    say(nodes["X"], "send", "1")
    for name in ("A", "B"):
        assert carry(nodes, "X", name, known) == ["taken"]
        say(nodes[name], "sign", "1")
        say(nodes[name], "adopt", "1")
        say(nodes[name], "send", "1")
    for sender, to in ("AX", "BX", "AB", "BA"):
        assert carry(nodes, sender, to, known) == ["taken"], (sender, to)
    at_once(nodes)


def at_once(nodes: dict[str, World]) -> None:
    """All nodes have the time that commands have."""
    for world in nodes.values():
        world.now = datetime.now(UTC)


def incident(world: World, tlp: str = "AMBER") -> str:
    """An incident that no partner takes part in."""
    with world.node.database.begin() as session:
        return add_incident(session, title="Ransomware", actor="test", now=world.now, tlp=tlp).reference


def shown(world: World, path: str) -> str:
    """What a page says to a manager."""
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.MANAGER, now=world.now) as manager:
        return text_of(manager.get(path))


def context(world: World) -> ActContext:
    return ActContext(world.node, world.now, "test")


def test_leaving_an_agreement_means_leaving(nodes: dict[str, World]) -> None:
    """MISP 10899 word for word: X removes B; A, who adopted the agreement, serves B nothing more; B gets a recall."""
    known: dict[str, int] = {}
    agreed(nodes, known)
    a, b, x = nodes["A"], nodes["B"], nodes["X"]
    old, waiting = incident(a), incident(a)
    for world, reference in ((a, old), (x, incident(x))):
        world.tocsin.run("exchange", "send", "B", "--incident", reference, "--out", world.folder / "s.pgp")
    assert carry(nodes, "A", "B", known) == carry(nodes, "X", "B", known) == ["taken"]
    a.tocsin.run("exchange", "send", "B", "--incident", waiting, "--out", a.folder / "s.pgp")  # and B is not reached

    done = say(x, "remove-party", "1", "B")
    assert (done["state"], done["sent"], done["left"]) == ("in-force", 3, [])  # a recall to B; the edition to A and B
    assert carry(nodes, "X", "A", known) == ["taken"]

    # from that moment, before anybody at A has decided anything
    with pytest.raises(ConflictError, match="Nothing of this may go"):
        act(a, "send", partner="B", incident=incident(a))
    assert preview(context(a), NewDispatch(partner="B", incident=old)).recipient.audience is not Audience.PARTNER
    assert preview(context(a), NewDispatch(partner="X", incident=old)).recipient.audience is Audience.PARTNER
    sent = a.tocsin.json("exchange", "list", "--partner", "B")["sent"]
    for row in sent:
        if row["type"] == "share":  # also what B had before, by A's own link
            assert set(opened(a, b, row["dispatch"])) == {"dispatch.json", "dispatch.json.asc"}
    assert carry(nodes, "A", "B", known) == ["refused"], "its number is used up, and nothing was in it"

    adopted = say(a, "adopt", "2")
    assert (adopted["state"], adopted["sent"]) == ("in-force", 1)
    assert carry(nodes, "A", "B", known) == ["taken"]
    assert carry(nodes, "X", "B", known) == ["taken", "taken"]
    came = [row for row in b.tocsin.json("exchange", "list")["received"] if row["item"]]
    assert {(row["partner"], row["state"], row["code"]) for row in came} == {
        (name, "recalled", "agreement-left") for name in ("A", "X")
    }
    assert {row["state"] for row in say(b, "list")} == {"left", "others"}
    for row in came:
        b.tocsin.run("exchange", "answer", str(row["item"]), "--state", "done")
    for name in ("A", "X"):
        assert carry(nodes, "B", name, known) == ["taken"]
        told = nodes[name].tocsin.json("exchange", "list", "--partner", "B")["sent"]
        assert [row["answer"] for row in told if row["type"] == "share" and row["state"] == "received"] == ["done"]
        assert {row["state"] for row in told} <= {"received", "refused"}, "each has its receipt"
    assert carry(nodes, "A", "X", known) == []
    at_once(nodes)
    assert act(a, "send", partner="X", incident=old).state == "sealed", "between A and X it goes on, signed once"


def test_what_a_party_read_or_was_pushed_is_recalled_as_it_leaves_and_the_others_read_on(
    world: World, server: WebServer, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    x, misp, reference = world, FakeMisp(server), incident(world)
    parties = UUID(int=1), peer(3).node, UUID(int=9)
    do(x, "add", name="C", node=parties[2])
    number = agreement_of(x, parties[0], parties=parties)["agreement"]
    with x.node.database.begin() as session:
        session.get_one(StoredAgreement, number).adopted_at = x.now
        signed = [AgreementSignature(agreement_id=number, node=one, key="", signature="", at=x.now) for one in parties]
        session.add_all(signed)
    x.tocsin.run("incidents", "add-observables", reference, "--text", "203.0.113.7")
    (x.node.home / "key").write_text(misp.key)
    (x.node.home / "key").chmod(0o600)
    there = {
        "kind": "misp", "url": server.url(""), "secret_file": "key", "networks": ["127.0.0.0/8"], "partner": "Peer",
        "ca_file": str(certificate[0] / "certificate.pem"),
    }  # fmt: skip
    settings = x.node.settings.model_copy(update={"collect": {"theirs": there}})
    pushing = ActContext(replace(x.node, settings=settings), x.now, "test")
    push(pushing, MispPush(to="theirs", incident=reference))
    readers = [reader(x, name) for name in ("C", "Peer")]
    assert [one() for one in readers] == [({"203.0.113.7"}, 1)] * 2
    with x.node.database.reading() as session:
        sent = [one.detail for one in session.query(AuditEntry).where(AuditEntry.word == "item.sent")]
    assert len(sent) == 5
    assert {one.get("agreement") for one in sent} == {str(uuid_of(x))}, "each says under which it went"

    done = say(x, "remove-party", str(number), "Peer")
    assert sorted(one.partition(":")[0] for one in done["left"]) == ["C", "Peer"]  # the first has no key
    at_misp = f"event {next(iter(misp.events))} is at its MISP"
    assert any(at_misp in one for one in done["left"])
    assert at_misp in shown(x, f"/agreements/{number}")
    with x.node.database.reading() as session:
        rows = {(one.partner_id, one.way, bool(one.recall_dispatch)) for one in session.query(PassedItem)}
        c = find_partner(session, "C").id
    assert {(way, recalled) for partner, way, recalled in rows if partner == c} == {
        ("misp-api", False), ("taxii", False),
    }  # fmt: skip
    assert {(way, recalled) for partner, way, recalled in rows if partner != c} == {
        ("misp", True), ("misp-api", True), ("taxii", True),
    }  # fmt: skip
    assert [one() for one in readers] == [({"203.0.113.7"}, 1), ({"withdrawn"}, 0)], "who is a party still reads on"
    push(replace(pushing, now=datetime.now(UTC)), MispPush(to="theirs", incident=reference, withdraw=True))
    assert not any("Peer" in one for one in say(x, "remove-party", str(number), "Peer")["left"])
    assert at_misp not in shown(x, f"/agreements/{number}")


def reader(world: World, name: str) -> Callable[[], tuple[set[str], int]]:
    """A program of a partner: the indicators that it reads by TAXII, and how many events of MISP it finds."""
    http = world.client()
    secrets = {
        protocol: world.tocsin.json("exchange", "token", "make", name, "--protocol", protocol, "--scope", "read")[
            "secret"
        ]
        for protocol in ("taxii", "misp")
    }

    def read() -> tuple[set[str], int]:
        world.now = datetime.now(UTC)
        shared = Partner(name, secrets["taxii"], http).objects()
        told = {"Authorization": secrets["misp"]}
        found = http.post("/misp/events/restSearch", json={"value": "203.0.113.7"}, headers=told).json()
        return patterns(shared), len(found["response"])

    return read


def opened(sender: World, to: World, dispatch: int) -> dict[str, bytes]:
    """What is in the file of a dispatch, for whom it is."""
    with sender.node.database.reading() as session:
        _, file = sealed_file(sender.node, session, dispatch)
    opening = own_party(to.node, to.now).key.opening
    assert opening is not None
    return open_file(file, [opening], Limits())


def test_amber_goes_to_a_party_that_signed_and_the_report_equals_a_recount(nodes: dict[str, World]) -> None:
    known: dict[str, int] = {}
    a, b, x = nodes["A"], nodes["B"], nodes["X"]
    reference = incident(a)
    with pytest.raises(ConflictError, match="Nothing of this may go"):
        act(a, "send", partner="B", incident=reference)
    say(a, "draft", "Treaty of the region", "--type", "treaty", "--party", "B", "--party", "X")
    say(a, "adopt", "1")
    assert preview(context(a), NewDispatch(partner="B", incident=reference)).marking is None, "B has not signed it"
    a.tocsin.run("exchange", "agreements", "export", "1", "--out", a.folder / "agreement.zip")
    with zipfile.ZipFile(BytesIO((a.folder / "agreement.zip").read_bytes())) as archive:
        assert any(name.endswith(".json.asc") for name in archive.namelist())
    assert say(b, "import", str(a.folder / "agreement.zip"))["state"] == "to-sign"
    say(b, "sign", "1")
    b.tocsin.run("exchange", "agreements", "export", "1", "--out", b.folder / "agreement.zip")
    say(a, "import", str(b.folder / "agreement.zip"))
    at_once(nodes)
    done = a.tocsin.json("exchange", "send", "B", "--incident", reference, "--out", a.folder / "s.pgp")
    assert done["package"]["ground"] == {"kind": "agreement", "title": "Treaty of the region", "type": "treaty"}
    assert preview(context(a), NewDispatch(partner="X", incident=reference)).marking is None, "X has not signed it"
    with pytest.raises(ConflictError, match="binds X"):
        act(a, "send", partner="X", incident=reference, agreement=str(uuid_of(a)))
    named = make_incident(a, "X", tlp="AMBER")  # X takes part in this one
    act(a, "send", partner="X", incident=named)
    for _ in range(2):
        act(a, "send", partner="B", incident=incident(a))
    assert carry(nodes, "A", "B", known) == ["taken"] * 3
    assert carry(nodes, "A", "X", known) == ["taken"]

    for world, where in ((a, "sent"), (b, "received")):
        report = world.tocsin.json("exchange", "report")
        told = {row["type"]: row[where] for row in report["types"] if row[where]}
        assert told == recount(a, "X" if world is x else "B" if world is b else "")
    assert {row["type"]: row["share"] for row in a.tocsin.json("exchange", "report")["types"] if row["share"]} == {
        "treaty": 0.75, "none": 0.25,
    }  # fmt: skip


def uuid_of(world: World) -> UUID:
    return UUID(say(world, "list")[0]["uuid"])


def recount(world: World, to: str) -> dict[str, int]:
    """How many dispatches name which type of agreement in what was signed."""
    types, counted = {row["uuid"]: row["type"] for row in say(world, "list")}, dict[str, int]()
    with world.node.database.reading() as session:
        rows = [(one.id, one.type, one.archive, one.partner_id) for one in session.query(OutgoingRow)]
    partners = {row["number"]: row["name"] for row in world.tocsin.json("partners", "list")}
    for _, type_, archive, partner in rows:
        if type_ != "share" or (to and partners[partner] != to):
            continue
        with zipfile.ZipFile(BytesIO(world.node.exchange.read(archive))) as members:
            bodies = [
                read_statement(members.read(name), b"").body
                for name in members.namelist()
                if name.endswith(".json") and name != "dispatch.json"
            ]
        under = {str(one.agreement) for one in bodies if isinstance(one, SharedItem) and one.agreement}
        name = types[under.pop()] if under else "none"
        counted[name] = counted.get(name, 0) + 1
    return counted


RULES = """\
title = "What is not shared"
type = "agreement"
parties = ["all"]
edition = "1"

[[transfer]]
id = "no-facts"
class = ["case"]
send = "nothing"
cites = "Art. 3"
"""


def test_the_rules_of_an_agreement_keep_back_and_bad_ones_are_refused(nodes: dict[str, World]) -> None:
    a = nodes["A"]
    (a.folder / "rules.toml").write_text(RULES)
    (a.folder / "bad.toml").write_text("[[transfer]]\nid = 1\n")
    words = ("draft", "Code", "--type", "code", "--party", "B", "--rules")
    assert a.tocsin.call("exchange", "agreements", *words, a.folder / "bad.toml")[0] != 0
    reference = incident(a, "CLEAR")
    assert preview(context(a), NewDispatch(partner="B", incident=reference)).parts
    say(a, *words, str(a.folder / "rules.toml"))
    assert preview(context(a), NewDispatch(partner="B", incident=reference)).parts, "a draft binds nobody"
    say(a, "adopt", "1")
    at_once(nodes)
    package = preview(context(a), NewDispatch(partner="B", incident=reference))
    assert [(one.class_, one.rule, one.code) for one in package.withheld] == [("case", "no-facts", "agreement")]
    assert say(a, "leave", "1")["state"] == "left"
    assert preview(context(a), NewDispatch(partner="B", incident=reference)).parts


CLOSED = """\
title = "Law of A"
type = "law"
parties = ["A"]
edition = "1"

[[transfer]]
id = "persons-stay"
class = ["personal", "analysis"]
jurisdiction = ["KE"]
send = "nothing"
cites = "Data Protection Act, Art. 48"

[[transfer]]
id = "documents-as-hash"
class = ["document"]
send = "hash"
"""
REACHABLE = """\
[[transfer]]
id = "no-reachability"
class = ["reachability"]
send = "nothing"
cites = "Critical Infrastructure Act, Art. 7"
"""


def set_rules(world: World, text: str) -> None:
    (world.folder / "rules.toml").write_text(text)
    world.tocsin.run("rules", "set", world.folder / "rules.toml", "--why", "Law")


def test_law_is_visible_on_both_sides_and_what_it_blocks_is_in_no_file(nodes: dict[str, World]) -> None:
    """The file is opened with the recipient's key, and looked through byte by byte."""
    a, b = nodes["A"], nodes["B"]
    set_rules(a, CLOSED)
    reference = make_incident(a, "B")
    a.tocsin.run("incidents", "add-observables", reference, "--text", "203.0.113.99", "--role", "victim")
    (a.folder / "contract.txt").write_text("canary-document")
    words = ("--incident", reference, "--class", "personal", "--class", "analysis", "--document")
    claims = ("--jurisdiction", "KE subject Data Protection Act", "--jurisdiction", "FR subject GDPR")
    out = ("--out", a.folder / "s.pgp")
    done = a.tocsin.json("exchange", "send", "B", *words, a.folder / "contract.txt", *claims, *out)
    held = {(one["class"], one["rule"], one["code"]) for one in done["package"]["withheld"]}
    assert {("personal", "local:persons-stay", "law"), ("document", "local:documents-as-hash", "law")} <= held
    members = opened(a, b, done["dispatch"])
    whole = b"\n".join(members.values())
    assert b"203.0.113.7" in whole, "what may go is there"
    for blocked in (b"203.0.113.99", b"canary-document"):
        assert blocked not in whole
    assert carry(nodes, "A", "B", {}) == ["taken"]

    with a.node.database.reading() as session:
        ours = sent_claims(a.node, session, session.get_one(OutgoingRow, done["dispatch"]))
    rows = [(one.claim.country, one.rule and one.rule.id, one.decides) for one in ours if one.claim.basis]
    assert rows == [("FR", None, False), ("KE", "persons-stay", True)]
    with b.node.database.reading() as session:
        theirs = offered_claims(b.node, session, session.get_one(OfferedItem, 1))
    assert [one.claim for one in theirs] == [one.claim for one in ours], "the partner sees the same, side by side"
    for world, page in ((a, f"/exchange/dispatches/{done['dispatch']}"), (b, "/exchange/items/1")):
        text = shown(world, page)
        assert "Data Protection Act" in text
        assert "GDPR" in text


def test_reachability_is_open_and_closing_it_is_shown_to_partners(nodes: dict[str, World]) -> None:
    a, b = nodes["A"], nodes["B"]
    (a.folder / "contacts.csv").write_text("asn,abuse\n64500,abuse@operator.example\n")
    document = ("--document", a.folder / "contacts.csv", "--document-class", "reachability")
    words = ("exchange", "send", "B", *document, "--tlp", "CLEAR", "--jurisdiction", "KE claimed", "--preview")
    set_rules(a, CLOSED.replace('["personal", "analysis"]', '["personal", "technical", "evidence"]'))
    assert [one["name"] for one in a.tocsin.json(*words)["parts"]] == ["contacts.csv"], "that policy leaves it open"

    (a.folder / "bad.toml").write_text(REACHABLE.replace("cites", "# cites"))
    assert a.tocsin.call("rules", "check", a.folder / "bad.toml")[0] != 0, "closing it needs a cited text"
    set_rules(a, REACHABLE)
    assert a.tocsin.json(*words)["parts"] == []
    a.tocsin.run("exchange", "invite", "--out", a.folder / "invitation.zip")
    b.tocsin.run("partners", "add-profile", a.folder / "invitation.zip")
    (found,) = [one for one in b.tocsin.json("partners", "list") if one["node"] == str(UUID(int=1))]
    assert "Critical Infrastructure Act, Art. 7" in found["closed"]
    assert "Critical Infrastructure Act, Art. 7" in shown(b, f"/partners/{found['number']}")


def test_an_agreement_that_ended_is_no_ground(nodes: dict[str, World]) -> None:
    a = nodes["A"]
    until = (a.now + timedelta(days=20)).isoformat()
    say(a, "draft", "Code", "--type", "code", "--party", "B", "--until", until)
    say(a, "adopt", "1")
    assert [row["state"] for row in say(a, "list")] == ["in-force"]
    with a.node.database.reading() as session:
        (later,) = list_agreements(session, UUID(int=1), a.now + timedelta(days=21))
        (bound,) = adopted_agreements(session, UUID(int=1))
    assert later.state == "expired"
    assert not bound.binds(UUID(int=1), a.now + timedelta(days=21))


def test_a_dispatch_brings_one_agreement_with_a_signature_of_each_party(world: World) -> None:
    """Each signature is tried with each key: thousands of them, with thousands of agreements, would take hours."""
    sender, us = peer(3), party_of(world, 1)
    said = {"edition": 1, "type": AgreementType.MOU, "title": "Exchange", "parties": (sender.node, us.node)}
    made = [sender.says(SharingAgreement, agreement=UUID(int=number), **said) for number in (1, 2)]
    many, before = [ARMOR + bytes([number]) for number in range(3)], genesis(sender.party, us)
    for number, (statements, signatures) in enumerate(((made, []), (made[:1], many)), 1):
        dispatch = sender.says(
            Dispatch, type=DispatchType.AGREE, tlp=Tlp.CLEAR, to=us, number=number, before=before,
            statements=tuple(one.hash for one in statements), parts=tuple(map(part, signatures)),
        )  # fmt: skip
        members = members_of(dispatch, statements, signatures)
        done = act(world, "take", content=seal(members, Cert.from_bytes(own_key(world).encode())))
        assert (done.verdict, done.code) == ("refused", "bad-statement")
        before = dispatch.hash


def test_a_form_names_parties_on_a_line_each_and_a_further_edition_begins_with_them(nodes: dict[str, World]) -> None:
    with browsers_of(nodes["A"], AccountRole.MANAGER) as (manager,):
        said = {"type": "norm", "parties": "B\r\nX", "others": "Ministry\r\nRegulator", "text": "Share."}
        assert "[]</textarea>" not in manager.get("/agreements/new").text
        wrong = manager.send("/agreements/new", **said).text.replace("\r", "")
        kept = ("Write a title.", "B\nX</textarea>", "Ministry\nRegulator</textarea>", '<option value="norm" selected>')
        assert [one for one in kept if one not in wrong] == []
        assert manager.send("/agreements/new", **said, title="Norm").status_code == 303
        page = manager.get("/agreements/1").text
        assert [one for one in (">B<", ">X<", ">Ministry<", ">Regulator<") if one not in page] == []
        form = manager.get("/agreements/new?follows=1")
        assert ("Draft a further edition" in text_of(form), 'name="follows" value="1"' in form.text) == (True, True)
        assert ("Ministry\nRegulator</textarea>" in form.text, 'value="Norm"' in form.text) == (True, True)
        assert manager.send("/agreements/new", **said, title="Norm", follows="1").status_code == 303
        assert "Edition 1" in text_of(manager.get("/agreements/2"))
