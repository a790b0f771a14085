"""A team answers without an account: only the deliberate act counts, and a stranger learns nothing."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from support.world import URL, World, copy_world, link_of, send, text_of
from tocsin.delivery import Delivery
from tocsin.events.models import FeedRecord
from tocsin.node.records.audit import AuditEntry
from tocsin.node.tokens import open_tokens
from tocsin.problems.answers import Answer, links

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
            assert "not answered yet" in page.text
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            assert client.request(method, link_of(mail)).status_code == 405
    assert answers(world) == []


def test_a_person_answers_for_some_and_gets_a_receipt(world: World, told: str) -> None:
    client = world.client()
    done = send(client, told, "fixed", ONE, TWO, note="patched\r\nand rebooted")

    assert done.status_code == 303
    receipt = client.get(done.headers["location"])
    words = text_of(receipt)
    assert "Recorded: Fixed, for 2 problems" in words
    assert "Example Operator, 2026-11-16 06:00 UTC" in words
    assert "patched and rebooted" in words
    assert ONE in words
    assert TWO in words
    assert THREE not in words
    (answer,) = answers(world)
    assert (answer.verdict, answer.via, answer.said_by, answer.note) == ("fixed", "page", "", "patched\nand rebooted")
    assert len(answer.problems or ()) == 2
    assert "1 of 3 problems are not answered yet" in text_of(client.get(told))
    with world.node.database.begin() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.word == "answer.recorded"))
    assert entry.actor == "page"
    assert "patched" not in str(entry.detail)


def test_a_form_sent_twice_is_one_answer(world: World, told: str) -> None:
    client = world.client()
    made = client.get(told).text.partition('name="made" value="')[2].partition('"')[0]
    data = {"made": made, "verdict": "acknowledged", "scope": "all"}
    first, second = client.post(told, data=data), client.post(told, data=data)
    assert first.headers["location"] == second.headers["location"]
    assert len(answers(world)) == 1


def test_the_second_of_two_who_answer_at_once_is_told(world: World, told: str) -> None:
    client = world.client()
    pages = [client.get(told).text for _ in range(2)]
    made, seen = ([page.partition(f'name="{name}" value="')[2].partition('"')[0] for page in pages] for name in _HIDDEN)
    tabs = [{"made": made[of], "seen": seen[of], "scope": "all", "note": f"tab {of}"} for of in range(2)]
    assert client.post(told, data={**tabs[0], "verdict": "fixed"}).status_code == 303
    second = client.post(told, data={**tabs[1], "verdict": "not_ours"})
    assert second.status_code == 422
    assert "answered or changed meanwhile" in second.text
    assert "tab 1</textarea>" in second.text
    assert [answer.verdict for answer in answers(world)] == ["fixed"]


def test_another_choice_on_a_page_gone_back_to_is_an_answer_of_its_own(world: World, told: str) -> None:
    client = world.client()
    made = client.get(told).text.partition('name="made" value="')[2].partition('"')[0]
    client.post(told, data={"made": made, "verdict": "acknowledged", "scope": "all"})
    client.post(told, data={"made": made, "verdict": "not_ours", "scope": "all", "note": "ask the bank"})
    assert [answer.verdict for answer in answers(world)] == ["acknowledged", "not_ours"]


@pytest.mark.parametrize("first", ["", "0", "-1", "x", "9" * 30, "٣"])
def test_a_page_number_that_is_none_shows_the_first_page(world: World, told: str, first: str) -> None:
    shown = world.client().get(told, params={"first": first})
    assert (shown.status_code, ONE in shown.text) == (200, True)


def test_where_no_problem_is_found_there_is_nothing_to_answer(world: World, told: str) -> None:
    client = world.client()
    assert "<fieldset>" in client.get(told, params={"find": TWO}).text
    nothing = client.get(told, params={"find": "nowhere"})
    assert "None of the problems has “nowhere” in it." in text_of(nothing)
    assert "1 to 0" not in text_of(nothing)
    assert "<fieldset>" not in nothing.text
    assert 'name="scope"' not in nothing.text


def test_an_answer_is_corrected_by_a_later_one_and_stays_in_the_history(world: World, told: str) -> None:
    client = world.client()
    first = send(client, told, "fixed", ONE, note="done").headers["location"]
    correct = told + "?answer=" + first.rpartition("/")[2]
    assert correct in client.get(first).text.replace("&amp;", "&")
    form = client.get(correct).text
    assert 'value="fixed" required aria-describedby="h-fixed" checked' in form
    assert ">done</textarea>" in form
    assert form.count(" checked>") == 2

    world.at(0.5)
    send(client, correct.partition("?")[0], "false", ONE, note="was never there")

    words = text_of(client.get(told))
    assert "You said “Not there” on 2026-11-16" in words
    assert "You said “Fixed”" not in words
    assert "2026-11-16 18:00 Not there : 1 of 3 problems · on this page was never there" in words
    assert "2026-11-16 06:00 Fixed : 1 of 3 problems · on this page done" in words
    assert "A later answer has taken its place" in text_of(client.get(first))


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
        f"{told}/00000000-0000-0000-0000-000000000000",
        f"{told}/x",
    ]
    pages = [client.get(path) for path in nowhere] + [client.post(nowhere[0], data={"verdict": "fixed"})]
    world.at(90)
    pages.append(client.get(told))
    assert {page.status_code for page in pages} == {404}
    assert len({page.text for page in pages}) == 1
    assert len({str(sorted(page.headers.items())) for page in pages}) == 1
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
    assert client.post(told, data={"verdict": "fixed", "scope": "all"}).status_code == 404
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
        done = client.post(told, content=b"verdict=fixed&scope=all")
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
        shown = client.post(told, data={"made": made, "verdict": "fixed", "scope": "all", "note": "typed <here>"})
        assert shown.status_code == 422
        assert ">typed &lt;here&gt;</textarea>" in shown.text
        assert "Nothing was recorded yet" in shown.text
    assert answers(world) == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"verdict": "", "scope": "all"}, "Choose what is so."),
        ({"verdict": "nonsense", "scope": "all"}, "Choose what is so."),
        ({"verdict": "fixed", "scope": "some"}, "Tick at least one problem"),
        ({"verdict": "fixed"}, "Tick at least one problem"),
        ({"verdict": "fixed", "scope": "some", "problem": "zz"}, "please check it"),
        ({"verdict": "fixed", "scope": "all", "note": "x" * 2001}, "please check it"),
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
    receipt = client.get(send(client, told, "false", ONE, note=note).headers["location"])
    assert "<script>" not in receipt.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in receipt.text
    assert "{{7*7}}" in receipt.text
    assert "\u202e" not in receipt.text


def test_seen_again_after_fixed_is_shown_on_the_page_and_in_the_next_digest(world: World, told: str) -> None:
    client = world.client()
    world.at(1)
    send(client, told, "fixed", ONE, TWO)
    assert "the next reports will show" in text_of(client.get(told))

    world.at(8).hear(ONE, THREE)
    mail = world.tell()[OPERATOR]

    lines = [line.strip() for line in mail.body.splitlines()]
    assert lines.count("You said fixed on 2026-11-17; seen again on 2026-11-24.") == 1
    assert lines[lines.index("You said fixed on 2026-11-17; seen again on 2026-11-24.") - 1].startswith(ONE)
    assert "1 was seen again after your answer." in " ".join(mail.body.split())
    assert max(len(line) for line in mail.body.splitlines() if not line.startswith(URL)) <= 76
    for link in (told, link_of(mail)):
        assert "You said “Fixed” on 2026-11-17; seen again on 2026-11-24." in text_of(client.get(link))


def test_fixed_is_confirmed_when_the_feed_ran_without_it(world: World, told: str) -> None:
    client = world.client()
    send(client, told, "fixed", ONE)
    for day in (1, 2):
        world.at(day).hear(THREE)
    assert "its feed has not found it since" not in text_of(client.get(told))
    world.at(3).hear(THREE)
    words = text_of(client.get(told))
    assert words.count("You said “Fixed” on 2026-11-16; its feed has not found it since.") == 1
    assert "1 of 3 problems are not answered yet" in words  # one is gone, nobody need answer for it
    assert words.count("No longer seen by its feed; gone since 2026-11-19.") == 1


def test_a_sighting_that_the_team_may_not_know_of_is_not_shown(world: World, told: str) -> None:
    client = world.client()
    world.at(1)
    send(client, told, "fixed", ONE)
    with world.node.database.begin() as session:
        (feed,) = session.scalars(select(FeedRecord))
        feed.tlp = "RED"
    world.at(4).hear(ONE)
    words = text_of(client.get(told))
    assert "seen again" not in words
    assert "last seen 2026-11-20" not in words


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
    assert 'name="scope"' not in page.text
    assert client.post(told, data={"verdict": "fixed", "scope": "all"}).status_code == 403
    assert answers(world) == []


def test_many_problems_come_in_pages_and_are_found(world: World) -> None:
    world.hear(*(f"192.0.2.{host}" for host in range(1, 128)))
    told = link_of(world.tell()[OPERATOR])
    client = world.client()
    first, second = client.get(told), client.get(told + "?first=101")
    assert first.text.count('type="checkbox"') == 100
    assert second.text.count('type="checkbox"') == 27
    assert "192.0.2.127" in second.text
    assert client.get(told + "?find=192.0.2.12").text.count('type="checkbox"') == 9
    for odd in ("?first=0", "?first=-5", "?first=99999", "?find=%3Cb%3E", "?find=" + "x" * 3000):
        assert client.get(told + odd).status_code == 200
    assert send(client, told, "acknowledged").status_code == 303
    assert "All problems are answered" in client.get(told).text


def test_the_public_pages_alone_show_nothing_of_the_node(world: World, told: str) -> None:
    client = world.client(public=True)
    assert client.get(told).status_code == 200
    assert client.get("/static/page.css").status_code == 200
    for inside in ("/today", "/events", "/account", "/docs", "/openapi.json"):
        assert client.get(inside).status_code == 404


def test_accepted_holds_for_the_time_that_was_chosen(world: World, told: str) -> None:
    client = world.client()
    receipt = client.get(send(client, told, "accepted", ONE, days="30").headers["location"])
    assert "We do not remind you before 2026-12-16." in text_of(receipt)
    (answer,) = answers(world)
    assert answer.until == world.now + dt.timedelta(days=30)


def test_times_stand_in_utc_with_those_of_the_team_beside(world: World, told: str) -> None:
    cast = (world.folder / "cast.toml").read_text()
    zoned = cast.replace('key = "operator"', 'key = "operator"\ntimezone = "Pacific/Auckland"')
    (world.folder / "cast.toml").write_text(zoned)
    world.tocsin.run("directory", "import", world.folder / "cast.toml")
    words = text_of(world.client().get(told))
    assert words.count("last seen 2026-11-16 05:00 UTC, 18:00 where you are") == 3


def test_a_database_that_fails_is_said_and_nothing_of_the_inside(world: World, told: str) -> None:
    client = world.client()
    made = client.get(told).text.partition('name="made" value="')[2].partition('"')[0]
    records = next(world.node.home.glob("*.sqlite*"))
    for path in world.node.home.glob(f"{records.name}*"):
        path.rename(path.with_name("aside." + path.name))
    records.mkdir()
    failed = client.post(told, data={"made": made, "verdict": "fixed", "scope": "all"})
    assert failed.status_code == 503
    assert "Nothing was recorded." in failed.text
    assert str(world.node.home) not in failed.text
    assert failed.headers["cache-control"] == "no-store"
