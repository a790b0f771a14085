"""An operator sees the problems of the own networks only, says what became of them, and corrects what is known."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import select, update

from support.console_users import Browser, browser_of
from support.world import START, World, copy_world
from tocsin.directory import Team, read_directory
from tocsin.node.accounts import AccountRole
from tocsin.node.letters import Letter
from tocsin.problems.answers import Answer
from tocsin.server.server import make_application

ONE, TWO, FOREIGN = "192.0.2.1", "192.0.2.2", "192.0.2.130"
_BOX = re.compile(r'name="problem" value="([0-9a-f]{16})"[^>]*>.*?<code dir="ltr">([^<]+)<', re.DOTALL)
_MADE = re.compile(r'name="made" value="([^"]+)"')


@pytest.fixture(scope="module")
def told(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that told the operator of two problems and the sector of one."""
    world = copy_world(fresh, tmp_path_factory.mktemp("portal"))
    world.hear(ONE, TWO, FOREIGN)
    world.tell()
    return world.folder


@pytest.fixture
def world(told: Path, tmp_path: Path) -> World:
    return copy_world(told, tmp_path)


@pytest.fixture
def operator(world: World) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: world.now)
    team = team_of(world, "operator")
    with browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=(team.id,)) as browser:
        yield browser


def team_of(world: World, key: str) -> Team:
    return next(team for team in read_directory(world.node.database).teams if team.key == key)


def problems(text: str) -> dict[str, str]:
    return {where: key for key, where in _BOX.findall(text)}


def made(text: str) -> str:
    found = _MADE.search(text)
    assert found
    return found[1]


def seen(text: str) -> str:
    return str(re.findall(r'name="seen" value="(\d+)"', text)[0])


def test_a_large_sheet_that_another_is_made_for_says_of_when_it_is(
    world: World, operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.server.pages.portal.context._MANY", 0)
    assert set(problems(operator.get("/portal").text)) == {ONE, TWO}
    world.hear("192.0.2.3")
    world.tell()
    assert "192.0.2.3" in problems(operator.get("/portal").text)  # all is loaded: from now on it takes its time
    seen_at = world.now
    world.now += timedelta(seconds=30)
    assert "As of (UTC)" not in operator.get("/portal").text  # nothing came: it is of now
    world.hear("192.0.2.4")
    world.tell()
    page = operator.get("/portal").text
    assert "192.0.2.4" not in problems(page)
    assert f'As of (UTC) <time datetime="{seen_at.isoformat()}" dir="ltr">{seen_at:%H:%M:%S}</time>' in page


def test_only_the_own_problems_are_shown_and_they_are_answered(world: World, operator: Browser) -> None:
    page = operator.get("/portal").text
    assert "Open problems: 2" in page
    assert set(problems(page)) == {ONE, TWO}
    assert FOREIGN not in page
    fields = {"made": made(page), "problem": problems(page)[ONE], "verdict": "fixed", "note": "patched"}
    answered = operator.send("/portal", **fields)
    assert operator.send("/portal", **fields).status_code == 303
    after = operator.get(answered.headers["location"]).text
    assert "Open problems: 1" in after
    assert set(problems(after)) == {TWO}
    assert "1 problem at 1 address: Fixed. We stop reminding you." in after
    assert re.search(r'class="state-busy" dir="auto">Fixed</span> since', operator.get("/portal?state=answered").text)
    with world.node.database.begin() as session:
        (noted,) = session.scalars(select(Answer))
    assert (noted.verdict, noted.problems, noted.note) == ("fixed", [problems(page)[ONE]], "patched")
    assert noted.said_by.startswith("person:")
    (entry,) = world.tocsin.json("audit", "list", "--word", "answer.recorded")
    assert entry["actor"] == noted.said_by


def test_the_second_of_two_tabs_is_told_that_it_was_answered(world: World, operator: Browser) -> None:
    pages = [operator.get("/portal").text for _ in range(2)]
    chosen = [problems(pages[0])[ONE], problems(pages[0])[TWO]]
    tabs = [{"made": made(page), "seen": seen(page), "note": "typed"} for page in pages]
    for _ in range(2):  # pressed twice is no second writer
        assert operator.send("/portal", **tabs[0], problem=chosen[0], verdict="fixed").status_code == 303
    told = operator.send("/portal", **tabs[1], problem=chosen, verdict="not_ours")
    assert told.status_code == 422
    assert "answered or changed meanwhile" in told.text
    assert "typed</textarea>" in told.text
    with world.node.database.reading() as session:
        assert [answer.verdict for answer in session.scalars(select(Answer))] == ["fixed"]
    assert operator.send("/portal", **tabs[1], problem=chosen[1], verdict="fixed").status_code == 303  # nobody else did
    last = operator.get("/portal?state=all").text
    corrected = {"made": made(last), "seen": seen(last), "problem": chosen[0], "verdict": "not_ours"}
    assert operator.send("/portal", **corrected).status_code == 303


def test_a_problem_seen_again_after_it_was_fixed_is_open_again(world: World, operator: Browser) -> None:
    page = operator.get("/portal").text
    operator.send("/portal", made=made(page), problem=problems(page)[ONE], verdict="fixed")
    world.at(0.4).hear(ONE)
    page = operator.get("/portal").text
    assert set(problems(page)) == {ONE, TWO}
    assert "Seen again after “Fixed”" in page


def test_a_foreign_problem_or_team_is_not_there(world: World, operator: Browser) -> None:
    foreign = team_of(world, "sector")
    page = operator.get("/portal").text
    assert operator.get("/portal?team=sector").status_code == operator.get("/portal?team=none").status_code == 404
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=(foreign.id,)) as sector:
        theirs = problems(sector.get("/portal").text)[FOREIGN]
    refused = operator.send("/portal", made=made(page), problem=theirs, verdict="fixed")
    assert refused.status_code == 422
    with world.node.database.begin() as session:
        assert session.scalars(select(Answer)).all() == []


