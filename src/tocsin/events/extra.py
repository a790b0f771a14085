"""What a feed says beyond the schema: columns ``extra.<name>`` while kept, one JSON object where people see it.

In the event table each name is a column of its own, which takes a fifth of the room and half of the time of JSON text;
what fits no such column (values that were refused, nested ones, odd names) stands in the column ``extra`` as JSON.
`fold` makes one JSON object of both.
"""

import json
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final, TypeAlias

import polars as pl

from tocsin.events.fields import FieldKind
from tocsin.node.sentences import say

PREFIX: Final = "extra."
TYPES: Final = (pl.String(), pl.Int64(), pl.Float64(), pl.Boolean())
"""What a column of the event table may be."""

DEEPEST: Final = 50
"""How deep arrays and objects may stand in each other; deeper ones no feed has, and readers stumble over them."""

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_NAME: Final = re.compile(r"extra\.[a-z0-9_.-]{1,80}")  # names that every reader of Delta Lake takes

_LONE: Final = re.compile("[\ud800-\udfff]")
_SPECIAL: Final = r'["\\\x00-\x1f]'
_ESCAPES: Final = {letter: json.dumps(letter)[1:-1] for letter in [*map(chr, range(32)), '"', "\\"]}
_TRUE, _FALSE = ("y", "yes", "true", "1", "enabled"), ("n", "no", "false", "0", "disabled")

_Parts: TypeAlias = list[str | pl.Expr]


def extra_columns(
    raw: pl.DataFrame, rejected: Mapping[str, pl.Series], kinds: Mapping[str, FieldKind], *, plain: bool
) -> list[pl.Series]:
    """The ``extra.*`` columns of ``raw`` in their types, and ``extra`` with a JSON object of all that fits none.

    ``kinds``: columns whose texts are numbers or Booleans; other arguments as in `json_objects`.
    """
    kept: list[pl.Series] = []
    rest: list[pl.Series] = [raw["extra"]] if "extra" in raw.columns else []
    for column in raw:
        if not column.name.startswith(PREFIX) or column.null_count() == len(column):
            continue
        kind = kinds.get(column.name)
        for part in _typed(column, kind):
            fits = part.dtype in TYPES and not (kind and part.dtype == pl.String)
            (kept if fits and _NAME.fullmatch(column.name) else rest).append(part.alias(column.name))
    taken = {column.name.removeprefix(PREFIX) for column in kept}
    renamed = {f"{name}.invalid" if name in taken else name: texts for name, texts in rejected.items()}
    left = pl.DataFrame(rest) if rest else pl.DataFrame(height=raw.height)
    return [*kept, json_objects(left, renamed, {}, plain=plain)]


