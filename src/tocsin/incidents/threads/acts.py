"""What is done with the correspondence of an incident: a mail written, mails placed, whose turn it is."""

from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from tocsin.incidents.act_parts import SIGNED, TLPS, author_of
from tocsin.incidents.read import IncidentReader
from tocsin.incidents.threads import read, write
from tocsin.incidents.threads.models import IncidentMail, IncidentThread
from tocsin.incidents.threads.read import PartyThread
from tocsin.incidents.threads.sending import PartyMail, check_mail, open_post, send_to_party
from tocsin.incidents.threads.states import ThreadMailState, ThreadTurn
from tocsin.interface import N_, Act, ActContext, Number, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say, say_count
from tocsin.sharing.gate import Tlp

_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
_TEXT: Final = Wording(lacking=N_("Write something, in at most 50,000 characters."), lines=True)
_SUBJECT: Final = Wording(lacking=N_("Write a subject of one line."))
_Reference = Annotated[
    str,
    Field(
        min_length=1, max_length=60, title=N_("Reference of the incident"), description="The reference of an incident.",
        examples=["INC-0000-0000"],
    ),
]  # fmt: skip


class PartyName(BaseModel):
    """Which party of which incident."""

    reference: _Reference
    party: int = Field(
        ge=1, le=2**31 - 1, title=N_("Party"),
        description="The number of the party, as the page of the incident has it.",
    )  # fmt: skip


class PartyMailText(BaseModel):
    """A mail that a person wrote."""

    subject: Annotated[str, _SUBJECT] = Field(
        min_length=1, max_length=200, pattern=_LINE, title=N_("Subject"), description="Its subject."
    )
    text: Annotated[str, _TEXT] = Field(min_length=1, max_length=50_000, title=N_("Text"), description="The text.")
    tlp: Annotated[Tlp | None, Wording(choices=TLPS, nothing=N_("As the incident"))] = Field(
        None, title=N_("Marking of this mail"),
        description="Its marking by TLP 2.0; without it, that of the incident.",
    )  # fmt: skip
    to_person: bool = Field(
        default=False, title=N_("One person alone reads this address (needed for TLP:RED)"),
        description="One person alone reads the address, as TLP:RED needs.",
    )  # fmt: skip
    quotes_checked: bool = Field(
        default=False, title=N_("I looked: who gets this mail may read it"),
        description="What it quotes of other parties may be read.",
    )  # fmt: skip
    in_clear: bool = Field(
        default=False, title=N_("This answer may go without encryption"),
        description="It may go without encryption, though it answers a mail that came encrypted.",
    )  # fmt: skip
    answered: bool = Field(default=False, title=N_("No answer is expected"), description="No answer is expected.")
    once: str = Field(
        "", max_length=100, title="Key of this request",
        description="A name for this mail: the same twice is sent once.",
    )  # fmt: skip


class MailToParty(PartyMailText, PartyName):
    """A mail to one party."""


class Announcement(PartyMailText):
    """A mail to several parties, each of whom gets one of its own."""

    reference: _Reference
    parties: Annotated[tuple[Number, ...], Wording(lacking=N_("Choose at least one party."))] = Field(
        min_length=1, max_length=500, title=N_("Parties"), description="The numbers of the parties."
    )


class ReceivedThreadMail(PartyName):
    """A mail that came in for a party."""

    mail: int = Field(ge=1, le=2**31 - 1, title=N_("Mail"), description="The number of the mail.")


class ThreadStanding(BaseModel):
    """Whose turn it is to write to or from a party: ours, theirs, or quiet."""

    reference: str
    party: int
    name: str
    turn: ThreadTurn


def send(context: ActContext, request: MailToParty) -> ThreadStanding:
    """To the party alone, encrypted where its team requires it. The release gate decides whether it may have it.

    Raises:
        RequestError: a placeholder is not filled in, or the gate says no.
        UsageError: it quotes another party.
        ConflictError: the party has no address, left, or has no key.

    """
    post = open_post(context)
    with context.undoable() as session:
        found = _found(session, context, request)
        if (known := _sent_before(session, context, found, request)) is not None:
            return known
        mail = _mail(context, request, found)
        check_mail(session, post, found, mail)
        send_to_party(session, post, found, mail)
        return _standing(session, context, found)


def announce(context: ActContext, request: Announcement) -> list[ThreadStanding]:
    """Each party gets a mail of its own and does not see the others. All of them leave, or none.

    Raises:
        RequestError: a placeholder is not filled in, or the gate says no for one of them.
        UsageError: it quotes one of the parties.
        ConflictError: one of them has no address, left, or has no key.

    """
    post, reader = open_post(context), _reader(context)
    with context.undoable() as session:
        parties = [
            read.find_party_thread(session, reader, request.reference, party, lock=True)
            for party in dict.fromkeys(request.parties)
        ]
        mails = [
            (found, _mail(context, request, found))
            for found in parties
            if _sent_before(session, context, found, request) is None
        ]
        for found, mail in mails:  # before one of them leaves, of which the others would seem to be quotations
            check_mail(session, post, found, mail)
        for found, mail in mails:
            send_to_party(session, post, found, mail)
        return [_standing(session, context, found) for found in parties]


def close_turn(context: ActContext, request: PartyName) -> ThreadStanding:
    """The next mail from it needs one again."""
    with context.undoable() as session:
        found, thread = _with_thread(session, context, request)
        if thread.turn != ThreadTurn.QUIET:
            write.answer_not_needed(session, found.incident, thread, author=author_of(session, context), **context.by)
        return _standing(session, context, found)


