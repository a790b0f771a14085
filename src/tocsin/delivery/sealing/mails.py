"""Mails that came encrypted to a key of this node, opened; and who signed a mail, in each form that programs send.

Found and put together in processes without keys, opened in one that has keys and no parser of mails. What comes of it
is a mail as any other, for all that reads mails: the filter of what is never held first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.delivery.mailbox import (
    MOST_LAYERS,
    MailSignature,
    SealedPart,
    SealForm,
    SignatureForm,
    has_seals,
    sealed_part,
    signatures_in,
    with_opened,
)
from tocsin.delivery.sealing.opening import (
    OpeningKey,
    SignatureCheck,
    SmimeOpeningKey,
    check_message,
    named_keys,
    open_envelope,
    open_message,
)
from tocsin.delivery.sealing.own_keys import read_earlier_keys, read_own_keys
from tocsin.delivery.sealing.smime_reading import read_smime, signed_at
from tocsin.directory.keys import KeyFormat
from tocsin.node.confined import ConfinedError, confined
from tocsin.node.errors import InputError, SettingError
from tocsin.node.sentences import say
from tocsin.node.settings import MailSettings

if TYPE_CHECKING:
    from pysequoia import Cert


@dataclass(frozen=True)
class OpeningKeys:
    """The keys of the node that open what came, also earlier ones. ``why``: why there are none that should be."""

    openpgp: tuple[OpeningKey, ...] = ()
    smime: tuple[SmimeOpeningKey, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class OpenedMail:
    """A mail with what was closed in it opened. ``encrypted``: how it came (`KeyFormat`), or empty for in clear."""

    raw: bytes = field(repr=False)
    encrypted: str = ""
    signatures: tuple[MailSignature, ...] = ()


@dataclass(frozen=True)
class KnownKey:
    """A key that may have signed a mail. ``content``: its bytes, binary."""

    form: KeyFormat
    fingerprint: str
    content: bytes = field(repr=False)


class ClosedMailError(InputError):
    """A mail is encrypted and cannot be opened; the message says why."""


def opening_keys(home: Path, settings: MailSettings, now: datetime) -> OpeningKeys:
    """The keys of a node that open mails."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    try:
        own = read_own_keys(home, settings)
        earlier = read_earlier_keys(home, settings, now)
    except SettingError as error:
        return OpeningKeys(why=str(error))
    found = (own.openpgp.opening if own.openpgp else None, *(one.opening for one in earlier))
    smime: tuple[SmimeOpeningKey, ...] = ()
    if own.smime is not None:
        private = own.smime.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        smime = (SmimeOpeningKey(private, own.smime.certificates[0].serial_number),)
    return OpeningKeys(tuple(one for one in found if one is not None), smime)


def open_mail(raw: bytes, keys: Callable[[], OpeningKeys]) -> OpenedMail:
    """The mail with all opened that was encrypted to the node; ``keys`` is asked where something was.

    Raises:
        ClosedMailError: something in it cannot be opened.
        ConfinedError, ConfinedBusyError: reading it was ended, or had no turn.

    """
    if not has_seals(raw):
        return OpenedMail(raw)
    layer, encrypted = _look(raw), ""
    signatures = [*layer.signatures]
    for _ in range(MOST_LAYERS):
        if (sealed := layer.sealed) is None:
            return OpenedMail(raw, encrypted, tuple(dict.fromkeys(signatures)))
        clear, signature, closed = _clear_of(sealed, keys)
        signatures += [signature] if signature else []
        if closed and not encrypted:
            encrypted = (KeyFormat.SMIME if sealed.form is SealForm.SMIME else KeyFormat.OPENPGP).value
        layer = _put(raw, sealed, clear)
        raw = layer.raw
        signatures += layer.signatures
    if layer.sealed is not None:
        raise ClosedMailError(say("More than %(n)s encrypted mails lie in one another.", n=MOST_LAYERS))
    return OpenedMail(raw, encrypted, tuple(dict.fromkeys(signatures)))


