"""A profile is written to the outline of RFC 2350 and read back; of others' what stands there is taken."""

import shutil
import subprocess
import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from support.cast import Tocsin
from tocsin.directory import (
    ContactPurpose,
    Fact,
    FactKind,
    ImportResult,
    RuleKind,
    TeamKind,
    import_directory,
    import_entries,
    read_about,
)
from tocsin.directory.fact_schema import lines, paragraphs
from tocsin.directory.facts import AttestationKind, Authority, ChannelKind, ProfileTopic, Status
from tocsin.directory.files import ImportFile
from tocsin.directory.profile import (
    current_profile,
    issue_profile,
    profile_entries,
    profile_html,
    profile_markdown,
    profile_pdf,
    signers,
    write_profile,
)
from tocsin.directory.profile.model import PublicKey, Scope, TeamProfile, ordered
from tocsin.directory.profile.outline import OUTLINE
from tocsin.directory.profile.parse import read_profile
from tocsin.directory.profile.text import NOT_STATED, profile_text
from tocsin.node.errors import InputError
from tocsin.node.records import AuditEntry, Database

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OTHERS = """
                     CSIRT Description for Harbour CERT
                     ----------------------------------

   Table of contents
   1. Document Information ........ 1
   1.1 Date of Last Update ........ 1
   2.7 Electronic Mail Address   3

1. Document Information

  1.1 Date of Last Update

       This is version 1.01, published 1st of March, 2024.

  1.3 Locations where this Document May Be Found
       The current version is at https://www.harbour.example/rfc2350.txt
       (see also <https://www.harbour.example/cert>).

2. Contact Information

  2.1 Name of the Team

       "Harbour CERT": the Port of Kestria
       Computer Emergency Response Team.

  2.2 Address

       Harbour CERT
       Pier 3

  2.3 Time Zone
       Kestria/Central (GMT+0400)

  2.4 Telephone Number
       +230 555 0100  (ask for the CERT)
       555-0199

  2.5 Facsimile Number
       None available.

  2.7 Electronic Mail Address
       <cert@harbour.example> This is a mail alias that relays mail to the
       human(s) on duty. Abuse goes to abuse@harbour.example.


Harbour CERT                                                    [Page 1]

  2.8 Public Keys and Other Encryption Information
       The Harbour CERT has an OpenPGP key, whose fingerprint is
         1122 3344 5566 7788 99AA  BBCC DDEE FF00 1122 3344

  2.9 Team Members
       The list of members is not public.

  2.12 Coffee
       Black.

3. Charter

  3.1 Mission Statement
       The purpose of the Harbour CERT is, first, to assist members of the
       port community.

       Second, to sleep well.

  3.2 Constituency
       The port: AS64500, 192.0.2.0/24 and 2001:db8::/32, also 192.0.2.1/24.

  3.4 Authority
       The Harbour CERT does not have full authority.

4. Policies
  4.2 Co-operation, Interaction and Disclosure of Information
       We respect TLP.

5. Services
  5.1 Incident Response
   5.1.1. Incident Triage
            - Investigating whether an incident occurred.
            - Determining its extent.
  5.2 Proactive Activities
       - Awareness building
       - Cake

6. Incident Reporting Forms
   There are none.
"""


def taken(strategy: st.SearchStrategy[str], read: object) -> st.SearchStrategy[str]:
    """Texts in the one form that ``read`` gives."""

    def canonical(text: str) -> str:
        try:
            return str(read(text))  # type: ignore[operator]
        except ValueError:
            return ""

    return strategy.map(canonical).filter(bool)


ONE_LINE = taken(st.text(min_size=1, max_size=60), lambda text: "" if "\n" in lines(text) else lines(text))
PROSE = taken(
    st.lists(st.one_of(st.text(), st.sampled_from(["-", "- x", "2.1", "1. Document Information", NOT_STATED, "\n\n"])))
    .map(" ".join), paragraphs,
).filter(lambda text: text != NOT_STATED)  # fmt: skip
DAYS = st.dates(date(1990, 1, 1)).map(date.isoformat)


def facts(
    about: FactKind, value: st.SearchStrategy[str], /, **details: st.SearchStrategy[str]
) -> st.SearchStrategy[Fact]:
    optional = {name: text for name, text in details.items() if name not in {"kind", "status", "about"}}
    needed = {name: text for name, text in details.items() if name not in optional}
    detail = st.fixed_dictionaries(needed, optional=optional)
    return st.builds(lambda text, more: Fact(about, text, tuple(sorted(more.items()))), value, detail)


