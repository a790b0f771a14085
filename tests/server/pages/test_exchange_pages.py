"""Exchange on pages: what was sent and came, an item decided and undone, a file that cannot be read."""

from pathlib import Path
from uuid import UUID

from support.console_users import browser_of
from support.exchange_examples import peer
from support.ledger_examples import bring, make_incident, meet_peer, party_of, recalled, sent
from support.world import copy_world, text_of
from tocsin.exchange.statements import CaseAct, CaseEntry, DispatchType, GlobalName
from tocsin.node.accounts import AccountRole
from tocsin.node.records import AuditAction, audit
from tocsin.server.server import make_application


def test_an_item_is_declined_on_its_page_and_a_dispatch_is_downloaded(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    with world.open:
        sent(world)
        application = make_application(world.node, clock=lambda: world.now)
        with (
            browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as analyst,
            browser_of(application, world.node, AccountRole.AUDITOR, now=world.now) as auditor,
        ):
            shown = text_of(auditor.get("/exchange"))
            assert ("Phishing kit" in shown, "Ransomware" in shown, "1 item to decide" in shown) == (True, True, True)
            assert text_of(auditor.get("/partners/1/exchange")).count("Phishing kit") == 1
            assert "Decline this item" not in text_of(auditor.get("/exchange/items/1"))
            assert "Decline this item" in text_of(analyst.get("/exchange/items/1"))
            assert analyst.send("/exchange/items/1/decline", reason="Known already").status_code == 303
            assert "Known already" in text_of(auditor.get("/exchange/items/1"))
            again = analyst.send("/exchange/items/1/decline", reason="Again")
            assert (again.status_code, "not open for a decision" in text_of(again)) == (409, True)
            assert analyst.get("/exchange/dispatches/1/file").content == b"sealed"
            assert analyst.get("/exchange/incoming/1/receipt").content == b"receipt"
            data, files = {"csrf": analyst.csrf}, {"file": ("a.pgp", b"no file")}
            wrong = analyst.client.post("/exchange/take", data=data, files=files, follow_redirects=False)
            assert wrong.status_code in {404, 409}, "this node has no key to open it with"


def test_an_incident_is_previewed_and_sealed(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    with world.open:
        meet_peer(world, peer(3))
        reference = make_incident(world, "Peer")
        application = make_application(world.node, clock=lambda: world.now)
        with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as analyst:
            shown = text_of(analyst.get(f"/partners/1/send?incident={reference}"))
            assert ("observables.csv" in shown, "Seal for Peer" in shown) == (True, True)
            done = analyst.send("/partners/1/send", incident=reference, once="1")
            assert done.headers["location"].startswith("/exchange/dispatches/1")
            assert (
                analyst.send("/partners/1/send", incident=reference, once="1")
                .headers["location"]
                .startswith("/exchange/dispatches/1")
            )
            assert "Sealed" in text_of(analyst.get("/exchange/dispatches/1"))


def test_a_case_is_offered_and_refused_and_a_request_answered(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    with world.open:
        sender = peer(3)
        meet_peer(world, sender)
        reference = make_incident(world, "Peer")
        said = {"case": GlobalName(node=sender.node, id=UUID(int=71)), "name": "A. Diop"}
        first = sender.says(CaseEntry, number=1, act=CaseAct.OPENED, text="<b>Wiper</b>", **said)
        offer = sender.says(CaseEntry, number=2, before=first.hash, act=CaseAct.OFFER, to=party_of(world, 1), **said)
        bring(world, sender, DispatchType.OFFER, first, offer)
        application = make_application(world.node, clock=lambda: world.now)
        with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as analyst:
            assert "1 case offered by a partner" in text_of(analyst.get("/today"))
            shown = text_of(analyst.get("/exchange/cases/1"))
            assert ("Offered to us" in shown, "<b>Wiper</b>" in shown, "A. Diop" in shown) == (True, True, True)
            refused = analyst.send("/exchange/cases/1/refuse", code="capacity", reason="No people")
            assert refused.status_code == 303
            assert analyst.send("/exchange/cases/1/accept").status_code == 409

            offered = {"incident": reference, "joint": "true", "once": "1"}
            places = {analyst.send("/partners/1/offer", **offered).headers["location"] for _ in range(2)}
            assert len(places) == 1, "sent twice, it is offered once"
            shown = text_of(analyst.get(f"/incidents/{reference}"))
            assert ("Joint case" in shown, "Offered, unanswered" in shown, "Send an update" in shown) == (True,) * 3
            assert "Version 1 was sent on" in text_of(analyst.get(f"/partners/1/send?incident={reference}"))

            wrong = analyst.send("/partners/1/ask", text="Help", basis="legal", tlp="CLEAR")
            assert (wrong.status_code, "names its instrument" in text_of(wrong)) == (409, True)
            asked = analyst.send("/partners/1/ask", text="Keep the logs", asks="preservation", tlp="CLEAR")
            page = text_of(analyst.get(asked.headers["location"]))
            assert ("Preservation of data" in page, "Keep the logs" in page) == (True, True)
            told = analyst.send("/exchange/notice", text="Cable 4 is cut", tlp="CLEAR")
            assert "Cable 4 is cut" in text_of(analyst.get(told.headers["location"]))


def test_what_a_partner_says_is_recorded_on_its_pages(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    with world.open:
        recalled(world)
        with world.node.database.begin() as session:
            audit(session, AuditAction.BACKUP_RESTORED, at=world.now, actor="backup", subject="node")
        application = make_application(world.node, clock=lambda: world.now)
        with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as analyst:
            assert "Ask the partner" in text_of(analyst.get("/exchange/dispatches/1"))
            assert analyst.send("/exchange/dispatches/1/answer", who="Ada", said="Gone").status_code == 303
            shown = text_of(analyst.get("/exchange/dispatches/1"))
            assert ("By a person" in shown, "Save answer" in shown) == (True, False)
            assert "restored from a backup" in text_of(analyst.get("/exchange"))
            wrong = analyst.send("/partners/1/number", number="4", who="Ada")
            assert (wrong.status_code, "knows of number 0 at most" in text_of(wrong)) == (409, True)
            assert analyst.send("/partners/1/number", number="0", who="Ada").status_code == 303
            assert "restored from a backup" not in text_of(analyst.get("/partners/1/exchange"))
