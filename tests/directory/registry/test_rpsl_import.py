"""RPSL dumps become teams with mailboxes and rules; again nothing changes, newer the difference; nothing is lost."""

import gzip
import itertools
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from tocsin.directory import import_directory, read_directory, read_team
from tocsin.directory.registry import RegistryImported, import_delegations, import_rpsl
from tocsin.directory.tables import ConstituencyRow, MailboxRow, TeamRow
from tocsin.node.errors import ConflictError, InputError, UsageError
from tocsin.node.records import AuditEntry, Database

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DUMPS = {
    "aut-num": """
aut-num:  AS112
org:      ORG-A-T
tech-c:   PN1-T

aut-num:  AS113
abuse-c:  AR2-T
org:      ORG-A-T
mnt-irt:  IRT-ONE-T

aut-num:  AS64512
org:      ORG-A-T

aut-num:  AS114
tech-c:   PN1-T
""",
    "inetnum": """
inetnum:  192.175.48.0 - 192.175.48.255
netname:  PLAIN
org:      ORG-A-T

inetnum:  192.31.196.0 - 192.31.197.127
org:      org-child-t

inetnum:  192.175.50.0 - 192.175.50.255
mnt-irt:  IRT-ONE-T

inetnum:  192.175.51.0 - 192.175.51.255
netname:  NOBODY

inetnum:  192.175.52.0 - 192.175.52.255
abuse-mailbox: Legacy@isp.example

inetnum:  192.175.53.0 - 192.175.53.255
tech-c:   PN2-T

inetnum:  192.175.54.0 - 192.175.54.255
org:      ORG-LOOP1-T

inetnum:  192.175.55.0 - 192.175.55.255
abuse-c:  AR9-T

inetnum:  192.175.56.0 - 192.175.56.255
abuse-c:  AR3-T

inetnum:  10.1.0.0 - 10.1.255.255
org:      ORG-A-T
""",
    "inet6num": """
inet6num: 2620:4f:8000::/48
org:      ORG-OLD-T
""",
    "organisation": """
organisation: ORG-A-T
org-name:     Réseau A
country:      MU
abuse-c:      AR1-T
phone:        +230 555 0100
address:      1 Long Street

organisation: ORG-CHILD-T
org-name:     Child of A
org:          ORG-A-T

organisation: ORG-LOOP1-T
org-name:     Loop
org:          ORG-LOOP2-T

organisation: ORG-LOOP2-T
org-name:     Loop two
org:          ORG-LOOP1-T

organisation: ORG-OLD-T
org-name:     Old ways
abuse-mailbox: abuse@old.example
""",
    "role": """
role:     Jane Secret
address:  2 Private Road
phone:    +230 555 0199
nic-hdl:  AR1-T
abuse-mailbox: abuse@a.example

role:     Other
nic-hdl:  AR2-T
abuse-mailbox: abuse@b.example

role:     Broken
nic-hdl:  AR3-T
abuse-mailbox: Abuse Desk <abuse@c.example>
""",
    "person": """
person:   John Hidden
nic-hdl:  PN1-T

person:   Jack Hidden
nic-hdl:  PN2-T
abuse-mailbox: jack@d.example
""",
    "irt": """
irt:      IRT-ONE-T
e-mail:   csirt@one.example
abuse-mailbox: abuse@one.example
""",
}


