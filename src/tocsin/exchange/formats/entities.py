"""Actors, malware, techniques and places: entries of MISP's galaxies, domain objects of STIX."""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from tocsin.exchange.formats.mapping import tables
from tocsin.exchange.formats.model import Entity

CUSTOM: Final = "x-misp-galaxy-cluster"
"""The STIX type of an entry of a galaxy that STIX has no type for."""

_COMMON: Final = frozenset(
    "type id spec_version created modified created_by_ref object_marking_refs granular_markings labels name "
    "description aliases external_references extensions revoked confidence lang".split()
)
_ICONS: Final = {
    "threat-actor": "user-secret",
    "malware": "optin-monster",
    "tool": "gavel",
    "vulnerability": "bug",
    "attack-pattern": "map",
}


def stix_type_of(galaxy: str) -> str:
    """The STIX type of a galaxy by its type: the longest end that is known (``mitre-attack-pattern``)."""
    fitting = [end for end in tables()["galaxies"] if galaxy == end or galaxy.endswith(f"-{end}")]
    return str(tables()["galaxies"][max(fitting, key=len)]) if fitting else CUSTOM


def entity_of_cluster(galaxy: Mapping[str, Any], cluster: Mapping[str, Any]) -> Entity:
    """An entry of a galaxy."""
    kind = _text(galaxy.get("type")) or _text(cluster.get("type"))
    type_ = stix_type_of(kind)
    meta = {name: value for name, value in _object(cluster.get("meta")).items() if value not in (None, "", [])}
    value, description = _text(cluster.get("value")), _text(cluster.get("description"))
    outside = _first(meta.pop("external_id", ""))
    name = value.removesuffix(f" - {outside}") if outside else value
    aliases = tuple(_texts(meta.pop("synonyms", [])))
    references = [{"source_name": _source_name(kind, outside), "external_id": outside}] if outside else []
    references += [{"source_name": "url", "url": one} for one in _texts(meta.pop("refs", []))]
    properties = {_property(type_, key): _said(type_, key, one) for key, one in meta.items()}
    if kind == "country":
        name, properties["country"] = description or name, _first(meta.get("ISO", ""))
    elif type_ == "identity":
        properties["identity_class"] = "class"
    elif type_ == "location" and not {"country", "latitude"} & set(properties):
        properties.setdefault("region", value.rpartition(" - ")[2].lower().replace(" ", "-"))
    return Entity(
        type=type_,
        name=name,
        id=_text(cluster.get("uuid")) or str(uuid5(NAMESPACE_URL, f"{kind}\n{value}")),
        description=description,
        aliases=aliases,
        references=tuple(references),
        properties={key: one for key, one in properties.items() if one not in ("", [])},
        vocabulary=(kind, _text(galaxy.get("name"))),
    )


def galaxies_of(entities: Iterable[Entity]) -> list[dict[str, Any]]:
    """The galaxies of MISP with these entries."""
    found: dict[tuple[str, str], list[Entity]] = {}
    for one in entities:
        found.setdefault(_vocabulary(one), []).append(one)
    return [
        {
            "type": type_,
            "name": name,
            "uuid": str(uuid5(NAMESPACE_URL, f"galaxy\n{type_}")),
            "namespace": "stix"
            if type_.startswith("stix-2.1-")
            else "mitre-attack"
            if type_.startswith("mitre-")
            else "misp",
            "description": name,
            "version": "21" if type_.startswith("stix-2.1-") else "1",
            "icon": _ICONS.get(members[0].type, "link"),
            "GalaxyCluster": [_cluster(type_, one) for one in members],
        }
        for (type_, name), members in found.items()
    ]


def _vocabulary(one: Entity) -> tuple[str, str]:
    if one.vocabulary[0]:
        return one.vocabulary[0], one.vocabulary[1] or one.vocabulary[0]
    if one.type == "identity" and one.properties.get("identity_class") == "class":
        return "sector", "Sector"
    words = one.type.split("-")
    return f"stix-2.1-{one.type}", "STIX 2.1 " + " ".join(word if word == "of" else word.capitalize() for word in words)