def words(kind: type) -> st.SearchStrategy[str]:
    return st.sampled_from([word.value for word in kind])  # type: ignore[attr-defined]


STATEMENTS = st.dictionaries(st.sampled_from(ProfileTopic), PROSE, max_size=4).map(
    lambda found: [Fact(FactKind.STATEMENT, text, (("about", topic.value),)) for topic, text in found.items()]
)
ADDRESSES = st.lists(ONE_LINE, max_size=3).map(lambda rows: [Fact(FactKind.ADDRESS, "\n".join(rows))] if rows else [])
OTHER_FACTS = st.lists(
    st.one_of(
        facts(FactKind.LANGUAGE, st.sampled_from(["en", "pt-BR"])),
        facts(FactKind.SERVICE, ONE_LINE),
        facts(FactKind.HOURS, st.sampled_from(["24x7", "mon-fri 08:00-17:00"])),
        facts(FactKind.CHANNEL, ONE_LINE, kind=words(ChannelKind), purpose=words(ContactPurpose)),
        facts(FactKind.MEMBERSHIP, ONE_LINE, status=words(Status), since=DAYS, until=DAYS),
        facts(FactKind.ATTESTATION, ONE_LINE, kind=words(AttestationKind), scope=ONE_LINE, expires=DAYS),
        facts(FactKind.AUTHORITY, words(Authority)),
        facts(FactKind.ESTABLISHED, DAYS),
    ),
    max_size=8,
)
PROFILES = st.builds(
    TeamProfile,
    name=ONE_LINE,
    version=st.integers(0, 99),
    dated=st.none() | st.dates(),
    draft=st.booleans(),
    key=st.sampled_from(["", "cert-x"]),
    uuid=st.none() | st.uuids(),
    kind=st.just("") | words(TeamKind),
    country=st.sampled_from(["", "XA"]),
    organisation=st.just("") | ONE_LINE,
    timezone=st.sampled_from(["", "Africa/Nairobi"]),
    mailboxes=st.lists(st.tuples(ONE_LINE, st.just("") | words(ContactPurpose)), max_size=3).map(tuple),
    keys=st.lists(
        st.builds(PublicKey, ONE_LINE, st.sampled_from(["openpgp", "smime"]), st.none() | st.dates()), max_size=2
    ).map(tuple),
    scopes=st.lists(st.builds(Scope, st.sampled_from(RuleKind), ONE_LINE), max_size=3).map(tuple),
    facts=st.tuples(ADDRESSES, OTHER_FACTS, STATEMENTS).map(
        lambda parts: tuple(fact for part in parts for fact in part)
    ),
).map(ordered)


@given(PROFILES)
def test_what_is_written_is_read_back_exactly(profile: TeamProfile) -> None:
    text = profile_text(profile)
    reading = read_profile(text.encode())

    assert reading.profile == profile
    assert reading.exact
    assert not reading.unread
    assert all(len(row) <= 72 or " " not in row.strip()[:60] or row.startswith(("   - ", "       ")) or "profile" in row
               for row in text.split("\n"))  # fmt: skip


@given(PROFILES, st.data())
def test_a_changed_document_is_never_taken_for_exact(profile: TeamProfile, data: st.DataObject) -> None:
    rows = profile_text(profile).split("\n")
    number = data.draw(st.integers(0, len(rows) - 1))
    rows[number] += "  x"
    try:
        reading = read_profile("\n".join(rows).encode())
    except InputError:
        return
    if reading.exact:
        assert profile_text(reading.profile) == "\n".join(rows)


def test_every_section_of_the_rfc_stands_in_order() -> None:
    rows = profile_text(TeamProfile("Kestria CERT")).split("\n")
    headings = [row for row in rows if row[:1].isdigit()]
    assert [row.partition(" ")[0].rstrip(".") for row in headings] == [section.number for section in OUTLINE]
    assert rows.count(f"   {NOT_STATED}") > 20


