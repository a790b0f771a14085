"""Texts as they are compared with the names of classes: what hides a word on a screen or in transport is taken away.

Escapes of JSON, HTML, URLs and mail are read, format signs (Unicode category Cf) and accents go, letters that look
alike are one (Unicode Technical Standard 39, 4), capital or not. Tags are looked at both as letters and as nothing.
Encoded runs (base64, hexadecimal) are found for whoever looks into them. Every pattern here takes time in proportion to
the text.
"""

import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Final

from tocsin.events.encoding import short_references

RUN: Final = 40
"""Letters from which on a run may be base64 of a report."""

_WRAPPED: Final = 3
_MOST_READINGS: Final = 16
_PART: Final = 1 << 17  # bytes that stay near the processor
_LOOKED: Final = (0, 1, 3)  # places in a mark

_LOWER: Final = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))
_OTHERS: Final = bytes(byte for byte in range(256) if byte > 127 or not (chr(byte).isalnum() or chr(byte) == "<"))
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_RUNS: Final = bytes(65 if byte in _ALPHABET else 46 for byte in range(256))
_LONG: Final = b"A" * RUN
_RUN: Final = re.compile(
    rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{RUN},}}"
    r"(?:(?:[\r\n]|\\[rn]|\\/){1,4}[ \t]{0,8}[A-Za-z0-9+/_-]+)*={0,2}"
)
_NO_BASE64: Final = re.compile(r"\\[rn]|\\(?=/)|[^A-Za-z0-9+/_-]")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_ESCAPE: Final = re.compile(r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})")
_ENTITY: Final = re.compile(r"&(?:#(?:[xX][0-9A-Fa-f]+|[0-9]+);?|[A-Za-z]{2,31};)")
_PERCENT: Final = re.compile(r"%[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*")
_QUOTED: Final = re.compile(r"=[0-9A-F]{2}(?:=[ \t]{0,8}\r?\n|=[0-9A-F]{2})*")
_QUOTATION: Final = re.compile(r"^[ \t]{0,8}(?:>[ \t]?){1,20}", re.MULTILINE)
_SOFT: Final = re.compile(r"=[ \t]{0,8}\r?\n")
_UTF_7: Final = re.compile(r"\+([A-Za-z0-9+/]{3,40})-?")
_TAG: Final = re.compile(r"""<(?:[^<>"']|"[^"<]*+"|'[^'<]*+')*+>|<[^<>]*>""")
_TAGS: Final = re.compile(r"(?:<(?!!\[)[^<>]*>\s*)+")
_CDATA: Final = re.compile(r"<!\[CDATA\[|\]\]>", re.IGNORECASE)
_UNSEEN: Final = re.compile(
    r"<(?:script|style|template)\b[^<>]*>(?:[^<]|<(?!/(?:script|style|template)\b))*+", re.IGNORECASE
)
_BLOCKS: Final = (
    *("address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "div", "dl", "dt"),
    *("figcaption", "figure", "footer", "form", "h[1-6]", "head", "header", "hr", "html", "li", "main", "nav", "ol"),
    *("option", "p", "pre", "section", "select", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "title"),
    *("tr", "ul"),
)
"""Elements of HTML that words do not go on behind (HTML Standard, 15.3)."""
_BLOCK: Final = re.compile(rf"</?(?:{'|'.join(_BLOCKS)})\b[^<>]*>", re.IGNORECASE)
_CELL: Final = re.compile(r"</?t[dh]\b[^<>]*>", re.IGNORECASE)
_IN_ROW: Final = re.compile(r"(</?t[dhr]\b[^<>]*>)([^<]*)", re.IGNORECASE)
_WORD: Final = re.compile(r"=\?([\w-]{1,40})\?([bBqQ])\?([^?\s]{0,2000})\?=\s{0,80}")
_WORDS: Final = re.compile(
    r"=\?[\w-]{1,40}\?[bBqQ]\?[^?\s]{0,2000}\?=(?:\s{0,80}=\?[\w-]{1,40}\?[bBqQ]\?[^?\s]{0,2000}\?=)*"
)
_PLAIN_BITS = 128
_SMALL_CAPITAL: Final = re.compile("LATIN LETTER SMALL CAPITAL ([A-Z])")
_HIDDEN: Final = {"Cf", "Mn", "Me", "Cc"}


def plain(text: str) -> str:
    """The text in small ASCII letters: escapes read, look-alikes as what they look like, hidden signs gone."""
    return ascii_letters(unescaped(text)).lower()


def tag_readings(text: str) -> str:
    """A plain text without its tags, and with a blank for each: who wrote it may join words or part them.

    Also without comments alone, and with them: what looks like one in an attribute would go with all of its element.
    """
    commented = without_comments(text)
    parted = "\n".join(_TAGS.sub(" ", one) for one in (text, _UNSEEN.sub("", commented)))
    return f"{untagged(text)}\n{commented}\n{_CDATA.sub(' ', parted)}"


def squeezed(data: bytes) -> bytes:
    """The letters and digits of a text in small letters, without what stands between them but ``<``."""
    text = data.decode("utf-8", "ignore")
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii():
        text = ascii_letters(text)
    return unescaped(text).encode("ascii", "tocsin.letters").translate(_LOWER, _OTHERS)


def spelled(data: bytes, marks: Sequence[bytes]) -> bool:
    """Whether a mark stands in ASCII, in capitals or not.

    A tenth of what `squeezed` costs, for what is large: three letters of a mark are looked for, a part at a time that
    stays near the processor, and the others only where these are.
    """
    import numpy as np  # small reports are looked at otherwise

    size = _PART + max(map(len, marks))
    small, here, there = (np.empty(size, np.uint8) for _ in range(3))
    wanted = {tuple((place, mark[place]) for place in _LOOKED if place < len(mark)) for mark in marks}
    for start in range(0, len(data), _PART):
        length = min(size, len(data) - start)
        low = np.bitwise_or(np.frombuffer(data, np.uint8, length, start), 32, out=small[:length])
        for (first, letter), *others in wanted:
            end = length - (others[-1][0] if others else first)
            if end <= 0:
                continue
            unlike = np.bitwise_xor(low[first : first + end], letter, out=here[:end])  # 0 where all are as wanted
            for place, other in others:
                unlike |= np.bitwise_xor(low[place : place + end], other, out=there[:end])
            if not unlike.min():
                part = data[start : start + length].lower()
                if any(mark in part for mark in marks):
                    return True
    return False


def ascii_letters(text: str) -> str:
    """The text in ASCII: of other letters those that they look like; signs without a look go."""
    return text if text.isascii() else text.encode("ascii", "tocsin.letters").decode("ascii")


def unescaped(text: str) -> str:
    """The text with the escapes of JSON, HTML, URLs, mail and UTF-7 read, also those within each other."""
    for _ in range(_WRAPPED):
        once = _unescaped_once(text)
        if once == text:
            break
        text = once
    return text if text.isascii() else _paired(text)


def untagged(text: str) -> str:
    """The text of HTML or XML as it shows: what tags within words divide is one word, blocks are on lines of their own.

    Of comments, scripts and styles nothing is left. What is no markup may lose what stands between ``<`` and ``>``.
    """
    return _without_tags(_UNSEEN.sub("", without_comments(text)))


def without_comments(text: str, instead: Callable[[int], str] = lambda _length: "") -> str:
    """The text without the comments of HTML and XML that end. ``instead``: what stands for one, by its length."""
    out, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start)) >= 0:
        out += [text[at:start], instead(end + 3 - start)]
        at = end + 3
    return "".join((*out, text[at:]))


