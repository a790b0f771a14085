"""What was recalled and answered *done* is nowhere on the node any more: every way in, and all that is made of a thing.

Two nodes exchange by each way; what came has one word in its title, values, files and names. Whatever is made of it
here, after the answer nothing in the home has that word.
"""

import io
import json
import os
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import func, select

from support import canary
from support.browser import browser
from support.canary import WORD
from support.console_users import Browser, browsers_of
from support.exchange_examples import peer
from support.incident_mails import add_party
from support.ledger_examples import act, carry, pin_key
from support.processes import KILLED, command
from support.taxii_examples import Partner
from support.taxii_server import indicator
from support.world import World
from tocsin.delivery import DeliveryItem
from tocsin.exchange.dispatches import Limits, unpack
from tocsin.exchange.ledger import OfferedItem, OutgoingRow, PassedItem, sealed_file
from tocsin.exchange.ledger.misp_records import record_parts
from tocsin.exchange.ledger.recalls.journal import kept_before
from tocsin.exchange.ledger.recalls.made import WITHOUT_WORDS, holds_recalled
from tocsin.exchange.protocols import AccessProtocol, ProgramCaller, post
from tocsin.exchange.statements import DispatchType
from tocsin.exchange.ways import ExchangeWay, take_exchange_mail, take_file
from tocsin.incidents import IncidentObservable, IncidentReader, Party, PartyRole, find_incident, mail_context
from tocsin.incidents.contents import CONTENT
from tocsin.incidents.threads.write import save_draft
from tocsin.interface import ActContext
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError
from tocsin.operations.backup import known_tables, restore_backup
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.stores import open_node
from tocsin.problems.replies import file_mail

VALUE: Final = f"{WORD}.example"
THIRD: Final = peer(3)
EVENT: Final = "6d3f1f0e-0000-4000-8000-000000000001"
MAPPING: Final = """
name = "Crawl"
files = ["crawl-*.csv"]

[columns]
seen = "time.source"
host = "source.ip"
what = "extra.what"

[constants]
"classification.type" = "vulnerable-system"
"""
CLEAR: Final = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"  # TLP:CLEAR, as OASIS has it


def rows(world: World, table: Any) -> list[Any]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def places_with_word(world: World) -> list[str]:
    """The files of a home that have the word in any form, of archives in what is packed, and the tables."""
    return places_in(world.node.home)


def places_in(home: Path) -> list[str]:
    """The same of a folder."""
    packed = [
        path.relative_to(home).as_posix()
        for path in sorted(home.rglob("*"))
        if path.is_file() and zipfile.is_zipfile(path) and _is_packed_in(path.read_bytes())
    ]
    return sorted({*canary.files_with(home), *packed, *(f"table {name}" for name in canary.rows_with(home))})


