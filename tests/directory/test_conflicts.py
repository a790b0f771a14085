"""Claims that contradict each other: which are shown, how they are decided, and that a decision stays."""

from pathlib import Path

import pytest
from sqlalchemy import select

from support.directory_example import TEAMS, World
from tocsin.directory import Conflict, ConflictState, read_conflicts, read_directory, undecide
from tocsin.directory.tables import DecisionRow
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.records import AuditEntry, Database


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    made = World(database, tmp_path)
    made.bring("teams", TEAMS)
    return made


def shown(world: World, *, nested: bool = False) -> list[tuple[str, str, str, tuple[str, ...]]]:
    return [(one.kind, one.value, one.state.value, one.teams) for one in read_conflicts(world.database, nested=nested)]


def only(found: list[Conflict]) -> Conflict:
    (one,) = found
    return one


def test_two_teams_that_claim_the_same_are_a_conflict_with_where_each_comes_from(world: World) -> None:
    world.bring("rir", "team,kind,value,as_of,confidence\nalpha,prefix,192.0.2.0/24,2026-11-01,80\n")
    world.rules("nic", ["beta prefix 192.0.2.0/24", "beta asn 64500", "gamma asn 64500 informed"])

    one = only(read_conflicts(world.database))
    assert (one.kind, one.value, one.state, one.teams) == ("prefix", "192.0.2.0/24", "open", ("alpha", "beta"))
    first = next(claim for claim in one.claims if claim.team == "alpha")
    assert (first.source, str(first.as_of), first.confidence) == ("rir", "2026-11-01", 80)


def test_nesting_alone_is_no_conflict_and_is_listed_when_asked_for(world: World) -> None:
    world.rules("rir", ["alpha prefix 192.0.2.0/24", "beta prefix 192.0.2.0/26", "alpha domain example.org"])
    world.rules("nic", ["gamma prefix 192.0.2.64/26", "gamma domain shop.example.org", "alpha prefix 192.0.2.128/25"])

    assert shown(world) == []
    assert shown(world, nested=True) == [
        ("domain", "shop.example.org", "nested", ("alpha", "gamma")),
        ("prefix", "192.0.2.64/26", "nested", ("alpha", "gamma")),
    ]


def test_what_a_person_overruled_is_shown_as_settled(world: World) -> None:
    world.rules("rir", ["alpha asn 64500", "beta asn 64501"])
    world.say("gamma asn 64500")
    world.deny("beta asn 64501")

    assert shown(world) == [("asn", "64500", "said", ("alpha", "gamma")), ("asn", "64501", "said", ("beta",))]


def test_a_decision_holds_over_re_imports_and_is_followed(world: World) -> None:
    rows = ["alpha prefix 192.0.2.0/24", "beta prefix 192.0.2.0/24", "gamma prefix 192.0.2.0/25"]
    world.rules("rir", rows)
    done = world.decide("192.0.2.0/24", "beta")

    assert (done.teams, done.against, done.supersedes) == (("beta",), ("alpha",), None)
    assert world.keys(address="192.0.2.200") == ["beta"]
    assert world.keys(address="192.0.2.1") == ["gamma"]  # it reaches no further than the value itself
    world.rules("rir", rows[:1])
    assert world.keys(address="192.0.2.200") == ["beta"]
    world.rules("rir", rows)
    assert world.keys(address="192.0.2.200") == ["beta"]
    assert only(read_conflicts(world.database)).state is ConflictState.DECIDED
    decision = world.told(address="192.0.2.200")
    assert (
        decision.matches[0].rule
        == f"prefix 192.0.2.0/24 (source decision:{done.number}, as of 2026-11-24, said by Ana)"
    )
    assert decision.overruled[0].overruled == "Ana decided otherwise on 2026-11-24 (papers seen)"


def test_a_claim_that_is_new_since_the_decision_opens_it_again_and_is_not_followed(world: World) -> None:
    world.rules("rir", ["alpha asn 64500", "beta asn 64500"])
    world.decide("AS64500", "alpha")
    world.rules("nic", ["gamma asn 64500"])

    assert only(read_conflicts(world.database)).state is ConflictState.REOPENED
    assert world.keys(asn=64500) == ["alpha"]
    done = world.decide("AS64500", "gamma", by="Ben")
    assert world.keys(asn=64500) == ["gamma"]
    assert done.against == ("alpha", "beta")
    assert only(read_conflicts(world.database)).state is ConflictState.DECIDED
    with world.database.begin() as session:
        first, second = session.scalars(select(DecisionRow).order_by(DecisionRow.id))
        assert (first.withdrawn, second.withdrawn) == (second.recorded, None)
        assert done.supersedes == first.id


