"""Exchange on pages: what was sent and came, an item decided and undone, a file that cannot be read."""

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from html import unescape
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, update

from support.console_users import Browser, browsers_of
from support.exchange_examples import peer
from support.ledger_examples import (
    TABLE,
    amber_item,
    asked_of_us,
    bring,
    make_incident,
    meet_peer,
    party_of,
    recalled,
)
from support.partner_examples import do
from support.world import World, copy_world, text_of
from tocsin.exchange.ledger import OfferedItem, OfferState, OutgoingRow, PassedItem
from tocsin.exchange.ledger.models import ExchangeLink
from tocsin.exchange.partners import find_partner
from tocsin.exchange.statements import CaseAct, CaseEntry, DispatchType, GlobalName
from tocsin.incidents import add_incident
from tocsin.node.accounts import AccountRole
from tocsin.node.records import AuditAction, audit


@pytest.fixture(scope="module")
def ledger(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, list[Browser]]]:
    """A node with a dispatch that is recalled, an item, a case and a request; its analyst and its auditor."""
    world = copy_world(fresh, tmp_path_factory.mktemp("ledger"))
    with world.open, browsers_of(recalled(world), AccountRole.ANALYST, AccountRole.AUDITOR) as browsers:
        yield world, browsers


@pytest.fixture(scope="module")
def met(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, list[Browser]]]:
    """A node that knows a peer; its analyst."""
    world = copy_world(fresh, tmp_path_factory.mktemp("met"))
    with world.open, browsers_of(meet_peer(world, peer(3)), AccountRole.ANALYST) as browsers:
        yield world, browsers


def test_the_list_says_what_waits_and_an_item_is_declined(ledger: tuple[World, list[Browser]]) -> None:
    _, (analyst, auditor) = ledger
    shown = text_of(auditor.get("/exchange"))
    waiting = (
        "1 item of a partner to decide", "1 case offered by a partner",
        "1 request or notice of a partner to acknowledge",
    )  # fmt: skip
    assert [said for said in ("Phishing kit", "Ransomware", *waiting) if said not in shown] == []
    assert text_of(auditor.get("/partners/1/exchange")).count("Phishing kit") == 1
    assert "Decline this item" not in text_of(auditor.get("/exchange/items/1"))
    assert "Decline this item" in text_of(analyst.get("/exchange/items/1"))
    wrong = analyst.send("/exchange/items/1/adopt", incident="INC-0000-0000")
    assert (wrong.status_code, 'value="INC-0000-0000"' in wrong.text) == (409, True), "what was typed stays"
    assert analyst.send("/exchange/items/1/decline", reason="Known already").status_code == 303
    assert "Known already" in text_of(auditor.get("/exchange/items/1"))
    assert waiting[0] not in text_of(auditor.get("/exchange"))
    again = analyst.send("/exchange/items/1/decline", reason="Again")
    assert (again.status_code, "not open for a decision" in text_of(again)) == (409, True)
    assert analyst.get("/exchange/incoming/1/receipt").content == b"receipt"
    data, files = {"csrf": analyst.csrf}, {"file": ("a.pgp", b"no file")}
    unread = analyst.client.post("/exchange/take", data=data, files=files, follow_redirects=False)
    assert unread.status_code in {404, 409}, "this node has no key to open it with"


def test_a_dispatch_says_how_it_travels_and_why_things_were_withheld(ledger: tuple[World, list[Browser]]) -> None:
    world, (analyst, _) = ledger
    shown = text_of(analyst.get("/exchange/dispatches/1"))
    assert ("Content of mails" in shown, "It was not selected." in shown, "not-chosen" in shown) == (True, True, False)
    assert ("does not travel by itself" in shown, "Carry the file" in shown) == (True, True), "this node sends no mails"
    assert analyst.get("/exchange/dispatches/1/file").content == b"sealed"
    done = world.tocsin.run("exchange", "deliver")
    assert ("1 to CERT Aland: carry the file" in " ".join(done.split()), "No way is left" in done) == (True, True)
    do(world, "change", partner="1", inbox="https://cert.aland.example/exchange/inbox")
    assert "It travels by itself" in text_of(analyst.get("/exchange/dispatches/1"))
    world.tocsin.run("stop", "--reason", "Test")
    assert "Sending is stopped." in text_of(analyst.get("/exchange/dispatches/1"))
    assert "tocsin resume" in world.tocsin.run("exchange", "deliver", code=1)
    world.tocsin.run("resume")


