"""Self-service with approval: what can be claimed, how control is shown, and who decides."""

import datetime as dt
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from support.directory_example import TEAMS, World
from support.dns_server import DnsServer, dns_server
from tocsin.directory import read_directory
from tocsin.directory.claims import (
    MOST_TRIES,
    OPEN_FOR,
    Claim,
    ClaimDecision,
    ClaimState,
    approve_claim,
    make_claim,
    read_claim,
    read_claimed,
    read_claims,
    read_rivals,
    refuse_claim,
    show_code,
    show_dns,
)
from tocsin.directory.claims.dns_proof import MOST_ZONES, record_names
from tocsin.directory.contacts import Terms, contact_states
from tocsin.node.errors import ConflictError, InputError, NotFoundError, RemoteError, UsageError
from tocsin.node.letters import Letter
from tocsin.node.node_settings import NodeSettings
from tocsin.node.records import AuditEntry, Database

SENDER = NodeSettings(name="CSIRT Example", contact="csirt@example.org")
NETWORK = "192.175.48.0/24"  # RFC 7535, reached by everybody and held by nobody


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    made = World(database, tmp_path)
    made.bring("reg", TEAMS)
    return made


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with dns_server() as server:
        yield server


def claim(world: World, value: str, team: str = "alpha", mailbox: str = "noc@alpha.example") -> Claim:
    return make_claim(
        world.database, value, team=team, mailbox=mailbox, claimed_by="a ticket", sender=SENDER, now=world.tick()
    )


def approve(world: World, number: int, *, reason: str = "", over: bool = False, despite: bool = False) -> ClaimDecision:
    return approve_claim(
        world.database, number, said_by="Ana", reason=reason, over=over, actor="x", now=world.tick(),
        despite_rivals=despite,
    )  # fmt: skip


def codes(world: World) -> dict[str, str]:
    """The code in each letter, by mailbox."""
    with world.database.begin() as session:
        letters = session.scalars(select(Letter)).all()
    code = re.compile(r"^ {2}([A-Z2-9]{4}(?:-[A-Z2-9]{4}){2})$", re.MULTILINE)
    return {one.mailbox: code.findall(one.body)[0] for one in letters}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("as3333", "asn", "3333"),
        ("112", "asn", "112"),
        ("192.175.48.0/24", "prefix", "192.175.48.0/24"),
        ("192.175.48.7", "prefix", "192.175.48.7/32"),
        ("193.1.0.0/8", None, "bits behind"),
        ("2620:4f:8000::/48", "prefix", "2620:4f:8000::/48"),
        ("Example.ORG.", "domain", "example.org"),
        ("192.0.2.0/24", None, "reserved (documentation)"),
        ("10.1.0.0/16", None, "reserved (private)"),
        ("2001:db8::/32", None, "reserved (documentation)"),
        ("192.0.0.0/8", None, "reserved"),
        ("0.0.0.0/0", None, "too large"),
        ("192.0.0.0/7", None, "too large"),
        ("2000::/12", None, "too large"),
        ("AS64500", None, "RFC 5398"),
        ("AS4200000000", None, "RFC 6996"),
        ("AS99999999999", None, "not an AS number"),
        ("co.uk", None, "public suffix"),
        (".org", None, "public suffix"),
        ("\u0440\u0430\u0443\u0440\u0430l.com", None, "mixes"),
        ("\u0430\u0440\u0440\u04cf\u0435.com", None, "looks like"),
        ("exa mple.org", None, "not a domain"),
        ("", None, "is no network, AS or domain"),
        ("banana", None, "is no network, AS or domain"),
    ],
)
def test_what_can_be_claimed_and_why_not(text: str, kind: str | None, value: str) -> None:
    if kind is None:
        with pytest.raises(InputError, match=re.escape(value)):
            read_claimed(text)
    else:
        assert read_claimed(text) == (kind, value)


@given(st.text(max_size=40))
def test_any_text_is_taken_or_has_a_reason(text: str) -> None:
    try:
        kind, value = read_claimed(text)
    except InputError:
        return
    assert read_claimed(value) == (kind, value)


@pytest.mark.parametrize(
    ("kind", "value", "names"),
    [
        ("domain", "example.org", ["example.org"]),
        ("prefix", "192.175.48.0/24", ["48.175.192.in-addr.arpa"]),
        ("prefix", "192.175.48.0/23", ["48.175.192.in-addr.arpa", "49.175.192.in-addr.arpa"]),
        ("prefix", "192.175.0.0/16", ["175.192.in-addr.arpa"]),
        ("prefix", "192.175.48.6/31", ["6.48.175.192.in-addr.arpa", "7.48.175.192.in-addr.arpa"]),
        ("prefix", "2620:4f:8000::/48", ["0.0.0.8.f.4.0.0.0.2.6.2.ip6.arpa"]),
        ("prefix", "2620:4f:8000::/47", ["0.0.0.8.f.4.0.0.0.2.6.2.ip6.arpa", "1.0.0.8.f.4.0.0.0.2.6.2.ip6.arpa"]),
        ("asn", "112", []),
    ],
)
def test_where_the_record_must_stand(kind: str, value: str, names: list[str]) -> None:
    assert list(record_names(kind, value)) == [f"_tocsin-claim.{name}" for name in names]


