"""National CIRTs: a yes and a no rest on evidence; what nobody told this node is not computable."""

import csv
import io
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cast import Tocsin
from tocsin.directory import import_directory
from tocsin.directory.contacts import Terms
from tocsin.directory.facts import Fact, FactKind
from tocsin.directory.model import TeamKind
from tocsin.directory.states import (
    GROUPS,
    Body,
    CirtAssessment,
    CirtCandidate,
    CirtStatus,
    CountryState,
    LinkProof,
    MembershipLink,
    alpha3_codes,
    judge,
    read_bodies,
    read_cirts,
    read_states,
    with_links,
)
from tocsin.node.errors import InputError, NotFoundError
from tocsin.node.records import Database

DAY = date(2026, 11, 1)
STATE = CountryState("MU", "Mauritius")
YES, NO, OPEN = CirtStatus.YES, CirtStatus.NO, CirtStatus.OPEN


def member(body: str, status: str = "member", **more: str) -> Fact:
    detail = {"status": status, **more}
    return Fact(FactKind.MEMBERSHIP, body, tuple(sorted(detail.items())), source="list")


def mandate(expires: str = "") -> Fact:
    detail = {"kind": "mandate"} | ({"expires": expires} if expires else {})
    return Fact(FactKind.ATTESTATION, "Ministry", tuple(sorted(detail.items())), source="list")


def team(*facts: Fact, kind: TeamKind = TeamKind.NATIONAL, **more: Any) -> CirtCandidate:
    return CirtCandidate("cert", kind, facts, **more)


def judged(
    *teams: CirtCandidate, state: CountryState = STATE, used: dict[tuple[str, str], date] | None = None
) -> CirtAssessment:
    return judge(state, teams, read_bodies(), DAY, used or {})


def answers(one: CirtAssessment) -> tuple[CirtStatus, CirtStatus]:
    return one.structure.answer, one.cooperating.answer


