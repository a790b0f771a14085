"""Two nodes that pinned each other's keys, and rows of the ledger as an exchange leaves them."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from pysequoia import Cert
from sqlalchemy import select

from support.exchange_examples import Peer, peer
from support.incident_mails import add_party
from support.partner_examples import CALL, claim, do
from support.world import World
from tocsin.cli.acts import act_of
from tocsin.delivery.sealing import read_own_keys
from tocsin.exchange.agreements import keep_edition
from tocsin.exchange.dispatches import (
    DispatchRecipient,
    genesis,
    make_receipt,
    members_of,
    pack,
    seal,
    seal_receipt,
    take,
)
from tocsin.exchange.ledger import (
    CaseEntryRow,
    ExchangeCase,
    ExchangeMessage,
    IncomingRow,
    OfferedItem,
    OfferState,
    OutgoingRow,
    PassedItem,
    receipt_file,
    sealed_file,
)
from tocsin.exchange.ledger.cases.models import request_values
from tocsin.exchange.ledger.models import RecallItemRow, RecallRow, ReceiptRow
from tocsin.exchange.partners import Partner
from tocsin.exchange.statements import (
    AgreementType,
    CaseAct,
    CaseEntry,
    ConsentQuestion,
    Dispatch,
    DispatchType,
    GlobalName,
    NodeKey,
    PinnedKey,
    Request,
    SharingAgreement,
    Statement,
    pinned,
    utc,
)
from tocsin.incidents import PartyRole, add_incident
from tocsin.interface import ActContext, read_request
from tocsin.node.records import node_uuid
from tocsin.node.records.identity import NodeIdentity
from tocsin.operations.backup import known_tables
from tocsin.sharing.gate import Tlp

OBSERVABLES = ("203.0.113.7", "kit.example")
TABLE = b"value,role\n203.0.113.7,indicator\n'kit.example,victim\n"


def act(world: World, name: str, /, **values: Any) -> Any:
    """Do an act of the exchange."""
    found = act_of("exchange", name)
    return found.perform(ActContext(world.node, world.now, "test", act=found), read_request(found, values))


def make_node(world: World, number: int) -> World:
    """A node of this number with a key; its time is now, as keys are made now."""
    with world.node.database.begin() as session:
        session.merge(NodeIdentity(id=1, uuid=UUID(int=number)))
    world.tocsin.run("keys", "node-make", "--format", "openpgp")
    world.now = datetime.now(UTC)
    return world


def own_key(world: World) -> str:
    """The public key of a node, in ASCII armor."""
    own = read_own_keys(world.node.home, world.node.settings.mail).openpgp
    assert own is not None
    return own.public


def pin_key(world: World, name: str, node: UUID, public: str) -> None:
    """A partner of this node whose key was confirmed by telephone."""
    do(world, "add", name=name, node=node, mailbox=f"csirt@{name.lower()}.example")
    do(world, "add-key", partner=name, content=public)
    key = Cert.from_bytes(public.encode()).fingerprint
    do(world, "confirm-key", partner=name, key=key, **CALL)


def meet(one: World, other: World) -> tuple[World, World]:
    """Two nodes, A and B, that know each other."""
    make_node(one, 1)
    make_node(other, 2)
    one.now = other.now  # both keys are made by then
    pin_key(one, "B", UUID(int=2), own_key(other))
    pin_key(other, "A", UUID(int=1), own_key(one))
    return one, other


def party_of(world: World, number: int) -> NodeKey:
    """A node as a peer writes to it."""
    return NodeKey(node=UUID(int=number), key=Cert.from_bytes(own_key(world).encode()).fingerprint)


def pinned_of(world: World, number: int) -> PinnedKey:
    """A node's key as a peer pinned it."""
    return PinnedKey(UUID(int=number), own_key(world).encode())


def meet_peer(world: World, peer: Peer, number: int = 1) -> World:
    """A node of this number that knows a peer, which has no home."""
    make_node(world, number)
    pin_key(world, "Peer", peer.node, peer.public.decode())
    return world


def make_incident(world: World, partner: str = "B", tlp: str = "GREEN") -> str:
    """An incident with observables, in which a partner takes part; its reference."""
    with world.node.database.begin() as session:
        made = add_incident(session, title="Phishing kit", actor="test", now=world.now, tlp=tlp)
        add_party(session, made, partner, f"csirt@{partner.lower()}.example", PartyRole.COORDINATOR)
        reference = made.reference
    world.tocsin.run("incidents", "add-observables", reference, "--text", "\n".join(OBSERVABLES))
    return reference


def everything_of(world: World) -> dict[str, dict[Any, dict[str, Any]]]:
    """All rows by table and primary key."""
    found: dict[str, dict[Any, dict[str, Any]]] = {}
    with world.node.database.reading() as session:
        for table in known_tables():
            keys = [column.name for column in table.primary_key]
            read = [dict(row) for row in session.execute(select(table)).mappings()]
            found[table.name] = {tuple(str(row[key]) for key in keys): row for row in read}
    return found