def test_what_a_partner_says_is_recorded_on_its_pages(ledger: tuple[World, list[Browser]]) -> None:
    world, (analyst, _) = ledger
    with world.node.database.begin() as session:
        audit(session, AuditAction.BACKUP_RESTORED, at=world.now, actor="backup", subject="node")
    assert "Ask the partner" in text_of(analyst.get("/exchange/dispatches/1"))
    said = {"state": "done", "way": "mail", "who": "Ada", "said": "Gone"}
    assert analyst.send("/exchange/dispatches/1/answer", **said).status_code == 303
    shown = text_of(analyst.get("/exchange/dispatches/1"))
    assert ("By a person" in shown, "Save answer" in shown) == (True, False)
    assert "restored from a backup" in text_of(analyst.get("/exchange"))
    with world.node.database.begin() as session:
        (item,) = session.scalars(select(PassedItem).where(PassedItem.outgoing_id == 1))
        sent = session.get_one(OutgoingRow, 1)
        same = {of.key: getattr(sent, of.key) for of in OutgoingRow.__table__.columns if of.key not in {"id", "once"}}
        recall = OutgoingRow(**same | {"number": 99, "type": "recall"})
        session.add(recall)
        session.flush()
        item.recall_dispatch, number = recall.id, recall.id
    page = analyst.get(f"/exchange/dispatches/{number}").text.split("It recalls what was sent before")[1]
    assert '<a href="/exchange/dispatches/1">' in page
    wrong = analyst.send("/partners/1/number", number="4", who="Ada")
    assert (wrong.status_code, "knows of number 0 at most" in text_of(wrong)) == (409, True)
    assert analyst.send("/partners/1/number", number="0", who="Ada").status_code == 303
    assert "restored from a backup" not in text_of(analyst.get("/partners/1/exchange"))


def test_an_item_shows_what_it_would_add_and_hides_an_incident_of_others(
    ledger: tuple[World, list[Browser]],
) -> None:
    world, (analyst, auditor) = ledger
    digest = sha256(TABLE).hexdigest()

    def item(state: OfferState, **values: object) -> str:
        with world.node.database.begin() as session:
            session.execute(update(OfferedItem).values(state=state.value, reason="", **values))
        return text_of(analyst.get("/exchange/items/1"))

    with world.node.database.begin() as session:
        hidden = add_incident(session, title="x", actor="test", now=world.now, members=(999,)).reference
    offered = item(OfferState.OFFERED)
    assert ("203[.]0[.]113[.]7 Indicator of the attack" in offered, "kit[.]example Victim" in offered) == (True, True)
    assert "203[.]0[.]113[.]7" not in text_of(auditor.get("/exchange/items/1")), "whoever decides sees it"
    got = analyst.send("/exchange/items/1/parts/1/file")
    assert (got.headers["x-content-type-options"], got.headers["content-disposition"]) == (
        "nosniff", "attachment; filename*=utf-8''item-1-1.zip"
    )  # fmt: skip
    with zipfile.ZipFile(io.BytesIO(got.content)) as files:
        assert files.read(digest, pwd=b"infected") == TABLE
    assert auditor.get("/audit?action=offer.copied").text.count(digest) == 1
    refused = [analyst.send(f"/exchange/items/1/parts/{n}/file").status_code for n in (0, 2)]
    refused.append(auditor.send("/exchange/items/1/parts/1/file").status_code)
    assert refused == [404, 404, 404]
    assert "203[.]0[.]113[.]7" not in item(OfferState.OFFERED, tlp="RED")
    assert analyst.send("/exchange/items/1/parts/1/file").status_code == 409, "TLP:RED is read where it is restricted"
    adopted = item(OfferState.ADOPTED, incident=hidden, tlp="AMBER")
    assert analyst.send("/exchange/items/1/parts/1/file").status_code == 409, "it is evidence now"
    assert ("Its incident is hidden" in adopted, hidden in adopted) == (True, False)
    assert "Answer the recall" in item(OfferState.RECALLED)
    page = analyst.get("/exchange/items/1").text
    assert (page.count('class="if-chosen"'), 'value="kept" checked' in page) == (1, False), "nothing is assumed"
    for act in ("items/1/answer", "dispatches/1/answer", "messages/1/reply"):
        undecided = analyst.send(f"/exchange/{act}", who="Ada")
        assert undecided.status_code in {409, 422}, act
        assert "Choose an answer." in text_of(undecided), act


