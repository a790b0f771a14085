"""New keys for this node, made or brought in, and their files: readable by this user only, never overwritten."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.delivery.sealing.own_keys import (
    OpenPgpKey,
    SmimeKey,
    aside_path,
    key_path,
    open_openpgp,
    open_smime,
    read_earlier_keys,
    read_private,
)
from tocsin.directory.keys import KeyFacts, KeyFormat
from tocsin.node.errors import ConflictError, InputError, NotFoundError
from tocsin.node.files import disk_failures, sync_folder, write_whole
from tocsin.node.node_settings import NodeSettings
from tocsin.node.records import AuditAction, Database, audit
from tocsin.node.settings import Settings, read_secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate
    from pysequoia import Cert, PySigner, Tsk

_RSA = 3072  # bits; NIST SP 800-57 part 1, table 2: 128 bits of security
_YEAR = timedelta(days=365)


@dataclass(frozen=True)
class KeyRing:
    """Where this node keeps its own keys, and who changes them."""

    home: Path
    settings: Settings
    database: Database
    actor: str

    def make(self, form: KeyFormat, *, years: int, now: datetime, replace: bool = False) -> KeyFacts:
        """A new key for mails from this node's contact, in its file; with ``replace`` the present one is laid aside.

        Raises:
            ConflictError: the node has one already.
            StorageError: the disk refuses.

        """
        made = self.prepare(form, years=years, now=now, replace=replace).facts
        self.put(made, now=now)
        return made

    def bring(self, content: bytes, *, now: datetime, replace: bool = False) -> KeyFacts:
        """As `make`, a key that was made elsewhere.

        Raises:
            ConflictError, InputError, SettingError, StorageError: as of `prepare_given` and `put`.

        """
        brought = self.prepare_given(content, replace=replace).facts
        self.put(brought, now=now)
        return brought

    def prepare(self, form: KeyFormat, *, years: int, now: datetime, replace: bool) -> OpenPgpKey | SmimeKey:
        """The key that `put` makes the node's own; one that was prepared before, and not put, is it still.

        Raises:
            ConflictError, StorageError: as of `make`.

        """
        waiting = self._waiting(form)
        if waiting.exists():
            return self._prepare(form, waiting.read_bytes(), replace=replace)
        make = _new_openpgp if form is KeyFormat.OPENPGP else _new_smime
        return self._prepare(form, make(self.settings.node, now + years * _YEAR, now), replace=replace)

    def prepare_given(self, content: bytes, *, replace: bool) -> OpenPgpKey | SmimeKey:
        """As `prepare`, a key that was made elsewhere: an OpenPGP private key, or an S/MIME key in PEM or PKCS #12.

        Raises:
            ConflictError: the node has one already.
            InputError: it is none of these.
            SettingError: its password, which the settings name, is missing or wrong.

        """
        if b"-----BEGIN PGP PRIVATE KEY" in content or (content and content[0] & 0x80):
            return self._prepare(KeyFormat.OPENPGP, content, replace=replace)
        if b"PRIVATE KEY-----" not in content:
            content = _unpacked(content, self._password)
        return self._prepare(KeyFormat.SMIME, content, replace=replace)

    def put(self, facts: KeyFacts, *, now: datetime, compromised: bool = False) -> None:
        """Let the prepared key be the node's own. The one before is laid aside; of a compromised one nothing secret.

        Raises:
            ConflictError: it is so already.
            StorageError: the disk refuses.

        """
        path, waiting = key_path(self.home, self.settings.mail, facts.format), self._waiting(facts.format)
        if not waiting.exists():
            raise ConflictError(f"This node has such a key already: {path}.")
        former = aside_path(path, now) if path.exists() else None
        with disk_failures(f"{path} could not be laid aside"):
            if former is not None:
                path.rename(former)
            waiting.rename(path)
            sync_folder(path.parent)
        self._note(AuditAction.NODE_KEY_SET, facts, now)
        if compromised and former is not None and facts.format is KeyFormat.OPENPGP:
            self.drop(now, former)

    def drop(self, now: datetime, *paths: Path, fingerprint: str = "") -> list[KeyFacts]:
        """Delete the private part of laid-aside keys: those named, else those whose time is over.

        Raises:
            StorageError: the disk refuses.

        """
        gone = list[KeyFacts]()
        for key in read_earlier_keys(self.home, self.settings.mail, now):
            named = key.path in paths or key.facts.fingerprint == fingerprint
            over = not paths and not fingerprint and key.until <= now
            if (named or over) and key.path.read_bytes() != key.public.encode():
                _write(key.path, key.public.encode())
                self._note(AuditAction.NODE_KEY_DROPPED, key.facts, now)
                gone.append(key.facts)
        return gone

    def renew(self, form: KeyFormat, *, years: int, now: datetime) -> KeyFacts:
        """The same key for longer: others need its new form, and what they encrypted for it still opens.

        Raises:
            NotFoundError: the node has none.
            ConflictError: an authority issued its certificate, and must renew it.
            SettingError: it cannot be read.

        """
        path = key_path(self.home, self.settings.mail, form)
        if not path.exists():
            raise NotFoundError(f"This node has no {form.words} key.", hint="'tocsin keys node-make' makes one.")
        renew = _renewed_openpgp if form is KeyFormat.OPENPGP else _renewed_smime
        content = renew(path.read_bytes(), self._password, now + years * _YEAR, now)
        facts = self._open(form, content).facts
        _write(path, content)
        self._note(AuditAction.NODE_KEY_SET, facts, now)
        return facts

    @property
    def _password(self) -> str:
        return read_secret(self.settings.mail.key_password_file, setting="[mail] key_password_file")

    def _prepare(self, form: KeyFormat, content: bytes, *, replace: bool) -> OpenPgpKey | SmimeKey:
        key, path = self._open(form, content), key_path(self.home, self.settings.mail, form)
        if path.exists() and not replace:
            raise ConflictError(
                f"This node has such a key already: {path}.",
                hint="'tocsin keys node-renew' lets it live longer; --replace lays it aside for a new one.",
            )
        _write(self._waiting(form), content)
        return key

    def _waiting(self, form: KeyFormat) -> Path:
        return key_path(self.home, self.settings.mail, form).with_suffix(".next")

    def _open(self, form: KeyFormat, content: bytes) -> OpenPgpKey | SmimeKey:
        """The key in a file; also shows that the node can use it."""
        return (open_openpgp if form is KeyFormat.OPENPGP else open_smime)(content, self._password)

    def _note(self, word: AuditAction, facts: KeyFacts, now: datetime) -> None:
        detail: dict[str, object] = {"format": facts.format.value, "fingerprint": facts.fingerprint}
        with self.database.begin() as session:
            audit(session, word, at=now, actor=self.actor, subject="node", detail=detail)


def _write(path: Path, content: bytes) -> None:
    """The file, whole or not at all."""
    with disk_failures(f"{path} could not be written"):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, content)


def _new_openpgp(node: NodeSettings, until: datetime, _now: datetime) -> bytes:
    from pysequoia import Tsk

    made = Tsk.generate(_user_id(node))
    # Its subkeys have no end of their own, so that renewing the key renews them.
    return str(_with_private(_until(made.extract_certificate(), until, made.certifier()), made)).encode("utf-8")


def _renewed_openpgp(content: bytes, password: str, until: datetime, _now: datetime) -> bytes:
    tsk = read_private(content)
    cert = _until(tsk.extract_certificate(), until, tsk.certifier(password or None))
    return str(_with_private(cert, tsk)).encode("utf-8")


def _until(cert: "Cert", until: datetime, certifier: "PySigner") -> "Cert":
    return cert.set_expiration(until.replace(microsecond=0), certifier)


def _with_private(cert: "Cert", tsk: "Tsk") -> "Tsk":
    """The certificate with the private parts of an earlier form of it."""
    from pysequoia import Tsk as Private
    from pysequoia.packet import PacketPile

    private = {packet.fingerprint: packet for packet in PacketPile.from_bytes(bytes(tsk)) if packet.fingerprint}
    packets = [private.get(packet.fingerprint or "", packet) for packet in PacketPile.from_bytes(bytes(cert))]
    return Private.from_packets(packets)


def _new_smime(node: NodeSettings, until: datetime, now: datetime) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65_537, key_size=_RSA)
    return _pem(key, [_self_signed(key, node.name, node.contact, until, now)], "")


def _renewed_smime(content: bytes, password: str, until: datetime, now: datetime) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import NameOID

    opened = open_smime(content, password)
    old = opened.certificates[0]
    if old.issuer != old.subject or not isinstance(opened.private, RSAPrivateKey) or not opened.facts.mailboxes:
        raise ConflictError(
            "An authority issued the node's S/MIME certificate, so it must renew it.",
            hint="Order a new one there, then: tocsin keys node-import FILE --replace",
        )
    named = old.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    mailbox = opened.facts.mailboxes[0]
    fresh = _self_signed(opened.private, str(named[0].value) if named else mailbox, mailbox, until, now)
    return _pem(opened.private, [fresh], password)


def _pem(key: "PrivateKeyTypes", certificates: "Iterable[Certificate]", password: str) -> bytes:
    """The private key, locked where there is a password, and the certificates."""
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    lock = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)
    return private + b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def _self_signed(key: "RSAPrivateKey", name: str, mailbox: str, until: datetime, now: datetime) -> "Certificate":
    """A certificate for mail that vouches for itself (RFC 8550, 3 and 4.4)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    short = name.encode("utf-8")[:64].decode("utf-8", "ignore")  # RFC 5280, A.1: ub-common-name
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, short or mailbox[:64])])
    uses = dict.fromkeys(
        ("content_commitment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"), False
    ) | {"encipher_only": False, "decipher_only": False, "digital_signature": True, "key_encipherment": True}
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - timedelta(minutes=5))
        .not_valid_after(until.astimezone(UTC))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**uses), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(mailbox)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def _unpacked(content: bytes, password: str) -> bytes:
    """A PKCS #12 file as PEM, locked with the same password."""
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

    try:
        found = load_pkcs12(content, password.encode() or None)
    except ValueError as error:
        raise InputError(
            "The file is no private key that can be read, or its password is another.",
            hint="Give an OpenPGP private key, PEM or PKCS #12; [mail] key_password_file names the password's file.",
        ) from error
    if found.key is None or found.cert is None:
        raise InputError("The file lacks the private key or its certificate.", hint="Export both together.")
    return _pem(found.key, [found.cert.certificate, *(one.certificate for one in found.additional_certs)], password)


def _user_id(node: NodeSettings) -> str:
    """``Example CSIRT <csirt@example.org>``, without what would end the name early."""
    name = " ".join("".join(" " if sign in '<>()"\\\r\n' else sign for sign in node.name).split())
    return f"{name} <{node.contact}>".lstrip()
