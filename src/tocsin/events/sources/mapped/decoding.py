"""What stands encoded in a value: base64, and JSON whose members become columns."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from tocsin.events.encoding import as_text
from tocsin.events.extra import DEEPEST, json_text, too_deep
from tocsin.events.sources.json_records import DECODER
from tocsin.node.garbage import uncollected

MOST_ITEMS: Final = 100  # of a list that a mapping goes into by places


def decoded(texts: pl.Series, steps: Sequence[str]) -> list[pl.Series]:
    """The column decoded; a value that is not what it should be stays as it is.

    Of JSON objects each member is a column below this one.
    """
    with uncollected():
        return _decoded(texts, steps)


def _decoded(texts: pl.Series, steps: Sequence[str]) -> list[pl.Series]:
    if "base64" in steps:
        texts = pl.Series(texts.name, [_from_base64(text) for text in texts.to_list()], pl.String)
    if "json" not in steps:
        return [texts]
    objects = [_from_json(text) for text in texts.to_list()]
    flat = [dict(flattened(one, f"{texts.name}.")) for one in objects]
    names = dict.fromkeys(name for one in flat for name in one)
    left = texts.set(pl.Series([bool(one) for one in objects]), None)
    return [left, *(pl.Series(name, [as_value_text(one.get(name)) for one in flat], pl.String) for name in names)]


def with_values(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The frame with JSON texts in these columns of ``extra.<name>`` as values in ``extra``; others stay text."""
    for name in (one for one in names if one in frame.columns):
        values = [_json_value(text) for text in frame[name].to_list()]
        said = frame["extra"].to_list() if "extra" in frame.columns else [None] * frame.height
        made = [
            text if value is None else json_text({**json.loads(text or "{}"), name.removeprefix("extra."): value})
            for text, value in zip(said, values, strict=True)
        ]
        left = frame[name].set(pl.Series([value is not None for value in values], dtype=pl.Boolean), None)
        frame = frame.with_columns(left, pl.Series("extra", made, pl.String))
    return frame


def flattened(value: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    """The members of an object under their paths in lower case; lists stay whole."""
    found: list[tuple[str, object]] = []
    for key, member in value.items():
        name = prefix + key.lower()
        if isinstance(member, dict) and member:
            found += flattened(member, f"{name}.")
        else:
            found.append((name, member))
    return found


def as_value_text(value: object) -> str | None:
    """A JSON value as a text column has it: items of a list put together with semicolons."""
    if isinstance(value, str):
        text = value.replace("\x00", "")
        return text if text.isascii() else text.encode("utf-8", "replace").decode()
    if value is None or value in ([], {}):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and not any(isinstance(one, dict | list) for one in value):
        return ";".join(filter(None, map(as_value_text, value)))
    return json_text({"": value})[5:-1] if isinstance(value, dict | list) else str(value)


def _from_base64(text: str | None) -> str | None:
    try:
        return as_text(base64.b64decode(text, validate=True))[0] if text else text
    except ValueError:
        return text


def _from_json(text: str | None) -> dict[str, object]:
    value = _json_value(text)
    return value if isinstance(value, dict) else {}


def _json_value(text: str | None) -> object:
    """The value of a JSON text; None when it is none, or nested too deep."""
    opened = text.count("{") + text.count("[") if text else 0
    try:
        if not text or opened > 100 * DEEPEST:
            return None
        value = DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return None if opened > DEEPEST and too_deep(value) else value
