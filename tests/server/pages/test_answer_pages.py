"""A team answers without an account: only the deliberate act counts, and a stranger learns nothing."""

import datetime as dt
import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from support.console_users import browser_of
from support.world import URL, World, boxes, copy_world, link_of, send, text_of
from tocsin.delivery import Delivery
from tocsin.directory import read_directory
from tocsin.events.models import FeedRecord
from tocsin.node.accounts import AccountRole
from tocsin.node.records.audit import AuditEntry
from tocsin.node.tokens import open_tokens
from tocsin.problems.answers import Answer, links
from tocsin.server.server import make_application

OPERATOR = "abuse@operator.example"
SECTOR = "cert@banks.example"
_HIDDEN = ("made", "seen")
ONE, TWO, THREE = "192.0.2.1", "192.0.2.2", "192.0.2.3"


@pytest.fixture(scope="module")
def after_telling(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A node that told the operator of three problems and the sector of one, and the operator's link."""
    world = copy_world(fresh, tmp_path_factory.mktemp("told"))
    world.hear(ONE, TWO, THREE, "192.0.2.130")
    return world.folder, link_of(world.tell()[OPERATOR])


@pytest.fixture
def world(request: pytest.FixtureRequest, fresh: Path, tmp_path: Path) -> Iterator[World]:
    """A node of the test's own; it has told where the test asks for the link."""
    telling = "told" in request.fixturenames
    made = copy_world(request.getfixturevalue("after_telling")[0] if telling else fresh, tmp_path)
    with made.open:
        yield made


@pytest.fixture
def told(after_telling: tuple[Path, str]) -> str:
    """The link of the operator."""
    return after_telling[1]


def answers(world: World) -> list[Answer]:
    with world.node.database.begin() as session:
        return list(session.scalars(select(Answer).order_by(Answer.id)))


def test_a_scanner_that_fetches_every_link_answers_nothing(world: World) -> None:
    world.hear(ONE, "192.0.2.130")
    client = world.client()
    for mail in world.tell().values():
        for _ in range(2):
            assert client.head(link_of(mail)).status_code == 200
            page = client.get(link_of(mail))
            assert page.status_code == 200
            assert "Open problems:" in page.text
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            assert client.request(method, link_of(mail)).status_code == 405
    assert answers(world) == []


def test_a_person_sets_a_status_and_is_shown_what_was_recorded(world: World, told: str) -> None:
    client = world.client()
    done = send(client, told, "fixed", ONE, TWO, note="patched\r\nand rebooted")

    assert done.status_code == 303
    page = client.get(done.headers["location"])
    words = text_of(page)
    assert "2 problems at 2 addresses: Fixed. We stop reminding you." in words
    assert "2026-11-16 06:00 Fixed: 2 problems · on this page · “patched and rebooted”" in words
    assert set(boxes(client.get(told).text)) == {THREE}
    (answer,) = answers(world)
    assert (answer.verdict, answer.via, answer.said_by, answer.note) == ("fixed", "page", "", "patched\nand rebooted")
    assert len(answer.problems or ()) == 2
    assert "Open problems: 1" in text_of(client.get(told))
    with world.node.database.begin() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.word == "answer.recorded"))
    assert entry.actor == "page"
    assert "patched" not in str(entry.detail)


def test_a_status_is_undone_by_the_link_within_a_minute(world: World, told: str) -> None:
    client = world.client()
    done = client.get(send(client, told, "not_ours").headers["location"])
    assert "Open problems: 0" not in done.text
    assert "No open problems" in done.text
    undo = html.unescape(re.findall(r'action="(/a/[^"]+/undo/[^"]+)"', done.text)[0])
    world.now += dt.timedelta(seconds=59)
    undone = client.post(undo)
    assert undone.status_code == 303
    after = client.get(undone.headers["location"])
    assert "Undone: 3 problems at 3 addresses: Not ours. What was recorded before counts again." in text_of(after)
    assert "/undo/" not in after.text.partition("<main")[2].partition("</main>")[0]
    assert set(boxes(after.text)) == {ONE, TWO, THREE}
    assert [answer.verdict for answer in answers(world)] == ["not_ours", "withdrawn"]
    again = client.post(undo)
    assert (again.status_code, "This was undone before." in again.text) == (422, True)

    late = client.get(send(client, told, "fixed").headers["location"])
    undo = html.unescape(re.findall(r'action="(/a/[^"]+/undo/[^"]+)"', late.text)[0])
    world.now += dt.timedelta(seconds=60)
    refused = client.post(undo)
    assert (refused.status_code, "It is too late to undo this." in refused.text) == (422, True)
    assert "/undo/" not in client.get(undo.partition("/undo/")[0] + "?done=" + undo.rpartition("/")[2]).text
    assert "No open problems" in client.get(told).text


