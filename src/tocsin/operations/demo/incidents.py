"""Two incidents of Kestria that are worked on: ransomware at a hospital, and a leak that only two people read of."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from io import BytesIO
from typing import Any, Final

from tocsin.incidents import (
    IncidentReader,
    IncidentSearch,
    acts,
    find_incident,
    list_incidents,
    mail_context,
    parties_of,
)
from tocsin.incidents.arrivals import triage_acts
from tocsin.incidents.clocks import text_acts
from tocsin.incidents.evidence import EvidenceSource, NewFile, add_files
from tocsin.incidents.notices import acts as notice_acts
from tocsin.incidents.playbooks import acts as playbook_acts
from tocsin.incidents.populations import acts as affected_acts
from tocsin.incidents.severity import acts as severity_acts
from tocsin.incidents.takedowns import acts as takedown_acts
from tocsin.incidents.threads import acts as thread_acts
from tocsin.incidents.threads import mails_of, threads_of
from tocsin.interface import read_request
from tocsin.node.accounts import AccountRole
from tocsin.operations.demo.demonstration import Demonstration
from tocsin.problems.replies import file_mail

_ACTS: Final = {
    one.command: one
    for one in (
        *acts.ACTS,
        *triage_acts.ACTS,
        *thread_acts.ACTS,
        *text_acts.ACTS,
        *severity_acts.ACTS,
        *notice_acts.ACTS,
        *takedown_acts.ACTS,
        *playbook_acts.ACTS,
        *affected_acts.ACTS,
    )
}

_HOSPITAL: Final = "it@lagoon-hospital.example"
_TAX_OFFICE: Final = "security@tax.gov.kestria.example"

_CALL: Final = """\
All file servers of the hospital are encrypted since this morning; a note asks for money. They pulled the network
cables. The wards work on paper. Nobody has touched the backups yet.
"""
_SEEN: Final = """\
Ransom note READ_ME_NOW.txt
hxxps://update[.]cdn-sync[.]example/gate
203[.]0[.]113[.]45
9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""
_GATE: Final = "hxxps://update[.]cdn-sync[.]example/{page} {address}"
_NOTE: Final = "Your files are encrypted. You have 72 hours.\n"
_TO_HOSPITAL: Final = """\
We have your call. Please keep the backups offline, do not restart the servers, and send us the text of the ransom note
and the firewall logs of the last seven days. We ring you at 16:00.
"""
_TO_OPERATOR: Final = """\
A hospital in your network is hit by ransomware. Please keep the flow records of its line for the last seven days, and
name a contact for tonight.
"""
_FROM_HOSPITAL: Final = """\
The note gives us 72 hours. The firewall shows traffic to 203.0.113.45 since Tuesday night. Sunday's backup is whole.
"""
_TO_TAX_OFFICE: Final = """\
Somebody offers files that look like yours. Please compare ten names with your shares, and tell nobody else for now.
May we ring you about the names?
"""
_FROM_TAX_OFFICE: Final = """\
Six of the ten names are ours. The share was open to a contractor until last week. Yes, please ring.
"""


def open_incidents(demonstration: Demonstration) -> None:
    """What was done in them before today's reports came; the mails leave with those of the reports."""
    _ransomware(demonstration)
    _leak(demonstration)


def answer_in_incidents(demonstration: Demonstration) -> None:
    """What the hospital and the tax office wrote back."""
    context = mail_context(demonstration.node, demonstration.node.store)
    reader = IncidentReader(demonstration.person(AccountRole.MANAGER), demonstration.now)
    said = {_HOSPITAL: _FROM_HOSPITAL, _TAX_OFFICE: _FROM_TAX_OFFICE}
    with demonstration.node.database.reading() as session:
        parties = parties_of(session, reader, list_incidents(session, reader, IncidentSearch(), limit=10))
        threads = threads_of(session, reader, parties)
        sent = {one.mailbox: mails_of(session, reader, [threads[one.id]])[-1] for one in parties if one.mailbox in said}
    for mailbox, mail in sent.items():
        answer = EmailMessage()
        answer["From"], answer["To"], answer["Subject"] = mailbox, context.address, f"Re: {mail.subject}"
        answer["Message-ID"], answer["In-Reply-To"] = f"<answer-{mailbox}>", mail.message_id
        answer.set_content(said[mailbox])
        file_mail(context, answer.as_bytes(policy=SMTP), now=demonstration.now)


@dataclass(frozen=True)
class _Worker:
    """A person who works on an incident that began at ``at``."""

    demonstration: Demonstration
    person: int
    at: datetime

    def do(self, command: str, minutes: float = 0, **values: Any) -> Any:
        """Do an act by its command, so many minutes later."""
        act = _ACTS[command]
        context = self.demonstration.context(self.at + timedelta(minutes=minutes), self.person)
        return act.function(context, read_request(act, values))

    def parties(self, reference: str) -> list[int]:
        """The numbers of who takes part."""
        reader = IncidentReader(self.person, self.demonstration.now)
        with self.demonstration.node.database.reading() as session:
            return [one.id for one in parties_of(session, reader, [find_incident(session, reader, reference)])]


