"""An import takes what is right, names what is not, and changes nothing the second time."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tocsin.directory import (
    AttachmentFormat,
    DigestInterval,
    ImportResult,
    Mute,
    MuteKind,
    ResponsibilityRole,
    RuleKind,
    TeamKind,
    directory_version,
    import_directory,
    list_teams,
    read_directory,
    read_team,
)
from tocsin.directory.tables import ConstituencyRow
from tocsin.node.errors import InputError, NotFoundError
from tocsin.node.records import AuditEntry, Database

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TOML = """
source = "register"
as_of = 2026-11-01
said_by = "NIC of Exampleland"
confidence = 80

[[team]]
key = "CERT-X"
uuid = "5b7ff0ac-64f4-4b6c-9f0e-0d2c7a3f1f11"
name = "CERT of Exampleland"
organisation = "Ministry"
kind = "national"
country = "mu"
language = "fr"
timezone = "Indian/Mauritius"
mailboxes = ["cert@Example.org"]
prefixes = ["192.0.2.0/24", { value = "2001:DB8::/32", role = "informed", confidence = 50 }]
asns = [64500, "AS64501"]
domains = ["Example.CO.UK.", ".mu"]
countries = [{ value = "MU", role = "informed" }]
interval = "weekly"
formats = ["csv", "xarf"]
ceiling = "tlp:green"
encrypt = true

[[team.mutes]]
prefix = "192.0.2.64/26"
until = 2027-01-01
reason = "moving house"