def test_only_what_this_link_recorded_can_be_undone_by_it(world: World) -> None:
    world.hear(ONE, "192.0.2.130")
    mails, client = world.tell(), world.client()
    ours, theirs = link_of(mails[OPERATOR]), link_of(mails[SECTOR])
    answer = send(client, theirs, "fixed").headers["location"].rpartition("done=")[2]
    for uuid in (answer, "x", "00000000-0000-0000-0000-000000000000"):
        assert client.post(f"{ours}/undo/{uuid}").status_code == 404
        assert 'class="done" role="status"><p>' not in client.get(f"{ours}?done={uuid}").text
    assert client.post(f"/a/nowhere/undo/{answer}").status_code == 404
    elsewhere = client.post(f"{theirs}/undo/{answer}", headers={"sec-fetch-site": "cross-site"})
    assert elsewhere.status_code == 403
    assert [one.verdict for one in answers(world)] == ["fixed"]


def test_a_form_sent_twice_is_one_answer(world: World, told: str) -> None:
    client = world.client()
    made = client.get(told).text.partition('name="made" value="')[2].partition('"')[0]
    data = {"made": made, "verdict": "acknowledged", "every": "found"}
    first, second = client.post(told, data=data), client.post(told, data=data)
    assert first.headers["location"] == second.headers["location"]
    assert len(answers(world)) == 1


def test_the_second_of_two_who_answer_at_once_is_told(world: World, told: str) -> None:
    client = world.client()
    pages = [client.get(told).text for _ in range(2)]
    made, seen = ([page.partition(f'name="{name}" value="')[2].partition('"')[0] for page in pages] for name in _HIDDEN)
    tabs = [{"made": made[of], "seen": seen[of], "every": "found", "note": f"tab {of}"} for of in range(2)]
    assert client.post(told, data={**tabs[0], "verdict": "fixed"}).status_code == 303
    second = client.post(told, data={**tabs[1], "verdict": "not_ours"})
    assert second.status_code == 422
    assert "answered or changed meanwhile" in second.text
    assert "tab 1</textarea>" in second.text
    assert [answer.verdict for answer in answers(world)] == ["fixed"]


def test_another_choice_on_a_page_gone_back_to_is_an_answer_of_its_own(world: World, told: str) -> None:
    client = world.client()
    made = client.get(told).text.partition('name="made" value="')[2].partition('"')[0]
    client.post(told, data={"made": made, "verdict": "acknowledged", "every": "found"})
    client.post(told, data={"made": made, "verdict": "not_ours", "every": "found", "note": "ask the bank"})
    assert [answer.verdict for answer in answers(world)] == ["acknowledged", "not_ours"]


@pytest.mark.parametrize("first", ["", "0", "-1", "x", "9" * 30, "٣"])
def test_a_page_number_that_is_none_shows_the_first_page(world: World, told: str, first: str) -> None:
    shown = world.client().get(told, params={"first": first})
    assert (shown.status_code, ONE in shown.text) == (200, True)


def test_where_no_problem_is_found_there_is_nothing_to_answer(world: World, told: str) -> None:
    client = world.client()
    assert 'name="verdict"' in client.get(told, params={"find": TWO}).text
    nothing = client.get(told, params={"find": "nowhere"})
    assert "No matches" in text_of(nothing)
    assert 'name="verdict"' not in nothing.text


def test_an_answer_is_corrected_by_a_later_one_and_stays_in_the_history(world: World, told: str) -> None:
    client = world.client()
    send(client, told, "fixed", ONE, note="done")
    assert set(boxes(client.get(f"{told}?state=answered").text)) == {ONE}

    world.at(0.5)
    assert send(client, f"{told}?state=answered", "false", ONE, note="was never there").status_code == 303

    words = text_of(client.get(f"{told}?state=all"))
    assert "False positive since 2026-11-16" in words
    assert "Fixed since" not in words
    assert "2026-11-16 18:00 False positive: 1 problem · on this page · “was never there”" in words
    assert "2026-11-16 06:00 Fixed: 1 problem · on this page · “done”" in words


