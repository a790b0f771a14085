"""Rules really apply: in who is told, in what mails hold, in the page of answers, in dry runs, on the command line."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from support.world import START, World, copy_world
from tocsin.delivery import Delivery
from tocsin.directory import Mute, MuteKind, ResponsibilityRole, mute, read_team, team_keys
from tocsin.events.filters import EventFilter
from tocsin.events.models import Ingest
from tocsin.node.accounts import PermissionScope
from tocsin.node.records import AuditEntry
from tocsin.pipeline.not_told import withheld
from tocsin.pipeline.rules_dry_run import try_rules
from tocsin.pipeline.why_told import why_told
from tocsin.sharing.rules import read_document, set_rules, version_in_force
from tocsin.sharing.visibility import event_scope_of


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


def put(world: World, text: str) -> int:
    """Put rules in force."""
    with world.node.database.begin() as session:
        now = version_in_force(session)
        keys = set(team_keys(session).values())
        number = now.id if now else 0
        made = set_rules(session, text, based_on=number, teams=keys, why="A test", actor="test", now=world.now)
        return made.id


REFUSE = """
[[share]]
id = "not-to-banks"
to_team = "sector"
feed = "scan_rdp"
why = "The provider says so."
refuse = true
"""
INFORM = """
[[route]]
id = "b-hears-too"
network = "192.0.2.0/25"
inform = "nat-b"
"""
QUIET = """
[[route]]
id = "trial-feed"
feed = "scan_rdp"
tell_nobody = true
"""


def test_without_rules_everybody_is_told_as_before(world: World) -> None:
    world.hear("192.0.2.1", "192.0.2.130")
    assert set(world.tell()) == {"abuse@operator.example", "csirt@nat-a.example", "cert@banks.example"}


def test_a_team_that_a_rule_refuses_is_not_told_and_the_ingest_names_the_rule(world: World) -> None:
    put(world, REFUSE)
    counts = world.hear("192.0.2.1", "192.0.2.130")
    assert set(world.tell()) == {"abuse@operator.example", "csirt@nat-a.example"}
    assert counts.withheld == 1
    with world.node.database.reading() as session:
        (ingest,) = session.scalars(select(Ingest)).all()
        (kept,) = withheld(session, world.now, world.now)
    assert ingest.withheld_by_rule == {"local:not-to-banks": 1}
    assert (kept.rule, kept.words, kept.events) == ("local:not-to-banks", "The provider says so.", 1)
    assert kept.team == ("sector", "Bank Sector Team")


def test_a_team_is_told_more_for_its_information(world: World) -> None:
    put(world, INFORM)
    world.hear("192.0.2.1", "192.0.2.130")
    mails = world.tell()
    assert set(mails) == {
        "abuse@operator.example", "csirt@nat-a.example", "csirt@nat-b.example", "cert@banks.example"
    }  # fmt: skip
    body = mails["csirt@nat-b.example"].body
    assert "192.0.2.1 " in body
    assert "192.0.2.130" not in body
    assert "Who answers for these: Example Operator. We ask nothing of you." in " ".join(body.split())


@pytest.mark.parametrize(
    "said",
    [
        Mute(MuteKind.TYPE, "vulnerable-system"),
        Mute(MuteKind.IDENTIFIER, "open-rdp"),
        Mute(MuteKind.PREFIX, "192.0.2.0/28"),
        Mute(MuteKind.PREFIX, "192.0.2.0/28", START - timedelta(days=400)),
        Mute(MuteKind.PREFIX, "192.0.2.64/28"),
    ],
)
def test_a_team_that_a_rule_informs_is_not_told_of_what_it_mutes(world: World, said: Mute) -> None:
    put(world, INFORM)
    with world.node.database.begin() as session:
        mute(session, "nat-b", said, actor="person:1", now=START - timedelta(days=500))
    holds = said.until is None and said.value != "192.0.2.64/28"
    world.hear("192.0.2.1", "192.0.2.2")
    mails = world.tell()
    assert set(mails) == {"abuse@operator.example", "csirt@nat-a.example"} | (
        set() if holds else {"csirt@nat-b.example"}
    )
    (more,) = world.tocsin.json("explain", "192.0.2.1", "--feed", "scan_rdp", "--type", "vulnerable-system")[
        "told_more"
    ]
    if said.kind is not MuteKind.IDENTIFIER:
        assert (more["told"], bool(more["muted"])) == (not holds, holds)
    assert not try_rules(world.node, read_document(INFORM), now=world.now).changes


def test_a_feed_that_nobody_is_told_of_is_heard_and_counted(world: World) -> None:
    put(world, QUIET)
    counts = world.hear("192.0.2.1")
    assert (counts.stored, counts.routed, counts.deliveries) == (1, 1, 0)
    assert world.tell() == {}


def test_what_waits_when_a_rule_comes_does_not_leave_either(world: World) -> None:
    world.hear("192.0.2.1", "192.0.2.130")
    put(world, REFUSE)
    assert set(world.tell()) == {"abuse@operator.example", "csirt@nat-a.example"}
    shown = world.tocsin.json("deliveries", "list", "--state", "withheld")
    assert [one["team"] for one in shown] == ["sector"]
    assert "The provider says so." in shown[0]["error"]


def test_a_hidden_field_is_in_no_mail_of_those_it_is_hidden_from(world: World) -> None:
    put(world, '[[share]]\nid = "no-port"\nto_kind = "operator"\nhide = ["source.port"]\n')
    world.hear("192.0.2.1", port=4711)
    mails = world.tell()
    operator, nation = mails["abuse@operator.example"], mails["csirt@nat-a.example"]
    assert {row["source.port"] for row in operator.rows()} == {""}
    assert {row["source.port"] for row in nation.rows()} == {"4711"}


def test_a_dry_run_says_what_the_same_events_then_do(world: World) -> None:
    world.hear("192.0.2.1", "192.0.2.2", "192.0.2.130")
    trial = try_rules(world.node, read_document(REFUSE + INFORM), now=world.now)
    assert (trial.events, trial.more, trial.teams_before, trial.teams_after) == (3, False, 3, 3)
    assert {(one.key, one.before, one.after) for one in trial.changes} == {("sector", 1, 0), ("nat-b", 0, 2)}
    assert [(one.rule, one.events, one.stopped, one.added) for one in trial.rules] == [
        ("not-to-banks", 3, 1, 0),
        ("b-hears-too", 2, 0, 2),
    ]
    put(world, REFUSE + INFORM)
    assert not try_rules(world.node, read_document(REFUSE + INFORM), now=world.now).changes


def test_explain_says_what_rules_do_and_what_they_depend_on(world: World) -> None:
    plain = world.tocsin.json("explain", "192.0.2.130")
    put(world, REFUSE + INFORM)
    asked = world.tocsin.json("explain", "192.0.2.130", "--feed", "scan_rdp")
    (sector,) = [one for one in asked["teams"] if one["team"] == "sector"]
    assert (sector["told"], sector["gate"]["rule"]) == (False, "local:not-to-banks")
    assert (asked["told_more"], asked["undecided_rules"]) == ([], [])
    unsaid = world.tocsin.json("explain", "192.0.2.130")
    assert unsaid["teams"] == plain["teams"]
    assert unsaid["undecided_rules"] == ["not-to-banks"]
    more = world.tocsin.json("explain", "192.0.2.1", "--feed", "other")["told_more"]
    assert [(one["team"], one["rule"], one["told"]) for one in more] == [("nat-b", "b-hears-too", True)]
    assert "informed     by rule b-hears-too of this node" in world.tocsin.run("explain", "192.0.2.1")


def test_the_page_of_reasons_names_the_rule(world: World) -> None:
    put(world, INFORM)
    world.hear("192.0.2.1")
    world.tell()
    with world.node.database.reading() as session:
        teams = team_keys(session)
        (digest,) = [one for one in session.scalars(select(Delivery)) if teams[one.team_id] == "nat-b"]
    (reason,) = why_told(world.node, digest).named
    assert (reason.rule, reason.role, reason.events) == ("local:b-hears-too", ResponsibilityRole.INFORMED, 1)


def test_the_command_line_checks_tries_sets_and_lists(world: World, tmp_path: Path) -> None:
    tocsin, file = world.tocsin, tmp_path / "rules.toml"
    file.write_text(REFUSE.replace("sector", "sectors"))
    code, _, err = tocsin.call("rules", "check", file)
    assert (code, "Line 4: There is no team 'sectors' in the directory." in err) == (1, True)
    file.write_text(REFUSE)
    assert "not-to-banks: Such events are not shared." in tocsin.run("rules", "check", file)
    assert tocsin.json("rules", "try", file, "--days", "1")["changes"] == []
    assert tocsin.json("rules", "set", file, "--why", "Their contract")["version"] == 1
    code, _, err = tocsin.call("rules", "set", file, "--why", "Again", "--based-on", "0")
    assert (code, "Version 1 came into force meanwhile" in err) == (1, True)
    file.write_text(tocsin.run("rules", "show") + QUIET)
    assert tocsin.json("rules", "set", file, "--why", "Trial")["version"] == 2
    assert [one["version"] for one in tocsin.json("rules", "versions")] == [2, 1]
    assert '+id = "trial-feed"' in tocsin.run("rules", "versions", "--diff", "2")
    assert tocsin.json("rules", "show", "--version", "1")["rules"][0]["why"] == "The provider says so."
    with world.node.database.reading() as session:
        words = session.execute(select(AuditEntry.word, AuditEntry.subject).order_by(AuditEntry.id.desc())).first()
    assert words == ("rules.changed", "rules:2")


def test_an_operator_sees_no_event_that_a_rule_keeps_from_it(world: World) -> None:
    number = read_team(world.node.database, "sector")[0].id
    own = PermissionScope(everything=False, teams=frozenset([number]))

    def seen() -> tuple[int, bool]:
        sight = event_scope_of(world.node, world.node.events, own)
        return world.node.events.figures(EventFilter(), now=world.now, sight=sight).total, "source.port" in sight.common

    put(world, REFUSE)
    world.hear("192.0.2.130")
    assert seen() == (0, True)
    put(world, '[[share]]\nid = "no-port"\nfeed = "x"\nto_kind = "sectoral"\nhide = ["source.port"]\n')
    assert seen() == (1, False)
    put(world, '[[share]]\nid = "nothing"\nto_kind = "sectoral"\nrefuse = true\n')
    assert seen() == (0, False)
