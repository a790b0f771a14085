"""Kestria, a country that does not exist: its prefixes are drawn from the really routed ones, all else is made up.

What a demonstration says of a network must not fall on anybody: the node of the demonstration gets network tables in
which these prefixes belong to AS numbers for documentation (RFC 5398), to holders that do not exist and to a country
code that ISO 3166-1 keeps for users. Mailboxes end in ``.example`` (RFC 2606), so that no mail can reach anybody.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, summarize_address_range
from random import Random

import numpy as np

from tocsin.networks import Networks

NAME = "Kestria"
CODE = "XA"
_OPERATORS = {
    "harbour": "Harbour Telecom",
    "summit": "Summit Mobile",
    "lagoon": "Lagoon Fibre",
    "copper": "Copper Coast Internet",
    "hosting": "Kestria Hosting",
    "campus": "Campus Network of Kestria",
}
_STRAYS = ("Old Mill Cable", "Northern Link")  # no team of the directory answers for these
_FIRST_ASN = 64_496

EMERGENCY_NUMBER = "+999 555 0100"
"""Nobody answers: +999 is no country (ITU-T E.164 keeps it in reserve)."""

HELP_LINES = ("listening-line", "safe-net", "kest-police")
"""The keys of the helpline, the hotline and the police of Kestria."""


@dataclass(frozen=True)
class DemoNetwork:
    """The networks of one AS of the country: its number, its holder, and some of its IPv4 prefixes."""

    asn: int
    holder: str
    prefixes: tuple[str, ...]

    @property
    def ranges(self) -> list[tuple[str, str]]:
        """The first and last address of each prefix, in order."""
        networks = sorted(map(IPv4Network, self.prefixes))
        return [(str(network[0]), str(network[-1])) for network in networks]

    def address(self, draw: Random) -> str:
        """One of its addresses."""
        prefix, _, length = draw.choice(self.prefixes).partition("/")
        return str(IPv4Address(int(IPv4Address(prefix)) + draw.randrange(1 << (32 - int(length)))))


@dataclass(frozen=True)
class Country:
    """The territories by the key of the team that answers for them; ``strays`` belong to nobody in the directory."""

    territories: dict[str, DemoNetwork]
    strays: tuple[DemoNetwork, ...]

    @property
    def directory(self) -> str:
        """The teams and their rules as a file for `tocsin directory import`."""
        return "\n".join(_team_files(self.territories))

    @property
    def routes(self) -> str:
        """Which AS announces which range, as a file for `tocsin networks load` (ip-location-db)."""
        return "".join(f"{start},{end},{of.asn},{of.holder}\n" for of in self._all for start, end in of.ranges)

    @property
    def countries(self) -> str:
        """The country of each range, as a file for `tocsin networks load` (ip-location-db)."""
        return "".join(f"{start},{end},{CODE}\n" for of in self._all for start, end in of.ranges)

    @property
    def _all(self) -> list[DemoNetwork]:
        return [*self.territories.values(), *self.strays]


def found_country(networks: Networks, seed: int) -> Country:
    """The country of a seed: the same networks for the same seed and table."""
    draw = Random(seed)  # noqa: S311 (nothing secret is drawn)
    holders = [*_OPERATORS.values(), *_STRAYS]
    found = [
        DemoNetwork(_FIRST_ASN + number, holder, prefixes)
        for number, (holder, prefixes) in enumerate(zip(holders, _places(networks, draw, len(holders)), strict=True))
    ]
    return Country(dict(zip(_OPERATORS, found, strict=False)), tuple(found[len(_OPERATORS) :]))


def _places(networks: Networks, draw: Random, count: int) -> list[tuple[str, ...]]:
    """The prefixes of as many AS of middling size, drawn from the routed ones."""
    starts = np.asarray(networks.routes.pieces.v4_starts).astype(np.int64)
    values = np.asarray(networks.routes.pieces.v4_values).view(np.uint32)
    sizes = np.diff(np.append(starts, 1 << 32))
    middling = (sizes >= 1 << 10) & (sizes <= 1 << 16) & (values < 1 << 18)
    numbers, pieces = np.unique(values[middling], return_counts=True)
    chosen = draw.sample(numbers[(pieces >= 4) & (pieces <= 12)].tolist(), count)
    return [tuple(_prefixes(starts, sizes, np.flatnonzero(middling & (values == asn)).tolist())) for asn in chosen]


def _prefixes(starts: np.ndarray, sizes: np.ndarray, places: list[int]) -> Iterator[str]:
    for place in places:
        first, last = int(starts[place]), int(starts[place] + sizes[place] - 1)
        widest = min(summarize_address_range(IPv4Address(first), IPv4Address(last)), key=lambda n: n.prefixlen)
        yield str(widest)


def _team_files(territories: dict[str, DemoNetwork]) -> Iterator[str]:
    """One TOML table a team; the first operator's first networks belong to more specific teams."""
    asn = {key: [territory.asn] for key, territory in territories.items()}
    copies = [{"value": str(number), "role": "informed"} for numbers in asn.values() for number in numbers]
    within = territories["harbour"].prefixes
    yield _team(
        "kest-cert", "Kestria National CSIRT", kind="national", country=CODE, interval="daily",
        formats=["csv", "jsonl"], asns=copies, languages=["en", "fr", "es", "pt", "ar"], hours=["24x7"],
        channels=[{"value": "+999 555 0144", "kind": "phone"}],
    )  # fmt: skip
    yield _team(
        "gov-cert",
        "Government CERT of Kestria",
        kind="governmental",
        prefixes=within[:1],
        domains=["gov.kestria.example"],
    )
    yield _team(
        "bank-cert", "Kestria Banks Security Team", kind="sectoral", formats=["csv", "jsonl"], prefixes=within[1:2]
    )
    yield _team("harbour", _OPERATORS["harbour"], asns=asn["harbour"])
    yield _team("summit", _OPERATORS["summit"], formats=["csv", "jsonl"], asns=asn["summit"])
    yield _team("lagoon", _OPERATORS["lagoon"], asns=asn["lagoon"], mailboxes=[])
    yield _team("copper", _OPERATORS["copper"], ceiling="GREEN", asns=asn["copper"])
    yield _team("hosting", _OPERATORS["hosting"], formats=["xarf", "csv"], asns=asn["hosting"])
    yield _team("campus", _OPERATORS["campus"], interval="weekly", asns=asn["campus"])
    yield from _help_lines()


