"""The text of a mail: its bytes by their charset, HTML as text, and what a person wrote apart from what he quotes.

Bytes are read by the charset that they claim, else UTF-8, else Windows-1252; never an error. Of quoting there is no
standard: RFC 3676 (4.5) knows lines that begin with ``>``; mail programs add a line that names the writer, or a line or
block of headers after which all is quoted.
"""

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from email.errors import HeaderParseError
from email.header import decode_header
from html.parser import HTMLParser
from typing import Final

# Python also finds codecs that are no charset of mails; some of those cost far more time than they read bytes.
_CHARSETS = re.compile(
    r"utf-8|utf-8-sig|utf-16(-[lb]e)?|utf-7|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|kz1048|mac-[a-z]+|tis-620|hz|ptcp154"
    r"|gb2312|gbk|gb18030|big5(hkscs)?|euc_(jp|kr|jis_2004|jisx0213)|shift_jis(_2004|x0213)?|iso2022_(kr|jp[_\d a-z]*)"
)
_KEPT = frozenset("\n\t")
_WROTE: Final = r"wrote|writes|a écrit|écrit|escribió|escreveu|schrieb|كتب|كتبت"
_ATTRIBUTION = re.compile(rf"(?=.*[@\d>]).*({_WROTE})[^:]{{0,90}}:", re.IGNORECASE)
_OPENS = re.compile(r"(On|Le|El|Em|Am|في|بتاريخ)\s", re.IGNORECASE)
_MARK = re.compile(
    r"[-_*]{2,}\s*(original message|forwarded message|message d'origine|message original|message transféré"
    r"|mensaje original|mensaje reenviado|mensagem original|mensagem encaminhada|ursprüngliche nachricht"
    r"|weitergeleitete nachricht|الرسالة الأصلية|رسالة أصلية|رسالة معاد توجيهها)\s*[-_*]*|_{20,}",
    re.IGNORECASE,
)
_FROM = re.compile(r"\*?(From|De|Von|من)\s?:\*?\s.+", re.IGNORECASE)
_SENT = re.compile(
    r"\*?(Sent|Date|To|Envoyé|À|Enviado( el| em)?|Fecha|Data|Para|Gesendet|Datum|An"
    r"|أرسلت|التاريخ|تاريخ الإرسال|إلى)\s?:\*?",
    re.IGNORECASE,
)
_LONGEST = 400  # characters of a line that can be such a mark
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


def split_quoted(text: str) -> tuple[str, str]:
    """What was written and what it quotes, each without blank lines around it."""
    lines = text.split("\n")
    last_said = max((at for at, line in enumerate(lines) if line.strip() and not _is_quoted(line)), default=-1)
    said: list[str] = []
    quoted: list[str] = []
    for index, line in enumerate(lines):
        if _names_writer(line) and _is_quoted(_next_words(lines, index)) and last_said > index:
            quoted.append(line)  # answers stand between the quoted lines
        elif _names_writer(line) or _MARK.fullmatch(_short(line)) or _heads(lines, index):
            quoted += [said.pop()] if said and _names_writer(line) and _OPENS.match(said[-1]) else []  # wrapped
            quoted += lines[index:]
            break
        else:
            (quoted if _is_quoted(line) else said).append(line)
    return "\n".join(said).strip(), "\n".join(quoted).strip()


def html_text(html: str) -> str:
    """The words of an HTML mail, blocks on lines of their own; quoted parts begin with ``>``. Nothing is run."""
    words = _Words()
    words.feed(html)
    words.close()
    return words.text()


def _short(line: str) -> str:
    """The line without blanks around it; empty where it is too long to be a mark."""
    return line.strip() if len(line) <= _LONGEST else ""


def _is_quoted(line: str) -> bool:
    return line.lstrip().startswith(">")


def _names_writer(line: str) -> bool:
    return not _is_quoted(line) and bool(_ATTRIBUTION.fullmatch(_short(line)))


def _next_words(lines: Sequence[str], index: int) -> str:
    """The next line that is not blank, of the three that follow."""
    return next((line for line in lines[index + 1 : index + 4] if line.strip()), "")


def _heads(lines: Sequence[str], index: int) -> bool:
    """Whether a block of headers begins here, as some mail programs put above what they quote."""
    following = (_short(line) for line in lines[index + 1 : index + 4])
    return bool(_FROM.fullmatch(_short(lines[index]))) and any(_SENT.match(line) for line in following)


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
