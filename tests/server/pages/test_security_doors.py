"""What every answer and every form has in common, whichever page it is: found from the routes themselves."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from support.console_users import Browser, browser_of, person, session_of
from support.furnished_node import furnish
from support.page_examples import Example, fill
from support.routes import Door, doors
from support.sign_in_browsers import awaited
from support.sizes import WHOLE
from support.world import START, URL, World, copy_world, served
from tocsin.node.accounts import OPEN, AccountRole, Permission, Person, make_token, set_role
from tocsin.node.errors import StorageError
from tocsin.node.records import AuditEntry
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

_STREAMS = {"/today/live"}
_ROLES = (AccountRole.ADMINISTRATOR, AccountRole.MANAGER, AccountRole.OPERATOR, AccountRole.PROTECTION_OFFICER)


@dataclass(frozen=True)
class Stage:
    """A furnished node with an administrator and an operator, and somebody who is nobody."""

    world: World
    application: FastAPI
    doors: list[Door]
    examples: dict[str, Example]
    browsers: dict[AccountRole, Browser]

    def address(self, door: Door) -> str:
        """One address of the route."""
        example = self.examples.get(door.path)
        return example.at if example else fill(door.path, "x")

    def who(self, door: Door) -> Browser | None:
        """Somebody who may go there."""
        return next((self.browsers[role] for role in _ROLES if door.lets_in(role)), None)


@pytest.fixture(scope="module")
def stage(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    world = copy_world(fresh, tmp_path_factory.mktemp("doors"))
    examples = furnish(world)
    settings = world.node.settings
    many = settings.api.model_copy(update={"requests_a_minute": 100_000})  # the clock stands still for all tests here
    world.node = replace(world.node, settings=settings.model_copy(update={"api": many}))
    application = make_application(world.node, clock=lambda: world.now)
    with (
        browser_of(application, world.node, AccountRole.ADMINISTRATOR, now=START) as administrator,
        browser_of(application, world.node, AccountRole.MANAGER, now=START) as manager,
        browser_of(application, world.node, AccountRole.OPERATOR, now=START, teams=(4,)) as operator,
        browser_of(application, world.node, AccountRole.PROTECTION_OFFICER, now=START) as officer,
        browser_of(application, world.node, AccountRole.NOBODY, now=START) as nobody,
    ):
        browsers = {
            AccountRole.ADMINISTRATOR: administrator,
            AccountRole.MANAGER: manager,
            AccountRole.OPERATOR: operator,
            AccountRole.PROTECTION_OFFICER: officer,
            AccountRole.NOBODY: nobody,
        }
        yield Stage(world, application, doors(application), examples, browsers)


def entries(world: World) -> int:
    """How long the audit log is: nothing changes without an entry."""
    with world.node.database.reading() as session:
        return session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def test_no_form_is_taken_without_the_word_of_its_own_visit(stage: Stage) -> None:
    """OWASP ASVS 3.5.1: also not with the word of somebody else's visit, an empty one, or one in the address.

    Each door is tried without a word, and with one of the wrong ones; with ``TOCSIN_WHOLE=1`` with all.
    """
    changing = [door for door in stage.doors if door.method != "GET" and door.act not in {None, *OPEN}]
    before, taken = entries(stage.world), []
    for at, door in enumerate(changing):
        browser = stage.who(door)
        assert browser is not None, door
        other = next(one.csrf for one in stage.browsers.values() if one.csrf not in {"", browser.csrf})
        path = stage.address(door)
        wrong = [
            ({"csrf": ""}, path),
            ({"csrf": other}, path),
            ({"csrf": browser.csrf[:-1]}, path),
            ({}, f"{path}?csrf={browser.csrf}"),
        ]
        for form, address in [({}, path), *(wrong if WHOLE else wrong[at % 4 : at % 4 + 1])]:
            answer = browser.client.request(door.method, address, data=form, follow_redirects=False)
            # A body that is no JSON is refused by the API before anything else is looked at.
            if answer.status_code not in ({403, 422} if door.api else {403}):
                taken.append((door.method, address, form, answer.status_code))
    assert len(changing) > 50
    assert taken == []
    assert entries(stage.world) == before


def test_json_without_the_word_is_refused_too(stage: Stage) -> None:
    browser = stage.browsers[AccountRole.OPERATOR]
    for path, body in (
        ("/api/v1/lookup", {"queries": ["192.0.2.1"]}),
        ("/api/v1/claims", {"value": "203.0.113.0/24", "team": "operator", "mailbox": "abuse@operator.example"}),
        ("/api/v1/problems/answers", {"verdict": "fixed", "problems": ["00f1c2d3e4a5b6c7"]}),
    ):
        assert browser.client.post(path, json=body).status_code == 403
        plain = {"content-type": "text/plain"}  # the only kind that a page elsewhere may send unasked
        assert browser.client.post(path, content=b"{}", headers=plain).status_code in {403, 415, 422}


@dataclass(frozen=True)
class Seen:
    """One answer to each GET, by whoever may ask; what goes wrong; and the words that came into the audit log."""

    gets: dict[Door, httpx.Response]
    others: dict[str, httpx.Response]
    noted: list[str]

    def all(self) -> Iterator[tuple[str, httpx.Response]]:
        """All answers, with what was asked for."""
        yield from ((door.path, answer) for door, answer in self.gets.items())
        yield from self.others.items()


@pytest.fixture(scope="module")
def seen(stage: Stage) -> Seen:
    before = entries(stage.world)
    nobody = stage.browsers[AccountRole.NOBODY]
    gets = {
        door: (stage.who(door) or nobody).client.get(stage.address(door), follow_redirects=False)
        for door in stage.doors
        if door.method == "GET" and door.path not in _STREAMS
    }
    with stage.world.node.database.reading() as session:
        noted = list(session.scalars(select(AuditEntry.word).order_by(AuditEntry.id)))[before:]
    paths = ("/today", "/no-such-page", "/static/page.css", "/static/none", "/api/v1/events", "/api/v1/none", "/a/x")
    others = {path: nobody.client.get(path, follow_redirects=False) for path in paths}
    others["too large"] = nobody.client.post("/sign-in", content=b"x" * 2_000_001)
    others["other method"] = nobody.client.put("/help")
    others["no word"] = stage.browsers[AccountRole.OPERATOR].client.post("/portal")
    return Seen(gets, others, noted)


def test_reading_changes_nothing(seen: Seen) -> None:
    """ASVS 3.5.3: no GET does what a form should: what is on record after all of them is that things were read."""
    # An alarm opens by time; who looks first finds it so.
    assert set(seen.noted) <= {"personal.read", "alarm.opened", "events.exported"}


HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def test_what_is_refused_says_the_number_by_which_the_log_has_it(seen: Seen) -> None:
    """But of what is not there, which looks alike whether it is or not: that has it in the header alone."""
    refused = seen.others["no word"]
    assert f"Give this number to who runs this server: {refused.headers['x-request-id']}" in refused.text
    numbers = [answer.headers["x-request-id"] for _, answer in seen.all()]
    assert len(numbers) == len({*numbers}) > 100
    problems = [answer for _, answer in seen.all() if answer.headers.get("content-type") == "application/problem+json"]
    assert problems
    for answer in problems:
        alike = answer.status_code in {401, 404}
        number = None if alike else f"urn:tocsin:request:{answer.headers['x-request-id']}"
        assert answer.json().get("instance") == number


def test_every_answer_carries_the_headers(seen: Seen) -> None:
    """Also what is missing, refused, broken or a file; none is for other sites (ASVS 3.4)."""
    wrong = []
    for path, answer in seen.all():
        policy = answer.headers.get("content-security-policy", "")
        ok = all(answer.headers.get(name) == value for name, value in HEADERS.items())
        words = ("default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'")
        ok &= policy == "sandbox; default-src 'none'" or all(word in policy for word in words)
        ok &= answer.headers.get("referrer-policy") in {"no-referrer", "same-origin"}
        ok &= "unsafe" not in policy
        ok &= "access-control-allow-origin" not in answer.headers
        ok &= "server" not in answer.headers
        ok &= "strict-transport-security" not in answer.headers  # this is not HTTPS
        if not ok:
            wrong.append((path, answer.status_code, dict(answer.headers)))
    assert wrong == []


def test_what_is_personal_is_kept_by_nobody_on_the_way(stage: Stage, seen: Seen) -> None:
    """ASVS 14.3.2; only what is the same for everybody may be kept."""
    wrong = [
        (door.path, answer.headers.get("cache-control"))
        for door, answer in seen.gets.items()
        if door.act not in {None, *OPEN}
        and answer.headers.get("cache-control") not in {"no-store", "private, no-store"}
    ]
    assert wrong == []
    for path in ("/directory", "/help"):
        answer = stage.browsers[AccountRole.ADMINISTRATOR].get(path)
        assert "public" not in answer.headers["cache-control"], path  # it shows who is signed in


def test_types_are_said_with_their_letters(seen: Seen) -> None:
    """ASVS 4.1.1."""
    for path, answer in seen.all():
        kind = answer.headers.get("content-type", "")
        assert kind or not answer.content, path
        if kind.startswith("text/"):
            assert "charset=utf-8" in kind, path


def test_https_is_kept_to_where_it_is_used_and_only_a_trusted_proxy_says_so(stage: Stage) -> None:
    client = stage.browsers[AccountRole.NOBODY].client
    answer = client.get("/help", headers={"x-forwarded-proto": "https"})  # from 127.0.0.1, which is trusted
    assert answer.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"
    given = client.post("/settings", data={"language": "en"}, headers={"x-forwarded-proto": "https"})
    cookies = given.headers.get_list("set-cookie")
    assert cookies
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
    kept = {"x-forwarded-proto": "https", "cookie": "__Host-language=fr; __Host-theme=dark"}
    page = client.get("/help", headers=kept).text
    assert '<html lang="fr"' in page
    assert "dark" in page.partition("<head")[0]


def test_whoever_signs_out_leaves_nothing_in_the_browser(stage: Stage) -> None:
    """ASVS 14.3.1."""
    with browser_of(stage.application, stage.world.node, AccountRole.DELEGATE, now=START) as browser:
        answer = browser.send("/sign-out")
        assert answer.headers["clear-site-data"] == '"cache", "storage"'
        assert browser.get("/account").status_code == 303


def test_another_proxy_is_not_believed(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    path = world.node.home / "tocsin.toml"
    path.write_text(path.read_text().replace("[server]", '[server]\ntrusted_proxies = ["192.0.2.1"]'))
    from tocsin.pipeline.stores import open_node

    application = make_application(open_node(world.node.home), clock=lambda: START)
    with served(application) as port, httpx.Client(trust_env=False, timeout=120) as client:
        answer = client.get(f"http://127.0.0.1:{port}/help", headers={"x-forwarded-proto": "https"})
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80@x", "127.0.0.1\x00", "[::1", ""])
def test_the_host_that_was_asked_for_is_nowhere_repeated(stage: Stage, host: str) -> None:
    browser = stage.browsers[AccountRole.ADMINISTRATOR]
    for path in (
        "/",
        "/help",
        "/sign-in",
        "/today",
        "/admin/people",
        "/.well-known/security.txt",
        "/no-such-page",
        "/help/",
        "/today/",
        "/api/v1/teams/",
    ):
        try:
            headers = {"host": host, "x-forwarded-host": "evil.example", "x-forwarded-prefix": "/evil"}
            answer = browser.client.get(path, headers=headers, follow_redirects=False)
        except (httpx.TransportError, ValueError):
            continue  # the client or the server speaks no such language
        assert "evil" not in answer.text
        assert "evil" not in answer.headers.get("location", "")


def test_letters_link_to_the_set_address_whatever_host_was_asked_for(stage: Stage) -> None:
    from tocsin.node.letters import Letter

    browser = stage.browsers[AccountRole.ADMINISTRATOR]
    headers = {"host": "evil.example", "x-forwarded-host": "evil.example"}
    fields = {"csrf": browser.csrf, "mailbox": "new@people.example", "role": "analyst"}
    assert browser.client.post("/admin/people/invite", data=fields, headers=headers).status_code < 400
    stage.browsers[AccountRole.NOBODY].client.post(
        "/forgotten", data={"mailbox": "administrator@people.example"}, headers=headers
    )
    mails = awaited(stage.world, "administrator@people.example", 1)  # mailed after the answer
    with stage.world.node.database.reading() as session:
        bodies = [*session.scalars(select(Letter.body)), *(mail.body for mail in mails)]
    assert any(f"{URL}/welcome/" in body for body in bodies)
    assert not any("evil" in body for body in bodies)


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "/\\evil.example", "https://evil.example", "/%0d%0aset-cookie:x=1", "/\r\nx: y",
     "\t//evil.example",
     "javascript:alert(1)", "/../../evil", " /x", "/\x00", "///evil.example", "/a\u2028b"],
)  # fmt: skip
def test_no_form_leads_to_another_site_or_writes_a_header(stage: Stage, wanted: str) -> None:
    client = stage.browsers[AccountRole.NOBODY].client
    answer = client.post("/settings", data={"theme": "dark", "next": wanted}, follow_redirects=False)
    where = answer.headers["location"]
    assert re.fullmatch(r"/(?![/\\])[!-~]*", where), where
    assert "x" not in answer.headers
    page = client.get("/sign-in", params={"next": wanted})
    assert "javascript:" not in page.text.replace("javascript:alert(1)&#34;", "")
    assert 'href="//' not in page.text


@pytest.mark.parametrize(
    "path",
    ["/static/../server.py", "/static/%2e%2e/server.py", "/static/..%2fserver.py",
     "/static/%2e%2e%2f%2e%2e%2fserver.py",
     "/static//etc/passwd", "/static/vendor/../../desk.py", "/static/%00", "/static/", "/static/vendor",
     "/reports/public/..%2f..%2fetc/files/1", "/report/..%2f..", "/teams/..%2f..%2fetc%2fpasswd", "/rules/versions/..",
     "/help?language=../../../../etc/passwd", "/help?language=..%2f..%2ftocsin.toml"],
)  # fmt: skip
def test_no_address_leads_to_other_files(stage: Stage, path: str) -> None:
    answer = stage.browsers[AccountRole.ADMINISTRATOR].get(path)
    assert answer.status_code in {200, 303, 404, 422}
    assert "root:" not in answer.text
    assert "import " not in answer.text
    if path.startswith("/static"):
        assert answer.status_code in {404, 405}
    if "language" in path:
        assert '<html lang="en"' in answer.text


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "PUT", "DELETE", "PATCH", "PROPFIND", "OPTIONS"])
def test_other_methods_are_refused(stage: Stage, method: str) -> None:
    for browser in stage.browsers.values():
        for path in ("/help", "/today", "/admin/people", "/api/v1/events", "/static/page.css"):
            assert browser.client.request(method, path, follow_redirects=False).status_code in {400, 401, 403, 404, 405}


def test_a_block_and_a_new_role_hold_from_the_next_request_on(stage: Stage) -> None:
    """ASVS 7.4.2, 8.3.2: for sessions and API tokens alike."""
    node, now = stage.world.node, START
    number = person(node, AccountRole.ANALYST, now=now, mailbox="soon@people.example")
    secret = session_of(node, number, now=now)
    with node.database.begin() as session:
        scopes = [Permission.LOOKUP, Permission.REPORTS_READ]
        holder = session.get_one(Person, number)
        _, token = make_token(session, holder, name="test", scopes=scopes, days=30, now=now, actor="test")
    client = stage.browsers[AccountRole.NOBODY].client
    by_cookie, by_token = (
        {"cookie": f"{COOKIE}={secret}"},
        {"authorization": f"Bearer {token}"},
    )
    assert client.get("/events", headers=by_cookie).status_code == 200
    assert client.get("/api/v1/lookup?query=192.0.2.1", headers=by_token).status_code == 200
    with node.database.begin() as session:
        set_role(session, session.get_one(Person, number), AccountRole.ASSESSOR, teams=[], actor="person:1", now=now)
    assert client.get("/events", headers=by_cookie).status_code in {303, 404}
    assert client.get("/api/v1/lookup?query=192.0.2.1", headers=by_token).status_code == 404
    with node.database.begin() as session:
        session.get_one(Person, number).blocked_at = now
    assert client.get("/api/v1/me", headers=by_token).status_code == 401
    assert client.get("/account", headers=by_cookie, follow_redirects=False).status_code == 303


def test_a_session_that_somebody_else_chose_is_not_taken(stage: Stage) -> None:
    """ASVS 7.2.4: no fixation, by cookie, address or form."""
    client = httpx.Client(base_url=stage.browsers[AccountRole.NOBODY].client.base_url, trust_env=False, timeout=120)
    with client:
        client.cookies.set(COOKIE, "chosen-by-somebody-else")
        answer = client.post("/sign-in", data={"mailbox": "a@b.example", "password": "wrong password here"})
        assert "chosen-by-somebody-else" not in str(answer.headers)
        assert client.get(f"/today?{COOKIE}={session_of(stage.world.node, 1, now=START)}").status_code == 303


def test_logs_hold_no_secret(stage: Stage, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """ASVS 16.2.5: neither passwords, nor codes, cookies, tokens, words of forms, or secrets of reports."""
    caplog.set_level(logging.DEBUG)
    secrets = ["marmot tunes crimson", "tocsin_0123456789abcdef", "a-cookie-of-somebody", "K7QX-secret-of-a-report"]
    client = stage.browsers[AccountRole.NOBODY].client
    client.post("/sign-in", data={"mailbox": "administrator@people.example", "password": secrets[0]})
    client.post("/sign-in/code", data={"code": secrets[0]})
    client.get("/api/v1/me", headers={"authorization": f"Bearer {secrets[1]}"})
    client.get("/today", headers={"cookie": f"{COOKIE}={secrets[2]}"})
    client.post("/report/answer", data={"reference": "0000-0000", "secret": secrets[3]})
    client.get(f"/welcome/{secrets[3]}")
    client.post(f"/welcome/{secrets[3]}", data={"name": "x", "password": secrets[0]})
    stage.browsers[AccountRole.ADMINISTRATOR].send("/account/password", old=secrets[0], new=secrets[0])
    ours = [one.getMessage() for one in caplog.records if not one.name.startswith("http")]  # not the client's own
    said = "\n".join([*ours, *capfd.readouterr()])
    assert [secret for secret in secrets if secret in said] == []
    with stage.world.node.database.reading() as session:
        kept = [f"{one.subject} {one.detail}" for one in session.scalars(select(AuditEntry))]
    assert [secret for secret in secrets if any(secret in text for text in kept)] == []


def test_what_somebody_tried_is_in_the_log_without_what_was_typed(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """ASVS 16.3.2, 16.3.3, 16.4.1."""
    operator = stage.browsers[AccountRole.OPERATOR]
    operator.get("/rules/versions/1?typed=by-a-stranger")
    operator.client.post("/portal", data={"note": "by-a-stranger\nx"})
    said = [one.getMessage() for one in caplog.records if one.name == "tocsin.server.security"]
    assert [one.partition(": ")[0] for one in said] == ["GET /rules/versions/{number}", "POST /portal"]
    assert all(re.search(r": person:\d+ (may not|sent)", one) for one in said)
    assert "by-a-stranger" not in "".join(said)
    stage.browsers[AccountRole.NOBODY].get("/rules")
    assert len([one for one in caplog.records if one.name == "tocsin.server.security"]) == 2


def test_the_public_server_has_no_door_that_needs_an_account(stage: Stage) -> None:
    """With ``--public`` nobody can even try to sign in."""
    public = doors(make_application(stage.world.node, public=True, clock=lambda: stage.world.now))
    assert {door.act for door in public} <= {Permission.PUBLIC_READ, Permission.PUBLIC_REPORT, Permission.LINK_USE}
    assert not any("sign" in door.path or "account" in door.path for door in public)


def test_an_error_is_one_line_of_the_log_whatever_it_holds() -> None:
    assert StorageError("Disk '\nERROR: forged\x1b[2J\u2028' is full.").line == "Disk ' ERROR: forged [2J ' is full."
