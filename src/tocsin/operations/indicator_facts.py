"""Facts for measured indicators from this node's own records, in the columns that the queries take."""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.node.errors import InputError, NotFoundError
from tocsin.node.paths import HomeFile

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy.orm import Session

    from tocsin.pipeline.stores import NodeWithStores

Facts = list[dict[str, str]]
"""The file in the home folder that says how many people use the internet by each AS: ``asn``, ``users``."""

_EVER = datetime.min.replace(tzinfo=UTC)
_STAYS = ("file", "shadow", "redirect")  # ways of digests that leave for nobody, or for somebody else
_WORDS = {True: "yes", False: "no", None: ""}


@dataclass(frozen=True)
class Look:
    """What is looked at: this node's records as of ``at`` (that is ``now``, or before), for one country or for all."""

    node: "NodeWithStores"
    session: "Session"
    country: str
    at: datetime
    now: datetime


def node_facts(node: "NodeWithStores", query: str, *, unit: str = "", at: datetime, now: datetime) -> Facts:
    """The facts of a query that this node's records hold.

    ``unit``: the three letters of a country (ISO 3166-1) have only its AS numbers and its CIRT counted. Times and
    bounces are of all that this node told.

    Raises:
        NotFoundError: there are none for such a query, or no delegation file that it needs.

    """
    from tocsin.directory.states import alpha3_codes

    country = next((code for code, alpha3 in alpha3_codes().items() if alpha3 == unit.upper()), "")
    source = _SOURCES.get(query)
    if source is None:
        raise NotFoundError(f"No query is called '{query}' here.")
    with node.database.begin() as session:
        return source(Look(node, session, country, min(at, now), now))


def _contact_coverage_as(look: Look) -> Facts:
    """asn, contact: each AS number that somebody holds, and whether a person answers for it."""
    rows = _numbers(look).select("asn", "answers").iter_rows()
    return [{"asn": str(asn), "contact": _WORDS[answers]} for asn, answers in rows]


def _contact_coverage_users(look: Look) -> Facts:
    """asn, users, contact, basis: the same with users, where a file says how many; else with IPv4 addresses."""
    numbers, path = _numbers(look), look.node.home / HomeFile.USERS
    users = _users(path) if path.exists() else None
    basis = "IPv4 addresses that it announces, since users are not known here" if users is None else str(HomeFile.USERS)
    return [
        {
            "asn": str(asn),
            "users": str(ipv4 or 0) if users is None else users.get(asn, "0"),
            "contact": _WORDS[answers],
            "basis": basis,
        }
        for asn, ipv4, answers in numbers.select("asn", "ipv4", "answers").iter_rows()
    ]


def _cirt_coverage(look: Look) -> Facts:
    """country, registered, responsive: each state, whether it has a CIRT, and whether a person answers there."""
    from tocsin.directory.contacts import terms_of
    from tocsin.directory.states import CirtStatus, read_bodies, read_cirts, read_states
    from tocsin.exchange.partners import link_proofs, measured_links

    home, named = look.node.home, look.node.settings.directory
    states = read_states(home / named.states if named.states else None).states
    among = [state for state in states if state.code == look.country] or list(states)
    judged = read_cirts(
        look.session,
        among,
        read_bodies(home / named.bodies if named.bodies else None),
        at=look.at,
        now=look.now,
        terms=terms_of(look.node.settings),
        told=_long_told(look),
        proofs=link_proofs(measured_links(look.session, look.at)),
        contact=look.node.settings.node.contact,
    )
    exists = {CirtStatus.YES: "yes", CirtStatus.NO: "no", CirtStatus.OPEN: ""}
    return [
        {"country": one.state.code, "registered": exists[one.structure.answer], "responsive": _WORDS[one.responds]}
        for one in judged
    ]


def _hearing_to_telling(look: Look) -> Facts:
    """heard, told: a row for each report and team that was to be told of it; told is empty while it was not.

    What the gate let nothing out of is left out: nobody was to be told of it.
    """
    from sqlalchemy import select

    from tocsin.delivery import Delivery, DeliveryItem, DeliveryState, ItemState
    from tocsin.events import Ingest

    found = look.session.execute(
        select(Ingest.started_at, Delivery.sent_at, Delivery.state)
        .join(DeliveryItem, DeliveryItem.ingest == Ingest.number)
        .outerjoin(Delivery, Delivery.id == DeliveryItem.delivery_id)
        .where(DeliveryItem.state != ItemState.PREPARED.value, Ingest.started_at <= look.at)
        .order_by(DeliveryItem.id)
    )
    return [
        {"heard": heard.isoformat(), "told": _by(told if state == DeliveryState.SENT.value else None, look)}
        for heard, told, state in found
        if state != DeliveryState.WITHHELD.value
    ]


def _time_to_acknowledge(look: Look) -> Facts:
    """told, acknowledged: a row for each problem and team that was told of it; the first answer by a person."""
    rows = _told_problems(look).select("told", "answered").iter_rows()
    return [{"told": told.isoformat(), "acknowledged": _by(answered, look)} for told, answered in rows]


