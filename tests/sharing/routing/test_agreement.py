"""The router agrees with routing done by hand, one event at a time, in small worlds where everything overlaps."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tocsin.directory import DirectoryRule, Mute, MuteKind, ResponsibilityRole, RuleKind, Team
from tocsin.events.schema import COLUMNS
from tocsin.networks import parse_address
from tocsin.sharing.routing import Router, RoutingDecision
from tocsin.sharing.rules import muted

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Event:
    address: IPAddress | None = None
    network: IPNetwork | None = None
    asn: int | None = None
    domain: str | None = None
    country: str | None = None
    identifier: str = ""
    type_: str = ""


@dataclass(frozen=True)
class Answer:
    """Team → its role, of those that must know; and the teams among them that are told."""

    roles: dict[int, ResponsibilityRole]
    told: frozenset[int]


def answer(event: Event, rules: Sequence[DirectoryRule], teams: Sequence[Team], now: datetime) -> Answer:
    if event.address is None and event.network is not None:
        every = [_answer(event, address, rules, teams, now) for address in event.network]
        roles: dict[int, ResponsibilityRole] = {}
        for one in every:
            for team, role in one.roles.items():
                if roles.get(team) is not ResponsibilityRole.RESPONSIBLE:
                    roles[team] = role
        return Answer(roles, frozenset().union(*(one.told for one in every)))
    return _answer(event, event.address, rules, teams, now)


def _answer(
    event: Event, address: IPAddress | None, rules: Sequence[DirectoryRule], teams: Sequence[Team], now: datetime
) -> Answer:
    hits = [(level, depth, rule) for rule in rules for level, depth in _matches(event, address, rule)]
    claims = [hit for hit in hits if hit[2].role is ResponsibilityRole.RESPONSIBLE]
    roles = {rule.team_id: ResponsibilityRole.INFORMED for *_, rule in hits if rule.role is ResponsibilityRole.INFORMED}
    if claims:
        level = min(level for level, *_ in claims)
        depth = max(depth for at, depth, _ in claims if at == level)
        roles |= {
            rule.team_id: ResponsibilityRole.RESPONSIBLE for at, deep, rule in claims if (at, deep) == (level, depth)
        }
    muted = {team.id for team in teams if any(_mutes(mute, event, address, now) for mute in team.mutes)}
    return Answer(roles, frozenset(roles.keys() - muted))


def _matches(event: Event, address: IPAddress | None, rule: DirectoryRule) -> Iterable[tuple[int, int]]:
    if rule.kind is RuleKind.PREFIX and address is not None:
        network = ipaddress.ip_network(rule.value)
        if address in network:
            yield 0, network.prefixlen
    if rule.kind is RuleKind.ASN and event.asn == int(rule.value):
        yield 1, 0
    if rule.kind is RuleKind.DOMAIN and event.domain is not None:
        name = rule.value.removeprefix(".")
        if event.domain == name or event.domain.endswith(f".{name}"):
            yield 2, name.count(".")
    if rule.kind is RuleKind.COUNTRY and event.country == rule.value:
        yield 3, 0


def _mutes(mute: Mute, event: Event, address: IPAddress | None, now: datetime) -> bool:
    if mute.until is not None and mute.until <= now:
        return False
    if mute.kind is MuteKind.PREFIX:
        return address is not None and address in ipaddress.ip_network(mute.value)
    return mute.value == (event.identifier if mute.kind is MuteKind.IDENTIFIER else event.type_)


# Few of everything, so that rules nest, meet and compete.
ADDRESSES = ["192.0.2.0", "192.0.2.65", "192.0.2.129", "192.0.2.255", "10.0.0.1", "0.0.0.1", "::1", "2001:db8::1"]
PREFIXES = [
    "0.0.0.0/0",
    "192.0.0.0/16",
    "192.0.2.0/24",
    "192.0.2.64/26",
    "192.0.2.64/27",
    "192.0.2.128/25",
    "192.0.2.65/32",
    "::/0",
    "2001:db8::/32",
    "2001:db8::/126",
    "2001:db8::1/128",
]
NETWORKS = ["192.0.2.0/24", "192.0.2.64/26", "192.0.2.128/26", "192.0.1.0/24", "10.0.0.0/28", "2001:db8::/124"]
HOSTS = ["a.b.example.co.uk", "example.co.uk", "notexample.co.uk", "co.uk", "www.example.org", "org", "x.mu"]
DOMAINS = ["example.co.uk", "b.example.co.uk", ".co.uk", "example.org", ".org", ".mu"]
TEAMS = st.integers(1, 4)
VALUES = {
    RuleKind.PREFIX: PREFIXES,
    RuleKind.ASN: ["64500", "64501"],
    RuleKind.DOMAIN: DOMAINS,
    RuleKind.COUNTRY: ["MU", "GB"],
}

rules = st.lists(
    st.sampled_from(RuleKind).flatmap(
        lambda kind: st.builds(
            DirectoryRule,
            TEAMS,
            st.just(kind),
            st.sampled_from(VALUES[kind]),
            st.sampled_from(ResponsibilityRole),
            st.sampled_from(["a", "b"]),
        )
    ),
    max_size=14,
)
mutes = st.one_of(
    st.builds(Mute, st.just(MuteKind.PREFIX), st.sampled_from(PREFIXES)),
    st.builds(Mute, st.just(MuteKind.IDENTIFIER), st.sampled_from(["open-ntp", "open-dns"])),
    st.builds(Mute, st.just(MuteKind.TYPE), st.sampled_from(["scanner", "c2-server"])),
)
until = st.sampled_from([None, NOW, NOW - timedelta(days=1), NOW + timedelta(seconds=1)])
teams = st.lists(
    st.lists(st.builds(lambda mute, end: replace(mute, until=end), mutes, until), max_size=3), min_size=4, max_size=4
).map(
    lambda drawn: [
        Team(id=number, uuid=UUID(int=number), key=f"t{number}", name=f"Team {number}", mutes=tuple(given_mutes))
        for number, given_mutes in enumerate(drawn, 1)
    ]
)
events = st.builds(
    Event,
    address=st.none() | st.sampled_from(ADDRESSES).map(ipaddress.ip_address),
    network=st.none() | st.sampled_from(NETWORKS).map(ipaddress.ip_network),
    asn=st.none() | st.sampled_from([64500, 64501, 64502]),
    domain=st.none() | st.sampled_from(HOSTS),
    country=st.none() | st.sampled_from(["MU", "GB", "FR"]),
    identifier=st.sampled_from(["", "open-ntp", "open-dns", "other"]),
    type_=st.sampled_from(["", "scanner", "c2-server"]),
)


def route(router: Router, batch: Sequence[Event], *, series: bool) -> list[int]:
    halves = [(parse_address(str(event.address)) if event.address else None) or (0, 0) for event in batch]

    def texts(values: Iterable[str | None]) -> pl.Series | list[str | None]:
        column = list(values)
        return pl.Series(column, dtype=pl.String) if series else column

    numbers: list[int] = router.route(
        np.array([hi for hi, _ in halves], dtype=np.uint64),
        np.array([lo for _, lo in halves], dtype=np.uint64),
        np.array([event.address is not None for event in batch], dtype=np.bool_),
        np.array([event.asn or -1 for event in batch], dtype=np.int64),
        country=texts(event.country for event in batch),
        domain=texts(event.domain for event in batch),
        network=texts(str(event.network) if event.network else None for event in batch),
        identifier=texts(event.identifier for event in batch),
        type_=texts(event.type_ for event in batch),
    ).tolist()
    return numbers


def ask(router: Router, event: Event) -> RoutingDecision:
    hi, lo = (parse_address(str(event.address)) if event.address else None) or (0, 0)
    return router.ask(
        np.array([hi], dtype=np.uint64),
        np.array([lo], dtype=np.uint64),
        np.array([event.address is not None]),
        np.array([event.asn or -1]),
        country=[event.country],
        domain=[event.domain],
        network=[str(event.network) if event.network else None],
        identifier=[event.identifier],
        type_=[event.type_],
    )


def answer_of(router: Router, number: int) -> Answer:
    decision = router.decision(number)
    return Answer({match.team_id: match.role for match in decision.matches}, frozenset(decision.told))


@given(rules, teams, st.lists(events, min_size=1, max_size=12))
def test_batches_agree_with_routing_by_hand(
    given_rules: list[DirectoryRule], given_teams: list[Team], batch: list[Event]
) -> None:
    router = Router.compile(given_rules, given_teams, now=NOW)
    for _ in range(2):  # the second time from what it remembers
        for event, number in zip(batch, route(router, batch, series=True), strict=True):
            expected = answer(event, given_rules, given_teams, NOW)

            assert answer_of(router, number) == expected
            assert (number != 0) == bool(expected.roles)
            assert router.audience(int(router.audiences(np.array([number]))[0])) == router.decision(number).teams


@given(teams, st.lists(events, min_size=1, max_size=12))
def test_mutes_mean_to_rules_of_the_node_what_they_mean_to_routing(given_teams: list[Team], batch: list[Event]) -> None:
    halves = [(parse_address(str(event.address)) if event.address else None) or (None, None) for event in batch]
    given = {
        "source.ip.hi": [hi if hi is None or hi < 2**63 else hi - 2**64 for hi, _ in halves],
        "source.ip.lo": [lo if lo is None or lo < 2**63 else lo - 2**64 for _, lo in halves],
        "source.network": [str(event.network) if event.network else None for event in batch],
        "classification.identifier": [event.identifier for event in batch],
        "classification.type": [event.type_ for event in batch],
    }
    frame = pl.DataFrame(given, schema_overrides={name: COLUMNS[name] for name in given})
    for team in given_teams:
        found = muted(frame, [mute for mute in team.mutes if mute.holds(NOW)])

        assert found.to_list() == [
            all(any(_mutes(mute, event, address, NOW) for mute in team.mutes) for address in addresses_of(event))
            for event in batch
        ]


def addresses_of(event: Event) -> Iterable[IPAddress | None]:
    return event.network if event.address is None and event.network is not None else [event.address]


@given(rules, teams, st.lists(events, min_size=1, max_size=12))
def test_a_batch_and_single_questions_agree(
    given_rules: list[DirectoryRule], given_teams: list[Team], batch: list[Event]
) -> None:
    router = Router.compile(given_rules, given_teams, now=NOW)
    together = [router.decision(number) for number in route(router, batch, series=True)]
    fresh = Router.compile(given_rules, given_teams, now=NOW)

    assert [fresh.decision(route(fresh, [event], series=False)[0]) for event in batch] == together


@given(rules, teams, st.lists(events, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(
    given_rules: list[DirectoryRule], given_teams: list[Team], batch: list[Event], chance: Random
) -> None:
    router = Router.compile(given_rules, given_teams, now=NOW)
    before = [router.decision(number) for number in route(router, batch, series=True)]
    shuffled = list(given_rules)
    chance.shuffle(shuffled)
    router = Router.compile(shuffled, given_teams[::-1], now=NOW)

    assert [router.decision(number) for number in route(router, batch, series=True)] == before


@given(rules, st.sampled_from(PREFIXES), TEAMS, st.sampled_from(ADDRESSES))
def test_a_less_specific_rule_never_changes_who_answers_for_a_more_specific_one(
    given_rules: list[DirectoryRule], prefix: str, team: int, address: str
) -> None:
    event = Event(address=ipaddress.ip_address(address), asn=64500, country="MU")
    members = [
        Team(id=number, uuid=UUID(int=number), key=f"t{number}", name=f"Team {number}") for number in range(1, 5)
    ]
    before = _claims(given_rules, members, event)
    added = DirectoryRule(team, RuleKind.PREFIX, prefix)
    deciding = {ipaddress.ip_network(value).prefixlen for level, value in before if level is RuleKind.PREFIX}
    if not deciding or min(deciding) <= ipaddress.ip_network(prefix).prefixlen:
        return

    assert _claims([*given_rules, added], members, event) == before


def _claims(
    given_rules: Sequence[DirectoryRule], members: Sequence[Team], event: Event
) -> dict[tuple[RuleKind, str], set[int]]:
    router = Router.compile(given_rules, members, now=NOW)
    claims: dict[tuple[RuleKind, str], set[int]] = {}
    for match in router.decision(route(router, [event], series=False)[0]).matches:
        if match.role is ResponsibilityRole.RESPONSIBLE:
            claims.setdefault((match.level, match.value), set()).add(match.team_id)
    return claims


@given(rules, st.lists(st.tuples(st.sampled_from(ADDRESSES), st.sampled_from([-1, 64500, 64501, 64502])), min_size=1))
def test_the_set_of_responsible_teams_is_that_of_the_decision(
    given_rules: list[DirectoryRule], asked: list[tuple[str, int]]
) -> None:
    cast = [Team(id=number, uuid=UUID(int=number), key=f"t{number}", name="Team") for number in range(1, 5)]
    router = Router.compile(given_rules, cast, now=NOW)
    hi, lo = (
        np.array(half, dtype=np.uint64)
        for half in zip(*(parse_address(text) or (0, 0) for text, _ in asked), strict=True)
    )
    asn = np.array([number for _, number in asked])
    cases = router.cases(hi, lo, np.ones(len(asked), dtype=np.bool_), asn).tolist()

    for number, case in zip(router.responsible(hi, lo, asn).tolist(), cases, strict=True):
        matches = router.decision(case).matches
        assert router.team_set(number) == tuple(
            match.team_id for match in matches if match.role is ResponsibilityRole.RESPONSIBLE
        )


@given(rules, teams, st.lists(events, min_size=1, max_size=6))
def test_one_question_has_the_decision_of_a_batch(
    given_rules: list[DirectoryRule], given_teams: list[Team], batch: list[Event]
) -> None:
    router = Router.compile(given_rules, given_teams, now=NOW)
    for event, number in zip(batch, route(router, batch, series=True), strict=True):
        found = ask(router, event)
        assert found == router.decision(number) or (number == 0 and not found.matches)
