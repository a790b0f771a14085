"""Passkeys: a device proves who holds it, and that its holder unlocked it, which counts as both factors (WebAuthn 3).

Challenges are signed, with the time, and taken once; nothing is written before a right answer comes back. The device
finds the account by itself (discoverable credentials), so that nobody learns which accounts there are.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session as Transaction

from tocsin.node.accounts.models import Passkey, Person
from tocsin.node.accounts.one_time import use_once
from tocsin.node.accounts.people import note_factor
from tocsin.node.accounts.signing_in import Caller, SignedIn, enter
from tocsin.node.accounts.site_config import SiteConfig
from tocsin.node.errors import InputError, NotFoundError
from tocsin.node.records import Database

MOST: Final = 20
"""Passkeys of one person."""

_PATIENCE = timedelta(minutes=5)  # for which a challenge can be answered
_LONGEST_NAME, _LONGEST_ANSWER = 100, 20_000
_SIGN_IN, _ADD = "passkey", "passkey-add"


@dataclass(frozen=True)
class Site:
    """What passkeys are bound to: the host name of the pages, and the address that browsers show."""

    host: str
    origin: str


def site_of(url: str) -> Site | None:
    """The site at an address; None where passkeys cannot work: without HTTPS, but for ``localhost``."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and host != "localhost":
        return None
    return Site(host, f"{parts.scheme}://{parts.netloc}".lower())


def ask_new(transaction: Transaction, house: SiteConfig, site: Site, person: Person, *, now: datetime) -> str:
    """What a browser needs to make a passkey for a person: JSON, as `PublicKeyCredentialCreationOptionsJSON`."""
    from webauthn import base64url_to_bytes, generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    known = [base64url_to_bytes(one.credential) for one in list_passkeys(transaction, person.id)]
    options = generate_registration_options(
        rp_id=site.host,
        rp_name=house.name,
        user_id=str(person.id).encode(),
        user_name=person.mailbox,
        user_display_name=person.name,
        challenge=_challenge(house, f"{_ADD}-{person.id}", now),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
    )
    return options_to_json(options)


def keep_new(
    transaction: Transaction, house: SiteConfig, site: Site, person: Person, answer: str, *, name: str, now: datetime
) -> Passkey:
    """Keep the passkey that a person's browser made, and tell the person by mail.

    ``answer``: JSON, as `RegistrationResponseJSON`.

    Raises:
        InputError: it is not what was asked for, or there are too many already.

    """
    from webauthn import verify_registration_response
    from webauthn.helpers import bytes_to_base64url
    from webauthn.helpers.exceptions import WebAuthnException

    said = _read(answer)
    challenge, until = _challenge_of(house, f"{_ADD}-{person.id}", said, now)
    try:
        made = verify_registration_response(
            credential=said, expected_challenge=challenge.encode(), expected_rp_id=site.host,
            expected_origin=site.origin, require_user_verification=True,
        )  # fmt: skip
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise _refusal() from error
    _spend(transaction, challenge, until, now)
    credential = bytes_to_base64url(made.credential_id)
    _check_new(transaction, person.id, credential)
    row = Passkey(
        person_id=person.id, name=" ".join(name.split())[:_LONGEST_NAME], credential=credential,
        public_key=made.credential_public_key, uses=made.sign_count, made_at=now, used_at=None,
    )  # fmt: skip
    transaction.add(row)
    note_factor(transaction, house, person, "passkey", "added", actor=f"person:{person.id}", now=now)
    return row


