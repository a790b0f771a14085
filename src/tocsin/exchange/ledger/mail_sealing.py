"""What goes to a partner as an ordinary mail: text first, files under the names that people gave them.

For a partner without a node: PGP/MIME, signed with our key and encrypted with one that a person confirmed; where
that is a certificate, S/MIME. Who has no key that is valid is told so, without content.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery import Attachment, Envelope, Seal, assemble, usable_mailboxes
from tocsin.delivery.mailbox import message_ids, read_headers
from tocsin.delivery.sealing import CannotSealError, can_sign, encrypt_entity, pgp_encrypt, pgp_sign, read_own_keys
from tocsin.directory.keys import KeyFormat
from tocsin.exchange.dispatches import OutgoingState
from tocsin.exchange.ledger.links import (
    NoPartnerKeyError,
    OpenPartner,
    OwnParty,
    encrypting_certificate,
    encrypting_key,
    own_party,
)
from tocsin.exchange.ledger.models import OutgoingRow
from tocsin.exchange.ledger.sealing import DispatchDraft, PreparedDispatch, seal_dispatch
from tocsin.exchange.partners import Partner
from tocsin.exchange.statements import DispatchType, hash_of
from tocsin.interface import N_, ActContext
from tocsin.node.errors import ConflictError
from tocsin.node.letters import EXCHANGE, queue_letter
from tocsin.node.node import Node
from tocsin.node.records import AuditAction, cut
from tocsin.node.sentences import say
from tocsin.node.tokens import open_tokens

if TYPE_CHECKING:
    from pysequoia import Cert

LINK: Final = "/receipt/"
"""Where the link leads by which a partner without a node confirms a mail; its token follows."""

LINK_PURPOSE: Final = "exchange-mail"
_CONFIRM: Final = N_("Please confirm that you have it: answer this mail with your signature, or open")
_RECALLED: Final = N_(
    "We take back what we sent you in message %(numbers)s. Please delete it, and all copies. Then answer this mail "
    "with your signature, or open"
)
_NO_KEY: Final = N_(
    "We have a message for you and cannot encrypt it: no key of yours that we confirmed is valid. Please send us your "
    "new public key, and let us call you for its fingerprint. Nothing of the message is in this mail."
)


Protect = Callable[[bytes, str], bytes]
"""From a MIME entity and a boundary the entity that signs or encrypts it."""


@dataclass(frozen=True)
class MailContent:
    """What a mail says. ``outside``: its subject where it is encrypted."""

    subject: str
    body: str
    files: Sequence[Attachment] = ()
    outside: str = ""


def seal_for(
    opened: OpenPartner, draft: DispatchDraft, once: str | None = None, prepared: PreparedDispatch | None = None
) -> OutgoingRow:
    """The next dispatch to a partner with a node, else a mail; raises as `seal_dispatch` does."""
    if opened.partner.node is not None:
        return seal_dispatch(opened, draft, once, prepared)
    return _seal_mail(opened, draft, once)


def tell_of_key(context: ActContext, partner: Partner) -> bool:
    """Whether a partner was told, at most once a day, that no key of it is valid; without content."""
    node, now = context.node, context.now
    if not partner.mailbox:
        return False
    content = MailContent(node.settings.node.name, context.say(language_of(partner), _NO_KEY))
    mail = finished_mail(node, partner, now, content, protect=partial(_sign, own_party(node, now)))
    with context.database.begin() as session:
        return queue_mail(session, node, partner, mail, key=f"exchange-key:{partner.id}:{now:%Y-%m-%d}", now=now)


def finished_mail(
    node: Node, partner: Partner, now: datetime, content: MailContent, *, protect: Protect | None = None
) -> bytes:
    """A mail to a partner, as its bytes. ``protect``: what signs or encrypts its MIME entity."""
    own = node.settings.node
    domain = own.contact.rpartition("@")[2]
    envelope = Envelope(
        subject=content.subject, sender_name=own.name, sender=own.contact,
        recipients=usable_mailboxes((partner.mailbox,)), at=now, message_id=f"<{token_hex(16)}.exchange@{domain}>",
        reply_to=node.settings.mailbox.address,
    )  # fmt: skip
    seal = Seal(protect, content.outside) if protect else None
    return assemble(envelope, content.body, content.files, f"=_{token_hex(16)}", seal)


def queue_mail(session: Session, node: Node, partner: Partner, mail: bytes, *, key: str, now: datetime) -> bool:
    """Ask for a finished mail to a partner in the caller's transaction; False where it was asked for before."""
    found = message_ids(next(iter(read_headers(mail, ("message-id",)).get("message-id", ())), ""))
    return queue_letter(
        session, key=key, kind=EXCHANGE, mailbox=partner.mailbox, subject="", body="", now=now, message_id=found[0],
        about=f"partner:{partner.id}", file=node.exchange.put(mail),
    )  # fmt: skip