def _help_lines() -> Iterator[str]:
    """Whom a child of Kestria can call, with numbers that reach nobody."""
    named = (
        ("helpline", "Kestria Listening Line", "24x7", "+999 555 0111"),
        ("hotline", "Safe Net Kestria", "mon-fri 08:00-18:00", "+999 555 0122"),
        ("police", "Police of Kestria, cybercrime and child protection", "mon-sat 07:00-21:00", "+999 555 0133"),
    )
    for key, (kind, name, hours, number) in zip(HELP_LINES, named, strict=True):
        page = {"value": f"https://{key}.example", "kind": "website"}
        ways: dict[str, object] = {"hours": [hours], "channels": [{"value": number, "kind": "phone"}, page]}
        yield _team(key, name, kind=kind, country=CODE, mailboxes=[], languages=["en", "fr", "es", "pt", "ar"], **ways)


def _team(key: str, name: str, **fields: object) -> str:
    """A team of the directory file; what is not said is usual for an operator."""
    usual = {"kind": "operator", "interval": "at_once", "formats": ["csv"], "mailboxes": [f"abuse@{key}.example"]}
    stated = {"key": key, "name": name, **usual, **fields}
    return "\n".join(["[[team]]", *(f"{field} = {_toml(value)}" for field, value in stated.items()), ""])


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    return json.dumps(value)
