"""What follows from a mail: given what it says and what it is about, a decision, and nothing else happens."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tocsin.delivery.mailbox import (
    Bounce,
    MailClassification,
    MailKind,
    MailState,
    ReadMail,
    ReplyVerdict,
    addresses_named,
    confirmation_in,
    verdicts_in,
)
from tocsin.directory.contacts import KIND as VERIFY
from tocsin.directory.contacts import ConfirmationOutcome
from tocsin.networks import Network, parse_address, parse_network
from tocsin.node.letters import Letter
from tocsin.node.sentences import say
from tocsin.problems.answers import AnswerVerdict
from tocsin.problems.replies.matching import MailMatch

_PLACES = 5_000  # that one mail may name
_BULK = ("list-unsubscribe", "list-unsubscribe-post", "feedback-id", "x-campaign-id")
_PROOFS = {
    "token": "Written by a person, to the address of the digest.",
    "thread": "Written by a person of the team, as a reply to the digest.",
}


@dataclass(frozen=True)
class DigestRef:
    """What a digest told: its problems, and which of them are at an address, a port of it, or a name.

    Addresses are (hi, lo); names in small letters, keys also as 16 hexadecimal digits.
    """

    problems: frozenset[int] = frozenset()
    at: Mapping[tuple[int, int], frozenset[int]] = field(default_factory=dict)
    at_port: Mapping[tuple[int, int, int], frozenset[int]] = field(default_factory=dict)
    named: Mapping[str, frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class ReplyDecision:
    """What follows from a mail.

    ``verdicts``: what is noted of which problems, None for all, in this order. ``confirms``: what the holder of a
    mailbox says of it, in reply to the letter that asked.
    """

    kind: MailKind
    state: MailState
    why: str
    match: MailMatch
    ticket: str = ""
    reasons: tuple[str, ...] = ()
    verdicts: tuple[tuple[AnswerVerdict, frozenset[int] | None], ...] = ()
    bounces: tuple[Bounce, ...] = ()
    confirms: ConfirmationOutcome | None = None


def decide(
    mail: ReadMail, sorted_as: MailClassification, match: MailMatch, told: DigestRef, mailboxes: Collection[str]
) -> ReplyDecision:
    """What follows from a mail.

    ``told``: of the digest that it is about; asked only of answers. ``mailboxes``: of the bounced mail's recipients,
    else all of the directory; asked only of bounces.
    """
    kept = ReplyDecision(sorted_as.kind, MailState.KEPT, sorted_as.why, match, sorted_as.ticket, mail.reasons)
    if sorted_as.kind is MailKind.ANSWER:
        return _answered(mail, kept, told)
    if sorted_as.kind is MailKind.BOUNCE:
        return _bounced(mail, kept, sorted_as.bounces, mailboxes)
    if sorted_as.kind is MailKind.UNKNOWN and not mail.text and _is_of_inbox(match):
        return _reported(mail, kept)  # such as the picture of a letter
    if sorted_as.kind is MailKind.UNKNOWN:
        doubts = (match.doubt,) if match.doubt and verdicts_in(mail.text) else ()
        return replace(kept, state=MailState.WAITING, reasons=(*kept.reasons, *doubts))
    return kept


def answer_of(
    said: Sequence[ReplyVerdict], told: DigestRef
) -> tuple[list[tuple[AnswerVerdict, frozenset[int] | None]], list[str]]:
    """The verdicts of a reply, and what of it is about nothing that the digest told.

    One without any usable word says that a person has read the digest: *acknowledged*.
    """
    verdicts: list[tuple[AnswerVerdict, frozenset[int] | None]] = []
    unknown: list[str] = []
    for one in said:
        if not one.places:
            verdicts.append((AnswerVerdict(one.verdict), None))
            continue
        found = {place: problems_at(place, told) for place in one.places[:_PLACES]}
        unknown += [place for place, problems in found.items() if not problems]
        if problems := frozenset().union(*found.values()):
            verdicts.append((AnswerVerdict(one.verdict), problems))
    reasons = [f"Not in this digest: {', '.join(unknown[:10])}{' …' if len(unknown) > 10 else ''}."] if unknown else []
    return verdicts or [(AnswerVerdict.ACKNOWLEDGED, None)], reasons


def problems_at(place: str, told: DigestRef) -> frozenset[int]:
    """The problems of a digest at a place: an address with or without port, a network, a name, or a problem's key."""
    if place in told.named:
        return told.named[place]
    address, _, port = place.rpartition(":")
    halves = parse_address(address) if port.isascii() and port.isdecimal() else None
    if halves is not None and "." in address:
        return told.at_port.get((*halves, int(port[:6])), frozenset())
    whole = parse_address(place.strip("[]"))
    if whole is not None:
        return told.at.get(whole, frozenset())
    network = parse_network(place)
    return frozenset(_within(network, told)) if network else frozenset()


