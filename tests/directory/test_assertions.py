"""A person's word beats an import: what is told, what is kept, and what an import may not do."""

from datetime import date
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from support.directory_example import TEAMS, World
from tocsin.directory import (
    DirectoryRule,
    PersonStatement,
    ResponsibilityRole,
    RuleKind,
    add_assertion,
    read_directory,
    read_overruled,
    read_team,
)
from tocsin.directory.precedence import Assertion, PersonAssertions, RecordedDecision, settle
from tocsin.networks import parse_network
from tocsin.node.errors import ConflictError, InputError, NotFoundError, UsageError
from tocsin.node.records import AuditEntry, Database


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    made = World(database, tmp_path)
    made.bring("teams", TEAMS)
    return made


def test_a_persons_claim_overrules_what_imports_say_of_it_and_of_its_parts(world: World) -> None:
    world.rules("rir", ["beta prefix 192.0.2.0/24", "gamma prefix 192.0.2.64/26", "gamma prefix 198.51.100.0/24"])
    done = world.say("alpha prefix 192.0.2.0/24", reason="contract seen")

    assert world.keys(address="192.0.2.70") == world.keys(address="192.0.2.1") == ["alpha"]
    assert world.keys(address="198.51.100.1") == ["gamma"]
    assert {(effect.team, effect.value) for effect in done.effects} == {
        ("beta", "192.0.2.0/24"),
        ("gamma", "192.0.2.64/26"),
    }
    (first, second) = world.told(address="192.0.2.70").overruled
    assert first.overruled == second.overruled == "Ana said on 2026-11-24 who answers for 192.0.2.0/24 (contract seen)"


def test_beside_imports_a_claim_is_only_added(world: World) -> None:
    world.rules("rir", ["beta prefix 192.0.2.0/24", "gamma prefix 192.0.2.64/26"])
    world.say("alpha prefix 192.0.2.0/24", beside=True)

    assert world.keys(address="192.0.2.1") == ["alpha", "beta"]
    assert world.keys(address="192.0.2.70") == ["gamma"]


def test_no_import_withdraws_changes_or_shadows_a_persons_word(world: World) -> None:
    world.say("alpha asn 64500")
    world.say("alpha domain example.org")
    for rows in (["beta asn 64500"], ["alpha asn 64500 informed"], ["beta domain shop.example.org"], []):
        world.rules("rir", rows)
        assert world.keys(asn=64500) == ["alpha"]
        assert world.keys(domain="www.shop.example.org") == ["alpha"]
    (rule,) = [rule for rule in read_team(world.database, "alpha")[1] if rule.kind is RuleKind.ASN]
    assert (rule.source, rule.said_by, rule.role) == ("person:Ana", "Ana", ResponsibilityRole.RESPONSIBLE)


def test_a_denial_suppresses_imports_and_they_stay_in_the_records(world: World) -> None:
    world.rules("rir", ["beta prefix 192.0.2.0/25", "beta asn 64500 informed", "gamma prefix 192.0.2.0/24"])
    world.deny("beta prefix 192.0.2.0/24", reason="sold")
    world.deny("beta asn 64500")

    assert world.keys(address="192.0.2.1") == ["gamma"]
    assert world.keys(asn=64500) == []
    assert {rule.value for rule in read_directory(world.database).overruled} == {"192.0.2.0/25", "64500"}
    world.rules("rir", ["beta prefix 192.0.2.128/25", "gamma prefix 192.0.2.0/24"])  # said anew in another form
    assert world.keys(address="192.0.2.200") == ["gamma"]
    assert world.told(address="192.0.2.200").overruled[0].overruled == (
        "Ana said on 2026-11-24 that 192.0.2.0/24 is not theirs (sold)"
    )


def test_a_mailbox_can_be_denied_and_asserted(world: World) -> None:
    world.deny("beta mailbox old@beta.example")
    world.say("alpha mailbox new@alpha.example")
    world.bring("teams", TEAMS.replace("abuse@alpha.example", "other@alpha.example"))

    assert read_team(world.database, "beta")[0].mailboxes == ("abuse@beta.example",)
    assert set(read_team(world.database, "alpha")[0].mailboxes) == {"new@alpha.example", "other@alpha.example"}


