"""Mails of partners: a dispatch or a receipt in one is taken as any file is; a signed reply shows that ours arrived.

What is no file of a partner goes its usual way, to people.
"""

import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from ssl import PEM_cert_to_DER_cert
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.mailbox import MailKind, ReadMail
from tocsin.delivery.sealing import signed_at
from tocsin.directory.keys import KeyFormat
from tocsin.exchange.ledger import OutgoingRow
from tocsin.exchange.partners import Partner, PartnerKey, PartnerKeyState, key_state
from tocsin.exchange.statements import PinnedKey, RefusalError, check_signature
from tocsin.exchange.ways.arriving import FileArrival, note_arrival, take_file
from tocsin.exchange.ways.checks import note_answer
from tocsin.exchange.ways.evidence import note_evidence
from tocsin.exchange.ways.mailing import try_of_letter
from tocsin.exchange.ways.models import ExchangeTry
from tocsin.exchange.ways.states import EvidenceStrength, ExchangeWay
from tocsin.exchange.ways.uploads import join_parts, keep_part
from tocsin.interface import ActContext
from tocsin.node.confined import ConfinedError
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.letters import EXCHANGE, Letter
from tocsin.node.node import Node
from tocsin.node.sentences import say
from tocsin.problems.replies import MailArrival, MailContext, TakenMail

_SKEW: Final = timedelta(minutes=10)  # of clocks
_NOBODY: Final = UUID(int=0)
_PART: Final = re.compile(r"([0-9a-f]{64})-(\d{1,3})-of-(\d{1,3})\.part")
_ENDINGS: Final = (".pgp", ".gpg", ".asc")
_SIGNED: Final = re.compile(rb"(?im)^content-type:\s*multipart/signed\b[^\n]*(?:\n[ \t][^\n]*)*")
_BOUNDARY: Final = re.compile(rb'(?i)boundary="?([^";\n]{1,200})"?')


def take_exchange_mail(context: MailContext, arrival: MailArrival) -> TakenMail | None:
    """Take what a partner's node sent by mail; None: it is none of that, and for people.

    Raises:
        StorageError: the disk or the database fails; the mail can be taken again.

    """
    if arrival.dry_run:
        return None
    acting = ActContext(context.node, arrival.now, "mail")
    for content in _files_in(context.node, arrival.mail):
        if content is None:
            return TakenMail(MailKind.AUTOMATIC, say("A part of a file of a partner; the others are to come."))
        try:
            taken = take_file(acting, content, limited=False)
        except (RefusalError, NotFoundError, ConflictError):  # of somebody else, or for somebody else
            continue
        note_arrival(acting, taken, ExchangeWay.MAIL, arrival.sha256)
        return TakenMail(MailKind.AUTOMATIC, _words(taken))
    _note_reply(context, arrival)
    return None


def _words(taken: FileArrival) -> str:
    found = taken.dispatch or taken.receipt
    name, number = (found.name, found.number) if found else ("", 0)
    if taken.dispatch:
        return say("Dispatch %(n)s of %(name)s.", n=number, name=name)
    return say("The receipt of %(name)s for dispatch %(n)s.", n=number, name=name)


def _files_in(node: Node, mail: ReadMail) -> Iterator[bytes | None]:
    """What may be files of partners; None: a part was kept, and others are missing."""
    for part in mail.all_parts():
        if named := _PART.fullmatch(part.name):
            digest, number, parts = named[1], int(named[2]), int(named[3])
            if 1 <= number <= parts and keep_part(node, digest, number, part.content):
                yield join_parts(node, digest, parts)
        elif part.name.endswith(_ENDINGS):
            yield part.content


def _note_reply(context: MailContext, arrival: MailArrival) -> None:
    """What a reply shows that a confirmed key of the partner signed, to whom the mail went that it answers."""
    named = (*arrival.mail.in_reply_to, *arrival.mail.references)
    if not named or (signed := _signed(arrival.raw)) is None:
        return
    with context.node.database.begin() as session:
        of = Letter.message_id.in_(named), Letter.kind == EXCHANGE
        for letter in session.scalars(select(Letter).where(*of).order_by(Letter.id.desc())).all():
            partner = session.get(Partner, int(letter.about.partition(":")[2] or 0))
            made = _signed_at(session, partner, *signed, arrival) if partner else None
            if partner and made and made >= letter.created_at - _SKEW:  # not an older reply with another header
                partner.statement_at = max(arrival.arrived, partner.statement_at or arrival.arrived)
                _settle(session, letter, partner, arrival)
                return


def _settle(session: Session, letter: Letter, partner: Partner, arrival: MailArrival) -> None:
    note_answer(session, partner, letter, arrival.arrived, arrival.now)
    number = try_of_letter(letter)
    row = session.get(ExchangeTry, number) if number else None
    if row is not None and session.get_one(OutgoingRow, row.outgoing_id).number < 0:
        note_evidence(session, row.outgoing_id, EvidenceStrength.SIGNED_REPLY, arrival.sha256, arrival.arrived)


def _signed_at(
    session: Session, partner: Partner, content: bytes, signature: bytes, arrival: MailArrival
) -> datetime | None:
    """When a confirmed key of the partner made this signature; None: none did."""
    for key in session.scalars(select(PartnerKey).where(PartnerKey.partner_id == partner.id)):
        if key_state(key, arrival.now) is not PartnerKeyState.PINNED:
            continue
        with suppress(RefusalError, ConfinedError, ValueError):
            if key.form is KeyFormat.OPENPGP:
                return check_signature(content, signature, PinnedKey(partner.node or _NOBODY, key.content.encode()))
            if at := signed_at(content, b64decode(signature), PEM_cert_to_DER_cert(key.content)):
                return at
    return None


def _signed(raw: bytes) -> tuple[bytes, bytes] | None:
    """The bytes that are signed, and the signature, of a mail signed as a whole (RFC 3156, 5; RFC 8551, 3.5.3)."""
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    found = _SIGNED.search(head)
    token = _BOUNDARY.search(found[0]) if found else None
    if token is None:
        return None
    parts = (b"\n" + body).split(b"\n--" + token[1])
    if len(parts) != 4:
        return None
    content, signature = parts[1].lstrip(b" \t").removeprefix(b"\n"), parts[2].partition(b"\n\n")[2]
    return content.replace(b"\n", b"\r\n"), signature
