"""What a person wrote in a mail, apart from what the mail quotes and from the signature below it.

Of quoting there is no standard: RFC 3676 (4.5) knows lines that begin with ``>``; mail programs add lines that name the
writer, or a line or block of headers after which all is quoted. Of signatures the same RFC (4.3) knows the line
``-- ``. The words of programs, by language, are in ``quoting.toml``.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final, Literal

_LONGEST: Final = 400  # characters of a line that can be such a mark
_WRAPPED: Final = 4  # lines over which a program breaks the line that names the writer
_ADDRESS = re.compile(r"[^\s@<>]{1,120}@[^\s@<>]{1,250}")
_TIME = re.compile(r"(?<!\d)\d{1,2}\s?[:.h]\s?\d\d(?!\d)")
_YEAR = re.compile(r"(?<!\d)(19|20)\d\d(?!\d)")
_RULER = re.compile(r"_{20,}")
_DASH: Final = r"[-_*=\u2010-\u2015]"
_ABOVE_HEADERS = re.compile(rf"|(?:{_DASH} ?){{3,}}+|{_DASH}{{3,}}+.{{0,59}}[^-_*=\u2010-\u2015\n]{_DASH}{{3,}}")

_FULL: Final = 66  # characters of a quoted line that a program may have broken: it breaks them at 72 to 80
_REST: Final = 40  # at most so many are left of it

_DELIMITER = re.compile(r"--\s?")
_RULE = re.compile(r"[-_]{2,}")
_SIGNED_OFF = re.compile(r"[-~\u2013\u2014](?=\S)[^\W\d_][\w.'\u2019-]{0,30}( [^\W\d_][\w.'\u2019-]{0,30}){0,3}")
_CONTACT = re.compile(
    r"(?<![^\s@])[^\s@]++@[^\s@]+\.[a-z]{2,}|(https?://|www\.)\S+|(\+|\(|\b\d)[\d\s().-]{6,20}\d\b", re.IGNORECASE
)
_NAME = re.compile(r"[^\W\d_][\w.'\u2019-]*( [^\W\d_][\w.'\u2019-]*){0,4}")
_BLOCK: Final = 20  # lines of a signature that no delimiter announces
_NARROW: Final = 80  # characters of such a line


def split_quoted(text: str) -> tuple[str, str]:
    """What was written and what it quotes, each without blank lines around it."""
    lines = _joined(text.split("\n"))
    last_said = max((at for at, line in enumerate(lines) if line.strip() and not _is_quoted(line)), default=-1)
    said: list[str] = []
    quoted: list[str] = []
    index = 0
    while index < len(lines):
        named = _names_writer(lines, index)
        if named and _is_quoted(_next_words(lines, index + named - 1)) and last_said >= index + named:
            quoted += lines[index : index + named]  # answers stand between the quoted lines
        elif named or _separates(lines[index]) or _heads(lines, index):
            end = len(said)
            while end and _ABOVE_HEADERS.fullmatch(said[end - 1].strip()):
                end -= 1
            quoted += said[end:] + lines[index:]
            del said[end:]
            break
        else:
            (quoted if _is_quoted(lines[index]) else said).append(lines[index])
        index += named or 1
    end = _without_rule(said) if quoted else len(said)
    said, quoted = said[:end], said[end:] + quoted
    return "\n".join(said).strip(), "\n".join(quoted).strip()


def without_signature(text: str) -> str:
    """The text without its signature: what follows ``-- `` or a program's line such as *Sent from my phone*.

    Without such a line a last block goes only where it is plainly one: a dash and a name, or a name above at least two
    lines of addresses and numbers. "Thanks, Ana" stays: that is what a person writes.
    """
    lines = text.split("\n")
    ends = (at for at, line in enumerate(lines) if _DELIMITER.fullmatch(line) or _sent_from(lines, at))
    lines = lines[: next(ends, len(lines))]
    for _ in range(2):  # a footer of a list, and a signature above it
        lines = lines[: _last_block(lines)]
    return "\n".join(lines).strip()


@cache
def _phrases(section: Literal["wrote", "wrote_last", "original", "begins", "from", "headers", "sent_from"]) -> str:
    """The phrases of a section as an alternative of a pattern, the longest first."""
    table = tomllib.loads((files("tocsin.delivery.mailbox") / "quoting.toml").read_text(encoding="utf-8"))
    phrases = {phrase for of in table[section].values() for phrase in of}
    return "|".join(map(re.escape, sorted(phrases, key=len, reverse=True)))


@cache
def _wrote() -> re.Pattern[str]:
    verb = rf"({_phrases('wrote')}).{{0,90}}|({_phrases('wrote_last')})\s?"
    return re.compile(rf"(?=.*[@\d>]).*({verb})[:\uff1a]", re.IGNORECASE)


@cache
def _wrote_bare() -> re.Pattern[str]:
    return re.compile(rf".*\W({_phrases('wrote')}|{_phrases('wrote_last')})", re.IGNORECASE)


@cache
def _original() -> re.Pattern[str]:
    title = rf"{_DASH}{{2,}}+\s*+({_phrases('original')})\s*+:?\s*+{_DASH}*"
    named = rf"{_DASH}{{2,}}+(?=.*[@\d]).*({_phrases('wrote')}|{_phrases('wrote_last')})\s*{_DASH}{{2,}}"
    return re.compile(rf"{title}|{named}|({_phrases('begins')})\s?:", re.IGNORECASE)


@cache
def _from_header() -> re.Pattern[str]:
    return re.compile(rf"\*?({_phrases('from')})\s?[:\uff1a]\*?\s*+(?=.*[^\W\d_]).+", re.IGNORECASE)


@cache
def _any_header() -> re.Pattern[str]:
    return re.compile(rf"\*?({_phrases('from')}|{_phrases('headers')})\s?[:\uff1a]\*?", re.IGNORECASE)


@cache
def _program() -> re.Pattern[str]:
    return re.compile(rf"({_phrases('sent_from')})\s(.{{1,80}}(?<![.!?:;,])|.{{0,60}}mail.{{0,40}})", re.IGNORECASE)


def _short(line: str) -> str:
    """The line without blanks around it; empty where it is too long to be a mark."""
    return line.strip() if len(line) <= _LONGEST else ""


def _is_quoted(line: str) -> bool:
    return line.lstrip().startswith(">")


def _without_rule(said: Sequence[str]) -> int:
    """Where a text ends without blank lines at its end, and rules that underline nothing."""
    end = len(said)
    while end and _ABOVE_HEADERS.fullmatch(said[end - 1].strip()):
        if said[end - 1].strip() and end > 1 and said[end - 2].strip():
            break
        end -= 1
    return end


def _joined(lines: Sequence[str]) -> list[str]:
    """The lines, with what a program broke off a quoted line behind it again: it left that without its ``>``."""
    joined: list[str] = []
    before = ""
    for line in lines:
        if _is_broken(before, line):
            joined[-1] = f"{before} {line.strip()}"
            before = ""  # a line is broken once
        else:
            joined.append(line)
            before = line
    return joined


def _is_broken(line: str, rest: str) -> bool:
    """Whether ``rest`` stood at the end of a quoted line: that goes on, is full, and had no room for its first word."""
    words = rest.split(maxsplit=1)
    goes_on = bool(words) and len(rest) <= _REST and not (words[0][0].isupper() or _is_quoted(rest))
    full = _is_quoted(line) and _FULL <= len(line) <= _LONGEST and line.rstrip()[-1] not in ".?!:;>"
    return goes_on and full and len(line.rstrip()) + 1 + len(words[0]) > _FULL + 6


def _next_words(lines: Sequence[str], index: int) -> str:
    """The next line that is not blank, of the five that follow."""
    return next((line for line in lines[index + 1 : index + 6] if line.strip()), "")


def _names_writer(lines: Sequence[str], index: int) -> int:
    """How many lines from here on name who wrote what follows, as in "On Monday, Ana <ana@isp.example> wrote:"."""
    joined = ""
    dated = _begins_with_date(lines[index])
    for count, line in enumerate(lines[index : index + _WRAPPED], 1):
        short = _short(line)
        broken = joined.rfind("<") > joined.rfind(">")  # within an address, whose end looks like a quote
        if not short or (_is_quoted(line) and not broken) or (count > 1 and not dated):
            break
        joined = f"{joined} {short}".strip()
        if dated and _wrote_bare().fullmatch(joined) and _ADDRESS.search(joined) and _is_apart(lines, index + count):
            return count
        if short.endswith((":", "\uff1a")) and len(joined) <= _LONGEST:
            quotes = _is_quoted(_next_words(lines, index + count - 1))
            if _is_attribution(joined, dated=dated, wrapped=count > 1, quotes=quotes):
                return count
    return 0


def _is_apart(lines: Sequence[str], index: int) -> bool:
    """Whether the next line is blank or quoted."""
    line = "".join(lines[index : index + 1])
    return not line.strip() or _is_quoted(line)


def _begins_with_date(line: str) -> bool:
    """Whether a line has a digit among its first words, and a time or year."""
    begins = any(sign.isdigit() for sign in " ".join(_short(line).split()[:5]))
    return begins and bool(_TIME.search(line) or _YEAR.search(line))


def _is_attribution(text: str, *, dated: bool, wrapped: bool, quotes: bool) -> bool:
    """Whether a text that ends with a colon names a writer. ``quotes``: quoted lines follow.

    By a verb; else by an address and a time, with a date at the beginning, in whatever language.
    """
    address, time = _ADDRESS.search(text) is not None, _TIME.search(text) is not None
    verb = _wrote().fullmatch(text) is not None
    if verb and not wrapped:
        return dated or address or quotes
    return dated and ((address and (time or verb)) or (quotes and (address or time or verb)))


def _separates(line: str) -> bool:
    short = _short(line)
    return bool(_original().fullmatch(short) or _RULER.fullmatch(short))


def _heads(lines: Sequence[str], index: int) -> bool:
    """Whether a block of headers begins here, as some mail programs put above what they quote."""
    block = [_short(line) for line in lines[index : index + 5]]
    if _from_header().fullmatch(block[0]):
        return any(_any_header().match(line) for line in block[1:4])
    if not _any_header().match(block[0]):
        return False
    headers = [line for line in block if _any_header().match(line)]
    return len(headers) > 2 and any(_from_header().fullmatch(line) and "@" in line for line in headers)


def _sent_from(lines: Sequence[str], index: int) -> bool:
    """Whether a paragraph of this one line is what a program adds."""
    alone = not index or not lines[index - 1].strip()
    alone = alone and not "".join(lines[index + 1 : index + 2]).strip()
    return alone and _program().fullmatch(lines[index].rstrip()) is not None


def _last_block(lines: Sequence[str]) -> int:
    """Where the signature begins that no delimiter announces: a footer below a rule, or the last paragraph."""
    end = max((at + 1 for at, line in enumerate(lines) if line.strip()), default=0)
    for at in range(end - 1, max(0, end - 2 * _BLOCK), -1):
        above = lines[at - 1].strip()
        below = [line.strip() for line in lines[at + 1 : end] if line.strip()]
        if len(below) > _BLOCK or any(len(line) > _NARROW for line in below):
            break
        if not above and _RULE.fullmatch(lines[at].strip()) and any(map(_CONTACT.search, below)):
            return at
    start = max((at + 1 for at in range(end) if not lines[at].strip()), default=0)
    return start if start and _signs([line.strip() for line in lines[start:end]]) else end


def _signs(block: Sequence[str]) -> bool:
    """Whether a paragraph is a signature: a dash and a name, or a name above lines of addresses and numbers."""
    if len(block) == 1:
        return bool(_SIGNED_OFF.fullmatch(block[0])) and not block[0][1].islower()
    narrow = len(block) <= _BLOCK and all(len(line) <= _NARROW for line in block)
    contacts = sum(bool(_CONTACT.search(line)) for line in block[1:]) if narrow else 0
    return contacts > 1 and bool(_NAME.fullmatch(block[0]))
