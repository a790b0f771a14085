"""What is said of a team itself: taken or refused with a reason, kept with its history, beaten by a person's word."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from support.cast import Tocsin
from tocsin.directory import (
    AttestationKind,
    ContactPurpose,
    Fact,
    FactKind,
    ImportResult,
    PersonFact,
    TeamKind,
    TeamRecord,
    attested,
    counts_as_abuse,
    counts_as_security,
    directory_version,
    import_directory,
    in_hours,
    judge_trust,
    merge_teams,
    purpose_of,
    read_about,
    read_team,
    say_of_team,
    shown_fact,
    weigh,
)
from tocsin.directory.files import read_import_file
from tocsin.directory.hours import DAYS, read_hours
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.records import AuditEntry, Database

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TODAY = NOW.date()
TOML = """
source = "register"
as_of = 2026-11-01

[[team]]
key = "cert-x"
name = "CSIRT of Kestria"
kind = "national"
timezone = "Indian/Mauritius"
mailboxes = [
    "cert@cert.example",
    { value = "help@cert.example", purpose = "abuse" },
    { value = "bugs@cert.example", purpose = "vulnerability" },
]
authority = { value = "Shared", confidence = 70 }
languages = ["en", "fr"]
services = ["incident analysis", "awareness   building", "Phone help for schools"]
hours = ["Mon-Fri 8:00-16:30", { hours = "sat 09:00-12:00", said_by = "the duty desk" }]
established = 2015-03-01
address = \"\"\"
1 Harbour Road
Port Kestria
\"\"\"
channels = [
    "+230 201 0000",
    "https://cert.example/report",
    { kind = "phone", value = "+230 201 0001", purpose = "emergency" },
]
memberships = ["AfricaCERT: member", { body = "FIRST", status = "liaison", since = 2016-01-01 }]

[[team.attestations]]
kind = "mandate"
issuer = "Ministry"
scope = "national CSIRT"
expires = 2027-01-31
evidence = "https://x.example/12"