def _is_packed_in(content: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return any(canary.is_in(archive.read(name)) or canary.is_in(name.encode()) for name in archive.namelist())


@dataclass
class Exchange:
    """A source, the node that has its item, and what was done with that."""

    source: World
    here: World
    folder: Path
    incident: str = ""
    made: list[str] = field(default_factory=list)
    client: Any = None
    reads: list[Callable[[], str]] = field(default_factory=list)

    @property
    def item(self) -> OfferedItem:
        """The newest item."""
        newest: OfferedItem = rows(self.here, OfferedItem)[-1]
        return newest


def incident_with_word(world: World) -> str:
    """An incident of the source that says the word everywhere."""
    reference = world.tocsin.json("incidents", "open", f"Kit of {WORD}", "--tlp", "CLEAR")["reference"]
    world.tocsin.run("incidents", "add-observables", reference, "--text", VALUE)
    path = world.folder / f"{WORD}.txt"
    path.write_text(f"What {WORD} did")
    world.tocsin.run("evidence", "add-file", reference, path)
    return str(reference)


def send_share(exchange: Exchange) -> bytes:
    """The dispatch of an incident that says the word."""
    exchange.incident = incident_with_word(exchange.source)
    done = act(exchange.source, "send", partner="B", incident=exchange.incident, classes=("evidence", "analysis"))
    with exchange.source.node.database.reading() as session:
        return sealed_file(exchange.source.node, session, done.dispatch)[1]


def by_file(exchange: Exchange) -> None:
    """Carried on a stick."""
    act(exchange.here, "take", content=send_share(exchange))


def by_inbox(exchange: Exchange) -> None:
    """Posted to the inbox, whole."""
    content, world = send_share(exchange), exchange.here
    assert take_file(ActContext(world.node, world.now, "inbox"), content, limited=True).dispatch is not None


def by_mail(exchange: Exchange) -> None:
    """A mail with the file attached, which is kept as every mail is."""
    mail, world = EmailMessage(), exchange.here
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = "a@a.example", "b@b.example", "1", "<1@a.example>"
    mail.set_content("Attached.")
    mail.add_attachment(send_share(exchange), "application", "octet-stream", filename="1.pgp")
    desk = mail_context(world.node, world.node.store, take_exchange_mail)
    assert "Dispatch" in file_mail(desk, bytes(mail), now=world.now).decision.why


def by_case(exchange: Exchange) -> None:
    """A case that is handed over with its history."""
    exchange.incident = incident_with_word(exchange.source)
    exchange.source.tocsin.run("incidents", "note", exchange.incident, "--text", f"We saw {WORD}")
    done = act(exchange.source, "offer", partner="B", incident=exchange.incident, classes=("evidence",))
    carry(exchange.source, exchange.here, done.dispatch)
    exchange.made.append(act(exchange.here, "accept", case=1).incident)


def caller(exchange: Exchange) -> ProgramCaller:
    """A program of the source."""
    return ProgramCaller(1, exchange.item.partner_id if rows(exchange.here, OfferedItem) else 1, "A", frozenset())


def by_taxii(exchange: Exchange) -> None:
    """Objects of STIX that a program posts."""
    post(exchange.here.node, caller(exchange), json.dumps({"objects": [stix()]}).encode(), exchange.here.now)


def stix(**said: Any) -> dict[str, Any]:
    name = f"Kit of {WORD}"
    return indicator(1, VALUE, name=name, object_marking_refs=[CLEAR], **said)


def by_misp(exchange: Exchange) -> None:
    """An event that a program writes by the API of MISP."""
    world, words = exchange.here, ("--protocol", "misp", "--scope", "read", "--scope", "post")
    client = world.client()
    client.headers["Authorization"] = str(world.tocsin.json("exchange", "token", "make", "A", *words)["secret"])
    client.headers["Accept"] = "application/json"
    attribute = {"type": "domain", "category": "Network activity", "to_ids": True, "value": VALUE}
    said = {"info": f"Kit of {WORD}", "Attribute": [attribute], "uuid": EVENT, "Tag": [{"name": "tlp:clear"}]}
    assert client.post("/misp/events/add", json={"Event": said}).status_code == 200
    exchange.client = client


def recall_it(exchange: Exchange) -> None:
    """Its source recalls it by a dispatch."""
    done = act(exchange.source, "recall", incident=exchange.incident, code="wrong")
    assert (done.sent, done.left) == (1, [])
    carry(exchange.source, exchange.here, max(row.id for row in rows(exchange.source, OutgoingRow)))


def revoke_it(exchange: Exchange) -> None:
    """The program posts the same object, revoked."""
    gone = {"revoked": True, "modified": "2026-11-21T00:00:00.000Z", "pattern": "[domain-name:value = 'gone.example']"}
    content = json.dumps({"objects": [stix() | gone | {"name": "Gone"}]}).encode()
    post(exchange.here.node, caller(exchange), content, exchange.here.now)


def delete_it(exchange: Exchange) -> None:
    """The program deletes its event."""
    assert exchange.client.post(f"/misp/events/delete/{EVENT}").status_code == 200


Step = Callable[[Exchange], None]
WAYS_IN: Final[dict[str, tuple[Step, Step]]] = {
    "file": (by_file, recall_it),
    ExchangeWay.HTTPS: (by_inbox, recall_it),
    ExchangeWay.MAIL: (by_mail, recall_it),
    DispatchType.OFFER: (by_case, recall_it),
    AccessProtocol.TAXII: (by_taxii, revoke_it),
    AccessProtocol.MISP: (by_misp, delete_it),
}
"""How an item comes, and how its source takes it back."""


def adopt(exchange: Exchange) -> None:
    if not exchange.made:  # who accepts a case has adopted what came with it
        exchange.made.append(act(exchange.here, "adopt", item=exchange.item.id).incident)


def repeat_in_texts(exchange: Exchange) -> None:
    """People write it into notes, tasks, drafts, mails, and what teams with affected systems are told."""
    here, reference = exchange.here, exchange.made[-1]
    with here.node.database.begin() as session:
        incident = find_incident(session, IncidentReader(None, here.now), reference)
        party = add_party(session, incident, "Victim", "it@victim.example", PartyRole.VICTIM)
        save_draft(
            session, session.get_one(Party, party), 1, subject=f"About {VALUE}", text=f"Look at {VALUE}", now=here.now
        )
    said = ("--subject", f"About {VALUE}", "--text", f"Block {WORD}[.]example", "--tlp", "CLEAR")
    here.tocsin.run("incidents", "send", reference, str(party), *said)
    here.tocsin.run("affected", "set-text", reference, "--text", f"It talks to {VALUE}")
    here.tocsin.run("incidents", "note", reference, "--text", f"Seen: {WORD}[.]example")
    here.tocsin.run("incidents", "add-task", reference, "--text", f"Block {VALUE}")


def send_on(exchange: Exchange) -> None:
    """In our incident to a third, and as its source signed it."""
    here = exchange.here
    act(here, "send", partner="Third", incident=exchange.made[-1], classes=("evidence", "analysis"))


def read_by_programs(exchange: Exchange) -> None:
    """Programs of others read it at TAXII and by the API of MISP."""
    here, client = exchange.here, exchange.here.client()
    words = ("exchange", "token", "make", "Third", "--scope", "read", "--protocol")
    taxii, misp = (here.tocsin.json(*words, one.value)["secret"] for one in (AccessProtocol.TAXII, AccessProtocol.MISP))
    reader, head = Partner("Third", taxii, client), {"Authorization": misp, "Accept": "application/json"}
    search = {"returnFormat": "json"}
    exchange.reads = [
        lambda: json.dumps(reader.objects()),
        lambda: client.post("/misp/events/restSearch", json=search, headers=head).text,
    ]
    assert all(WORD in read() for read in exchange.reads), "it was read"


def pass_on(exchange: Exchange) -> None:
    act(exchange.here, "pass-on", item=exchange.item.id, partner="Third")


LACKING: Final[Mapping[str, tuple[str, ...]]] = {AccessProtocol.TAXII: ("pass-on",), AccessProtocol.MISP: ("pass-on",)}
"""What cannot be made of what came so: nothing is signed that could go on."""
MADE: Final = {"adopt": adopt, "texts": repeat_in_texts, "send": send_on, "pass-on": pass_on, "read": read_by_programs}


@pytest.fixture
def exchange(pair: tuple[World, World], tmp_path: Path) -> Exchange:
    one, other = pair
    pin_key(other, "Third", THIRD.node, THIRD.public.decode())
    return Exchange(one, other, tmp_path)


def test_every_way_in_is_asked() -> None:
    """A new way, protocol or kind of dispatch that brings items needs a line above."""
    bring = {DispatchType.OFFER.value}  # a share is the file itself
    assert set(WAYS_IN) == {"file", *ExchangeWay, *AccessProtocol, *bring}
    silent = set(DispatchType) - {DispatchType.SHARE, *bring}
    assert {one.value for one in silent} == {
        "hello", "accept", "refuse", "withdraw", "request", "answer", "recall", "report", "agree", "note",
    }, "what brings an item is asked here"  # fmt: skip


def test_every_table_of_an_incident_is_read_for_words_or_has_a_reason() -> None:
    """A new table of what is in an incident is in `CONTENT`, and so it is read; others are named here."""
    tables = {one.name for one in known_tables() if "incident_id" in one.columns}
    reasons = {
        "asset_touch": "numbers", "exchange_case": "by its name", "exchange_message": "read, too",
        "exchange_taxii_incident": "hashes", "exchange_taxii_object": "taken back", "incident_look": "numbers",
        "incident_report": "numbers",
    }  # fmt: skip
    assert tables == {one.__tablename__ for one in CONTENT} | reasons.keys()
    assert set(CONTENT) > WITHOUT_WORDS


@pytest.mark.parametrize("way", WAYS_IN)
def test_after_the_answer_nothing_is_left(exchange: Exchange, way: str) -> None:
    bring, take_back = WAYS_IN[way]
    bring(exchange)
    number, here = exchange.item.id, exchange.here
    for name, make in MADE.items():
        if name not in LACKING.get(way, ()):
            make(exchange)
    take_back(exchange)
    assert "table incident_observable" in set(places_with_word(here)), "it was everywhere"
    with pytest.raises(ConflictError, match="here still"):
        act(here, "answer", item=number, state="done")
    assert not any(WORD in read() for read in exchange.reads), "from the moment that the recall is here"
    for to in ("Third", "A"):
        with pytest.raises(ConflictError):
            act(here, "send", partner=to, incident=exchange.made[-1])
    assert act(here, "answer", item=number, state="done", end=True).kept == 0
    assert places_with_word(here) == []
    with here.node.database.reading() as session:
        assert session.get_one(OfferedItem, number).state == "erased"


def test_what_a_program_deletes_of_its_event_is_offered_no_more_and_goes_with_the_event(exchange: Exchange) -> None:
    """The deleted attribute, adopted before, and the newer version without it, adopted after."""
    by_misp(exchange)
    adopt(exchange)
    here, client = exchange.here, exchange.client
    (attribute,) = client.get(f"/misp/events/view/{EVENT}").json()["Event"]["Attribute"]
    other = {"type": "domain", "category": "Network activity", "to_ids": True, "value": "other.example"}
    assert client.post(f"/misp/attributes/add/{EVENT}", json=other).status_code == 200
    assert client.post(f"/misp/attributes/delete/{attribute['uuid']}").status_code == 200
    newest = exchange.item
    with here.node.database.reading() as session:
        parts = record_parts(session, newest.partner_id, newest.item)
    assert VALUE.encode() not in b"".join(parts.values())
    assert b"other.example" in parts["observables.csv"]
    act(here, "adopt", item=newest.id)
    delete_it(exchange)
    assert act(here, "answer", item=newest.id, state="done", end=True).kept == 0
    assert places_with_word(here) == []


def test_digests_that_have_not_left_say_nothing_of_a_report_that_was_recalled(exchange: Exchange) -> None:
    """The report came as evidence and was taken in; what teams are owed of it goes with its events."""
    source, here = exchange.source, exchange.here
    rows = [f"{here.now:%Y-%m-%d %H:%M:%S},192.0.2.{n},{WORD}" for n in range(9)]
    report = source.folder / "crawl-1.csv"
    report.write_text("\n".join(["seen,host,what", *rows, ""]))
    exchange.incident = source.tocsin.json("incidents", "open", "Scans", "--tlp", "CLEAR")["reference"]
    source.tocsin.run("evidence", "add-file", exchange.incident, report)
    done = act(source, "send", partner="B", incident=exchange.incident, classes=("evidence",))
    carry(source, here, done.dispatch)
    (here.node.home / "feeds").mkdir(exist_ok=True)
    (here.node.home / "feeds" / "crawl.toml").write_text(MAPPING)
    assert ingest(here.node, [report], clock=lambda: here.now).counts.stored == 9
    with here.node.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(DeliveryItem)), "teams are owed it"
    recall_it(exchange)
    made = here.tocsin.json("exchange", "made", "1")
    assert [one["kind"] for one in made if one["name"].startswith("ingest:")] == ["events"]
    act(here, "answer", item=1, state="done", end=True)
    assert here.at(1).tell() == {}
    assert places_with_word(here) == []


