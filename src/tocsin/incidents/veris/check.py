"""Whether a record is one by VERIS 1.3.1.

The constraints are in ``veris.toml``, in a form of our own, of which a JSON Schema is made: that of VERIS is under
CC BY-SA 4.0 and no part of Tocsin. It takes years up to 2020, where we take those until now.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from tocsin.networks import country_names

EDITION: Final = "1.3.1"
_MORE_COUNTRIES: Final = ("Other", "Unknown")
_TEXT: Final = {"type": "string"}
_SHAPES: Final[Mapping[str, dict[str, Any]]] = {
    "text": _TEXT,
    "words": {"type": "string", "minLength": 1},
    "flag": {"type": "boolean"},
    "number": {"type": "number"},
    "whole": {"type": "integer"},
    "open": {"type": "object"},
    "region": {"type": "string", "minLength": 6, "maxLength": 6},  # two UN M.49 codes
    "industry": {"type": "string", "minLength": 2, "maxLength": 6, "pattern": r"\d{2}-?\d{0,4}"},  # NAICS
}


@dataclass(frozen=True, slots=True)
class VerisFault:
    """One thing that is wrong. ``path``: where, as in ``actor.external.motive.0``; empty: the record as a whole."""

    path: str
    reason: str


def check_veris(document: Any, year: int) -> list[VerisFault]:
    """What is wrong with a record, in the order of its places; nothing: it is valid. ``year``: the present one.

    A record may stand in ``incident``, as the tests of VERIS have it.
    """
    from jsonschema import Draft4Validator

    if isinstance(document, dict) and isinstance(document.get("incident"), dict):
        document = document["incident"]
    found = Draft4Validator(schema(year)).iter_errors(document)
    faults = [VerisFault(".".join(map(str, one.absolute_path)), one.message) for one in found]
    return sorted(faults, key=lambda one: (one.path, one.reason))


@cache
def schema(year: int) -> dict[str, Any]:
    """The constraints as a JSON Schema (draft 4); an incident is of a year until this one."""
    said = tomllib.loads((files("tocsin.incidents.veris") / "veris.toml").read_text(encoding="utf-8"))
    lists = {**said["lists"], "country": [*country_names(), *_MORE_COUNTRIES]}
    top = _object(said, "")
    for path, shape in said["fields"].items():
        *above, name = path.split(".")
        _at(top, said, above)["properties"][name] = _shape(shape, lists)
    for path, names in said["needed"].items():
        _at(top, said, path.split(".") if path else [])["required"] = names
    _at(top, said, ["timeline", "incident"])["properties"]["year"]["maximum"] = year
    return top


def _at(top: dict[str, Any], said: Mapping[str, Any], path: list[str]) -> dict[str, Any]:
    """The object at a path, made where it is not there; ``name[]``: each of several."""
    here = top
    for depth, step in enumerate(path, 1):
        name = step.removesuffix("[]")
        below = here["properties"].setdefault(name, {})
        if step != name:
            below = below.setdefault("items", {})
        if "properties" not in below:
            below.update(_object(said, ".".join(path[:depth])))
        here = below
    return here


def _object(said: Mapping[str, Any], path: str) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": path in said["open"]}
    return made | ({"minProperties": 1} if path in said["filled"] else {})


def _shape(text: str, lists: Mapping[str, list[str]]) -> dict[str, Any]:
    """A shape as a JSON Schema: the last word may be how often, the words after the first a list or bounds."""
    kind, *more = text.split()
    repeated = "repeated" in more
    more = [one for one in more if one != "repeated"]
    if kind in {"some", "several"}:
        items = {"items": _named(more[0], lists)} if more else {}
        return {"type": "array", "minItems": 1, "uniqueItems": not repeated, **items}
    if kind == "one":
        return _named(more[0], lists)
    bounds = dict(zip(("minimum", "maximum"), map(int, more), strict=False))
    return {**_SHAPES[kind], **bounds}


def _named(name: str, lists: Mapping[str, list[str]]) -> dict[str, Any]:
    return {**_TEXT, "enum": lists[name]} if name in lists else _SHAPES[name]