def _without_tags(text: str) -> str:
    """The text without its tags: cells of a row apart by tabs, blocks by lines."""
    if "<![" in text:
        text = _CDATA.sub("", text)
    lines = _IN_ROW.sub(lambda found: found[1] + " ".join(found[2].split()), text)
    return _TAG.sub("", _BLOCK.sub("\n", _CELL.sub("\t", lines)))


@lru_cache(maxsize=2_000)
def is_block(name: str) -> bool:
    """Whether an element is one that words do not go on behind."""
    return _BLOCK.fullmatch(f"<{name}>") is not None


def _unescaped_once(text: str) -> str:
    if "\\" in text:
        text = _ESCAPE.sub(_unicode, text)
    if "&" in text:
        text = _ENTITY.sub(_entity, text)
    if "%" in text:
        text = _PERCENT.sub(_bytes, text)
    if "=" in text:
        if "=?" in text:
            text = _WORDS.sub(_encoded_words, text)
        text = _QUOTED.sub(_bytes, _SOFT.sub("", text))
    return _UTF_7.sub(_utf_7, text) if "+A" in text else text


def _paired(text: str) -> str:
    """The text whose surrogates are letters."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def readings(text: str) -> Iterator[str]:
    """The text as it reads in each of the ways in which it may be wrapped, one in another; each once, not too many.

    What cuts words or hides where cells end is taken away first.
    """
    waiting, seen = [text], {text}
    if _SOFT.search(text):
        waiting.insert(0, _QUOTED.sub(_bytes, _SOFT.sub("", text)))
    while waiting and len(seen) < _MOST_READINGS:
        one = waiting.pop(0)
        found = [inner for inner in dict.fromkeys(_unwrapped(one)) if inner not in seen]
        seen.update(found)
        if "&quot;" in one:
            yield from found
        yield one
        waiting[:0] = found
    yield from waiting


def _unwrapped(text: str) -> Iterator[str]:
    """The text without what it is wrapped in: an encoding of mail, HTML, a quotation, URLs, a text in code."""
    if "=" in text:
        if _SOFT.search(text) or _QUOTED.search(text):
            yield _QUOTED.sub(_bytes, _SOFT.sub("", text))
        if "=?" in text:
            yield _WORDS.sub(_encoded_words, text)
    if "<" in text:
        yield _unescaped_html(_without_tags(text))
        yield _unescaped_html(untagged(text))
    if ">" in text and _QUOTATION.search(text):
        yield _QUOTATION.sub("", text)
    if "&" in text:
        yield _unescaped_html(text)
    if "%" in text and _PERCENT.search(text):
        yield _PERCENT.sub(_bytes, text)
    if "\\" in text:
        yield text.replace("\\\\", "\\").replace('\\"', '"').replace("\\n", "\n")
        yield _paired(_ESCAPE.sub(_unicode, text))
    if "+A" in text and _UTF_7.search(text):
        yield _UTF_7.sub(_utf_7, text)


def has_run(data: bytes) -> bool:
    """Whether something may be base64 or hexadecimal of more."""
    return _LONG in data.translate(_RUNS)


def encoded_runs(text: str) -> Iterator[tuple[int, int, bytes]]:
    """Beginning, end and contents of what may be base64 or hexadecimal of more; of hashes there are none."""
    for found in _RUN.finditer(text):
        run = _NO_BASE64.sub("", found[0])
        if _HEX.fullmatch(run):
            if len(run) > _PLAIN_BITS:
                yield found.start(), found.end(), bytes.fromhex(run)
            continue
        run = run.translate({45: 43, 95: 47})  # base64url (RFC 4648, 5)
        try:
            content = binascii.a2b_base64(run[: len(run) - len(run) % 4] + _padded(run))
        except binascii.Error:
            continue
        yield found.start(), found.end(), content


def _padded(run: str) -> str:
    rest = run[len(run) - len(run) % 4 :]
    return rest + "=" * (4 - len(rest)) if len(rest) > 1 else ""


def _unicode(found: re.Match[str]) -> str:
    return chr(int(found[1] or found[2], 16))


def _bytes(found: re.Match[str]) -> str:
    """What bytes in hexadecimal say, each behind a sign."""
    raw = bytes(int(one, 16) for one in re.findall("[%=]([0-9A-Fa-f]{2})", found[0]))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _entity(found: re.Match[str]) -> str:
    return _unescaped_html(found[0])


def _unescaped_html(text: str) -> str:
    return html.unescape(short_references(text))


def _utf_7(found: re.Match[str]) -> str:
    try:
        return f"+{found[1]}-".encode("ascii").decode("utf-7")
    except UnicodeError:
        return found[0]


def _encoded_words(found: re.Match[str]) -> str:
    """What encoded words behind each other say (RFC 2047), also where a letter is cut between two of them."""
    raw, charset = b"", "utf-8"
    try:
        for one in _WORD.finditer(found[0]):
            charset, how, text = one.groups()
            padded = text + "=" * (-len(text) % 4)
            raw += binascii.a2b_base64(padded) if how in "bB" else binascii.a2b_qp(text, header=True)
        return raw.decode(charset, "replace")
    except (ValueError, LookupError):
        return found[0]


@lru_cache(maxsize=50_000)
def _looks(run: str) -> str:
    """What letters that are not ASCII look like."""
    return "".join(map(_look, run))


@cache
def _look(letter: str) -> str:
    """What one looks like in ASCII: nothing where it is hidden, a blank where it is a sign, a word of its number."""
    if letter.isascii():
        return letter
    category = unicodedata.category(letter)
    if category in _HIDDEN:
        return ""
    if category[0] not in "LN":
        return " "
    parts = unicodedata.normalize("NFKD", letter)
    if not parts.isascii() and (like := _alike(letter)):
        return like
    return "".join(map(_look, parts)) if parts != letter else f"u{ord(letter):x}z"


def _alike(letter: str) -> str:
    """The Latin letter that this one looks like in either case, or an empty text."""
    if small := _SMALL_CAPITAL.fullmatch(unicodedata.name(letter, "")):
        return small[1].lower()
    from confusable_homoglyphs import confusables  # most reports have no such letters

    for one in (letter, letter.lower(), letter.upper()):
        found = confusables.is_confusable(one, greedy=True, preferred_aliases=[])
        entries = found if isinstance(found, list) else []
        for like in (like["c"] for entry in entries for like in entry["homoglyphs"]):
            if len(like) == 1 and like.isascii() and like.isalpha():
                return str(like).lower()
    return ""


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return _looks(error.object[error.start : error.end]), error.end


_handler: Callable[[UnicodeError], tuple[str, int]] = _replaced
codecs.register_error("tocsin.letters", _handler)
