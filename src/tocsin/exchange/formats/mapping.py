"""What MISP's types, object templates and galaxies are in STIX: the tables of ``mapping.toml``, read once."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Relation:
    """A place of an object template: its name, the type of its attribute, and the path below the STIX object."""

    name: str
    type: str
    path: str


@dataclass(frozen=True, slots=True)
class Template:
    """An object template. ``always``: (path, value) that each of them has; ``names``: relations that make its name.

    ``contact``: relations that make its contact information; ``inside``: where properties of our own go.
    """

    name: str
    category: str
    stix: str
    relations: tuple[Relation, ...]
    always: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()
    contact: tuple[str, ...] = ()
    inside: str = ""

    def relation(self, name: str) -> Relation | None:
        """The relation of that name; hashes need no line."""
        found = next((one for one in self.relations if one.name == name), None)
        hashed = self.stix in {"file", "artifact", ""} and name in tables()["hashes"]
        return found or (Relation(name, name, f"hashes.{name}") if hashed else None)

    def at(self, path: str) -> tuple[Relation, ...]:
        """The relations at a path, without indexes; a hash is one by its type."""
        found = tuple(one for one in self.relations if path_key(one.path) == path_key(path))
        kind = path.removeprefix("hashes.")
        return found or ((Relation(kind, kind, path),) if kind != path and kind in tables()["hashes"] else ())


def path_key(path: str) -> str:
    """What two ways to write a path have in common: ``Reply-To`` of a header is ``reply_to`` in MISP's patterns."""
    return path.lower().replace("_", "-")


@cache
def tables() -> Mapping[str, Any]:
    """All tables, as they are written."""
    return tomllib.loads(files(__package__).joinpath("mapping.toml").read_text(encoding="utf-8"))


@cache
def template(name: str) -> Template | None:
    """The object template of that name; None: it has no place in STIX."""
    found = tables()["objects"].get(name)
    if found is None:
        return None
    lines = (line.split() for line in found["relations"].splitlines() if line)
    return Template(
        name,
        found["category"],
        found["stix"],
        tuple(Relation(*line) for line in lines),
        tuple((path, value) for path, _, value in (one.partition("=") for one in found.get("always", "").split())),
        tuple(found.get("names", "").split()),
        tuple(found.get("contact", "").split()),
        found.get("inside", ""),
    )


@cache
def attribute_paths(type_: str) -> tuple[str, ...]:
    """The STIX paths of an attribute's parts (``file:name``, ``file:hashes.md5``); empty: it has none."""
    found = tables()["attributes"].get(type_)
    if found is not None:
        return tuple(found.split())
    name, bar, hashed = type_.rpartition("|")
    if hashed in tables()["hashes"] and name in {"", "filename"} and bool(bar) == bool(name):
        return (*(("file:name",) if name else ()), f"file:hashes.{hashed}")
    return ()


@cache
def hash_types() -> Mapping[str, str]:
    """The attribute type of each name of a hash, in capitals and without hyphens."""
    return {name.replace("-", "").upper(): kind for kind, names in tables()["hashes"].items() for name in names.split()}


def categories() -> Mapping[str, list[str]]:
    """MISP's categories, each with the types that belong to it where an attribute names none."""
    return {name: types.split() for name, types in tables()["categories"].items()}


@cache
def default_category(type_: str) -> str:
    """The category of an attribute that names none."""
    listed = tables()["categories"]
    found = next((name for name, types in listed.items() if type_ in types.split()), "")
    return found or (
        "Payload delivery" if attribute_paths(type_)[-1:] and "hashes" in attribute_paths(type_)[-1] else "Other"
    )


@cache
def is_attribute_type(name: str) -> bool:
    """Whether these tables know a type of MISP by that name."""
    return bool(attribute_paths(name)) or any(name in types.split() for types in tables()["categories"].values())


def listed(name: str) -> frozenset[str]:
    """The names of a list: ``names``, ``numbers``, ``floats``, ``flags``."""
    return _listed()[name]


@cache
def _listed() -> Mapping[str, frozenset[str]]:
    return {name: frozenset(text.split()) for name, text in tables()["lists"].items()}