def _within(network: Network, told: DigestRef) -> Iterable[int]:
    return (problem for halves, problems in told.at.items() if network.holds(*halves) for problem in problems)


def _is_of_inbox(match: MailMatch) -> bool:
    """Whether a mail answers no digest, and no letter but one of the inbox."""
    return match.delivery is None and (match.letter is None or match.letter.kind.startswith("inbox-"))


def _reported(mail: ReadMail, kept: ReplyDecision) -> ReplyDecision:
    """A mail for the inbox; one of many that went out opens nothing."""
    if kept.match.letter is None and any(mail.header(name) for name in _BULK):
        return replace(kept, kind=MailKind.AUTOMATIC, why=say("It was sent to many (RFC 2369)."))
    why = kept.match.doubt or say("It continues a report of the inbox.")
    return replace(kept, kind=MailKind.UNKNOWN, state=MailState.INBOX, why=why)


def _answered(mail: ReadMail, kept: ReplyDecision, told: DigestRef) -> ReplyDecision:
    match = kept.match
    if _is_of_inbox(match):
        return _reported(mail, kept)
    if match.doubt or not match.by:
        kind = kept.kind if match.delivery or match.letter else MailKind.UNKNOWN
        doubt = match.doubt or say("Unmatched: the sender is not the one we wrote to.")
        return replace(kept, kind=kind, state=MailState.WAITING, why=doubt)
    if match.letter is not None:
        return _confirmed(mail, kept, match.letter)
    verdicts, reasons = answer_of(verdicts_in(mail.text), told)
    why = _PROOFS.get(match.by, kept.why)
    return replace(kept, state=MailState.APPLIED, why=why, verdicts=tuple(verdicts), reasons=(*kept.reasons, *reasons))


def _confirmed(mail: ReadMail, kept: ReplyDecision, letter: Letter) -> ReplyDecision:
    """A reply to a letter; only one that asks whose a mailbox is can be answered in a word."""
    said = confirmation_in(mail.text) if letter.kind == VERIFY else ""
    if not said:
        return replace(
            kept,
            state=MailState.WAITING,
            why=say("It answers the verification request %(reference)s.", reference=letter.reference),
        )
    why = say("The owner of the address answered the verification request %(reference)s.", reference=letter.reference)
    return replace(kept, state=MailState.APPLIED, why=why, confirms=ConfirmationOutcome(said))


def _bounced(
    mail: ReadMail, kept: ReplyDecision, bounces: Sequence[Bounce], mailboxes: Collection[str]
) -> ReplyDecision:
    """Whom our mail did not reach; it counts where it is about a mail of ours and one of that mail's mailboxes."""
    match, found = kept.match, bounces_at(mail, bounces, mailboxes)
    ours = any(bounce.mailbox in mailboxes for bounce in found)
    if match.by == "report" and ours:
        return replace(kept, state=MailState.APPLIED, bounces=found)
    if not (match.by or match.doubt or ours):
        return replace(kept, why=say("A mail server says that a mail did not arrive, but we did not send it."))
    why = say("It does not say which of our mails did not arrive.")
    if match.by:
        why = say("It does not name an address that the mail was sent to as not reached.")
    return replace(kept, state=MailState.WAITING, why=match.doubt or why, bounces=found or tuple(bounces))


def bounces_at(mail: ReadMail, bounces: Sequence[Bounce], mailboxes: Collection[str]) -> tuple[Bounce, ...]:
    """The bounces of a report by mailbox; one that says none is of those of ``mailboxes`` that the report names.

    A mailbox that is none of ``mailboxes`` is where one of those forwards its mails; it says nothing of the others.
    """
    known = {mailbox.casefold(): mailbox for mailbox in mailboxes}
    named = [known[address] for address in addresses_named(mail) if address in known]
    found: list[Bounce] = []
    for bounce in bounces:
        meant = [known.get(bounce.mailbox.casefold(), bounce.mailbox)] if bounce.mailbox else named
        found += [replace(bounce, mailbox=mailbox) for mailbox in meant]
    return tuple(dict.fromkeys(found))