def recall_text(context: ActContext, session: Session, partner: Partner, dispatches: Collection[int]) -> str:
    """What a mail says that takes back what these dispatches brought: their numbers, and nothing of what is in them."""
    numbers = session.scalars(select(OutgoingRow.number).where(OutgoingRow.id.in_(dispatches)))
    named = ", ".join(str(abs(one)) for one in sorted(numbers, key=abs))
    return context.say(language_of(partner), _RECALLED, numbers=named)


def language_of(partner: Partner) -> str:
    """The language that a partner is written to in, as its profile says; English where it says none."""
    return next(iter(partner.languages.replace(",", " ").split()), "en")


def dispatch_link(node: Node, dispatch: int) -> str:
    """The link by which the recipient of a mail confirms it; empty where nobody reaches the pages."""
    url = node.settings.server.url
    return f"{url}{LINK}{open_tokens(node.home).make(LINK_PURPOSE, str(dispatch))}" if url else ""


def _seal_mail(opened: OpenPartner, draft: DispatchDraft, once: str | None) -> OutgoingRow:
    """A mail to a partner without a node: numbered downward, so that its node, once it has one, begins at 1.

    Raises:
        NoPartnerKeyError: no confirmed key is valid; only what has no content goes then, and is signed.
        CannotSealError: there is a certificate alone, and this node has no S/MIME key that signs.
        ConflictError: there is no mailbox, or it takes no mail of this size.

    """
    session, context, us, partner = opened.session, opened.context, opened.us, opened.partner
    if not usable_mailboxes((partner.mailbox,)):
        raise ConflictError(say("%(name)s has no node and no email address.", name=partner.name))
    try:
        protect = encryption(opened)
    except NoPartnerKeyError:
        if draft.type is not DispatchType.RECALL:
            raise
        protect = partial(_sign, us)
    lowest = select(func.min(OutgoingRow.number)).where(OutgoingRow.partner_id == partner.id)
    row = OutgoingRow(
        partner_id=partner.id, number=min(session.scalar(lowest) or 0, 0) - 1, hash="", type=draft.type.value,
        title=draft.title, incident=draft.incident, tlp=draft.marking.tlp.value, state=OutgoingState.SEALED.value,
        reason="", withheld=draft.reasons, archive="", file="", sealed_at=context.now, sealed_by=context.actor,
        once=once,
    )  # fmt: skip
    session.add(row)
    session.flush()
    mail = finished_mail(context.node, partner, context.now, _content(opened, draft, row), protect=protect)
    if partner.largest is not None and len(mail) > partner.largest:
        raise ConflictError(say("%(name)s takes no file of %(n)s bytes.", name=partner.name, n=f"{len(mail):,}"))
    row.hash, row.file = hash_of(mail), context.node.exchange.put(mail)
    opened.note(AuditAction.DISPATCH_SEALED, number=row.number, type=row.type, sha256=row.hash)
    cut("exchange.sealing")
    return row


def _content(opened: OpenPartner, draft: DispatchDraft, row: OutgoingRow) -> MailContent:
    context, partner = opened.context, opened.partner
    name = context.node.settings.node.name
    asks = "" if draft.type is DispatchType.RECALL else f"\n\n{context.say(language_of(partner), _CONFIRM)}"
    link = dispatch_link(context.node, row.id)
    body = f"{draft.text.rstrip()}{asks}\n\n{link}\n\n-- \n{name}\n"
    files = [Attachment(_plain(part.name), part.type, content) for part, content in draft.parts]
    number = f"[{name} {-row.number}]"
    subject = f"{number} {draft.title}".strip() if files and not draft.untitled else number
    return MailContent(subject, body, files, number)


def _plain(name: str) -> str:
    return "".join(sign if sign.isprintable() and sign not in "/\\" else "_" for sign in name) or "file"


def encryption(opened: OpenPartner) -> Protect:
    """What signs a mail to a partner without a node and encrypts it: with its OpenPGP key, else its certificate.

    Raises:
        NoPartnerKeyError, CannotSealError: as of `seal_for`.

    """
    session, node, now = opened.session, opened.context.node, opened.context.now
    try:
        _, cert = encrypting_key(session, opened.partner, now)
    except NoPartnerKeyError:
        if (certificate := encrypting_certificate(session, opened.partner, now)) is None:
            raise
    else:
        return partial(_encrypt, opened.us, cert)
    own = read_own_keys(node.home, node.settings.mail)
    if own.smime is None or not (verdict := can_sign(own, KeyFormat.SMIME, now)).good:
        why = verdict.why if own.smime else say("This node has no %(words)s key.", words=KeyFormat.SMIME.words)
        raise CannotSealError(say("The mail cannot be signed: %(error)s.", error=why), hint="'tocsin keys node-show'.")
    return partial(encrypt_entity, own.smime, [certificate], now)


def _encrypt(us: OwnParty, cert: "Cert", entity: bytes, boundary: str) -> bytes:
    return pgp_encrypt(entity, boundary, us.key.signer, [cert])


def _sign(us: OwnParty, entity: bytes, boundary: str) -> bytes:
    return pgp_sign(entity, boundary, us.key.signer)