[[team.mutes]]
type = "Scanner"
"""
TEAMS = "key,name,mailboxes\nalpha,Alpha,abuse@alpha.example\nbeta,Beta,abuse@beta.example noc@beta.example\n"
RULES = "team,kind,value,role\nalpha,prefix,192.0.2.0/24,\nbeta,asn,AS64500,informed\nbeta,domain,example.org,\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def bring(database: Database, path: Path, text: str, *, now: datetime = NOW, **options: str | bool) -> ImportResult:
    path.write_text(text, encoding="utf-8")
    source, dry_run = str(options.get("source", "")), bool(options.get("dry_run"))
    return import_directory(database, path, actor="ana", now=now, source=source, dry_run=dry_run)


def reasons(done: ImportResult) -> list[tuple[str, str]]:
    return [(refused.where, refused.why) for refused in done.not_taken]


def test_toml_gives_a_team_with_everything_it_says(database: Database, folder: Path) -> None:
    done = bring(database, folder / "x.toml", TOML)

    assert not done.not_taken
    assert (done.source, done.teams_new, done.rules_new, done.mailboxes_new, done.mutes_new) == ("register", 1, 7, 1, 2)
    team, rules = read_team(database, "cert-x")
    assert (team.name, team.organisation, team.kind) == ("CERT of Exampleland", "Ministry", TeamKind.NATIONAL)
    assert (team.country, team.language, team.timezone) == ("MU", "fr", "Indian/Mauritius")
    assert (team.interval, team.formats) == (DigestInterval.WEEKLY, (AttachmentFormat.CSV, AttachmentFormat.XARF))
    assert (team.ceiling, team.encrypt, team.mailboxes) == ("GREEN", True, ("cert@example.org",))
    assert team.mutes == (
        Mute(MuteKind.PREFIX, "192.0.2.64/26", datetime(2027, 1, 1, tzinfo=UTC), "moving house"),
        Mute(MuteKind.TYPE, "scanner"),
    )
    assert {(rule.source, rule.as_of, rule.said_by) for rule in rules} == {
        ("register", date(2026, 11, 1), "NIC of Exampleland")
    }
    assert [(rule.kind, rule.value, rule.role, rule.confidence) for rule in rules] == [
        (RuleKind.PREFIX, "192.0.2.0/24", ResponsibilityRole.RESPONSIBLE, 80),
        (RuleKind.PREFIX, "2001:db8::/32", ResponsibilityRole.INFORMED, 50),
        (RuleKind.ASN, "64500", ResponsibilityRole.RESPONSIBLE, 80),
        (RuleKind.ASN, "64501", ResponsibilityRole.RESPONSIBLE, 80),
        (RuleKind.DOMAIN, "example.co.uk", ResponsibilityRole.RESPONSIBLE, 80),
        (RuleKind.DOMAIN, ".mu", ResponsibilityRole.RESPONSIBLE, 80),
        (RuleKind.COUNTRY, "MU", ResponsibilityRole.INFORMED, 80),
    ]
    assert read_team(database, str(team.uuid))[0] == team


def test_csv_gives_teams_and_rules(database: Database, folder: Path) -> None:
    teams = (
        "key;name;mailboxes;prefixes;mute_identifiers\n"
        "alpha;Alpha;a@alpha.example b@alpha.example;192.0.2.0/24;open-ntp\n"
    )
    bring(database, folder / "teams.csv", "\ufeff" + teams)
    bring(database, folder / "rules.csv", "team,kind,value,as_of\nalpha,asn,64500,2026-01-02\n")

    team, rules = read_team(database, "alpha")
    assert team.mailboxes == ("a@alpha.example", "b@alpha.example")
    assert team.mutes == (Mute(MuteKind.IDENTIFIER, "open-ntp"),)
    assert [(rule.value, rule.source, rule.as_of) for rule in rules] == [
        ("192.0.2.0/24", "teams", None),
        ("64500", "rules", date(2026, 1, 2)),
    ]


@pytest.mark.parametrize(("name", "text"), [("x.toml", TOML), ("x.csv", TEAMS)])
def test_the_same_file_again_changes_nothing(database: Database, folder: Path, name: str, text: str) -> None:
    first = bring(database, folder / name, text)
    before = read_directory(database)
    again = bring(database, folder / name, text, now=NOW + timedelta(days=1))

    assert again.version == first.version == directory_version(database)
    assert (again.teams_same, again.rules_same, again.mailboxes_same) == (
        first.teams_new,
        first.rules_new,
        first.mailboxes_new,
    )
    assert (again.teams_new, again.teams_changed, again.rules_new, again.rules_withdrawn) == (0, 0, 0, 0)
    assert read_directory(database) == before
    with database.begin() as session:
        assert len(session.scalars(select(AuditEntry)).all()) == 1


def test_what_a_source_no_longer_says_is_withdrawn_and_stays_in_history(database: Database, folder: Path) -> None:
    bring(database, folder / "teams.csv", TEAMS)
    first = bring(database, folder / "rules.csv", RULES)
    later = NOW + timedelta(days=3)
    done = bring(database, folder / "rules.csv", RULES.replace("192.0.2.0/24", "192.0.2.0/25"), now=later)

    assert (done.rules_new, done.rules_withdrawn, done.rules_same) == (1, 1, 2)
    assert done.version != first.version
    assert [rule.value for rule in read_team(database, "alpha")[1]] == ["192.0.2.0/25"]
    with database.begin() as session:
        rows = session.scalars(select(ConstituencyRow).where(ConstituencyRow.kind == "prefix")).all()
        assert [(row.value, row.recorded, row.withdrawn) for row in rows] == [
            ("192.0.2.0/24", NOW, later),
            ("192.0.2.0/25", later, None),
        ]


def test_a_changed_role_is_recorded_anew(database: Database, folder: Path) -> None:
    bring(database, folder / "teams.csv", TEAMS)
    bring(database, folder / "rules.csv", RULES)
    done = bring(database, folder / "rules.csv", RULES.replace("informed", "responsible"))

    assert (done.rules_new, done.rules_withdrawn, done.rules_same) == (1, 1, 2)
    assert {rule.role for rule in read_directory(database).rules} == {ResponsibilityRole.RESPONSIBLE}


def test_sources_leave_each_other_alone(database: Database, folder: Path) -> None:
    bring(database, folder / "teams.csv", TEAMS)
    bring(database, folder / "a.csv", RULES)
    bring(database, folder / "b.csv", "team,kind,value\nalpha,prefix,192.0.2.0/24\nalpha,prefix,198.51.100.0/24\n")
    done = bring(database, folder / "b.csv", "team,kind,value\nalpha,asn,64501\n")

    assert done.rules_withdrawn == 2
    assert sorted((rule.source, rule.value) for rule in read_team(database, "alpha")[1]) == [
        ("a", "192.0.2.0/24"),
        ("b", "64501"),
    ]


def test_a_file_withdraws_only_what_it_has_a_place_for(database: Database, folder: Path) -> None:
    bring(database, folder / "teams.csv", TEAMS, source="nic")
    bring(database, folder / "rules.csv", RULES, source="nic")
    bring(database, folder / "names.csv", "key,name\nalpha,Alpha Two\n", source="nic")

    team, rules = read_team(database, "alpha")
    assert (team.name, team.mailboxes, len(rules)) == ("Alpha Two", ("abuse@alpha.example",), 1)


def test_a_slip_takes_no_network_from_a_team(database: Database, folder: Path) -> None:
    bring(database, folder / "teams.csv", TEAMS)
    bring(database, folder / "rules.csv", RULES)
    slipped = RULES.replace("192.0.2.0/24", "192.0.2.0/240").replace("beta,asn,AS64500,informed\n", "")
    done = bring(database, folder / "rules.csv", slipped)

    assert reasons(done) == [("line 2", "not an IPv4 or IPv6 network such as 192.0.2.0/24 or 2001:db8::/32")]
    assert (done.kept, done.rules_withdrawn) == (1, 1)
    assert [rule.value for rule in read_team(database, "alpha")[1]] == ["192.0.2.0/24"]
    assert [rule.value for rule in read_team(database, "beta")[1]] == ["example.org"]


def test_while_a_team_cannot_be_known_nothing_is_withdrawn(database: Database, folder: Path) -> None:
    bring(database, folder / "teams.csv", TEAMS)
    bring(database, folder / "rules.csv", RULES)
    done = bring(database, folder / "rules.csv", "team,kind,value,role\nbeta;asn;64500\n")

    assert reasons(done) == [("line 2", "1 cells under 4 columns")]
    assert (done.kept, done.rules_withdrawn, done.failed) == (3, 0, True)


def test_every_wrong_field_is_named_and_the_rest_is_taken(database: Database, folder: Path) -> None:
    done = bring(
        database,
        folder / "x.toml",
        """