def test_every_link_that_leads_nowhere_gives_one_same_page(world: World, told: str) -> None:
    client, tokens = world.client(), open_tokens(world.node.home)
    token = told.removeprefix("/a/")
    reference, _, signature = token.partition(".")
    altered = ("A" if signature[0] != "A" else "B") + signature[1:]
    nowhere = [
        f"/a/{reference}.{altered}",
        f"/a/TOC-2026-9999999.{signature}",
        "/a/x",
        "/a/" + "x" * 5000,
        "/a/%00%ff%F0%9F%92%A9",
        "/a/" + tokens.make("reply", reference),
        "/a/" + links(URL, tokens)("TOC-2026-9999999").rpartition("/")[2],
    ]
    pages = [client.get(path) for path in nowhere] + [client.post(nowhere[0], data={"verdict": "fixed"})]
    pages.append(client.post(nowhere[0] + "/undo/00000000-0000-0000-0000-000000000000"))
    world.at(90)
    pages.append(client.get(told))
    assert {page.status_code for page in pages} == {404}
    assert len({page.text for page in pages}) == 1
    own = {"date", "x-request-id"}
    heads = [{name: value for name, value in page.headers.items() if name not in own} for page in pages]
    assert [head for head in heads if head != heads[0]] == []
    for secret in ("Operator", reference, ONE, "TLP"):
        assert secret not in pages[0].text
    world.at(89)
    assert client.get(told).status_code == 200


def test_what_the_gate_no_longer_lets_out_is_not_shown_and_cannot_be_answered(world: World, told: str) -> None:
    client = world.client()
    cast = (world.folder / "cast.toml").read_text()
    (world.folder / "cast.toml").write_text(cast.replace('key = "operator"', 'key = "operator"\nceiling = "GREEN"'))
    world.tocsin.run("directory", "import", world.folder / "cast.toml")
    assert client.get(told).status_code == 404
    assert client.post(told, data={"verdict": "fixed", "every": "found"}).status_code == 404
    assert answers(world) == []


def test_a_team_sees_only_what_it_was_told(world: World) -> None:
    world.hear(ONE, "192.0.2.130")
    mails = world.tell()
    client = world.client()
    operator, sector = (text_of(client.get(link_of(mails[to]))) for to in (OPERATOR, SECTOR))
    assert ONE in operator
    assert "192.0.2.130" not in operator
    assert "192.0.2.130" in sector
    assert "Example Operator" not in sector


def test_a_problem_of_another_digest_cannot_be_answered(world: World) -> None:
    world.hear(ONE, TWO, "192.0.2.130", "192.0.2.131")
    mails = world.tell()
    client = world.client()
    other = client.get(link_of(mails[SECTOR])).text.partition('name="problem" value="')[2][:16]
    refused = send(client, link_of(mails[OPERATOR]), "fixed", ONE, problem=other)
    assert refused.status_code == 422
    assert answers(world) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://elsewhere.example"},
        {"content-type": "application/json"},
        {"content-type": "text/plain"},
    ],
)
def test_a_form_from_elsewhere_is_refused(world: World, told: str, headers: dict[str, str]) -> None:
    client = world.client()
    client.headers.update(headers)
    if "content-type" in headers:
        done = client.post(told, content=b"verdict=fixed&every=found")
    else:
        done = send(client, told, "fixed")
    assert done.status_code == 403
    assert answers(world) == []


@pytest.mark.parametrize("origin", ["null", URL])
def test_a_form_from_its_own_page_is_taken(world: World, told: str, origin: str) -> None:
    client = world.client()
    client.headers.update({"origin": origin, "sec-fetch-site": "same-origin"})
    assert send(client, told, "fixed").status_code == 303