def test_of_others_documents_what_stands_there_is_taken() -> None:
    reading = read_profile(OTHERS.encode())
    profile = reading.profile

    assert not reading.exact
    assert profile.name == '"Harbour CERT": the Port of Kestria Computer Emergency Response Team'
    assert (profile.dated, profile.version, profile.timezone) == (date(2024, 3, 1), 0, "")
    assert [box for box, _ in profile.mailboxes] == ["cert@harbour.example", "abuse@harbour.example"]
    assert [key.fingerprint for key in profile.keys] == ["112233445566778899aabbccddeeff0011223344"]
    assert {scope.value for scope in profile.scopes} == {"192.0.2.0/24", "2001:db8::/32", "64500"}
    assert [(fact.value, fact.get("kind")) for fact in profile.facts if fact.kind is FactKind.CHANNEL] == [
        ("https://www.harbour.example/rfc2350.txt", "profile"),
        ("https://www.harbour.example/cert", "profile"),
        ("+230 555 0100", "phone"),
    ]
    assert [fact.value for fact in profile.facts if fact.kind is FactKind.ADDRESS] == ["Harbour CERT\nPier 3"]
    assert [fact.value for fact in profile.facts if fact.kind is FactKind.SERVICE] == ["Awareness Building"]
    assert profile.prose(ProfileTopic.MISSION) == (
        "The purpose of the Harbour CERT is, first, to assist members of the port community.\n\nSecond, to sleep well."
    )
    assert profile.prose(ProfileTopic.DISCLOSURE) == "We respect TLP."
    assert not [fact for fact in profile.facts if fact.kind is FactKind.AUTHORITY]


def test_what_cannot_be_read_is_listed_and_not_guessed() -> None:
    unread = {(one.where, one.what): one.why for one in read_profile(OTHERS.encode()).unread}

    assert "whole number" in unread.pop(
        ("1.1 Date of Last Update", "This is version 1.01, published 1st of March, 2024.")
    )
    assert "IANA" in unread.pop(("2.3 Time Zone", "Kestria/Central (GMT+0400)"))
    assert "without its country code" in unread.pop(("2.4 Telephone Number", "555-0199"))
    assert "no section of RFC 2350" in unread.pop(("2.12 Coffee", "Black."))
    assert "bits behind the length" in unread.pop(("3.2 Constituency", "192.0.2.1/24"))
    assert unread == {}


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("2024-03-01", date(2024, 3, 1)),
        ("01.03.2024", date(2024, 3, 1)),
        ("March 1st, 2024", date(2024, 3, 1)),
        ("1-Mar-2024", date(2024, 3, 1)),
        ("03/01/2024", None),
        ("spring 2024", None),
        ("31 February 2024", None),
    ],
)
def test_a_date_is_read_where_it_is_plain_which_it_is(words: str, day: date | None) -> None:
    text = f"1.1 Date of Last Update\n{words}\n2.1 Name of the Team\nX\n"
    reading = read_profile(text.encode())
    assert reading.profile.dated == day
    assert any(one.where.startswith("1.1") for one in reading.unread) == (day is None)


@pytest.mark.parametrize("content", [b"", b"Hello.\n", b"\x00\x01", b"%PDF-1.7\n\xe2\xe3", b"x" * 1_000_001])
def test_what_is_no_profile_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match=r"\w"):
        read_profile(content)


