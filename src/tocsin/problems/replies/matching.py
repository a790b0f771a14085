"""Which digest or letter a mail is about, and whether that is certain enough to act on.

Only two things are: a token that this node made, in the address that the mail was sent to (in what it quotes, where
the mail server takes no such address); or the Message-ID of the
digest, which only those know who got it, from a sender in a domain of its team. Of delivery reports, only the first.
docs/design/replies.md says why.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, DeliveryState
from tocsin.delivery.mailbox import MailClassification, MailKind, MailSignature, ReadMail, ReceivedMail, original_ids
from tocsin.delivery.sealing import KnownKey, OpeningKeys, check_signature_of
from tocsin.directory import Team, read_directory
from tocsin.directory.keys import keys_by_team
from tocsin.events import EventStore
from tocsin.node.letters import Letter
from tocsin.node.node import Node
from tocsin.node.reply_addresses import references_in, references_marked
from tocsin.node.sentences import say
from tocsin.node.tokens import Tokens, open_tokens

_REFERENCE = re.compile(r"\bTOC-\d{4}-\d{7,12}\b", re.IGNORECASE)
_PART = re.compile(r"\.\d{1,6}@")
# Where anybody can have a mailbox, the whole address must be the team's.
_SHARED_DOMAINS: Final = frozenset(
    """gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com yahoo.fr ymail.com aol.com icloud.com
    me.com proton.me protonmail.com gmx.net gmx.com gmx.de web.de mail.com mail.ru yandex.ru yandex.com zoho.com
    qq.com 163.com 126.com orange.fr wanadoo.fr laposte.net free.fr uol.com.br bol.com.br terra.com.br""".split()
)


TakeMail = Callable[[Session, ReceivedMail, ReadMail], None]
"""Takes a mail into the inbox, in the caller's transaction."""


@dataclass(frozen=True)
class MailArrival:
    """A mail that is taken in. ``sha256``: of ``raw``. ``unread``: its size where only its headers are here, else 0.

    ``size``: as it came. ``encrypted``: as of `ReceivedMail`. ``signatures``: what ``keys`` open, `check_signature_of`
    judges.
    """

    raw: bytes = field(repr=False)
    sha256: str
    mail: ReadMail
    arrived: datetime
    now: datetime
    unread: int
    dry_run: bool
    size: int = 0
    encrypted: str = ""
    signatures: tuple[MailSignature, ...] = ()
    keys: Callable[[], OpeningKeys] = OpeningKeys


@dataclass(frozen=True)
class TakenMail:
    """A mail that is kept elsewhere; ``again``: it was before."""

    kind: MailKind
    why: str
    again: bool = False


MailTaker = Callable[["MailContext", MailArrival], TakenMail | str | None]
"""Keeps a mail that is its own; None: it is not; a sentence: people have it, who are to know this of it."""


@dataclass(frozen=True)
class MailContext:
    """``teams`` by number; ``ours``: the addresses that this node sends from, in small letters.

    ``inbox`` takes what answers none of our mails; None: such a mail waits for a person.
    ``takers``: rooms above that are asked first whether a mail is theirs.
    """

    node: Node
    store: EventStore
    tokens: Tokens
    teams: Mapping[int, Team]
    ours: frozenset[str]
    inbox: TakeMail | None = None
    takers: tuple[MailTaker, ...] = ()

    @property
    def address(self) -> str:
        """The address that reply addresses are made from, or empty."""
        return self.node.settings.mailbox.address


def open_context(node: Node, store: EventStore, *takers: MailTaker) -> MailContext:
    """The desk of a node, as its directory is now."""
    settings = node.settings
    ours = {settings.node.contact.lower(), settings.mailbox.address.lower()} - {""}
    teams = read_directory(node.database).by_id
    return MailContext(node, store, open_tokens(node.home), teams, frozenset(ours), takers=takers)


def signer_of(context: MailContext, arrival: MailArrival) -> str:
    """The fingerprint of the key of the sender's team that signed what came encrypted, or empty."""
    sender = arrival.mail.sender.casefold()
    teams = [one.id for one in context.teams.values() if sender in (box.casefold() for box in one.mailboxes)]
    if not (arrival.encrypted and arrival.signatures and teams):
        return ""
    keys = keys_by_team(context.node.database, teams)
    known = [KnownKey(key.facts.format, key.facts.fingerprint, key.content) for team in teams for key in keys(team)]
    checks = (check_signature_of(one, known, arrival.keys) for one in arrival.signatures)
    return next((one.fingerprint for one in checks if one.fingerprint), "")


@dataclass(frozen=True, slots=True)
class MailMatch:
    """What a mail is about. ``by``: ``token``, ``thread``, ``report``, ``person``, or empty where it only seems so.

    ``doubt``: why nothing may follow from it, or empty.
    """

    delivery: Delivery | None = None
    letter: Letter | None = None
    by: str = ""
    doubt: str = ""


def match_mail(
    session: Session, mail: ReadMail, sorted_as: MailClassification, desk: MailContext, now: datetime
) -> MailMatch:
    """What a mail is about, from the records; a digest takes answers as long as its link does."""
    references = _proven(mail, desk)
    if sorted_as.kind is MailKind.BOUNCE:
        return _of_report(session, mail, references)
    thread = _of_ids(session, (*mail.in_reply_to, *reversed(mail.references)))
    if references:
        return _still_open(_of_token(session, references, thread), desk, now)
    if thread.letter is not None:
        return MailMatch(letter=thread.letter, by="thread" if _same(mail.sender, thread.letter.mailbox) else "")
    if thread.delivery is not None:
        found = _of_thread(thread.delivery, mail, desk.teams.get(thread.delivery.team_id))
        return _still_open(found, desk, now)
    return _of_words(session, mail)


