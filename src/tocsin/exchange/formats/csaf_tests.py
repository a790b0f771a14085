"""What two tests of CSAF 2.1 mean, where the library's own finding says more than the specification (csd04)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_SCORE: Final = re.compile(r"product `(?P<product>[^`]*)` has multiple CVSS v(?P<major>\d)")
_METRIC: Final = re.compile(r"/vulnerabilities/(\d+)/metrics/(\d+)/")
_RANGES: Final = re.compile(r"version range `[^`]*` of product `([^`]*)` overlaps `([^`]*)` of product `([^`]*)`")
_VERSION: Final = re.compile(r"specific version `([^`]*)` falls within version range `[^`]*` of product `([^`]*)`")
_GROUPS: Final = (
    {"first_affected", "known_affected", "last_affected"},
    {"first_fixed", "fixed"},
    {"known_not_affected"},
    {"recommended"},
    {"under_investigation"},
    {"unknown"},
)
"""Product statuses that say the same of a product (section 3.2.4.12)."""

Json = Mapping[str, Any]


def is_scored_twice(document: Json, path: str, reason: str) -> bool:
    """Whether a finding of 6.1.7 is one: scores of different ``source`` may stand beside each other."""
    place, said = _METRIC.match(path), _SCORE.search(reason)
    if place is None or said is None:
        return True  # in 2.0 a score has no source
    vulnerabilities = _objects(document.get("vulnerabilities"))
    metrics = _objects(vulnerabilities[int(place[1])].get("metrics"))
    name, own = f"cvss_v{said['major']}", metrics[int(place[2])].get("source")
    return any(
        name in one.get("content", {}) and said["product"] in one.get("products", []) and one.get("source") == own
        for one in metrics[: int(place[2])]
    )


def overlap_test(document: Json, reason: str) -> str:
    """The test that a finding of 6.3.19 belongs to; empty: none, since no status is said of both alike.

    Of products that are leaves: ranges as vers (.1), as vls (.2), range and version (.3), which must be in one group of
    statuses; of ranges that have branches below them, ranges (.4), range and version (.5).
    """
    leaves = dict(_leaves(document.get("product_tree")))
    if ranges := _RANGES.search(reason):
        first, name, second = ranges.groups()
        if first not in leaves or second not in leaves:
            return "6.3.19.4"
        part = "1" if name.startswith("vers:") else "2"
        return f"6.3.19.{part}" if _are_alike(document, first, {second}) else ""
    if version := _VERSION.search(reason):
        name, product = version.groups()
        same = {id_ for id_, (category, of) in leaves.items() if category == "product_version" and of == name}
        if product not in leaves or not same:
            return "6.3.19.5"
        return "6.3.19.3" if _are_alike(document, product, same) else ""
    return "6.3.19"


def _leaves(node: Any) -> Iterator[tuple[str, tuple[str, str]]]:
    """(product id, (category, name)) of each version or range that is a product itself."""
    for branch in _objects(node.get("branches")) if isinstance(node, dict) else ():
        product = branch.get("product")
        category = str(branch.get("category"))
        if isinstance(product, dict) and category.startswith("product_version"):
            yield str(product.get("product_id")), (category, str(branch.get("name")))
        yield from _leaves(branch)


def _are_alike(document: Json, product: str, others: set[str]) -> bool:
    """Whether a vulnerability says the same group of statuses of a product and of one of the others."""
    for one in _objects(document.get("vulnerabilities")):
        said = one.get("product_status")
        statuses = said.items() if isinstance(said, dict) else ()
        for group in _GROUPS:
            ids = {str(id_) for name, found in statuses if name in group and isinstance(found, list) for id_ in found}
            if product in ids and ids & others:
                return True
    return False


def _objects(value: Any) -> list[Any]:
    return [one if isinstance(one, dict) else {} for one in value] if isinstance(value, list) else []
