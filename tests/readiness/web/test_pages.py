"""An assessment by pages: who may, what is refused, what is kept of what was typed, and what is there once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256

import httpx
import pytest

from support.console_users import Browser, browser_of
from support.world import World
from tocsin.node.accounts import AccountRole
from tocsin.readiness.assessment import Snapshot, bundled_text, read_snapshot
from tocsin.server.server import make_application

_START = {
    "framework": "c5 1.0",
    "unit": "FJI",
    "name": "Fiji",
    "as_of": "2026-06-30",
    "groups": "income=low, region=Oceania",
}
_QUESTION = "/readiness/1/questions/a.1.1"
_ANSWER = {"status": "declared", "assessor_kind": "self"}


@contextmanager
def as_(world: World, role: AccountRole = AccountRole.ASSESSOR) -> Iterator[Browser]:
    made = make_application(world.node, clock=lambda: world.now)
    with browser_of(made, world.node, role, now=world.now) as browser:
        yield browser


@pytest.fixture
def assessor(world: World) -> Iterator[Browser]:
    """Who started the assessment of Fiji."""
    with as_(world) as browser:
        assert browser.send("/readiness/start", **_START, responsible="Office").status_code == 303
        yield browser


def snapshot(world: World) -> Snapshot:
    with world.node.database.reading() as session:
        return read_snapshot(session, 1)


def attach(browser: Browser, content: bytes = b"Minutes", **fields: str) -> httpx.Response:
    data = {"csrf": browser.csrf, "name": "Minutes", "language": "en", **fields}
    return browser.client.post(f"{_QUESTION}/evidence", data=data, files={"file": ("minutes.txt", content)})


def test_a_framework_that_comes_along_is_published_with_its_first_assessment(world: World) -> None:
    with as_(world) as browser:
        form = browser.get("/readiness/start?framework=cmm-shape+1.0").text
        assert '<option value="cmm-shape 1.0" selected>' in form
        assert 'name="as_of" type="date" value="2' in form
        assert 'name="groups" type="text" value=""' in form
        refused = browser.send("/readiness/start", **_START)
        assert refused.status_code == 422 or "is not on record" in refused.text
        assert 'value="Fiji"' in refused.text
        done = browser.send("/readiness/start", **_START, responsible="Office")
        again = browser.send("/readiness/start", **_START, responsible="Office")
        assert (
            done.headers["location"].partition("?")[0] == again.headers["location"].partition("?")[0] == "/readiness/1"
        )
        assert "Published" in browser.get("/readiness/frameworks").text
    assert snapshot(world).groups == {"income": "low", "region": "Oceania"}


def test_a_version_of_ones_own_is_imported_assigned_and_published(world: World) -> None:
    text = bundled_text("c5").replace('version = "1.0"', 'version = "1.1"')
    with as_(world) as browser:

        def send(content: str) -> httpx.Response:
            files = {"file": ("own.toml", content.encode())}
            return browser.client.post(
                "/readiness/frameworks", data={"csrf": browser.csrf}, files=files, follow_redirects=False
            )

        assert "own.toml: not valid TOML" in send("[[").text
        path = send(text).headers["location"]
        assert path == "/readiness/frameworks/c5/1.1"
        assert "have no owner" in browser.get(path).text
        assert "nobody is responsible" in browser.send(f"{path}/publish").text
        browser.send(f"{path}/assign", criterion="unassigned", name="Office")
        assert browser.send(f"{path}/publish").status_code == 303
        assert "Version 1.1, published" in browser.get(path).text
        assert browser.get("/readiness/frameworks/c5.toml").text == bundled_text("c5")


def test_who_reads_has_no_forms_and_can_send_none(world: World, assessor: Browser) -> None:
    assessor.send(_QUESTION, level="2", **_ANSWER)
    with as_(world, AccountRole.MANAGER) as reader:
        for path in ("/readiness/1", _QUESTION, "/readiness/1/plan", "/readiness/frameworks"):
            main = reader.get(path).text.partition("<main")[2].partition("</main>")[0]
            assert 'method="post"' not in main, path
        assert reader.send(_QUESTION, level="4", **_ANSWER).status_code == 404
        assert reader.get("/readiness/start").status_code == 404
    with as_(world, AccountRole.DELEGATE) as stranger:
        assert stranger.get("/readiness/1").status_code == 404
        assert stranger.get(_QUESTION).status_code == stranger.get("/readiness/99/questions/a.1.1").status_code == 404


def test_the_same_form_sent_twice_is_one_answer_one_review_one_action(world: World, assessor: Browser) -> None:
    task = {"question": "a.1.1", "level": "4", "task": "Meet", "owner": "Office", "due": "2027-06-30"}
    for _ in range(2):
        assert assessor.send(_QUESTION, level="2", comment="So", seen="0", **_ANSWER).status_code == 303
        assert assessor.send(f"{_QUESTION}/review", kind="review", text="Fine").status_code == 303
        assert assessor.send("/readiness/1/plan", **task).status_code == 303
        assert attach(assessor).status_code == 303
    held = snapshot(world)
    assert (len(held.answers), len(held.statements["a.1.1"]), len(held.actions)) == (1, 1, 1)
    assert len(held.evidence["a.1.1"]) == 1


def test_who_comes_second_is_told_and_keeps_what_was_typed(world: World, assessor: Browser) -> None:
    with as_(world, AccountRole.ADMINISTRATOR) as other:
        assert other.send(_QUESTION, level="3", seen="0", **_ANSWER).status_code == 303
    late = assessor.send(_QUESTION, level="1", comment="Typed at length", seen="0", **_ANSWER)
    assert late.status_code == 409
    assert "Another person changed this" in late.text
    assert "Typed at length" in late.text
    assert [one.level for one in snapshot(world).answers] == [3]


def test_an_answer_is_verified_by_another_person_with_evidence_only(world: World, assessor: Browser) -> None:
    verified = {"level": "2", "status": "verified", "assessor_kind": "peer"}
    assessor.send(_QUESTION, level="2", **_ANSWER)
    with as_(world, AccountRole.ADMINISTRATOR) as reviewer:
        assert "has no evidence that is valid" in reviewer.send(_QUESTION, **verified).text
        attach(assessor)
        assert "Who answered for the assessed" in assessor.send(_QUESTION, **verified).text
        assert reviewer.send(_QUESTION, **verified).status_code == 303
        assert "Verified: Partly in place" in reviewer.get(_QUESTION).text
    assert snapshot(world).held()["a.1.1"].supported


def test_what_is_sent_back_is_decided_by_another_and_appealed_once(world: World, assessor: Browser) -> None:
    assessor.send(_QUESTION, level="2", **_ANSWER)
    assert assessor.send(f"{_QUESTION}/review", kind="dispute", text=" ").status_code == 422
    assessor.send(f"{_QUESTION}/review", kind="dispute", text="It never met")
    assert "1 answer was sent back" in assessor.get("/readiness/1").text
    own = assessor.send(f"{_QUESTION}/decide", statement="1", outcome="upheld", text="So")
    assert (own.status_code, "the same person raised it" in own.text) == (409, True)
    world.now += timedelta(minutes=2)
    with as_(world, AccountRole.ADMINISTRATOR) as judge:
        assert judge.send(f"{_QUESTION}/decide", statement="1", outcome="upheld", text="So").status_code == 303
    assert "0 of 28 answered" in assessor.get("/readiness/1").text
    assert assessor.send(f"{_QUESTION}/appeal", decision="2", text="It did").status_code == 303
    assert "Decide the appeal of Assessor" in assessor.get(_QUESTION).text


def test_evidence_is_a_file_or_a_text_and_is_given_back_as_it_came(world: World, assessor: Browser) -> None:
    nothing = assessor.send(f"{_QUESTION}/evidence", name="Minutes", language="en")
    assert (nothing.status_code, "Choose a file, or write a text." in nothing.text) == (422, True)
    attach(assessor, b"\x00PDF")
    assessor.send(f"{_QUESTION}/evidence", name="Call", language="fr", excerpt="On the phone", valid_until="2026-01-01")
    pieces = {one.title: one for one in snapshot(world).evidence["a.1.1"]}
    assert {title: one.digest for title, one in pieces.items()} == {
        "Minutes": sha256(b"\x00PDF").hexdigest(),
        "Call": sha256(b"On the phone").hexdigest(),
    }
    file = assessor.get(f"/readiness/evidence/{pieces['Minutes'].digest}")
    assert file.content == b"\x00PDF"
    assert file.headers["content-disposition"] == "attachment; filename*=utf-8''minutes.txt"
    assert file.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert "Not valid on 2026-06-30" in assessor.get(_QUESTION).text


def test_a_measured_question_is_measured_from_a_file_and_not_by_guess(assessor: Browser) -> None:
    path = "/readiness/1/questions/t-presence.1"
    facts = b"asn,contact\n" + b"".join(b"%d,%s\n" % (64500 + n, b"yes" if n < 15 else b"no") for n in range(20))
    data = {"csrf": assessor.csrf}
    done = assessor.client.post(f"{path}/measure", data=data, files={"facts": ("facts.csv", facts)})
    assert done.status_code == 303
    assert "Measured: 53 to 89 of 100." in assessor.get(path).text  # Wilson's interval of 15 of 20
    assert assessor.send(f"{_QUESTION}/measure").status_code == 404


def test_what_if_shows_another_score_and_saves_nothing(world: World, assessor: Browser) -> None:
    assessor.send(_QUESTION, level="0", **_ANSWER)
    shown = assessor.get("/readiness/1/what-if?a.1.1=4&e.1.1=2&unknown=9").text
    assert "2 answers changed, nothing is saved" in shown
    assert "1 answer changed" not in assessor.get("/readiness/1/what-if?a.1.1=0").text
    assert [one.level for one in snapshot(world).answers] == [0]


def test_a_score_of_one_answer_is_not_said_as_if_it_were_known(assessor: Browser) -> None:
    assessor.send(_QUESTION, level="4", **_ANSWER)
    for path in ("/readiness/1", "/readiness/1/scores"):
        head = assessor.get(path).text.partition('class="standing"')[2].partition("</p>")[0]
        assert "1 of 28 answered" in head
    assert '<span class="quiet nobreak">3 to 100</span>' in assessor.get("/readiness/1/scores").text


def test_actions_and_targets_are_planned_and_done(world: World, assessor: Browser) -> None:
    assessor.send(_QUESTION, level="0", **_ANSWER)
    task = {"question": "a.1.1", "level": "4", "task": "Meet", "owner": "Office", "due": "2027-06-30"}
    wrong = assessor.send("/readiness/1/plan", **task, cost="12")
    assert (wrong.status_code, 'value="Meet"' in wrong.text) == (422, True)
    assessor.send("/readiness/1/plan", **task)
    assert "1 action is open" in assessor.get("/readiness/1/plan").text
    assessor.send("/readiness/1/plan/done", action="1")
    goal = {"of": "overall", "kind": "reach", "goal": "40", "baseline": "2025", "end": "2029"}
    assert assessor.send("/readiness/1/targets", **goal).status_code == 303
    page = assessor.get("/readiness/1/plan").text
    assert f"Done {world.now:%Y-%m-%d}" in page
    assert "Overall score at 40" in page


def test_a_closed_assessment_takes_no_answer_and_closing_is_undone_for_a_minute(
    world: World, assessor: Browser
) -> None:
    done = assessor.send("/readiness/1/close")
    late = assessor.send(_QUESTION, level="2", **_ANSWER)
    assert (late.status_code, "was closed on" in late.text) == (409, True)
    number = done.headers["location"].partition("undo=")[2]
    assert "Assessment closed" in assessor.get(done.headers["location"]).text
    assessor.send(f"/undo/{number}")
    assert assessor.send(_QUESTION, level="2", **_ANSWER).status_code == 303
    assert len(snapshot(world).answers) == 1


def test_the_report_opens_by_itself_and_reaches_nothing(assessor: Browser) -> None:
    report = assessor.get("/readiness/1/report.html")
    assert report.headers["content-type"] == "text/html; charset=utf-8"
    assert report.headers["content-security-policy"].startswith("sandbox allow-scripts")
    assert "Readiness of Fiji" in report.text
    assert assessor.get("/readiness/1/report.csv").headers["content-disposition"].startswith("attachment")
    assert assessor.get("/readiness/1/report.exe").status_code in {404, 422}


def test_an_index_is_built_read_and_compared(assessor: Browser) -> None:
    data = b"uCode,uName,laws,teams\nMUS,Mauritius,4,2\nFJI,Fiji,3,\nTON,Tonga,1,5\n"
    meta = b"iCode,Type,Parent,Direction,Weight\nlaws,Indicator,all,1,1\nteams,Indicator,all,1,1\nall,Aggregate,,1,1\n"

    def build(name: str, table: bytes = data) -> httpx.Response:
        files = {"data": ("data.csv", table), "meta": ("meta.csv", meta)}
        sent = {"csrf": assessor.csrf, "name": name}
        return assessor.client.post("/readiness/indices", data=sent, files=files, follow_redirects=False)

    assert "laws" in build("broken", data.replace(b"4,2", b"four,2")).text
    assert build("../x").status_code == 422
    assert build("one").headers["location"] == "/readiness/indices/one"
    assert build("one").status_code == 409
    build("two", data.replace(b"1,5", b"9,5"))
    page = assessor.get("/readiness/indices/one?beside=two").text
    assert page.count('<th scope="row"><bdi>Tonga</bdi></th>') == 2
    assert "missing values at worst and at best" in page
    assert "Tonga" in assessor.get("/readiness/indices/one/TON/report.html").text
    assert assessor.get("/readiness/indices/none").status_code == 404
