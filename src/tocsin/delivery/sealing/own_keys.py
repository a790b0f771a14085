"""This node's own keys, which sign what it sends: read from its key files, and judged."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.delivery.sealing.opening import OpeningKey, opening_key
from tocsin.directory.keys import KeyFacts, KeyFormat, KeyState, KeyVerdict, judge, key_facts, library_error
from tocsin.node.errors import SettingError
from tocsin.node.paths import HomeFolder
from tocsin.node.sentences import say
from tocsin.node.settings import MailSettings, read_secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7PrivateKeyTypes
    from cryptography.x509 import Certificate
    from pysequoia import PySigner, Tsk

FILES: Final = {KeyFormat.OPENPGP: "openpgp.asc", KeyFormat.SMIME: "smime.pem"}
EARLIER_DAYS: Final = 180
"""So long a key that was replaced opens what was encrypted for it; then its private part goes."""

_ASIDE: Final = ".old-%Y-%m-%d"
_SIGNS = frozenset({KeyState.GOOD, KeyState.NO_ENCRYPTION, KeyState.UNSUPPORTED})


@dataclass(frozen=True)
class OpenPgpKey:
    """The node's OpenPGP key. ``public``: what others check with, armored; ``opening``: None, it only signs."""

    facts: KeyFacts
    public: str
    signer: "PySigner"
    opening: OpeningKey | None = None


@dataclass(frozen=True)
class EarlierKey:
    """An OpenPGP key of the node that another one replaced: it opens what was encrypted for it, and signs nothing.

    ``public``: what others check with what it signed. ``until``: when its private part goes. ``opening``: None, that
    has gone, or cannot be used.
    """

    path: Path
    facts: KeyFacts
    public: str
    until: datetime
    opening: OpeningKey | None = None


@dataclass(frozen=True)
class SmimeKey:
    """The node's S/MIME key. ``public``: its certificate and those that vouch for it, PEM."""

    facts: KeyFacts
    public: str
    private: "PKCS7PrivateKeyTypes"
    certificates: "tuple[Certificate, ...]"


@dataclass(frozen=True)
class OwnKeys:
    """The keys that this node has."""

    openpgp: OpenPgpKey | None = None
    smime: SmimeKey | None = None

    def of(self, form: KeyFormat) -> OpenPgpKey | SmimeKey | None:
        """The key of a format, or None."""
        return self.openpgp if form is KeyFormat.OPENPGP else self.smime

    def ending(self, now: datetime, days: int) -> list[tuple[KeyFacts, datetime]]:
        """The keys that sign at ``now`` and not any more in ``days`` days, with when that is."""
        found = [key.facts for key in (self.openpgp, self.smime) if key is not None and judge_own(key.facts, now).good]
        before = now + timedelta(days=days)
        return [(facts, facts.until) for facts in found if facts.until is not None and facts.until <= before]


def key_path(home: Path, settings: MailSettings, form: KeyFormat) -> Path:
    """Where the private key of a format is, or would be."""
    named = settings.openpgp_key if form is KeyFormat.OPENPGP else settings.smime_key
    return home / Path(named).expanduser() if named else home / HomeFolder.KEYS / FILES[form]


def read_own_keys(home: Path, settings: MailSettings) -> OwnKeys:
    """The node's keys as their files have them; a file that is not there is no key.

    Raises:
        SettingError: a file cannot be read, others may read it, or its password is missing or wrong.

    """
    password = read_secret(settings.key_password_file, setting="[mail] key_password_file")
    openpgp = _content(key_path(home, settings, KeyFormat.OPENPGP))
    smime = _content(key_path(home, settings, KeyFormat.SMIME))
    return OwnKeys(
        open_openpgp(openpgp, password) if openpgp is not None else None,
        open_smime(smime, password, checked=True) if smime is not None else None,
    )


def aside_path(path: Path, now: datetime) -> Path:
    """Where a key that is replaced is laid aside: beside its place, and its name says since when."""
    names = (path.with_suffix(f"{now.astimezone(UTC):{_ASIDE}}-{number}") for number in range(1, 1_000_000))
    return next(name for name in names if not name.exists())