FIRST, AFRICA = member("FIRST"), member("AfricaCERT")
GONE = Fact(FactKind.MEMBERSHIP, "FIRST", (("status", "member"),), withdrawn=datetime(2026, 5, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("teams", "expected"),
    [
        ([], (OPEN, OPEN)),
        ([team()], (OPEN, OPEN)),
        ([team(mandate())], (YES, OPEN)),
        ([team(mandate("2026-11-01"))], (YES, OPEN)),
        ([team(mandate("2026-10-31"))], (NO, NO)),
        ([team(said=("answers for MU",))], (YES, OPEN)),
        ([team(FIRST)], (YES, OPEN)),
        ([team(AFRICA)], (YES, OPEN)),
        ([team(FIRST, AFRICA)], (YES, OPEN)),
        ([team(FIRST), team(AFRICA)], (YES, OPEN)),
        ([team(FIRST, AFRICA, kind=TeamKind.GOVERNMENTAL)], (YES, OPEN)),
        ([team(FIRST, member("AfricaCERT", "suspended"))], (YES, NO)),
        ([team(FIRST, member("AfricaCERT", "candidate"))], (YES, NO)),
        ([team(FIRST, member("AfricaCERT", until="2026-10-31"))], (YES, NO)),
        ([team(FIRST, member("AfricaCERT", until="2026-11-01"))], (YES, OPEN)),
        ([team(FIRST, member("AfricaCERT", since="2026-11-02"))], (YES, NO)),
        ([team(FIRST, member("Some Club"))], (YES, OPEN)),
        ([team(FIRST, member("forum of incident response and security teams"))], (YES, OPEN)),
        ([team(AFRICA, ended=(GONE,))], (YES, NO)),
        ([team(ended=(GONE,))], (NO, NO)),
    ],
)
def test_both_rules(teams: Sequence[CirtCandidate], expected: tuple[CirtStatus, CirtStatus]) -> None:
    assert answers(judged(*teams)) == expected


def test_a_link_that_was_not_used_for_a_year_is_not_in_use() -> None:
    one = team(FIRST, AFRICA)
    lately = {("cert", "FIRST"): DAY - timedelta(days=365), ("cert", "AfricaCERT"): DAY}
    assert judged(one, used=lately).cooperating.reason.endswith("link, in use")
    late = lately | {("cert", "FIRST"): DAY - timedelta(days=366)}
    found = judged(one, used=late)
    assert found.cooperating.answer is NO
    assert "international links are not in use" in found.cooperating.reason
    assert "not used since 2025-10-31" in found.cooperating.evidence[0]
    assert "by membership; whether they are used is not known" in judged(one).cooperating.reason
    half = {("cert", "FIRST"): DAY}
    assert judged(one, used=half).cooperating.answer is OPEN, "a membership alone is no regional link"


def measured(reach: str, *, late: bool = False) -> MembershipLink:
    return MembershipLink("cert", "B", reach, DAY, "not shown to work" if late else "", "this node", measured=True)


@pytest.mark.parametrize(
    ("facts", "proved", "expected"),
    [
        ((FIRST, AFRICA), (), OPEN),
        ((mandate(),), (measured("regional"), measured("international")), YES),
        ((FIRST, AFRICA), (measured("regional"),), OPEN),
        ((mandate(),), (measured("regional"),), OPEN),
        ((mandate(),), (measured("regional"), measured("international", late=True)), NO),
        ((FIRST,), (measured("regional"), measured("international", late=True)), OPEN),
        ((mandate(),), (measured(""), measured("international")), OPEN),
        ((), (measured("regional"), measured("international")), OPEN),
    ],
)
def test_measured_links_count_and_memberships_stand_beside(
    facts: tuple[Fact, ...], proved: tuple[MembershipLink, ...], expected: CirtStatus
) -> None:
    assert judged(team(*facts, proved=proved)).cooperating.answer is expected


def test_a_measured_link_is_one_of_both_its_ends_with_the_reach_of_their_bodies() -> None:
    ours = team(FIRST, AFRICA, ours=True, number=1)
    near, far = team(AFRICA, number=2), team(member("APCERT"), number=3)
    proofs = [
        LinkProof(2, "Near", "KE", DAY, live=True),
        LinkProof(3, "Far", "JP", DAY, live=False),
        LinkProof(None, "Unknown", "TV", DAY, live=True),
        LinkProof(1, "At home", "MU", DAY, live=True),
    ]
    found = with_links({"MU": [ours], "KE": [near], "JP": [far], "TV": []}, read_bodies(), DAY, proofs)

    def links(code: str) -> list[tuple[str, str, bool]]:
        return [(one.body, one.reach, not one.why_not) for one in found[code][0].proved]

    assert links("MU") == [("Near", "regional", True), ("Far", "international", False), ("Unknown", "", True)]
    assert links("KE") == [("MU", "regional", True)]
    assert links("JP") == [("MU", "international", False)]


def test_that_there_is_none_needs_somebody_who_found_it() -> None:
    state = CountryState("TV", "Tuvalu", no_cirt_as_of=DAY, no_cirt_source="Survey of 2026")
    assert answers(judged(state=state)) == (NO, NO)
    assert judged(state=state).structure.evidence == ("Survey of 2026, as of 2026-11-01",)
    before = CountryState("TV", "Tuvalu", no_cirt_as_of=DAY + timedelta(days=1), no_cirt_source="Survey")
    assert answers(judged(state=before)) == (OPEN, OPEN)
    assert answers(judged(team(mandate()), state=state)) == (YES, OPEN)


_FACTS = st.lists(
    st.sampled_from([FIRST, AFRICA, mandate(), mandate("2020-01-01"), member("APCERT", "candidate"), member("X")])
)


@given(_FACTS, st.sampled_from(list(TeamKind)[:2]), st.booleans(), _FACTS)
def test_the_second_rule_never_says_more_than_the_first_and_a_no_has_evidence(
    facts: list[Fact], kind: TeamKind, withdrawn: bool, more: list[Fact]
) -> None:
    one = team(*facts, kind=kind, ended=(GONE,) if withdrawn else ())
    found = judged(one)
    if found.cooperating.answer is YES:
        assert found.structure.answer is YES
    for verdict in (found.structure, found.cooperating):
        assert verdict.answer is OPEN or verdict.evidence
    wider = judged(one, team(*more))
    if found.structure.answer is YES:
        assert wider.structure.answer is YES
    if found.cooperating.answer is YES:
        assert wider.cooperating.answer is YES


def test_the_states_are_the_members_of_the_united_nations(shared_data: Path) -> None:
    found = read_states()
    three = alpha3_codes()
    codes = {three[state.code] for state in found.states}
    groups = {group: {three[state.code] for state in found.states if group in state.groups} for group in GROUPS}
    assert (len(found.states), len(codes)) == (193, 193)
    for group in GROUPS:
        with (shared_data / "readiness" / f"grp_{group}.csv").open(encoding="utf-8") as file:
            listed = {row["Code"] for row in csv.DictReader(file)}
        assert groups[group] == listed - ({"STP"} if group == "ldc" else set())  # graduated before the day of the set
    with (shared_data / "readiness" / "gci_panel.csv").open(encoding="utf-8") as file:
        panel = {row["iso3"] for row in csv.DictReader(file)}
    assert panel - codes == {"HKG", "PSE", "VAT"}
    assert codes - panel <= {"CAN"}


HEAD = "# title: Two\n# as_of: 2026-01-01\n# source: us\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("code\nMU\n", "does not say 'as_of'"),
        (HEAD + "name\nX\n", "no column 'code'"),
        (HEAD + "code\nMU\nXX\n", "line 6: 'XX' is no country"),
        (HEAD + "code\nMU\nMU\n", "line 6: MU occurs twice"),
        (HEAD + "code,ldc\nMU,maybe\n", "line 5, column 'ldc': 'maybe'"),
        (HEAD + "code,no_cirt_as_of,no_cirt_source\nMU,2026-01-01,\n", "not who found that"),
        (HEAD + "code,no_cirt_as_of,no_cirt_source\nMU,soon,us\n", "'soon' is no day"),
        (HEAD.replace("2026-01-01", "soon") + "code\nMU\n", "'soon' is no day"),
    ],
)
def test_a_wrong_file_of_states_is_refused_by_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "states.csv"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_states(path)
    assert words in str(caught.value)
    with pytest.raises(NotFoundError):
        read_states(tmp_path / "none.csv")


