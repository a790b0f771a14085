"""Mails as programs sign and encrypt them, made by gpg and openssl: each form, with what a mail program puts around."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.mail_keys import Gpg, openssl

WORDS: Final = "Thank you, we have it."
SUBJECT: Final = "Re: what nobody else reads"


@dataclass(frozen=True)
class Sealing:
    """Who writes and to whom: fingerprints in a keyring; in ``folder`` the certificates NAME.pem, NAME.key."""

    gpg: Gpg
    key: str
    to: str
    folder: Path
    own: str = "team"
    node: str = "node"

    def encrypted(self, given: bytes, *more: str) -> bytes:
        """An OpenPGP message for the node, armored."""
        return self.gpg.run("--armor", "--trust-model", "always", "-r", self.to, *more, "--encrypt", given=given)

    def signed(self, given: bytes, how: str) -> bytes:
        """By the key."""
        return self.gpg.run("--local-user", self.key, "--armor", how, given=given)

    @property
    def signer(self) -> tuple[str, ...]:
        """What makes gpg sign what it encrypts."""
        return ("--local-user", self.key, "--sign")


def _crlf(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def entity(text: str, *, protected: bool = True) -> bytes:
    """What a mail program signs or encrypts."""
    head = 'Content-Type: text/plain; charset=utf-8; protected-headers="v1"\r\n' if protected else ""
    head = f"{head}Subject: {SUBJECT}\r\n" if protected else "Content-Type: text/plain; charset=utf-8\r\n"
    return f"{head}\r\n{text}\r\n".encode()


def thunderbird(text: str) -> bytes:
    """As Thunderbird and Enigmail do: headers protected, the own key attached."""
    part = b"Content-Type: application/pgp-keys; name=OpenPGP_0x1.asc\r\nContent-Disposition: attachment; "
    part += b'filename="OpenPGP_0x1.asc"\r\n\r\n'
    part += b"-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n\r\n-----END PGP PUBLIC KEY BLOCK-----"
    head = (
        f'Content-Type: multipart/mixed; boundary="-k"; protected-headers="v1"\r\nSubject: {SUBJECT}\r\n\r\n'.encode()
    )
    return head + b"---k\r\n" + entity(text, protected=False) + b"\r\n---k\r\n" + part + b"\r\n---k--\r\n"


def _beside(of: Sealing, signed: bytes) -> bytes:
    head = b"Content-Type: multipart/signed; micalg=pgp-sha512;\r\n"
    head += b' protocol="application/pgp-signature"; boundary="-s"\r\n\r\n'
    part = b'Content-Type: application/pgp-signature; name="OpenPGP_signature.asc"\r\n\r\n'
    signature = _crlf(of.signed(signed, "--detach-sign"))
    return head + b"---s\r\n" + signed + b"\r\n---s\r\n" + part + signature + b"\r\n---s--\r\n"


def around(message: bytes, kind: str = "encrypted") -> bytes:
    """The message in a mail, as RFC 3156, 4, has it."""
    head = f'Content-Type: multipart/{kind}; protocol="application/pgp-encrypted";\r\n boundary="-e"\r\n\r\n'.encode()
    control = b"---e\r\nContent-Type: application/pgp-encrypted\r\n"
    control += b"Content-Description: PGP/MIME version\r\n\r\nVersion: 1\r\n"
    part = b'Content-Type: application/octet-stream; name="encrypted.asc"\r\nContent-Disposition: inline\r\n\r\n'
    return head + control + b"\r\n---e\r\n" + part + _crlf(message) + b"\r\n---e--\r\n"


def _text(content: bytes, encoding: str = "7bit") -> bytes:
    head = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    return head + _crlf(content)


def _smime(of: Sealing, text: str, *options: str) -> bytes:
    (of.folder / "text").write_bytes(entity(text, protected=False))
    signer = ("-in", "text", "-signer", f"{of.own}.pem", "-inkey", f"{of.own}.key")
    return _without_version(openssl("cms", "-sign", "-crlfeol", *options, *signer, folder=of.folder))


def _smime_for(of: Sealing, given: bytes, *options: str) -> bytes:
    return _without_version(openssl("cms", "-encrypt", *options, f"{of.node}.pem", folder=of.folder, given=given))


def _without_version(made: bytes) -> bytes:
    return _crlf(made).replace(b"MIME-Version: 1.0\r\n", b"", 1)


def _base64(content: bytes) -> bytes:
    from base64 import encodebytes

    return encodebytes(content)


Form = Callable[[Sealing, str], bytes]
"""The MIME entity that a mail is, without the headers of the mail."""

SIGNED: Final[dict[str, Form]] = {
    "PGP/MIME": lambda of, text: _beside(of, entity(text)),
    "PGP/MIME of Thunderbird": lambda of, text: _beside(of, thunderbird(text)),
    "clear-signed": lambda of, text: _text(of.signed(text.encode() + b"\n- --\nCSIRT D\n", "--clear-sign")),
    "clear-signed in Base64": lambda of, text: _text(_base64(of.signed(text.encode(), "--clear-sign")), "base64"),
    "inline, signed alone": lambda of, text: _text(of.signed(text.encode(), "--sign")),
}
"""Signed by OpenPGP and read by anybody."""

ENCRYPTED: Final[dict[str, Form]] = {
    "one layer": lambda of, text: around(of.encrypted(entity(text), *of.signer)),
    "one layer, not compressed": lambda of, text: around(
        of.encrypted(thunderbird(text), *of.signer, "--compress-algo", "none")
    ),
    "nested": lambda of, text: around(of.encrypted(_beside(of, thunderbird(text)))),
    "inline": lambda of, text: _text(of.encrypted(text.encode(), *of.signer)),
    "inline in Base64": lambda of, text: _text(_base64(of.encrypted(text.encode(), *of.signer)), "base64"),
    "inline with a footer": lambda of, text: _text(of.encrypted(text.encode(), *of.signer) + b"\n_____\nA list\n"),
    "as Exchange leaves it": lambda of, text: around(of.encrypted(entity(text), *of.signer), "mixed"),
    "through a list": lambda of, text: (
        b'Content-Type: multipart/mixed; boundary="-l"\r\n\r\n---l\r\n'
        + around(of.encrypted(entity(text), *of.signer))
        + b"\r\n---l\r\nContent-Type: text/plain\r\n\r\nfooter\r\n---l--\r\n"
    ),
    "for several, hidden": lambda of, text: around(of.encrypted(entity(text), "--throw-keyids", *of.signer)),
}
"""Encrypted and signed by OpenPGP."""

SMIME: Final[dict[str, Form]] = {
    "S/MIME": _smime,
    "S/MIME, opaque": lambda of, text: _smime(of, text, "-nodetach"),
}
SMIME_ENCRYPTED: Final[dict[str, Form]] = {
    "AES-256 around signed": lambda of, text: _smime_for(of, _smime(of, text), "-aes256"),
    "AES-128 in pieces around opaque": lambda of, text: _smime_for(
        of, _smime(of, text, "-nodetach"), "-stream", "-aes-128-cbc"
    ),
    "Triple DES": lambda of, text: _smime_for(of, _smime(of, text), "-des3"),
    "AES-GCM": lambda of, text: _smime_for(of, _smime(of, text), "-aes-256-gcm"),
    "key named by its identifier": lambda of, text: _smime_for(of, _smime(of, text), "-aes256", "-keyid"),
    "OAEP": lambda of, text: _smime_for(
        of, _smime(of, text), "-aes256", "-recip", f"{of.node}.pem", "-keyopt", "rsa_padding_mode:oaep"
    ),
}
FORMS: Final = SIGNED | ENCRYPTED | SMIME | SMIME_ENCRYPTED


def as_mail(made: bytes, *, sender: str, answers: str = "", number: str = "r1", subject: str = "...") -> bytes:
    """The mail, whose subject says nothing."""
    head = f"From: {sender}\r\nTo: csirt@example.org\r\nSubject: {subject}\r\nMessage-ID: <{number}@d.example>\r\n"
    if answers:
        head += f"In-Reply-To: {answers}\r\nReferences: {answers}\r\n"
    return f"{head}MIME-Version: 1.0\r\n".encode() + made
