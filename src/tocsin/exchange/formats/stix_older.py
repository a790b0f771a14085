"""Observations of STIX 2.0 as those of 2.1: the objects that they hold inside stand beside them."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tocsin.exchange.formats.stix_objects import Json


def in_21(listed: list[Json]) -> Iterator[Json]:
    """The objects as STIX 2.1 has them: observations of 2.0 hold their objects inside."""
    for one in listed:
        inner = one.get("objects")
        if one["type"] != "observed-data" or not isinstance(inner, dict):
            yield one
            continue
        ids = {
            key: f"{value['type']}--{uuid5(NAMESPACE_URL, one['id'] + key)}"
            for key, value in inner.items()
            if isinstance(value, dict) and isinstance(value.get("type"), str)
        }
        made = [{**_renamed(inner[key], ids), "id": id_} for key, id_ in ids.items()]
        yield {**{name: value for name, value in one.items() if name != "objects"}, "object_refs": [*ids.values()]}
        yield from made


def _renamed(thing: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(thing, dict):
        return {
            name: ids.get(value, value)
            if name.endswith("_ref") and isinstance(value, str)
            else [ids.get(one, one) if isinstance(one, str) else one for one in value]
            if name.endswith("_refs") and isinstance(value, list)
            else _renamed(value, ids)
            for name, value in thing.items()
        }
    return [_renamed(one, ids) for one in thing] if isinstance(thing, list) else thing