def renew_address(context: ActContext, request: PartyName) -> ThreadStanding:
    """Mails to the former address no longer count as the party's. The next mail to it has the new one."""
    with context.undoable() as session:
        found, thread = _with_thread(session, context, request)
        write.replace_address(session, found.incident, thread, author=author_of(session, context), **context.by)
        return _standing(session, context, found)


def accept_mail(context: ActContext, request: ReceivedThreadMail) -> ThreadStanding:
    """Further mails from its sender count as the party's, too.

    Raises:
        ConflictError: somebody decided already.

    """
    with context.undoable() as session:
        found, thread, mail = _with_mail(session, context, request)
        write.take_for_party(session, found.incident, thread, mail, author=author_of(session, context), **context.by)
        return _standing(session, context, found)


def refuse_mail(context: ActContext, request: ReceivedThreadMail) -> ThreadStanding:
    """It stays where it is, marked.

    Raises:
        ConflictError: somebody decided already.

    """
    with context.undoable() as session:
        found, thread, mail = _with_mail(session, context, request)
        write.refuse_mail(session, found.incident, thread, mail, author=author_of(session, context), **context.by)
        return _standing(session, context, found)


def _reader(context: ActContext) -> IncidentReader:
    return IncidentReader(context.person, context.now)


def _found(session: Session, context: ActContext, request: PartyName) -> PartyThread:
    return read.find_party_thread(session, _reader(context), request.reference, request.party, lock=True)


def _with_thread(session: Session, context: ActContext, request: PartyName) -> tuple[PartyThread, IncidentThread]:
    found = _found(session, context, request)
    if found.thread is None:
        raise ConflictError(say("Nothing was written to %(name)s yet.", name=found.party.name))
    return found, found.thread


def _with_mail(
    session: Session, context: ActContext, request: ReceivedThreadMail
) -> tuple[PartyThread, IncidentThread, IncidentMail]:
    found, thread = _with_thread(session, context, request)
    mail = read.find_thread_mail(session, _reader(context), thread, request.mail)
    if mail.state not in {ThreadMailState.UNCERTAIN, ThreadMailState.OVER_LIMIT, ThreadMailState.REFUSED}:
        raise ConflictError(say("Another person decided on this mail already."), hint=say("Load the page again."))
    return found, thread, mail


def _once(context: ActContext, request: PartyMailText, found: PartyThread) -> str | None:
    return f"{context.actor}/{request.once}/{found.party.id}" if request.once else None


def _sent_before(
    session: Session, context: ActContext, found: PartyThread, request: PartyMailText
) -> ThreadStanding | None:
    once = _once(context, request, found)
    known = once and found.thread and read.sent_once(session, _reader(context), once)
    return _standing(session, context, found) if known else None


def _mail(context: ActContext, request: PartyMailText, found: PartyThread) -> PartyMail:
    return PartyMail(
        subject=request.subject, text=request.text, tlp=request.tlp.value if request.tlp else "",
        to_person=request.to_person, quotes_checked=request.quotes_checked, in_clear=request.in_clear,
        answered=request.answered,
        once=_once(context, request, found),
    )  # fmt: skip


def _standing(session: Session, context: ActContext, found: PartyThread) -> ThreadStanding:
    thread = read.thread_of(session, _reader(context), found.party)
    turn = ThreadTurn(thread.turn) if thread else ThreadTurn.QUIET
    return ThreadStanding(reference=found.incident.reference, party=found.party.id, name=found.party.name, turn=turn)


_PAGE: Final = "/incidents/{reference}/parties/{party}"
_mail_act = partial(
    Act,
    noun="incident mail",
    permission=Permission.INCIDENTS_WRITE,
    audit=(AuditAction.INCIDENT_ENTRY,),
    arguments=("reference", "party"),
    told="{name}: {turn}.",
    signed=SIGNED,
)

ACTS: Final = (
    _mail_act(
        "send", "Write to a party of an incident", send, command="incidents send",
        route="/incidents/{reference}/parties/{party}/mails", page=OwnSurface(f"{_PAGE}/send"), makes=True,
        undo=lambda n: say_count("Mail sent", "Mails sent", n),
    ),
    _mail_act(
        "announce", "Write to several parties of an incident", announce, command="incidents announce",
        route="/incidents/{reference}/mails", page=OwnSurface("/incidents/{reference}/announce"),
        arguments=("reference", "parties"), makes=True,
        undo=lambda n: say_count("Mail sent", "Mails sent", n),
    ),
    _mail_act(
        "no-answer", "Mark a party as needing no answer", close_turn, command="incidents no-answer",
        route="/incidents/{reference}/parties/{party}/no-answer", page=OwnSurface(f"{_PAGE}/no-answer"),
        undo=lambda _: say("No answer needed"),
    ),
    _mail_act(
        "replace-address", "Replace the address to which a party answers", renew_address,
        command="incidents replace-address", route="/incidents/{reference}/parties/{party}/address",
        page=OwnSurface(f"{_PAGE}/address"), undo=lambda _: say("Address replaced"),
    ),
    _mail_act(
        "accept-mail", "Accept a mail as the party's", accept_mail, noun="of party", command="incidents accept-mail",
        arguments=("reference", "party", "mail"),
        route="/incidents/{reference}/parties/{party}/mails/{mail}/accept", page=OwnSurface(f"{_PAGE}/accept"),
        undo=lambda _: say("Mail accepted"),
    ),
    _mail_act(
        "refuse-mail", "Refuse a mail as not the party's", refuse_mail, noun="of party",
        command="incidents refuse-mail",
        arguments=("reference", "party", "mail"),
        route="/incidents/{reference}/parties/{party}/mails/{mail}/refuse", page=OwnSurface(f"{_PAGE}/refuse"),
        undo=lambda _: say("Mail refused"),
    ),
)  # fmt: skip
"""What can be done with the mails of an incident."""
