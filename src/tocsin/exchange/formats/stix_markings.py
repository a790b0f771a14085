"""Markings in STIX: TLP 2.0 by the extension and its five fixed objects, TLP 1 as it was, PAP and IEP by their drafts.

Source: cti-stix-common-objects (OASIS), extension-definition-specifications; STIX 2.1, section 7.2.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from tocsin.exchange.formats.markings import NOT_MARKED, Markings, read_iep, read_label, stricter
from tocsin.sharing.gate import Pap, Tlp

_TLP: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
_PAP: Final = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b"
_IEP: Final = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
EXTENSIONS: Final = frozenset((_TLP, _PAP, _IEP))

_OF_TLP: Final = {
    Tlp.CLEAR: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    Tlp.GREEN: "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    Tlp.AMBER: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    Tlp.AMBER_STRICT: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    Tlp.RED: "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
_OF_PAP: Final = {
    Pap.CLEAR: ("marking-definition--ad15a0cd-55b6-4588-a14c-a66105329b92", "2022-10-01T00:00:00.000Z"),
    Pap.GREEN: ("marking-definition--c43594d1-4b11-4c59-93ab-1c9b14d53ce9", "2022-10-09T00:00:00.000Z"),
    Pap.AMBER: ("marking-definition--60f8932b-e51e-4458-b265-a2e8be9a80ab", "2022-10-02T00:00:00.000Z"),
    Pap.RED: ("marking-definition--740d36e5-7714-4c30-961a-3ae632ceee0e", "2022-10-06T00:00:00.000Z"),
}
_FIXED: Final[Mapping[str, Markings]] = {
    **{id_: Markings(tlp=tlp) for tlp, id_ in _OF_TLP.items()},
    **{id_: Markings(pap=pap) for pap, (id_, _) in _OF_PAP.items()},
    "marking-definition--a3bea94c-b469-41dc-9cfe-d6e7daba7730": Markings(pap=Pap.CLEAR),
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": Markings(tlp=Tlp.CLEAR),
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": Markings(tlp=Tlp.GREEN),
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": Markings(tlp=Tlp.AMBER),
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Markings(tlp=Tlp.RED),
}
"""Objects of which everybody knows what they say; TLP 1 comes last (STIX 2.1, section 7.2.1.4)."""

_CREATED: Final = "2022-10-01T00:00:00.000Z"
_GROUP: Final = "Limited to sharing group "


def definitions(markings: Markings) -> list[dict[str, Any]]:
    """The marking definitions that say all of it; an object refers to each."""
    made = []
    if markings.tlp:
        made.append(_extended(_OF_TLP[markings.tlp], f"TLP:{markings.tlp}", _TLP, {"tlp_2_0": markings.tlp.lower()}))
    if markings.pap:
        id_, created = _OF_PAP[markings.pap]
        made.append(_extended(id_, f"PAP:{markings.pap}", _PAP, {"pap": markings.pap.lower()}) | {"created": created})
    if markings.iep:
        said = {name.replace("attribution", "provider_attribution"): value for name, value in markings.iep}
        version = said.pop("iep_version", "2.0")
        body = {**said, "iep_version": float(version) if version.replace(".", "", 1).isdigit() else 2.0}
        made.append(_extended(_derived(str(markings.iep)), "IEP data marking", _IEP, body))
    statements = [*([f"{_GROUP}{markings.group}"] if markings.group else []), *markings.statements]
    made += [
        {
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": _derived(one),
            "created": _CREATED,
            "definition_type": "statement",
            "definition": {"statement": one},
        }
        for one in statements
    ]
    return made


def read_markings(
    thing: Mapping[str, Any], objects: Mapping[str, Mapping[str, Any]]
) -> tuple[Markings, tuple[str, ...]]:
    """What an object is marked with, and what of that was not understood, which counts as RED.

    Marks of single properties hold for the whole object.
    """
    parts = thing.get("granular_markings")
    granular = [one.get("marking_ref") for one in parts if isinstance(one, dict)] if isinstance(parts, list) else []
    refs = thing.get("object_marking_refs")
    found = [NOT_MARKED]
    missed: list[str] = []
    for ref in dict.fromkeys(str(one) for one in [*(refs if isinstance(refs, list) else []), *granular]):
        one = _FIXED.get(ref) or _defined(objects.get(ref, {}))
        if one is None:
            missed.append(f"A marking that is not known, read as RED: {ref}")
        found.append(one or Markings(tlp=Tlp.RED))
    return stricter(*found), tuple(missed)


def _defined(definition: Mapping[str, Any]) -> Markings | None:
    """What a definition says; None: it is not there, or nothing of it is known."""
    extensions = definition.get("extensions")
    extensions = extensions if isinstance(extensions, dict) else {}
    body = definition.get("definition")
    body = body if isinstance(body, dict) else {}
    labels = [f"tlp:{label}" for label in (_member(extensions, _TLP, "tlp_2_0"), body.get("tlp")) if label] + (
        [f"pap:{label}"] if (label := _member(extensions, _PAP, "pap")) else []
    )
    name = definition.get("name") if not labels else None
    found = [read_label(one) for one in [*labels, *([name] if isinstance(name, str) else [])]]
    if isinstance(policy := extensions.get(_IEP), dict):
        found.append(read_iep({key: value for key, value in policy.items() if key != "extension_type"}))
    if isinstance(statement := body.get("statement"), str):
        group = statement.removeprefix(_GROUP)
        found.append(Markings(group=group) if group != statement else Markings(statements=(statement,)))
    said = [one for one in found if one]
    return stricter(*said) if said else None


def _member(extensions: Mapping[str, Any], id_: str, name: str) -> str:
    one = extensions.get(id_)
    return str(one.get(name) or "") if isinstance(one, dict) else ""


def _extended(id_: str, name: str, extension: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": id_,
        "created": _CREATED,
        "name": name,
        "extensions": {extension: {"extension_type": "property-extension", **body}},
    }


def _derived(text: str) -> str:
    return f"marking-definition--{uuid5(NAMESPACE_URL, text)}"


def references(definitions_: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The property by which an object refers to its definitions; none where it has none."""
    ids = [str(one["id"]) for one in definitions_]
    return {"object_marking_refs": ids} if ids else {}