@given(st.text() | st.lists(st.sampled_from(OTHERS.split("\n")), max_size=60).map("\n".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        reading = read_profile(text.encode("utf-8", "surrogatepass"))
    except InputError:
        return
    assert read_profile(profile_text(reading.profile).encode()).profile == reading.profile


TEAM = """
[[team]]
key = "cert-x"
name = "CSIRT of Kestria"
kind = "national"
timezone = "Indian/Mauritius"
mailboxes = ["cert@cert.example"]
domains = ["kestria.example.org"]
prefixes = [{ value = "192.0.2.0/24", role = "informed" }]
hours = "mon-fri 08:00-16:00"
attestations = [
    { kind = "mandate", issuer = "Ministry", expires = 2026-11-24 },
    { kind = "peer", issuer = "Harbour CERT", expires = 2026-11-23 },
]
statements = { mission = "Help <b>all</b>.", members = "A few people." }
"""


def bring(database: Database, folder: Path, text: str = TEAM, *, now: datetime = NOW) -> None:
    path = folder / "register.toml"
    path.write_text(text, encoding="utf-8")
    assert not import_directory(database, path, actor="ana", now=now).not_taken


def test_a_profile_is_a_draft_until_it_is_issued(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path)
    draft = current_profile(database, "cert-x", now=NOW)
    assert (draft.new, draft.profile.draft, draft.profile.version) == (True, True, 1)
    assert "State: draft" in profile_text(draft.profile)

    issued = issue_profile(database, "cert-x", actor="ana", now=NOW)
    later = NOW + timedelta(days=30)
    assert (issued.version, issued.dated, issued.draft) == (1, NOW.date(), False)
    assert issue_profile(database, "cert-x", actor="ana", now=NOW) == issued
    assert current_profile(database, "cert-x", now=NOW).profile == issued

    bring(database, tmp_path, TEAM.replace("08:00", "09:00"), now=later)
    assert current_profile(database, "cert-x", now=later).profile.draft
    second = issue_profile(database, "cert-x", actor="ana", now=later)
    assert (second.version, second.dated) == (2, later.date())
    with database.begin() as session:
        issues = [entry.detail["version"] for entry in session.scalars(select(AuditEntry)) if "profile" in entry.word]
    assert issues == [1, 2]


def test_a_profile_says_what_holds_on_its_day_and_what_the_team_answers_for(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path)
    profile = issue_profile(database, "cert-x", actor="ana", now=NOW)

    assert [fact.value for fact in profile.facts if fact.kind is FactKind.ATTESTATION] == ["Ministry"]
    assert [scope.value for scope in profile.scopes] == ["kestria.example.org"]
    assert profile.mailboxes == (("cert@cert.example", "security"),)


def test_a_profile_comes_back_into_the_directory(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path)
    profile = issue_profile(database, "cert-x", actor="ana", now=NOW)
    entries = profile_entries(profile, "copy", complete=True)
    done = import_entries(database, ImportFile("x.txt", "0", entries), actor="ana", now=NOW)

    assert not done.not_taken
    copy, _ = read_about(database, "copy"), read_about(database, "cert-x")
    assert (copy.team.name, copy.team.timezone, copy.team.kind) == ("CSIRT of Kestria", "Indian/Mauritius", "national")
    assert copy.team.mailboxes == ("cert@cert.example",)
    assert [(rule.value, rule.source) for rule in copy.rules] == [("kestria.example.org", "profile:copy")]
    assert [fact.value for fact in copy.of(FactKind.HOURS)] == ["mon-fri 08:00-16:00"]
    assert [fact.get("about") for fact in copy.of(FactKind.STATEMENT)] == ["mission"]  # names of people stay away


def test_documents_in_markdown_are_read_too() -> None:
    text = """---
title: Our team
---
## 1. Document Information
TLP:CLEAR
### 2.1 Name of the Team

Example SIRT

Subteams:
- Night shift

### 2.7 Electronic Mail Address

security(at)example(dot)org

### 2.8 Public Keys and Encryption Information

- Key ID: `78DCCCE9923E5CFB3CAA5D5AB79DBDA3BE944D9E`

```text
-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEZQHKOxYJKwYBBAHaRw8BAQdAzvtu6OfJTspbWTVVU2uDeljmfEr1qYkvD25w
-----END PGP PUBLIC KEY BLOCK-----
```
### 5.1 Incident Response

We respond.
#### 5.1.1 Incident Triage
We look first.
"""
    reading = read_profile(text.encode())
    profile = reading.profile

    assert (profile.name, profile.mailboxes) == ("Example SIRT", ())
    assert [key.fingerprint for key in profile.keys] == ["78dccce9923e5cfb3caa5d5ab79dbda3be944d9e"]
    assert (profile.prose(ProfileTopic.RESPONSE), profile.prose(ProfileTopic.TRIAGE)) == (
        "We respond.",
        "We look first.",
    )
    assert "BEGIN PGP" not in profile.prose(ProfileTopic.ENCRYPTION)
    unread = {(one.where, one.what) for one in reading.unread}
    assert ("2.7 Electronic Mail Address", "security(at)example(dot)org") in unread
    assert ("2.1 Name of the Team", "Subteams: - Night shift") in unread
    assert any("tocsin keys import" in one.why for one in reading.unread)


def test_a_document_of_ours_that_was_changed_by_hand_is_read_as_far_as_it_goes(
    database: Database, tmp_path: Path
) -> None:
    bring(
        database,
        tmp_path,
        TEAM.replace("[[team]]", '[[team]]\nservices = ["Cake"]\nchannels = ["https://x.example/r"]'),
    )
    profile = issue_profile(database, "cert-x", actor="ana", now=NOW)
    reading = read_profile(profile_text(profile).replace("- Indian/Mauritius", "island time").encode())

    assert not reading.exact
    assert [one.where for one in reading.unread] == ["2.3 Time Zone"]
    assert reading.profile == replace(profile, timezone="")


def test_what_could_not_be_read_whole_withdraws_nothing(database: Database) -> None:
    def read(text: str) -> ImportResult:
        reading = read_profile(text.encode())
        entries = profile_entries(reading.profile, "harbour", complete=not reading.unread)
        return import_entries(database, ImportFile("x.txt", text, entries), actor="ana", now=NOW)

    whole = OTHERS.replace("version 1.01", "version 1").replace("Kestria/Central (GMT+0400)", "UTC")
    whole = whole.replace("       555-0199\n", "").replace("  2.12 Coffee\n       Black.\n", "")
    whole = whole.replace(", also 192.0.2.1/24", "")
    assert not read_profile(whole.encode()).unread
    first = read(whole)
    less = read(OTHERS.replace("AS64500, ", ""))
    assert (first.rules_withdrawn, less.rules_withdrawn, less.kept > 0) == (0, 0, True)
    assert read(whole.replace("AS64500, ", "")).rules_withdrawn == 1


def test_every_form_says_the_same_and_no_text_becomes_code(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path)
    profile = issue_profile(database, "cert-x", actor="ana", now=NOW)
    page = profile_html(profile)

    assert "Help &lt;b&gt;all&lt;/b&gt;." in page
    assert "Help \\<b\\>all\\</b\\>." in profile_markdown(profile)
    assert "Not stated: 1.2 Distribution List for Notifications" in page
    for words in ("cert@cert.example", "mon-fri 08:00-16:00", "kestria.example.org", "Ministry"):
        assert words in page
        assert words in profile_markdown(profile)
    (tmp_path / "p.pdf").write_bytes(profile_pdf(profile))
    text = subprocess.run(["pdftotext", "-layout", tmp_path / "p.pdf", "-"], capture_output=True, check=True, text=True)
    assert "CSIRT of Kestria" in text.stdout
    assert "mon-fri 08:00-16:00" in text.stdout
    assert text.stdout.count("\f") <= 2


def test_a_signed_profile_is_verified_by_others_and_read_back(tmp_path: Path) -> None:
    import pysequoia

    secret = pysequoia.Tsk.generate("CSIRT of Kestria <cert@cert.example>")
    public = secret.extract_certificate()
    profile = ordered(TeamProfile("CSIRT of Kestria", version=1, facts=(Fact(FactKind.SERVICE, "- dashes --"),)))
    paths = [
        path for form in (".txt", ".html") for path in write_profile(profile, tmp_path / f"p{form}", secret.signer())
    ]
    assert [path.name for path in paths] == ["p.txt", "p.html", "p.html.asc"]

    signed = paths[0].read_bytes()
    reading = read_profile(signed)
    assert (reading.profile, reading.exact) == (profile, True)
    assert reading.signed is not None
    assert signers(reading.signed, [bytes(public)]) == [public.fingerprint]
    assert signers(reading.signed, []) == []
    assert signers(signed.replace(b"Kestria", b"Kestrel"), [bytes(public)]) == []

    ring = Path(tempfile.mkdtemp(prefix="gpg"))  # a short path, as its agent's socket needs (unix(7): 108 bytes)
    gpg = ["gpg", "--batch", "--homedir", str(ring)]
    subprocess.run([*gpg, "--import"], input=str(public).encode(), check=True, capture_output=True)
    subprocess.run([*gpg, "--verify", paths[0]], check=True, capture_output=True)
    subprocess.run([*gpg, "--verify", paths[2], paths[1]], check=True, capture_output=True)
    subprocess.run(["gpgconf", "--homedir", str(ring), "--kill", "all"], check=True, capture_output=True)
    shutil.rmtree(ring)


def test_by_command(tmp_path: Path) -> None:
    tocsin = Tocsin(tmp_path / "home", {})
    (tmp_path / "team.toml").write_text(TEAM, encoding="utf-8")
    (tmp_path / "other.txt").write_text(OTHERS, encoding="utf-8")
    tocsin.run("directory", "import", tmp_path / "team.toml")

    assert "Version: 1\n   - Date:" in tocsin.run("directory", "profile", "cert-x")
    tocsin.run("directory", "profile", "cert-x", "--issue", "--out", tmp_path / "p.txt")
    assert "Read whole" in tocsin.run("directory", "read-profile", tmp_path / "p.txt")
    found = tocsin.json("directory", "read-profile", tmp_path / "other.txt", "--into", "harbour", "--dry-run")
    assert (found["exact"], found["import"]["teams_new"], found["import"]["dry_run"]) == (False, 1, True)
    assert len(found["unread"]) == 5
    assert tocsin.call("directory", "team", "harbour")[0] == 1
    tocsin.run("directory", "read-profile", tmp_path / "other.txt", "--into", "harbour")
    assert tocsin.json("directory", "team", "harbour")["facts"]["service"][0]["value"] == "Awareness Building"
    code, _, err = tocsin.call("directory", "profile", "cert-x", "--sign")
    assert (code, "This node has no OpenPGP key." in err) == (1, True)
    code, _, err = tocsin.call("directory", "profile", "cert-x", "--out", tmp_path / "p.doc")
    assert (code, ".pdf" in err) == (2, True)
