"""What partners sign of their keys: one that replaces another is confirmed by one act; one that they stop ends at once.

Nobody has to decide that a key counts for less.
"""

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.exchange.partners.key_acts import (
    MOST_KEYS,
    KeyNamed,
    PartnerKeyResult,
    claim_key,
    confirm,
    end,
    find_key,
    key_act,
    read_key,
)
from tocsin.exchange.partners.models import Partner, PartnerKey, PartnerKeyNotice
from tocsin.exchange.partners.read import pinned_keys, vouchers
from tocsin.exchange.partners.states import KeyConfirmation, KeyEnd
from tocsin.exchange.statements import (
    KeyAct,
    KeyNotice,
    RefusalCode,
    RefusalError,
    Statement,
    read_statement,
    verify,
)
from tocsin.interface import N_, ActContext
from tocsin.node.errors import ConflictError, InputError
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say

_ENDS: Final = {"superseded": KeyEnd.REPLACED, "lost": KeyEnd.LOST}  # any other reason: the strictest


def check_key_notice(notice: KeyNotice) -> None:
    """Nothing, where a key says of itself what replaces it, and that is there; or it is another notice.

    Raises:
        RefusalError: it is not so.

    """
    if notice.act is not KeyAct.REPLACE:
        return
    try:
        named = read_key(notice.new.armored)[0].fingerprint if notice.new else ""
    except InputError as error:
        raise RefusalError(RefusalCode.BAD_STATEMENT, "The new key cannot be read.") from error
    if notice.new is None or named != notice.new.fingerprint or notice.old == named or notice.old != notice.by.key:
        raise RefusalError(RefusalCode.BAD_STATEMENT, "Only a key itself names what replaces it, and brings that.")


def note_key_notice(session: Session, context: ActContext, partner: Partner, statement: Statement) -> None:
    """A new key is claimed, and what vouches for it is kept; of what was there only a key that is stopped changes.

    Where a partner has ten keys that nobody confirmed, further ones stay in the archive of what brought them.
    """
    notice = statement.said(KeyNotice)
    if notice.act is KeyAct.STOP:
        _stop(session, context, partner, statement)
    if notice.act is not KeyAct.REPLACE or notice.new is None:
        return
    new, of = notice.new.fingerprint, PartnerKeyNotice.partner_id == partner.id
    known = select(PartnerKeyNotice.id).where(of, PartnerKeyNotice.old == notice.old, PartnerKeyNotice.new == new)
    mine = PartnerKey.partner_id == partner.id
    claims = select(func.count()).select_from(PartnerKey).where(mine, PartnerKey.confirmed_at.is_(None))
    if session.scalar(known) is not None or (session.scalar(claims) or 0) >= MOST_KEYS:
        return
    if session.scalar(select(PartnerKey.id).where(mine, PartnerKey.fingerprint == new)) is None:
        claim_key(session, context, partner, *read_key(notice.new.armored), source="key")
    _keep(session, context, partner, statement, new=new)


def _stop(session: Session, context: ActContext, partner: Partner, statement: Statement) -> None:
    """A key of the partner, confirmed or claimed, counts no more; a person is told (`PartnerKey.is_stopped`)."""
    notice = statement.said(KeyNotice)
    of = PartnerKey.partner_id == partner.id, PartnerKey.fingerprint == notice.old, PartnerKey.ended_at.is_(None)
    if (key := session.scalar(select(PartnerKey).where(*of).with_for_update())) is not None:
        why = _ENDS.get(notice.code, KeyEnd.COMPROMISED)
        end(session, context, partner, key, why=why, reason=say("Its partner stopped it: %(code)s.", code=notice.code))
        key.ended_by = f"partner:{partner.id}"
        _keep(session, context, partner, statement)


def _keep(session: Session, context: ActContext, partner: Partner, statement: Statement, new: str = "") -> None:
    row = PartnerKeyNotice(
        partner_id=partner.id, old=statement.said(KeyNotice).old, new=new, content=statement.content.decode(),
        signature=statement.signature.decode(), came_at=context.now,
    )  # fmt: skip
    session.add(row)
    session.flush()


def accept_key(context: ActContext, request: KeyNamed) -> PartnerKeyResult:
    """Confirm the key that a confirmed key of the partner named, and end that one as replaced.

    Raises:
        ConflictError: no key that counts vouches for it; or as of `confirm`.

    """
    with context.undoable() as session:
        partner, key = find_key(session, request)
        voucher = vouchers(session, partner.id).get(key.fingerprint)
        if voucher is None or not voucher.counts:
            raise ConflictError(
                say("No key that counts vouches for this one."),
                hint=say("Confirm it by telephone: 'tocsin partners confirm-key'."),
            )
        notice, old = voucher.notice, voucher.key
        verify(read_statement(notice.content.encode(), notice.signature.encode()), pinned_keys(session))
        done = confirm(session, context, partner, key, KeyConfirmation.SIGNED)
        key.evidence = old.fingerprint.upper()
        reason = say("It named the key that replaces it: %(key)s.", key=key.fingerprint.upper())
        end(session, context, partner, old, why=KeyEnd.REPLACED, reason=reason)
        return done


ACTS: Final = (
    key_act(
        "accept-key", "Confirm a key by the key that it replaces", accept_key,
        audit=(AuditAction.PARTNER_KEY_CONFIRMED, AuditAction.PARTNER_KEY_ENDED), command="partners accept-key",
        page="/partners/{partner}/keys/{key}/accept", arguments=("partner", "key"),
        undo=lambda _: say("Key confirmed"), title=N_("Confirm by the old key"), button=N_("Confirm the new key"),
    ),
)  # fmt: skip
"""What can be done with a key that another one vouches for."""
