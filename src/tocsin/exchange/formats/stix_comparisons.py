"""STIX patterns (STIX 2.1, section 9) read as the values that they compare, and written for one observation."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tocsin.exchange.formats.mapping import hash_types, listed, tables

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<open>[\[(]) | (?P<close>[\])])
        | (?P<path>[a-z][a-z0-9-]*:(?:[\w-]+|'(?:[^'\\]|\\.)*+'|\[(?:\d+|\*)\]|\.)++)
        | (?P<text>t?'(?:[^'\\]|\\.)*+') | (?P<number>-?\d+(?:\.\d+)?)
        | (?P<word>[A-Za-z]+) | (?P<sign>!=|<>|<=|>=|=|<|>|,)
    )""",
    re.VERBOSE,
)
_PART: Final = re.compile(r"'((?:[^'\\]|\\.)*+)'|\[(?:\d+|\*)\]|([\w-]+)")
_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Comparison:
    """``path`` without quotes and indexes, hashes by the names of attributes: ``file:hashes.sha256``."""

    path: str
    value: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """What is compared for equality; ``whole``: all of it must be so, in one observation."""

    comparisons: tuple[Comparison, ...]
    whole: bool


def parse_pattern(text: str) -> Pattern | None:
    """The values of a pattern; None: it says more than that values are equal (NOT, LIKE, FOLLOWEDBY, WITHIN …).

    So is what must hold in several observations together, since each of them alone says less.
    """
    found: list[Comparison] = []
    words: set[str] = set()
    path, expected, brackets = "", "path", 0
    place = 0
    while place < len(text.rstrip()):
        token = _TOKEN.match(text, place)
        if token is None:
            return None
        place = token.end()
        kind, value = str(token.lastgroup), token[str(token.lastgroup)]
        if kind == "path":
            path, expected = normal_path(value), "="
        elif kind == "open":
            brackets += value == "["
        elif kind == "sign" and value == "=" and expected == "=":
            expected = "value"
        elif kind == "word" and value == "IN" and expected == "=":
            expected = "list"
            words.add("OR")
        elif expected in {"value", "list"} and (kind in {"text", "number"} or value in {"true", "false"}):
            found.append(Comparison(path, _literal(value) if kind == "text" else value))
            expected = "path" if expected == "value" else "list"
        elif kind == "word" and value in {"AND", "OR"}:
            words.add(value)
        elif kind != "close" and value != ",":
            return None
    return _pattern(found, words, brackets)


def _pattern(found: Sequence[Comparison], words: set[str], brackets: int) -> Pattern | None:
    if not found or len(words) > 1 or ("AND" in words and brackets != 1):
        return None
    return Pattern(tuple(found), "OR" not in words and brackets == 1)


def literals(text: str) -> list[str]:
    """What a pattern compares with, but for the types of addresses; itself, where it is no pattern."""
    found: list[str] = []
    place, typed = 0, False
    while place < len(text.rstrip()):
        token = _TOKEN.match(text, place)
        if token is None:
            return [text]
        place, kind, value = token.end(), token.lastgroup, token[str(token.lastgroup)]
        typed = value.endswith(".type") if kind == "path" else typed
        if kind in {"text", "number"} and not typed:
            found.append(_literal(value) if kind == "text" else value)
    return found


def normal_path(path: str) -> str:
    """The path without quotes and indexes; the last part of a hash is the attribute type that has it."""
    type_, _, rest = path.partition(":")
    parts = [one[1] or one[2] for one in _PART.finditer(rest) if one[1] or one[2]]
    if len(parts) > 1 and parts[-2] == "hashes":
        parts[-1] = hash_types().get(parts[-1].replace("-", "").upper(), parts[-1])
    return f"{type_}:{'.'.join(parts)}"


def write_pattern(comparisons: Iterable[Comparison]) -> str:
    """A pattern of one observation in which all of them hold; types of addresses are said beside their values."""
    return f"[{' AND '.join(part for one in comparisons for part in _written(one))}]"


def pattern_path(path: str) -> str:
    """A path as a pattern writes it: parts that are no plain names in quotes, any member of a list."""
    type_, _, rest = path.partition(":")
    parts = rest.split(".")
    if len(parts) > 1 and parts[-2] == "hashes":
        parts[-1] = tables()["hashes"].get(parts[-1], parts[-1]).split()[0]
    many = listed("names") | {"values", "sections", "body_multipart"}
    written: Sequence[str] = [
        (one if _PLAIN.fullmatch(one) or one.isalnum() else f"'{one}'")
        + ("[*]" if one.endswith("_refs") or one in many else "")
        for one in parts
    ]
    return f"{type_}:{'.'.join(written)}"


def _written(one: Comparison) -> Iterable[str]:
    from tocsin.exchange.formats.stix_objects import canonical, read_time, referred_type, stix_time

    path, last = pattern_path(one.path), one.path.rpartition(".")[2]
    if one.path.endswith(("src_ref.value", "dst_ref.value")) and one.path.count(".") == 1:
        yield f"{path.removesuffix('.value')}.type = '{referred_type('ip', one.value)}'"
    name = last.rpartition(":")[2]
    value = canonical(one.path.partition(":")[0], name, one.value)
    when = read_time(value) if name in listed("times") else None
    digits = value.upper().removeprefix("AS")
    if name in listed("numbers") and digits.isdecimal():
        yield f"{path} = {int(digits)}"
    elif when:
        yield f"{path} = t{quoted(stix_time(when).replace('.000Z', 'Z'))}"
    elif name in listed("flags"):
        yield f"{path} = {'true' if value.lower() in {'true', '1', 'listening'} else 'false'}"
    else:
        yield f"{path} = {quoted(value)}"


def quoted(value: str) -> str:
    """The value as a string of a pattern."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _literal(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token.removeprefix("t")[1:-1], flags=re.DOTALL)