def receipt_of(world: World, peer: Peer, dispatch: int = 1, number: int = 1) -> bytes:
    """The file with a peer's receipt for a dispatch of a node."""
    with world.node.database.reading() as session:
        _, file = sealed_file(world.node, session, dispatch)
    to = DispatchRecipient([peer.party], [peer.opening], pinned(pinned_of(world, number)))
    receipt = make_receipt(take(file, to, world.now), peer.signer, world.now)
    return seal_receipt(receipt, Cert.from_bytes(own_key(world).encode()))


def bring(world: World, sender: Peer, kind: DispatchType, *statements: Statement) -> None:
    """Take the first dispatch of a peer."""
    us, named = party_of(world, 1), tuple(one.hash for one in statements)
    head = {"to": us, "number": 1, "before": genesis(sender.party, us), "statements": named}
    made = sender.says(Dispatch, type=kind, tlp=Tlp.CLEAR, **head)
    act(world, "take", content=seal(members_of(made, statements), Cert.from_bytes(own_key(world).encode())))


def agreement_of(world: World, us: UUID | None = None, **said: Any) -> dict[str, Any]:
    """An agreement of this node and a partner that nobody signed; what the acts on it name it by."""
    us = us or node_uuid(world.node.database)
    given: dict[str, Any] = {"agreement": UUID(int=77), "edition": 1, "type": AgreementType.MOU, "text": "We share."}
    given |= {"parties": (us, UUID(int=7))}
    body = SharingAgreement(
        id=UUID(int=78), by=NodeKey(node=UUID(int=7), key="a" * 40), at=utc(world.now), title="Regional exchange",
        **given | said,
    )  # fmt: skip
    with world.node.database.begin() as session:
        row = keep_edition(session, ActContext(world.node, world.now, "test"), body.model_dump_json().encode())
        return {"agreement": row.id}


def own_agreement(world: World, **said: Any) -> dict[str, Any]:
    """The same, of a node that has a key."""
    make_node(world, 1)
    return agreement_of(world, UUID(int=1), **said)


def foreign_agreement(world: World) -> dict[str, Any]:
    """A file with an agreement of others that is not here yet."""
    other = peer(3)
    said = {"agreement": UUID(int=77), "edition": 1, "type": AgreementType.CODE, "title": "Code"}
    made = other.says(SharingAgreement, parties=(other.node,), **said)
    name = f"{made.hash.removeprefix('sha256:')}.json"
    make_node(world, 1)
    return {"content": pack({name: made.content, f"{name}.asc": made.signature})}


def offered(world: World) -> World:
    """A partner, and an item with a file that it offered; nothing was signed."""
    claim(world)
    digest = sha256(TABLE).hexdigest()
    part = {"name": "observables.csv", "hash": f"sha256:{digest}", "class": "technical", "bytes": len(TABLE)}
    with world.node.database.begin() as session:
        row = IncomingRow(
            partner_id=1, number=1, hash=f"sha256:{'a' * 64}", counts=True, type="share", tlp="GREEN", state="taken",
            code="", reason="", text="", archive=world.node.exchange.put(pack({digest: TABLE})), came_at=world.now,
            taken_by="test",
        )  # fmt: skip
        session.add(row)
        session.flush()
        item = OfferedItem(
            partner_id=1, incoming_id=row.id, node=UUID(int=7), item=UUID(int=70), version=1, title="Phishing kit",
            tlp="GREEN", pap="", verified=True, parts=[part], state=OfferState.OFFERED.value, code="", reason="",
            incident="", came_at=world.now, decided_at=None, decided_by="",
        )  # fmt: skip
        session.add(item)
        receipt = ReceiptRow(
            partner_id=1, direction="out", of=row.hash, hash=f"sha256:{'c' * 64}", verdict="taken", content="",
            signature="", file=world.node.exchange.put(b"receipt"), at=world.now,
        )  # fmt: skip
        session.add(receipt)
    return world


def amber_item(world: World, incident: str = "") -> int:
    """An item of the partner of this number 1, adopted into an incident; its number. Nothing was signed."""
    with world.node.database.begin() as session:
        node = session.get_one(Partner, 1).node
        row = IncomingRow(
            partner_id=1, number=9, hash=f"sha256:{'9' * 64}", counts=True, type="share", tlp="AMBER", state="taken",
            came_at=world.now, taken_by="test",
        )  # fmt: skip
        session.add(row)
        session.flush()
        item = OfferedItem(
            partner_id=1, incoming_id=row.id, node=node, item=UUID(int=79), version=1, title="Phishing kit",
            tlp="AMBER", pap="", verified=True, parts=[], incident=incident, came_at=world.now,
            state=(OfferState.ADOPTED if incident else OfferState.OFFERED).value,
        )  # fmt: skip
        session.add(item)
        session.flush()
        return item.id