def _proven(mail: ReadMail, desk: MailContext) -> tuple[str, ...]:
    """The references that a token in its address proves, or one in its text where addresses have none."""
    found = references_in(mail.recipients, desk.address, desk.tokens)
    if found or desk.node.settings.mailbox.subaddress:
        return found
    return references_marked((text for one in (mail, *mail.forwarded) for text in (one.text, one.quoted)), desk.tokens)


def same_team(sender: str, team: Team) -> bool:
    """Whether a sender is in a domain of the team's mailboxes, or below; in shared domains, one of those mailboxes."""
    domain = sender.rpartition("@")[2].lower()
    for mailbox in team.mailboxes:
        theirs = mailbox.rpartition("@")[2].lower()
        if _same(sender, mailbox):
            return True
        if theirs not in _SHARED_DOMAINS and (domain == theirs or domain.endswith(f".{theirs}")):
            return True
    return False


def _of_token(session: Session, references: tuple[str, ...], thread: MailMatch) -> MailMatch:
    if len(references) > 1:
        return MailMatch(doubt=say("It is addressed to %(references)s digests at once.", references=len(references)))
    named = _named(session, references[0])
    delivery = named.delivery
    if delivery is None:
        doubt = (
            ""
            if named.letter
            else say("Its address names %(references)s, which is not here.", references=references[0])
        )
        return MailMatch(letter=named.letter, by="token" if named.letter else "", doubt=doubt)
    if thread.delivery is not None and thread.delivery.team_id != delivery.team_id:
        return MailMatch(delivery, doubt=say("Its address and the mail it answers are of different teams."))
    return MailMatch(delivery, by="token")


def _of_thread(delivery: Delivery, mail: ReadMail, team: Team | None) -> MailMatch:
    if team is None:
        return MailMatch(delivery, doubt=say("The team of that digest is no longer in the directory."))
    if not same_team(mail.sender, team):
        return MailMatch(delivery, doubt=say("Unmatched: the sender is not of this team."))
    return MailMatch(delivery, by="thread")


def _still_open(match: MailMatch, desk: MailContext, now: datetime) -> MailMatch:
    """The same, where the team itself can have answered, and in time."""
    delivery, days = match.delivery, desk.node.settings.tell.answer_days
    if delivery is None or match.doubt:
        return match
    if delivery.state in {DeliveryState.SHADOW.value, DeliveryState.REDIRECTED.value}:
        return MailMatch(delivery, doubt=say("That digest was not sent to its team."))
    if now >= delivery.created_at + timedelta(days=days):
        return MailMatch(delivery, doubt=say("That digest is more than %(days)s days old.", days=days))
    return match


def _of_report(session: Session, mail: ReadMail, references: tuple[str, ...]) -> MailMatch:
    """What a delivery report is about: the mail to whose own address it came, where it returns no other (RFC 3464).

    A Message-ID alone proves nothing, since a report comes from anybody.
    """
    ids = (*original_ids(mail), *mail.in_reply_to, *mail.references)
    returned = _of_ids(session, ids)
    if len(references) > 1:
        return replace(returned, doubt=f"It is addressed to {len(references)} digests at once.")
    if not references:
        if returned == MailMatch():
            return returned
        return replace(returned, doubt=say("It did not come to the address of its mail: anybody can have written it."))
    named = _named(session, references[0])
    if ids and _numbers(returned) != _numbers(named):
        return replace(named, doubt=say("It came to the address of one mail and returns another."))
    return replace(named, by="report")


def _numbers(match: MailMatch) -> tuple[int | None, int | None]:
    return match.delivery.id if match.delivery else None, match.letter.id if match.letter else None


def _named(session: Session, reference: str) -> MailMatch:
    """The digest or letter of a reference."""
    delivery = session.scalar(select(Delivery).where(Delivery.reference == reference))
    letter = session.get(Letter, int(reference.rpartition("-")[2])) if reference.startswith("LTR-") else None
    return MailMatch(delivery, letter if letter and letter.reference == reference else None)


def _of_words(session: Session, mail: ReadMail) -> MailMatch:
    """What it names in its subject: no proof, since references can be guessed."""
    named = _REFERENCE.search(mail.subject)
    if named is None:
        return MailMatch(doubt=say("It answers none of our mails."))
    delivery = session.scalar(select(Delivery).where(Delivery.reference == named.group().upper()))
    if delivery is None:
        return MailMatch(doubt=say("It answers none of our mails."))
    return MailMatch(
        delivery, doubt=say("It only names %(reference)s, which anybody can.", reference=delivery.reference)
    )


def _of_ids(session: Session, ids: Iterable[str]) -> MailMatch:
    """The digest or letter that has one of these Message-IDs; the parts of a digest have a number more."""
    for one in dict.fromkeys(ids):
        named = _REFERENCE.search(one)
        if named is not None:
            delivery = session.scalar(select(Delivery).where(Delivery.reference == named.group().upper()))
            if delivery is not None and delivery.message_id in {one, _PART.sub("@", one, count=1)}:
                return MailMatch(delivery)
        letter = session.scalar(select(Letter).where(Letter.message_id == one))
        if letter is not None:
            return MailMatch(letter=letter)
    return MailMatch()


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
