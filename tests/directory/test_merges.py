"""Teams that are one: offered with reasons, merged only by a person, and undone without loss."""

from pathlib import Path

import pytest
from sqlalchemy import select

from support.directory_example import NOW, World
from tocsin.directory import (
    MergeCandidate,
    keep_apart,
    list_teams,
    merge_teams,
    read_candidates,
    read_directory,
    read_merges,
    read_team,
    teams_by_id,
    unmerge_team,
)
from tocsin.directory.organisation_names import comparable, skeleton
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.records import AuditEntry, Database

HERE = (
    "key,name,mailboxes,country,asns\n"
    "exnet,Exámple Networks Ltd.,noc@exnet.example,MU,64510\n"
    "other,Other,o@other.example,MU,\n"
)
THERE = "key,name,mailboxes,country,asns\norg-exn1,EXAMPLE NETWORKS S.A.R.L.,noc@exnet.example,MU,64510 64511\n"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    made = World(database, tmp_path)
    made.bring("here", HERE)
    made.bring("there", THERE)
    return made


def merge(world: World, keep: str = "exnet", team: str = "org-exn1") -> None:
    merge_teams(world.database, keep, team, said_by="Ana", reason="one firm", actor="x", now=world.tick())


def pairs(world: World) -> list[tuple[str, str]]:
    return [(one.keep, one.merge) for one in read_candidates(world.database)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Exámple Networks Ltd.", "EXAMPLE NETWORKS S.A.R.L."),
        ("The Example Network, Inc", "example network"),
        ("Société Générale d'Exemple SA", "Societe Generale d Exemple"),
        ("Beispiel GmbH & Co. KG", "BEISPIEL"),
        ("Przykład Sp. z o.o.", "przyklad sp z oo"),
        ("Þing ehf.", "ÞING"),
    ],
)
def test_names_are_compared_without_case_accents_and_legal_forms(one: str, other: str) -> None:
    assert comparable(one) == comparable(other)


def test_different_names_stay_different() -> None:
    assert len({comparable(name) for name in ("Example Net", "Example Networks", "Net Example", "Ltd", "Inc")}) == 5


def test_look_alikes_have_one_skeleton_and_are_not_the_same() -> None:
    fake, real = "Ехample Nеtworks", "Example Networks"  # noqa: RUF001 (Cyrillic letters are the matter)
    assert comparable(fake) != comparable(real)
    assert skeleton(comparable(fake)) == skeleton(comparable(real))


def test_one_organisation_from_two_imports_is_offered_with_reasons_and_not_merged(world: World) -> None:
    (one,) = read_candidates(world.database)

    assert (one.keep, one.merge, one.warning) == ("exnet", "org-exn1", "")
    assert one.reasons == (
        "the same name",
        "the email address noc@exnet.example",
        "email addresses at exnet.example",
        "both answer for AS64510",
    )
    assert one.score > 80
    assert len(read_directory(world.database).teams) == 3


def test_what_speaks_against_it_is_said_and_counts(world: World) -> None:
    world.bring("twins", "key,name,country\ntwin-a,Twin,MU\ntwin-b,Twin,FR\n")
    assert ("twin-a", "twin-b") not in pairs(world)
    world.bring("box-a", "key,mailboxes\ntwin-a,noc@twin.example\n")
    world.bring("box-b", "key,mailboxes\ntwin-b,noc@twin.example\n")
    one = next(one for one in read_candidates(world.database) if one.keep == "twin-a")
    assert one.reasons[-1] == "but MU is not FR"


def test_a_look_alike_is_offered_with_a_warning(world: World) -> None:
    world.bring("pose", "key,name\nfake,Ехample Networks\n")  # noqa: RUF001 (Cyrillic letters are the matter)
    found: dict[tuple[str, str], MergeCandidate] = {
        (one.keep, one.merge): one for one in read_candidates(world.database)
    }
    assert found["exnet", "fake"].warning.startswith("the names only look alike")
    assert "the same name" not in found["exnet", "fake"].reasons


def test_a_merged_team_lives_on_in_the_other(world: World) -> None:
    gone = read_team(world.database, "org-exn1")[0]
    merge(world)

    for name in ("org-exn1", str(gone.uuid), "exnet"):
        team, rules = read_team(world.database, name)
        assert team.key == "exnet"
        assert {rule.value for rule in rules} == {"64510", "64511"}
    directory = read_directory(world.database)
    assert [team.key for team in directory.teams] == ["exnet", "other"]
    assert directory.by_id[gone.id].key == "exnet"
    assert [team.key for team, _ in list_teams(world.database)] == ["exnet", "other"]
    assert world.keys(asn=64511) == ["exnet"]
    assert pairs(world) == []
    assert [(one.team, one.into) for one in read_merges(world.database)] == [("org-exn1", "exnet")]


