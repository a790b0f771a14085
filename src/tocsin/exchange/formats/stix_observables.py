"""Observables and their groups as STIX objects and patterns; which is what is in ``mapping.toml``."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tocsin.exchange.formats.mapping import (
    Template,
    attribute_paths,
    tables,
    template,
)
from tocsin.exchange.formats.model import Observable, ObservableGroup
from tocsin.exchange.formats.stix_comparisons import Comparison, write_pattern
from tocsin.exchange.formats.stix_objects import (
    Json,
    ObjectBuilder,
    fits,
    read_time,
    referred_type,
    stix_time,
)

_ADDRESS: Final = "ip:value"
_LONGEST_NAME: Final = 200  # characters
ATTACHED: Final = ("attachment", "malware-sample")
"""Types of attributes whose bytes are left out."""


def observable_objects(one: Observable) -> list[Json]:
    """The STIX objects of one value; empty: STIX has no place for it."""
    parts = list(_parts(one, attribute_paths(one.type)))
    if not parts:
        return []
    builder = ObjectBuilder(parts[0][0].partition(":")[0], one.id)
    for path, value in parts:
        if not builder.put(path.partition(":")[2], value, one.id):
            return []
    return builder.finished()


def observable_pattern(one: Observable) -> str:
    """The pattern that matches one value; empty: STIX has none for it."""
    parts = list(_parts(one, attribute_paths(one.type)))
    return write_pattern(Comparison(*part) for part in parts) if parts and all(fits(*part) for part in parts) else ""


def _parts(one: Observable, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(path, value) of each part of a value; ``path=value`` is always so."""
    free = [path for path in paths if "=" not in path]
    values = iter(one.value.split("|", max(len(free) - 1, 0)))
    for path in paths:
        name, equals, always = path.partition("=")
        value = always if equals else next(values, "")
        if value:
            yield (f"{referred_type('ip', value)}:value" if name == _ADDRESS else name), value


def group_objects(group: ObservableGroup, entries: Sequence[ObservableGroup] = ()) -> list[Json]:
    """The STIX objects of a group, root first, with groups that belong into it; empty: STIX has no place for it."""
    known = template(group.name)
    if known is None or not known.stix:
        return []
    builder = ObjectBuilder(known.stix, group.id)
    for path, value in known.always:
        builder.put(path, value)
    broken = _broken_parts(group, known, entries)
    # Addresses before the names that belong to them.
    for one in sorted(group.observables, key=lambda one: one.relation.endswith("-display-name")):
        _put(builder, known, one, broken)
    for entry in entries:
        _, path = tables()["embedded"][entry.name].split()
        builder.add_entry(path, (_entry(entry, one) for one in entry.observables))
    _name_person(builder.root, known, group)
    if known.stix == "file" and "hashes" not in builder.root and known.inside:
        name = next((one.value for one in group.observables if one.type == "filename"), "")
        builder.root |= {"name": name} if name else {}
    if known.stix == "network-traffic" and "protocols" not in builder.root:
        addresses = [one["type"].removesuffix("-addr") for one in builder.objects if one["type"].startswith("ipv")]
        builder.root["protocols"] = addresses[:1] or ["tcp"]
    return builder.finished()


def _broken_parts(group: ObservableGroup, known: Template, entries: Sequence[ObservableGroup]) -> tuple[str, ...]:
    """The beginnings of paths that lack what STIX asks for beside them."""
    found = [(one, known.relation(one.relation)) for one in group.observables]
    said = {way.path for one, way in found if way and fits(f"{known.stix}:{way.path}", one.value)}
    inside = f"{known.inside}."
    own = entries or any(
        path.startswith(inside) and not path.rpartition(".")[2].startswith(("pe_type", "x_misp_")) for path in said
    )
    return (
        *(part for part, beside in tables()["whole"].items() if not said.issuperset(beside.split())),
        *([] if own or not known.inside else [inside]),
    )


def _put(builder: ObjectBuilder, known: Template, one: Observable, broken: tuple[str, ...]) -> None:
    relation = known.relation(one.relation)
    own = own_name(one.relation)
    path = relation.path if relation else f"{known.inside}.{own}".lstrip(".")
    if one.relation in known.contact:
        before = builder.root.get("contact_information", "")
        builder.root["contact_information"] = _with_contact(before, one)
    elif path.startswith(broken):
        builder.add_own(own, _own_value(one))
    elif (path.startswith("external_id.") or path == "url") and fits(_form_of(path), one.value):
        builder.root.setdefault("external_references", []).append(_reference(path, one.value))
    elif path == "content_ref":
        builder.add_own("x_misp_malware_sample", {"value": one.value})
    elif one.type in ATTACHED and not path.startswith("body_multipart"):
        builder.add_own(own, {"value": one.value})
    elif path.rpartition(".")[2].startswith("x_misp_") and "_ref" not in path:
        builder.add_own(path, _own_value(one))
    elif not builder.put(path, one.value, one.id):
        builder.add_own(own, _own_value(one))