def test_what_is_missing_is_said_and_what_was_typed_is_kept(operator: Browser) -> None:
    page = operator.get("/portal").text
    wrong = operator.send("/portal", made=made(page), note="halfway")
    assert wrong.status_code == 422
    assert "Select at least one problem." in wrong.text
    assert ">halfway</textarea>" in wrong.text
    forged = operator.send("/portal", made="forged", problem=problems(page)[ONE], verdict="fixed", note="long ago")
    assert forged.status_code == 422
    assert "The page was open for too long." in forged.text
    assert ">long ago</textarea>" in forged.text


def test_contacts_ranges_and_wishes_are_corrected(world: World, operator: Browser) -> None:
    at = "/portal/contacts"
    last = operator.send(f"{at}/deny", kind="mailbox", value="abuse@operator.example")
    assert "This is the last email address of the team." in last.text
    assert operator.send(f"{at}/mailbox", mailbox="noc@operator.example").status_code == 303
    assert operator.send(f"{at}/deny", kind="prefix", value="192.0.2.0/24").status_code == 303
    assert operator.send(f"{at}/how", interval="weekly", format="jsonl", mail_language="fr").status_code == 303
    assert operator.send(f"{at}/mute", kind="type", what="scanner", for_days="30", reason="test").status_code == 303
    team = team_of(world, "operator")
    assert "noc@operator.example" in team.mailboxes
    assert (team.interval, [form.value for form in team.formats], team.language) == ("weekly", ["jsonl"], "fr")
    assert [mute.until for mute in team.mutes] == [START + timedelta(days=30)]
    with world.node.database.begin() as session:
        letters = list(session.scalars(select(Letter).where(Letter.kind == "mailbox-added")))
    assert [letter.mailbox for letter in letters] == ["abuse@operator.example"]
    page = operator.get(at).text
    assert "No networks, AS numbers or domains" in page
    assert operator.send(f"{at}/undo", kind="prefix", value="192.0.2.0/24").status_code == 303
    assert operator.send(f"{at}/unmute", kind="type", value="scanner").status_code == 303
    assert team_of(world, "operator").mutes == ()
    assert operator.send(f"{at}/mailbox", mailbox="no mailbox").status_code == 422


def test_a_claim_waits_for_proof(world: World, operator: Browser) -> None:
    at = "/portal/contacts"
    assert operator.send(f"{at}/claim", value="8.8.8.0/24", at="abuse@operator.example").status_code == 303
    page = operator.get(at).text
    assert "8.8.8.0/24" in page
    assert "TXT record" in page
    (entry,) = world.tocsin.json("audit", "list", "--word", "claim.made")
    assert entry["actor"].startswith("person:")
    assert operator.send(f"{at}/claim", value="8.8.8.0/24", at="else@where.example").status_code == 422
    assert operator.send(f"{at}/code", claim="77", code="x").status_code == 422