def test_a_form_without_its_hidden_field_or_of_yesterday_is_shown_again_with_what_was_typed(
    world: World, told: str
) -> None:
    client = world.client()
    world.hear("192.0.2.140")
    other = link_of(world.tell()[SECTOR])
    of_other = client.get(other).text.partition('name="made" value="')[2].partition('"')[0]
    of_today = client.get(told).text.partition('name="made" value="')[2].partition('"')[0]
    world.at(1.1)
    for made in ("", "x", of_other, of_today):
        shown = client.post(told, data={"made": made, "verdict": "fixed", "every": "found", "note": "typed <here>"})
        assert shown.status_code == 422
        assert ">typed &lt;here&gt;</textarea>" in shown.text
        assert "The page was open for too long." in shown.text
    assert answers(world) == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"verdict": "", "every": "found"}, "Choose a status."),
        ({"verdict": "nonsense", "every": "found"}, "Choose a status."),
        ({"verdict": "fixed"}, "Select at least one problem."),
        ({"verdict": "fixed", "problem": "zz"}, "Load the page again."),
        ({"verdict": "fixed", "every": "found", "note": "x" * 2001}, "The note is too long."),
    ],
)
def test_what_is_missing_is_said_and_nothing_recorded(
    world: World, told: str, fields: dict[str, str], sentence: str
) -> None:
    client = world.client()
    made = client.get(told).text.partition('name="made" value="')[2].partition('"')[0]
    shown = client.post(told, data={"made": made, **fields})
    assert shown.status_code == 422
    assert sentence in shown.text
    assert answers(world) == []