def test_bodies_are_known_by_each_of_their_names() -> None:
    bodies = read_bodies()
    assert bodies["trusted introducer"] == bodies["tf-csirt"] == Body("TF-CSIRT", "regional", "Europe")
    assert {body.reach for body in bodies.values()} == {"regional", "international"}


TEAMS = """
[[team]]
key = "mu-cert"
name = "CERT of MU"
kind = "national"
country = "MU"
mailboxes = ["cert@mu.example"]
memberships = [{ body = "FIRST", status = "member" }, { body = "AfricaCERT", status = "member" }]

[[team]]
key = "ke-gov"
name = "Government CERT"
kind = "governmental"
attestations = [{ issuer = "Ministry", kind = "mandate", expires = "2026-06-30" }]
countries = ["KE"]

[[team]]
key = "isp"
name = "An operator"
kind = "operator"
country = "MG"
mailboxes = ["abuse@isp.example"]
memberships = ["FIRST"]
"""


def test_of_a_day_what_was_known_then(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "teams.toml"
    started, changed = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
    path.write_text(TEAMS)
    import_directory(database, path, actor="x", now=started, source="list", most_gone=None)
    path.write_text(TEAMS.replace('{ body = "AfricaCERT", status = "member" }', ""))
    import_directory(database, path, actor="x", now=changed, source="list", most_gone=None)

    def look(at: datetime) -> dict[str, tuple[CirtStatus, CirtStatus]]:
        states = [CountryState(code, code) for code in ("KE", "MG", "MU")]
        now = datetime(2026, 11, 1, tzinfo=UTC)
        with database.begin() as session:
            found = read_cirts(session, states, read_bodies(), at=at, now=now, terms=Terms())
        return {one.state.code: answers(one) for one in found}

    nobody = (OPEN, OPEN)
    assert look(started - timedelta(days=1)) == {"KE": nobody, "MG": nobody, "MU": nobody}
    assert look(started + timedelta(days=1)) == {"KE": (YES, OPEN), "MG": nobody, "MU": (YES, OPEN)}
    assert look(changed + timedelta(days=1)) == {"KE": (YES, OPEN), "MG": nobody, "MU": (YES, NO)}


@pytest.fixture
def tocsin(tmp_path: Path) -> Tocsin:
    made = Tocsin(tmp_path / "home", {})
    (tmp_path / "teams.toml").write_text(TEAMS)
    made.run("directory", "import", tmp_path / "teams.toml")
    return made


def test_the_command_shows_counts_reasons_and_evidence(tocsin: Tocsin, tmp_path: Path) -> None:
    found = tocsin.json("directory", "cirts")
    assert found["counts"]["all"]["structure"] == {"yes": 2, "no": 0, "not computable": 191}
    assert found["counts"]["all"]["cooperating"] == {"yes": 0, "no": 0, "not computable": 193}
    assert found["counts"]["sids"]["cooperating"]["yes"] == 0, "a membership shows no use"
    (one,) = [one for one in found["cirts"] if one["code"] == "MU"]
    assert [link["reach"] for link in one["links"]] == ["international", "regional"]
    assert {link["last_used"] for link in one["links"]} == {None}
    assert "mu-cert: FIRST, member" in tocsin.run("directory", "cirts", "--country", "mu")
    rows = list(csv.DictReader(io.StringIO(tocsin.run("directory", "cirts", "--format", "csv"))))
    assert len(rows) == 193
    assert sum("by membership" in row["cooperating_reason"] for row in rows) == 1

    (tmp_path / "two.csv").write_text(HEAD + "code,no_cirt_as_of,no_cirt_source\nMU,,\nMG,2026-01-01,A survey\n")
    few = tocsin.json("directory", "cirts", "--states", tmp_path / "two.csv")
    assert [(row["code"], row["structure"]["answer"]) for row in few["cirts"]] == [("MU", "yes"), ("MG", "no")]
    (tocsin.home / "two.csv").write_text(HEAD + "code\nMU\n")
    (tocsin.home / "tocsin.toml").write_text('[directory]\nstates = "two.csv"\n')
    assert tocsin.json("directory", "cirts")["states"]["number"] == 1


def test_maps_are_pictures_with_words_and_pages_with_tables(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "delegated-afrinic-extended").write_text(
        "2|afrinic|20260101|1|19900101|20260101|+0000\nafrinic|MU|asn|64500|3|20100101|allocated|a\n"
    )
    tocsin.run("directory", "import-delegations", tmp_path / "delegated-afrinic-extended")
    for command, words in (("cirts", "2 of 193 states have"), ("coverage", "0 of 3 AS numbers have")):
        tocsin.run("directory", command, "--format", "map", "--out", tmp_path / "map.svg")
        picture = ET.parse(tmp_path / "map.svg").getroot()  # noqa: S314 (our own file)
        space = {"s": "http://www.w3.org/2000/svg"}
        assert words in str(picture.findtext("s:title", "", space))
        assert picture.findtext("s:desc", "", space)
        assert any(words in "".join(text.itertext()) for text in picture.iterfind("s:text", space))
        assert "url(http" not in (tmp_path / "map.svg").read_text()
        tocsin.run("directory", command, "--format", "map", "--out", tmp_path / "map.html")
        assert words in (tmp_path / "map.html").read_text()
    assert "MUS: 0.0" in (tmp_path / "map.svg").read_text()
    assert tocsin.call("directory", "cirts", "--format", "map")[0] == 2
    assert tocsin.call("directory", "coverage", "--country", "XQ")[0] == 2
    assert tocsin.call("directory", "cirts", "--as-of", "2999-01-01")[0] == 2
    assert "Write it as YYYY-MM-DD" in tocsin.call("directory", "cirts", "--as-of", "soon")[2]