def test_who_claims_back_what_was_given_up_is_led_to_undo(world: World, operator: Browser) -> None:
    at = "/portal/contacts"
    (world.folder / "as.csv").write_text("team,kind,value,role\noperator,asn,64496,responsible\n")
    world.tocsin.run("directory", "import", world.folder / "as.csv")
    assert operator.send(f"{at}/deny", kind="asn", value="64496").status_code == 303
    page = operator.send(f"{at}/claim", value="AS64496", at="abuse@operator.example")
    assert page.status_code == 422
    assert "You removed AS64496. Press Undo beside it" in page.text
    assert '<code dir="ltr">AS64496</code>' in page.text.partition("Removed by you:")[2]


def test_an_identifier_that_would_mute_nothing_is_refused_with_the_nearest(world: World, operator: Browser) -> None:
    at, shared = "/portal/contacts/mute", {"kind": "identifier", "for_days": "30", "reason": ""}
    wrong = operator.send(at, what="open-rpd", **shared)
    assert wrong.status_code == 422
    assert "No event has the identifier" in wrong.text
    assert "open-rdp" in wrong.text
    assert operator.send(at, what="Open-RDP", **shared).status_code == 303
    assert [mute.value for mute in team_of(world, "operator").mutes] == ["open-rdp"]


def test_all_that_match_are_answered_at_once_and_others_stay_open(operator: Browser) -> None:
    page = operator.get("/portal?find=192.0.2.2").text
    assert "1 match<" in page
    fields = {"made": made(page), "verdict": "acknowledged", "note": ""}
    done = operator.send("/portal?find=192.0.2.2", every="found", **fields)
    assert done.status_code == 303
    assert "find=192.0.2.2" in done.headers["location"]
    assert set(problems(operator.get("/portal").text)) == {ONE}


@pytest.mark.parametrize("every", ["page", "found", "remote"])
def test_all_on_a_page_or_of_a_kind_are_answered_at_once(operator: Browser, every: str) -> None:
    page = operator.get("/portal").text
    assert "Select all 2 problems on this page" in page
    topic = re.search(r'id="topic-([a-z-]+)"', page)
    assert topic
    chosen = topic[1] if every == "remote" else every
    shown = " ".join(problems(page).values())
    fields = {"made": made(page), "verdict": "acknowledged", "every": chosen, "shown": shown}
    assert operator.send("/portal", **fields).status_code == 303
    assert not problems(operator.get("/portal").text)


def test_the_list_takes_a_network_and_says_how_bad_since_when_and_until_when(operator: Browser) -> None:
    assert set(problems(operator.get("/portal?find=192.0.2.2/31").text)) == {TWO}
    assert set(problems(operator.get("/portal?find=192.0.2.0/30&sort=due").text)) == {ONE, TWO}
    page = operator.get("/portal").text
    assert re.search(r'<td class="what">open-rdp</td>\s*<td class="rank">medium</td>', page)
    due = re.search(r'data-label="Due"><time datetime="([^"]+)"', page)
    assert due
    assert START < datetime.fromisoformat(due[1]) <= START + timedelta(days=30)


def test_the_page_of_a_team_counts_problems_and_not_mails(operator: Browser) -> None:
    page = operator.get("/portal").text
    fields = {"made": made(page), "problem": problems(page)[ONE], "verdict": "fixed", "note": ""}
    assert operator.send("/portal", **fields).status_code == 303
    told = operator.get("/teams/operator/told").text
    assert "1 of 2 problems answered" in told
    assert "within 0 hours" not in told


def test_what_was_reported_after_the_page_was_opened_is_not_answered_with_it(world: World, operator: Browser) -> None:
    page = operator.get("/portal").text
    world.now += timedelta(minutes=5)
    world.hear("192.0.2.3")
    world.tell()
    assert set(problems(operator.get("/portal").text)) == {ONE, TWO, "192.0.2.3"}
    assert operator.send("/portal", made=made(page), verdict="false", every="found").status_code == 303
    assert set(problems(operator.get("/portal").text)) == {"192.0.2.3"}