def _time_to_fix(look: Look) -> Facts:
    """told, last_seen, first_gone: a row for each problem and team told of it; what was gone before is left out."""
    import polars as pl

    frame = _told_problems(look).filter(pl.col("missed").is_null() | (pl.col("missed") > pl.col("told")))
    return [
        {
            "told": told.isoformat(),
            "last_seen": "" if seen is None else min(seen, look.at).isoformat(),
            "first_gone": _by(missed, look),
        }
        for told, seen, missed in frame.select("told", "last_seen", "missed").iter_rows()
    ]


def _bounced(look: Look) -> Facts:
    """delivery, bounced: each digest that left by mail. Empty while a failure may still come."""
    from sqlalchemy import select

    from tocsin.delivery import Delivery, DeliveryState
    from tocsin.directory.contacts import SETTLED

    ended = (DeliveryState.SENT.value, DeliveryState.BOUNCED.value)
    query = select(Delivery.reference, Delivery.state, Delivery.sent_at).where(
        Delivery.state.in_(ended), Delivery.sent_at <= look.at, Delivery.channel.not_in(_STAYS)
    )
    arrived = look.at - SETTLED
    return [
        {"delivery": reference, "bounced": _bounce_word(state == DeliveryState.BOUNCED.value, sent, arrived)}
        for reference, state, sent in look.session.execute(query.order_by(Delivery.id))
    ]


def _incidents(span: str) -> "Callable[[Look], Facts]":
    """Opened and a later moment: a row for each incident that counts in the figures; empty while it did not come."""

    def facts(look: Look) -> Facts:
        from tocsin.incidents.closing import IncidentSpan, read_courses

        courses = read_courses(look.session, since=_EVER, at=look.at)
        return [
            {"opened": one.opened.isoformat(), span: _by(one.reached.get(IncidentSpan(span)), look)} for one in courses
        ]

    return facts


def _cross_border_links(look: Look) -> Facts:
    """partner, country, live: each partner abroad, and whether its link was shown to work in the last half year."""
    from tocsin.exchange.partners import measured_links

    own = look.node.settings.node.country
    return [
        {"partner": str(one.partner.id), "country": ", ".join(one.countries), "live": _WORDS[one.live]}
        for one in measured_links(look.session, look.at)
        if one.abroad(own) and one.partner.made_at <= look.at
    ]


def _exchanges_under_agreement(look: Look) -> Facts:
    """exchange, agreement, type: each exchange of a year, whether an agreement is its ground, and of which type."""
    from tocsin.exchange.ledger import NONE, exchange_grounds

    return [
        {"exchange": f"{direction}-{number}", "agreement": _WORDS[type_ != NONE], "type": type_}
        for direction, number, type_ in exchange_grounds(look.session, look.at - timedelta(days=365), look.at)
    ]


def _bounce_word(bounced: bool, sent: datetime | None, arrived: datetime) -> str:
    return "yes" if bounced else "no" if sent is not None and sent <= arrived else ""


_SOURCES: Mapping[str, Callable[[Look], Facts]] = {
    "contact_coverage_as": _contact_coverage_as,
    "contact_coverage_users": _contact_coverage_users,
    "cirt_coverage": _cirt_coverage,
    "time_to_tell": _hearing_to_telling,
    "time_to_acknowledge": _time_to_acknowledge,
    "time_to_fix": _time_to_fix,
    "bounced": _bounced,
    "incidents_acknowledged": _incidents("acknowledged"),
    "incidents_contained": _incidents("contained"),
    "cross_border_links": _cross_border_links,
    "exchanges_under_agreement": _exchanges_under_agreement,
}


def _numbers(look: Look) -> "pl.DataFrame":
    """The AS numbers of the country with ``ipv4`` and ``answers``: yes, no, or null where nobody tried."""
    import polars as pl

    from tocsin.directory.contacts import terms_of
    from tocsin.directory.coverage import answering, read_coverage, responsible_teams

    terms = terms_of(look.node.settings)
    found = read_coverage(look.session, look.node.home, at=look.at, now=look.now, terms=terms)
    teams = responsible_teams(look.session, look.at if look.at < look.now else None)
    numbers = found.numbers.filter(pl.col("country") == look.country) if look.country else found.numbers
    return answering(numbers, teams, _long_told(look))


def _long_told(look: Look) -> set[int]:
    """The teams, by number, that were told by mail so long ago that an answer in time would have come."""
    from sqlalchemy import select

    from tocsin.delivery import Delivery, DeliveryState
    from tocsin.directory import merged_teams

    before = look.at - timedelta(days=look.node.settings.directory.answer_days)
    told = select(Delivery.team_id).where(
        Delivery.state == DeliveryState.SENT.value, Delivery.sent_at <= before, Delivery.channel.not_in(_STAYS)
    )
    merged = merged_teams(look.session)
    return {merged.get(team, team) for team in look.session.scalars(told.distinct())}


def _told_problems(look: Look) -> "pl.DataFrame":
    import polars as pl

    from tocsin.problems import problem_times

    node = look.node
    return problem_times(node, node.store, node.tracker).filter(pl.col("told") <= look.at)


def _by(moment: datetime | None, look: Look) -> str:
    """A time that had come by then, else an empty text."""
    return moment.isoformat() if moment is not None and moment <= look.at else ""


def _users(path: Path) -> dict[int, str]:
    """Users by AS number, as text. Raises InputError."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows: Iterable[Mapping[str, str]] = list(csv.DictReader(file))
    try:
        return {int(row["asn"]): str(float(row["users"])) for row in rows}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read: {error}.", hint="It needs the columns asn and users.") from None