def test_a_word_taken_back_lets_imports_count_again(world: World) -> None:
    world.rules("rir", ["beta asn 64500", "gamma asn 64501"])
    world.say("alpha asn 64500")
    world.say("alpha asn 64500", by="Ben")
    world.deny("gamma asn 64501")
    world.take_back("alpha asn 64500", by="Ana")
    assert world.keys(asn=64500) == ["alpha"]
    done = world.take_back("alpha asn 64500")
    world.take_back("gamma asn 64501")

    assert [(effect.team, effect.overruled) for effect in done.effects] == [("beta", "")]
    assert (world.keys(asn=64500), world.keys(asn=64501)) == (["beta"], ["gamma"])
    with pytest.raises(NotFoundError, match="Ana said nothing"):
        world.take_back("alpha asn 64500", by="Ana")


def test_two_persons_who_contradict_each_other_are_told_so(world: World) -> None:
    world.say("alpha asn 64500")
    with pytest.raises(ConflictError, match="Ana said on 2026-11-24 that asn 64500 is theirs"):
        world.deny("alpha asn 64500", by="Ben")
    world.deny("beta asn 64500", by="Ben")
    with pytest.raises(ConflictError, match="Ben said on 2026-11-24 that asn 64500 is not theirs"):
        world.say("beta asn 64500")
    said = PersonStatement("alpha", "asn", "64500", "Ben", role=ResponsibilityRole.INFORMED)
    with pytest.raises(ConflictError, match="is theirs as responsible"):
        add_assertion(world.database, said, actor="x", now=world.tick())


def test_the_same_word_again_changes_nothing_and_a_changed_one_takes_its_place(world: World) -> None:
    first = world.say("alpha asn 64500")
    again = world.say("alpha asn AS64500")
    assert (again.changed, again.version) == (False, first.version)
    world.say("alpha asn 64500", reason="asked them")
    assert len(read_team(world.database, "alpha")[1]) == 1


@pytest.mark.parametrize(
    ("row", "by"), [("alpha colour red", "Ana"), ("alpha asn 0", "Ana"), ("alpha prefix 192.0.2.1/24", "Ana")]
)
def test_what_cannot_be_said_is_refused(world: World, row: str, by: str) -> None:
    with pytest.raises(UsageError):
        world.say(row, by=by)
    with pytest.raises(NotFoundError):
        world.say("nobody asn 64500")


def test_an_import_cannot_speak_as_a_person(world: World) -> None:
    for source in ("person:Ana", "decision:1"):
        with pytest.raises(InputError, match="kept for what persons say"):
            world.bring(source, "team,kind,value\nalpha,asn,64500\n")


def test_each_word_has_its_audit_entry_without_personal_data(world: World) -> None:
    world.say("alpha asn 64500")
    world.deny("beta mailbox old@beta.example")
    world.take_back("alpha asn 64500")
    with world.database.begin() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()[1:]
    team = read_team(world.database, "alpha")[0]
    assert [entry.word for entry in entries] == ["assertion.made", "assertion.denied", "assertion.withdrawn"]
    assert entries[0].subject == f"team:{team.uuid}"
    assert entries[0].detail == {"kind": "asn", "value": "64500", "role": "responsible"}
    assert "old@beta.example" not in str(entries[1].detail)


NETWORKS = st.builds(
    lambda number, length: str(ip_network((f"192.0.{number}.0", length), strict=False)),
    st.integers(0, 3),
    st.integers(20, 26),
)
DAY = date(2026, 11, 24)


@st.composite
def claims(draw: st.DrawFn, source: str) -> DirectoryRule:
    kind = draw(st.sampled_from([RuleKind.PREFIX, RuleKind.ASN, RuleKind.DOMAIN]))
    value = {
        RuleKind.PREFIX: NETWORKS,
        RuleKind.ASN: st.sampled_from(["64500", "64501"]),
        RuleKind.DOMAIN: st.sampled_from(["example.org", "a.example.org", "b.a.example.org", "example.net"]),
    }[kind]
    return DirectoryRule(
        draw(st.integers(1, 3)), kind, draw(value), draw(st.sampled_from(list(ResponsibilityRole))), source
    )


