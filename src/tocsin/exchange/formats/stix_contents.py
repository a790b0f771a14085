"""What STIX objects and patterns say as observables and their groups; which is what is in ``mapping.toml``.

STIX that MISP's converter or this one wrote has labels with the types of MISP (``misp:type="ip-src"``); others' has
none, and an object is then what its type says.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from tocsin.exchange.formats.mapping import (
    Relation,
    Template,
    attribute_paths,
    default_category,
    is_attribute_type,
    path_key,
    tables,
    template,
)
from tocsin.exchange.formats.model import Link, Observable, ObservableGroup
from tocsin.exchange.formats.stix_comparisons import Pattern
from tocsin.exchange.formats.stix_objects import (
    Json,
    flattened,
    reached,
    read_time,
    references_in,
    referred,
    referred_type,
)
from tocsin.exchange.formats.stix_observables import own_name

_LABEL: Final = re.compile(r'misp:([\w-]+)="(.*)"', re.DOTALL)
_DEFAULTS: Final = {("body_multipart.content_disposition", "attachment")} | {
    (f"extensions.{part}.{name}", value)
    for part, text in tables()["defaults"].items()
    for name, _, value in [text.partition("=")]
}
"""What is said of a thing where nothing is known, and of each file that is attached to a mail."""

_CONTENT: Final = (":content_ref", ":x_misp_attachment", ":content_ref.payload_bin")
_WRAPPING: Final = {
    "mime_type": "application/zip",
    "encryption_algorithm": "mime-type-indicated",
    "decryption_key": "infected",
}
"""What MISP says of each sample beside its bytes."""


def misp_labels(thing: Json) -> dict[str, str]:
    """What the labels of an object say of MISP: ``type``, ``name``, ``category``, ``meta-category``, ``to_ids``."""
    labels = thing.get("labels")
    found = [_LABEL.fullmatch(one) for one in labels if isinstance(one, str)] if isinstance(labels, list) else []
    return {one[1]: one[2] for one in found if one}


@dataclass(frozen=True, slots=True)
class Content:
    """What STIX objects say: a value, a group, or entries of a group beside it; ``missed``: what has no place."""

    observable: Observable | None = None
    group: ObservableGroup | None = None
    links: tuple[Link, ...] = ()
    entries: tuple[ObservableGroup, ...] = ()
    missed: tuple[str, ...] = ()


def content_of_objects(
    objects: Mapping[str, Json], ids: Iterable[str], labels: Mapping[str, str], uuid: str
) -> list[Content]:
    """What the objects of an observation say: one thing where labels name it, else one for each that can stand alone.

    Addresses and names that another object refers to belong to that one; files, processes and the like are things
    of their own, linked.
    """
    there = [objects[one] for one in ids if one in objects]
    named = bool(labels.get("type") or (labels.get("name") and template(labels["name"])))
    near = objects if named else {id_: one for id_, one in reached(objects, there).items() if not is_group(one)}
    inner = referred(near, there)
    roots = [one for one in there if one["id"] not in inner] or there[:1]
    pairs = [(one["type"], list(flattened(near, one))) for one in roots]
    if labels.get("type"):
        said = [(f"{type_}:{path}", value) for type_, found in pairs for path, value in found]
        return [Content(observable=_labelled(labels["type"], said, uuid))]
    if labels.get("name") and (known := template(labels["name"])):
        values = dict.fromkeys(pair for _, found in pairs for pair in found)
        return [_group_of(known, list(values), uuid, root=roots[0])] if roots else []
    return [
        replace(_alone(type_, said, root), links=tuple(_links(objects, root)))
        for (type_, said), root in zip(pairs, roots, strict=True)
        if type_ in tables()["alone"]
    ]


def is_group(one: Json) -> bool:
    """Whether an object that stands alone is a group of values."""
    return str(tables()["alone"].get(one["type"], "")).startswith("object ") and one["type"] != "autonomous-system"


def _links(objects: Mapping[str, Json], root: Json) -> Iterator[Link]:
    """Links to the objects that it refers to and that stand for themselves."""
    kinds = {"parent_directory_ref": "contained-in", "encapsulates_refs": "encapsulates", "parent_ref": "child-of"}
    for name, target in references_in(root):
        if target in objects and is_group(objects[target]):
            source, to = (one.partition("--")[2] for one in (root["id"], target))
            yield Link(source, kinds.get(name, "contains"), to)


def content_of_pattern(pattern: Pattern, labels: Mapping[str, str], uuid: str) -> list[Content]:
    """What a pattern looks for: one thing where all must hold, else one for each comparison.

    What is missed of a thing makes it less than the pattern: whoever reads it never takes it for the whole.
    """
    pairs = list(_with_samples(_without_types((one.path, one.value) for one in pattern.comparisons)))
    if labels.get("type"):
        return [_all_indicators(_labelled_whole(labels["type"], pairs, uuid))]
    if labels.get("name") and (known := template(labels["name"])):
        return [_all_indicators(_group_looked_for(known, pairs, uuid))]
    if pattern.whole:
        return [_all_indicators(_looked_for(pairs, uuid))]
    return [_all_indicators(_looked_for([pair], str(uuid5(UUID(uuid), "\n".join(pair))))) for pair in pairs]


def _without_types(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs but for the types of addresses, which their values show."""
    given = list(pairs)
    shown = {f"{path.removesuffix('.value')}.type" for path, _ in given if path.endswith(".value")}
    return [pair for pair in given if pair[0] not in shown]


