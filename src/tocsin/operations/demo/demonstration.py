"""What happened in Kestria besides the reports of this week: one of everything that a page can show.

Everything goes through the functions that people's commands and pages call, at the times at which it happened.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from functools import cached_property
from pathlib import Path
from typing import Final

from sqlalchemy import select

from tocsin.delivery import Delivery, DeliveryState
from tocsin.delivery import acts as mail_acts
from tocsin.directory import MuteKind, Team, act_requests, import_directory, read_directory
from tocsin.directory import acts as directory_acts
from tocsin.directory.claims import acts as claim_acts
from tocsin.directory.contacts import KIND as VERIFY
from tocsin.directory.contacts import ConfirmationOutcome, question_of_letter, settle_question, verify_team
from tocsin.events import save_view
from tocsin.incidents import mail_context
from tocsin.incidents.arrivals import ReportForm, ReportKind, file_report, form_word, ticket_of
from tocsin.incidents.arrivals import acts as inbox_acts
from tocsin.incidents.duty import acts as duty_acts
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole, Person
from tocsin.node.errors import InternalError
from tocsin.node.letters import Letter
from tocsin.node.reply_addresses import reply_addresses
from tocsin.node.tokens import open_tokens
from tocsin.operations.demo.country import Country
from tocsin.pipeline.collectors import node_collectors, run_collector, standings
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.notify import tell
from tocsin.pipeline.stores import NodeWithStores
from tocsin.problems import problem_text
from tocsin.problems.answers import AnswerVerdict, TeamAnswer, answer_problems, sheets_of
from tocsin.problems.replies import file_mail
from tocsin.sharing.rules import set_rules

_COPY: Final = """\
[[team]]
key = "harbour-noc"
name = "Harbour Telecom NOC"
kind = "operator"
mailboxes = ["abuse@harbour.example"]
prefixes = ["{disputed}"]

[[team]]
key = "summit-ltd"
name = "Summit Mobile Ltd"
kind = "operator"
mailboxes = ["abuse@summit.example"]
"""

_RULES: Final = """\
title = "Sharing and notifying in Kestria"
type = "agreement"
parties = ["Kestria National CSIRT", "the operators of Kestria"]
edition = "1"

[[share]]
id = "no-accounts-to-operators"
to_kind = ["operator"]
hide = ["source.account"]
why = "Names of accounts go to the national CSIRT alone."
"""

_ROSTER: Final = """\
[[rotation]]
id = "week"
kind = "weekly"
start = 2026-11-02T08:00:00
people = ["analyst@demo.example", "manager@demo.example"]

