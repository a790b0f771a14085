"""Coverage: how many AS numbers have a responsive contact, and which states have a CIRT by two rules side by side."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.directory import directory_version
from tocsin.directory.contacts import terms_of
from tocsin.directory.coverage import Coverage, read_coverage
from tocsin.directory.states import (
    GROUPS,
    CirtAssessment,
    StateSet,
    count_answers,
    read_bodies,
    read_cirts,
    read_states,
)
from tocsin.exchange.partners import link_proofs, measured_links
from tocsin.interface import NotHereError, PageRouter
from tocsin.networks import Networks, country_names
from tocsin.server.pages.background_cache import BackgroundCache
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.map_countries import numeric_codes
from tocsin.server.pages.teams.access import Surveyor

_GAPS: Final = 15
_NUMBERS: Final = 200  # AS numbers on one page
_WORST_FIRST: Final = ("unknown", "bouncing", "stale", "registered", "verified", "answering")


@dataclass(frozen=True)
class _Row:
    """One country: its counts of AS numbers (None: none are given to it), and what both rules say of it as a state."""

    code: str
    numeric: str
    counts: dict[str, Any] | None
    state: CirtAssessment | None


def coverage_pages(desk: PageContext) -> APIRouter:
    """The pages of coverage."""
    router = PageRouter()
    coverage_of: BackgroundCache[Coverage] = BackgroundCache(lambda: _coverage(desk))
    states_of: BackgroundCache[tuple[StateSet, list[CirtAssessment]]] = BackgroundCache(lambda: _states(desk))

    def state() -> Hashable:
        # What is heard of contacts changes no version; an hour is fresh enough for figures of a country.
        return directory_version(desk.node.database), f"{desk.now:%Y-%m-%d %H}"

    @router.get("/coverage")
    def coverage(request: Request, _visitor: Surveyor) -> Response:
        """The world: a map, the finding, the gaps, and the table behind the map."""
        numbers, states = coverage_of.of(state()), states_of.of(state())
        shown: dict[str, Any] = {
            "numbers": numbers,
            "states": states,
            "rows": _rows(numbers.value, states.value),
            "counts": _counts(states.value),
            "gaps": _gaps(numbers.value),
            "whole": True,
        }
        return desk.page(request, "teams/coverage.html", **shown)

    @router.get("/coverage/{code}")
    def country(request: Request, _visitor: Surveyor, code: str) -> Response:
        """One country: what is known of its CIRT, and each AS number, those without a contact first."""
        if code not in country_names() and code not in desk.node.settings.node.country_names:
            raise NotHereError
        numbers, states = coverage_of.of(state()), states_of.of(state())
        row = next((row for row in _rows(numbers.value, states.value) if row.code == code), None)
        number, listed = _numbers(desk, numbers.value, code)
        shown: dict[str, Any] = {"code": code, "row": row, "numbers": numbers, "number": number, "listed": listed}
        return desk.page(request, "teams/coverage_country.html", **shown, whole=True)

    return router


def _coverage(desk: PageContext) -> Coverage:
    node, now = desk.node, desk.now
    with node.database.reading() as session:
        return read_coverage(session, node.home, at=now, now=now, terms=terms_of(node.settings))


def _states(desk: PageContext) -> tuple[StateSet, list[CirtAssessment]]:
    node, now = desk.node, desk.now
    named = node.settings.directory
    among = read_states(node.home / named.states if named.states else None)
    bodies = read_bodies(node.home / named.bodies if named.bodies else None)
    with node.database.reading() as session:
        return among, read_cirts(
            session, among.states, bodies, at=now, now=now, terms=terms_of(node.settings),
            proofs=link_proofs(measured_links(session, now)), contact=node.settings.node.contact,
        )  # fmt: skip


def _rows(coverage: Coverage | None, states: tuple[StateSet, list[CirtAssessment]] | None) -> list[_Row]:
    """All countries of which either knows anything, by code."""
    counts = {row["country"]: row for row in coverage.countries.to_dicts() if row["country"]} if coverage else {}
    judged = {one.state.code: one for one in states[1]} if states else {}
    numeric = numeric_codes()
    codes = sorted({code for code, row in counts.items() if row["as_numbers"]} | judged.keys())
    return [_Row(code, numeric.get(code, ""), counts.get(code), judged.get(code)) for code in codes]


def _counts(states: tuple[StateSet, list[CirtAssessment]] | None) -> list[tuple[str, int, dict[str, dict[str, int]]]]:
    """For all states and for each group of them: how many there are, and what both rules say of how many."""
    if states is None:
        return []
    judged = states[1]
    number = {group: sum(not group or group in one.state.groups for one in judged) for group in ("", *GROUPS)}
    return [(group, number[group], count_answers(judged, group)) for group in ("", *GROUPS)]


def _gaps(coverage: Coverage | None) -> list[dict[str, Any]]:
    """The countries with the most AS numbers for which nobody is known."""
    if coverage is None:
        return []
    rows = [row for row in coverage.countries.to_dicts() if row["country"] and row["without"]]
    return sorted(rows, key=lambda row: (-row["without"], row["country"]))[:_GAPS]


def _numbers(desk: PageContext, coverage: Coverage | None, code: str) -> tuple[int, list[dict[str, Any]]]:
    """How many AS numbers a country has, and the first of them with their names, those in the worst state first."""
    if coverage is None:
        return 0, []
    import polars as pl

    order = {state: place for place, state in enumerate(_WORST_FIRST)}
    rank = pl.col("contact").replace_strict(order, return_dtype=pl.UInt8)
    found = coverage.numbers.filter(pl.col("country") == code)
    register = Networks.open(desk.node.home).register
    listed = found.sort(rank, "asn").head(_NUMBERS).to_dicts()
    return found.height, [row | {"name": register.name(row["asn"])} for row in listed]
