"""Countries and territories: ISO 3166-1 two-letter codes with their English short names."""

import csv
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from tocsin.networks.bundle import DATA


@cache
def country_names() -> Mapping[str, str]:
    """The English short name of each ISO 3166-1 alpha-2 code, sorted by code."""
    with (DATA / "countries.csv").open(encoding="utf-8", newline="") as file:
        return MappingProxyType({row["code"]: row["name"] for row in csv.DictReader(file)})
