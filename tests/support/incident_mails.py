"""An incident with parties who write mails: what is sent to them, and what their mail programs send back."""

import email.policy
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any

from support.delivery_examples import Read
from support.world import World
from tocsin.incidents import Incident, IncidentReader, Party, PartyRole, add_incident
from tocsin.incidents.threads import (
    IncidentMail,
    IncidentThread,
    acts,
    find_party_thread,
    mails_of,
    take_mail,
)
from tocsin.interface import ActContext, read_request
from tocsin.problems.replies import FilingResult, file_mail, open_context

SETTINGS = '[mailbox]\naddress = "csirt@example.org"\n'
ACTS = {act.name: act for act in acts.ACTS}
ANALYST = 7


@dataclass
class Case:
    """An incident of a node and its parties, by name. ``members``: who may read it, where it is restricted."""

    world: World
    reference: str
    parties: dict[str, int]
    members: tuple[int, ...] = ()

    def do(self, name: str, *, person: int = ANALYST, **values: Any) -> Any:
        """Do an act; ``party`` by name."""
        if "party" in values:
            values["party"] = self.parties[values["party"]]
        act = ACTS[name]
        context = ActContext(self.world.node, self.world.now, f"person:{person}", "Analyst", person, act=act)
        return act.function(context, read_request(act, {"reference": self.reference, **values}))

    def write(self, party: str, text: str, subject: str = "About your systems", **values: Any) -> Read:
        """Write to a party and let it leave; the mail as it left."""
        self.do("send", party=party, subject=subject, text=text, **values)
        (sent,) = self.world.tell().values()
        return sent

    def thread(self, party: str, *, person: int = ANALYST) -> tuple[IncidentThread | None, list[IncidentMail]]:
        """The thread of a party and its mails, as a person reads them."""
        reader = IncidentReader(person, self.world.now)
        with self.world.node.database.reading() as session:
            found = find_party_thread(session, reader, self.reference, self.parties[party])
            return found.thread, mails_of(session, reader, [found.thread] if found.thread else [])

    def receive(self, raw: bytes) -> FilingResult:
        """Take in a mail as the reader of the mailbox does."""
        node = self.world.node
        return file_mail(open_context(node, node.store, take_mail), raw, now=self.world.now)


def make_case(
    world: World,
    parties: Mapping[str, str],
    *,
    role: PartyRole = PartyRole.VICTIM,
    members: tuple[int, ...] = (),
    tlp: str = "AMBER",
) -> Case:
    """An incident with parties: a mailbox by name."""
    with world.node.database.begin() as session:
        made = add_incident(session, title="Ransomware", actor="person:7", now=world.now, members=members, tlp=tlp)
        numbers = {name: add_party(session, made, name, mailbox, role) for name, mailbox in parties.items()}
        return Case(world, made.reference, numbers, members)


def add_party(session: Any, incident: Incident, name: str, mailbox: str, role: PartyRole) -> int:
    """A party without a team; its number."""
    party = Party(
        incident_id=incident.id, compartment_id=incident.compartment_id, role=role.value, team_id=None, name=name,
        mailbox=mailbox, phone="", language="en", ceiling="", added_at=incident.opened_at, left_at=None,
    )  # fmt: skip
    session.add(party)
    session.flush()
    return party.id


def answer_to(
    sent: Read,
    text: str,
    *,
    sender: str,
    to: str = "",
    subject: str = "",
    token: bool = True,
    thread: bool = True,
    **head: str,
) -> bytes:
    """What a mail program sends back: to the Reply-To, with the ids and the quoted text of the mail."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = to or (sent.headers.get("Reply-To", "") if token else "") or "csirt@example.org"
    mail["Subject"] = subject or f"Re: {sent.headers['Subject']}"
    mail["Message-ID"] = make_msgid(domain=sender.partition("@")[2])
    if thread:
        mail["In-Reply-To"] = sent.message_id
        mail["References"] = " ".join([*str(sent.headers.get("References", "")).split(), sent.message_id])
    for name, value in head.items():
        mail[name.replace("_", "-")] = value
    quoted = "\n".join(f"> {line}" for line in sent.body.splitlines())
    mail.set_content(f"{text}\n\nOn Tue, 24 Nov 2026 at 06:00, CSIRT <csirt@example.org> wrote:\n{quoted}\n")
    return mail.as_bytes(policy=email.policy.SMTP)


def answer_to_id(message_id: str, text: str, *, sender: str) -> bytes:
    """An answer to a mail of ours that has not left yet, to our plain address."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, "csirt@example.org", "Re: your mail"
    mail["Message-ID"], mail["In-Reply-To"] = make_msgid(domain=sender.partition("@")[2]), message_id
    mail.set_content(text)
    return mail.as_bytes(policy=email.policy.SMTP)
