"""The text of a mail: its bytes by their charset, and HTML as text.

Bytes are read by the charset that they claim, else UTF-8, else Windows-1252; never an error.
"""

import codecs
import re
import unicodedata
from collections import Counter
from email.errors import HeaderParseError
from email.header import decode_header
from html.parser import HTMLParser

from tocsin.events import short_references

# Python also finds codecs that are no charset of mails; some of those cost far more time than they read bytes.
_CHARSETS = re.compile(
    r"utf-8|utf-8-sig|utf-16(-[lb]e)?|utf-7|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|kz1048|mac-[a-z]+|tis-620|hz|ptcp154"
    r"|gb2312|gbk|gb18030|big5(hkscs)?|euc_(jp|kr|jis_2004|jisx0213)|shift_jis(_2004|x0213)?|iso2022_(kr|jp[_\d a-z]*)"
)
_KEPT = frozenset("\n\t")
_DROPPED = {"script", "style", "head", "title", "template", "noscript", "object", "svg", "math"}
_BREAKS = {"p", "div", "br", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "hr"}
_EMPTY = {"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr"}
_QUOTING = re.compile(r"gmail_quote|moz-cite-prefix|yahoo_quoted|OLK_SRC_BODY_SECTION", re.IGNORECASE)


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


def html_text(html: str) -> str:
    """The words of an HTML mail, blocks on lines of their own; quoted parts begin with ``>``. Nothing is run."""
    words = _Words()
    words.feed(short_references(html))
    words.close()
    return words.text()


class _Words(HTMLParser):
    """Collects words in lines; knows only how deep in dropped and quoted elements it is."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[list[str]] = [[]]
        self._quote: list[bool] = [False]
        self._open: list[tuple[str, bool]] = []  # quoting elements, and inside them those of the same name
        self._names: Counter[str] = Counter()
        self._quotes = 0
        self._dropped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._dropped += 1
            return
        marked = (value or "" for name, value in attrs if name in {"class", "id"})
        quotes = tag not in _EMPTY and (tag == "blockquote" or any(_QUOTING.search(value[:200]) for value in marked))
        if quotes or self._names[tag]:
            self._open.append((tag, quotes))
            self._names[tag] += 1
            self._quotes += quotes
        if quotes or tag in _BREAKS:
            self._break()

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._dropped = max(0, self._dropped - 1)
            return
        if self._open and self._open[-1][0] == tag:
            self._names[tag] -= 1
            self._quotes -= self._open.pop()[1]
            self._break()
        elif tag in _BREAKS:
            self._break()

    def handle_data(self, data: str) -> None:
        if not self._dropped:
            self._lines[-1].append(data)

    def text(self) -> str:
        lines = []
        for words, quoted in zip(self._lines, self._quote, strict=True):
            line = " ".join("".join(words).split())
            lines.append(f"> {line}" if quoted and line else line)
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()

    def _break(self) -> None:
        if self._lines[-1]:
            self._lines.append([])
            self._quote.append(False)
        self._quote[-1] = self._quotes > 0
