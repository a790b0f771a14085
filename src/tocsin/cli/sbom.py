"""`tocsin sbom`: what is installed with Tocsin, and under which licences."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.resources import files
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface.output import print_table

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_ROOT = "tocsin"
_TABLES = files("tocsin") / "networks" / "data" / "networks.json"
_NOT_STATED = "not stated"
_LONG = 80  # a longer licence field holds the licence's text


def sbom(call: NodeInvocation) -> None:
    """Show what is installed with Tocsin, and under which licences.

    With --json as a bill of materials in CycloneDX 1.6.
    """
    packages, data = installed(_ROOT), bundled_data(_TABLES.read_text(encoding="utf-8"))
    call.emit(
        bill_of_materials(packages, data, now=call.now),
        lambda: print_table(
            f"{len(packages)} packages, {len(data)} sets of bundled data",
            ("name", "version", "licence"),
            [(one.name, one.version, one.licence or _NOT_STATED) for one in [*packages, *data]],
        ),
    )


@dataclass(frozen=True)
class Component:
    """A package or a set of data. ``purl``: package URL; ``needs``: the purls of what it depends on.

    ``licence`` is an SPDX expression where ``spdx``, else the package's own words; empty where it says nothing.
    """

    name: str
    version: str
    licence: str
    spdx: bool
    purl: str
    needs: tuple[str, ...] = ()


def installed(root: str) -> list[Component]:
    """The package ``root`` and everything installed that it needs, directly or not, in order of name; root first.

    Packages of its optional parts count where they are installed.

    Raises:
        PackageNotFoundError: ``root`` is not installed.

    """
    first = distribution(root)
    todo = [(first, frozenset(first.metadata.get_all("Provides-Extra", [])))]
    asked: set[tuple[str, frozenset[str]]] = set()
    found: dict[str, Distribution] = {}
    needs: dict[str, set[str]] = {}
    while todo:
        one, extras = todo.pop()
        purl = _purl(one)
        if (purl, extras) in asked:
            continue
        asked.add((purl, extras))
        found[purl] = one
        for needed, inner in _needed(one, extras):
            needs.setdefault(purl, set()).add(_purl(needed))
            todo.append((needed, inner))
    by_name = sorted(found.items(), key=lambda item: (item[1] is not first, item[1].name.lower()))
    return [_component(one, needs.get(purl, ())) for purl, one in by_name]


def bundled_data(tables: str) -> list[Component]:
    """The sets of data that the bundled network tables were made from, each once; ``tables`` describes them (JSON)."""
    seen = {(source["package"], source["version"]): source["licence"] for source in json.loads(tables)["sources"]}
    return [
        Component(name, version, licence, False, f"pkg:npm/{name.replace('@', '%40')}@{version}")
        for (name, version), licence in seen.items()
    ]


def bill_of_materials(packages: list[Component], data: list[Component], *, now: datetime) -> dict[str, object]:
    """The CycloneDX 1.6 document of packages, the first of which is the application, and of its data.

    The serial number follows from the content, so that the same installation has the same. ECMA-424 describes the
    format.
    """
    application, *libraries = packages
    listed = [*(_entry(one, "library") for one in libraries), *(_entry(one, "data") for one in data)]
    content = json.dumps([_entry(application, "application"), listed], sort_keys=True)
    needs = {one.purl: one.needs for one in packages}
    needs[application.purl] += tuple(one.purl for one in data)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid5(NAMESPACE_URL, content).urn,
        "version": 1,
        "metadata": {
            "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": _entry(application, "application"),
        },
        "components": listed,
        "dependencies": [{"ref": purl, "dependsOn": list(of)} for purl, of in needs.items()],
    }


def _entry(one: Component, kind: str) -> dict[str, object]:
    entry: dict[str, object] = {
        "type": kind,
        "bom-ref": one.purl,
        "name": one.name,
        "version": one.version,
        "purl": one.purl,
    }
    if one.licence:
        entry["licenses"] = [{"expression": one.licence} if one.spdx else {"license": {"name": one.licence}}]
    return entry


def _component(one: Distribution, needs: Iterable[str]) -> Component:
    expression = _stated(one, "License-Expression")
    return Component(
        one.name, one.version, expression or _licence(one), bool(expression), _purl(one), tuple(sorted(needs))
    )


def _licence(one: Distribution) -> str:
    """What the package says of its licence where it gives no SPDX expression (core metadata before PEP 639)."""
    words = _stated(one, "License")
    if words and len(words) <= _LONG and "\n" not in words:
        return words
    classifiers = [text for text in one.metadata.get_all("Classifier", []) if text.startswith("License :: ")]
    return " or ".join(text.rpartition(" :: ")[2] for text in classifiers)


def _stated(one: Distribution, field: str) -> str:
    return one.metadata[field].strip() if field in one.metadata else ""


def _needed(one: Distribution, extras: frozenset[str]) -> Iterator[tuple[Distribution, frozenset[str]]]:
    from packaging.requirements import Requirement

    for text in one.requires or ():
        requirement = Requirement(text)
        if _applies(requirement, extras):
            try:
                yield distribution(requirement.name), frozenset(requirement.extras)
            except PackageNotFoundError:
                continue  # of an optional part that is not installed


def _applies(requirement: "Requirement", extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def _purl(one: Distribution) -> str:
    """Its package URL; names in the normal form of PEP 503."""
    name = one.name.lower().replace("_", "-").replace(".", "-")
    return f"pkg:pypi/{name}@{one.version}"
