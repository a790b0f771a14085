"""Objects of MISP of every template that has a place in STIX: what they have, what warns, what is odd."""

import random
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from tocsin.exchange.formats.mapping import Template, hash_types, tables, template

Json = Mapping[str, Any]

_VALUES = {
    "AS": "AS64500", "domain": "a.example", "hostname": "host.a.example", "ip-src": "192.0.2.1",
    "ip-dst": "2001:db8::2",
    "port": "8080", "mac-address": "12:34:56:78:9a:bc", "url": "https://a.example/b?c=d", "uri": "/b?c=d",
    "link": "https://a.example/report", "email": "a@a.example", "email-src": "b@a.example", "email-dst": "c@a.example",
    "target-email": "d@a.example", "datetime": "2026-11-28T10:20:30+00:00", "size-in-bytes": "35", "counter": "3",
    "float": "1.5", "boolean": "1", "mime-type": "text/plain", "filename": "a.exe", "regkey": r"HKLM\Software\A",
    "malware-sample": f"a.exe|{'a' * 32}", "vulnerability": "CVE-2026-1234", "cpe": "cpe:2.3:a:b:c:1:*:*:*:*:*:*:*",
    "x509-fingerprint-md5": "a" * 32, "x509-fingerprint-sha1": "b" * 40, "x509-fingerprint-sha256": "c" * 64,
    "user-agent": "Mozilla/5.0 (X)", "cookie": "a=b; c=d", "http-method": "GET",
}  # fmt: skip
_ODD = ("'", "\\", "a|b", "not so", "ü" * 40, "12", "-1", "https://a.example/ä ö", "True", "0", "1.5", "x" * 300)
_HASHES = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128, "tlsh": 70}


def template_names() -> tuple[str, ...]:
    """Of all templates that are mapped, and of the rules."""
    return (*tables()["objects"], *tables()["rules"])


def objects_of(name: str, chance: random.Random) -> Iterator[dict[str, Any]]:
    """An object with each value, with none, with each alone and without each; what warns is drawn."""
    known = template(name)
    relations = _relations(known) if known else [(name, name), ("reference", "link"), ("comment", "comment")]
    yield _object(name, [], chance)
    for warns in (0.0, 0.5, 1.0):
        yield _object(name, [_attribute(*one, warns, chance) for one in relations], chance)
    for one in relations:
        yield _object(name, [_attribute(*one, chance.choice([0, 1]), chance)], chance)
        yield _object(name, [_attribute(*two, 0.5, chance) for two in relations if two != one], chance)
    for _ in range(3):
        drawn = chance.sample(relations, chance.randint(1, len(relations)))
        yield _object(name, [{**_attribute(*one, 0.5, chance), **_odd(chance)} for one in drawn], chance)
    drawn = [*chance.sample(relations, 1), ("own-relation", "text"), ("another one", "text")]
    yield _object(name, [_attribute(*one, 0.5, chance) for one in drawn], chance)


def _relations(known: Template) -> list[tuple[str, str]]:
    hashed = [(one, one) for one in ("md5", "sha1", "ssdeep")] if known.stix in {"file", "artifact", ""} else []
    return [
        *{one.name: (one.name, one.type) for one in known.relations}.values(),
        *(one for one in hashed if known.relation(one[0])),
    ]


def _attribute(relation: str, type_: str, warns: float, chance: random.Random) -> dict[str, Any]:
    value = (
        "TCP"
        if relation == "protocol"
        else _VALUES.get(type_) or ("a" * _HASHES.get(type_, 33) if type_ in hash_types().values() else f"{relation} 1")
    )
    return {"type": type_, "object_relation": relation, "value": value, "to_ids": chance.random() < warns,
            "uuid": _uuid(chance), "timestamp": "1764300000"}  # fmt: skip


def _odd(chance: random.Random) -> dict[str, Any]:
    return {"value": chance.choice(_ODD)} if chance.random() < 0.4 else {}


def _object(name: str, attributes: list[dict[str, Any]], chance: random.Random) -> dict[str, Any]:
    return {"name": name, "meta-category": "misc", "uuid": _uuid(chance), "timestamp": "1764300000",
            "Attribute": attributes}  # fmt: skip


def _uuid(chance: random.Random) -> str:
    return str(UUID(int=chance.getrandbits(128), version=4))
