"""A mail to one party: what must hold before it leaves, and how it leaves.

Nothing of one party goes to another: the mail goes to the party alone, names only mails of its thread, and what it
quotes of another thread is asked about. Whether the party may have it is the gate's word.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from secrets import token_hex
from typing import Final

from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.delivery.sealing import CannotSealError, Seals, open_seals
from tocsin.delivery.texts import IncidentTemplate, TextFolders, check_filled, incident_templates
from tocsin.directory import Team, teams_by_id
from tocsin.directory.keys import keys_by_team
from tocsin.incidents.act_parts import author_of
from tocsin.incidents.arrivals import HINT, PublicReport, ReleaseScope, all_reports_in, refusal, texts_of, unreleased
from tocsin.incidents.closing import feedback_link
from tocsin.incidents.models import Incident, IncidentObservable, Party
from tocsin.incidents.read import IncidentReader, compartments_of, observables_of, parties_of
from tocsin.incidents.states import ObservableRole, PartyRole
from tocsin.incidents.threads import read, write
from tocsin.incidents.threads.letter_texts import filled, values_for
from tocsin.incidents.threads.models import IncidentMail
from tocsin.incidents.threads.quotes import OtherThread, Quote, quotes_in
from tocsin.incidents.threads.read import PartyThread
from tocsin.incidents.threads.release import official_addresses, official_kind
from tocsin.incidents.threads.states import ThreadMailState, ThreadTurn
from tocsin.interface import ActContext, RequestError
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.letters import INCIDENT, queue_letter
from tocsin.node.paths import HomeFolder
from tocsin.node.reply_addresses import reply_addresses
from tocsin.node.sentences import say
from tocsin.node.tokens import open_tokens
from tocsin.node.trace import trace_id
from tocsin.sharing.gate import (
    Audience,
    GateVerdict,
    LocalRule,
    Recipient,
    ReleasePurpose,
    Tlp,
    decide,
    read_marking,
    read_tlp,
    recipient_of,
)
from tocsin.sharing.rules import rules_in_force

_CONCERNED: Final = (PartyRole.REPORTER, PartyRole.VICTIM, PartyRole.OPERATOR, PartyRole.HOST)
"""Whose own machines or accounts it is about: clients in the sense of TLP 2.0."""

_KNOWN: Final = (PartyRole.COORDINATOR, PartyRole.AUTHORITY, PartyRole.POLICE, PartyRole.VENDOR)
_ROLE_MAILBOX: Final = re.compile(
    r"(abuse|admin(istrator)?|cert|csirt|soc|noc|psirt|cirt|contact|desk|help(desk)?|hostmaster|postmaster|webmaster|info|"
    r"incidents?|it|legal|mail|office|press|presse|secretariat|security|sicherheit|support|team|report(s|ing)?)"
    r"([+._-].*)?",
    re.IGNORECASE,
)
_MOST_IDS: Final = 20
_READ: Final = (ThreadMailState.PLACED, ThreadMailState.SENT)
"""What a party wrote or got; of other mails in its thread it is not certain."""


class QuotedTextError(UsageError):
    """A mail has words of another thread, which somebody must look at first."""

    def __init__(self, quotes: Sequence[Quote]) -> None:
        named = ", ".join(f"{one.name}: “{one.words}”" for one in quotes)
        super().__init__(
            say("It quotes the correspondence with another party. %(quotes)s", quotes=named),
            hint=say("Take it out, or confirm that this party may read it."),
        )
        self.quotes = quotes


@dataclass(frozen=True)
class PartyMail:
    """A mail as a person wrote it.

    ``tlp``: its marking, empty for the incident's. ``to_person``: its mailbox is read by the one person whom the party
    names. ``quotes_checked``: what it quotes of other threads may be read. ``in_clear``: a person said that it may go
    without encryption where what it answers came encrypted. ``answered``: no answer is expected.
    """

    subject: str
    text: str
    tlp: str = ""
    to_person: bool = False
    quotes_checked: bool = False
    in_clear: bool = False
    answered: bool = False
    once: str | None = None


@dataclass(frozen=True)
class PartyPost:
    """What mails to parties are written with, read once for all of an act."""

    context: ActContext
    local: tuple[LocalRule, ...]
    _templates: dict[str, dict[str, IncidentTemplate]] = field(default_factory=dict)

    @property
    def reader(self) -> IncidentReader:
        """Who writes."""
        return IncidentReader(self.context.person, self.context.now)

    @cached_property
    def teams(self) -> Mapping[int, Team]:
        """The teams of the directory."""
        return teams_by_id(self.context.database)

    @cached_property
    def seals(self) -> Seals:
        """How mails are encrypted."""
        node = self.context.node
        keys = keys_by_team(node.database, list(self.teams))
        return open_seals(node.home, node.settings.mail, keys, self.context.now)

    @cached_property
    def address_of(self) -> Callable[[str], str]:
        """The address that a thread is answered to, by its reference; empty where the node has no mailbox."""
        node = self.context.node
        mailbox = node.settings.mailbox
        return reply_addresses(mailbox.address, open_tokens(node.home), subaddress=mailbox.subaddress)

    @cached_property
    def folders(self) -> TextFolders:
        """The templates."""
        node = self.context.node
        return TextFolders(node.home / HomeFolder.TEMPLATES, node.settings.node.language)

    def team_of(self, party: Party) -> Team | None:
        """The team of the directory that a party is."""
        return self.teams.get(party.team_id) if party.team_id is not None else None

    def mailbox_of(self, party: Party) -> str:
        """Where mails to a party go: its own mailbox, else the first of its team; empty where there is none."""
        team = self.team_of(party)
        return party.mailbox or next(iter(team.mailboxes if team else ()), "")

    def verdict(self, party: Party, tlp: str, *, to_person: bool, voluntary: bool = False) -> GateVerdict:
        """Whether a party may have what is marked so; ``voluntary``: as of `decide`."""
        recipient, purpose = self._recipient(party, to_person=to_person)
        return decide(read_marking(tlp, None), recipient, purpose, self.local, voluntary=voluntary)

    def unreleased(self, session: Session, incident: Incident, party: Party) -> list[PublicReport]:
        """The reports of an incident that came voluntarily, and of which a party may therefore have nothing."""
        official = self._recipient(party, to_person=False)[0].official
        if not official:
            return []
        family = read.whole_family(session, self.reader, incident)
        return unreleased(session, all_reports_in(session, family), ReleaseScope(official))

    def templates(self, language: str) -> dict[str, IncidentTemplate]:
        """The templates in a language, by name."""
        if language not in self._templates:
            self._templates[language] = incident_templates(self.folders, language)
        return self._templates[language]

    def values(self, incident: Incident, party: Party, observables: Iterable[IncidentObservable]) -> dict[str, str]:
        """What placeholders stand for in a mail to a party: indicators that it may have, never who else takes part."""
        node = self.context.node.settings.node
        open_to = [
            one
            for one in observables
            if one.role == ObservableRole.INDICATOR and self.verdict(party, one.tlp, to_person=False).allowed
        ]
        tokens, url = open_tokens(self.context.node.home), self.context.node.settings.server.url
        feedback = f"{url}{feedback_link(tokens, party.id, self.context.now.date())}" if url else ""
        return values_for(incident, party, open_to, node=node.name, contact=node.contact, feedback=feedback)

    @cached_property
    def _officials(self) -> Mapping[str, str]:
        return official_addresses(self.teams.values())

    def _recipient(self, party: Party, *, to_person: bool) -> tuple[Recipient, ReleasePurpose]:
        team, role = self.team_of(party), PartyRole(party.role)
        own = self.context.node.settings.node.own_teams
        if team is not None and team.key in own:
            audience = Audience.OWN
        elif role in _CONCERNED:
            audience = Audience.CLIENT
        else:
            audience = Audience.COMMUNITY if role in _KNOWN or team is not None else Audience.PUBLIC
        ceilings = [read_tlp(one) for one in (party.ceiling, team.ceiling if team else "") if one]
        ceiling = min(ceilings, key=lambda one: one.rank, default=Tlp.RED)
        named = to_person and not is_role_mailbox(self.mailbox_of(party))
        known = recipient_of(team, own=own) if team else None
        key, kind, country = (known.team, known.kind, known.country) if known else ("", "", "")
        purpose = ReleasePurpose.REMEDIATION if audience is Audience.CLIENT else ReleasePurpose.COORDINATION
        official = official_kind(self.mailbox_of(party), self._officials, role=role, team=team)
        return Recipient(audience, named, ceiling, key, kind, country, official), purpose


def open_post(context: ActContext) -> PartyPost:
    """What mails to parties are written with."""
    with context.database.reading() as session:
        rules = rules_in_force(session).sharing.document.rules
    always = (rule.local for rule in rules if not rule.when)  # the others ask for what only an event says
    return PartyPost(context, tuple(one for one in always if one is not None))


def is_role_mailbox(mailbox: str) -> bool:
    """Whether several people read a mailbox, by its name (RFC 2142 and what is usual)."""
    return _ROLE_MAILBOX.fullmatch(mailbox.partition("@")[0]) is not None


def check_mail(session: Session, post: PartyPost, found: PartyThread, mail: PartyMail) -> None:
    """Whether a mail may leave to a party.

    Raises:
        RequestError: a placeholder is not filled in, or the gate says no; it names the field.
        QuotedTextError: it quotes another thread, and nobody looked.
        ConflictError: the party left, has no usable mailbox, or its mail cannot be encrypted.

    """
    party, mailbox = found.party, _mailbox(post, found.party)
    check_filled(post.context.node.home, subject=mail.subject, text=mail.text)
    _check_gate(session, post, found, mail)
    team = post.team_of(party)
    key = _key_of_answer(session, post, found, mailbox)
    if team is not None:
        post.seals.to_mailbox(team, mailbox, key or "")
    if key is None and not mail.in_clear:
        words = say("What %(name)s wrote came encrypted, and this answer would go in clear.", name=party.name)
        hint = say("Register the key that signed it as a key of its team, or confirm that it may go in clear.")
        raise RequestError([("in_clear", words)], hint)
    if not mail.quotes_checked and (quotes := _quotes(session, post, found, mail)):
        raise QuotedTextError(quotes)


def _key_of_answer(session: Session, post: PartyPost, found: PartyThread, mailbox: str) -> str | None:
    """For which key alone an answer is encrypted, empty for what its team requires; None: it would go in clear.

    What came encrypted is answered to the key that signed it, where that is a key of the team that is still good.
    """
    mails = read.mails_of(session, post.reader, [found.thread]) if found.thread else []
    last = next((one for one in reversed(mails) if not one.ours and one.state == ThreadMailState.PLACED), None)
    if last is None or not last.encrypted:
        return ""
    team = post.team_of(found.party)
    if team is None:
        return None
    try:
        if last.signed_by:
            post.seals.to_mailbox(team, mailbox, last.signed_by)
            return last.signed_by
    except CannotSealError:
        pass
    return "" if team.encrypt else None


def send_to_party(session: Session, post: PartyPost, found: PartyThread, mail: PartyMail) -> IncidentMail:
    """Let a mail that was checked leave to a party, in the caller's transaction."""
    context, incident, party = post.context, found.incident, found.party
    mailbox, tlp = _mailbox(post, party), mail.tlp or incident.tlp
    thread = found.thread or write.open_thread(session, party, now=context.now)
    reference = f"[{incident.reference}]"
    subject = mail.subject if reference in mail.subject else f"{reference} {mail.subject}".strip()
    kept = IntakeFilter(context.node, "threads", lambda: context.now).kept_text
    sent = write.add_sent(
        session, incident, thread, message_id=_message_id(context), answers=_answers(session, post, found),
        mailbox=mailbox, subject=kept(subject), text=kept(mail.text), tlp=tlp, once=mail.once,
        author=author_of(session, context), **context.by,
    )  # fmt: skip
    write.set_turn(thread, ThreadTurn.QUIET if mail.answered else ThreadTurn.THEIRS, context.now)
    queue_letter(
        session, key=sent.letter, kind=INCIDENT, mailbox=mailbox, subject=sent.subject,
        body=f"TLP:{tlp}\n\n{sent.text.rstrip()}\n", now=context.now, due_at=context.not_before,
        reply_to=post.address_of(thread.reference), answers=sent.answers, message_id=sent.message_id,
        team_id=party.team_id, encrypted_for=_key_of_answer(session, post, found, mailbox) or "",
        about=f"incident:{incident.reference}",
    )  # fmt: skip
    write.drop_draft(session, party, context.person)
    return sent