[[rule]]
rotation = "week"
"""


@dataclass(frozen=True)
class Demonstration:
    """The node of the demonstration, its country, and the time."""

    node: NodeWithStores
    country: Country
    now: datetime

    def hear(self, reports: Iterable[Path], at: datetime) -> None:
        """Take reports in and notify whoever is due, as if it were ``at``."""
        ingest(self.node, list(reports), clock=lambda: at)
        tell(self.node, now=at + timedelta(minutes=5))

    def answer(self, key: str, said: Sequence[tuple[AnswerVerdict, int]], at: datetime) -> None:
        """What a team answers in the portal: each verdict for so many of its open problems, one after another."""
        team = self._teams[key]
        sheet = sheets_of(self.node, self.node.store, self.node.tracker).of_team(team, now=at)
        lines = iter([line for line in sheet.lines if line.standing is None and line.gone_at is None])
        for verdict, count in said:
            chosen = [problem_text(line.key) for line, _ in zip(lines, range(count), strict=False)]
            if chosen:
                word = TeamAnswer(verdict, chosen, "", 90)
                act = f"demo:{key}:{at.isoformat()}"
                answer_problems(self.node, self.node.store, sheet, word, actor=key, act=act, now=at)

    def context(self, at: datetime | None = None, person: int | None = None) -> ActContext:
        """Who acts: the account of that number, else the demonstration itself."""
        actor = f"person:{person}" if person else "demo"
        return ActContext(self.node, at or self.now, actor, "Demonstration", person)

    def person(self, role: AccountRole) -> int:
        """The number of the account of a role."""
        with self.node.database.reading() as session:
            return session.scalars(select(Person.id).where(Person.role == role.value)).one()

    @cached_property
    def _teams(self) -> Mapping[str, Team]:
        return {team.key: team for team in read_directory(self.node.database).teams}

    def digests(self, key: str) -> list[Delivery]:
        """What was sent to a team, the newest last."""
        with self.node.database.reading() as session:
            sent = select(Delivery).where(Delivery.team_id == self._teams[key].id)
            return list(session.scalars(sent.where(Delivery.state == DeliveryState.SENT.value).order_by(Delivery.id)))


def mails(demonstration: Demonstration) -> None:
    """A mail that a person holds, one that was dropped, one that came back, and a question in reply to one."""
    context = demonstration.context()
    held, dropped = (
        mail_acts.repeat_mails(context, mail_acts.Mails(reference=(demonstration.digests(key)[-1].reference,)))[
            0
        ].reference
        for key in ("summit", "hosting")
    )
    mail_acts.hold_mails(context, mail_acts.MailsAndReason(reference=(held,), reason="They asked for a call first."))
    mail_acts.hold_mails(context, mail_acts.MailsAndReason(reference=(dropped,)))
    mail_acts.drop_mails(
        context, mail_acts.MailsAndNeededReason(reference=(dropped,), reason="They found the first one after all.")
    )
    desk = mail_context(demonstration.node, demonstration.node.store)
    returned, asked = demonstration.digests("bank-cert")[-1], demonstration.digests("harbour")[-1]
    address = reply_addresses(desk.address, desk.tokens)
    for raw in (_bounce(returned, address(returned.reference)), _question(asked)):
        file_mail(desk, raw, now=demonstration.now)


def _question(digest: Delivery) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "desk@harbour-help.example", "csirt@kest-cert.example", "Re: your mail"
    mail["Message-ID"], mail["In-Reply-To"] = "<question@harbour.example>", digest.message_id
    mail.set_content("Two of these machines are behind NAT. Which source ports did the sinkhole see?\n")
    return mail.as_bytes(policy=SMTP)


def _bounce(digest: Delivery, to: str) -> bytes:
    return _DELIVERY_REPORT.format(message_id=digest.message_id, to=to).replace("\n", "\r\n").encode()


_DELIVERY_REPORT: Final = """\
From: MAILER-DAEMON@mx.bank-cert.example
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <returned@mx.bank-cert.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="part"

--part
Content-Type: text/plain

The mail could not be delivered: there is no such address here.

--part
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.bank-cert.example

Final-Recipient: rfc822; abuse@bank-cert.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown

--part
Content-Type: text/rfc822-headers

Message-ID: {message_id}
To: abuse@bank-cert.example