@given(st.integers(8, 32))
def test_reverse_zones_cover_the_network_and_no_more(length: int) -> None:
    names = record_names("prefix", f"192.0.0.0/{length}")
    labels = names[0].removesuffix(".in-addr.arpa").count(".")

    assert len(names) <= MOST_ZONES
    assert len(names) * 2 ** (32 - 8 * labels) == 2 ** (32 - length)


def test_the_code_goes_to_the_registered_mailbox_and_shows_control(world: World) -> None:
    world.rules("reg", [f"beta prefix {NETWORK}"])
    made = claim(world, NETWORK)
    found = codes(world)

    assert set(found) == {"abuse@beta.example", "old@beta.example"} == set(made.asked)
    code = found["abuse@beta.example"]
    assert code not in str(read_claim(world.database, made.number, world.now))
    shown = show_code(world.database, made.number, code.lower().replace("-", " "), now=world.tick())
    assert (shown.state, shown.proof) == (ClaimState.PROVED, "mail")
    with world.database.begin() as session:
        assert code not in str([entry.detail for entry in session.scalars(select(AuditEntry))])


def test_for_a_part_of_a_network_its_holder_is_asked_but_not_the_holder_of_a_part(world: World) -> None:
    world.rules("reg", ["beta prefix 192.175.48.0/24"])

    assert set(claim(world, "192.175.48.128/25").asked) == {"abuse@beta.example", "old@beta.example"}
    assert claim(world, "192.175.48.0/23").asked == ()


def test_a_persons_word_or_another_source_names_no_mailbox_for_the_code(world: World) -> None:
    world.say("beta asn 112")
    world.rules("elsewhere", ["gamma asn 112"])

    assert claim(world, "AS112").asked == ()


def test_codes_cannot_be_guessed_or_used_for_another_claim(world: World) -> None:
    world.rules("reg", ["beta asn 112", "gamma asn 3333"])
    one, other = claim(world, "AS112"), claim(world, "AS3333")
    right = codes(world)["abuse@beta.example"]
    with pytest.raises(InputError, match="not the code"):
        show_code(world.database, other.number, right, now=world.tick())
    for guess in ("", "A", "AAAA-AAAA-AAAA", right[:-1], f"{right}A"):
        with pytest.raises(InputError, match="not the code"):
            show_code(world.database, one.number, guess, now=world.tick())

    with pytest.raises(ConflictError, match="Too many"):
        show_code(world.database, one.number, right, now=world.tick())
    assert read_claim(world.database, one.number, world.now).state is ClaimState.OPEN


def test_guesses_at_the_same_time_count_each(world: World) -> None:
    world.rules("reg", ["beta asn 112"])
    number = claim(world, "AS112").number

    def guess(_: int) -> str:
        try:
            show_code(world.database, number, "AAAA", now=world.now)
        except (InputError, ConflictError) as error:
            return type(error).__name__
        return "right"

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(guess, range(12)))

    assert said.count("InputError") == MOST_TRIES
    assert said.count("ConflictError") == 12 - MOST_TRIES


def test_dns_shows_control_when_every_zone_says_so(world: World, dns: DnsServer) -> None:
    made = claim(world, "192.175.48.0/23")
    first, second = made.dns_names
    dns.records = {first: ["v=spf1 -all", made.dns_value], second: [made.dns_value.upper()]}
    found, missing = show_dns(world.database, made.number, resolver=dns.address, now=world.tick())
    assert (found.state, missing) == (ClaimState.OPEN, [second])

    dns.records[second] = [made.dns_value]
    found, missing = show_dns(world.database, made.number, resolver=dns.address, now=world.tick())
    assert (found.state, found.proof, missing) == (ClaimState.PROVED, "dns", [])
    assert "48.175.192.in-addr.arpa" in found.evidence


def test_the_record_of_one_claim_shows_no_other(world: World, dns: DnsServer) -> None:
    mine, theirs = claim(world, "example.org"), claim(world, "example.org", team="beta", mailbox="x@beta.example")
    dns.records = {mine.dns_names[0]: [mine.dns_value], "example.org": [theirs.dns_value]}

    assert mine.dns_names == theirs.dns_names
    assert show_dns(world.database, theirs.number, resolver=dns.address, now=world.tick())[1] == list(theirs.dns_names)
    assert show_dns(world.database, mine.number, resolver=dns.address, now=world.tick())[1] == []