def answered(exchange: Exchange) -> list[list[Any]]:
    """What the source learns, once the report is there: what is kept, why, and how many."""
    carry(exchange.here, exchange.source, max(row.id for row in rows(exchange.here, OutgoingRow)))
    (share,) = [row for row in rows(exchange.source, PassedItem) if row.answer]
    return [share.answer, *share.answer_kept]


def test_what_is_known_elsewhere_or_kept_by_a_person_is_said_to_the_source(exchange: Exchange) -> None:
    """A value that a person here knew, and a note that is kept by law: kept in part, and both go to no third."""
    here = exchange.here
    by_file(exchange)
    adopt(exchange)
    reference = exchange.made[-1]
    here.tocsin.run("incidents", "add-observables", reference, "--text", f"From our own logs: {VALUE}")
    recall_it(exchange)
    made = {one["name"].rpartition(":")[2]: one for one in here.tocsin.json("exchange", "made", "1")}
    assert made["observable-1"]["stays"] == "other-source"
    file = next(one["name"] for one in made.values() if one["kind"] == "evidence" and WORD in one["text"])
    wrong = ("exchange", "answer", "1", "--state", "done", "--end", "--keep", "incident:INC-0000-0000:entry-1=law")
    assert here.tocsin.call(*wrong)[0] == 1
    shown = here.tocsin.run("exchange", "answer", "1", "--state", "done", "--end", "--keep", f"{file}=law")
    assert "things kept" in shown
    assert {one["name"] for one in here.tocsin.json("exchange", "made", "1")} >= {file}
    kept: list[Any] = answered(exchange)
    assert kept[0] == "kept"
    assert ["evidence", "law", 1] in kept
    assert ["observable", "other-source", 1] in kept
    assert kept_before(here.node, exchange.item)[file] == "law", "what a person said holds for the next recall, too"
    with here.node.database.reading() as session:
        assert [one.value for one in session.scalars(select(IncidentObservable))] == [VALUE], "it was ours, too"
    assert "table incident" not in places_with_word(here), "all else is gone"
    act(here, "send", partner="Third", incident=reference, classes=("evidence",))
    with here.node.database.reading() as session:
        archive = session.scalars(select(OutgoingRow.archive).order_by(OutgoingRow.id.desc())).first()
    members = unpack(here.node.exchange.read(archive or ""), Limits()).values()
    said = b"What canary-in-the-coal-mine did"
    assert (any(said in one for one in members), any(VALUE.encode() in one for one in members)) == (False, True)


