"""Mails of partners: a dispatch or a receipt in one is taken as any file is; a signed reply shows that ours arrived.

What is no file of a partner goes its usual way, to people.
"""

import re
from collections.abc import Collection, Iterator
from datetime import timedelta
from ssl import PEM_cert_to_DER_cert
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.mailbox import MailKind, MailSignature, ReadMail, SignatureForm
from tocsin.delivery.sealing import KnownKey, SignatureCheck, check_signature_of
from tocsin.directory.keys import KeyFormat
from tocsin.exchange.ledger import OutgoingRow
from tocsin.exchange.partners import Partner, PartnerKey, PartnerKeyState, key_state
from tocsin.exchange.statements import RefusalError
from tocsin.exchange.ways.arriving import FileArrival, note_arrival, take_file
from tocsin.exchange.ways.checks import note_answer
from tocsin.exchange.ways.evidence import note_evidence
from tocsin.exchange.ways.mailing import try_of_letter
from tocsin.exchange.ways.models import ExchangeTry
from tocsin.exchange.ways.states import EvidenceStrength, ExchangeWay
from tocsin.exchange.ways.uploads import join_parts, keep_part
from tocsin.interface import N_, ActContext
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.letters import EXCHANGE, Letter
from tocsin.node.node import Node
from tocsin.node.sentences import say
from tocsin.problems.replies import MailArrival, MailContext, TakenMail

_SKEW: Final = timedelta(minutes=10)  # of clocks
_PART: Final = re.compile(r"([0-9a-f]{64})-(\d{1,3})-of-(\d{1,3})\.part")
_ENDINGS: Final = (".pgp", ".gpg", ".asc")
_NOT_PINNED: Final = {
    PartnerKeyState.CLAIMED: N_(
        "The key %(key)s signed it, which nobody confirmed as a key of %(name)s: it is no receipt."
    ),
    PartnerKeyState.ENDED: N_("The key %(key)s of %(name)s signed it, which was ended: it is no receipt."),
    PartnerKeyState.EXPIRED: N_("The key %(key)s of %(name)s signed it, which has expired: it is no receipt."),
}


def take_exchange_mail(context: MailContext, arrival: MailArrival) -> TakenMail | str | None:
    """Take what a partner's node sent by mail; None: it is none of that, and for people, with what is said else.

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
        except (RefusalError, NotFoundError, ConflictError):  # of or for somebody else, or too much: a person has it
            continue
        note_arrival(acting, taken, ExchangeWay.MAIL, arrival.sha256)
        return TakenMail(MailKind.AUTOMATIC, _words(taken))
    return _note_reply(context, arrival)


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


def _note_reply(context: MailContext, arrival: MailArrival) -> str | None:
    """What a reply shows that a confirmed key of the partner signed, to whom the mail went that it answers.

    Gives what people are to know of a reply to such a mail: who signed it, or why it counts as no receipt.
    """
    named = (*arrival.mail.in_reply_to, *arrival.mail.references)
    if not named:
        return None
    with context.node.database.begin() as session:
        of = Letter.message_id.in_(named), Letter.kind == EXCHANGE
        said = None
        for letter in session.scalars(select(Letter).where(*of).order_by(Letter.id.desc())).all():
            partner = session.get(Partner, int(letter.about.partition(":")[2] or 0))
            if partner is None:
                continue
            key, reason = _signer(session, partner, letter, arrival)
            said = said or reason
            if key is not None:
                partner.statement_at = max(arrival.arrived, partner.statement_at or arrival.arrived)
                _settle(session, letter, partner, arrival)
                return reason
        return said


def _settle(session: Session, letter: Letter, partner: Partner, arrival: MailArrival) -> None:
    note_answer(session, partner, letter, arrival.arrived, arrival.now)
    number = try_of_letter(letter)
    row = session.get(ExchangeTry, number) if number else None
    if row is not None and session.get_one(OutgoingRow, row.outgoing_id).number < 0:
        note_evidence(session, row.outgoing_id, EvidenceStrength.SIGNED_REPLY, arrival.sha256, arrival.arrived)


def _signer(session: Session, partner: Partner, letter: Letter, arrival: MailArrival) -> tuple[PartnerKey | None, str]:
    """The confirmed key of the partner that signed this reply to this mail, or None, and what is so in words."""
    name = partner.name
    if not arrival.signatures:
        return None, say("It answers a mail to %(name)s and has no signature: it is no receipt.", name=name)
    rows = session.scalars(select(PartnerKey).where(PartnerKey.partner_id == partner.id)).all()
    keys = {one.fingerprint.lower(): one for one in rows}
    known = [KnownKey(one.form, print_, _content(one)) for print_, one in keys.items()]
    said = []
    for signature in arrival.signatures:
        check = check_signature_of(signature, known, arrival.keys)
        key = keys.get(check.fingerprint.lower()) if check.fingerprint else None
        if key is None:
            said.append(_unknown(check, signature, keys, name))
            continue
        state, words = key_state(key, arrival.now), {"key": key.fingerprint.upper(), "name": name}
        if state is not PartnerKeyState.PINNED:
            said.append(say(_NOT_PINNED[state], **words))
        elif check.at is None:
            said.append(say("The key %(key)s of %(name)s signed it, and nothing says when: it is no receipt.", **words))
        elif check.at < letter.created_at - _SKEW:  # an older reply with another header
            at, asked = (f"{one:%Y-%m-%d %H:%M} UTC" for one in (check.at, letter.created_at))
            reason = N_(
                "%(name)s signed it on %(at)s, before our mail of %(asked)s that it is to answer: it is no receipt."
            )
            said.append(say(reason, name=name, at=at, asked=asked))
        else:
            return key, say("The key %(key)s of %(name)s signed it: it counts as a receipt.", **words)
    return None, said[0]


def _unknown(check: SignatureCheck, signature: MailSignature, keys: Collection[str], name: str) -> str:
    """Why a signature is of no key of the partner."""
    if signature.form is SignatureForm.SMIME:
        return say("No certificate of %(name)s signed it as it came: it is no receipt.", name=name)
    named = [one for one in check.issuers if one in keys]
    if named and check.no_program:
        reason = N_(
            "Inside its encryption it is signed with the key %(key)s of %(name)s, it says, which this machine cannot"
            " verify: it is no receipt. Install the Debian package sqop ('tocsin doctor' says whether it works), and"
            " ask for the reply once more."
        )
        return say(reason, key=named[0].upper(), name=name)
    if named:
        reason = N_(
            "The signature of the key %(key)s of %(name)s does not hold: the mail was changed, or the key had ended."
        )
        return say(reason, key=named[0].upper(), name=name)
    if not check.issuers:
        return say("It has a signature that cannot be read: it is no receipt.")
    issuers = ", ".join(one.upper() for one in check.issuers)
    return say(
        "It is signed with the key %(key)s, which is none of %(name)s: it is no receipt.", key=issuers, name=name
    )


def _content(key: PartnerKey) -> bytes:
    return PEM_cert_to_DER_cert(key.content) if key.form is KeyFormat.SMIME else key.content.encode()