def test_dns_that_fails_is_no_answer(world: World, dns: DnsServer) -> None:
    made = claim(world, "example.org")
    dns.broken = True

    with pytest.raises(RemoteError, match="could not say"):
        show_dns(world.database, made.number, resolver=dns.address, now=world.tick())
    with pytest.raises(ConflictError, match="DNS cannot prove"):
        show_dns(world.database, claim(world, "AS112").number, resolver=dns.address, now=world.tick())


def test_approved_is_a_persons_word_with_its_evidence(world: World) -> None:
    world.rules("reg", ["beta asn 112"])
    made = claim(world, "AS112", mailbox="abuse@beta.example")
    show_code(world.database, made.number, codes(world)["abuse@beta.example"], now=world.tick())
    with pytest.raises(ConflictError, match="Others claim AS112, what it lies in, or parts of it: beta"):
        approve(world, made.number)
    done = approve(world, made.number, despite=True)

    assert done.claim.state is ClaimState.APPROVED
    directory = read_directory(world.database)
    (mine,) = [rule for rule in directory.rules if rule.source == "person:Ana"]
    assert (mine.kind, mine.value, mine.said_by) == ("asn", "112", "Ana")
    assert world.keys(asn=112) == ["alpha", "beta"]  # imports stand beside it
    with world.database.begin() as session:
        found = {(one.team, one.mailbox): one.stand for one in contact_states(session, world.now, Terms())}
    assert found["alpha", "abuse@beta.example"].state == "verified"
    history = [entry.word for entry in _audit(world)]
    assert [word for word in history if word.startswith("claim.")] == ["claim.made", "claim.proved", "claim.approved"]
    with pytest.raises(ConflictError, match="is approved"):
        refuse_claim(world.database, made.number, said_by="Bo", reason="no", actor="x", now=world.tick())


def test_approved_over_imports_overrules_them(world: World) -> None:
    world.rules("reg", [f"beta prefix {NETWORK}", "gamma prefix 192.175.48.0/28"])
    number = claim(world, NETWORK).number

    rivals = read_rivals(world.database, read_claim(world.database, number, world.now))
    assert [(one.team, one.value) for one in rivals] == [("beta", NETWORK), ("gamma", "192.175.48.0/28")]
    done = approve(world, number, reason="seen the contract", over=True, despite=True)
    assert {effect.team for word in done.spoken for effect in word.effects} == {"beta", "gamma"}
    assert world.keys(address="192.175.48.1") == ["alpha"]


def test_nothing_is_approved_or_refused_without_a_word(world: World) -> None:
    number = claim(world, "example.org").number

    with pytest.raises(UsageError, match="Control is not proved"):
        approve(world, number)
    with pytest.raises(UsageError):
        refuse_claim(world.database, number, said_by="Ana", reason=" ", actor="x", now=world.tick())
    with pytest.raises(UsageError):
        refuse_claim(world.database, number, said_by="", reason="no", actor="x", now=world.tick())
    assert read_claim(world.database, number, world.now).state is ClaimState.OPEN
    done = refuse_claim(world.database, number, said_by="Ana", reason="not theirs", actor="x", now=world.tick())
    assert (done.claim.state, done.claim.reason) == (ClaimState.REFUSED, "not theirs")
    assert not [rule for rule in read_directory(world.database).rules if rule.value == "example.org"]


def test_a_persons_denial_stops_an_approval_whole(world: World) -> None:
    world.deny("alpha domain example.org")
    number = claim(world, "example.org").number

    with pytest.raises(ConflictError, match="not theirs"):
        approve(world, number, reason="it says so")
    assert read_claim(world.database, number, world.now).state is ClaimState.OPEN
    assert all("noc@alpha.example" not in team.mailboxes for team in read_directory(world.database).teams)


def test_the_same_claim_again_is_the_same_and_ends_after_thirty_days(world: World) -> None:
    world.rules("reg", ["beta asn 112"])
    made = claim(world, "AS112")
    assert claim(world, "AS112").number == made.number
    assert len(codes(world)) == 2  # the two mailboxes of beta, once each

    right = codes(world)["abuse@beta.example"]
    world.now = made.made_at + OPEN_FOR
    assert read_claims(world.database, world.now)[0].state is ClaimState.EXPIRED
    for act in (lambda: show_code(world.database, made.number, right, now=world.now), lambda: approve(world, 1)):
        with pytest.raises(ConflictError, match="is expired"):
            act()
    assert claim(world, "AS112").number != made.number


def test_unknown_claims_teams_and_mailboxes_are_said_so(world: World) -> None:
    with pytest.raises(NotFoundError):
        read_claim(world.database, 99, world.now)
    with pytest.raises(NotFoundError):
        claim(world, "example.org", team="nobody")
    with pytest.raises(UsageError, match="display name"):
        claim(world, "example.org", mailbox="NOC <noc@alpha.example>")
    assert read_claims(world.database, world.now + dt.timedelta(days=1)) == []


def _audit(world: World) -> list[AuditEntry]:
    with world.database.begin() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))