def test_a_status_is_undone_within_a_minute_by_whoever_set_it(world: World, operator: Browser) -> None:
    page = operator.get("/portal").text
    sent = operator.send("/portal?port=3389", made=made(page), verdict="fixed", every="found").headers["location"]
    done = operator.get(sent).text
    assert "2 problems at 2 addresses: Fixed." in done
    undo = unescape(re.findall(r'action="(/portal/undo/[^"]+)"', done)[0])
    assert "port=3389" in undo
    with world.node.database.begin() as session:
        own = session.scalars(select(Answer.said_by)).one()
        session.execute(update(Answer).values(said_by="person:999"))
    assert operator.send(undo).status_code == 404
    assert "/portal/undo/" not in operator.get(sent).text
    with world.node.database.begin() as session:
        session.execute(update(Answer).values(said_by=own))
    undone = operator.get(operator.send(undo).headers["location"]).text
    assert "Undone: 2 problems at 2 addresses: Fixed." in undone
    assert set(problems(undone)) == {ONE, TWO}
    entries = world.tocsin.json("audit", "list", "--word", "answer.withdrawn")
    assert [entry["actor"].partition(":")[0] for entry in entries] == ["person"]
    assert "This was undone before." in operator.send(undo).text


def test_another_status_meanwhile_cannot_be_undone_away(world: World, operator: Browser) -> None:
    page = operator.get("/portal").text
    sent = operator.send("/portal", made=made(page), verdict="fixed", every="found").headers["location"]
    undo = unescape(re.findall(r'action="(/portal/undo/[^"]+)"', operator.get(sent).text)[0])
    page = operator.get("/portal?state=answered").text
    assert operator.send("/portal", made=made(page), problem=problems(page)[ONE], verdict="false").status_code == 303
    refused = operator.send(undo)
    assert refused.status_code == 422
    assert "Another status was set since." in refused.text
    assert "False positive" in operator.get("/portal?state=answered&find=192.0.2.1").text
    with world.node.database.reading() as session:
        assert [answer.verdict for answer in session.scalars(select(Answer))] == ["fixed", "false"]


def test_the_list_is_filtered_by_port_as_severity_and_date(world: World, operator: Browser) -> None:
    def found(query: str) -> set[str]:
        return set(problems(operator.get(f"/portal?{query}").text))

    assert found("port=3389") == found("severity=medium") == {ONE, TWO}
    assert found("port=23") == found("severity=high") == found("find=AS4294967294") == found("state=overdue") == set()
    world.now += timedelta(days=60)
    application = make_application(world.node, clock=lambda: world.now)
    teams = (team_of(world, "operator").id,)
    with browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=teams) as later:
        page = later.get("/portal?state=overdue&sort=address").text
    assert set(problems(page)) == {ONE, TWO}
    assert "Open problems: 2, overdue: 2" in page
    assert page.count(">Overdue</span>") == 2


def test_what_is_removed_is_named_before_and_undone_after(world: World, operator: Browser) -> None:
    (world.folder / "as.csv").write_text("team,kind,value,role\noperator,asn,64496,responsible\n")
    world.tocsin.run("directory", "import", world.folder / "as.csv")
    page = operator.get("/portal/contacts").text
    remove = {unescape(path) for path in re.findall(r'href="(/portal/contacts/deny[^"]+)"', page)}
    asked = {path.rpartition("value=")[2]: operator.get(path).text for path in remove}
    assert set(asked) == {"abuse%40operator.example", "192.0.2.0/24", "64496"}
    assert '<h1 id="title">Remove 192.0.2.0/24</h1>' in asked["192.0.2.0/24"]
    assert "2 open problems are in it." in asked["192.0.2.0/24"]
    assert "Remove AS64496" in asked["64496"]
    assert "No open problem is in it." in asked["64496"]
    assert "no longer go to this email address" in asked["abuse%40operator.example"]
    assert operator.get("/portal/contacts/deny?kind=prefix&value=192.0.2.128/25").status_code == 404

    removed = operator.send("/portal/contacts/deny?team=operator", kind="prefix", value="192.0.2.0/24")
    after = operator.get(removed.headers["location"]).text
    assert "It was removed." in after
    undo = unescape(re.findall(r'action="(/portal/contacts/undo[^"]+)"', after.partition("<h2")[0])[0])
    assert operator.send(undo).status_code == 303
    assert "value=192.0.2.0/24" in operator.get("/portal/contacts").text


def test_what_is_muted_is_chosen_from_what_was_seen(operator: Browser) -> None:
    assert re.search(r'<datalist id="seen"><option value="open-rdp"></datalist>', operator.get("/portal/contacts").text)
