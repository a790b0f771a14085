"""A mail with all that the records say about it, and the decision that follows."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, select

from tocsin.delivery import Delivery
from tocsin.delivery.mailbox import (
    MailClassification,
    MailKind,
    MailState,
    ReadMail,
    ReceivedMail,
    content_key,
    sort_mail,
)
from tocsin.node.sentences import say
from tocsin.problems.answers import told_events
from tocsin.problems.replies.decide import DigestRef, ReplyDecision, decide
from tocsin.problems.replies.matching import MailContext, MailMatch, match_mail

_UNSIGNED = 2**64 - 1
_PLACES = ("problem", "source.ip.hi", "source.ip.lo", "source.port", "source.fqdn", "source.url")


@dataclass(frozen=True)
class ReplyCase:
    """``content``: see `content_key`. ``told``: of the digest, where an answer is to be noted.

    ``mailboxes``: where the mail that it is about can have gone to.
    """

    mail: ReadMail
    content: str
    decision: ReplyDecision
    told: DigestRef = DigestRef()  # noqa: RUF009 (frozen)
    mailboxes: tuple[str, ...] = ()


def examine(desk: MailContext, mail: ReadMail, *, now: datetime, unread: int = 0) -> ReplyCase:
    """What follows from a mail; ``unread``: its size, where only its headers are here."""
    content = content_key(mail)
    sorted_as = sort_mail(mail, ours=desk.ours)
    with desk.node.database.begin() as session:
        match = match_mail(session, mail, sorted_as, desk, now)
        if match.delivery is not None and match.delivery.message_id == mail.message_id:
            sorted_as = MailClassification(MailKind.AUTOMATIC, "Our own mail, come back.")
        copied = session.scalar(select(ReceivedMail).where(ReceivedMail.content == content, _settled()))
        mailboxes = mailboxes_of(desk, match)
    if copied is not None:
        why = say("A copy of mail %(id)s.", id=copied.id)
        return ReplyCase(mail, content, ReplyDecision(MailKind(copied.kind), MailState.KEPT, why, match, copied.ticket))
    if unread:
        return ReplyCase(mail, content, _unread(sorted_as, match, unread))
    told = (
        told_of(desk, match.delivery)
        if sorted_as.kind is MailKind.ANSWER and match.delivery and match.by
        else DigestRef()
    )
    return ReplyCase(mail, content, decide(mail, sorted_as, match, told, mailboxes), told, mailboxes)


def told_of(desk: MailContext, delivery: Delivery) -> DigestRef:
    """What a digest told, as answers name it."""
    with desk.node.database.begin() as session:
        events = told_events(session, desk.store, delivery)
    frame = desk.store.collect(events.select(*_PLACES).unique())
    return told_places(frame)


def told_places(events: pl.DataFrame) -> DigestRef:
    """The problems of events by where they are; columns as in the event table."""
    at: dict[tuple[int, int], set[int]] = defaultdict(set)
    at_port: dict[tuple[int, int, int], set[int]] = defaultdict(set)
    named: dict[str, set[int]] = defaultdict(set)
    problems: set[int] = set()
    for problem, hi, lo, port, *names in events.select(*_PLACES).iter_rows():
        key = problem & _UNSIGNED
        problems.add(key)
        named[f"{key:016x}"].add(key)
        for name in names:
            if name:
                named[name.casefold()].add(key)
        if hi is not None and lo is not None:
            halves = hi & _UNSIGNED, lo & _UNSIGNED
            at[halves].add(key)
            at_port[*halves, port or 0].add(key)
    return DigestRef(frozenset(problems), _frozen(at), _frozen(at_port), _frozen(named))


def _frozen(sets: Mapping[Any, set[int]]) -> dict[Any, frozenset[int]]:
    return {key: frozenset(values) for key, values in sets.items()}


def _settled() -> ColumnElement[bool]:
    """A mail after which a copy of it says nothing new."""
    return ReceivedMail.state.in_([MailState.APPLIED.value, MailState.KEPT.value])


def mailboxes_of(desk: MailContext, match: MailMatch) -> tuple[str, ...]:
    """The mailboxes of the letter or the team; of all teams where neither is known."""
    if match.letter is not None:
        return (match.letter.mailbox,)
    team = desk.teams.get(match.delivery.team_id) if match.delivery else None
    return team.mailboxes if team else tuple({box: None for team in desk.teams.values() for box in team.mailboxes})


def _unread(sorted_as: MailClassification, match: MailMatch, size: int) -> ReplyDecision:
    why = say(
        "It has %(size)s bytes, more than the setting max_bytes allows: only its headers were read.", size=f"{size:,}"
    )
    return ReplyDecision(MailKind.UNKNOWN, MailState.WAITING, why, match, sorted_as.ticket)
