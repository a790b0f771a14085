"""A new key of this node: the key so far names it to every partner that confirmed that one."""

from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.sealing import OpenPgpKey
from tocsin.directory.keys import KeyFormat
from tocsin.exchange.ledger.links import OpenPartner, OwnParty, own_party
from tocsin.exchange.ledger.mail_sealing import language_of, seal_for
from tocsin.exchange.ledger.models import OutgoingRow
from tocsin.exchange.ledger.sealing import DispatchDraft
from tocsin.exchange.partners import Partner, PartnerKeyState, find_partner, list_partners
from tocsin.exchange.statements import (
    DispatchType,
    KeyAct,
    KeyNotice,
    Part,
    ProfileKey,
    Statement,
    hash_of,
    sign_statement,
    utc,
)
from tocsin.interface import N_, ActContext
from tocsin.node.errors import ConflictError, TocsinError
from tocsin.node.sentences import say
from tocsin.sharing.gate import DataClass, read_marking

_KNOWN: Final = (PartnerKeyState.PINNED, PartnerKeyState.EXPIRED)
_TITLE: Final = N_("New OpenPGP key")
_TEXT: Final = N_(
    "We use a new OpenPGP key from now on: %(new)s\n\nOur key so far signed this message, and vouches for the new one: "
    "%(old)s\n\nPlease confirm the new key, and encrypt for it."
)


@dataclass
class KeyAnnouncement:
    """Which partners a message tells of a new key, and which not, each with why."""

    told: list[str] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)


def linked_partners(session: Session, context: ActContext) -> list[Partner]:
    """The partners of whom an OpenPGP key was confirmed that nobody ended, by name."""
    found = []
    for one in list_partners(session, context.now):
        keys = [key for state in _KNOWN for key in one.in_state(state, context.now)]
        if any(key.form is KeyFormat.OPENPGP for key in keys):
            found.append(one.partner)
    return found


def announce_key(context: ActContext, new: OpenPgpKey, *, compromised: bool = False) -> KeyAnnouncement:
    """A dispatch to each partner in which the present key, before it is laid aside, names the new one.

    A second time, for the same key, only whom the first did not reach gets one. ``compromised``: nobody does.
    """
    done = KeyAnnouncement()
    with context.database.reading() as session:
        partners = [(one.id, one.name) for one in linked_partners(session, context)]
    if not partners:
        return done
    if compromised:
        done.left = [(name, say("A key that others may have vouches for nothing.")) for _, name in partners]
        return done
    try:
        us = own_party(context.node, context.now)
    except TocsinError as error:  # it has expired, or cannot be read: it vouches for nothing
        done.left = [(name, str(error)) for _, name in partners]
        return done
    notice = _notice(context, us, new)
    for number, name in partners:
        try:
            _seal(context, us, number, notice, new)
        except ConflictError as error:
            done.left.append((name, str(error)))
        else:
            done.told.append(name)
    return done


def _notice(context: ActContext, us: OwnParty, new: OpenPgpKey) -> Statement:
    at = utc(context.now)
    body = KeyNotice(
        id=uuid4(), by=us.name, at=at, act=KeyAct.REPLACE, old=us.name.key, since=at,
        new=ProfileKey(fingerprint=new.facts.fingerprint, armored=new.public),
    )  # fmt: skip
    return sign_statement(body, us.key.signer)


def _seal(context: ActContext, us: OwnParty, number: int, notice: Statement, new: OpenPgpKey) -> None:
    once = f"key:{new.facts.fingerprint}:{number}"
    with context.database.begin() as session:
        partner = find_partner(session, str(number), lock=True)
        if session.scalar(select(OutgoingRow.id).where(OutgoingRow.once == once)) is not None:
            return
        language, content = language_of(partner), new.public.encode()
        part = Part.model_validate(
            {"hash": hash_of(content), "bytes": len(content), "type": "application/pgp-keys",
             "class": DataClass.REACHABILITY.value, "name": "key.asc"}
        )  # fmt: skip
        draft = DispatchDraft(
            DispatchType.NOTE, context.say(language, _TITLE), read_marking("CLEAR", None), [notice], [(part, content)],
            text=context.say(language, _TEXT, new=new.facts.spelled, old=us.key.facts.spelled),
        )  # fmt: skip
        seal_for(OpenPartner(session, context, us, partner), draft, once)