def test_under_a_legal_hold_it_is_kept_in_part_and_goes_once_the_hold_is_over(exchange: Exchange) -> None:
    here = exchange.here
    by_file(exchange)
    adopt(exchange)
    reference = exchange.made[-1]
    here.tocsin.run("evidence", "hold", reference, "--ordered-by", "Court")
    recall_it(exchange)
    before = places_with_word(here)
    with pytest.raises(ConflictError):
        act(here, "answer", item=1, state="done")
    assert act(here, "answer", item=1, state="done", end=True).kept > 0
    assert {code for _, code, _ in answered(exchange)[1:]} == {"legal-hold"}
    assert {one for one in before if one.startswith("incident-evidence/")} <= set(places_with_word(here))


def test_what_is_on_its_way_to_a_third_is_known_to_hold_it_once_it_is_recalled(exchange: Exchange) -> None:
    here, held = exchange.here, list[bool]()
    by_file(exchange)
    adopt(exchange)
    send_on(exchange)
    for step in (lambda _: None, recall_it):
        step(exchange)
        with here.node.database.reading() as session:
            held.append(holds_recalled(here.node, session, session.get_one(OutgoingRow, 1), here.now))
    assert held == [False, True]


def test_what_may_not_be_used_is_not_looked_for_any_more(exchange: Exchange) -> None:
    """A recall that asks to stop using it: nothing is erased, and nothing of it goes on."""
    here = exchange.here
    by_file(exchange)
    adopt(exchange)
    act(exchange.source, "recall", incident=exchange.incident, code="wrong", asks="stop-using")
    carry(exchange.source, here, 2)
    with pytest.raises(ConflictError, match="observable-1"):
        act(here, "answer", item=1, state="done")
    act(here, "answer", item=1, state="done", end=True)
    with here.node.database.reading() as session:
        assert [one.withdrawn_at is not None for one in session.scalars(select(IncidentObservable))] == [True]
    assert list[Any](answered(exchange)) == ["done"]
    with pytest.raises(ConflictError):
        act(here, "send", partner="Third", incident=exchange.made[-1])