@pytest.mark.parametrize("body", [b"note=" + b"x" * 70_000, b"&".join([b"problem=1"] * 500), b"note=%ff\xff", b""])
def test_a_body_beyond_what_the_form_can_send_is_refused(world: World, told: str, body: bytes) -> None:
    client = world.client()
    done = client.post(told, content=body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert done.status_code in {403, 422}
    assert answers(world) == []


def test_all_pages_keep_browsers_robots_and_caches_out(world: World, told: str) -> None:
    client = world.client()
    receipt = send(client, told, "fixed").headers["location"]
    for path, status in ((told, 200), (receipt, 200), ("/a/x", 404)):
        page = client.get(path)
        assert page.status_code == status
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["x-robots-tag"] == "noindex, nofollow"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src 'self';" in policy
        for inline in ("<script>", "<style", " style=", " onclick="):
            assert inline not in page.text
        assert "set-cookie" not in page.headers


def test_a_note_is_text_and_nothing_else(world: World, told: str) -> None:
    client = world.client()
    note = "<script>alert(1)</script>\"'{{7*7}}\u202e"
    page = client.get(send(client, told, "false", ONE, note=note).headers["location"])
    assert "<script>" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "{{7*7}}" in page.text
    assert "\u202e" not in page.text


def test_seen_again_after_fixed_is_shown_on_the_page_and_in_the_next_digest(world: World, told: str) -> None:
    client = world.client()
    world.at(1)
    send(client, told, "fixed", ONE, TWO)
    assert "Fixed since 2026-11-17" in text_of(client.get(f"{told}?state=all"))

    world.at(8).hear(ONE, THREE)
    mail = world.tell()[OPERATOR]

    lines = [line.strip() for line in mail.body.splitlines()]
    assert lines.count("You said fixed on 2026-11-17; seen again on 2026-11-24.") == 1
    assert lines[lines.index("You said fixed on 2026-11-17; seen again on 2026-11-24.") - 1].startswith(ONE)
    assert "1 was seen again after your answer." in " ".join(mail.body.split())
    assert max(len(line) for line in mail.body.splitlines() if not line.startswith(URL)) <= 76
    for link in (told, link_of(mail)):
        assert "Seen again after “Fixed” since 2026-11-17" in text_of(client.get(link))


def test_fixed_is_confirmed_when_the_feed_ran_without_it(world: World, told: str) -> None:
    client = world.client()
    send(client, told, "fixed", ONE)
    for day in (1, 2):
        world.at(day).hear(THREE)
    assert "No longer seen since" not in text_of(client.get(f"{told}?state=all"))
    world.at(3).hear(THREE)
    words = text_of(client.get(f"{told}?state=all"))
    assert "Open problems: 1" in words  # one is gone, nobody need answer for it
    assert words.count("No longer seen since 2026-11-19") == 2


def test_a_sighting_that_the_team_may_not_know_of_is_not_shown(world: World, told: str) -> None:
    client = world.client()
    world.at(1)
    send(client, told, "fixed", ONE)
    with world.node.database.begin() as session:
        (feed,) = session.scalars(select(FeedRecord))
        feed.tlp = "RED"
    world.at(4).hear(ONE)
    words = text_of(client.get(f"{told}?state=all"))
    assert "Seen again" not in words
    assert "2026-11-20" not in words


def test_the_marking_stands_on_the_page_as_first_defines_it(world: World, told: str) -> None:
    client = world.client()
    page = client.get(told).text
    assert '<span class="tlp tlp-amber">TLP:AMBER</span>' in page
    assert "PAP:" not in page  # the feed said none
    style = client.get("/static/page.css").text
    for colour in ("#ff2b2b", "#ffc000", "#33ff00", "#fff"):
        assert colour in style


def test_a_mail_that_went_to_nobody_takes_no_answer(world: World, told: str) -> None:
    with world.node.database.begin() as session:
        delivery = session.scalar(select(Delivery).where(Delivery.reference == told[3:].partition(".")[0]))
        assert delivery is not None
        delivery.state = "redirected"
    client = world.client()
    page = client.get(told)
    assert "on trial" in page.text
    assert 'name="verdict"' not in page.text
    assert client.post(told, data={"verdict": "fixed", "every": "found"}).status_code == 403
    assert answers(world) == []


def test_many_problems_come_in_pages_and_are_found(world: World) -> None:
    world.hear(*(f"192.0.2.{host}" for host in range(1, 128)))
    told = link_of(world.tell()[OPERATOR])
    client = world.client()
    first, second = client.get(told + "?sort=address"), client.get(told + "?sort=address&first=100")
    assert (len(boxes(first.text)), len(boxes(second.text))) == (100, 27)
    assert "192.0.2.127" in second.text
    assert len(boxes(client.get(told + "?find=192.0.2.12").text)) == 9
    for odd in ("?first=0", "?first=-5", "?first=99999", "?find=%3Cb%3E", "?find=" + "x" * 3000):
        assert client.get(told + odd).status_code == 200
    assert send(client, told, "acknowledged").status_code == 303
    assert "No open problems" in client.get(told).text


def test_the_public_pages_alone_show_nothing_of_the_node(world: World, told: str) -> None:
    client = world.client(public=True)
    assert client.get(told).status_code == 200
    assert client.get("/static/page.css").status_code == 200
    for inside in ("/today", "/events", "/account", "/docs", "/openapi.json"):
        assert client.get(inside).status_code == 404


def test_accepted_holds_for_the_time_that_was_chosen(world: World, told: str) -> None:
    client = world.client()
    page = client.get(send(client, told, "accepted", ONE, days="30").headers["location"])
    assert "Risk accepted. We do not remind you before 2026-12-16." in text_of(page)
    assert "Risk accepted until 2026-12-16" in text_of(client.get(f"{told}?state=answered"))
    (answer,) = answers(world)
    assert answer.until == world.now + dt.timedelta(days=30)


def test_whoever_has_an_account_of_the_team_is_led_to_all_its_problems(world: World, told: str) -> None:
    application = make_application(world.node, clock=lambda: world.now)
    teams = {team.key: team.id for team in read_directory(world.node.database).teams}
    led = 'href="/portal?team=operator"'
    assert led not in world.client().get(told).text
    for team, leads in (("operator", True), ("sector", False)):
        with browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=(teams[team],)) as browser:
            assert (led in browser.get(told).text) is leads


def test_a_database_that_fails_is_said_and_nothing_of_the_inside(world: World, told: str) -> None:
    client = world.client()
    made = client.get(told).text.partition('name="made" value="')[2].partition('"')[0]
    records = world.node.home / "records.sqlite"
    for path in world.node.home.glob(f"{records.name}*"):
        path.rename(path.with_name("aside." + path.name))
    records.mkdir()
    world.node.database.close()
    failed = client.post(told, data={"made": made, "verdict": "fixed", "every": "found"})
    assert failed.status_code == 503
    assert "Check whether your change was saved" in failed.text
    assert str(world.node.home) not in failed.text
    assert failed.headers["cache-control"] == "no-store"