def read_earlier_keys(home: Path, settings: MailSettings, now: datetime) -> tuple[EarlierKey, ...]:
    """The OpenPGP keys that were laid aside; of those whose time is over, or that were dropped, the public part alone.

    Raises:
        SettingError: as of `read_own_keys`.

    """
    path, found = key_path(home, settings, KeyFormat.OPENPGP), list[EarlierKey]()
    aside = sorted(path.parent.glob(f"{escape(path.stem)}.old-*"))
    password = read_secret(settings.key_password_file, setting="[mail] key_password_file") if aside else ""
    for one in aside:
        try:
            since = datetime.strptime(one.suffix.rpartition("-")[0], _ASIDE).replace(tzinfo=UTC)
        except ValueError:  # not a name of ours
            continue
        if (content := _content(one)) is not None:
            tsk, until = read_private(content), since + timedelta(days=EARLIER_DAYS)
            cert = tsk.extract_certificate()
            opening = opening_key(tsk, password) if now < until else None
            found.append(EarlierKey(one, key_facts(KeyFormat.OPENPGP, bytes(cert)), str(cert), until, opening))
    return tuple(found)


def judge_own(facts: KeyFacts, now: datetime) -> KeyVerdict:
    """Whether the node can sign with a key at ``now``; what it cannot do beside that is no matter."""
    if facts.flaw is not None and facts.flaw.state in _SIGNS:
        facts = replace(facts, flaw=None)
    verdict = judge(replace(facts, encrypts=()), now)
    return KeyVerdict(KeyState.GOOD) if verdict.state in _SIGNS else verdict


def open_openpgp(content: bytes, password: str) -> OpenPgpKey:
    """The key in a file, armored or binary, with its private part.

    Raises:
        SettingError: see `read_own_keys`.

    """
    tsk = read_private(content)
    cert = tsk.extract_certificate()
    try:
        signer = tsk.signer(password or None)
    except (RuntimeError, ValueError) as error:
        hint = say("If it has a password, put that into a file, chmod 600, and name it as [mail] key_password_file.")
        if "MPI" in library_error(error):  # gpg counts the bits of such numbers otherwise than RFC 9580, 3.2, says
            hint = say(
                "The library cannot read how gpg locks most Ed25519 keys: export it without a password, or use RSA."
            )
        raise SettingError(
            say("The node's OpenPGP key cannot be used: %(error)s.", error=library_error(error)), hint=hint
        ) from error
    return OpenPgpKey(key_facts(KeyFormat.OPENPGP, bytes(cert)), str(cert), signer, opening_key(tsk, password))


def read_private(content: bytes) -> "Tsk":
    """The OpenPGP key in a file, with its private part, which may be locked.

    Raises:
        SettingError: there is none.

    """
    from pysequoia import Tsk

    try:
        return Tsk.from_bytes(content)
    except (RuntimeError, ValueError) as error:
        raise SettingError(
            say("The node's OpenPGP key cannot be read: %(error)s.", error=library_error(error)),
            hint="It must hold the private key, as 'gpg --export-secret-keys' gives it.",
        ) from error


def open_smime(content: bytes, password: str, *, checked: bool = False) -> SmimeKey:
    """The key in a PEM file: a private key, its certificate, and those that vouch for it.

    ``checked``: the numbers of an RSA key were checked when it came; that takes a tenth of a second.

    Raises:
        SettingError: see `read_own_keys`.

    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

    try:
        private = load_pem_private_key(content, password.encode() or None, unsafe_skip_rsa_key_validation=checked)
        certificates = x509.load_pem_x509_certificates(content)
    except (ValueError, TypeError) as error:
        raise SettingError(
            say("The node's S/MIME key cannot be used: %(error)s.", error=library_error(error)),
            hint=say("It needs a private key and its certificate in PEM; [mail] key_password_file names its password."),
        ) from error
    own = [one for one in certificates if one.public_key() == private.public_key()]
    if not isinstance(private, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)) or not own:
        raise SettingError(
            say("The node's S/MIME key cannot be used: its certificate is not beside it, or it is neither RSA nor EC."),
            hint="Put both into one PEM file, or give a PKCS #12 file to 'tocsin keys node-import'.",
        )
    ordered = (own[0], *(one for one in certificates if one != own[0]))
    public = "".join(one.public_bytes(Encoding.PEM).decode("ascii") for one in ordered)
    return SmimeKey(key_facts(KeyFormat.SMIME, own[0].public_bytes(Encoding.DER)), public, private, ordered)


def _content(path: Path) -> bytes | None:
    try:
        if path.stat().st_mode & 0o077:
            raise SettingError(
                say("The node's key %(path)s can be read by others.", path=path),
                hint=say("Run: chmod 600 %(path)s", path=path),
            )
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingError(
            say("The node's key %(path)s cannot be read: %(strerror)s.", path=path, strerror=error.strerror),
            hint=say("Give this user the right to read it."),
        ) from error