CUTS: Final = (
    "exchange.ending.passed",
    "purge.noted",
    "purge.recording",
    "purge.recorded",
    "purge.files",
    "exchange.ending.ended",
)


def test_killed_anywhere_it_is_ended_and_answered_once(exchange: Exchange) -> None:
    here = exchange.here
    by_file(exchange)
    for make in (adopt, send_on):
        make(exchange)
    recall_it(exchange)
    words = ("exchange", "answer", "1", "--state", "done", "--end")
    for cut in CUTS:
        killed = command(here.node.home, *words, environment={**os.environ, "TOCSIN_CUT": cut})
        assert killed.wait() in {KILLED, 0}, cut
    assert here.tocsin.call(*words)[0] in {0, 1}
    assert places_with_word(here) == []
    kinds = sorted(row.type for row in rows(here, OutgoingRow))
    assert kinds == ["recall", "report", "share"], "each once"


def test_a_backup_from_before_brings_nothing_of_it_back(exchange: Exchange) -> None:
    here = exchange.here
    by_file(exchange)
    adopt(exchange)
    here.tocsin.run("backup", exchange.folder / "backups" / "first")
    recall_it(exchange)
    act(here, "answer", item=1, state="done", end=True)
    here.tocsin.run("backup", exchange.folder / "backups" / "second")  # the journal beside the first is up to date
    restore_backup(exchange.folder / "backups" / "first", exchange.folder / "again", now=here.now)
    again = open_node(exchange.folder / "again")
    with again.database.reading() as session:
        decided = [(one.state, one.code, one.decided_by) for one in session.scalars(select(OfferedItem))]
    again.database.close()
    assert decided == [("erased", exchange.item.code, exchange.item.decided_by)]
    assert places_in(exchange.folder / "again") == []