@given(
    st.lists(claims("rir"), max_size=12),
    st.lists(claims("person:Ana"), max_size=4),
    st.lists(claims("person:Ana"), max_size=3),
    st.lists(claims("person:Ana"), max_size=2),
)
def test_the_rule_of_precedence_by_hand(
    imports: list[DirectoryRule],
    persons: list[DirectoryRule],
    denials: list[DirectoryRule],
    contests: list[DirectoryRule],
) -> None:
    """Whatever is said: nothing is lost, and what holds is what the rule says when it is walked by hand."""
    said = [Assertion(rule.team_id, rule.kind, rule.value, rule.role, "Ana", DAY) for rule in persons]
    said += [Assertion(rule.team_id, rule.kind, rule.value, None, "Ana", DAY) for rule in denials]
    decided = {
        (rule.kind, rule.value): RecordedDecision(
            number, rule.kind, rule.value, frozenset({rule.team_id}), frozenset(), "B", DAY
        )
        for number, rule in enumerate(contests)
    }
    words = PersonAssertions(tuple(said), tuple(decided.values()))
    holding, overruled = settle([*imports, *persons], words)

    kept = [rule for rule in holding if not rule.source.startswith("decision:")]
    assert len(kept) + len(overruled) == len(imports) + len(persons)
    assert {(rule.kind, rule.value) for rule in holding if rule.source.startswith("decision:")} == set(decided)
    for rule in kept:
        assert not rule.overruled
        decision = decided.get((rule.kind, rule.value))
        if decision and rule.role is ResponsibilityRole.RESPONSIBLE:
            assert rule.team_id in decision.teams
            continue
        if rule.source == "rir":
            nearest = _nearest(rule, words)
            assert nearest is None or nearest.role is not None
            answers = {
                one.team_id for one in words.said if one.role is ResponsibilityRole.RESPONSIBLE and _holds(one, rule)
            }
            vouched = answers | {team for one in words.decided if _holds(one, rule) for team in one.teams}
            assert rule.role is not ResponsibilityRole.RESPONSIBLE or not answers or rule.team_id in vouched
    for rule in overruled:
        assert rule.overruled
        assert any(_holds(one, rule) for one in words.said) or any(_holds(one, rule) for one in words.decided)
        if rule.source != "rir":
            assert rule.team_id not in decided[rule.kind, rule.value].teams


def _nearest(rule: DirectoryRule, words: PersonAssertions) -> Assertion | None:
    """The word on this very team whose value holds that of the rule most narrowly; the first said of equals."""
    found = [one for one in words.said if one.team_id == rule.team_id and _holds(one, rule)]
    decided = [one for one in words.decided if rule.team_id in one.teams and _holds(one, rule)]
    size = max((len(one.value) if one.kind == "domain" else _length(one) for one in decided), default=-1)
    best = max(found, key=lambda one: len(one.value) if one.kind == "domain" else _length(one), default=None)
    if best and rule.role is ResponsibilityRole.RESPONSIBLE:
        here = len(best.value) if best.kind == "domain" else _length(best)
        return None if size >= here else best
    return best


def _length(one: Assertion | RecordedDecision) -> int:
    network = parse_network(one.value) if one.kind == "prefix" else None
    return network.length if network else 0


def _holds(one: Assertion | RecordedDecision, rule: DirectoryRule) -> bool:
    if one.kind != rule.kind:
        return False
    if rule.kind is RuleKind.DOMAIN:
        return f".{rule.value}".endswith(f".{one.value}")
    if rule.kind is RuleKind.ASN:
        return rule.value == one.value
    inner, outer = parse_network(rule.value), parse_network(one.value)
    assert inner
    assert outer
    return outer.length <= inner.length and (inner.lo >> (128 - outer.length)) == (outer.lo >> (128 - outer.length))


def test_what_is_overruled_is_shown_with_the_team(world: World) -> None:
    world.rules("rir", ["beta asn 64500", "beta asn 64501"])
    world.deny("beta asn 64500", reason="sold")
    (rule,) = read_overruled(world.database, "beta")
    assert (rule.value, rule.overruled) == ("64500", "Ana said on 2026-11-24 that AS64500 is not theirs (sold)")


def test_reserved_numbers_and_ranges_of_them_have_their_reason(world: World) -> None:
    done = world.rules("rir", ["beta asn 0", "beta asn AS23456", "beta asn 65535", "beta asn AS64500-AS64510"])
    assert [refused.why for refused in done.not_taken] == [
        "AS0 is nobody's: it is reserved (RFC 7607)",
        "AS23456 is nobody's: it is reserved (RFC 6793)",
        "AS65535 is nobody's: it is reserved (RFC 7300)",
        "a range of AS numbers; write each number on its own, since each is one claim",
    ]