def test_a_case_is_refused_and_a_further_one_is_sent_and_offered(met: tuple[World, list[Browser]]) -> None:
    world, (analyst,) = met
    sender, reference = peer(3), make_incident(world, "Peer")
    said = {"case": GlobalName(node=sender.node, id=UUID(int=71)), "name": "A. Diop"}
    first = sender.says(CaseEntry, number=1, act=CaseAct.OPENED, text="<b>Wiper</b>", **said)
    offer = sender.says(CaseEntry, number=2, before=first.hash, act=CaseAct.OFFER, to=party_of(world, 1), **said)
    bring(world, sender, DispatchType.OFFER, first, offer)
    assert "1 case offered by a partner" in text_of(analyst.get("/today"))
    shown = text_of(analyst.get("/exchange/cases/1"))
    assert ("Offered to us" in shown, "<b>Wiper</b>" in shown, "A. Diop · Peer" in shown) == (True, True, True)
    assert "Offered · This node" in shown, "to whom it was offered"
    again = analyst.send("/exchange/cases/1/refuse", reason="No people")
    assert (again.status_code, "Say why." in again.text, 'value="No people"' in again.text) == (422, True, True)
    refused = analyst.send("/exchange/cases/1/refuse", code="capacity", reason="No people")
    assert refused.status_code == 303
    assert analyst.send("/exchange/cases/1/accept").status_code == 409

    shown = text_of(analyst.get(f"/partners/1/send?incident={reference}"))
    assert ("observables.csv" in shown, "Send to Peer" in shown) == (True, True)
    for end, form in (("send", {}), ("offer", {"joint": "true"})):
        given = {"incident": reference, "once": end, **form}
        places = {analyst.send(f"/partners/1/{end}", **given).headers["location"].partition("?")[0] for _ in range(2)}
        assert len(places) == 1, "sent twice, it is done once"
    assert "To be sent" in text_of(analyst.get(places.pop()))
    shown = text_of(analyst.get(f"/incidents/{reference}"))
    assert ("Joint case" in shown, "Offered, unanswered" in shown, "Send an update" in shown) == (True,) * 3
    assert "Version 2 was sent on" in text_of(analyst.get(f"/partners/1/send?incident={reference}"))


def test_files_are_sent_without_an_incident_and_undone_before_they_leave(met: tuple[World, list[Browser]]) -> None:
    world, (analyst,) = met
    given = {"csrf": analyst.csrf, "tlp": "GREEN", "data": "technical"}

    def look(files: list[tuple[str, tuple[str, bytes]]], **more: str) -> httpx.Response:
        return analyst.client.post("/partners/1/files", data=given | more, files=files, follow_redirects=False)

    two = [("files", ("a/<b>.csv", b"203.0.113.7\n")), ("files", ("c.txt", b"second"))]
    assert [look(two, **lacking).status_code for lacking in ({"tlp": ""}, {"data": ""})] == [409, 409], "not assumed"
    red = text_of(look(two, tlp="RED"))
    assert ("Nothing of this may go to this partner" in red, "Send to Peer" in red) == (True, False)
    page = look(two)
    shown = text_of(page)
    assert ("<b>.csv" in shown, "Technical data" in shown, "TLP:GREEN" in shown, "Send to Peer" in shown) == (True,) * 4
    chosen = [unescape(one) for one in re.findall(r'name="chosen" value="([^"]+)"', page.text)]
    send = {"tlp": "GREEN", "data": "technical", "once": "files"}
    assert analyst.send("/partners/1/files/send", **send, chosen="x.y c.txt").status_code == 409, "not of this node"
    with world.node.database.reading() as session:
        before = [*session.execute(select(ExchangeLink.number, ExchangeLink.head).order_by(ExchangeLink.direction))]
    sent = analyst.send("/partners/1/files/send", **send, chosen=chosen)
    at, _, undo = sent.headers["location"].partition("?undo=")
    shown = text_of(analyst.get(at))
    assert ("<b>.csv (+1)" in shown, "c.txt" in shown, "To be sent" in shown) == (True, True, True)
    assert analyst.get(f"{at}/file").status_code == 409, "nothing leaves while it can be undone"
    assert analyst.send(f"/undo/{undo}").status_code == 303
    assert analyst.get(at).status_code == 404
    with world.node.database.reading() as session:
        after = [*session.execute(select(ExchangeLink.number, ExchangeLink.head).order_by(ExchangeLink.direction))]
    assert before == after, "its number is free again"
    at = analyst.send("/partners/1/files/send", **send, chosen=chosen).headers["location"].partition("?")[0]
    world.now += timedelta(seconds=66)
    assert analyst.get(f"{at}/file").status_code == 200
    world.now -= timedelta(seconds=66)