def _form_of(path: str) -> str:
    """The place whose form a reference to the outside has."""
    return "url:value" if path == "url" else path.replace(".", ":")


def _own_value(one: Observable) -> str:
    when = read_time(one.value) if one.type == "datetime" else None
    return stix_time(when).replace(".000Z", "Z") if when else one.value


def _entry(entry: ObservableGroup, one: Observable) -> tuple[str, str]:
    known = template(entry.name)
    relation = known.relation(one.relation) if known else None
    return (relation.path if relation else f"x_misp_{one.relation.replace('-', '_')}"), one.value


def _name_person(root: Json, known: Template, group: ObservableGroup) -> None:
    values = {one.relation: one.value for one in group.observables}
    made = " ".join(values[name] for name in known.names if name in values)
    made = made or " ".join(values[name] for name in ("first-name", "last-name") if name in values)
    if known.stix == "identity" and made:
        root.setdefault("name", made)
        if "full-name" not in values and {"first-name", "last-name"} & set(values):
            root.pop("x_misp_first_name", None)
            root.pop("x_misp_last_name", None)


def _with_contact(before: str, one: Observable) -> str:
    lines = dict(part.split(": ", 1) for part in before.split(" / ") if ": " in part)
    lines[one.relation] = f"{lines[one.relation]}; {one.value}" if one.relation in lines else one.value
    return " / ".join(f"{name}: {value}" for name, value in lines.items())


def _reference(path: str, value: str) -> dict[str, str]:
    if path == "url":
        return {"source_name": "url", "url": value}
    source = path.removeprefix("external_id.")
    return {
        "source_name": source,
        "external_id": f"CAPEC-{value}" if source == "capec" and value.isdecimal() else value,
    }


def group_pattern(group: ObservableGroup, entries: Sequence[ObservableGroup] = ()) -> str:
    """The pattern in which all indicators of the group hold; empty: STIX has none for them."""
    known = template(group.name)
    if known is None or not known.stix or known.stix not in tables()["alone"]:
        return ""
    found = list(_warning(group, known, f"{known.stix}:"))
    for entry in entries:
        if inner := template(entry.name):
            found += _warning(entry, inner, f"{known.stix}:{tables()['embedded'][entry.name].split()[1]}.")
    always = [Comparison(f"{known.stix}:{path}", value) for path, value in known.always if path != "protocols"]
    return write_pattern([*always, *found]) if found else ""


def _warning(group: ObservableGroup, known: Template, prefix: str) -> Iterator[Comparison]:
    """What each value that warns is compared with: none is left out, since the rest would warn of more."""
    for one in group.observables:
        relation = known.relation(one.relation)
        name, _, md5 = one.value.partition("|")
        if not one.indicator:
            continue
        if one.type == "malware-sample":
            yield Comparison(f"{prefix}content_ref.x_misp_filename", name)
            yield from [Comparison(f"{prefix}content_ref.hashes.md5", md5)] if md5 else []
        elif one.type in ATTACHED:
            yield Comparison(f"{prefix}{own_name(one.relation)}.value", one.value)
        elif relation and fits(f"{prefix}{relation.path}", one.value):
            yield Comparison(f"{prefix}{relation.path}", one.value)
        else:
            inside = f"{known.inside}." if known.inside else ""
            yield Comparison(f"{prefix}{inside}{own_name(one.relation)}", one.value)


def own_name(relation: str) -> str:
    """The property of our own for a relation that STIX has none for."""
    name = f"x_misp_{re.sub('[^a-z0-9]+', '_', relation.lower())}"
    return f"{name}_text" if name.endswith(("_bin", "_hex")) else name  # STIX has bytes in those (section 3.1)


def indicator_name(one: Observable | ObservableGroup) -> str:
    """What others' programs show of an indicator: the value that it looks for, or the kind of rule that it is."""
    if isinstance(one, ObservableGroup):
        warns = "" if one.name in tables()["rules"] else next((it.value for it in one.observables if it.indicator), "")
        text = f"{one.name}: {warns}" if warns else one.name
    else:
        text = one.type if one.type in tables()["rules"] else one.value
    return text[:_LONGEST_NAME]