def _mailbox(post: PartyPost, party: Party) -> str:
    if party.left_at is not None:
        raise ConflictError(say("%(name)s takes no part in this incident any more.", name=party.name))
    if not (mailbox := post.mailbox_of(party)):
        raise ConflictError(
            say("%(name)s has no email address.", name=party.name),
            hint=say("Add the party again with its address."),
        )
    return mailbox


def _check_gate(session: Session, post: PartyPost, found: PartyThread, mail: PartyMail) -> None:
    """What is voluntary comes first, as in the gate: no other marking would help."""
    tlp, held = mail.tlp or found.incident.tlp, post.unreleased(session, found.incident, found.party)
    verdict = post.verdict(found.party, tlp, to_person=mail.to_person, voluntary=bool(held))
    if verdict.allowed:
        return
    if held:
        raise RequestError([("text", refusal(verdict, held, compartments_of(session, post.reader)))], HINT)
    if read_tlp(tlp) is Tlp.RED and mail.to_person:
        words = say("Several people read this address, and TLP:RED goes to one named person.")
        raise RequestError([("to_person", words)], say("Write to a person's own address."))
    hint = say("If this mail may be read more widely than the incident, choose its own marking.")
    raise RequestError([("tlp", verdict.words)], hint)


def _quotes(session: Session, post: PartyPost, found: PartyThread, mail: PartyMail) -> list[Quote]:
    """What it has of the other threads and of the reports of the incident and of those that are merged with it."""
    family = read.whole_family(session, post.reader, found.incident)
    parties = {one.id: one for one in parties_of(session, post.reader, family)}
    threads = read.threads_of(session, post.reader, parties.values())
    mails: dict[int, list[IncidentMail]] = {one.id: [] for one in threads.values()}
    for one in read.mails_of(session, post.reader, threads.values()):
        mails[one.thread_id].append(one)
    own_thread = mails.get(found.thread.id, []) if found.thread else []
    mine = [one for one in own_thread if one.state in _READ]
    strangers = [one for one in own_thread if one.state not in _READ]
    observables = observables_of(session, post.reader, family)
    others = [
        _other(post, party, mails[threads[number].id] if number in threads else [])
        for number, party in parties.items()
        if number != found.party.id
    ]
    others += [OtherThread(one.address, (one.subject, one.text, one.quoted), frozenset()) for one in strangers]
    known = [text for one in mine for text in (one.subject, one.text, one.quoted)]
    own = post.mailbox_of(found.party)
    for report in all_reports_in(session, family):
        if own and report.mailbox.lower() == own.lower():
            known += texts_of(session, report)
        else:
            others.append(_report(session, report, compartments_of(session, post.reader)))
    return quotes_in(f"{mail.subject}\n\n{mail.text}", others, [*known, *_usual(post, found, observables), own])