def test_all_who_claim_it_may_hold_it(world: World) -> None:
    world.rules("rir", ["alpha domain example.org", "beta domain example.org"])
    world.rules("nic", ["gamma domain shop.example.org"])
    world.decide("example.org", both=True)
    assert world.keys(domain="www.example.org") == ["alpha", "beta"]
    assert only(read_conflicts(world.database)).state is ConflictState.DECIDED
    world.decide("shop.example.org", both=True)  # nested: whoever claims the part, and who claims what it lies in
    assert world.keys(domain="shop.example.org") == ["alpha", "beta", "gamma"]
    world.decide("shop.example.org", "alpha")
    assert world.keys(domain="shop.example.org") == ["alpha"]


def test_a_decision_stands_above_what_persons_say(world: World) -> None:
    world.say("alpha asn 64500", by="Ana")
    world.say("beta asn 64500", by="Ben")
    assert world.keys(asn=64500) == ["alpha", "beta"]
    assert only(read_conflicts(world.database)).state is ConflictState.OPEN
    world.decide("64500", "beta")
    assert world.keys(asn=64500) == ["beta"]
    spoken = world.say("alpha asn 64500", by="Ana", reason="again")
    assert spoken.overruled_by == "Ana decided otherwise on 2026-11-24 (papers seen)"
    assert world.keys(asn=64500) == ["beta"]


def test_a_decision_can_be_taken_back(world: World) -> None:
    world.rules("rir", ["alpha domain example.org", "beta domain example.org"])
    done = world.decide("example.org", "alpha")
    said = {"said_by": "Ben", "reason": "wrong papers", "actor": "x"}
    assert undecide(world.database, "example.org", now=world.tick(), **said) == done.number
    assert world.keys(domain="example.org") == ["alpha", "beta"]
    assert only(read_conflicts(world.database)).state is ConflictState.OPEN
    with pytest.raises(NotFoundError, match="Nothing was decided"):
        undecide(world.database, "example.org", now=world.tick(), **said)
    with world.database.begin() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.word == "decision.withdrawn")).one()
        assert entry.subject == f"decision:{done.number}"


def test_mailboxes_on_which_sources_differ_are_shown_and_decided(world: World) -> None:
    world.bring("nic", "key,mailboxes\nalpha,noc@alpha.example\nbeta,abuse@beta.example\ngamma,abuse@alpha.example\n")

    assert shown(world) == [
        ("mailbox", "abuse@alpha.example", "open", ("alpha", "gamma")),
        ("mailboxes", "alpha", "open", ("alpha",)),
        ("mailboxes", "gamma", "open", ("gamma",)),
    ]
    world.decide("abuse@alpha.example", "alpha")
    world.deny("alpha mailbox noc@alpha.example")
    boxes = {team.key: team.mailboxes for team in read_directory(world.database).teams}
    assert (boxes["alpha"], boxes["gamma"]) == (("abuse@alpha.example",), ("abuse@gamma.example",))
    assert [one[1:3] for one in shown(world)] == [
        ("abuse@alpha.example", "decided"),
        ("noc@alpha.example", "said"),
    ]


def test_only_what_is_claimed_can_be_decided_and_only_for_who_claims_it(world: World) -> None:
    world.rules("rir", ["alpha asn 64500", "beta asn 64500"])
    with pytest.raises(NotFoundError, match="No team claims to be responsible for 64501"):
        world.decide("AS64501", "alpha")
    with pytest.raises(ConflictError, match="gamma does not claim 64500"):
        world.decide("AS64500", "gamma")
    with pytest.raises(NotFoundError, match="No team 'delta'"):
        world.decide("AS64500", "delta")
    with pytest.raises(UsageError, match="either --for with a team, or --both"):
        world.decide("AS64500")
    with pytest.raises(UsageError, match="--said-by"):
        world.decide("AS64500", "alpha", by=" ")
    with pytest.raises(UsageError):
        world.decide("no such thing", "alpha")
    assert world.keys(asn=64500) == ["alpha", "beta"]


def test_the_audit_entry_of_a_decision_names_teams_by_uuid(world: World) -> None:
    world.rules("rir", ["alpha asn 64500", "beta asn 64500"])
    done = world.decide("AS64500", "alpha")
    uuids = {team.key: str(team.uuid) for team in read_directory(world.database).teams}
    with world.database.begin() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.word == "conflict.decided")).one()
        assert entry.subject == f"decision:{done.number}"
        assert entry.detail == {"kind": "asn", "value": "64500", "teams": [uuids["alpha"]]}