def asked_of_us(world: World) -> int:
    """A question of partner 1 whether an item of this node may go on; its number. Nothing was signed."""
    ours = GlobalName(node=node_uuid(world.node.database), id=UUID(int=10))
    question = ConsentQuestion(item=ours, to=("csirt@d.example",), name="CERT D", up_to=Tlp.AMBER)
    return _keep_question(world, "in", question)


def _keep_question(world: World, direction: str, question: ConsentQuestion, about: int | None = None) -> int:
    asked = Request(asks="information", answer_by=utc(world.now), consent=question)
    with world.node.database.begin() as session:
        made = ExchangeMessage(
            partner_id=1, direction=direction, kind="request", hash=f"sha256:{'e' * 64}", text="May we?", tlp="GREEN",
            made_at=world.now, state="open", about_partner=about, **request_values(asked),
        )  # fmt: skip
        session.add(made)
        session.flush()
        return made.id


def asked_source(world: World) -> World:
    """The partner of `offered`, asked a week ago whether its item may go on, to itself; nothing was signed."""
    offered(world)
    question = ConsentQuestion(
        item=GlobalName(node=UUID(int=7), id=UUID(int=70)), to=("csirt@c.example",), name="CERT C", up_to=Tlp.GREEN
    )
    _keep_question(world, "out", question, 1)
    return world


def sent(world: World) -> World:
    """The partner of `offered`, and a dispatch that went to it; nothing was signed."""
    offered(world)
    file, archive = world.node.exchange.put(b"sealed"), world.node.exchange.put(pack({}))
    with world.node.database.begin() as session:
        row = OutgoingRow(
            partner_id=1, number=1, hash=f"sha256:{'b' * 64}", type="share", title="Ransomware", incident="",
            tlp="AMBER", state="sealed", reason="", withheld=[["content", "class", "not-chosen", 2]], archive=archive,
            file=file, sealed_at=world.now, sealed_by="test", once=None,
        )  # fmt: skip
        session.add(row)
        session.flush()
        session.add(
            PassedItem(
                partner_id=1, outgoing_id=row.id, node=UUID(int=1), item=UUID(int=10), version=1, title="Ransomware",
                way="dispatch", recall_dispatch=None, answer="", answer_code="", answered_at=None,
            )
        )  # fmt: skip
    return with_case(world)


def with_case(world: World) -> World:
    """A case that the partner of `offered` offers, and a request of it."""
    sender = peer(3)
    said = {"case": GlobalName(node=sender.node, id=UUID(int=71)), "name": "A. Diop", "role": "lead"}
    first = sender.says(CaseEntry, number=1, act=CaseAct.OPENED, text="Wiper", **said)
    to = NodeKey(node=UUID(int=1), key="a" * 40)
    offer = sender.says(CaseEntry, number=2, before=first.hash, act=CaseAct.OFFER, to=to, **said)
    with world.node.database.begin() as session:
        row = ExchangeCase(
            partner_id=1, node=sender.node, case=UUID(int=71), joint=False, title="Wiper", tlp="GREEN",
            state="offered-to-us", incident_id=None, their_reference="INC-4KX7-9M2P", withdrawn="", code="", reason="",
            incoming_id=1, offered_by="", closing=False, changed_at=world.now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        for number, one in enumerate((first, offer), 1):
            content, signature = one.content.decode(), one.signature.decode()
            session.add(
                CaseEntryRow(case_id=row.id, number=number, hash=one.hash, content=content, signature=signature)
            )
        session.add(
            ExchangeMessage(
                partner_id=1, direction="in", kind="request", hash=f"sha256:{'d' * 64}", text="Keep the logs.",
                tlp="GREEN", asks="preservation", basis="legal", instrument="A law", urgency="high", answer_by=None,
                incident_id=None, made_at=world.now, made_by="", due_at=world.now, state="open", acknowledged_at=None,
                acknowledged_by="", code="", later=None, who="", answer="", answered_at=None, once=None,
            )
        )  # fmt: skip
    return world


def recalled(world: World) -> World:
    """What `sent` brought the partner is recalled, and no dispatch says so."""
    sent(world)
    with world.node.database.begin() as session:
        row = RecallRow(
            partner_id=None, hash=f"sha256:{'d' * 64}", content="", signature="", code="wrong", asks="erase",
            at=world.now, answered_at=None,
        )  # fmt: skip
        session.add(row)
        session.flush()
        item = RecallItemRow(recall_id=row.id, node=UUID(int=1), item=UUID(int=10), version=1, state="", code="")
        session.add(item)
    return world


def carry(sender: World, to: World, number: int) -> Any:
    """A dispatch to its recipient and the receipt back; what became of it."""
    with sender.node.database.reading() as session:
        _, file = sealed_file(sender.node, session, number)
    done = act(to, "take", content=file)
    with to.node.database.reading() as session:
        _, receipt = receipt_file(to.node, session, done.incoming)
    act(sender, "take-receipt", content=receipt)
    assert done.verdict == "taken", done.reason
    return done
