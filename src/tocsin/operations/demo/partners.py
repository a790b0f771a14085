"""Two CSIRTs abroad whose keys were confirmed by telephone: Meridia has a node like this one, Tavia has mail alone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from tocsin.delivery.sealing import KeyRing
from tocsin.directory.keys import KeyFormat
from tocsin.exchange.ledger import acts as dispatch_acts
from tocsin.exchange.ledger import case_acts, receipt_file, sealed_file, sent_dispatches
from tocsin.exchange.partners import acts, own_key, own_profile
from tocsin.incidents import IncidentReader, IncidentSearch, list_incidents
from tocsin.incidents import acts as incident_acts
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole, Person
from tocsin.node.paths import HomeFile
from tocsin.operations.demo.demonstration import Demonstration
from tocsin.operations.demo.people import let_in
from tocsin.pipeline.stores import NodeWithStores, open_node

ABROAD: Final = "meridia"
"""The folder of Meridia's node, in the home of the demonstration."""

_KESTRIA: Final = "Kestria National CSIRT (demonstration)"
_MERIDIA: Final = "CERT of Meridia"
_MAILBOX: Final = "cert@meridia.example"
_TAVIA: Final = "CERT of Tavia"
_ACTS: Final = {
    **{act.name: act for act in (*acts.ACTS, *dispatch_acts.ACTS, *case_acts.ACTS)},
    **{act.command: act for act in incident_acts.ACTS},
}
_SETTINGS: Final = f"""\
[node]
name = "{_MERIDIA}"
contact = "{_MAILBOX}"
country = "XB"
[accounts]
second_factor = []
[storage]
backup_days = 0
"""
_KIT: Final = """\
hxxps://kestria-bank[.]meridia-hosting[.]example/login
198[.]51[.]100[.]77
"""
_HELP: Final = "Please keep the flow records of 198.51.100.77 for the last seven days."
_ADVISORY: Final = "Remote maintenance without a second factor is being used. Switch it off until it has one.\n"


def add_partners(demonstration: Demonstration) -> None:
    """What went between Kestria and its partners; what waits for an answer now is on *Today*."""
    _add_tavia(demonstration)
    home = demonstration.node.home
    for kept in (home, home / ABROAD):
        kept.mkdir(exist_ok=True)
    (home / ABROAD / HomeFile.SETTINGS).write_text(_SETTINGS, encoding="utf-8")
    kestria = _Side(demonstration.node, demonstration.person(AccountRole.MANAGER), _MERIDIA)
    node = open_node(home / ABROAD)
    let_in(node.database, {}, now=demonstration.now)
    with node.database.reading() as session:
        person = session.scalars(select(Person.id).where(Person.role == AccountRole.MANAGER.value)).one()
    meridia = _Side(node, person, _KESTRIA)
    with meridia.node.database.kept_open():
        _meet(kestria, meridia)
        _ask_about_the_hospital(kestria, meridia)
        _offer_a_case(kestria, meridia)
        _recall_an_advisory(kestria, meridia)
        _ask_for_help(kestria, meridia)


def _add_tavia(demonstration: Demonstration) -> None:
    """By mail alone; its key was made for the demonstration."""
    from pysequoia import Tsk

    cert = Tsk.generate(f"{_TAVIA} <cert@tavia.example>").extract_certificate()
    said = {
        "mailbox": "cert@tavia.example", "countries": "XC", "languages": "en, fr", "largest": 5_000_000,
        "hours": "Mon to Fri 8 to 17 UTC+3, otherwise +999 5550 200", "formats": "text/plain\ntext/csv",
    }  # fmt: skip
    kestria = _Side(demonstration.node, demonstration.person(AccountRole.MANAGER), _TAVIA)
    before = timedelta(days=40)
    kestria.do("add", before, name=_TAVIA, **said)
    kestria.do("add-key", before, partner=_TAVIA, content=str(cert))
    kestria.confirm(cert.fingerprint, before)
    kestria.do("check", timedelta(days=30), partner=_TAVIA, note="Answered within two hours")


