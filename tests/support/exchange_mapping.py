"""The cases of MISP's documented mapping to STIX 2.1; types, values and times are compared, not ids."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tocsin.exchange.formats import Markings, convert_document, stricter
from tocsin.exchange.formats.mapping import tables
from tocsin.exchange.formats.markings import UNMARKED
from tocsin.exchange.formats.stix_comparisons import parse_pattern
from tocsin.exchange.formats.stix_objects import flattened

Json = Mapping[str, Any]

_ID = "00000000-0000-4000-8000-000000000001"
_UNCOMPARED = frozenset(
    "id type spec_version created_by_ref labels number_observed created modified first_observed last_observed "
    "valid_from pattern_type pattern_version kill_chain_phases is_multipart data payload_bin mime_type decryption_key "
    "encryption_algorithm description".split()
)
_LONG_TIME = re.compile(r"^(\d{4}-\d\d-\d\d)[T ]([\d:]+)(?:\.\d+)?(?:\+00:00|Z)$")
_BYTES = ("payload_bin", ".data")  # which are left out
_UNNAMED = ("name", "valid_from", "pattern_type", "pattern_version", "description")  # of an indicator
_LITERAL = re.compile(r"= t?'?((?:[^'\\]|\\.)*?)'?(?= AND|\)|\]|$)")


def is_within(one: Markings, other: Markings) -> bool:
    """Whether a marking is as narrow as another, or narrower, in every respect."""
    mine, theirs = (replace(said, tlp=said.tlp or UNMARKED, statements=()) for said in (one, other))
    return stricter(mine, theirs) == mine


@dataclass(frozen=True)
class MappingCase:
    """One case: its name, and each pair of MISP and STIX by what it shows."""

    name: str
    pairs: Mapping[str, Json]

    @property
    def is_from_misp(self) -> bool:
        """Whether MISP is what is converted."""
        return self.name.startswith("misp_")


def mapping_cases(folder: Path) -> Iterator[MappingCase]:
    """All cases of a folder of tables."""
    for table in sorted(folder.glob("*.jsonl")):
        for line in table.read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            pair = case["pair"]
            yield MappingCase(case["case"], {"": pair} if "MISP" in pair else pair)


def agreeing_pairs(case: MappingCase) -> tuple[int, int]:
    """How many pairs of a case agree in types, paths (or relations) and values, and of how many."""
    compare = _path_differences if case.is_from_misp else _misp_differences
    found = [compare(_listed(pair["MISP"]), _listed(pair["STIX"])) for pair in case.pairs.values()]
    return sum(not one for one in found), len(found)


def differences(case: MappingCase) -> list[str]:
    """What of a case is not as MISP has it; empty: equal in type, value and time."""
    compare = _stix_differences if case.is_from_misp else _misp_differences
    return [one for pair in case.pairs.values() for one in compare(_listed(pair["MISP"]), _listed(pair["STIX"]))]


def _path_differences(misp: list[Json], stix: list[Json]) -> list[str]:
    """What MISP says at a path of an object or in a pattern, and we do not say just so."""
    there = [_with_paths(one, _made_of(misp, stix)) for one in _made_of(misp, stix)]
    return [str(one) for one in (_with_paths(one, stix) for one in stix) if one and one not in there]


def _with_paths(one: Json, objects: list[Json]) -> object:
    if one["type"] in {"relationship", "grouping", "observed-data"}:
        return None
    pattern = parse_pattern(one["pattern"]) if one["type"] == "indicator" else None
    if pattern:
        said = [(found.path, found.value) for found in pattern.comparisons]
    else:
        said = list(flattened({thing["id"]: dict(thing) for thing in objects}, dict(one)))
    values = [(path, _LONG_TIME.sub(r"\1T\2Z", value).replace("\\\\", "\\")) for path, value in said]
    unnamed = one["type"] == "indicator"
    return one["type"], sorted(
        pair for pair in values if not pair[0].endswith(_BYTES) and not (unnamed and pair[0] in _UNNAMED)
    )


def _stix_differences(misp: list[Json], stix: list[Json]) -> list[str]:
    made = _made_of(misp, stix)
    wanted, there = [_comparable(one) for one in stix], [_comparable(one) for one in made]
    return [str(one) for one in wanted if one and one not in there]


def _made_of(misp: list[Json], stix: list[Json]) -> list[Json]:
    warns = any(one["type"] == "indicator" for one in stix)  # its attribute does not say so in the documentation
    event: dict[str, Any] = {
        "info": "x",
        "uuid": _ID,
        "timestamp": "1603642920",
        "Attribute": [],
        "Object": [],
        "Galaxy": [],
    }
    for one in misp:
        kind = "Galaxy" if "GalaxyCluster" in one else "Object" if "Attribute" in one else "Attribute"
        event[kind].append({**one, "to_ids": True} if kind == "Attribute" and warns else one)
    made: list[Json] = _converted({"Event": event}, "misp", "stix")["objects"]
    return made


def _misp_differences(misp: list[Json], stix: list[Json]) -> list[str]:
    event = _converted({"type": "bundle", "id": f"bundle--{_ID}", "objects": stix}, "stix", "misp")["Event"]
    there = [_shown(one) for kind in ("Attribute", "Object", "Galaxy") for one in event[kind]]
    return [str(one) for one in map(_shown, misp) if one not in there]


def _converted(document: Json, source: str, target: str) -> Any:
    return json.loads(convert_document(json.dumps(document).encode(), source, target).data)


def _comparable(one: Json) -> object:
    """Type, values and time of a STIX object; nothing for one that only holds others together."""
    if one["type"] in {"relationship", "grouping"}:
        return None
    if one["type"] == "indicator" and one.get("pattern_type", "stix") == "stix":
        found = (re.sub(r"\\(.)", r"\1", text) for text in _LITERAL.findall(one["pattern"]))
        values = [re.sub(r"^(\d{4}-\d\d-\d\d) (.*)\+00:00$", r"\1T\2Z", text) for text in found]
        values = [text for text in values if not text.endswith("-addr") and text != "domain-name"]
    else:
        # MISP gives a rule no name where it has none; each indicator of ours has one.
        named = one["type"] == "indicator" and one.get("name") in tables()["rules"]
        values = list(_leaves({key: value for key, value in one.items() if not (named and key == "name")}))
    return one["type"], sorted(values), one.get("modified")


def _leaves(thing: Any) -> Iterator[str]:
    if isinstance(thing, dict):
        for name, value in thing.items():
            if name not in _UNCOMPARED and not name.endswith(("_ref", "_refs")):
                yield from _leaves(value)
    elif isinstance(thing, list):
        for one in thing:
            yield from _leaves(one)
    else:
        yield str(thing)


def _shown(one: Json) -> object:
    """Type, values and time of an attribute, an object or a galaxy of MISP."""
    if "GalaxyCluster" in one:
        return one["type"], [(inner["value"], inner.get("meta")) for inner in one["GalaxyCluster"]]
    if "Attribute" in one:
        values = sorted((inner["object_relation"], inner["type"], _value(inner)) for inner in one["Attribute"])
        return one["name"], values, one.get("timestamp")
    return one["type"], _value(one), one.get("timestamp"), one["to_ids"]


def _value(one: Json) -> str:
    """The value; numbers are equal as numbers, and AS 64500 is so with and without the letters."""
    value = str(one["value"])
    if one["type"] == "AS":
        return value.removeprefix("AS")
    return str(float(value)) if one["type"] == "float" else value


def _listed(value: Any) -> list[Json]:
    return value if isinstance(value, list) else [value]
