"""Every kind of to-do items has an ending that ends it: each is done here on a real node, and the item is gone."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from sqlalchemy import select, update

from support.assets import FIELDS, Keeper, switch_on
from support.console_users import person
from support.dns_server import dns_server
from support.duty_example import add_rule, do_duty
from support.exchange_examples import peer
from support.furnished_node import broken_row, inbox_reports
from support.incident_mails import answer_to, make_case
from support.ledger_examples import (
    asked_source,
    bring,
    make_incident,
    make_node,
    meet_peer,
    offered,
    own_agreement,
    party_of,
    pin_key,
    recalled,
    receipt_of,
)
from support.mail_keys import gnupg
from support.partner_examples import CALL, NAME, add_partner, do, pin, pin_expiring, stopped
from support.partner_examples import claim as claim_key
from support.reply_examples import reply
from support.team_examples import OTHERS
from support.world import World, copy_world, link_of, make_world, send
from tocsin.cli.acts import every_act
from tocsin.delivery import Delivery, DeliveryState
from tocsin.delivery.halt import pull_brake
from tocsin.delivery.outbox import claim
from tocsin.directory import BY_TEAM, read_team
from tocsin.directory.claims import make_claim, show_dns
from tocsin.events import FeedAlarm, watch_feeds
from tocsin.exchange.ledger import OutgoingRow, unanswered_offers
from tocsin.exchange.statements import CaseAct, CaseEntry, DispatchType, GlobalName
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import LaterError
from tocsin.node.records import AuditAction, audit
from tocsin.node.settings import load_settings
from tocsin.node.standby import Term
from tocsin.node.volumes import take_bytes
from tocsin.pipeline.call_outs import look_for_call_outs
from tocsin.pipeline.not_told import withheld
from tocsin.pipeline.notify import tell
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.team_items import given_up_networks
from tocsin.pipeline.to_do import KINDS, every_item
from tocsin.problems.replies import file_mail, open_context

COMMANDS = Path(__file__).parents[2] / "docs" / "commands.md"
ANALYST: Final = AccountRole.ANALYST
OPERATOR, NOC = "operator", "abuse@operator.example"


@dataclass(frozen=True)
class Story:
    """How an item comes about, and the act that ends it; ``person``: who looks, the first account where it matters."""

    begin: Callable[[World], Any]
    end: Callable[[World], Any]
    person: int | None = None


def act(world: World, command: str, name: str = "", by: str = "Test", **values: Any) -> Any:
    """Do an act as a person at the command line does; ``name``: where a command has two; ``by``: who it is."""
    found = next(one for one in every_act() if one.command == command and name in {"", one.name})
    # there a name is an account
    groups = ("incidents ", "clocks ", "takedowns ", "observables ")
    by = "" if command.startswith(groups) and by == "Test" else by
    context = ActContext(world.node, world.now, "test", by)
    return found.function(context, read_request(found, values))


def ending_agreement(world: World) -> None:
    """An agreement in force that ends soon."""
    make_node(world, 1)
    pin_key(world, "Peer", peer(3).node, peer(3).public.decode())
    until = (world.now + timedelta(days=20)).isoformat()
    words = ("draft", "Code", "--type", "code", "--party", "Peer", "--until", until)
    world.tocsin.run("exchange", "agreements", *words)
    world.tocsin.run("exchange", "agreements", "adopt", "1")


def too_much(world: World) -> None:
    """A partner that brings more in a day than is taken."""
    add_partner(world)
    with pytest.raises(LaterError):
        take_bytes(world.node.database, "partner:1", 2, 1, world.now)


def leave_agreement(world: World) -> None:
    world.tocsin.run("exchange", "agreements", "leave", "1")


def asset(world: World) -> World:
    """A register with an asset of the operator, kept by the first account."""
    switch_on(world)
    Keeper(world).add(**FIELDS)
    return world


def told(world: World) -> str:
    """The reference of a digest to the operator that left."""
    world.hear("192.0.2.1")
    world.at(0.1).tell()
    with world.node.database.reading() as session:
        number = read_team(world.node.database, OPERATOR)[0].id
        return session.scalars(select(Delivery.reference).where(Delivery.team_id == number)).one()


def sent_dispatch(world: World, days: int = 0) -> World:
    """A dispatch to a partner, so many days ago."""
    meet_peer(world, peer(3))
    act(world, "exchange send", partner="Peer", documents=({"name": "a", "content": b"a"},), tlp="CLEAR")
    world.now += timedelta(days=days)
    return world


def offered_case(world: World) -> None:
    """A partner offers a case of its own."""
    sender = peer(3)
    meet_peer(world, sender)
    said = {"case": GlobalName(node=sender.node, id=UUID(int=71)), "name": "A. Diop"}
    first = sender.says(CaseEntry, number=1, act=CaseAct.OPENED, **said)
    offer = sender.says(CaseEntry, number=2, before=first.hash, act=CaseAct.OFFER, to=party_of(world, 1), **said)
    bring(world, sender, DispatchType.OFFER, first, offer)


def own_offer(world: World) -> None:
    """A case of ours is offered, and for a week there is no answer."""
    meet_peer(world, peer(3))
    act(world, "exchange offer", by="", partner="Peer", incident=make_incident(world, "Peer"))
    world.now += timedelta(days=6)
    with world.node.database.reading() as session:
        assert not unanswered_offers(session, world.now)
    world.now += timedelta(days=1)


def attested(world: World) -> None:
    """What a partner has shown expires in a few days."""
    expires = world.now + timedelta(days=9)
    do(add_partner(world), "attest", partner=NAME, attestation="NDA", issuer="Ada", expires=expires)


def notice(world: World) -> None:
    """A partner sends a notice."""
    sender = peer(3)
    meet_peer(world, sender)
    bring(world, sender, DispatchType.NOTE)


def stuck_dispatch(world: World) -> None:
    sent_dispatch(world)
    with world.node.database.begin() as session:
        session.execute(update(OutgoingRow).values(state="stuck", reason="The partner has not got number 0."))


def read_receipt(world: World) -> None:
    act(world, "exchange receipt", content=receipt_of(world, peer(3)))


def restored(world: World) -> None:
    meet_peer(world, peer(3))
    with world.node.database.begin() as session:
        audit(session, AuditAction.BACKUP_RESTORED, at=world.now, actor="backup", subject="node")


def not_delivered(world: World) -> None:
    reference = told(world)
    with world.node.database.begin() as session:
        row = update(Delivery).where(Delivery.reference == reference)
        session.execute(row.values(state=DeliveryState.FAILED.value, sent_at=None, mails_sent=0))


def send_again(world: World) -> None:
    with world.node.database.reading() as session:
        failed = select(Delivery.reference).where(Delivery.state == DeliveryState.FAILED.value)
        references = tuple(session.scalars(failed))
    act(world, "deliveries retry", reference=references)
    world.tell()


def without_key(world: World) -> None:
    world.tocsin.run("directory", "set", OPERATOR, "encrypt", "true", "--said-by", "A")
    world.tocsin.run("keys", "node-make")
    world.after_today(1).hear("192.0.2.1")
    world.after_today(1.1).tell()


def with_key(world: World) -> None:
    path = world.folder / "key.pgp"
    with gnupg() as gpg:
        path.write_bytes(gpg.public(gpg.make(f"NOC <{NOC}>", at=f"{world.now - timedelta(days=3):%Y%m%dT%H%M%S}")))
    world.tocsin.run("keys", "import", OPERATOR, path, "--said-by", "A")
    tell(world.node, now=world.after_today(1.2).now)


def expiring_key(world: World) -> None:
    path = world.folder / "key.pgp"
    with gnupg() as gpg:
        made = gpg.make(f"NOC <{NOC}>", at="20241201T000000")  # for two years
        path.write_bytes(gpg.public(made))
    (world.folder / "fingerprint").write_text(made)
    world.tocsin.run("keys", "import", OPERATOR, path, "--said-by", "A")


def without_address(world: World) -> None:
    act(world, "directory deny", team=OPERATOR, kind="mailbox", value=NOC, reason="it left")
    world.hear("192.0.2.1")


def holding(world: World) -> None:
    world.hear("192.0.2.1")
    team = read_team(world.node.database, OPERATOR)[0].id
    with world.node.database.begin() as session:
        claim(session, teams=[team], held=[team], domain="csirt.example", channel="smtp", now=world.now)


def letting_go(world: World) -> None:
    with world.node.database.reading() as session:
        held = tuple(session.scalars(select(Delivery.reference).where(Delivery.state == DeliveryState.HELD.value)))
    act(world, "deliveries release", "release", reference=held)


def over_the_limit(world: World) -> None:
    with world.node.database.begin() as session:
        pull_brake(session, mails=600, most=500, now=world.now)


def late_feed(world: World) -> None:
    for day in range(8):
        world.at(day).hear("192.0.2.1")
    watch_feeds(world.node.database, now=world.at(10).now)


def look_at_alarms(world: World) -> None:
    with world.node.database.reading() as session:
        alarms = session.scalars(select(FeedAlarm.id).where(FeedAlarm.closed_at.is_(None))).all()
    for alarm in alarms:
        act(world, "feeds acknowledge", alarm=alarm, note="They know.")


def failing_collector(world: World) -> None:
    world.tocsin.call("collect", "run", "it")


def mended_collector(world: World) -> None:
    (world.folder / "reports").mkdir()
    world.tocsin.run("collect", "run", "it")


def give_up(world: World) -> None:
    world.hear("192.0.2.1", "192.0.2.2")
    world.at(0.1).tell()
    act(world, "directory deny", team=OPERATOR, kind="prefix", value="192.0.2.0/24", reason=BY_TEAM)


def accept_network(world: World) -> None:
    with world.node.database.reading() as session:
        (one,) = given_up_networks(world.node, session, world.now)
    act(world, "directory accept", kind="given-up", subject=one.subject, reason="They left the country.")


def only_a_trial(world: World) -> None:
    """A mail that was only written for us to read, on a node that sends mails since."""
    world.hear("192.0.2.1")
    world.at(0.1).tell()
    with world.node.database.begin() as session:
        session.execute(update(Delivery).values(state=DeliveryState.SHADOW.value, sent_at=None))


def notify_missed(world: World) -> None:
    assert act(world, "deliveries notify-missed").teams == ["operator"]


def new_contact(world: World) -> None:
    act(world, "directory assert", team="outsider", kind="prefix", value="198.51.100.0/24", reason="a call")
    assert act(world, "deliveries notify-now", days=7).events == 1


def accept_withheld(world: World) -> None:
    with world.node.database.reading() as session:
        found = withheld(session, world.now - timedelta(days=1), world.now)
    for one in found:
        act(world, "directory accept", kind="withheld", subject=one.subject, reason="They know.")


def silence(world: World) -> None:
    world.hear("192.0.2.1")
    (world.folder / "link").write_text(link_of(world.tell()[NOC]))
    world.at(31).hear("192.0.2.1")


def answering(world: World) -> None:
    send(world.client(), (world.folder / "link").read_text(), "fixed")
    world.at(31.1)


def odd_mail(world: World) -> None:
    world.hear("192.0.2.1")
    digest = world.at(0.1).tell()[NOC]
    raw = reply(digest, "fixed", token=False, thread=False)
    file_mail(open_context(world.node, world.node.store), raw, now=world.now)


def incident(world: World, command: str = "", **values: Any) -> World:
    """Open an incident, and do something to it."""
    made = act(world, "incidents open", title="Ransomware, Lagoon Hospital")
    (world.folder / "reference").write_text(made.reference)
    if command:
        act(world, f"incidents {command}", reference=made.reference, **values)
    return world


def reference(world: World) -> str:
    """That of the incident or report that a story began with."""
    return (world.folder / "reference").read_text()


def signed_in(world: World, operation: str, who: int, **values: Any) -> Any:
    """Do an act as a person who is signed in."""
    found = next(one for one in every_act() if one.operation == operation)
    context = ActContext(world.node, world.now, f"person:{who}", "Test", who, act=found)
    return found.function(context, read_request(found, values))


def gained_access(world: World) -> None:
    lead, manager = (person(world.node, role, now=world.now) for role in (ANALYST, AccountRole.MANAGER))
    made = signed_in(world, "openIncident", lead, title="Leak", only=[str(lead)])
    (world.folder / "reference").write_text(made.reference)
    signed_in(world, "letMeInIncident", manager, reference=made.reference, reason="The lead cannot be reached.")


def half_over(world: World) -> None:
    act(world, "clocks adopt", law="nis2", checked_by="Legal office")
    incident(world)
    act(world, "clocks start", reference=reference(world), rule="nis2-23-a", at=world.now)
    world.at(0.6)


def reviewed(world: World) -> None:
    signed_in(world, "reviewAccessIncident", 1, reference=reference(world), person=2)


def incident_mail(world: World) -> None:
    case = make_case(world, {"Hospital": "it@hospital.example"})
    (world.folder / "reference").write_text(case.reference)
    case.receive(answer_to(case.write("Hospital", "Look."), "We look.", sender="it@hospital.example"))


def filed_notice(world: World) -> None:
    """An entity files an early warning, and the text with the time of our answer is adopted."""
    person(world.node, ANALYST, now=world.now)
    act(world, "clocks adopt", law="nis2", checked_by="Legal office")
    fields = {"aware_at": "2026-11-15 08:00", "what": "Ransomware", "malicious": "yes", "cross_border": "unknown"}
    filed = act(
        world, "notices add", team=OPERATOR, law="nis2", kind="early_warning", door="paper",
        received_at=world.now.isoformat(), fields=fields,
    )  # fmt: skip
    (world.folder / "reference").write_text(filed.reference)


def waived_notice(world: World) -> None:
    """It needs no answer, and somebody has it."""
    reference = (world.folder / "reference").read_text()
    act(world, "inbox take", by="1", reference=reference)
    act(world, "notices no-answer", by="1", reference=reference, reason="Told by telephone")


def take_report(world: World) -> None:
    analyst = person(world.node, AccountRole.ANALYST, now=world.now)
    act(world, "inbox take", by=str(analyst), reference=(world.folder / "reference").read_text())


def unseen_takedown(world: World) -> World:
    """A host was asked, and nobody looked since."""
    incident(world, "note", text="A kit")
    asked = {"text": "http://192.0.2.1/kit", "ground": "phishing", "basis": "our terms", "how": "a mail"}
    act(world, "takedowns propose", reference=reference(world), necessity="It takes passwords", **asked)
    act(world, "takedowns ask", reference=reference(world), takedowns=(1,))
    return world.at(4)


def ring_back(world: World) -> None:
    at = (world.now + timedelta(hours=1)).isoformat()
    added = act(world, "inbox add", what="Call me", door="phone", phone="+230 5712 3456", ring_back_at=at)
    (world.folder / "reference").write_text(added.reference)


def rung(world: World) -> None:
    analyst = person(world.node, AccountRole.ANALYST, now=world.now)
    act(world, "inbox ring-back", by=str(analyst), reference=(world.folder / "reference").read_text())


def proved_claim(world: World) -> None:
    made = make_claim(
        world.node.database, "operator.example", team=OPERATOR, mailbox=NOC, claimed_by="test",
        sender=world.node.settings.node, now=world.now,
    )  # fmt: skip
    with dns_server() as dns:
        dns.records = {name: [made.dns_value] for name in made.dns_names}
        show_dns(world.node.database, made.number, resolver=dns.address, now=world.now)


def two_sources(world: World) -> None:
    path = world.folder / "others.toml"
    path.write_text(OTHERS, encoding="utf-8")
    world.tocsin.run("directory", "import", path)


def decide_all(world: World) -> None:
    for one in world.tocsin.json("directory", "conflicts"):
        act(world, "directory decide", value=one["value"], teams=(one["claims"][0]["team"],), reason="the registry")


def empty_roster(world: World) -> None:
    """A roster on which nobody is planned, and somebody should be."""
    person(world.node, ANALYST, now=world.now)
    do_duty(world, "addRosterDuty", name="CSIRT", text='time_zone = "UTC"', always="true")


def missed_call(world: World) -> None:
    """A critical incident for which nobody can be called."""
    empty_roster(world)
    add_rule(world)
    incident(world, "rate", severity="critical")
    look_for_call_outs(world.node, world.now)
    look_for_call_outs(world.node, world.now)


def lost_folder(world: World) -> None:
    """The folder that a second machine sees, too, is away."""
    with (world.node.home / "tocsin.toml").open("a") as file:
        file.write(f'\n[standby]\nfolder = "{world.folder / "away"}"\nto = ["standby@csirt.example"]\n')
    world.node = replace(world.node, settings=load_settings(world.node.home))
    standby = world.node.standby
    assert standby is not None
    standby.hold_term(Term(1))
    assert standby.look()


STORIES: Final[Mapping[ItemKind, Story]] = {
    ItemKind.STOPPED: Story(lambda w: act(w, "stop", reason="a test"), lambda w: act(w, "resume")),
    ItemKind.STANDBY: Story(lost_folder, lambda w: w.tocsin.run("standby", "off")),
    ItemKind.VOLUME: Story(over_the_limit, lambda w: act(w, "deliveries release", "unbrake")),
    ItemKind.FAILED: Story(not_delivered, send_again),
    ItemKind.STUCK: Story(without_key, with_key),
    ItemKind.NO_ADDRESS: Story(
        without_address,
        lambda w: act(w, "directory assert", team=OPERATOR, kind="mailbox", value="noc@operator.example"),
    ),
    ItemKind.OVERDUE: Story(lambda w: (w.hear("192.0.2.1"), w.at(0.4)), lambda w: w.tell()),
    ItemKind.HELD: Story(holding, letting_go),
    ItemKind.UNREADABLE: Story(
        broken_row, lambda w: act(w, "quarantine dismiss", number=1, reason="of no use")
    ),
    ItemKind.FEEDS: Story(late_feed, look_at_alarms),
    ItemKind.COLLECTORS: Story(failing_collector, mended_collector),
    ItemKind.GIVEN_UP: Story(give_up, accept_network),
    ItemKind.NO_CONTACT: Story(lambda w: w.hear("198.51.100.7"), new_contact),
    ItemKind.NOT_NOTIFIED: Story(only_a_trial, notify_missed),
    ItemKind.WITHHELD: Story(lambda w: w.hear("203.0.113.9"), accept_withheld),
    ItemKind.NO_RESPONSE: Story(silence, answering),
    ItemKind.MAILS: Story(odd_mail, lambda w: w.tocsin.run("replies", "reclassify", "1", "--as", "unknown")),
    ItemKind.CLOCKS: Story(
        half_over, lambda w: act(w, "clocks not-applicable", reference=reference(w), clock=1, reason="Not significant")
    ),
    ItemKind.CALL_OUTS: Story(
        missed_call, lambda w: act(w, "duty acknowledge", call_out=1, by=""),
    ),
    ItemKind.DUTY_GAPS: Story(
        empty_roster,
        lambda w: act(w, "duty override", roster="CSIRT", start="2026-11-01", end="2027-11-01", add="1", by=""),
    ),
    ItemKind.INCIDENT_ACCESS: Story(gained_access, reviewed, person=1),
    ItemKind.INCIDENT_WAITING: Story(
        lambda w: incident(w, "wait", waiting_for="the hospital", until=w.now + timedelta(hours=1)).at(1),
        lambda w: act(w, "incidents reopen", reference=reference(w)),
    ),
    ItemKind.INCIDENT_TASKS: Story(
        lambda w: incident(w, "add-task", text="Ask for logs", due_at=w.now + timedelta(hours=1)).at(1),
        lambda w: act(w, "incidents finish-task", reference=reference(w), task=1),
    ),
    ItemKind.INCIDENT_SIGHTINGS: Story(
        lambda w: incident(w, "add-observables", text="192.0.2.1").hear("192.0.2.1"),
        lambda w: act(w, "observables review", reference=reference(w)),
    ),
    ItemKind.LESSONS: Story(
        lambda w: incident(w, "add-task", text="Patch sooner", due_at=w.now + timedelta(hours=1), lesson=True).at(1),
        lambda w: act(w, "incidents finish-task", reference=reference(w), task=1),
    ),
    ItemKind.INCIDENT_LEAD: Story(
        incident, lambda w: act(w, "incidents take", reference=reference(w), by=str(person(w.node, ANALYST, now=w.now)))
    ),
    ItemKind.TAKEDOWNS: Story(
        unseen_takedown,
        lambda w: act(w, "takedowns saw", reference=reference(w), takedowns=(1,), seen="up", how="looked"),
    ),
    ItemKind.RING_BACK: Story(ring_back, rung),
    ItemKind.INCIDENT_MAILS: Story(
        incident_mail,
        lambda w: act(w, "incidents no-answer", reference=(w.folder / "reference").read_text(), party=1),
    ),
    ItemKind.ASSET_TOUCHED: Story(
        lambda w: asset(w).hear("192.0.2.1"), lambda w: Keeper(w).do("acknowledge", asset=1), 1
    ),
    ItemKind.ASSET_CHANGES: Story(
        lambda w: Keeper(asset(w), AccountRole.OPERATOR, (4,)).do("change", asset=1, name="Water"),
        lambda w: Keeper(w).do("decide", change=1, approve=True), 1,
    ),
    ItemKind.ASSETS_STALE: Story(lambda w: asset(w).at(400), lambda w: Keeper(w).do("confirm", asset=(1,)), 1),
    ItemKind.NOTICES: Story(filed_notice, waived_notice, 1),
    ItemKind.INBOX: Story(lambda w: (w.folder / "reference").write_text(inbox_reports(w)["inbox"][0]), take_report),
    ItemKind.PARTNER_CLAIMS: Story(
        claim_key, lambda w: act(w, "partners confirm-key", partner="1", key="1", **CALL)
    ),
    ItemKind.PARTNER_CHECKS: Story(pin, lambda w: act(w, "partners check", partner="1")),
    ItemKind.PARTNER_KEYS: Story(
        pin_expiring, lambda w: act(w, "partners end-key", partner="1", key="1", why="replaced", reason="Ada rang")
    ),
    ItemKind.PARTNER_KEYS_STOPPED: Story(
        stopped, lambda w: act(w, "partners end-key", partner="1", key="1", why="lost", reason="Ada rang")
    ),
    ItemKind.PARTNER_ATTESTATIONS: Story(
        attested, lambda w: act(w, "partners attest", partner="1", attestation="nda", issuer="Ada")
    ),
    ItemKind.PARTNER_VOLUMES: Story(
        too_much, lambda w: act(w, "partners allow-more", partner="1", megabytes=1)
    ),
    ItemKind.AGREEMENTS: Story(
        own_agreement, lambda w: act(w, "exchange agreements refuse", agreement=1, reason="Not ours to keep")
    ),
    ItemKind.AGREEMENTS_ENDING: Story(ending_agreement, leave_agreement),
    ItemKind.PARTNER_ITEMS: Story(offered, lambda w: act(w, "exchange decline", item=1, reason="Known")),
    ItemKind.PARTNER_CASES: Story(
        offered_case, lambda w: act(w, "exchange refuse", by="", case=1, code="capacity", reason="No people")
    ),
    ItemKind.PARTNER_OFFERS: Story(own_offer, lambda w: act(w, "exchange withdraw", by="", case=1)),
    ItemKind.PARTNER_MESSAGES: Story(notice, lambda w: act(w, "exchange acknowledge", by="", message=1)),
    ItemKind.CONSENTS: Story(
        asked_source,
        lambda w: act(w, "exchange record-consent", item=1, partner="1", answer="yes", way="telephone", who="Ada"),
    ),
    ItemKind.DISPATCHES_STUCK: Story(stuck_dispatch, read_receipt),
    ItemKind.RECEIPTS_MISSING: Story(lambda w: sent_dispatch(w, days=8), read_receipt),
    ItemKind.RECALLS_UNANSWERED: Story(
        recalled,
        lambda w: act(w, "exchange record-answer", dispatch=1, state="done", way="telephone", who="Ada", said="Gone"),
    ),
    ItemKind.NUMBERS_UNCHECKED: Story(
        restored, lambda w: act(w, "exchange record-number", partner="1", number=0, who="Ada")
    ),
    ItemKind.CLAIMS: Story(proved_claim, lambda w: act(w, "directory claims approve", number=1, reason="DNS")),
    ItemKind.CONFLICTS: Story(two_sources, decide_all),
    ItemKind.KEYS: Story(
        expiring_key,
        lambda w: w.tocsin.run("keys", "remove", OPERATOR, (w.folder / "fingerprint").read_text(), "--reason", "old"),
    ),
}  # fmt: skip
"""One for each kind; a kind without one fails."""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fresh")
    return make_world(folder, f'[collect.it]\nkind = "folder"\npath = {json.dumps("../reports")}\n').folder


@pytest.mark.parametrize("kind", ItemKind)
def test_an_item_of_this_kind_is_ended_by_its_act(kind: ItemKind, fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    with world.open:
        STORIES[kind].begin(world)
        who = STORIES[kind].person
        before = [one for one in every_item(world.node, world.now, who) if one.kind is kind]
        STORIES[kind].end(world)
        after = [one for one in every_item(world.node, world.now, who) if one.kind is kind]
    assert before
    assert all(one.count and KINDS[kind].title(one) for one in before)
    assert after == []


def test_each_kind_is_in_the_registry_with_commands_that_exist() -> None:
    assert set(KINDS) == set(ItemKind) == set(STORIES)
    commands = set(re.findall(r"^#+ tocsin (.+)$", COMMANDS.read_text(encoding="utf-8"), re.MULTILINE))
    endings = {ending.act for kind in KINDS.values() for ending in kind.endings if ending.act}
    assert all(kind.endings for kind in KINDS.values())
    assert endings <= commands