def _clear_of(sealed: SealedPart, keys: Callable[[], OpeningKeys]) -> tuple[bytes, MailSignature | None, bool]:
    """What is in it, a signature that it has, and whether it was encrypted."""
    ours = keys()
    if sealed.form is not SealForm.SMIME:
        opened = open_message(sealed.content, ours.openpgp)
        if opened.content is None:
            raise ClosedMailError(ours.why or opened.why or say("It is no OpenPGP message that can be read."))
        signature = MailSignature(SignatureForm.MESSAGE, sealed.content, opened.content) if opened.signed else None
        return opened.content, signature, opened.encrypted
    found = read_smime(sealed.content)
    if found.signed is not None:
        return found.signed, MailSignature(SignatureForm.SMIME, found.signed, sealed.content), False
    if found.envelope is None:
        raise ClosedMailError(found.why)
    if (clear := open_envelope(found.envelope, ours.smime)) is None:
        why = say("The certificate of this node does not open it, or it was changed.")
        raise ClosedMailError(ours.why or (why if ours.smime else say("This node has no S/MIME key.")))
    return clear, None, True


@dataclass(frozen=True)
class _Layer:
    raw: bytes = field(repr=False)
    sealed: SealedPart | None
    signatures: tuple[MailSignature, ...]


@confined(seconds=10, megabytes=1_000)
def _look(raw: bytes) -> _Layer:
    return _Layer(b"", sealed_part(raw), signatures_in(raw))


@confined(seconds=10, megabytes=1_000)
def _put(raw: bytes, sealed: SealedPart, clear: bytes) -> _Layer:
    made = with_opened(raw, sealed, clear)
    return _Layer(made, sealed_part(made), signatures_in(made))


def check_signature_of(
    signature: MailSignature, known: Sequence[KnownKey], keys: Callable[[], OpeningKeys]
) -> SignatureCheck:
    """Which of the known keys made a signature of a mail. One that cannot be read is of nobody."""
    try:
        if signature.form is SignatureForm.SMIME:
            return _by_certificate(signature, known)
        certs = tuple(one.content for one in known if one.form is KeyFormat.OPENPGP)
        if signature.form is not SignatureForm.MESSAGE:
            return _check_openpgp(signature, certs)
        return check_message(signature.content, signature.signature, keys().openpgp, certs)
    except (ConfinedError, ValueError):
        return SignatureCheck()


def _by_certificate(signature: MailSignature, known: Sequence[KnownKey]) -> SignatureCheck:
    for one in known:
        if one.form is KeyFormat.SMIME and (at := signed_at(signature.content, signature.signature, one.content)):
            return SignatureCheck(one.fingerprint, at)
    return SignatureCheck()


@confined(seconds=5, loads=("pysequoia", "pysequoia.packet"))
def _check_openpgp(signature: MailSignature, certs: tuple[bytes, ...]) -> SignatureCheck:
    """One signature alone: of several nobody would know whose time it is."""
    from pysequoia import Cert, Sig, verify
    from pysequoia.packet import PacketPile, Tag

    made = signature.signature
    if signature.form is SignatureForm.CLEAR:
        made = signature.content[signature.content.rindex(b"-----BEGIN PGP SIGNATURE-----") :]
    issuers = list[str]()

    def store(ids: list[str]) -> "list[Cert]":
        issuers.extend(ids)
        return [Cert.from_bytes(one) for one in certs]

    try:
        if [packet.tag for packet in PacketPile.from_bytes(made)] != [Tag.Signature]:
            return SignatureCheck()
        beside = Sig.from_bytes(made)
        named = beside.issuer_fpr or beside.issuer_key_id
        issuers += [named] if named else []
        inside = signature.form is SignatureForm.CLEAR
        done = verify(bytes=signature.content, store=store, signature=None if inside else beside)
    except (RuntimeError, ValueError, TypeError):
        return SignatureCheck(issuers=named_keys(issuers, certs))
    signer = next((one.certificate.lower() for one in done.valid_sigs), "")
    return SignatureCheck(signer, beside.created, named_keys(issuers, certs))