def _with_samples(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The pairs, where what is said of a file's content is one: the name and MD5 of a sample, or of an attachment."""
    said: dict[str, tuple[str, str]] = {}
    for path, value in [*pairs, ("", "")]:
        _, found, name = path.partition(":content_ref.")
        if said and (not found or name in said):
            yield from _sample(said)
            said = {}
        if found:
            said[name] = (path, value)
        elif path.endswith(".value") and ":x_misp_" in path:
            yield path.removesuffix(".value"), value
        elif path and not (path.endswith(".data") and ":x_misp_" in path):  # bytes are left out
            yield path, value


def _sample(said: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """One pair for a sample or an attachment, whose bytes and wrapping are left out; all else as it is."""
    type_ = next(iter(said.values()))[0].partition(":")[0]
    name, md5 = said.get("x_misp_filename"), said.get("hashes.md5")
    used = {"x_misp_filename", "payload_bin"} if name else set()
    if name and md5:
        used |= {"hashes.md5", *(part for part, value in _WRAPPING.items() if said.get(part, ("", ""))[1] == value)}
        yield f"{type_}:content_ref", f"{name[1]}|{md5[1]}"
    elif name:
        yield f"{type_}:x_misp_attachment", name[1]
    yield from (pair for part, pair in said.items() if part not in used)


def _labelled_whole(type_: str, pairs: list[tuple[str, str]], uuid: str) -> Content:
    """The attribute of that type; missed are the pairs that it has no part for."""
    own = {path_key(one.partition("=")[0]) for one in attribute_paths(type_)} or {""}
    there = {path_key(path) for path, _ in pairs}
    other = [path for path, _ in pairs if path_key(path) not in own and not path.endswith(_CONTENT)]
    return Content(
        observable=_labelled(type_, pairs, uuid), missed=tuple(other) if len(other) > len(own - there) else ()
    )


def _looked_for(pairs: list[tuple[str, str]], uuid: str) -> Content:
    """An attribute where its paths are just these, else a group by the type of the first."""
    alone = tables()["alone"].get(pairs[0][0].partition(":")[0], "")
    paths = tuple(path for path, _ in pairs)
    if alone and not alone.startswith("object ") and [one.rpartition(":")[2] for one in paths] == ["value"]:
        return Content(observable=Observable(alone, pairs[0][1], uuid, category=default_category(alone)))
    exact = next((type_ for type_, ways in _types_by_paths() if ways == paths), "")
    if exact:
        return Content(
            observable=Observable(exact, "|".join(value for _, value in pairs), uuid, category=default_category(exact))
        )
    known = template(alone.removeprefix("object ")) if alone.startswith("object ") else template("domain-ip")
    if known is None:
        return Content(missed=paths)
    return _group_looked_for(known, pairs, uuid)


def _group_looked_for(known: Template, pairs: list[tuple[str, str]], uuid: str) -> Content:
    """The group in which all pairs hold; missed are those of other objects than the template's, too."""
    prefix = f"{known.stix}:"
    found = _group_of(
        known, [(path.removeprefix(prefix), value) for path, value in pairs if path.startswith(prefix)], uuid
    )
    return replace(found, missed=(*found.missed, *(path for path, _ in pairs if not path.startswith(prefix))))


def _types_by_paths() -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from ((type_, (path,)) for type_, path in tables()["read"].items())
    for type_ in (*tables()["hashes"], *tables()["attributes"], *(f"filename|{one}" for one in tables()["hashes"])):
        yield type_, attribute_paths(type_)


def _all_indicators(found: Content) -> Content:
    group = found.group
    return replace(
        found,
        observable=replace(found.observable, indicator=True) if found.observable else None,
        group=_warned(group) if group else None,
        entries=tuple(_warned(one) for one in found.entries),
    )


def _warned(group: ObservableGroup) -> ObservableGroup:
    return replace(group, observables=tuple(replace(one, indicator=True) for one in group.observables))


def _labelled(type_: str, pairs: list[tuple[str, str]], uuid: str) -> Observable:
    """The attribute of that type: its parts where its paths say, else the values that are left in their order."""
    paths = attribute_paths(type_)
    always = {value for one in paths for _, equals, value in [one.partition("=")] if equals}
    left = [
        (path, value)
        for path, value in pairs
        if value not in always and not path.endswith((":protocols", ".type", ".payload_bin", ":content_ref"))
    ]
    values: dict[str, str] = {}
    wanted = [one for one in paths if "=" not in one] or [""]
    for path in wanted:
        if found := next((pair for pair in left if path_key(pair[0]) == path_key(path)), None):
            values[path] = found[1]
            left.remove(found)
    rest = iter(value for _, value in left)
    value = "|".join(values[path] if path in values else next(rest, "") for path in wanted).strip("|")
    return Observable(type_, _as_misp(type_, value), uuid, category=default_category(type_))


def _alone(type_: str, pairs: list[tuple[str, str]], root: Json) -> Content:
    """What an object without labels is."""
    kind, uuid = tables()["alone"][type_], str(root["id"]).partition("--")[2]
    if not kind.startswith("object "):
        simple = [pair for pair in pairs if "." not in pair[0]]
        if len(simple) == len(pairs):
            value = str(root.get("value", root.get("name", "")))
            return Content(observable=Observable(kind, value, uuid, category=default_category(kind)))
        kind = "object domain-ip"
    known = template(kind.removeprefix("object "))
    if known is None or (type_ in {"ipv4-addr", "ipv6-addr", "email-addr"}):
        kind = tables()["alone"][type_]
        return Content(observable=Observable(kind, str(root.get("value", "")), uuid, category=default_category(kind)))
    return _group_of(known, pairs, uuid, root=root, external=True)


def _group_of(
    known: Template, pairs: list[tuple[str, str]], uuid: str, *, root: Json | None = None, external: bool = False
) -> Content:
    """The group whose template has a relation for each path; what it has none for is missed."""
    used: Counter[str] = Counter()
    found: list[Observable] = []
    entries: dict[str, list[tuple[str, str]]] = {}
    missed: list[str] = []
    always = {*known.always, *_DEFAULTS}
    observed = root is not None and root.get("type") == "network-traffic" and known.name != "network-traffic"
    framed = {"ipv4", "ipv6", *(["tcp"] if observed and "tcp-ext" in str(root) else [])} if observed else set()
    for path, value in _with_names(known, [*pairs, *_referenced(known, root)]):
        if not value or (path, value) in always or (path == "protocols" and value in framed):
            continue
        inner = next(
            (
                name
                for name, text in tables()["embedded"].items()
                if text.split()[0] == known.name and path.startswith(f"{text.split()[1]}.")
            ),
            "",
        )
        if inner and (inner != "registry-key-value" or _many(pairs, "values.")):
            entries.setdefault(inner, []).append(
                (path.removeprefix(f"{tables()['embedded'][inner].split()[1]}."), value)
            )
            continue
        relation = _relation_at(known, path, value, used)
        if relation is None:
            missed.append(f"{known.stix}: {path}")
        else:
            found.append(_member(relation, value, uuid, len(found), external=external, known=known))
    if root is not None and known.contact and (text := root.get("contact_information")):
        found += [
            _member(_contact_relation(name), value, uuid, number, known=known)
            for number, (name, value) in enumerate(_contacts(str(text)))
        ]
    made = ObservableGroup(known.name, tuple(found), uuid, known.category)
    return Content(group=made, entries=tuple(_entries(entries, uuid)), missed=tuple(dict.fromkeys(missed)))


def _with_names(known: Template, pairs: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The pairs, where the name of a person is the first and the last name that it was made of."""
    full = any(path == "x_misp_full_name" for path, _ in pairs)
    for path, value in pairs:
        first, space, last = value.partition(" ")
        if path != "name" or not known.names or known.at("name"):
            yield path, value
        elif not full and not any(name == "x_misp_first_name" for name, _ in pairs):
            yield from [("x_misp_first_name", first), *([("x_misp_last_name", last)] if space else [])]


def _relation_at(known: Template, path: str, value: str, used: Counter[str]) -> Relation | None:
    """The relation of a path: the next one where several share it; a name where an address is expected is a host."""
    there = known.at(path)
    hosts = [one for one in known.relations if one.type in {"hostname", "domain"}]
    if path.endswith(("dst_ref.value", "src_ref.value")) and referred_type("ip", value) == "domain-name":
        side = "src" if "src_ref" in path else "dst"
        there = tuple(one for one in hosts if side in one.name) or tuple(hosts if side == "dst" else ())[:1]
    elif path == "value" and not there:
        there = tuple(one for one in hosts if "src" not in one.name)[:1]
    elif (
        path.endswith("request_value") and value.startswith(("http://", "https://")) and (url := known.relation("url"))
    ):
        there = (url,)
    name = path.rpartition(".")[2]
    if not there and name.startswith("x_misp_") and not path.startswith("content_ref"):
        own = name.removeprefix("x_misp_").replace("_", "-")
        there = (
            next((replace(one, path=path) for one in known.relations if own_name(one.name) == name), None)
            or Relation(own, own if is_attribute_type(own) else "text", path),
        )
    used[path] += 1
    return there[min(used[path], len(there)) - 1] if there else None


def _member(
    relation: Relation, value: str, uuid: str, number: int, *, known: Template, external: bool = False
) -> Observable:
    type_ = relation.type
    if relation.path == "protocols" and known.name != "network-traffic":
        value = value.upper()
    elif relation.path == "protocols":
        value = value.upper() if external else value
    if relation.path == "precision":
        value = str(float(value) / 1000)
    if relation.name == "state" and relation.path.endswith("is_listening"):
        value = "listening" if value.lower() == "true" else "closed"
    made = str(uuid5(UUID(uuid), f"{relation.name}\n{value}\n{number}"))
    return Observable(type_, _as_misp(type_, value), made, relation=relation.name, category=default_category(type_))


def _as_misp(type_: str, value: str) -> str:
    if type_ == "AS" and value.isdecimal():
        return f"AS{value}"
    when = read_time(value) if type_ == "datetime" else None
    return when.isoformat() if when else value


def _entries(entries: Mapping[str, list[tuple[str, str]]], uuid: str) -> Iterator[ObservableGroup]:
    """A group for each entry of a list: a path that comes again begins the next one."""
    for name, pairs in entries.items():
        known = template(name)
        rows: list[list[tuple[str, str]]] = [[]]
        for path, value in pairs:
            if any(path == there for there, _ in rows[-1]):
                rows.append([])
            rows[-1].append((path, value))
        for number, row in enumerate(rows):
            made = str(uuid5(UUID(uuid), f"{name}\n{number}"))
            found = [
                _member(relation, value, made, place, known=known)
                for place, (path, value) in enumerate(row)
                if known and (relation := _relation_at(known, path, value, Counter()))
            ]
            yield ObservableGroup(name, tuple(found), made, known.category if known else "file")


def _many(pairs: list[tuple[str, str]], prefix: str) -> bool:
    counted = Counter(path for path, _ in pairs if path.startswith(prefix))
    return any(count > 1 for count in counted.values())


def _referenced(known: Template, root: Json | None) -> Iterator[tuple[str, str]]:
    """(path, value) of the references to the outside of an entity."""
    for one in (root or {}).get("external_references", []) if root else []:
        if not isinstance(one, dict):
            continue
        if one.get("external_id"):
            path = f"external_id.{one.get('source_name')}"
            if known.at(path):
                yield path, str(one["external_id"]).removeprefix("CAPEC-")
        elif one.get("url"):
            yield "url", str(one["url"])


def _contacts(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(" / "):
        name, colon, values = part.partition(": ")
        if colon:
            yield from ((name, value) for value in values.split("; "))


def _contact_relation(name: str) -> Relation:
    types = {
        "phone-number": "phone-number",
        "website": "link",
        "link": "link",
        "e-mail": "email-src",
        "email-address": "target-email",
    }
    return Relation(name, types.get(name, "text"), "")


def merged_values(before: Sequence[Observable], said: Sequence[Observable], *, warn: bool) -> tuple[Observable, ...]:
    """The values of a group with those that another object says of it, which also says which of them warn."""
    there = {_place(one) for one in before}
    known = {one.value.casefold() for one in before}
    given = [one for one in said if one.indicator and warn]
    # Each warns once; under no relation those of another one, where two of them share a path.
    left = Counter(place if (place := _place(one)) in there else ("", place[1]) for one in given)
    found: list[Observable] = []
    for one in before:
        place = _place(one) if left[_place(one)] else ("", one.value.casefold())
        left[place] -= 1
        found.append(replace(one, indicator=one.indicator or left[place] >= 0))
    return (*found, *(one for one in said if one.value.casefold() not in known))


def _place(one: Observable) -> tuple[str, str]:
    return one.relation, one.value.casefold()


def unwarned(content: Content) -> Content:
    """What was said and revoked: none of it warns."""
    group = content.group
    values = tuple(replace(one, indicator=False) for one in group.observables) if group else ()
    return replace(content, group=replace(group, observables=values) if group else None, entries=())


def rule_group(name: str, one: Json, text: str, uuid: str) -> Content:
    """A rule with what is said of it."""
    relation = "raw-rule" if name == "nova-rule" else name
    title = _said(one.get("name"))
    said = [
        (
            relation,
            name if name in tables()["attributes"] or name in {"sigma", "snort", "suricata", "yara"} else "text",
            text,
        ),
        ("rule-name" if name.endswith("-rule") else f"{name}-rule-name", "text", title if title != name else ""),
        ("comment", "comment", _said(one.get("description"))),
        ("version", "text", _said(one.get("pattern_version"))),
        *(
            ("reference" if name == "sigma" else "ref", "link", _said(ref.get("url")))
            for ref in one.get("external_references") or []
            if isinstance(ref, dict)
        ),
        *(
            (key.removeprefix("x_misp_").replace("_", "-"), "text", _said(value))
            for key, value in one.items()
            if key.startswith("x_misp_")
        ),
    ]
    values = tuple(
        Observable(
            type_,
            value,
            str(uuid5(NAMESPACE_URL, f"{uuid}\n{place}")),
            relation=place,
            category=default_category(type_),
            indicator=place == relation and misp_labels(one).get("to_ids") != "False",
        )
        for place, type_, value in said
        if value
    )
    return Content(group=ObservableGroup(name, values, uuid, misp_labels(one).get("meta-category", "misc")))


def _said(value: object) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)
