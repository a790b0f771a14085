"""A re-import shows its difference before it is applied, and much is not taken from a source by surprise."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.cast import Tocsin
from support.directory_example import TEAMS, World
from tocsin.directory import ChangeLine, read_directory
from tocsin.node.errors import ConflictError
from tocsin.node.records import Database

MANY = "team,kind,value\n" + "".join(f"alpha,asn,{64500 + number}\n" for number in range(30))
FEWER = "team,kind,value\n" + "".join(f"alpha,asn,{64500 + number}\n" for number in range(20))


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    made = World(database, tmp_path)
    made.bring("teams", TEAMS)
    return made


def test_a_dry_run_says_each_change_with_before_and_after(world: World) -> None:
    world.bring("rir", "team,kind,value,role,confidence\nalpha,asn,64500,,80\nalpha,asn,64501,,\nbeta,asn,64502,,\n")
    world.say("gamma asn 64503", reason="seen")
    changed = "team,kind,value,role,confidence\nalpha,asn,64500,informed,50\nbeta,asn,64502,,\nbeta,asn,64503,,\n"
    done = world.bring("rir", changed, dry_run=True)

    assert done.changes == (
        ChangeLine("changed", "alpha", "asn", "64500", "responsible, confidence 80", "informed, confidence 50"),
        ChangeLine("gone", "alpha", "asn", "64501", "responsible"),
        ChangeLine(
            "new", "beta", "asn", "64503", "", "responsible", "Ana said on 2026-11-24 who answers for AS64503 (seen)"
        ),
    )
    assert {rule.value for rule in read_directory(world.database).rules} == {"64500", "64501", "64502", "64503"}
    assert world.bring("rir", changed).changes == ()


def test_changes_of_teams_mailboxes_and_mutes_are_said_too(world: World) -> None:
    mutes = "key,name,mailboxes,mute_types\nalpha,Alpha Net,noc@alpha.example,scanner\ndelta,Delta,d@delta.example,\n"
    done = world.bring("teams", mutes, dry_run=True)

    assert ChangeLine("changed", "alpha", "team", "name", "Alpha", "Alpha Net") in done.changes
    assert ChangeLine("new", "delta", "team", "Delta") in done.changes
    assert ChangeLine("gone", "alpha", "mailbox", "abuse@alpha.example") in done.changes
    assert ChangeLine("new", "alpha", "mute of type", "scanner") in done.changes


def test_much_that_goes_at_once_needs_a_yes(world: World) -> None:
    world.bring("rir", MANY)
    with pytest.raises(ConflictError, match=r"10 of 30 rules \(33 %\) would go"):
        world.bring("rir", FEWER, most_gone=20)
    assert len(read_directory(world.database).rules) == 30
    assert world.bring("rir", FEWER, most_gone=20, dry_run=True).shrinks == "10 of 30 rules (33 %)"
    assert world.bring("rir", FEWER, most_gone=34).shrinks == ""
    assert len(read_directory(world.database).rules) == 20


def test_changes_and_a_handful_are_no_shrinkage(world: World) -> None:
    world.bring("rir", MANY)
    assert world.bring("rir", MANY.replace("\n", ",informed\n").replace("value,informed", "value,role"), most_gone=0)
    world.bring("nic", "team,kind,value\nalpha,asn,64600\nalpha,asn,64601\n")
    world.bring("nic", "team,kind,value\n", most_gone=0)
    assert len(read_directory(world.database).rules) == 30


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sets(st.integers(64500, 64512)), min_size=2, max_size=2))
def test_the_difference_is_exactly_what_then_changes(database: Database, tmp_path: Path, sets: list[set[int]]) -> None:
    world = World(database, tmp_path)
    world.bring("teams", TEAMS)
    before, after = ("team,kind,value\n" + "".join(f"alpha,asn,{number}\n" for number in part) for part in sets)
    world.bring("rir", before)
    told = world.bring("rir", after, dry_run=True).changes
    had = {rule.value for rule in read_directory(database).rules}
    done = world.bring("rir", after)
    has = {rule.value for rule in read_directory(database).rules}

    assert {line.value for line in told if line.change == "new"} == has - had
    assert {line.value for line in told if line.change == "gone"} == had - has
    assert (done.rules_new, done.rules_withdrawn) == (len(has - had), len(had - has))


def test_through_the_command_line(tmp_path: Path) -> None:
    tocsin = Tocsin(tmp_path / "home", {})
    for name, text in (("teams", TEAMS), ("rir", MANY), ("fewer", FEWER)):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    tocsin.run("directory", "import", tmp_path / "teams.csv")
    tocsin.run("directory", "import", tmp_path / "rir.csv")
    fewer = ("directory", "import", tmp_path / "fewer.csv", "--source", "rir")

    assert "- asn 64529: responsible" in tocsin.run(*fewer, "--dry-run")
    told = tocsin.json(*fewer, "--dry-run")
    assert (told["shrinks"], len(told["changes"])) == ("10 of 30 rules (33 %)", 10)
    code, _, words = tocsin.call(*fewer)
    assert (code, "would go" in words, "--yes" in words) == (1, True, True)
    assert tocsin.json(*fewer, "--yes")["rules_withdrawn"] == 10
    (tmp_path / "home" / "tocsin.toml").write_text("[directory]\nmost_gone = 100\n", encoding="utf-8")
    (tmp_path / "fewer.csv").write_text("team,kind,value\nalpha,asn,64500\n", encoding="utf-8")
    assert tocsin.json(*fewer)["rules_withdrawn"] == 19


def test_words_conflicts_and_merges_through_the_command_line(tmp_path: Path) -> None:
    tocsin = Tocsin(tmp_path / "home", {})
    (tmp_path / "teams.csv").write_text(TEAMS, encoding="utf-8")
    (tmp_path / "rir.csv").write_text(
        "team,kind,value\nalpha,prefix,192.0.2.0/24\nbeta,prefix,192.0.2.0/24\n", encoding="utf-8"
    )
    tocsin.run("directory", "import", tmp_path / "teams.csv")
    tocsin.run("directory", "import", tmp_path / "rir.csv")

    (one,) = tocsin.json("directory", "conflicts")
    assert (one["value"], one["state"], len(one["claims"])) == ("192.0.2.0/24", "open", 2)
    assert tocsin.json("directory", "conflicts", "--country", "FR") == []
    said = ("--said-by", "Ana", "--reason", "papers seen")
    assert "is of beta" in tocsin.run("directory", "decide", "192.0.2.0/24", "--for", "beta", *said)
    assert tocsin.json("directory", "conflicts") == []
    (one,) = tocsin.json("directory", "conflicts", "--all")
    assert one["decision"]["said_by"] == "Ana"
    assert "Not shown: 1 settled (--all)." in tocsin.run("directory", "conflicts")
    told = tocsin.json("explain", "192.0.2.1")
    assert [match["team"] for match in told["teams"]] == ["beta"]
    assert [(match["team"], match["by"][:20]) for match in told["overruled"]] == [("alpha", "Ana decided otherwis")]
    tocsin.run("directory", "merge", "alpha", "beta", *said)
    assert [match["team"] for match in tocsin.json("explain", "192.0.2.1")["teams"]] == ["alpha"]
    assert tocsin.json("directory", "merges", "--done")[0]["team"] == "beta"
    tocsin.run("directory", "unmerge", "beta", "--said-by", "Ana")
    assert tocsin.json("directory", "keep-apart", "alpha", "beta", *said)["apart"] == ["alpha", "beta"]
    tocsin.run("directory", "deny", "gamma", "asn", "64500", "--said-by", "Ana")
    assert tocsin.call("directory", "assert", "gamma", "asn", "64500", "--said-by", "Ana")[0] == 1
    assert tocsin.json("directory", "withdraw", "gamma", "asn", "64500")["changed"]
    assert tocsin.call("directory", "assert", "gamma", "asn", "64500")[0] == 2  # nobody says it
