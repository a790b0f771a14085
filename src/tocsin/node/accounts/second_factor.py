"""The second factor: codes that a device makes from a shared secret (RFC 6238), and ten recovery codes for its loss."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyotp
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session as Transaction

from tocsin.node.accounts.models import RecoveryCode, Totp
from tocsin.node.tokens import Tokens

RECOVERY_CODES: Final = 10

_PERIOD: Final = 30  # seconds
_WINDOW: Final = 1  # steps to either side: clocks differ
_SETUP_SECONDS: Final = 3600


@dataclass(frozen=True)
class Setup:
    """A second factor that is being set up: nothing is kept of it until a code shows that the device has it.

    ``secret``: base32, for who types it. ``address``: the ``otpauth:`` URI for a picture of it. ``sealed``: the same
    for the form to carry, readable by this node only.
    """

    secret: str
    address: str
    sealed: str


def new_setup(tokens: Tokens, *, person: int, mailbox: str, site: str, sealed: str = "") -> Setup:
    """A new second factor for a person; with ``sealed`` the one of that form, where it is still good."""
    secret = _opened(tokens, sealed, person) or pyotp.random_base32()
    closed = _box(tokens).encrypt(json.dumps([person, secret]).encode()).decode()
    return Setup(secret, pyotp.TOTP(secret).provisioning_uri(name=mailbox, issuer_name=site), closed)


def set_up(transaction: Transaction, tokens: Tokens, *, person: int, sealed: str, code: str, now: datetime) -> bool:
    """Keep the second factor of a form, if the code is one that its secret makes now; in the caller's transaction."""
    secret = _opened(tokens, sealed, person)
    step = _step_of(secret, code, now) if secret else None
    if secret is None or step is None:
        return False
    remove_second_factor(transaction, person)
    kept = _box(tokens).encrypt(secret.encode()).decode()
    transaction.add(Totp(person_id=person, secret=kept, step=step, made_at=now))
    return True


def use_code(transaction: Transaction, tokens: Tokens, *, person: int, code: str, now: datetime) -> bool:
    """Whether a code of the person's device fits now; it then fits no more (RFC 6238, 5.2)."""
    kept = transaction.get(Totp, person)
    step = None if kept is None else _step_of(_box(tokens).decrypt(kept.secret).decode(), code, now)
    if step is None:
        return False
    fresh = (Totp.person_id == person) & (Totp.step < step)
    used = update(Totp).where(fresh).values(step=step)
    return transaction.scalar(used.returning(Totp.person_id)) is not None


def new_recovery_codes(transaction: Transaction, person: int) -> list[str]:
    """Ten new codes, said only here; those from before are good no more. In the caller's transaction."""
    codes = [base64.b32encode(secrets.token_bytes(15)).decode().lower() for _ in range(RECOVERY_CODES)]
    transaction.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person))
    transaction.add_all(RecoveryCode(person_id=person, code=_hashed(code), used_at=None) for code in codes)
    return ["-".join(code[at : at + 6] for at in range(0, 24, 6)) for code in codes]


def use_recovery_code(transaction: Transaction, *, person: int, code: str, now: datetime) -> bool:
    """Whether this is a recovery code of the person that was not used; now it is."""
    unused = (RecoveryCode.person_id == person) & (RecoveryCode.code == _hashed(code)) & RecoveryCode.used_at.is_(None)
    used = update(RecoveryCode).where(unused).values(used_at=now)
    return transaction.scalar(used.returning(RecoveryCode.id)) is not None


def recovery_codes_left(transaction: Transaction, person: int) -> int:
    """How many recovery codes a person has not used."""
    unused = (RecoveryCode.person_id == person) & RecoveryCode.used_at.is_(None)
    return transaction.scalar(select(func.count()).select_from(RecoveryCode).where(unused)) or 0


def has_second_factor(transaction: Transaction, person: int) -> bool:
    """Whether a person's device makes codes."""
    return transaction.get(Totp, person) is not None


def remove_second_factor(transaction: Transaction, person: int) -> None:
    """Forget a person's second factor and recovery codes, in the caller's transaction."""
    transaction.execute(delete(Totp).where(Totp.person_id == person))
    transaction.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person))


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """The step whose code this is, of those around now."""
    typed = "".join(code.split())
    if not (typed.isascii() and typed.isdigit()):
        return None
    current = int(now.timestamp()) // _PERIOD
    device = pyotp.TOTP(secret)
    steps = range(current - _WINDOW, current + _WINDOW + 1)
    return next((step for step in steps if secrets.compare_digest(device.generate_otp(step), typed)), None)


def _opened(tokens: Tokens, sealed: str, person: int) -> str | None:
    try:
        of, secret = json.loads(_box(tokens).decrypt(sealed.encode(), ttl=_SETUP_SECONDS))
    except (InvalidToken, UnicodeEncodeError):
        return None
    return str(secret) if of == person else None


def _box(tokens: Tokens) -> Fernet:
    """What seals secrets with a key that is derived from the node's own (RFC 5869)."""
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tocsin.second-factor").derive(tokens.secret)
    return Fernet(base64.urlsafe_b64encode(key))


def _hashed(code: str) -> str:
    # 120 random bits need no slow hash (NIST SP 800-63B, 3.1.2.2: from 112 bits on).
    plain = "".join(letter for letter in code.casefold() if letter.isalnum())
    return hashlib.sha256(plain.encode("utf-8", "backslashreplace")).hexdigest()