def _cluster(type_: str, one: Entity) -> dict[str, Any]:
    outside = next((found["external_id"] for found in one.references if found.get("external_id")), "")
    value = f"{one.name} - {outside}" if outside and type_.startswith("mitre-") else one.name
    phases = [
        f"{phase.get('kill_chain_name')}:{phase.get('phase_name')}"
        for phase in one.properties.get("kill_chain_phases", [])
        if isinstance(phase, dict)
    ]
    hidden = {"kill_chain_phases", *(("identity_class", "sectors") if type_ == "sector" else ())}
    meta = {
        **({"synonyms": list(one.aliases)} if one.aliases else {}),
        **(
            {"refs": refs}
            if (refs := [found["url"] for found in one.references if found.get("url") and not found.get("external_id")])
            else {}
        ),
        **({"external_id": outside} if outside else {}),
        **({"kill_chain": phases} if phases else {}),
        **{_meta_name(name): said for name, said in one.properties.items() if name not in hidden},
    }
    return {
        "type": type_,
        "value": value,
        "uuid": one.id,
        "tag_name": f'misp-galaxy:{type_}="{value}"',
        "description": one.description,
        "default": False,
        "distribution": "0",
        "meta": meta,
    }


def entity_of_object(thing: Mapping[str, Any]) -> Entity:
    """A domain object of STIX as an entity; its times, markings and labels are the caller's."""
    references = thing.get("external_references")
    properties = {name: value for name, value in thing.items() if name not in _COMMON}
    return Entity(
        type=_text(thing.get("type")),
        name=_text(thing.get("name")) or _text(thing.get("id")),
        id=_text(thing.get("id")).partition("--")[2],
        description=_text(thing.get("description")),
        aliases=tuple(_texts(thing.get("aliases"))),
        references=tuple(
            {name: str(value) for name, value in one.items() if not isinstance(value, dict | list)}
            for one in (references if isinstance(references, list) else [])
            if isinstance(one, dict)
        ),
        properties=properties,
    )


def object_of_entity(one: Entity) -> dict[str, Any]:
    """What a domain object says of an entity, without its ids, times and markings."""
    allowed = _allowed(one.type)
    aliases = [alias for alias in one.aliases if alias != one.name]
    made: dict[str, Any] = {"name": one.name, **({"description": one.description} if one.description else {})}
    if aliases and (one.type == CUSTOM or "aliases" in allowed):
        made["aliases"] = aliases
    elif aliases:
        made["x_misp_synonyms"] = aliases
    if one.references:
        made["external_references"] = [dict(reference) for reference in one.references]
    made |= dict(one.properties)
    if one.type == "malware":
        made["is_family"] = made.get("is_family") not in (False, "false", "0", "False")
    if one.type == "identity":
        made.setdefault("identity_class", "unknown")
    return made


def _allowed(type_: str) -> frozenset[str]:
    return frozenset(str(tables()["entities"].get(type_, "")).split())


def _property(type_: str, key: str) -> str:
    """STIX's name of a member of a galaxy's meta, or a property of our own."""
    if key == "labels" and f"{type_.replace('-', '_')}_types" in _allowed(type_):
        return f"{type_.replace('-', '_')}_types"
    if key == "kill_chain" and type_ in {"attack-pattern", "malware", "tool", "infrastructure"}:
        return "kill_chain_phases"
    name = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in key.lower())
    return name if name in _allowed(type_) else f"x_misp_{name}"[:250]


def _said(type_: str, key: str, value: Any) -> Any:
    if key == "kill_chain" and _property(type_, key) == "kill_chain_phases":
        parts = [one.split(":") for one in _texts(value)]
        return [{"kill_chain_name": part[0], "phase_name": part[-1]} for part in parts if len(part) > 1]
    name = _property(type_, key)
    if name.startswith("x_misp_"):
        return value
    many = (
        name.endswith("_types")
        or name in str(tables()["lists"]["names"]).split()
        or name in {"personal_motivations", "capabilities", "architecture_execution_envs"}
    )
    return _texts(value) if many else value if isinstance(value, bool) else _first(value)


def _meta_name(name: str) -> str:
    plain = name.removeprefix("x_misp_")
    return plain.replace("_", "-") if plain.startswith("cfr_") else plain


def _source_name(kind: str, outside: str) -> str:
    if outside.startswith("CAPEC-"):
        return "capec"
    if outside.startswith("CVE-"):
        return "cve"
    return "mitre-attack" if kind.startswith(("mitre-", "stix-")) else kind


def _texts(value: object) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [str(one) for one in listed if one not in (None, "") and not isinstance(one, dict | list)]


def _first(value: object) -> str:
    return next(iter(_texts(value)), "")


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)
