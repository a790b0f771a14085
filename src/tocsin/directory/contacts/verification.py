"""Holders of mailboxes are asked whether those are their team's: by letter, answered by a link or a reply, once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from sqlalchemy.orm import Session

from tocsin.directory.archive import archived_numbers
from tocsin.directory.contacts.plan import Ask, Pace, Plan, plan_asks, plan_reminders
from tocsin.directory.contacts.queries import Contact, contact_states
from tocsin.directory.contacts.questions import (
    ContactQuestion,
    Letters,
    ask,
    lock_questions,
    networks_of,
    read_rounds,
    remind,
)
from tocsin.directory.contacts.state import Terms
from tocsin.directory.queries import read_team
from tocsin.node.errors import SettingError
from tocsin.node.node import Node
from tocsin.node.reply_addresses import reply_addresses
from tocsin.node.sentences import say
from tocsin.node.settings import Settings
from tocsin.node.tokens import Tokens, open_tokens

PATH: Final = "/v/"
"""Where a question is answered, below the public address of the pages; a token follows."""

_PURPOSE: Final = "verify"
_LETTER: Final = """\
Hello,

{sender} notifies those who run a network of security problems that
are seen in it. This email address is registered for {teams}:

  {mailbox}

{networks}
Is that right? Open this page before {day} and choose:

  {link}

Opening it says nothing; only its buttons do. You can also reply to this
mail with one word in the first line: "yes", or "no" if this is not your
address.

Whoever has this mail can answer it. Pass it on only to those who read
mail to this address. No password and no attachment is asked for.

{sender}
{contact}
"""


@dataclass(frozen=True)
class PlannedLetter:
    """A mailbox that is asked: the keys of its teams, and the day on which its letter leaves."""

    mailbox: str
    teams: tuple[str, ...]
    day: date


@dataclass(frozen=True)
class VerificationRun:
    """What a run asked, or would ask; ``left``: how many mailboxes were not asked, by reason."""

    asks: tuple[PlannedLetter, ...]
    reminders: int
    left: Mapping[str, int] = field(default_factory=dict)


def token_of(name: str, tokens: Tokens) -> str:
    """The token of the question of this name."""
    return tokens.make(_PURPOSE, name)


def name_of(token: str, tokens: Tokens) -> str | None:
    """The name of the question that a token is for; None where the token is not ours, or for something else."""
    return tokens.read(_PURPOSE, token)


def terms_of(settings: Settings) -> Terms:
    """The terms of contact states that the settings name."""
    return Terms(settings.directory.verify_every_days, settings.directory.answer_days)


def read_contacts(node: Node, now: datetime) -> list[Contact]:
    """Every contact with its state."""
    with node.database.begin() as session:
        return contact_states(session, now, terms_of(node.settings))


def verify_team(node: Node, team: str, *, now: datetime, dry_run: bool = False) -> VerificationRun:
    """Ask the mailboxes of one team, by its key or UUID, that are not confirmed.

    Raises:
        NotFoundError: there is no such team.
        SettingError: a letter of this node could not be answered.

    """
    number = read_team(node.database, team)[0].id
    return _run(node, frozenset({number}), begin=True, now=now, dry_run=dry_run)


def verify_all(node: Node, *, now: datetime, dry_run: bool = False) -> VerificationRun:
    """Ask every mailbox that is not confirmed, a few a day.

    Raises:
        SettingError: a letter of this node could not be answered.

    """
    return _run(node, None, begin=True, now=now, dry_run=dry_run)


def verify_due(node: Node, *, now: datetime, dry_run: bool = False) -> VerificationRun:
    """The work of a day: repeat questions without an answer, and ask again whose confirmation ends.

    Raises:
        SettingError: a letter of this node could not be answered.

    """
    return _run(node, None, begin=False, now=now, dry_run=dry_run)


def _run(node: Node, teams: frozenset[int] | None, *, begin: bool, now: datetime, dry_run: bool) -> VerificationRun:
    _check(node.settings)
    with node.database.begin() as session:
        lock_questions(session)
        archived = archived_numbers(session)
        found = contact_states(session, now, terms_of(node.settings), teams=teams)
        contacts = [contact for contact in found if contact.team_id not in archived]
        plan = _plan(session, contacts, node.settings, begin=begin, now=now)
        reminders = () if begin else plan.reminders
        sent = len(reminders)
        if not dry_run:
            letters = _letters(node)
            rules = networks_of(session, {team for one in plan.asks for team in one.teams})
            for one in plan.asks:
                ask(session, one, rules, letters, now=now)
            sent = sum(remind(session, one, letters, now=now) for one in reminders)
    keys = {contact.team_id: contact.team for contact in contacts}
    return VerificationRun(tuple(_planned(one, keys) for one in plan.asks), sent, plan.left)


def _plan(session: Session, contacts: list[Contact], settings: Settings, *, begin: bool, now: datetime) -> Plan:
    rounds = read_rounds(session)
    pace = Pace(settings.directory.verify_a_day, settings.directory.verify_domain_a_day)
    plan = plan_asks(contacts, rounds, now=now, terms=terms_of(settings), pace=pace, begin=begin)
    return Plan(plan.asks, plan_reminders(contacts, rounds, now=now), plan.left)


def _planned(one: Ask, keys: Mapping[int, str]) -> PlannedLetter:
    return PlannedLetter(one.mailbox, tuple(keys[team] for team in one.teams), one.at.date())


def _check(settings: Settings) -> None:
    if not settings.server.url:
        raise SettingError(
            say("Verification requests would have no link."),
            hint="Set 'server.url' to the address at which others reach 'tocsin serve'.",
        )


def _letters(node: Node) -> Letters:
    tokens, settings = open_tokens(node.home), node.settings

    def write(question: ContactQuestion, step: int) -> tuple[str, str]:
        link = f"{settings.server.url}{PATH}{token_of(question.name, tokens)}"
        return letter_text(question, step, link, settings)

    return Letters(write, reply_addresses(settings.mailbox.address, tokens, subaddress=settings.mailbox.subaddress))


def letter_text(question: ContactQuestion, step: int, link: str, settings: Settings) -> tuple[str, str]:
    """The subject and the text of the letter that asks a question, or repeats it."""
    again = "Reminder: is" if step else "Is"
    body = _LETTER.format(
        sender=settings.node.name,
        contact=settings.node.contact,
        teams=", ".join(question.teams),
        mailbox=question.mailbox,
        networks=_networks(question),
        day=f"{question.expires_at:%Y-%m-%d}",
        link=link,
    )
    return f"{again} {question.mailbox} the email address of {', '.join(question.teams)[:100]}?", body


def _networks(question: ContactQuestion) -> str:
    if not question.networks:
        return "We know of no networks of yours yet.\n"
    lines = [f"  {shown(kind, value)}" for kind, value in question.networks]
    if question.networks_all > len(lines):
        lines.append(f"  and {question.networks_all - len(lines):,} more")
    return "\n".join(["We would write to it about:", "", *lines, ""])


def shown(kind: str, value: str) -> str:
    """A network, AS, domain or country as people write it."""
    return f"AS{value}" if kind == "asn" else f"country {value}" if kind == "country" else value