def _other(post: PartyPost, party: Party, mails: Iterable[IncidentMail]) -> OtherThread:
    held = list(mails)
    texts = tuple(text for one in held for text in (one.subject, one.text, one.quoted))
    addresses = {post.mailbox_of(party).lower(), *(one.address.lower() for one in held if not one.ours)}
    return OtherThread(party.name, texts, frozenset(addresses - {""}))


def _report(session: Session, report: PublicReport, compartments: Collection[int]) -> OtherThread:
    """What another reported; one that the writer may not read has no name."""
    name = report.reference if report.compartment_id in compartments else "…"
    return OtherThread(name, texts_of(session, report), frozenset({report.mailbox.lower()} - {""}))


def _usual(post: PartyPost, found: PartyThread, observables: Sequence[IncidentObservable]) -> list[str]:
    """Our own templates as this party would get them: to have these in common says nothing of anybody."""
    values = post.values(found.incident, found.party, observables)
    texts = [one.text for tag in {found.party.language, "en"} for one in post.templates(tag).values()]
    return [filled(one, values) for one in texts]


def _answers(session: Session, post: PartyPost, found: PartyThread) -> str:
    """The Message-IDs that a mail names: of this thread alone, the newest of theirs last."""
    if found.thread is None:
        return ""
    mails = [one for one in read.mails_of(session, post.reader, [found.thread]) if one.state in _READ]
    mails = [one for one in mails if one.message_id]
    last = next((one for one in reversed(mails) if not one.ours), mails[-1] if mails else None)
    ids = [one.message_id for one in mails if one is not last]
    return " ".join([*ids[-_MOST_IDS + 1 :], *([last.message_id] if last else [])])


def _message_id(context: ActContext) -> str:
    """Drawn, so that it says nothing and nobody guesses it."""
    domain = context.node.settings.node.contact.rpartition("@")[2] or "localhost"
    return f"<{token_hex(10)}{trace_id() or token_hex(6)}@{domain}>"
