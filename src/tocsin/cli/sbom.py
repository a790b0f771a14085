"""`tocsin sbom`: what is installed with Tocsin, and under which licences."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.resources import files
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import print_table
from tocsin.node.build import build

_TABLES = files("tocsin") / "networks" / "data" / "networks.json"
_LONG = 80  # a longer licence field holds the licence's text


def sbom(call: NodeInvocation) -> None:
    """Show what is installed with Tocsin, and under which licences.

    With --json as a bill of materials in CycloneDX 1.6.
    """
    packages, data = installed("tocsin"), bundled_data(_TABLES.read_text(encoding="utf-8"))
    title = f"{len(packages)} packages, {len(data)} sets of bundled data"
    rows = [(one["name"], one["version"], _words(one)) for one in [*packages, *data]]
    call.emit(
        bill_of_materials(packages, data, now=call.now),
        lambda: print_table(title, ("name", "version", "licence"), rows),
    )


def installed(root: str) -> list[dict[str, Any]]:
    """Components of CycloneDX: the package ``root`` first, then all that it needs by name, each with ``needs``.

    Packages of its optional parts count where they are installed.

    Raises:
        PackageNotFoundError: ``root`` is not installed.

    """
    first = distribution(root)
    todo = [(first, frozenset(first.metadata.get_all("Provides-Extra", [])))]
    needs: dict[tuple[str, frozenset[str]], list[str]] = {}
    found: dict[str, Distribution] = {}
    while todo:
        one, extras = todo.pop()
        if (_purl(one), extras) not in needs:
            needed = list(_needed(one, extras))
            needs[_purl(one), extras] = [_purl(other) for other, _ in needed]
            found[_purl(one)] = one
            todo += needed
    by_name = sorted(found.values(), key=lambda one: (one is not first, one.name.lower()))
    return [
        _component("library" if one is not first else "application", one.name, one.version, _purl(one), _licence(one))
        | {"needs": sorted({ref for (purl, _), refs in needs.items() if purl == _purl(one) for ref in refs})}
        for one in by_name
    ]


def bundled_data(tables: str) -> list[dict[str, Any]]:
    """The sets of data that the bundled network tables were made from, each once; ``tables`` describes them (JSON)."""
    seen = {(source["package"], source["version"]): source["licence"] for source in json.loads(tables)["sources"]}
    return [
        _component(
            "data", name, version, f"pkg:npm/{name.replace('@', '%40')}@{version}", {"license": {"name": licence}}
        )
        for (name, version), licence in seen.items()
    ]


def bill_of_materials(
    packages: Sequence[Mapping[str, Any]], data: Sequence[Mapping[str, Any]], *, now: datetime
) -> dict[str, Any]:
    """The CycloneDX 1.6 document of packages, the first of which is the application, and of its data (ECMA-424).

    The serial number follows from the content, so that the same installation has the same.
    """
    application, *listed = ({name: one[name] for name in one if name != "needs"} for one in [*packages, *data])
    of = {"commit": build().commit, "date": build().made, "network-tables": build().tables}
    application["properties"] = [{"name": f"tocsin:{name}", "value": str(value)} for name, value in of.items() if value]
    needs = {one["purl"]: one["needs"] for one in packages}
    needs[application["purl"]] = [*needs[application["purl"]], *(one["purl"] for one in data)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid5(NAMESPACE_URL, json.dumps([application, listed], sort_keys=True)).urn,
        "version": 1,
        "metadata": {"timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "component": application},
        "components": listed,
        "dependencies": [{"ref": purl, "dependsOn": of} for purl, of in needs.items()],
    }


def _component(kind: str, name: str, version: str, purl: str, licence: Mapping[str, Any]) -> dict[str, Any]:
    known = {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return {**known, "licenses": [licence]} if licence else known


def _words(component: Mapping[str, Any]) -> str:
    licences = [one.get("expression") or one["license"]["name"] for one in component.get("licenses", [])]
    return ", ".join(licences) or "not stated"


def _licence(one: Distribution) -> dict[str, Any]:
    """An SPDX expression, else the package's own words (core metadata before PEP 639); empty where it says nothing."""
    said = {
        name: (one.metadata[name] or "").strip() for name in ("License-Expression", "License") if name in one.metadata
    }
    if expression := said.get("License-Expression"):
        return {"expression": expression}
    words = said.get("License", "")
    if not words or len(words) > _LONG or "\n" in words:
        classifiers = [text for text in one.metadata.get_all("Classifier", []) if text.startswith("License :: ")]
        words = " or ".join(text.rpartition(" :: ")[2] for text in classifiers)
    return {"license": {"name": words}} if words else {}


def _needed(one: Distribution, extras: frozenset[str]) -> Iterator[tuple[Distribution, frozenset[str]]]:
    from packaging.requirements import Requirement

    for requirement in map(Requirement, one.requires or ()):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            try:
                yield distribution(requirement.name), frozenset(requirement.extras)
            except PackageNotFoundError:
                continue  # of an optional part that is not installed


def _purl(one: Distribution) -> str:
    """Its package URL; names in the normal form of PEP 503."""
    return f"pkg:pypi/{one.name.lower().replace('_', '-').replace('.', '-')}@{one.version}"
