"""How the mails of one run are protected: decided once for each team, then done for each mail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tocsin.delivery.mime import Seal
from tocsin.delivery.sealing import openpgp, smime
from tocsin.delivery.sealing.decide import Protection, SealingRefusal, can_sign, protect
from tocsin.delivery.sealing.own_keys import OpenPgpKey, OwnKeys, SmimeKey, read_own_keys
from tocsin.directory import Team
from tocsin.directory.keys import KeyFormat, TeamKey, encrypting, library_error
from tocsin.node.errors import ConflictError, SettingError
from tocsin.node.sentences import say
from tocsin.node.settings import MailSettings

_NO_KEYS = OwnKeys()
_NEVER = datetime.min.replace(tzinfo=UTC)


class CannotSealError(ConflictError):
    """A mail must be encrypted and cannot be; the message says why."""


@dataclass(frozen=True)
class Seals:
    """The keys of a run. ``keys_of``: the keys of a team; ``sign``: how mails that are not encrypted are signed.

    ``readable``: nothing is encrypted, for a person of this node to look at. Without any keys a mail that must be
    encrypted does not leave.
    """

    keys_of: Callable[[int], Sequence[TeamKey]] = lambda _: ()
    own: OwnKeys = _NO_KEYS
    sign: KeyFormat | None = None
    now: datetime = _NEVER
    readable: bool = False
    _decided: dict[int, Protection | SealingRefusal] = field(default_factory=dict)

    def of(self, team: Team) -> Protection | SealingRefusal:
        """How mails to a team leave in this run, or why not."""
        found = self._decided.get(team.id)
        if found is None:
            found = protect(team, self.keys_of(team.id) if team.encrypt else (), self.own, self.sign, self.now)
            self._decided[team.id] = found
        return found

    def to_mailbox(self, team: Team, mailbox: str, only: str = "") -> Protection:
        """How a mail to one mailbox leaves, where it is written for a team; ``only``: for the key of this fingerprint.

        Raises:
            CannotSealError: it must be encrypted and cannot be.

        """
        keys = self.keys_of(team.id) if team.encrypt or only else ()
        if only:
            team, keys = replace(team, encrypt=True), [one for one in keys if one.facts.fingerprint == only]
        found = protect(replace(team, mailboxes=(mailbox,)), keys, self.own, self.sign, self.now)
        if isinstance(found, SealingRefusal):
            raise CannotSealError(found.words)
        return found

    def require(self, team: Team) -> Protection:
        """How mails to a team leave in this run.

        Raises:
            CannotSealError: they must be encrypted and cannot be.

        """
        found = self.of(team)
        if isinstance(found, SealingRefusal):
            raise CannotSealError(found.words)
        return found

    def signature(self) -> Seal | None:
        """What signs a mail that holds nothing to encrypt, such as a letter; None where the settings sign nothing."""
        return self.seal(Protection(self.sign, ()), "")

    def seal(self, protection: Protection, subject: str) -> Seal | None:
        """What protects a mail; ``subject``: what it shows outside where it is encrypted."""
        if protection.form is None or (self.readable and protection.keys):
            return None
        own = self.own.of(protection.form)
        if own is None or (protection.keys and not subject):
            raise CannotSealError(say("The mail cannot be signed."))
        if not protection.keys:
            return Seal(partial(_sign, own))
        contents = [key.content for key in protection.keys]
        return Seal(partial(encrypt_entity, own, contents, self.now), subject)


def open_seals(
    home: Path,
    settings: MailSettings,
    keys_of: Callable[[int], Sequence[TeamKey]],
    now: datetime,
    *,
    readable: bool = False,
) -> Seals:
    """The seals of a run at ``now``.

    Raises:
        SettingError: mails are to be signed by the settings and cannot be, or a key file cannot be used.

    """
    own = read_own_keys(home, settings)
    sign = None if settings.sign == "none" else KeyFormat(settings.sign)
    if sign is not None and not (verdict := can_sign(own, sign, now)).good:
        raise SettingError(
            say("Mails are to be signed ([mail] sign) and cannot be, so that none leaves. %(why)s", why=verdict.why),
            hint="'tocsin keys node-make' makes the key, 'tocsin keys node-renew' lets it live longer.",
        )
    return Seals(keys_of, own, sign, now, readable)


def _sign(own: OpenPgpKey | SmimeKey, entity: bytes, boundary: str) -> bytes:
    try:
        if isinstance(own, OpenPgpKey):
            return openpgp.pgp_sign(entity, boundary, own.signer)
        return smime.sign(entity, boundary, own.private, own.certificates)
    except (RuntimeError, ValueError, TypeError) as error:
        raise CannotSealError(say("The mail cannot be signed: %(error)s.", error=library_error(error))) from error


def encrypt_entity(
    own: OpenPgpKey | SmimeKey, contents: Sequence[bytes], now: datetime, entity: bytes, boundary: str
) -> bytes:
    """The MIME entity signed by our key and encrypted for keys of its format (bytes). Raises CannotSealError."""
    try:
        if isinstance(own, OpenPgpKey):
            certs = [encrypting(content, now) for content in contents]
            return openpgp.pgp_encrypt(entity, boundary, own.signer, certs)
        signed = smime.sign(entity, f"{boundary}_signed", own.private, own.certificates)
        return smime.envelop(signed, contents)
    except (RuntimeError, ValueError, TypeError) as error:
        raise CannotSealError(say("The mail cannot be encrypted: %(error)s.", error=library_error(error))) from error
