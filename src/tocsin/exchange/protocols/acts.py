"""What can be done with the tokens of partners."""

from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.partners import BESIDE, Partner, PartnerNamed, find_partner
from tocsin.exchange.protocols.models import PartnerToken
from tocsin.exchange.protocols.tokens import (
    ACCESS_PROTOCOLS,
    TOKEN_SCOPES,
    AccessProtocol,
    TokenScope,
    new_secret,
    secret_hash,
)
from tocsin.interface import N_, Absence, Act, ActContext, NoUndo, OwnSurface, Reverse, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import NotFoundError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say


class PartnerTokenNamed(PartnerNamed):
    """Which token: a partner has one for each way in."""

    protocol: Annotated[AccessProtocol, Wording(choices=ACCESS_PROTOCOLS)] = Field(
        AccessProtocol.TAXII, title=N_("Protocol"), description="Where it works: taxii or misp."
    )


class NewPartnerToken(PartnerTokenNamed):
    """For which partner, and what its program may do."""

    scopes: Annotated[tuple[TokenScope, ...], Wording(choices=TOKEN_SCOPES)] = Field(
        (TokenScope.READ,), title=N_("What it may do"),
        description="What it lets do: read, or post, which offers things to you.",
    )  # fmt: skip


class PartnerTokenResult(BaseModel):
    """A token after an act. ``secret``: what the program sends, said once and nowhere kept."""

    number: int
    partner: int
    name: str
    protocol: AccessProtocol
    scopes: tuple[TokenScope, ...]
    secret: str = ""


def make(context: ActContext, request: NewPartnerToken) -> PartnerTokenResult:
    """It is shown once. A partner has one for each way in: what worked there before is revoked."""
    secret = new_secret()
    with context.database.begin() as session:
        partner = find_partner(session, request.partner, lock=True)
        if (old := _working(session, partner, request.protocol)) is not None:
            _revoke(session, context, old)
        row = PartnerToken(
            partner_id=partner.id, protocol=request.protocol.value, scopes=sorted(set(request.scopes)),
            hash=secret_hash(secret), made_at=context.now, made_by=context.actor, used_at=None, revoked_at=None,
        )  # fmt: skip
        session.add(row)
        session.flush()
        _note(session, context, AuditAction.PARTNER_TOKEN_MADE, row, scopes=row.scopes)
        return _result(row, partner, secret)


def revoke(context: ActContext, request: PartnerTokenNamed) -> PartnerTokenResult:
    """It does not work any more.

    Raises:
        NotFoundError: none works there.

    """
    with context.database.begin() as session:
        partner = find_partner(session, request.partner, lock=True)
        row = _working(session, partner, request.protocol)
        if row is None:
            raise NotFoundError(
                say("There is no such token."), hint=say("'tocsin exchange token list' lists the tokens of partners.")
            )
        _revoke(session, context, row)
        return _result(row, partner)


def _working(session: Session, partner: Partner, protocol: AccessProtocol) -> PartnerToken | None:
    """The token of a partner that works there."""
    of = (
        PartnerToken.partner_id == partner.id,
        PartnerToken.protocol == protocol.value,
        PartnerToken.revoked_at.is_(None),
    )
    return session.scalar(select(PartnerToken).where(*of))


def _revoke(session: Session, context: ActContext, row: PartnerToken) -> None:
    row.revoked_at = context.now
    _note(session, context, AuditAction.PARTNER_TOKEN_REVOKED, row)


def _note(session: Session, context: ActContext, word: AuditAction, row: PartnerToken, **more: object) -> None:
    detail = {"token": row.id, "protocol": row.protocol, **more}
    audit(
        session, word, at=context.now, actor=context.actor, subject=f"partner:{row.partner_id}", detail=detail
    )  # fmt: skip


def _result(row: PartnerToken, partner: Partner, secret: str = "") -> PartnerTokenResult:
    return PartnerTokenResult(
        number=row.id, partner=partner.id, name=partner.name, protocol=AccessProtocol(row.protocol),
        scopes=tuple(map(TokenScope, row.scopes)), secret=secret,
    )  # fmt: skip


_act = partial(
    Act, noun="partner token", permission=Permission.PARTNERS_WRITE,
    route=Absence("A person decides what a partner's program may do."),
)  # fmt: skip

ACTS: Final = (
    _act(
        "make", "Make a token for a partner's program", make,
        audit=(AuditAction.PARTNER_TOKEN_MADE, AuditAction.PARTNER_TOKEN_REVOKED),
        command=OwnSurface("exchange token make"),
        page=OwnSurface("/partners/{partner}/tokens", "It shows the token, once."),
        arguments=("partner",), told="Token {number} of {name}.", makes=True, undo=Reverse("revoke"),
    ),
    _act(
        "revoke", "Revoke a token of a partner's program", revoke, audit=(AuditAction.PARTNER_TOKEN_REVOKED,),
        command="exchange token revoke", page=OwnSurface("/partners/{partner}/tokens/revoke", BESIDE),
        arguments=("partner",), told="Token {number} of {name} is revoked.",
        undo=NoUndo("Only its hash is kept: make a new one."),
    ),
)  # fmt: skip
"""What can be done with tokens of partners."""