[[team]]
key = "good"
name = "Good"
interval = "sometimes"
colour = "red"
mailboxes = ["ok@example.org", "CERT <cert@example.org>", "a@example.org\\nBcc: b@example.org"]
prefixes = ["192.0.2.1/24", "198.51.100.0/24", { value = "203.0.113.0/24", role = "owner" }]
domains = ["co.uk", "exa mple.org"]
[[team.mutes]]
prefix = "192.0.2.0/24"
type = "scanner"
[[team]]
key = "not a key"
name = "Bad"
[[team]]
key = "nameless"
prefixes = ["192.0.2.0/24"]
[[team]]
key = "good"
name = "Good again"
[[team]]
key = "lines"
name = "Two\\nlines"
""",
    )
    assert [(refused.where, refused.what) for refused in done.not_taken] == [
        ("team 1", "good, interval 'sometimes'"),
        ("team 1", "good, colour 'red'"),
        ("team 1, mailboxes 2", "good, mailbox 'CERT <cert@example.org>'"),
        ("team 1, mailboxes 3", "good, mailbox 'a@example.org\nBcc: b@example.org'"),
        ("team 1, prefixes 1", "good, prefix '192.0.2.1/24'"),
        ("team 1, prefixes 3", "good, prefix '203.0.113.0/24'"),
        ("team 1, domains 1", "good, domain 'co.uk'"),
        ("team 1, domains 2", "good, domain 'exa mple.org'"),
        ("team 1, mutes 1", "good, mute prefix '192.0.2.0/24', type 'scanner'"),
        ("team 2", "key 'not a key'"),
        ("team 4", "key 'good'"),
        ("team 5", "lines, name 'Two\nlines'"),
        ("team 3", "team 'nameless'"),
        ("team 5", "team 'lines'"),
        ("team 3, prefixes 1", "nameless, prefix '192.0.2.0/24'"),
    ]
    whys = {refused.what: refused.why for refused in done.not_taken}
    assert whys["good, prefix '192.0.2.1/24'"].endswith("did you mean 192.0.2.0/24?")
    assert "write '.co.uk'" in whys["good, domain 'co.uk'"]
    assert whys["good, interval 'sometimes'"] == "not one of at_once, hourly, daily, weekly"
    directory = read_directory(database)
    assert [(team.key, team.mailboxes, team.interval) for team in directory.teams] == [
        ("good", ("ok@example.org",), DigestInterval.DAILY)
    ]
    assert [rule.value for rule in directory.rules] == ["198.51.100.0/24"]


def test_the_same_rule_twice_is_told_and_a_contradiction_is_refused(database: Database, folder: Path) -> None:
    bring(database, folder / "teams.csv", TEAMS)
    lines = ["alpha,asn,64500,", "alpha,asn,AS64500,responsible", "alpha,asn,64500,informed"]
    done = bring(database, folder / "rules.csv", "\n".join(["team,kind,value,role", *lines]))

    assert reasons(done) == [
        ("line 3", "line 2 says the same already"),
        ("line 4", "line 2 says otherwise of the same asn"),
    ]
    assert [rule.role for rule in read_directory(database).rules] == [ResponsibilityRole.RESPONSIBLE]


def test_an_identity_is_not_taken_over(database: Database, folder: Path) -> None:
    bring(database, folder / "x.toml", TOML)
    ours = "5b7ff0ac-64f4-4b6c-9f0e-0d2c7a3f1f11"
    other = "11111111-64f4-4b6c-9f0e-0d2c7a3f1f11"
    done = bring(
        database,
        folder / "y.csv",
        f"key,uuid,name,asns\ncert-x,{other},Impostor,64999\nnewcomer,{ours},Newcomer,64998\n",
    )

    assert [why for _, why in reasons(done)[:2]] == [
        f"this key is the team with UUID {ours} here",
        "this UUID is team 'cert-x'",
    ]
    assert [team.name for team in read_directory(database).teams] == ["CERT of Exampleland"]
    assert len(read_directory(database).rules) == 7


def test_rules_of_an_unknown_team_are_not_taken(database: Database, folder: Path) -> None:
    done = bring(database, folder / "rules.csv", RULES)

    assert done.failed
    assert len(done.not_taken) == 3
    assert read_directory(database).rules == ()


def test_a_dry_run_tells_the_difference_and_changes_nothing(database: Database, folder: Path) -> None:
    before = directory_version(database)
    done = bring(database, folder / "x.toml", TOML, dry_run=True)

    assert (done.dry_run, done.teams_new, done.rules_new) == (True, 1, 7)
    assert directory_version(database) == before
    assert read_directory(database).teams == ()


def test_the_audit_entry_says_who_what_and_how_much(database: Database, folder: Path) -> None:
    bring(database, folder / "x.toml", TOML)
    with database.begin() as session:
        entry = session.scalars(select(AuditEntry)).one()
        assert (entry.actor, entry.word, entry.subject, entry.at) == (
            "ana",
            "directory.imported",
            "directory:register",
            NOW,
        )
        assert entry.detail["file"] == "x.toml"
        assert (entry.detail["teams_new"], entry.detail["rules_new"], entry.detail["not_taken"]) == (1, 7, 0)


def test_teams_are_listed_with_what_they_answer_for(database: Database, folder: Path) -> None:
    bring(database, folder / "teams.csv", TEAMS)
    bring(database, folder / "rules.csv", RULES)

    assert [(team.key, counts) for team, counts in list_teams(database)] == [
        ("alpha", {RuleKind.PREFIX: 1}),
        ("beta", {RuleKind.ASN: 1, RuleKind.DOMAIN: 1}),
    ]
    with pytest.raises(NotFoundError):
        read_team(database, "gamma")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.toml", b"[[team]\n", "not valid TOML"),
        ("x.toml", b"team = 3\n", "must be a list of tables"),
        ("x.toml", b"sauce = 'x'\n", "no such setting 'sauce'"),
        ("x.toml", b"confidence = 101\n", "whole number from 0 to 100"),
        ("x.csv", b"key,name\nalpha,\xe9t\xe9\n", "line 2: not UTF-8"),
        ("x.csv", b"", "first line"),
        ("x.csv", b"key,nmae\n", "no such column 'nmae'"),
        ("x.csv", b"key,name,name\n", "occurs twice"),
        ("x.csv", b'team,kind,value\nalpha,asn,"1\n', "line 2"),
        ("x.json", b"{}", "neither a .toml nor a .csv"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    database: Database, folder: Path, name: str, content: bytes, words: str
) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        import_directory(database, folder / name, actor="ana", now=NOW)


def test_a_missing_file_says_so(database: Database, folder: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        import_directory(database, folder / "none.csv", actor="ana", now=NOW)