def test_a_later_import_lands_on_the_merged_team(world: World) -> None:
    merge(world)
    world.bring("there", THERE.replace("64511", "64512").replace("noc@exnet.example", "abuse@exnet.example"))

    team, rules = read_team(world.database, "exnet")
    assert {rule.value for rule in rules} == {"64510", "64512"}
    assert set(team.mailboxes) == {"noc@exnet.example", "abuse@exnet.example"}
    again = world.bring("there", THERE.replace("64511", "64512").replace("noc@exnet.example", "abuse@exnet.example"))
    assert (again.rules_new, again.rules_withdrawn, again.teams_new) == (0, 0, 0)


def test_a_persons_word_on_a_merged_team_holds(world: World) -> None:
    world.say("org-exn1 asn 64511")
    merge(world)
    world.rules("rir", ["other asn 64511"])
    assert world.keys(asn=64511) == ["exnet"]
    with pytest.raises(ConflictError):
        world.deny("exnet asn 64511")
    world.take_back("exnet asn 64511")
    assert world.keys(asn=64511) == ["exnet", "other"]


def test_undoing_gives_everything_back(world: World) -> None:
    before = read_directory(world.database)
    merge(world)
    unmerge_team(world.database, "org-exn1", said_by="Ana", actor="x", now=world.tick())
    after = read_directory(world.database)

    assert (after.teams, after.rules, dict(after.merged)) == (before.teams, before.rules, {})
    assert read_team(world.database, "org-exn1")[0].key == "org-exn1"
    with pytest.raises(NotFoundError, match="not merged"):
        unmerge_team(world.database, "org-exn1", said_by="Ana", actor="x", now=world.tick())


def test_merges_in_a_row_lead_to_the_last(world: World) -> None:
    merge(world)
    merge(world, "other", "exnet")
    assert {read_team(world.database, key)[0].key for key in ("exnet", "org-exn1", "other")} == {"other"}
    with pytest.raises(ConflictError, match="one team already"):
        merge(world, "org-exn1", "other")
    unmerge_team(world.database, "exnet", said_by="Ana", actor="x", now=world.tick())
    assert read_team(world.database, "org-exn1")[0].key == "exnet"


def test_two_claims_of_merged_teams_are_no_conflict_and_a_decision_goes_along(world: World) -> None:
    from tocsin.directory import read_conflicts

    assert [one.value for one in read_conflicts(world.database) if one.kind == "asn"] == ["64510"]
    world.decide("AS64510", "org-exn1")
    merge(world)
    assert [one.state.value for one in read_conflicts(world.database) if one.kind == "asn"] == ["decided"]
    assert world.keys(asn=64510) == ["exnet"]


def test_a_refused_pair_is_not_offered_again(world: World) -> None:
    keep_apart(world.database, "org-exn1", "exnet", said_by="Ana", reason="namesakes", actor="x", now=world.tick())
    keep_apart(world.database, "exnet", "org-exn1", said_by="Ana", reason="namesakes", actor="x", now=world.tick())

    assert pairs(world) == []
    world.bring("there", THERE)
    assert pairs(world) == []
    with world.database.begin() as session:
        assert len(session.scalars(select(AuditEntry).where(AuditEntry.word == "merge.refused")).all()) == 1


def test_who_and_why_are_needed_and_kept(world: World) -> None:
    for said_by, reason in (("", "one firm"), ("Ana", "")):
        with pytest.raises(UsageError):
            merge_teams(world.database, "exnet", "org-exn1", said_by=said_by, reason=reason, actor="x", now=NOW)
    merge(world)
    uuids = {team.key: str(team.uuid) for team in read_directory(world.database).teams}
    with world.database.begin() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.word == "team.merged")).one()
        assert entry.detail == {"team": uuids["exnet"]}
    (one,) = read_merges(world.database)
    assert (one.said_by, one.reason) == ("Ana", "one firm")


def test_teams_by_number_have_their_mailboxes_and_follow_merges(world: World) -> None:
    gone = read_team(world.database, "org-exn1")[0]
    merge(world)
    found = teams_by_id(world.database)
    assert found == read_directory(world.database).by_id
    assert found[gone.id].mailboxes == ("noc@exnet.example",)