def write(folder: Path, dumps: dict[str, str]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in dumps.items():
        path = folder / f"t.db.{name}.gz"
        path.write_bytes(gzip.compress(text.encode("latin-1")))
        paths.append(path)
    return paths


def bring(
    database: Database,
    home: Path,
    dumps: dict[str, str],
    *,
    days: int = 0,
    dry_run: bool = False,
    most: int | None = None,
) -> RegistryImported:
    day = NOW + timedelta(days=days)
    files = write(home / "dumps", dumps)
    return import_rpsl(
        database,
        home,
        files,
        source="test",
        actor="ana",
        now=day,
        as_of=day.date(),
        dry_run=dry_run,
        most_gone=most,
    )


def standing(database: Database) -> dict[str, str]:
    """Which team answers for what."""
    directory = read_directory(database)
    keys = {team.id: team.key for team in directory.teams}
    return {rule.value: keys[rule.team_id] for rule in directory.rules}


def mailboxes(database: Database, key: str) -> set[tuple[str, str | None]]:
    with database.begin() as session:
        query = select(MailboxRow.address, MailboxRow.purpose).join(TeamRow, TeamRow.id == MailboxRow.team_id)
        return {
            (row[0], row[1]) for row in session.execute(query.where(TeamRow.key == key, MailboxRow.withdrawn.is_(None)))
        }


EXPECTED = {
    "112": "test-ar1-t",
    "113": "test-ar2-t-irt-one-t",
    "192.175.48.0/24": "test-ar1-t",
    "192.31.196.0/24": "test-ar1-t",
    "192.31.197.0/25": "test-ar1-t",
    "192.175.50.0/24": "test-irt-one-t",
    "192.175.52.0/24": "test-legacy-isp-example-c9bfc139",
    "192.175.53.0/24": "test-pn2-t",
    "2620:4f:8000::/48": "test-org-old-t",
}


def test_everybody_who_can_be_told(database: Database, tmp_path: Path) -> None:
    done = bring(database, tmp_path, DUMPS)

    assert standing(database) == EXPECTED
    assert (done.teams_new, done.rules_new, done.objects["inetnum"], done.silent) == (
        len(set(EXPECTED.values())),
        len(EXPECTED),
        10,
        {"aut-num": 1, "inetnum": 1},
    )
    assert mailboxes(database, "test-ar2-t-irt-one-t") == {
        ("abuse@b.example", "abuse"),
        ("csirt@one.example", "security"),
    }
    assert mailboxes(database, "test-irt-one-t") == {("abuse@one.example", "abuse"), ("csirt@one.example", "security")}
    assert mailboxes(database, "test-org-old-t") == {("abuse@old.example", "abuse")}
    team, rules = read_team(database, "test-ar1-t")
    assert (team.name, team.country, team.kind) == ("Réseau A", "MU", "abuse")
    assert {(rule.value, rule.said_by, rule.source, rule.as_of) for rule in rules} >= {
        ("112", "abuse-c of its organisation", "test", NOW.date()),
        ("192.31.196.0/24", "abuse-c of its organisation", "test", NOW.date()),
    }


def test_what_cannot_be_taken_has_a_reason(records: Database, tmp_path: Path) -> None:
    done = bring(records, tmp_path, DUMPS)

    lines = [json.loads(line) for line in Path(done.refusals).read_text(encoding="utf-8").splitlines()]
    assert {(line["what"], line["why"].partition(":")[0]) for line in lines} == {
        (
            "role AR3-T, abuse-mailbox 'Abuse Desk <abuse@c.example>'",
            "not a plain e-mail address such as cert@example.org",
        ),
        ("aut-num AS64512", "reserved for private use, RFC 6996"),
        (
            "inetnum 192.175.54.0 - 192.175.54.255, org ORG-LOOP1-T",
            "the organisations that it belongs to name each other in a circle",
        ),
        (
            "inetnum 192.175.55.0 - 192.175.55.255, abuse-c AR9-T",
            "there is no such role or person in these files",
        ),
        ("inetnum 192.175.56.0 - 192.175.56.255, abuse-c AR3-T", "its mailbox cannot be read"),
        ("inetnum 10.1.0.0 - 10.1.255.255", "not an address of the internet (private)"),
    }
    assert [line["where"] for line in lines if "AS64512" in line["what"]] == ["t.db.aut-num.gz, line 11"]
    assert sum(done.reasons.values()) == len(lines) == len(done.not_taken)
    networks = done.objects["aut-num"] + done.objects["inetnum"] + done.objects["inet6num"]
    ruled = len(EXPECTED) - 1  # one range is two networks
    assert networks == ruled + sum(done.silent.values()) + 5  # five of the reasons are of networks


def test_nothing_of_persons_is_kept(records: Database, tmp_path: Path) -> None:
    bring(records, tmp_path, DUMPS)
    with records.begin() as session:
        rows = [repr(row._mapping) for row in session.execute(select(TeamRow.__table__)).all()]
        rows += [repr(row._mapping) for row in session.execute(select(MailboxRow.__table__)).all()]
        rows += [repr(row._mapping) for row in session.execute(select(ConstituencyRow.__table__)).all()]
    for secret in ("Jane", "John", "Jack", "Street", "Road", "555 01"):
        assert not [row for row in rows if secret in row]


def test_the_order_of_files_does_not_matter(records: Database, tmp_path: Path) -> None:
    bring(records, tmp_path, DUMPS)
    for order in itertools.islice(itertools.permutations(DUMPS), 0, 5000, 999):
        done = bring(records, tmp_path, {name: DUMPS[name] for name in order})
        assert (done.teams_new, done.teams_changed, done.rules_new, done.rules_withdrawn) == (0, 0, 0, 0)


def test_the_same_dumps_again_change_nothing(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, DUMPS)
    before = read_directory(database)
    again = bring(database, tmp_path, DUMPS, days=1)

    assert (again.teams_same, again.rules_same, again.mailboxes_same) == (6, 9, 8)
    assert (again.teams_new, again.rules_new, again.mailboxes_new, again.rules_withdrawn) == (0, 0, 0, 0)
    assert read_directory(database) == before
    with database.begin() as session:
        assert len(session.scalars(select(AuditEntry)).all()) == 1


def test_newer_dumps_show_their_difference_and_withdraw(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, DUMPS)
    moved = DUMPS | {
        "aut-num": DUMPS["aut-num"].replace(
            "aut-num:  AS112\norg:      ORG-A-T", "aut-num:  AS112\norg:      ORG-OLD-T"
        ),
        "inetnum": DUMPS["inetnum"].replace(
            "inetnum:  192.175.52.0 - 192.175.52.255", "inetnum:  192.175.57.0 - 192.175.57.255"
        ),
        "organisation": DUMPS["organisation"].replace("Réseau A", "Réseau B"),
    }
    before = read_directory(database)
    dry = bring(database, tmp_path, moved, days=1, dry_run=True)
    assert read_directory(database) == before
    done = bring(database, tmp_path, moved, days=1)

    assert (dry.rules_new, dry.rules_withdrawn, dry.teams_changed) == (2, 2, 2)
    assert (done.rules_new, done.rules_withdrawn, done.teams_changed) == (2, 2, 2)
    assert set(done.new) == {
        "AS112: test-org-old-t (abuse-mailbox of its organisation)",
        "192.175.57.0/24: test-legacy-isp-example-c9bfc139 (abuse-mailbox)",
    }
    after = standing(database)
    assert (after["112"], after["192.175.57.0/24"]) == ("test-org-old-t", "test-legacy-isp-example-c9bfc139")
    assert "192.175.52.0/24" not in after
    assert read_team(database, "test-ar1-t")[0].name == "Réseau B"
    with database.begin() as session:  # who answered for AS112 stays in the records
        rows = session.scalars(select(ConstituencyRow).where(ConstituencyRow.value == "112")).all()
        assert sorted((row.recorded, row.withdrawn) for row in rows if row.withdrawn) == [
            (NOW, NOW + timedelta(days=1))
        ]


@pytest.mark.parametrize(
    ("dump", "before", "after"),
    [
        ("role", "abuse@a.example", "no mailbox"),  # unreadable now
        ("role", "AR1-T", "AR11-T"),  # not there any more
        ("organisation", "organisation: ORG-A-T", "organisation: ORG-AA-T"),
    ],
)
def test_a_slip_takes_no_network_away(dump: str, before: str, after: str, database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, DUMPS)
    slip = DUMPS | {dump: DUMPS[dump].replace(before, after)}
    done = bring(database, tmp_path, slip, days=1)

    assert standing(database) == EXPECTED
    assert mailboxes(database, "test-ar1-t") == {("abuse@a.example", "abuse")}
    assert (done.rules_withdrawn, done.mailboxes_withdrawn, done.kept) == (0, 0, 5)  # four rules and a mailbox


def test_who_names_nobody_any_more_is_let_go(records: Database, tmp_path: Path) -> None:
    bring(records, tmp_path, DUMPS)
    silent = DUMPS | {"aut-num": DUMPS["aut-num"].replace("AS112\norg:      ORG-A-T", "AS112")}
    done = bring(records, tmp_path, silent, days=1)
    assert standing(records) == {value: key for value, key in EXPECTED.items() if value != "112"}
    assert (done.rules_withdrawn, done.kept) == (1, 0)


def test_classes_that_are_not_in_the_files_stay(records: Database, tmp_path: Path) -> None:
    bring(records, tmp_path, DUMPS)
    done = bring(records, tmp_path, {name: text for name, text in DUMPS.items() if name not in {"inetnum", "inet6num"}})
    assert (done.rules_withdrawn, standing(records)) == (0, EXPECTED)


def test_a_dump_that_lost_much_is_not_taken_without_a_word(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, DUMPS)
    less = DUMPS | {"inetnum": "\ninetnum:  192.175.51.0 - 192.175.51.255\n"}
    with pytest.raises(ConflictError, match=r"of what the source 'test' said, 6 of 9 rules \(66 %\)"):
        bring(database, tmp_path, less, most=20)
    assert standing(database) == EXPECTED
    assert bring(database, tmp_path, less, dry_run=True, most=20).shrinks
    assert bring(database, tmp_path, less, most=None).rules_withdrawn == 6


def test_a_second_source_is_left_alone(database: Database, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[[team]]\nkey = "isp"\nname = "ISP"\nasns = [112]\nmailboxes = ["noc@isp.example"]\n')
    import_directory(database, other, actor="ana", now=NOW)
    bring(database, tmp_path, DUMPS)
    bring(database, tmp_path, {"aut-num": "\naut-num: AS115\n"})

    directory = read_directory(database)
    assert [rule.source for rule in directory.rules if rule.value == "112"] == ["other"]


def test_who_says_it_twice(records: Database, tmp_path: Path) -> None:
    twice = DUMPS | {
        "aut-num": DUMPS["aut-num"] + "\naut-num: AS112\nabuse-c: AR2-T\n",
        "role": DUMPS["role"] + "\nrole: X\nnic-hdl: AR1-T\nabuse-mailbox: else@a.example\n",
    }
    done = bring(records, tmp_path, twice)
    told = {one.what: one.why for one in done.not_taken}
    assert told["asn 112"] == "an earlier object says otherwise of the same; the earlier one is used"
    assert told["role AR1-T"] == "an earlier object of this name says otherwise; the earlier one is used"
    assert standing(records)["112"] == "test-ar1-t"
    assert mailboxes(records, "test-ar1-t") == {("abuse@a.example", "abuse")}


def test_of_ranges_that_share_a_network_the_narrower_says_whose_it_is(records: Database, tmp_path: Path) -> None:
    nested = DUMPS | {"inetnum": DUMPS["inetnum"] + "\ninetnum: 192.31.196.0 - 192.31.196.255\nabuse-c: AR2-T\n"}
    done = bring(records, tmp_path, nested)
    assert standing(records)["192.31.196.0/24"] == "test-ar2-t"
    assert standing(records)["192.31.197.0/25"] == "test-ar1-t"
    assert not [one for one in done.not_taken if "192.31" in one.what]


def test_one_country_only(database: Database, tmp_path: Path) -> None:
    delegated = tmp_path / "delegated-ripencc-2026-11-01"
    delegated.write_text("2|ripencc|20261101|1|0|20261101|0\nripencc|RE|asn|112|1|20200101|assigned|X\n")
    import_delegations(database, tmp_path, delegated, actor="ana", now=NOW)
    countries = {"192.175.50.0": "re", "192.175.52.0": "RE\ncountry: MU", "192.175.48.0": "MU"}
    text = DUMPS["inetnum"]
    for address, country in countries.items():
        text = text.replace(f"inetnum:  {address} ", f"country:  {country}\ninetnum:  {address} ")
    text = "\n\n".join(_first(one) for one in text.strip().split("\n\n"))
    files = write(tmp_path / "dumps", DUMPS | {"inetnum": text})
    bring_in = partial(import_rpsl, database, tmp_path, files, source="test", actor="ana", now=NOW, most_gone=None)
    done = bring_in(countries=["RE"])
    here = {
        "112",
        "192.175.50.0/24",
        "192.175.52.0/24",
    }  # AS112 by the delegation file
    assert standing(database) == {value: EXPECTED[value] for value in here}
    assert (done.elsewhere, done.teams_new) == ({"aut-num": 3, "inet6num": 1, "inetnum": 8}, 3)

    both = bring_in(countries=["MU", "re"])
    assert set(standing(database)) == {*here, "113", "192.175.48.0/24"}  # AS113 by its organisation
    assert both.elsewhere["aut-num"] == 1
    with pytest.raises(UsageError, match="cannot be used"):
        bring_in(countries=["France"])


def _first(text: str) -> str:
    """The object with its key as the first line."""
    lines = text.splitlines()
    return "\n".join(sorted(lines, key=lambda line: not line.startswith("inetnum")))


def test_sources_and_files_that_cannot_be(records: Database, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_text("% nothing\n")
    with pytest.raises(InputError, match="no RPSL object"):
        import_rpsl(records, tmp_path, [path], source="test", actor="ana", now=NOW)
    with pytest.raises(UsageError, match="cannot name a source"):
        import_rpsl(records, tmp_path, [path], source="person:ana", actor="ana", now=NOW)
    assert not (tmp_path / "registry" / "refused-test.jsonl").exists()
    assert list((tmp_path / "spool").iterdir()) == []