def test_the_page_lists_what_was_made_and_ends_it(exchange: Exchange) -> None:
    """A person keeps the file by law and ends the rest; the page of the source says what is kept."""
    here, source = exchange.here, exchange.source
    by_file(exchange)
    for make in (adopt, send_on):
        make(exchange)
    recall_it(exchange)
    with browsers_of(here, AccountRole.ANALYST) as (ours,):
        page = ours.get("/exchange/items/1").text
        kept = re.findall(r'value="(incident:[^"]*evidence-\d+=law)"', page)
        assert all(word in page for word in ("Made of this item", VALUE, "Copy of a sent message"))
        assert len(kept) > 0
        if folder := os.environ.get("TOCSIN_PICTURES"):
            picture_of(ours, "/exchange/items/1", Path(folder) / "recalled.png")
        assert ours.send("/exchange/items/1/answer", state="done", end="true", keep=["", *kept[-1:]]).status_code == 303
        page = ours.get("/exchange/items/1").text
        assert all(word in page for word in ("Kept, although recalled", "Law"))
    answered(exchange)
    with browsers_of(source, AccountRole.ANALYST) as (theirs,):
        page = theirs.get("/exchange/dispatches/1").text
        assert "Kept in part" in page
        if folder := os.environ.get("TOCSIN_PICTURES"):
            picture_of(theirs, "/exchange/dispatches/1", Path(folder) / "source.png")


def picture_of(browser_: Browser, path: str, to: Path) -> None:
    with browser(width=1280) as tab:
        url = str(browser_.client.base_url)
        for cookie in browser_.client.cookies.jar:
            tab.command("Network.setCookie", name=cookie.name, value=cookie.value or "", url=url)
        tab.open(f"{url.rstrip('/')}{path}")
        to.write_bytes(tab.screenshot())
