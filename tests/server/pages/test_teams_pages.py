"""Teams on pages: found, shown as they stand, changed by words that no import overrules, each act on record."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from support.console_users import Browser, browser_of
from support.mail_keys import gnupg
from support.world import World, copy_world, link_of, send, text_of
from tocsin.directory import TeamSearch, count_teams, read_team, search_teams
from tocsin.node.accounts import AccountRole
from tocsin.node.records import AuditEntry
from tocsin.server.server import make_application

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def world(furnished: Path, tmp_path: Path) -> World:
    return copy_world(furnished, tmp_path)


@contextmanager
def visiting(
    world: World, role: AccountRole = AccountRole.MANAGER, *, teams: tuple[int, ...] = ()
) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: NOW)
    with browser_of(application, world.node, role, now=NOW, teams=teams) as browser:
        yield browser


def audited(world: World, word: str) -> list[AuditEntry]:
    with world.node.database.begin() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.word == word)))


def rules_of(world: World, key: str) -> dict[str, str]:
    return {rule.value: rule.source for rule in read_team(world.node.database, key)[1]}


def test_teams_are_found_by_what_is_typed_a_page_at_a_time(world: World) -> None:
    rows = [f"t{number:03},Team {number},MU,operator" for number in range(120)]
    path = world.folder / "many.csv"
    path.write_text("\n".join(["key,name,country,kind", *rows]))
    world.tocsin.run("directory", "import", path)
    with visiting(world) as browser:
        found = {
            query: re.findall(r'<th scope="row"><a href="/teams/([^"]+)"', browser.get(f"/teams?{query}").text)
            for query in ("q=bank", "q=AS64501", "q=198.51.100.0/24", "country=KE&kind=national", "q=100%25")
        }
        seen, path_to = [], "/teams?country=MU&kind=operator"
        while path_to:
            page = browser.get(path_to)
            seen += re.findall(r'<th scope="row"><a href="/teams/([^"]+)"', page.text)
            later = re.search(r'rel="next" href="([^"]+)"', page.text)
            path_to = later[1].replace("&amp;", "&") if later else ""
        link = re.search(r'href="([^"]+format=csv)"', page.text)
        assert link
        whole = list(csv.DictReader(io.StringIO(browser.get(link[1].replace("&amp;", "&")).text)))
        assert [one["key"] for one in whole] == seen
    assert found == {
        "q=bank": ["sector"], "q=AS64501": ["isp-two"], "q=198.51.100.0/24": ["isp-two"],
        "country=KE&kind=national": ["nat-ke"], "q=100%25": [],
    }  # fmt: skip
    assert seen == ["isp-two", *(f"t{number:03}" for number in range(120))]


def test_a_search_finds_what_is_there_however_it_is_written(world: World) -> None:
    with world.node.database.reading() as session:
        assert [team.key for team in search_teams(session, TeamSearch(text="RIVAL"))] == ["rival", "rival-net"]
        assert search_teams(session, TeamSearch(text="%")) == []
        assert [team.key for team in search_teams(session, TeamSearch(only=[1, 2]), limit=1)] == ["nat-a"]
        assert count_teams(session, TeamSearch(text="rival")) == 2
        assert count_teams(session, TeamSearch()) == 10
    world.tocsin.run("directory", "merge", "rival", "rival-net", "--said-by", "Ana", "--reason", "one")
    with world.node.database.reading() as session:
        assert [team.key for team in search_teams(session, TeamSearch(text="rival"))] == ["rival"]
        assert count_teams(session, TeamSearch()) == 9


def test_a_team_says_how_it_stands_and_who_says_what(world: World) -> None:
    with visiting(world) as browser:
        text = text_of(browser.get("/teams/isp-two"))
        assert "Second Operator Contact unverified" in text
        assert "noc@two.example general not stated unverified" in text
        assert "registry 2026-11-01" in text
        assert "AS64501 responsible registry 2026-11-01 70%" in text
        assert browser.get("/teams/no-such-team").status_code == 404
        uuid = str(read_team(world.node.database, "isp-two")[0].uuid)
        assert browser.get(f"/teams/{uuid}").headers["location"] == "/teams/isp-two"
        assert "198.51.100.0/24" not in text_of(browser.get("/teams/isp-two?find=6450"))
        assert "2. Contact" in browser.get("/teams/isp-two/profile.txt").text
    assert [entry.subject for entry in audited(world, "personal.read")] == [f"team:{uuid}"]


def test_what_a_team_was_told_and_how_fast_it_answers(world: World) -> None:
    world.now = NOW
    world.hear("192.0.2.1", "192.0.2.2")
    world.tell()
    with visiting(world) as browser:
        text, about = (text_of(browser.get(f"/teams/operator{tab}")) for tab in ("/told", ""))
    assert "Example Operator 0 of 2 problems answered" in text
    assert "More than half of its problems are not answered yet" in text
    assert "2 open problems" in about
    assert "192.0.2.2 3389/tcp open-rdp notified, no response" in about


def test_an_answer_counts_in_how_fast_a_team_answers(world: World) -> None:
    world.hear("192.0.2.1")
    mail = world.tell()["abuse@operator.example"]
    with world.open:
        client = world.at(0.25).client(public=True)
        send(client, link_of(mail), "acknowledged")
        with visiting(world) as browser:
            text = text_of(browser.get("/teams/operator/told"))
    assert "Example Operator 1 of 1 problem answered" in text
    assert "Half of its problems were answered within 6 hours" in text


def test_a_word_on_a_page_is_a_word_of_the_directory(world: World) -> None:
    with visiting(world) as browser:
        denied = browser.send("/teams/rival/say", act="deny", kind="prefix", value="192.0.2.0/24", reason="moved away")
        assert denied.headers["location"] == "/teams/rival?done=said"
        assert "192.0.2.0/24" not in rules_of(world, "rival")
        assert "moved away" in text_of(browser.get("/teams/rival"))
        browser.send("/teams/rival/say", act="withdraw", kind="prefix", value="192.0.2.0/24")
        assert rules_of(world, "rival")["192.0.2.0/24"] == "registry"
        fields = {"kind": "domain", "value": "Shop.Example.org", "reason": "they wrote", "role": "informed"}
        browser.send("/teams/rival/say", act="assert", **fields)
        assert rules_of(world, "rival")["shop.example.org"] == "person:Manager"
        history = text_of(browser.get("/teams/rival/history"))
    assert "not theirs network 192.0.2.0/24 Rival Network Ltd entered by Manager" in history
    (made,) = audited(world, "assertion.made")
    assert made.actor.startswith("person:")
    assert "they wrote" not in str(made.detail)


WRONG = [
    ({"act": "assert", "kind": "prefix", "value": "192.0.2.1/24", "reason": "x"}, "did you mean 192.0.2.0/24?"),
    ({"act": "assert", "kind": "prefix", "value": "192.0.2.0/24", "reason": ""}, "Give a reason"),
    ({"act": "assert", "kind": "moon", "value": "x", "reason": "x"}, "none of prefix"),
    ({"act": "", "kind": "asn", "value": "1", "reason": "x"}, "Choose an action"),
    ({"act": "assert", "kind": "domain", "value": "100%s.%(n)s", "reason": "x"}, "domain '100%s.%(n)s'"),
    ({"act": "withdraw", "kind": "asn", "value": "64999"}, "said nothing of rival and asn 64999"),
    ({"act": "assert", "kind": "asn", "value": "1", "reason": "x", "confidence": "200"}, "from 0 to 100"),
]


def test_what_cannot_be_said_says_why_and_keeps_what_was_typed(world: World) -> None:
    before = rules_of(world, "rival")
    with visiting(world) as browser:
        for fields, wrong in WRONG:
            page = browser.send("/teams/rival/say", **fields)
            assert page.status_code == 422, fields
            assert wrong in text_of(page)
            assert f'value="{fields["value"]}"' in page.text
    assert rules_of(world, "rival") == before


def test_preferences_mutes_and_a_new_team(world: World) -> None:
    tomorrow = (NOW + timedelta(days=2)).date().isoformat()
    with visiting(world, AccountRole.ANALYST) as browser:
        sent = {"interval": "weekly", "ceiling": "GREEN", "language": "fr", "encrypt": "yes"}
        browser.send("/teams/operator/preferences", formats=["csv", "xarf"], **sent)
        browser.send("/teams/operator/mutes", mute_kind="prefix", mute_value="192.0.2.0/25", until=tomorrow)
        team, _ = read_team(world.node.database, "operator")
        assert (team.interval, team.ceiling, team.language, team.encrypt) == ("weekly", "GREEN", "fr", True)
        assert team.formats == ("csv", "xarf")
        assert [mute.value for mute in team.mutes] == ["192.0.2.0/25"]
        browser.send("/teams/operator/mutes", mute_kind="prefix", mute_value="192.0.2.0/25", end="yes")
        assert read_team(world.node.database, "operator")[0].mutes == ()

        new = {"key": "new-isp", "name": "New ISP", "kind": "operator", "country": "MU", "mailboxes": "noc@new.example"}
        assert browser.send("/teams/new", **new).headers["location"] == "/teams/new-isp"
        assert read_team(world.node.database, "new-isp")[0].mailboxes == ("noc@new.example",)
        again = browser.send("/teams/new", **new)
        assert (again.status_code, "already" in again.text) == (422, True)
        wrong = browser.send("/teams/new", **new | {"key": "x", "timezone": "Mars/Base"})
        assert (wrong.status_code, 'value="New ISP"' in wrong.text) == (422, True)


def test_details_are_edited_all_or_none_and_another_persons_change_beside_them_stays(world: World) -> None:
    def names() -> tuple[str, str, str, str, str]:
        team, _ = read_team(world.node.database, "rival")
        return team.name, team.organisation, team.kind, team.country, team.timezone

    before = names()
    shown = {"name": before[0], "organisation": before[1], "team_kind": before[2], "country": before[3]}
    shown |= {"timezone": before[4]}
    form = shown | {f"was_{name}": value for name, value in shown.items()}
    with visiting(world, AccountRole.ANALYST) as browser:
        wrong = browser.send("/teams/rival/details", **form | {"name": "Rival Ltd", "timezone": "Mars/Base"})
        assert (wrong.status_code, 'value="Rival Ltd"' in wrong.text) == (422, True)
        assert names() == before
        sent = browser.send("/teams/rival/details", **form | {"name": "Rival Ltd", "country": ""})
        assert sent.headers["location"] == "/teams/rival?done=said"
        browser.send("/teams/rival/details", **form | {"team_kind": "abuse"})  # by who has the old page still
        assert names() == ("Rival Ltd", before[1], "abuse", "", before[4])
        assert browser.send("/teams/rival/details", **form | {"name": "  "}).status_code == 422
    world.tocsin.run("directory", "edit", "rival", "--name", "Rival Plc", "--said-by", "Ana")
    assert names()[0] == "Rival Plc"
    assert [entry.detail["field"] for entry in audited(world, "team.set")] == ["name", "country", "kind", "name"]


def test_nothing_is_routed_to_an_archived_team_until_it_is_restored(world: World) -> None:
    claimed = rules_of(world, "isp-two")
    assert "198.51.100.0/24" in claimed
    with visiting(world, AccountRole.ANALYST) as browser:
        assert browser.send("/teams/isp-two/archive", archive_reason="").status_code == 422
        browser.send("/teams/isp-two/archive", archive_reason="closed down")
        assert rules_of(world, "isp-two") == {}
        page = text_of(browser.get("/teams/isp-two"))
        assert f"Archived since {NOW.date()}: not notified" in page
        assert "Analyst archived the team" in page
        assert "Second Operator archived" in text_of(browser.get("/teams"))
        assert browser.send("/teams/isp-two/archive", archive_reason="twice").status_code == 422
        assert browser.send("/teams/isp-two/verify").headers["location"] == "/teams/isp-two?done=nobody"
        world.tell()  # the code of a claim, asked for before
        world.hear("198.51.100.7")
        assert "noc@two.example" not in world.tell()
        browser.send("/teams/isp-two/restore")
        assert browser.send("/teams/isp-two/restore").status_code == 422
    assert rules_of(world, "isp-two") == claimed
    assert [entry.detail["values"] for entry in audited(world, "team.set")] == [1, 0]


def test_a_new_team_begins_with_the_network_that_has_no_contact(world: World) -> None:
    with visiting(world, AccountRole.ANALYST) as browser:
        assert ">AS64999</textarea>" in browser.get("/teams/new?value=AS64999").text.replace("\n", "")
        new = {"name": "Ünder Net, Ltd.", "networks": "AS64999\n203.0.113.0/24 under.example"}
        assert browser.send("/teams/new", **new).headers["location"] == "/teams/under-net-ltd"
    assert rules_of(world, "under-net-ltd").keys() == {"64999", "203.0.113.0/24", "under.example"}


def test_a_key_comes_by_file_or_pasted_and_no_larger_than_keys_are(world: World) -> None:
    with gnupg() as keyring, visiting(world) as browser:
        fingerprint = keyring.make("noc@two.example")
        public = keyring.public(fingerprint)
        sent = browser.client.post(
            "/teams/isp-two/keys", data={"csrf": browser.csrf}, files={"file": ("k.asc", public)}
        )
        assert sent.headers["location"] == "/teams/isp-two?done=key"
        assert " ".join(re.findall("....", fingerprint.upper())) in text_of(browser.get("/teams/isp-two"))
        too_large = browser.client.post(
            "/teams/isp-two/keys", data={"csrf": browser.csrf}, files={"file": ("k.asc", b"x" * 1_000_001)}
        )
        assert (too_large.status_code, "at most 1 MB" in too_large.text) == (422, True)
        assert browser.send("/teams/isp-two/keys", pasted="no key").status_code == 422


def test_a_team_is_asked_to_confirm(world: World) -> None:
    with visiting(world) as browser:
        assert browser.send("/teams/isp-two/verify").headers["location"] == "/teams/isp-two?done=asked"
        assert browser.send("/teams/isp-two/verify").headers["location"] == "/teams/isp-two?done=nobody"
    assert len(audited(world, "contact.asked")) == 2


def test_operators_see_their_own_team_without_what_is_internal_and_change_nothing_here(world: World) -> None:
    number = read_team(world.node.database, "operator")[0].id
    world.tocsin.run("directory", "deny", "operator", "asn", "64501", "--said-by", "Secret Name", "--reason", "hush")
    with visiting(world, AccountRole.OPERATOR, teams=(number,)) as browser:
        own, foreign, missing = (browser.get(f"/teams/{key}") for key in ("operator", "rival", "no-such"))
        listed = re.findall(r'<th scope="row"><a href="/teams/([^"]+)"', browser.get("/teams").text)
        hidden = [browser.get(f"/teams/operator/{page}").status_code for page in ("history", "profile", "change")]
        others = [browser.get(path).status_code for path in ("/conflicts", "/merges", "/claims", "/coverage")]
        fields = {"act": "assert", "kind": "asn", "value": "64500", "reason": "mine"}
        said = browser.send("/teams/operator/say", **fields)
    assert own.status_code == 200
    assert "Secret Name" not in own.text
    assert listed == ["operator"]
    assert foreign.status_code == missing.status_code == 404
    assert foreign.text.replace("rival", "X") == missing.text.replace("no-such", "X")
    assert [*hidden, *others, said.status_code] == [404] * 8
    assert "64500" not in rules_of(world, "operator")


def test_auditors_read_and_change_nothing(world: World) -> None:
    with visiting(world, AccountRole.AUDITOR) as browser:
        assert browser.get("/teams/rival/history").status_code == 200
        assert "/change" not in browser.get("/teams/rival").text
        fields = {"act": "deny", "kind": "prefix", "value": "192.0.2.0/24", "reason": "x"}
        assert browser.send("/teams/rival/say", **fields).status_code == 404
    assert "192.0.2.0/24" in rules_of(world, "rival")


def test_what_a_page_shows_cannot_become_markup(world: World) -> None:
    evil = "<script>alert(1)</script>\"'"
    with visiting(world) as browser:
        browser.send("/teams/rival/say", act="deny", kind="asn", value="64500", reason=evil)
        browser.send("/teams/new", key="evil", name=evil)
        for path in ("/teams/rival", "/teams/rival/history", "/teams", "/teams/evil", "/lookup?q=AS64500"):
            page = browser.get(path).text
            assert "<script>alert" not in page


def test_a_very_long_name_is_cut_and_whole_behind_it(world: World) -> None:
    name = "Harbour " * 25 + "Telecom"
    (world.folder / "long.toml").write_text(
        f'[[team]]\nkey = "long"\nname = "{name}"\nmailboxes = ["a@long.example"]\n'
    )
    world.tocsin.run("directory", "import", world.folder / "long.toml")
    with visiting(world) as browser:
        for path in ("/teams/long", "/teams/long/change", "/teams/long/told"):
            page = browser.get(path).text
            title = re.search(r'<h1 id="title" title="([^"]+)">([^<]+)</h1>', page)
            assert title
            assert title[1] == name
            assert len(title[2]) < 120
            assert all(len(said) < 80 for said in re.findall(r"<button>([^<]+)</button>", page))