def _ransomware(demonstration: Demonstration) -> None:
    """From a phone call to a hospital and an operator who were written to."""
    now = demonstration.now
    analyst = _Worker(demonstration, demonstration.person(AccountRole.ANALYST), now - timedelta(hours=9))
    call = analyst.do(
        "inbox add", door="phone", what=_CALL, sender="Mira Sand, IT of Lagoon Hospital", phone="+999 555 0160",
        subject="Ransomware at the hospital", ring_back_at=(now + timedelta(hours=1)).isoformat(),
    )  # fmt: skip
    (opened,) = analyst.do("inbox open-incident", 1, reference=(call.reference,), title="Ransomware, Lagoon Hospital")
    do = partial(_later, analyst, opened.incident)
    do("classify", 2, rsit_type="system-compromise")
    answers = {"answers": ("impact=serious", "victim=large"), "comment": "A hospital works on paper."}
    analyst.do("severity rate", 3, reference=opened.incident, **answers)
    do("add-party", 4, role="victim", name="Lagoon Hospital", mailbox=_HOSPITAL, phone="+999 555 0160")
    do("add-party", 5, role="operator", team="summit")
    do("milestone", 6, milestone="detected", known_from="the hospital")
    _reporter, hospital, operator = analyst.parties(opened.incident)
    _clock(analyst, opened.incident, hospital)
    do("send", 15, party=hospital, subject="What we need first", text=_TO_HOSPITAL)
    do("send", 20, party=operator, subject="Records of a line of yours", text=_TO_OPERATOR)
    do("add-observables", 30, text=_SEEN)
    gate = demonstration.country.territories["hosting"].ranges[0][0]
    pages = "\n".join(_GATE.format(page=one, address=gate) for one in ("gate", "pay"))
    proposed = analyst.do(
        "takedowns propose", 35, reference=opened.incident, text=pages,
        ground="command-and-control", basis="your terms of service", how="firewall of the hospital",
        necessity="Encrypted systems of a hospital call it.",
    )  # fmt: skip
    analyst.do("takedowns ask", 36, reference=opened.incident, takedowns=tuple(proposed.takedowns[:1]))
    analyst.do("playbooks start", 36, reference=opened.incident, playbook="ransomware")
    analyst.do("affected attach", 38, reference=opened.incident, matching="team=summit&kind=open-rdp")
    do("note", 40, text="Rang the ministry of health: two more hospitals use the same remote maintenance.")
    due = now - timedelta(hours=1), now + timedelta(hours=20)
    do("add-task", 41, text="Ask the other two hospitals for their firewall logs", due_at=due[0].isoformat())
    do("add-task", 42, text="Prepare the words for the press", due_at=due[1].isoformat())
    do("add-task", 42, text="Let no hospital depend on one remote maintenance", lesson=True)
    _early_warning(analyst, opened.incident)
    do("milestone", 50, milestone="contained", known_from="the hospital", certainty="estimated")
    _evidence(analyst, opened.incident)


def _evidence(analyst: _Worker, reference: str) -> None:
    """The ransom note as a file, and a disk that the police has now."""
    source = {"reference": reference, "received_from": "Mira Sand, Lagoon Hospital"}
    context = analyst.demonstration.context(analyst.at + timedelta(minutes=55), analyst.person)
    note = NewFile("READ_ME_NOW.txt", BytesIO(_NOTE.encode()))
    add_files(context, EvidenceSource(**source, how="copied to a stick"), [note])
    disk = {"name": "Disk of the file server FS-02", "seal": "KE-004711", "place": "Safe, room 12", "how": "by courier"}
    added = analyst.do("evidence add", 120, **source, **disk)
    handed = {"step": "handed", "person": "Police of Kestria, cybercrime", "how": "by hand, against a receipt"}
    analyst.do("evidence record", 240, reference=reference, evidence=added.evidence[0], **handed)


def _early_warning(analyst: _Worker, incident: str) -> None:
    """A harbour files one on paper, under NIS2, and is answered."""
    received = analyst.at + timedelta(minutes=42)
    fields = {
        "aware_at": received,
        "what": "Two file servers are encrypted; a note asks for money.",
        "malicious": "yes",
        "cross_border": "no",
    }
    filed = analyst.do(
        "notices add", 43, team="harbour", law="nis2", kind="early_warning", door="paper", received_at=received,
        fields=fields,
    )  # fmt: skip
    analyst.do("inbox put", 44, reference=(filed.reference,), incident=incident)
    analyst.do(
        "notices answer",
        45,
        reference=filed.reference,
        text="Please keep both servers off, and send us the text of the note.",
    )


def _clock(analyst: _Worker, reference: str, hospital: int) -> None:
    """The early warning that the hospital owes, by a text that the manager adopted."""
    manager = replace(analyst, person=analyst.demonstration.person(AccountRole.MANAGER))
    manager.do("clocks adopt", law="nis2", checked_by="Legal office of the ministry")
    analyst.do("clocks start", 7, reference=reference, rule="nis2-23-a", milestone="detected", entity=hospital)


def _leak(demonstration: Demonstration) -> None:
    """An incident of which only the manager and the analyst know."""
    now = demonstration.now
    roles = AccountRole.MANAGER, AccountRole.ANALYST
    persons = [demonstration.person(one) for one in roles]
    manager = _Worker(demonstration, persons[0], now - timedelta(hours=30))
    title = "Files of the tax office offered for sale"
    opened = manager.do("incidents open", title=title, rsit_type="data-leak", lead=True, only=tuple(map(str, persons)))
    do = partial(_later, manager, opened.reference)
    do("rate", 1, severity="medium", reason="Ten names of files are shown as proof.")
    do("add-party", 2, role="victim", name="Tax office of Kestria", mailbox=_TAX_OFFICE)
    do("add-party", 3, role="police", name="Police of Kestria, cybercrime", phone="+999 555 0133")
    do("send", 10, party=manager.parties(opened.reference)[0], subject="Ten names of files", text=_TO_TAX_OFFICE)
    do("add-observables", 20, text="hxxps://leaks[.]market[.]example/offer/4711")
    do("add-task", 21, text="Tell the data protection authority", due_at=(now + timedelta(hours=40)).isoformat())


def _later(worker: _Worker, reference: str, act: str, minutes: float, **values: Any) -> None:
    worker.do(f"incidents {act}", minutes, reference=reference, **values)