def fold(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with all its ``extra.*`` columns put into the JSON objects of ``extra``."""
    return fold_columns(frame, [name for name in frame.columns if name.startswith(PREFIX)])


def extras_of(frame: pl.DataFrame) -> dict[str, pl.DataType]:
    """The ``extra.*`` columns of a frame with their types."""
    return {name: dtype for name, dtype in frame.schema.items() if name.startswith(PREFIX)}


def fold_columns(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The frame with these ``extra.*`` columns put into the JSON objects of ``extra``."""
    if not names:
        return frame
    objects = json_objects(frame.select("extra", *names), {}, {}, plain=False)
    return frame.drop(names).with_columns(objects.alias("extra"))


def json_objects(
    raw: pl.DataFrame, rejected: Mapping[str, pl.Series], kinds: Mapping[str, FieldKind], *, plain: bool
) -> pl.Series:
    """For each row a JSON object of its ``extra.*`` columns, rejected texts and ``extra`` itself; null when empty.

    ``plain``: no text of ``raw`` needs escaping. ``kinds``: columns whose texts are numbers or Booleans.
    """
    members = [
        (column.name.removeprefix(PREFIX), typed)
        for column in raw
        if column.name.startswith(PREFIX) and column.null_count() < len(column)
        for typed in _typed(column, kinds.get(column.name))
    ]
    taken = {key for key, _ in members}
    members += [(f"{name}.invalid" if name in taken else name, column) for name, column in rejected.items()]
    frame = pl.DataFrame([column.alias(str(place)) for place, (_, column) in enumerate(members)])
    special = set() if plain and not rejected else _with_special(frame)
    dense: _Parts = []
    sparse: list[pl.Expr] = []
    for (key, _), column in zip(members, frame, strict=True):
        parts = [f",{json.dumps(key, ensure_ascii=False)}:", *_value(column, escape=column.name in special)]
        if column.null_count():
            sparse.append(_concat(parts, ignore_nulls=False))
        else:
            dense += parts
    if "extra" in raw.columns:
        frame = pl.DataFrame([*frame, raw["extra"]])
        inside = pl.col("extra").str.strip_chars().str.strip_prefix("{").str.strip_suffix("}").str.strip_chars()
        sparse.append(pl.when(inside != "").then("," + inside))
    return _objects(frame, dense, sparse, raw.height)


def _objects(frame: pl.DataFrame, dense: _Parts, sparse: list[pl.Expr], height: int) -> pl.Series:
    """The members of each row put together; each has a comma before it, and the first one's gives way to the brace."""
    if dense:
        parts = ["{" + str(dense[0])[1:], *dense[1:], *sparse, "}"]
        return frame.select(extra=_concat(parts, ignore_nulls=True)).to_series()
    if not sparse:
        return pl.Series("extra", [None], pl.String).new_from_index(0, height)
    body = frame.select(body=pl.concat_str(sparse, ignore_nulls=True))
    whole = pl.concat_str(pl.lit("{"), pl.col("body").str.slice(1), pl.lit("}"))
    return body.select(extra=pl.when(pl.col("body") != "").then(whole)).to_series()


def _concat(parts: Sequence[str | pl.Expr], *, ignore_nulls: bool) -> pl.Expr:
    """The parts behind each other, neighbouring texts as one."""
    joined: _Parts = []
    for part in parts:
        if joined and isinstance(part, str) and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    columns = [pl.lit(part) if isinstance(part, str) else part for part in joined]
    return pl.concat_str(columns, ignore_nulls=ignore_nulls)


def _typed(column: pl.Series, kind: FieldKind | None) -> list[pl.Series]:
    """A text column as numbers or Booleans; texts that are none in a second column (null elsewhere)."""
    if column.dtype != pl.String:
        return [column]
    if kind is FieldKind.INTEGER:
        typed = column.cast(pl.Int64, strict=False)
    elif kind is FieldKind.FLOAT:
        typed = column.cast(pl.Float64, strict=False)
        typed = typed.set(~typed.is_finite(), None)
    elif kind is FieldKind.BOOLEAN:
        typed = _truth(column)
    else:
        return [column]
    rest = column.set(typed.is_not_null(), None)
    return [part for part in (typed, rest) if part.null_count() < len(part)]


def _truth(column: pl.Series) -> pl.Series:
    """A text column as Booleans, null where the word is none of theirs."""
    words = [word for word in column.unique().to_list() if word is not None]
    true, false = ([word for word in words if word.lower() in meant] for meant in (_TRUE, _FALSE))
    typed = column.is_in(true)
    return typed if len(true) + len(false) == len(words) else typed.set(~column.is_in(true + false), None)


def _value(column: pl.Series, *, escape: bool) -> _Parts:
    """The parts of a member's value."""
    value = pl.col(column.name)
    if column.dtype == pl.String:
        return ['"', value.str.replace_many(_ESCAPES) if escape else value, '"']
    return [value.cast(pl.String)]


def _with_special(frame: pl.DataFrame) -> set[str]:
    """The text columns in which something must be escaped (RFC 8259, section 7)."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    found = frame.select(pl.col(texts).str.contains(_SPECIAL).any())
    return {name for name in texts if found[name].item()}


def object_text(text: str) -> str:
    """A text that should be a JSON object as one that surely is; what is none is its member ``extra``."""
    try:
        value = json.loads(text, parse_constant=no_number)
    except (ValueError, RecursionError):
        value = None
    return json_text(value if isinstance(value, dict) and not too_deep(value) else {"extra": text})


def json_text(value: Mapping[str, object]) -> str:
    """The object as JSON that every reader takes."""
    try:
        text = _ENCODER.encode(value)
    except ValueError:  # a number beyond what a double holds was read as infinite, which JSON cannot say
        text = json.dumps(_finite(value), ensure_ascii=False)
    return sound(text, r"\\")


def _finite(value: object) -> object:
    """The value with texts for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def no_number(word: str) -> None:
    """Refuse the words for numbers that Python's JSON knows and JSON does not."""
    raise ValueError(say("%(word)s is no number in JSON (RFC 8259)", word=word))


def too_deep(value: object) -> bool:
    """Whether arrays and objects in it stand more than `DEEPEST` deep in each other."""
    level = [value]
    for _ in range(DEEPEST + 1):
        groups = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [value for group in groups for value in group]
        if not level:
            return False
    return True


def sound(text: str, backslash: str = "\\") -> str:
    """The text without lone surrogates, which JSON can name and UTF-8 cannot hold; they show as their escape."""
    return text if text.isascii() else _LONE.sub(lambda found: f"{backslash}u{ord(found[0]):04x}", text)
