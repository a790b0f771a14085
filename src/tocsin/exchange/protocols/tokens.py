"""Tokens of partners: a program of a partner reads and posts by one protocol, and nothing else; it is no person."""

import base64
import hashlib
import hmac
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tocsin.exchange.partners import Partner
from tocsin.exchange.protocols.models import PartnerToken
from tocsin.interface import N_
from tocsin.node.records import Database

_PREFIX: Final = "tcf"
_LETTERS: Final = string.ascii_letters + string.digits
_LENGTH: Final = 40  # of an API key of MISP, whose own clients take no other
_NOTED_EVERY: Final = timedelta(minutes=5)  # so that reading by a program does not write records


class AccessProtocol(StrEnum):
    """Where programs of partners come in."""

    TAXII = "taxii"
    MISP = "misp"


ACCESS_PROTOCOLS: Final[Mapping[str, str]] = {AccessProtocol.TAXII: "TAXII 2.1", AccessProtocol.MISP: "MISP"}


class TokenScope(StrEnum):
    """What a token lets do."""

    READ = "read"
    POST = "post"  # offer things, which a person here adopts or declines


TOKEN_SCOPES: Final[Mapping[str, str]] = {
    TokenScope.READ: N_("Read what the release gate lets this partner have"),
    TokenScope.POST: N_("Offer things, which a person here adopts or declines"),
}


@dataclass(frozen=True)
class ProgramCaller:
    """A partner whose program signed in, with what its token lets do."""

    token: int
    partner: int
    name: str
    scopes: frozenset[TokenScope]


def new_secret() -> str:
    """What a program sends: ``tcf`` and 220 random bits, 40 letters and digits in all."""
    return _PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH - len(_PREFIX)))


def secret_hash(secret: str) -> str:
    """What is kept of a token."""
    # A random secret needs no slow hash: it cannot be guessed (ASVS 5, 11.4.2).
    return hashlib.sha256(secret.encode("utf-8", "backslashreplace")).hexdigest()


def secret_of(authorization: str) -> str:
    """The token in a header ``Authorization``: alone, after ``Bearer`` or ``Token``, or as password of ``Basic``."""
    scheme, _, rest = authorization.strip().partition(" ")
    if not rest:
        return scheme
    if scheme.lower() != "basic":
        return rest.strip() if scheme.lower() in {"bearer", "token"} else ""
    try:
        return base64.b64decode(rest, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def program_caller(
    database: Database, protocol: AccessProtocol, authorization: str, now: datetime
) -> ProgramCaller | None:
    """Whose program sends this header; None: nobody's, or its token was revoked, or is for another protocol.

    One look-up by the token's hash, whatever was sent: how long it takes says nothing of any token.
    """
    hashed = secret_hash(secret_of(authorization))
    with database.reading() as session:
        query = select(PartnerToken, Partner.name).join(Partner, Partner.id == PartnerToken.partner_id)
        found = session.execute(query.where(PartnerToken.hash == hashed)).one_or_none()
    if found is None:
        return None
    row, name = found
    if not hmac.compare_digest(row.hash, hashed) or row.revoked_at is not None or row.protocol != protocol:
        return None
    if row.used_at is None or now - row.used_at >= _NOTED_EVERY:
        with database.begin() as session:
            session.execute(update(PartnerToken).where(PartnerToken.id == row.id).values(used_at=now))
    return ProgramCaller(row.id, row.partner_id, name, frozenset(map(TokenScope, row.scopes)))


def partner_tokens(session: Session, partner: int | None = None) -> list[tuple[PartnerToken, str]]:
    """Tokens, of one partner or of all, with the partner's name: the newest first, those that were revoked too."""
    query = select(PartnerToken, Partner.name).join(Partner, Partner.id == PartnerToken.partner_id)
    query = query if partner is None else query.where(PartnerToken.partner_id == partner)
    return [(row, name) for row, name in session.execute(query.order_by(PartnerToken.id.desc()))]