@dataclass(frozen=True)
class _Side:
    """A node, who works there, and what its partner is called there."""

    node: NodeWithStores
    person: int
    partner: str

    def do(self, name: str, before: timedelta = timedelta(0), /, **said: Any) -> Any:
        """Do an act so long ago. What is signed happens now: a key of this minute signs nothing that is older."""
        act = _ACTS[name]
        at = datetime.now(UTC) - before
        context = ActContext(self.node, at, f"person:{self.person}", "Demo manager", self.person, act=act)
        return act.function(context, read_request(act, said))

    def confirm(self, fingerprint: str, before: timedelta = timedelta(0)) -> None:
        """Confirm a key of the partner by telephone."""
        call = {"way": "telephone", "said_by": "Noor, head of operations", "evidence": "+999 5550 200, from FIRST"}
        self.do("confirm-key", before, partner=self.partner, key=fingerprint, **call)

    def give(self, other: "_Side", dispatch: int) -> Any:
        """Carry a dispatch over, and the receipt back; what was taken."""
        with self.node.database.reading() as session:
            _, file = sealed_file(self.node, session, dispatch)
        taken = other.do("take", content=file)
        with other.node.database.reading() as session:
            _, receipt = receipt_file(other.node, session, taken.incoming)
        self.do("take-receipt", content=receipt)
        return taken


def _meet(*sides: _Side) -> None:
    """Each has a key, sends its invitation, and confirms the key of the other by telephone."""
    for one in sides:
        ring = KeyRing(one.node.home, one.node.settings, one.node.database, "demo")
        ring.make(KeyFormat.OPENPGP, years=2, now=datetime.now(UTC))
    for one, other in (sides, reversed(sides)):
        now = datetime.now(UTC)
        profile = own_profile(other.node, now)
        said = {"statement": profile.content.decode(), "signature": profile.signature.decode()}
        one.do("add-profile", **said)
        one.confirm(own_key(other.node, now).facts.fingerprint)


def _ask_about_the_hospital(kestria: _Side, meridia: _Side) -> None:
    """The server that the hospital's malware calls is in Meridia: its CSIRT takes part, and works on it."""
    reader = IncidentReader(kestria.person, datetime.now(UTC))
    with kestria.node.database.reading() as session:
        found = list_incidents(session, reader, IncidentSearch(), limit=10)
        reference = next(one.reference for one in found if one.title.startswith("Ransomware"))
    kestria.do("incidents add-party", reference=reference, role="coordinator", name=_MERIDIA, mailbox=_MAILBOX)
    taken = kestria.give(meridia, kestria.do("send", partner=_MERIDIA, incident=reference).dispatch)
    meridia.do("adopt", item=taken.incoming)


def _offer_a_case(kestria: _Side, meridia: _Side) -> None:
    """Meridia found a page against Kestria's bank. Nobody has decided on it yet."""
    opened = meridia.do("incidents open", title="Phishing page against a bank of Kestria", tlp="GREEN")
    meridia.do("incidents add-observables", reference=opened.reference, text=_KIT)
    meridia.give(kestria, meridia.do("send", partner=meridia.partner, incident=opened.reference).dispatch)


def _recall_an_advisory(kestria: _Side, meridia: _Side) -> None:
    """Kestria took back what it sent; Meridia has still to answer."""
    advisory = {"name": "remote-maintenance.txt", "content": _ADVISORY.encode()}
    sent = kestria.do("send", partner=_MERIDIA, documents=(advisory,), tlp="GREEN")
    kestria.give(meridia, sent.dispatch)
    kestria.do("recall", dispatch=sent.dispatch, code="wrong")
    with kestria.node.database.reading() as session:
        recall = sent_dispatches(session, limit=1)[0].row.id
    kestria.give(meridia, recall)


def _ask_for_help(kestria: _Side, meridia: _Side) -> None:
    """Meridia asks for records that a network of Kestria has. Nobody has answered yet."""
    asked = meridia.do("ask", partner=meridia.partner, asks="preservation", urgency="high", text=_HELP, tlp="GREEN")
    meridia.give(kestria, asked.dispatch)