--part--
"""
"""A mail server says that a digest did not arrive (RFC 3464)."""


def inbox(demonstration: Demonstration) -> None:
    """Three reports from the public: one is new, one is answered, one is closed."""
    analyst = demonstration.person(AccountRole.ANALYST)
    told = (
        (ReportKind.DECEIT, "A page looks like our bank's and asks for the PIN.", "https://login-bank.example/pay", 2),
        (ReportKind.BREAK_IN, "I cannot sign in to my account any more; it sends mails that I did not write.", "", 30),
        (ReportKind.FLAW, "The form of the tax office shows other people's files.", "tax.gov.kestria.example", 90),
    )
    references = [_report(demonstration, *one) for one in told]
    for reference, text in zip(references[1:], _ANSWERS, strict=True):
        context = demonstration.context(demonstration.now - timedelta(hours=1), analyst)
        inbox_acts.take(context, inbox_acts.InboxReport(reference=reference))
        inbox_acts.answer(context, inbox_acts.InboxAnswer(reference=reference, text=text))
    inbox_acts.move(
        demonstration.context(person=analyst), inbox_acts.InboxMove(reference=references[2], state="closed")
    )


_ANSWERS: Final = (
    "Set a new password from another device now, and sign out everywhere. Which provider is it?",
    "Thank you. The tax office has closed the hole; we tell you when its report is public.",
)


def _report(demonstration: Demonstration, kind: ReportKind, what: str, place: str, hours: float) -> str:
    at = demonstration.now - timedelta(hours=hours)
    tokens = open_tokens(demonstration.node.home)
    ticket = ticket_of(form_word(tokens, at), tokens, at)
    if ticket is None:
        raise InternalError("A form that was just made has no ticket.")
    form = ReportForm(kind, what, place, mailbox="reader@demo.example")
    file_report(demonstration.node.database, demonstration.node.inbox, ticket, form, now=at)
    return ticket.reference


def directory(demonstration: Demonstration) -> None:
    """Sources that differ, a possible duplicate, a claim, a network that was given up, a mute."""
    context = demonstration.context()
    file = demonstration.node.home / "registry-copy.toml"
    file.write_text(_COPY.format(disputed=demonstration.country.territories["harbour"].prefixes[0]), encoding="utf-8")
    import_directory(demonstration.node.database, file, now=demonstration.now, actor="demo", source="registry-copy")
    same = act_requests.TeamsThatAreOne(keep="summit", team="summit-ltd", reason="One company; their head said so.")
    directory_acts.merge(context, same)
    _verify(demonstration)
    stray = demonstration.country.strays[0]
    claim_acts.make(context, claim_acts.NewClaim(value=stray.prefixes[0], team="campus", mailbox="noc@campus.example"))
    asn = str(demonstration.country.territories["hosting"].asn)
    directory_acts.deny_it(
        context,
        act_requests.ThingDenied(team="hosting", kind="asn", value=asn, reason="Sold to another company."),
    )
    directory_acts.mute_for(
        context,
        act_requests.MuteRequest(
            team="harbour", kind=MuteKind.IDENTIFIER, value="open-snmp", days=30, reason="Being replaced."
        ),
    )


def _verify(demonstration: Demonstration) -> None:
    """Summit Mobile is asked whether its address works, and says yes."""
    node, now = demonstration.node, demonstration.now
    verify_team(node, "summit", now=now - timedelta(days=1))
    with node.database.begin() as session:
        for key in session.scalars(select(Letter.key).where(Letter.kind == VERIFY)).all():
            if (question := question_of_letter(session, key, now)) is not None:
                settle_question(session, question, ConfirmationOutcome.OURS, now=now, via="link")


def rules(demonstration: Demonstration) -> None:
    """What the operators of Kestria agreed."""
    with demonstration.node.database.begin() as session:
        keys = [team.key for team in read_directory(demonstration.node.database).teams]
        set_rules(session, _RULES, based_on=0, teams=keys, why="Agreed in the forum.", **demonstration.context().by)


def collector(demonstration: Demonstration) -> None:
    """A folder that a partner may put reports into was looked at, and is empty."""
    node = demonstration.node
    for one in standings(node.database, node_collectors(node)):
        run_collector(node, one, clock=lambda: demonstration.now)


def people(demonstration: Demonstration) -> None:
    """A view that the analyst kept."""
    analyst = demonstration.person(AccountRole.ANALYST)
    with demonstration.node.database.begin() as session:
        query = "taxonomy=malicious-code&last=7d"
        save_view(session, person=analyst, name="Infected machines", query=query, shared=True, now=demonstration.now)


def duty(demonstration: Demonstration) -> None:
    """The manager and the analyst take turns, a week each; nobody is called, as there is no rule."""
    for operation, role, values in (
        ("add-roster", AccountRole.MANAGER, {"name": "CSIRT", "text": _ROSTER, "always": True}),
        ("hand-over", AccountRole.MANAGER, {"roster": "CSIRT", "text": "The hospital rings back at 16:00."}),
    ):
        act = next(one for one in duty_acts.ACTS if one.name == operation)
        context = demonstration.context(person=demonstration.person(role))
        act.function(context, read_request(act, values))


STEPS: Final[tuple[Callable[[Demonstration], None], ...]] = (mails, inbox, directory, rules, collector, people, duty)
"""What happened, in the order in which it did."""