def ask_sign_in(house: SiteConfig, site: Site, *, now: datetime) -> str:
    """What a browser needs to sign in with a passkey: JSON, as `PublicKeyCredentialRequestOptionsJSON`."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import UserVerificationRequirement

    challenge = _challenge(house, _SIGN_IN, now)
    options = generate_authentication_options(
        rp_id=site.host, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
    )
    return options_to_json(options)


def sign_in_with_passkey(
    database: Database, house: SiteConfig, site: Site, answer: str, caller: Caller, *, now: datetime
) -> SignedIn | None:
    """Sign in whoever holds a passkey; None where the answer is none that was asked for, or the account lets nobody in.

    ``answer``: JSON, as `AuthenticationResponseJSON`.
    """
    with database.begin() as transaction:
        try:
            said = _read(answer)
            found = transaction.execute(
                select(Passkey, Person).join(Person).where(Passkey.credential == str(said.get("id")))
            ).one_or_none()
            if found is None or found[1].blocked_at is not None:
                return None
            key, person = found
            challenge, until = _challenge_of(house, _SIGN_IN, said, now)
            uses = _verified(key, site, said, challenge)
            _spend(transaction, challenge, until, now)
            same = (Passkey.id == key.id) & (Passkey.uses == key.uses)
            counted = update(Passkey).where(same).values(uses=uses, used_at=now).returning(Passkey.id)
            if transaction.scalar(counted) is None:  # a copy was faster
                return None
        except InputError:
            return None
        return enter(transaction, house, person, caller, now=now, how="passkey", strong=True)


def list_passkeys(transaction: Transaction, person: int) -> list[Passkey]:
    """The passkeys of a person, the oldest first."""
    return list(transaction.scalars(select(Passkey).where(Passkey.person_id == person).order_by(Passkey.id)))


def has_passkey(transaction: Transaction, person: int) -> bool:
    """Whether a person has one."""
    return transaction.scalar(select(Passkey.id).where(Passkey.person_id == person).limit(1)) is not None


def remove_passkey(transaction: Transaction, house: SiteConfig, person: Person, number: int, *, now: datetime) -> None:
    """Forget one passkey of a person, and tell the person by mail.

    Raises:
        NotFoundError: the person has no such passkey.

    """
    row = transaction.get(Passkey, number)
    if row is None or row.person_id != person.id:
        raise NotFoundError(f"There is no passkey {number}.")
    transaction.delete(row)
    note_factor(transaction, house, person, "passkey", "removed", actor=f"person:{person.id}", now=now)


def _verified(key: Passkey, site: Site, said: dict[str, Any], challenge: str) -> int:
    """What the device counts now. One whose counter does not grow was copied, and is refused (WebAuthn 3, 6.1.1)."""
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        return verify_authentication_response(
            credential=said, expected_challenge=challenge.encode(), expected_rp_id=site.host,
            expected_origin=site.origin, credential_public_key=key.public_key, credential_current_sign_count=key.uses,
            require_user_verification=True,
        ).new_sign_count  # fmt: skip
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise _refusal() from error


def _check_new(transaction: Transaction, person: int, credential: str) -> None:
    if transaction.scalar(select(Passkey.id).where(Passkey.credential == credential)) is not None:
        raise InputError("This passkey is known already.", hint="Take another device.")
    counted = select(func.count()).select_from(Passkey).where(Passkey.person_id == person)
    if (transaction.scalar(counted) or 0) >= MOST:
        raise InputError(f"There are {MOST} passkeys already.", hint="Remove one that is not used any more.")


def _challenge(house: SiteConfig, purpose: str, now: datetime) -> bytes:
    return house.tokens.make(purpose, f"{int(now.timestamp())}-{secrets.token_hex(16)}").encode("ascii")


def _challenge_of(house: SiteConfig, purpose: str, said: dict[str, Any], now: datetime) -> tuple[str, datetime]:
    """The challenge that an answer is to, one of ours for this purpose, and until when it can be answered."""
    from webauthn import base64url_to_bytes

    try:
        client = json.loads(base64url_to_bytes(said["response"]["clientDataJSON"]))
        challenge = base64url_to_bytes(client["challenge"]).decode("ascii")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refusal() from error
    name = house.tokens.read(purpose, challenge)
    if name is None:
        raise _refusal()
    until = datetime.fromtimestamp(int(name.partition("-")[0]), UTC) + _PATIENCE
    if now >= until:
        raise _refusal()
    return challenge, until


def _spend(transaction: Transaction, challenge: str, until: datetime, now: datetime) -> None:
    if not use_once(transaction, challenge, until=until, now=now):
        raise _refusal()


def _read(answer: str) -> dict[str, Any]:
    try:
        said = json.loads(answer) if len(answer) <= _LONGEST_ANSWER else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise _refusal()
    return said


def _refusal() -> InputError:
    return InputError("This is not the passkey that was asked for.", hint="Try again, within five minutes.")
