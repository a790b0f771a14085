"""Finished mails as bytes: headers that nothing can be injected into, and attachments encoded in bulk.

The headers are built here since Python's header classes lose blanks between encoded words and are slow; the tests
read every mail back with Python's parser. Sources: RFC 5322 (2.2.3, folding), RFC 2047 (encoded words), RFC 2045 and
2183 (attachments), RFC 3834 (automatic mails), RFC 9788 (headers protected with the content).
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import quote

import numpy as np

_LINE = 76
_ENCODED_BYTES = 42  # base64 of it with =?utf-8?b?…?= stays below the 75 characters of RFC 2047
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,253}")
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"})
_FRAGILE = re.compile(rb"[ \t](?:\n|$)|^From ", re.MULTILINE)  # what mail servers change (RFC 3156, 3)
_FROM = re.compile(rb"^From ", re.MULTILINE)
_MIME = "MIME-Version: 1.0"
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail; ``kind`` is its media type with parameters."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """The headers of a mail.

    ``answers``: the Message-ID of the mail it continues, behind those of the mails before, with blanks between; empty
    where it continues none. ``reply_to``: empty for the sender. ``by_person``: a person wrote it (RFC 3834, 5).
    """

    subject: str
    sender_name: str
    sender: str
    recipients: tuple[str, ...]
    at: datetime
    message_id: str
    answers: str = ""
    reply_to: str = ""
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class Seal:
    """How a mail is signed, or signed and encrypted.

    ``wrap``: from a MIME entity and a boundary the entity that protects it. ``subject``: what the mail shows outside in
    place of its subject, in ASCII, where it is encrypted; empty where it is only signed.
    """

    wrap: Callable[[bytes, str], bytes]
    subject: str = ""


def assemble(
    envelope: Envelope, body: str, attachments: Sequence[Attachment], boundary: str, seal: Seal | None = None
) -> bytes:
    """A whole mail, lines ended with CR LF, 7-bit clean.

    ``boundary`` must start with ``=_``, which neither base64 nor quoted-printable text holds. A seal also covers the
    headers (RFC 9788): the protected part has them all, and beside them those that stand outside.
    """
    return _finished(envelope, lambda parameters: _mixed(body, attachments, boundary, parameters), boundary, seal)


def assemble_text(envelope: Envelope, body: str, boundary: str = "", seal: Seal | None = None) -> bytes:
    """A mail of plain text alone, as `assemble` makes it; a boundary is needed with a seal only."""
    return _finished(
        envelope, lambda parameters: b"".join(_text_part(body, parameters, careful=bool(parameters))), boundary, seal
    )


def _finished(envelope: Envelope, content: Callable[[str], bytes], boundary: str, seal: Seal | None) -> bytes:
    """The mail; ``content`` makes its MIME entity, whose Content-Type has some parameters more."""
    fields = _fields(envelope, envelope.subject)
    if seal is None:
        return _lines([*fields, _MIME]) + content("")
    outer = _fields(envelope, seal.subject or envelope.subject)
    shown = [f"HP-Outer: {line}" for line in outer] if seal.subject else []
    # Mail programs of before RFC 9788 know the second parameter, and show the subject by it.
    parameters = f';\r\n hp="{"cipher" if seal.subject else "clear"}"; protected-headers="v1"'
    inner = _lines([*fields, *shown]) + content(parameters)
    return _lines([*outer, _MIME]) + seal.wrap(inner, f"=_sealed{boundary[1:]}")


def _fields(envelope: Envelope, subject: str) -> list[str]:
    """The header of a mail, a field an item."""
    return [
        _header("Subject", unstructured(subject)),
        _header("From", _mailbox(envelope.sender_name, envelope.sender)),
        _header("To", ", ".join(envelope.recipients)),
        *([f"Reply-To: {envelope.reply_to}"] if envelope.reply_to else []),
        f"Date: {format_datetime(envelope.at)}",
        f"Message-ID: {envelope.message_id}",
        *_answering(envelope.answers.split()),
        *([] if envelope.by_person else ["Auto-Submitted: auto-generated"]),
    ]


def _answering(ids: Sequence[str]) -> list[str]:
    return [f"In-Reply-To: {ids[-1]}", _header("References", " ".join(ids))] if ids else []


def _lines(fields: Sequence[str]) -> bytes:
    return "".join(f"{field}\r\n" for field in fields).encode("ascii")


def _mixed(body: str, attachments: Sequence[Attachment], boundary: str, parameters: str) -> bytes:
    kind = f'Content-Type: multipart/mixed; boundary="{boundary}"{parameters}\r\n\r\n'
    mark = f"--{boundary}".encode("ascii")
    parts = [kind.encode("ascii"), mark, b"\r\n", *_text_part(body, careful=bool(parameters))]
    for attachment in attachments:
        parts += [mark, b"\r\n", *_file_part(attachment)]
    return b"".join([*parts, mark, b"--\r\n"])


def usable_mailboxes(mailboxes: Sequence[str]) -> tuple[str, ...]:
    """Those that a mail can be addressed to, in ASCII (IDNA for the domain), each once."""
    return tuple(dict.fromkeys(ascii_ for mailbox in mailboxes if (ascii_ := _ascii_mailbox(mailbox))))


def plain(text: str) -> str:
    """One line of visible text: control, format and separator characters become blanks."""
    return " ".join("".join(" " if unicodedata.category(sign) in _HIDDEN else sign for sign in text).split())


def unstructured(text: str) -> str:
    """A header value for any text; encoded words (RFC 2047) from the first to the last word that needs them."""
    words = plain(text).split(" ")
    needing = [index for index, word in enumerate(words) if not word.isascii() or word.startswith("=?")]
    if not needing:
        return " ".join(words)
    first, last = needing[0], needing[-1] + 1
    return " ".join([*words[:first], *_encoded(" ".join(words[first:last])), *words[last:]])


def wrapped_base64(content: bytes) -> bytes:
    """Base64 in lines of 76 characters, each ended with CR LF."""
    text = binascii.b2a_base64(content, newline=False)
    whole = len(text) // _LINE
    lines = np.empty((whole, _LINE + 2), np.uint8)
    lines[:, :_LINE] = np.frombuffer(text, np.uint8, whole * _LINE).reshape(whole, _LINE)
    lines[:, _LINE:] = (13, 10)
    rest = text[whole * _LINE :]
    return lines.tobytes() + (rest + b"\r\n" if rest else b"")


def _text_part(body: str, parameters: str = "", *, careful: bool = False) -> list[bytes]:
    """The text; ``careful``: nothing in it is what mail servers change on the way, which would break a signature."""
    lines = body.replace("\r\n", "\n").encode("utf-8")
    simple = lines.isascii() and max(map(len, lines.split(b"\n"))) <= 998 and b"--=_" not in lines  # no boundary
    if simple and not (careful and _FRAGILE.search(lines)):
        encoding, encoded = b"7bit", lines.replace(b"\n", b"\r\n")
    else:
        quoted = binascii.b2a_qp(lines, istext=True)
        encoding, encoded = b"quoted-printable", _FROM.sub(b"=46rom ", quoted).replace(b"\n", b"\r\n")
    return [
        f"Content-Type: text/plain; charset=utf-8{parameters}\r\nContent-Transfer-Encoding: ".encode("ascii"),
        encoding,
        b"\r\n\r\n",
        encoded,
        b"\r\n",
    ]


def _file_part(attachment: Attachment) -> list[bytes]:
    whole_mail = attachment.kind == "message/rfc822"  # never encoded (RFC 2046, 5.2.1), and ours are 7-bit clean
    plain_name = attachment.name.isascii() and not set(attachment.name) & set('"\\')
    # RFC 2231, 4, for what people named
    name = f'filename="{attachment.name}"' if plain_name else f"filename*=utf-8''{quote(attachment.name, safe='')}"
    head = (
        f"Content-Type: {attachment.kind}\r\n"
        f"Content-Transfer-Encoding: {'7bit' if whole_mail else 'base64'}\r\n"
        f"Content-Disposition: attachment; {name}\r\n\r\n"
    )
    return [head.encode("ascii"), attachment.content if whole_mail else wrapped_base64(attachment.content)]


def _mailbox(name: str, address: str) -> str:
    shown = plain(name)
    if not shown:
        return address
    if shown.isascii():
        phrase = shown if _ATOMS.fullmatch(shown) else '"' + re.sub(r'(["\\])', r"\\\1", shown) + '"'
    else:
        phrase = " ".join(_encoded(shown))
    return f"{phrase} <{address}>"


def _encoded(text: str) -> list[str]:
    """Encoded words of whole characters."""
    chunks: list[bytes] = [b""]
    for sign in text:
        piece = sign.encode("utf-8", "replace")
        if len(chunks[-1]) + len(piece) > _ENCODED_BYTES:
            chunks.append(b"")
        chunks[-1] += piece
    return [f"=?utf-8?b?{base64.b64encode(chunk).decode('ascii')}?=" for chunk in chunks]


def _header(name: str, value: str) -> str:
    """``Name: value``, folded at blanks so that lines stay below 78 characters where they can."""
    lines = [f"{name}:"]
    for word in value.split(" "):
        if len(lines[-1]) + 1 + len(word) > 78 and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += " " + word
    return "\r\n".join(lines)


def _ascii_mailbox(mailbox: str) -> str:
    local, at, domain = mailbox.strip().rpartition("@")
    try:
        address = f"{local}{at}{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return ""
    return address if _ADDRESS.fullmatch(address) else ""
