"""The router's answers in the cases that people will ask about, and its files."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from tocsin.directory import (
    AttachmentFormat,
    DigestInterval,
    Directory,
    DirectoryRule,
    Mute,
    MuteKind,
    ResponsibilityRole,
    RuleKind,
    Team,
    TeamKind,
)
from tocsin.networks import parse_address
from tocsin.node.errors import StorageError
from tocsin.sharing.routing import Router, RoutingDecision, current_router
from tocsin.sharing.routing.numbering import Combinations

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NATIONAL, SECTOR, OPERATOR, CUSTOMER = (
    Team(id=number, uuid=UUID(int=number), key=key, name=key.title())
    for number, key in enumerate(("national", "sector", "operator", "customer"), 1)
)
TEAMS = [NATIONAL, SECTOR, OPERATOR, CUSTOMER]
RULES = [
    DirectoryRule(NATIONAL.id, RuleKind.COUNTRY, "MU", ResponsibilityRole.INFORMED),
    DirectoryRule(NATIONAL.id, RuleKind.DOMAIN, ".mu"),
    DirectoryRule(
        OPERATOR.id, RuleKind.ASN, "64500", source="ripe", as_of=date(2026, 1, 2), confidence=50, said_by="NOC"
    ),
    DirectoryRule(OPERATOR.id, RuleKind.PREFIX, "192.0.2.0/24"),
    DirectoryRule(CUSTOMER.id, RuleKind.PREFIX, "192.0.2.64/26"),
    DirectoryRule(SECTOR.id, RuleKind.PREFIX, "192.0.2.64/26"),
    DirectoryRule(CUSTOMER.id, RuleKind.DOMAIN, "bank.example.co.uk"),
]


def ask(
    router: Router,
    address: str | None = None,
    *,
    network: str | None = None,
    asn: int = -1,
    country: str | None = None,
    domain: str | None = None,
    identifier: str | None = None,
) -> RoutingDecision:
    hi, lo = (parse_address(address) if address else None) or (0, 0)
    number = router.route(
        np.array([hi], dtype=np.uint64),
        np.array([lo], dtype=np.uint64),
        np.array([address is not None]),
        np.array([asn]),
        country=[country],
        domain=[domain],
        network=[network],
        identifier=[identifier],
    )
    return router.decision(int(number[0]))


def named(decision: RoutingDecision) -> list[tuple[int, str, str]]:
    return [(match.team_id, match.role.value, match.rule) for match in decision.matches]


@pytest.fixture
def router() -> Router:
    return Router.compile(RULES, TEAMS, now=NOW)


def test_the_most_specific_prefix_decides_and_all_who_claim_it_are_told(router: Router) -> None:
    decision = ask(router, "192.0.2.70", asn=64500, country="MU")

    assert named(decision) == [
        (SECTOR.id, "responsible", "prefix 192.0.2.64/26"),
        (CUSTOMER.id, "responsible", "prefix 192.0.2.64/26"),
        (NATIONAL.id, "informed", "country MU"),
    ]
    assert [match.team_id for match in decision.overlaps] == [SECTOR.id, CUSTOMER.id]
    assert [(match.team_id, match.rule) for match in decision.passed_over] == [
        (OPERATOR.id, "prefix 192.0.2.0/24"),
        (OPERATOR.id, "AS64500 (source ripe, as of 2026-01-02, said by NOC, confidence 50)"),
    ]
    assert decision.told == (NATIONAL.id, SECTOR.id, CUSTOMER.id)


def test_without_a_prefix_the_as_decides_then_the_domain_then_the_country(router: Router) -> None:
    assert named(ask(router, "198.51.100.1", asn=64500, domain="x.mu"))[0][2].startswith("AS64500 ")
    assert named(ask(router, "198.51.100.1", domain="www.x.mu")) == [(NATIONAL.id, "responsible", "domain mu")]
    assert named(ask(router, domain="a.b.bank.example.co.uk.")) == [
        (CUSTOMER.id, "responsible", "domain bank.example.co.uk")
    ]
    assert named(ask(router, country="MU")) == [(NATIONAL.id, "informed", "country MU")]
    assert ask(router, "198.51.100.1", asn=64501, country="FR", domain="notmu") == RoutingDecision()


def test_of_a_network_must_know_whoever_must_know_of_any_address_in_it(router: Router) -> None:
    assert ask(router, network="192.0.2.0/24").told == (SECTOR.id, OPERATOR.id, CUSTOMER.id)
    assert ask(router, network="192.0.2.64/27").told == (SECTOR.id, CUSTOMER.id)
    assert ask(router, network="192.0.2.64/26").told == (SECTOR.id, CUSTOMER.id)
    assert ask(router, network="192.0.0.0/16").told == (SECTOR.id, OPERATOR.id, CUSTOMER.id)
    assert ask(router, network="192.0.0.0/16", country="MU").told == (NATIONAL.id, SECTOR.id, OPERATOR.id, CUSTOMER.id)
    assert ask(router, network="198.51.100.0/24") == RoutingDecision()
    assert ask(router, network="2001:db8::/32") == RoutingDecision()
    assert ask(router, network="junk") == RoutingDecision()
    assert ask(router, network="192.0.0.0/8").told == (SECTOR.id, OPERATOR.id, CUSTOMER.id)
    assert ask(router, network="0.0.0.0/0") == RoutingDecision()  # nobody's network must not call everybody


def test_a_muted_team_is_named_but_not_told() -> None:
    mutes = (
        Mute(MuteKind.PREFIX, "192.0.2.64/26", NOW + timedelta(days=1), "moving"),
        Mute(MuteKind.IDENTIFIER, "open-ntp"),
        Mute(MuteKind.PREFIX, "192.0.2.128/25", NOW),
    )
    operator = Team(id=3, uuid=UUID(int=3), key="operator", name="Operator", mutes=mutes)
    router = Router.compile([DirectoryRule(3, RuleKind.ASN, "64500")], [operator], now=NOW)

    (match,) = ask(router, "192.0.2.70", asn=64500).matches
    assert match.muted == "mutes prefix 192.0.2.64/26 until 2026-11-25 12:00 UTC (moving)"
    assert ask(router, "192.0.2.70", asn=64500).told == ()
    assert ask(router, "192.0.2.1", asn=64500, identifier="open-ntp").told == ()
    assert ask(router, "192.0.2.1", asn=64500, identifier="open-dns").told == (3,)
    assert ask(router, "192.0.2.200", asn=64500).told == (3,)
    assert ask(router, network="192.0.2.64/26", asn=64500).told == ()
    assert ask(router, network="192.0.2.0/24", asn=64500).told == (3,)


def test_an_ipv6_rule_never_holds_ipv4_addresses() -> None:
    router = Router.compile([DirectoryRule(1, RuleKind.PREFIX, "::/0")], TEAMS, now=NOW)

    assert ask(router, "192.0.2.1") == RoutingDecision()
    assert ask(router, "2001:db8::1").told == (1,)


def test_an_empty_directory_names_nobody() -> None:
    router = Router.compile([], [], now=NOW)

    assert ask(router, "192.0.2.1", asn=1, country="MU", domain="example.org") == RoutingDecision()
    assert ask(router, network="192.0.2.0/24") == RoutingDecision()


def test_a_saved_router_answers_alike(router: Router, tmp_path: Path) -> None:
    whole = Team(
        id=1,
        uuid=UUID(int=1),
        key="national",
        name="National",
        organisation="Ministry",
        kind=TeamKind.NATIONAL,
        country="MU",
        language="fr",
        timezone="Indian/Mauritius",
        mailboxes=("a@example.org",),
        interval=DigestInterval.WEEKLY,
        formats=(AttachmentFormat.XARF,),
        ceiling="GREEN",
        encrypt=True,
        mutes=(
            Mute(MuteKind.PREFIX, "198.51.100.0/24", NOW + timedelta(days=1), "why"),
            Mute(MuteKind.TYPE, "scanner"),
        ),
    )
    router = Router.compile(RULES, [whole, *TEAMS[1:]], now=NOW)
    router.save(tmp_path / "routing" / "v1")
    router.save(tmp_path / "routing" / "v1")
    opened = Router.open(tmp_path / "routing" / "v1", now=NOW)

    assert opened.teams == router.teams
    for address in ("192.0.2.1", "192.0.2.70", "198.51.100.1"):
        assert ask(opened, address, asn=64500, country="MU") == ask(router, address, asn=64500, country="MU")
    assert [path.name for path in (tmp_path / "routing").iterdir()] == ["v1"]


def test_an_overruled_rule_decides_nothing_and_is_named_also_from_files(tmp_path: Path) -> None:
    beaten = [
        DirectoryRule(CUSTOMER.id, RuleKind.PREFIX, "192.0.2.128/25", source="ripe", overruled="Ana said so"),
        DirectoryRule(
            NATIONAL.id, RuleKind.PREFIX, "192.0.2.0/24", ResponsibilityRole.INFORMED, overruled="Ana said so"
        ),
    ]
    Router.compile([*RULES, *beaten], TEAMS, now=NOW).save(tmp_path / "v1")
    decision = ask(Router.open(tmp_path / "v1", now=NOW), "192.0.2.200")

    assert decision.told == (OPERATOR.id,)
    assert [(match.team_id, match.value, match.overruled) for match in decision.overruled] == [
        (CUSTOMER.id, "192.0.2.128/25", "Ana said so"),
        (NATIONAL.id, "192.0.2.0/24", "Ana said so"),
    ]
    assert decision.passed_over == ()


def test_of_one_teams_equal_rules_a_persons_word_is_shown() -> None:
    sources = [("rir", 100), ("decision:3", None), ("person:Ana", None)]
    rules = [DirectoryRule(1, RuleKind.ASN, "64500", source=source, confidence=sure) for source, sure in sources]
    (match,) = ask(Router.compile(rules, TEAMS, now=NOW), asn=64500).matches
    assert match.source == "decision:3"
    (match,) = ask(Router.compile([rules[0], rules[2]], TEAMS, now=NOW), asn=64500).matches
    assert match.source == "person:Ana"


def test_a_broken_folder_is_told(router: Router, tmp_path: Path) -> None:
    router.save(tmp_path / "v1")
    (tmp_path / "v1" / "parent.npy").write_bytes(b"")
    for folder in (tmp_path / "v1", tmp_path / "v2"):
        with pytest.raises(StorageError):
            Router.open(folder, now=NOW)


def test_the_current_router_is_compiled_once_for_each_version(tmp_path: Path) -> None:
    root = tmp_path / "routing"
    read: list[str] = []

    def directory(version: str) -> Directory:
        read.append(version)
        return Directory(version, tuple(TEAMS), tuple(RULES))

    for version in ("v1", "v1", "v2", "v2"):
        router = current_router(root, version, partial(directory, version), now=NOW)
        assert ask(router, "192.0.2.1").told == (OPERATOR.id,)
    assert read == ["v1", "v2"]
    assert [path.name for path in root.iterdir()] == ["v2"]

    (root / "v2" / "names.json").unlink()
    assert ask(current_router(root, "v2", lambda: directory("v2"), now=NOW), "192.0.2.1").told == (OPERATOR.id,)


def test_combinations_that_do_not_fit_one_key_keep_their_numbers() -> None:
    sizes = [1 << 30, 1 << 20, 1 << 30, 3, 1 << 30]
    rng = np.random.default_rng(1)
    rows = [rng.integers(0, min(size, 5), 200).astype(np.int32) + np.int32(max(size - 5, 0)) for size in sizes]
    combinations = Combinations(sizes)
    numbers = combinations.number(rows)

    assert combinations.number(rows).tolist() == numbers.tolist()
    assert len(combinations) == len({*zip(*(row.tolist() for row in rows), strict=True)})
    back = combinations.rows(numbers.astype(np.int64))
    assert [column.tolist() for column in back] == [row.tolist() for row in rows]
