"""Bytes of a mail as text: the charset that they claim, else UTF-8, else Windows-1252; never an error."""

import codecs
import re
import unicodedata
from email.errors import HeaderParseError
from email.header import decode_header

# Python also finds codecs that are no charset of mails; some of those cost far more time than they read bytes.
_CHARSETS = re.compile(
    r"utf-8|utf-8-sig|utf-16(-[lb]e)?|utf-7|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|kz1048|mac-[a-z]+|tis-620|hz|ptcp154"
    r"|gb2312|gbk|gb18030|big5(hkscs)?|euc_(jp|kr|jis_2004|jisx0213)|shift_jis(_2004|x0213)?|iso2022_(kr|jp[_\d a-z]*)"
)
_KEPT = frozenset("\n\t")


def text_of(content: bytes, charset: str) -> str:
    """The text of ``content``, lines ended with LF, without control characters."""
    return visible(_decoded(content, charset).replace("\r\n", "\n").replace("\r", "\n"))


def header_text(value: str) -> str:
    """A header value as one line of text, its encoded words (RFC 2047) decoded."""
    try:
        chunks = decode_header(value)
    except (HeaderParseError, ValueError):
        return one_line(value)
    return one_line("".join(_chunk(chunk, charset) for chunk, charset in chunks))


def one_line(text: str) -> str:
    """The text on one line, without control characters."""
    return " ".join(visible(text).split())


def visible(text: str) -> str:
    """The text without control characters, lone surrogates, and marks that turn its direction; line ends stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(sign for sign in text if sign in _KEPT or unicodedata.category(sign) not in {"Cc", "Cf", "Cs"})


def _chunk(chunk: bytes | str, charset: str | None) -> str:
    return chunk if isinstance(chunk, str) else _decoded(chunk, charset or "")


def _decoded(content: bytes, charset: str) -> str:
    for name in (charset, "utf-8"):
        known = _known(name)
        if known:
            try:
                return content.decode(known)
            except UnicodeError:
                continue
    return content.decode("cp1252", "replace")


def _known(charset: str) -> str:
    """The codec of a charset that mails have; empty for any other."""
    try:
        name = codecs.lookup(charset.strip().strip("\"'")[:40]).name
    except (LookupError, ValueError):
        return ""
    return name if _CHARSETS.fullmatch(name) else ""
