"""What of a mail is encrypted or signed as a whole, found by its structure, and the mail with what was opened in it.

The forms that mail programs send: PGP/MIME (RFC 3156), also where a server rewrote its multipart or a list put text
around it; OpenPGP inline in the text; S/MIME enveloped and opaquely signed (RFC 8551, 3.3 to 3.5). What is opened takes
the place of what was closed. Subject and thread are those that were protected, where the mail says that they were
(draft-autocrypt-lamps-protected-headers; RFC 9788). No key is known here: `tocsin.delivery.sealing` opens.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Final

from tocsin.delivery.mailbox.parse import LIMITS, MailEntity, decoded, entities_of, message_ids, read_headers

MOST_LAYERS: Final = 4
"""What lies in one another: programs make two, encrypted around signed."""

_SIGNS: Final = (b"begin pgp", b"base64", b"pgp-encrypted", b"pkcs7-mime", b"multipart/signed")
"""In small letters, one of which is in each mail that has something to open or to verify."""
_MOST_SIGNATURES: Final = 10
_ARMOR: Final = re.compile(rb"(?m)^-----BEGIN PGP MESSAGE-----[ \t]*\r?$")
_ARMOR_END: Final = b"-----END PGP MESSAGE-----"
_CLEAR: Final = re.compile(rb"(?m)^-----BEGIN PGP SIGNED MESSAGE-----[ \t]*\r?$")
_CLEAR_END: Final = b"-----END PGP SIGNATURE-----"
_SMIME: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_CONTROL: Final = "application/pgp-encrypted"
_PROTECTED: Final = re.compile(rb"(?im)^content-type:[^\n]*(?:\n[ \t][^\n]*)*?;\s*(?:protected-headers=|hp=)")
_HEADER: Final = re.compile(rb"(?m)^[^\s:]+[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*\n?")
_THREAD: Final = ("subject", "in-reply-to", "references")


class SealForm(StrEnum):
    """How something in a mail is closed, or signed so that nothing but a reader of its form sees what it says."""

    PGP_MIME = "PGP/MIME"
    INLINE = "OpenPGP"
    SMIME = "S/MIME"


@dataclass(frozen=True)
class SealedPart:
    """What is closed: its bytes without transfer encoding, and which bytes of the mail it is instead of."""

    form: SealForm
    content: bytes = field(repr=False)
    start: int
    end: int
    before: bytes = field(default=b"", repr=False)
    after: bytes = field(default=b"", repr=False)


class SignatureForm(StrEnum):
    """How a signature stands in a mail."""

    PGP_MIME = "pgp-mime"  # beside what it signs
    CLEAR = "clear"  # around a text
    MESSAGE = "message"  # in an OpenPGP message, which may be encrypted
    SMIME = "smime"  # beside what it signs, or around it


@dataclass(frozen=True)
class MailSignature:
    """A signature, and what it is said to sign: exactly those bytes. ``content`` is all where it stands inside."""

    form: SignatureForm
    content: bytes = field(repr=False)
    signature: bytes = field(default=b"", repr=False)


def has_seals(raw: bytes) -> bool:
    """Whether it is worth looking: in ordinary mails there is nothing to open or to verify."""
    small = raw.lower()
    return any(sign in small for sign in _SIGNS)


def sealed_part(raw: bytes) -> SealedPart | None:
    """The first thing in a mail that is closed; what is in mails that were forwarded in it is left as it is."""
    control: MailEntity | None = None
    for one in entities_of(raw, LIMITS):
        if one.media_type == _CONTROL:
            control = one
        elif control is not None:
            return SealedPart(SealForm.PGP_MIME, decoded(raw, one), control.start, one.end)
        elif one.media_type in _SMIME or one.name.lower().endswith(".p7m"):
            return SealedPart(SealForm.SMIME, decoded(raw, one), one.start, one.end)
        elif one.media_type == "text/plain" and not one.attached and (found := _inline(raw, one)):
            return found
    return None


def _inline(raw: bytes, one: MailEntity) -> SealedPart | None:
    text = decoded(raw, one)
    begin = _ARMOR.search(text)
    end = text.find(_ARMOR_END, begin.end()) if begin else -1
    if begin is None or end < 0:
        return None
    end += len(_ARMOR_END)
    return SealedPart(SealForm.INLINE, text[begin.start() : end], one.start, one.end, text[: begin.start()], text[end:])


def with_opened(raw: bytes, sealed: SealedPart, clear: bytes) -> bytes:
    """The mail with the clear bytes in the place of what was closed."""
    if sealed.form is SealForm.INLINE:
        head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        clear = head + sealed.before + clear + sealed.after
    said = _protected(clear) if sealed.form is not SealForm.INLINE else {}
    if sealed.start == 0:  # all of the mail: its own headers go before those of what was in it
        head, body = _split(clear)
        kept = _without(_split(raw)[0], lambda name: name.startswith(b"content-"))
        inner = _without(head, lambda name: not name.startswith(b"content-"))
        raw = kept + inner + b"\r\n" + body
    else:
        raw = raw[: sealed.start] + clear + raw[sealed.end :]
        head, body = _split(raw)
        mixed = re.sub(rb"(?i)multipart/encrypted", b"multipart/mixed", head, count=1)
        raw = mixed + b"\r\n" + body
    return _headed(raw, said)


def _protected(entity: bytes) -> dict[str, bytes]:
    """The headers of a thread in an entity that says that they were protected, or in what is signed in it."""
    inner = next((one for one in entities_of(entity, LIMITS) if one.media_type != "multipart/signed"), None)
    if inner is None or not _PROTECTED.search(entity[inner.start : inner.body].replace(b"\r\n", b"\n")):
        return {}
    found = read_headers(entity[inner.start : inner.body], _THREAD)
    return {name: " ".join(" ".join(values).split()).encode() for name, values in found.items() if values}


def _headed(raw: bytes, said: dict[str, bytes]) -> bytes:
    """The mail with these headers in the place of its own; of a thread only those that it has not."""
    there = read_headers(raw, _THREAD)
    new = {name: value for name, value in said.items() if name == "subject" or not message_ids(_first(there, name))}
    if not new:
        return raw
    head, body = _split(raw)
    kept = _without(head, lambda name: name.decode("latin-1") in new)
    lines = b"".join(name.encode().title() + b": " + value + b"\r\n" for name, value in new.items())
    return lines + kept + b"\r\n" + body


def _first(headers: dict[str, tuple[str, ...]], name: str) -> str:
    return next(iter(headers.get(name, ())), "")


def _split(entity: bytes) -> tuple[bytes, bytes]:
    """The headers, each with its line end, and the body."""
    if entity.startswith((b"\r\n", b"\n")):
        return b"", entity.partition(b"\n")[2]
    gap = re.search(rb"\r?\n\r?\n", entity)
    if gap is None:
        return entity.rstrip(b"\r\n") + b"\r\n", b""
    return entity[: gap.start()] + b"\r\n", entity[gap.end() :]


def _without(head: bytes, drops: Callable[[bytes], bool]) -> bytes:
    lines = _HEADER.findall(head)
    return b"".join(line for line in lines if not drops(line.partition(b":")[0].strip().lower()))


def signatures_in(raw: bytes) -> tuple[MailSignature, ...]:
    """The first signatures that stand beside or around something in a mail, the outermost first."""
    return tuple(islice(_signatures(raw), _MOST_SIGNATURES))


def _signatures(raw: bytes) -> Iterator[MailSignature]:
    for one in entities_of(raw, LIMITS):
        if one.media_type == "multipart/signed":
            yield from _beside(raw, one)
        elif one.media_type == "text/plain" and not one.attached:
            text = decoded(raw, one)
            begin = _CLEAR.search(text)
            end = text.find(_CLEAR_END, begin.end()) if begin else -1
            if begin is not None and end >= 0:
                yield MailSignature(SignatureForm.CLEAR, text[begin.start() : end + len(_CLEAR_END)] + b"\n")


def _beside(raw: bytes, one: MailEntity) -> Iterator[MailSignature]:
    """RFC 3156, 5; RFC 8551, 3.5.3: the first part is signed as it stands, with CRLF as line ends."""
    if len(one.parts) != 2:
        return
    (start, end), signature = one.parts[0], one.parts[1]
    content = raw[start:end].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    part = MailEntity.at(raw, *signature)
    if "pgp" in part.media_type:
        yield MailSignature(SignatureForm.PGP_MIME, content, decoded(raw, part))
    elif "pkcs7" in part.media_type:
        yield MailSignature(SignatureForm.SMIME, content, decoded(raw, part))