def test_a_request_is_sent_and_a_notice_names_those_who_do_not_get_it(met: tuple[World, list[Browser]]) -> None:
    world, (analyst,) = met
    wrong = analyst.send("/partners/1/ask", text="Help", basis="legal", tlp="CLEAR")
    assert (wrong.status_code, "names its instrument" in text_of(wrong)) == (409, True)
    asked = analyst.send("/partners/1/ask", text="Keep the logs", asks="preservation", tlp="CLEAR")
    page = text_of(analyst.get(asked.headers["location"]))
    assert ("Preservation of data" in page, "Keep the logs" in page) == (True, True)
    assert analyst.get("/exchange/notice?partner=99").status_code == 404, "else it would be one to all"
    told = analyst.send("/exchange/notice", text="Cable 4 is cut", tlp="CLEAR")
    shown = text_of(analyst.get(told.headers["location"]))
    assert ("Cable 4 is cut" in shown, "No answer needed" in shown, "To be sent" in shown) == (True, True, True)
    do(world, "add", name="Keyless", node=UUID(int=9), mailbox="csirt@keyless.example")
    done = text_of(analyst.send("/exchange/notice", text="Cable 5 is cut", tlp="CLEAR"))
    assert ("1 partner does not get it" in done, "Keyless" in done, "Peer" in done) == (True, True, True)
    assert "confirm it by telephone" in done, "the reason says what to do"
    said = text_of(analyst.send("/exchange/notice?language=fr", text="Cable 6 is cut", tlp="CLEAR"))
    assert ("confirm it by telephone" in said, "par téléphone" in said) == (False, True), "also in other languages"


def test_a_source_is_asked_and_a_question_of_a_partner_is_answered(met: tuple[World, list[Browser]]) -> None:
    world, (analyst,) = met
    do(world, "add", name="CERT C", mailbox="csirt@cert-c.example")
    reference = make_incident(world, "CERT-C", tlp="AMBER")
    item, ours = str(amber_item(world, reference)), asked_of_us(world)
    shown = text_of(analyst.get(f"/exchange/items/{item}"))
    assert ("Consent of the source" in shown, "None is on record" in shown) == (True, True)
    with world.node.database.reading() as session:
        to = str(find_partner(session, "CERT C").id)
    asked = analyst.send(f"/exchange/items/{item}/ask-source", partner=to, up_to="AMBER")
    assert asked.status_code == 303, text_of(asked)
    shown = text_of(analyst.get(asked.headers["location"]))
    assert ("Consent to pass on" in shown, "May we pass on" in shown, "CERT C" in shown) == (True, True, True)
    again = analyst.send(f"/exchange/items/{item}/ask-source", partner=to)
    assert (again.status_code, "has no answer yet" in text_of(again)) == (409, True)
    assert "Who said it" in text_of(analyst.get(f"/exchange/consents?item={item}&partner={to}"))
    said = {"item": item, "answer": "yes", "way": "telephone"}
    early = analyst.send(f"/partners/{to}/consent", **said, who="Ada", until="2020-01-01T00:00")
    assert (early.status_code, "This time is over" in text_of(early), 'value="Ada"' in early.text) == (409, True, True)
    for lacking in ("answer", "way"):
        half = {name: value for name, value in said.items() if name != lacking}
        assert analyst.send(f"/partners/{to}/consent", **half, who="Ada").status_code == 409, "nothing is assumed"
    assert analyst.send(f"/partners/{to}/consent", **said, who="Ada of Peer").status_code == 303
    shown = text_of(analyst.get(f"/exchange/items/{item}"))
    assert ("In force" in shown, "Ada of Peer" in shown, "By telephone" in shown) == (True, True, True)

    assert "1 question whether an item may go on" in text_of(analyst.get("/exchange"))
    shown = text_of(analyst.get(f"/exchange/messages/{ours}"))
    assert ("Consent to passing it on to CERT D" in shown, "Do not consent" in shown) == (True, True)
    assert analyst.send(f"/exchange/messages/{ours}/consent", up_to="GREEN").status_code == 303
    shown = text_of(analyst.get(f"/exchange/messages/{ours}"))
    assert ("Withdraw consent" in shown, "TLP:GREEN" in shown, "Do not consent" in shown) == (True, True, False)
    withdrawn = analyst.send(f"/exchange/messages/{ours}/reply", outcome="refused", code="withdrawn")
    assert withdrawn.status_code == 303
    assert "Withdraw consent" not in text_of(analyst.get(f"/exchange/messages/{ours}"))