[team.statements]
mission = "Help the people\\nof Kestria.\\n\\nDay and night."
"""


def bring(database: Database, folder: Path, text: str, *, name: str = "x.toml", now: datetime = NOW) -> ImportResult:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return import_directory(database, path, actor="ana", now=now)


def said(about: TeamRecord) -> list[tuple[str, str]]:
    return [(fact.kind.value, shown_fact(fact)) for fact in about.facts]


def test_a_file_gives_a_team_as_the_field_describes_it(database: Database, tmp_path: Path) -> None:
    done = bring(database, tmp_path, TOML)

    assert not done.not_taken
    assert done.facts_new == 17
    about = read_about(database, "cert-x")
    assert said(about) == [
        ("authority", "shared"),
        ("language", "en"),
        ("language", "fr"),
        ("service", "Information Security Incident Analysis"),
        ("service", "Awareness Building"),
        ("service", "Phone help for schools"),
        ("hours", "mon-fri 08:00-16:30"),
        ("hours", "sat 09:00-12:00"),
        ("channel", "+230 201 0000 (phone)"),
        ("channel", "https://cert.example/report (form)"),
        ("channel", "+230 201 0001 (phone, emergency)"),
        ("membership", "AfricaCERT (member)"),
        ("membership", "FIRST (liaison, since 2016-01-01)"),
        ("attestation", "Ministry (mandate, evidence https://x.example/12, expires 2027-01-31, scope national CSIRT)"),
        ("established", "2015-03-01"),
        ("address", "1 Harbour Road / Port Kestria"),
        ("statement", "Help the people of Kestria. / Day and night. (mission)"),
    ]
    authority, hours = about.of(FactKind.AUTHORITY)[0], about.of(FactKind.HOURS)[1]
    assert (authority.source, authority.as_of, authority.confidence) == ("register", date(2026, 11, 1), 70)
    assert (hours.said_by, hours.recorded) == ("the duty desk", NOW)
    assert [(box.address, about.purpose(box)) for box in about.mailboxes] == [
        ("cert@cert.example", ContactPurpose.SECURITY),
        ("help@cert.example", ContactPurpose.ABUSE),
        ("bugs@cert.example", ContactPurpose.VULNERABILITY),
    ]


def test_csv_says_the_same(database: Database, tmp_path: Path) -> None:
    rows = (
        "key,name,abuse_mailboxes,mailboxes,languages,services,hours,channels,memberships,attestations,authority\n"
        "isp,ISP,abuse@isp.example,noc@isp.example,en pt-BR,exercises; Cabling,mon-sun 07:00-22:00,"
        "+230 1 2345; https://isp.example/report,FIRST: member; TF-CSIRT: listed,self: ISP,none\n"
    )
    done = bring(database, tmp_path, rows, name="isps.csv")

    assert not done.not_taken
    about = read_about(database, "isp")
    assert said(about) == [
        ("language", "en"),
        ("language", "pt-BR"),
        ("service", "Exercises"),
        ("service", "Cabling"),
        ("hours", "mon-sun 07:00-22:00"),
        ("channel", "+230 1 2345 (phone)"),
        ("channel", "https://isp.example/report (form)"),
        ("membership", "FIRST (member)"),
        ("membership", "TF-CSIRT (listed)"),
        ("attestation", "ISP (self)"),
        ("authority", "none"),
    ]
    assert [about.purpose(box) for box in about.mailboxes] == [ContactPurpose.ABUSE, ContactPurpose.GENERAL]


def test_the_same_file_again_changes_nothing_and_less_of_it_is_withdrawn(database: Database, tmp_path: Path) -> None:
    first = bring(database, tmp_path, TOML)
    again = bring(database, tmp_path, TOML, now=NOW + timedelta(days=1))
    assert (again.version, again.facts_new, again.facts_withdrawn) == (first.version, 0, 0)
    assert again.facts_same == first.facts_new

    later = NOW + timedelta(days=2)
    done = bring(
        database, tmp_path, TOML.replace('"AfricaCERT: member", ', "").replace('"liaison"', '"member"'), now=later
    )
    assert (done.facts_new, done.facts_withdrawn) == (1, 2)
    about = read_about(database, "cert-x")
    assert [shown_fact(fact) for fact in about.of(FactKind.MEMBERSHIP)] == ["FIRST (member, since 2016-01-01)"]
    assert [(shown_fact(fact), fact.recorded, fact.withdrawn) for fact in about.withdrawn] == [
        ("AfricaCERT (member)", NOW, later),
        ("FIRST (liaison, since 2016-01-01)", NOW, later),
    ]


def test_what_was_said_on_a_day_is_known(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, TOML)
    later = NOW + timedelta(days=30)
    bring(database, tmp_path, TOML.replace("8:00-16:30", "7:00-15:00"), now=later)

    def hours(at: datetime | None) -> list[str]:
        return [fact.value for fact in read_about(database, "cert-x", at).of(FactKind.HOURS)]

    assert hours(None) == ["sat 09:00-12:00", "mon-fri 07:00-15:00"]
    assert hours(later - timedelta(seconds=1)) == ["mon-fri 08:00-16:30", "sat 09:00-12:00"]
    assert hours(NOW - timedelta(seconds=1)) == []


def test_facts_of_a_merged_team_are_those_of_the_team_that_it_is_now(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, TOML)
    bring(database, tmp_path, '[[team]]\nkey = "other"\nname = "O"\nservices = ["Cake"]\n', name="other.toml")
    merge_teams(database, "cert-x", "other", said_by="Ana", reason="one desk", actor="ana", now=NOW)

    about = read_about(database, "other")
    assert about.team.key == "cert-x"
    assert [fact.value for fact in about.of(FactKind.SERVICE)][-1] == "Cake"


def test_two_sources_may_say_different_things(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, TOML)
    other = '[[team]]\nkey = "cert-x"\nauthority = "full"\n'
    done = bring(database, tmp_path, other, name="other.toml")

    assert (done.facts_new, done.facts_withdrawn) == (1, 0)
    facts = read_about(database, "cert-x").of(FactKind.AUTHORITY)
    assert [(fact.value, fact.source) for fact in facts] == [("shared", "register"), ("full", "other")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('authority = "some"', "not one of full, shared, none"),
        ('authority = ["full", "none"]', "an earlier authority of this team says otherwise"),
        ('languages = ["english"]', "not a language tag"),
        ('hours = ["9 to 5"]', "not hours such as 24x7"),
        ('hours = ["mon-fri 17:00-08:00"]', "write a night shift as two lines"),
        ('hours = ["mon-fri 08:00-25:00"]', "'25:00' is not a time"),
        ('hours = ["always-fri 08:00-17:00"]', "'always' is not a day"),
        ('channels = ["call us"]', "not a telephone number"),
        ('channels = [{ kind = "form", value = "ftp://x.example" }]', "not a URL"),
        ('channels = [{ value = "+230 201 0000", color = "red" }]', "no such field 'color'"),
        ('channels = [{ kind = "form", value = "https://ex\\u0430mple.org/" }]', "mixes Cyrillic and Latin"),
        ('memberships = ["FIRST: friend"]', "status 'friend': not one of member"),
        ('memberships = [{ body = "FIRST" }]', "'status' is missing"),
        (
            'memberships = [{ body = "FIRST", status = "member", since = 2026-01-01, until = 2025-01-01 }]',
            "before 'since'",
        ),
        ('attestations = ["mandate"]', "'issuer' is missing"),
        ('attestations = ["blessing: Ministry"]', "kind 'blessing': not one of mandate"),
        ('attestations = [{ kind = "peer", issuer = "X", expires = "soon" }]', "expires 'soon': not a date"),
        ('established = "long ago"', "not a date"),
        ('statements = { mood = "good" }', "about 'mood': not one of"),
        ('statements = { mission = "a\\u0007b" }', "a control character"),
        ('mailboxes = [{ value = "a@x.example", purpose = "fun" }]', "purpose 'fun': not one of general"),
    ],
)
def test_what_is_not_taken_says_why(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(f'[[team]]\nkey = "x"\nname = "X"\n{line}\n', encoding="utf-8")
    entries = read_import_file(path).entries

    assert [refused.why for refused in entries.refused if why in refused.why], entries.refused
    assert (list(entries.teams), entries.unsure) == (["x"], {"x"})


def test_a_persons_word_beats_imports_and_can_be_taken_back(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, TOML)
    version = directory_version(database)

    def say(name: str, *values: str, by: str = "Ana", now: datetime = NOW, **details: str) -> list[str]:
        return say_of_team(database, "cert-x", PersonFact(name, values, by, details), actor="analyst", now=now)

    assert say("name", "Kestria", "CERT") == ["Kestria CERT"]
    assert say("languages", "fr", "ar") == ["fr", "ar"]
    assert say("memberships", "FIRST", status="suspended") == ["FIRST"]
    assert directory_version(database) != version
    again = bring(database, tmp_path, TOML, now=NOW + timedelta(days=1))
    assert (again.teams_changed, again.facts_new, again.facts_withdrawn) == (0, 0, 0)

    about = read_about(database, "cert-x")
    assert about.team.name == "Kestria CERT"
    assert [(fact.get("field"), fact.value, fact.said_by) for fact in about.fields] == [("name", "Kestria CERT", "Ana")]
    assert [fact.value for fact in about.of(FactKind.LANGUAGE)] == ["fr", "ar"]
    assert [shown_fact(fact) for fact in about.of(FactKind.MEMBERSHIP)] == ["AfricaCERT (member)", "FIRST (suspended)"]
    assert [shown_fact(fact) for fact in about.overruled] == ["en", "fr", "FIRST (liaison, since 2016-01-01)"]

    say("languages", "en", by="Ben", now=NOW + timedelta(days=2))
    assert [fact.value for fact in read_about(database, "cert-x").of(FactKind.LANGUAGE)] == ["en"]
    say("languages", by="Ben")
    say("name", by="Ana")
    bring(database, tmp_path, TOML, now=NOW + timedelta(days=3))
    about = read_about(database, "cert-x")
    assert about.team.name == "CSIRT of Kestria"
    assert [(fact.value, fact.source) for fact in about.of(FactKind.LANGUAGE)] == [
        ("en", "register"),
        ("fr", "register"),
    ]
    with database.begin() as session:
        words = [entry.detail["field"] for entry in session.scalars(select(AuditEntry)) if entry.word == "team.set"]
    assert words == ["name", "languages", "memberships", "languages", "languages", "name"]


@pytest.mark.parametrize(
    ("word", "why"),
    [
        (PersonFact("mood", ("good",), "Ana"), "no such field; fields are name"),
        (PersonFact("mailboxes", ("a@x.example",), "Ana"), "tocsin directory assert"),
        (PersonFact("uuid", ("5b7ff0ac-64f4-4b6c-9f0e-0d2c7a3f1f11",), "Ana"), "no such field"),
        (PersonFact("country", ("Kestria",), "Ana"), "not a country code"),
        (PersonFact("hours", ("sometimes",), "Ana"), "not hours such as"),
        (PersonFact("name", ("X",), "a\nb"), "a line break"),
        (PersonFact("name", ("X",), "Ana", {"scope": "all"}), "it takes no details"),
    ],
)
def test_a_word_that_cannot_be_understood_changes_nothing(
    database: Database, tmp_path: Path, word: PersonFact, why: str
) -> None:
    version = bring(database, tmp_path, TOML).version
    with pytest.raises(UsageError, match=why):
        say_of_team(database, "cert-x", word, actor="analyst", now=NOW)
    assert directory_version(database) == version


def test_a_word_on_a_team_that_is_not_there(database: Database) -> None:
    with pytest.raises(NotFoundError, match="No team 'nobody'"):
        say_of_team(database, "nobody", PersonFact("name", ("X",), "Ana"), actor="analyst", now=NOW)


def test_digests_do_not_go_to_a_mailbox_for_vulnerabilities(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, TOML)
    assert read_team(database, "cert-x")[0].mailboxes == ("cert@cert.example", "help@cert.example")

    only = (
        '[[team]]\nkey = "maker"\nname = "M"\nmailboxes = [{ value = "psirt@m.example", purpose = "vulnerability" }]\n'
    )
    bring(database, tmp_path, only, name="maker.toml")
    assert read_team(database, "maker")[0].mailboxes == ("psirt@m.example",)


@pytest.mark.parametrize(
    ("stated", "address", "kind", "expected"),
    [
        ("incident", "abuse@x.example", TeamKind.ABUSE, ContactPurpose.INCIDENT),
        ("", "abuse@x.example", TeamKind.NATIONAL, ContactPurpose.ABUSE),
        ("", "Security@x.example", TeamKind.OPERATOR, ContactPurpose.SECURITY),
        ("", "psirt@x.example", TeamKind.OPERATOR, ContactPurpose.VULNERABILITY),
        ("", "hello@x.example", TeamKind.NATIONAL, ContactPurpose.SECURITY),
        ("", "desk@x.example", TeamKind.ABUSE, ContactPurpose.ABUSE),
        ("", "noc@x.example", TeamKind.OPERATOR, ContactPurpose.GENERAL),
    ],
)
def test_what_a_mailbox_is_for(stated: str, address: str, kind: TeamKind, expected: ContactPurpose) -> None:
    assert purpose_of(stated, address, kind) is expected


def test_abuse_mailboxes_and_security_contacts_are_counted_apart() -> None:
    assert [purpose for purpose in ContactPurpose if counts_as_abuse(purpose)] == [ContactPurpose.ABUSE]
    assert [purpose for purpose in ContactPurpose if counts_as_security(purpose)] == [
        ContactPurpose.INCIDENT,
        ContactPurpose.SECURITY,
        ContactPurpose.EMERGENCY,
    ]
    assert not any(counts_as_abuse(purpose) and counts_as_security(purpose) for purpose in ContactPurpose)


def attestation(kind: str, issuer: str = "Ministry", **more: str) -> Fact:
    return Fact(FactKind.ATTESTATION, issuer, tuple(sorted({"kind": kind, **more}.items())), source="register")


def membership(status: str, **more: str) -> Fact:
    detail = tuple(sorted({"status": status, **more}.items()))
    return Fact(FactKind.MEMBERSHIP, "Trusted Introducer", detail, source="ti", said_by="TI")


def test_each_receiver_decides_what_it_needs() -> None:
    facts = [attestation("mandate", expires="2026-11-24"), membership("accredited", since="2020-01-01")]

    assert attested(facts, [AttestationKind.MANDATE, AttestationKind.ACCREDITATION], TODAY).ok
    tomorrow = attested(facts, [AttestationKind.MANDATE, AttestationKind.ACCREDITATION], TODAY + timedelta(days=1))
    assert (tomorrow.ok, tomorrow.missing) == (False, (AttestationKind.MANDATE,))
    assert [(reason.counts, reason.words) for reason in tomorrow.reasons] == [
        (False, "mandate by Ministry, expired on 2026-11-24 (said by register)"),
        (True, "accredited by Trusted Introducer (said by TI)"),
    ]
    needs = {"exchange": ["mandate"], "encrypt": ["peer"], "nothing": []}
    assert {what: verdict.ok for what, verdict in judge_trust(facts, needs, TODAY).items()} == {
        "exchange": True,
        "encrypt": False,
        "nothing": True,
    }


@pytest.mark.parametrize(
    ("status", "more", "counts"),
    [
        ("certified", {}, [True]),
        ("accredited", {"since": "2026-11-25"}, [False]),
        ("accredited", {"until": "2026-11-24"}, [True]),
        ("accredited", {"until": "2026-11-23"}, [False]),
        ("listed", {}, []),
        ("suspended", {}, []),
    ],
)
def test_which_memberships_vouch_for_a_team(status: str, more: dict[str, str], counts: list[bool]) -> None:
    assert [reason.counts for reason in weigh([membership(status, **more)], TODAY)] == counts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24/7", "24x7"),
        ("Monday-Friday 9-17", "mon-fri 09:00-17:00"),
        ("mon,wed,thu 8:30 \N{EN DASH} 12:00", "mon,wed-thu 08:30-12:00"),
        ("sat-mon 00:00-24:00", "mon,sat-sun 00:00-24:00"),
        ("fri 08:00:00-12:00:00", "fri 08:00-12:00"),
    ],
)
def test_hours_come_to_one_form(text: str, expected: str) -> None:
    assert read_hours(text) == expected
    assert read_hours(expected) == expected


@given(
    st.sets(st.sampled_from(range(7)), min_size=1), st.integers(0, 1439), st.integers(1, 1440), st.integers(0, 10079)
)
def test_hours_hold_exactly_in_their_days_and_minutes(days: set[int], start: int, length: int, minute: int) -> None:
    end = min(start + length, 1440)
    span = f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    hours = read_hours(f"{','.join(DAYS[day] for day in days)} {span}")
    at = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=minute)  # a Monday

    assert in_hours([hours], "UTC", at) == (minute // 1440 in days and start <= minute % 1440 < end)
    assert read_hours(hours) == hours


def test_hours_are_those_of_the_teams_clock() -> None:
    hours = ["mon-fri 08:00-16:30"]
    assert in_hours(hours, "Indian/Mauritius", datetime(2026, 11, 24, 4, 0, tzinfo=UTC))
    assert not in_hours(hours, "Indian/Mauritius", datetime(2026, 11, 24, 12, 30, tzinfo=UTC))
    assert not in_hours(hours, "Indian/Mauritius", datetime(2026, 11, 22, 8, 0, tzinfo=UTC))
    assert in_hours(["24x7"], "UTC", NOW)
    assert not in_hours([], "UTC", NOW)


def test_by_command(tmp_path: Path) -> None:
    tocsin = Tocsin(tmp_path / "home", {})
    (tmp_path / "team.toml").write_text(TOML.replace("expires = 2027-01-31", "expires = 2099-01-31"), encoding="utf-8")
    tocsin.run("directory", "import", tmp_path / "team.toml")
    (tocsin.home / "tocsin.toml").write_text('[directory.needs]\nexchange = ["mandate"]\nencrypt = ["accreditation"]\n')

    page = tocsin.run("directory", "team", "cert-x")
    assert "exchange: trusted" in page
    assert "encrypt: not trusted, needs accreditation" in page
    tocsin.run(
        *("directory", "set", "cert-x", "attestations", "accreditation: TF-CSIRT", "--said-by", "Ana"),
        *("--detail", "expires=2099-12-31"),
    )
    found = tocsin.json("directory", "trust", "cert-x")
    assert {what: verdict["ok"] for what, verdict in found["needs"].items()} == {"exchange": True, "encrypt": True}
    assert "accreditation by TF-CSIRT, until 2099-12-31 (said by Ana)" in found["attestations"][1]["words"]

    tocsin.run("directory", "set", "cert-x", "attestations", "--clear", "--said-by", "Ana")
    team = tocsin.json("directory", "team", "cert-x", "--history")
    assert [one["value"] for one in team["facts"]["attestation"]] == ["Ministry"]
    assert [one["value"] for one in team["withdrawn"]["attestation"]] == ["TF-CSIRT"]
    assert (team["keys"], team["mailboxes"][0]["stated"], team["mailboxes"][1]["stated"]) == ([], False, True)
    code, _, err = tocsin.call("directory", "set", "cert-x", "hours", "24x7")
    assert (code, "--said-by" in err) == (2, True)
