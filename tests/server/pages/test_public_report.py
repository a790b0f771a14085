"""Reporting from outside: without an account, without a trace of who it was, within bounds, and answered."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from support.abuse_reports import REFERENCE, canaries, noted, shapes, xarf
from support.browser import browser
from support.public_forms import made_of, sum_of
from support.world import START, World, copy_world, served, serving, text_of
from tocsin.incidents.arrivals import PublicReport
from tocsin.node.confined import ConfinedBusyError, ConfinedError, ConfinedReason
from tocsin.node.errors import NoRoomError, StorageError
from tocsin.pipeline.stores import open_node
from tocsin.server.pages.public.report_pages import GUESSES_AN_HOUR
from tocsin.server.security.rate_limit import RateLimit
from tocsin.server.server import make_application

AGENT = "A Browser That Nobody Else Has/1.0"
FROM = "203.0.113.77"
NUMBER = "112"
REPORT_PAGES = sys.modules["tocsin.server.pages.public.report_pages"]
FAILURES = [
    StorageError("The disk is full."),
    NoRoomError("There is no room.", seconds=60),
    ConfinedError(ConfinedReason.TIME, "It took long."),
    ConfinedBusyError("Too much is read."),
    OSError(5, "broken"),
]


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    with world.open:
        client = world.client(public=True)
        client.headers.update({"User-Agent": AGENT, "X-Forwarded-For": FROM})
        yield client


def _made(client: httpx.Client, path: str = "/report") -> str:
    return made_of(client.get(path))


def _send(client: httpx.Client, *, files: Any = None, **fields: str) -> httpx.Response:
    data = {
        "made": fields.pop("made", "") or _made(client),
        "kind": "deceit",
        "what": "A false page of my bank",
        **fields,
    }
    return client.post("/report", data=data, files=files or [("files", ("", b""))])


def _ticket(answer: httpx.Response) -> tuple[str, str]:
    assert answer.status_code == 200
    reference, secret = re.findall(r'<dd><code dir="ltr">([0-9A-Z-]+)</code>', answer.text)
    return reference, secret


def _count(world: World) -> int:
    with world.node.database.reading() as session:
        return session.scalar(select(func.count(PublicReport.id))) or 0


def test_a_report_is_read_with_its_secret_and_added_to(world: World, client: httpx.Client) -> None:
    reference, secret = _ticket(
        _send(client, place="https://bank.example/<b>", files=[("files", ("../a b.txt", b"log"))])
    )
    page = client.post("/report/answer", data={"reference": reference, "secret": secret})
    assert "Received, not yet read" in page.text
    assert "bank.example/&lt;b&gt;" in page.text
    assert "a b.txt" in page.text
    made = re.findall(r'name="made" value="([^"]+)"', page.text)[0]
    added = {"reference": reference, "secret": secret, "made": made, "text": "One more <i>thing</i>"}
    for _ in range(2):  # a form that is sent twice says it once
        page = client.post(f"/report/{reference}", data=added)
    assert page.text.count("One more &lt;i&gt;thing&lt;/i&gt;") == 1
    assert client.post("/report/answer", data={"reference": reference, "secret": "wrong"}).status_code == 422
    assert reference in client.get(f"/report/{reference}").text
    assert _count(world) == 1


def test_nothing_is_kept_of_who_reported(world: World, client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = _send(client, files=[("files", ("a.txt", b"log"))])
    _ticket(answer)
    assert not client.cookies
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    kept = b"".join(path.read_bytes() for path in world.node.home.rglob("*") if path.is_file())
    assert AGENT.encode() not in kept
    assert FROM.encode() not in kept
    assert FROM not in caplog.text


def test_what_was_typed_is_kept_on_errors_and_nothing_is_filed(world: World, client: httpx.Client) -> None:
    answer = _send(client, what="", kind="", place="192.0.2.1 <x>", mailbox="no mailbox")
    assert answer.status_code == 422
    assert 'value="192.0.2.1 &lt;x&gt;"' in answer.text
    said = text_of(answer)
    assert "There is a problem" in said
    assert "Choose what it is." in said
    assert "Say what happened." in said
    assert "Write an email address such as" in said
    assert _send(client, made="forged").status_code == 422
    assert _send(client, website="https://buy.example").status_code == 422
    assert _count(world) == 0


def test_of_a_file_with_a_report_of_abuse_only_the_reference_is_kept(world: World, client: httpx.Client) -> None:
    message = EmailMessage()
    message["From"] = "a@r.example"
    message.add_attachment(shapes(xarf())["line.json"], maintype="application", subtype="json", filename="a.json")
    for name, data in (("a.json", shapes(xarf())["pretty.json"]), ("a.eml", bytes(message))):
        _ticket(_send(client, files=[("files", (name, data))]))
    assert canaries(world.node.home) == []
    assert noted(world.node.home) == [("csam", REFERENCE, "public form")]


def test_of_a_report_of_abuse_in_the_words_only_the_reference_is_kept(world: World, client: httpx.Client) -> None:
    report = json.dumps({**xarf(), "evidence": [], "screenshot": ""})
    reference, secret = _ticket(_send(client, what=f"I got this: {report}"))
    assert canaries(world.node.home) == []
    made = _made(client)
    other = report.replace(REFERENCE, "aaaabbbb-0000-4456-8abc-def012345678")
    client.post("/report/answer", data={"reference": reference, "secret": secret, "made": made, "text": other})
    assert canaries(world.node.home) == []
    assert noted(world.node.home) == [
        ("csam", REFERENCE, "public form"),
        ("csam", "aaaabbbb-0000-4456-8abc-def012345678", "public form"),
    ]


@pytest.mark.parametrize(
    "files",
    [
        [("files", ("page.html", b"<script>alert(1)</script>"))],
        [("files", ("run.exe", b"MZ"))],
        [("files", (f"{number}.txt", b"x")) for number in range(4)],
        [("files", ("big.txt", b"x" * 5_000_001))],
    ],
)
def test_files_are_few_small_and_of_known_types(world: World, client: httpx.Client, files: Any) -> None:
    assert _send(client, files=files).status_code == 422
    assert _count(world) == 0


def test_what_is_too_large_is_not_even_read(world: World, client: httpx.Client) -> None:
    answer = _send(client, files=[("files", ("big.txt", b"x" * 16_000_000))])
    assert answer.status_code == 413
    assert "too large" in answer.text
    for files in ([("text", ("a.txt", b"x" * 300_000))], [("text", ("a.txt", b"x"))]):
        assert client.post("/report/answer", data={"reference": "x"}, files=files).status_code in {400, 413}
    assert _count(world) == 0


def test_a_form_that_is_sent_twice_is_one_report_with_the_same_secret(world: World, client: httpx.Client) -> None:
    made = _made(client)
    first, second = (_ticket(_send(client, made=made)) for _ in range(2))
    assert first == second
    assert _count(world) == 1


def test_a_report_that_says_just_the_same_again_leads_to_the_first(world: World, client: httpx.Client) -> None:
    files = [("files", ("a.txt", b"log"))]
    reference, secret = _ticket(_send(client, files=files))
    again = _send(client, files=files)
    assert again.status_code == 409
    assert "You sent this already" in again.text
    assert f'href="/report/{reference}"' in again.text
    assert secret not in again.text
    assert _count(world) == 1
    _ticket(_send(client, files=files, place="192.0.2.1"))
    _ticket(_send(client, files=[("files", ("a.txt", b"another log"))]))


def test_the_language_is_changed_by_the_form_itself_so_that_its_text_stays(client: httpx.Client) -> None:
    switched = client.post(
        "/report",
        data={"made": _made(client), "what": "typed <so> far", "switch": "yes", "language": "fr", "theme": "dark"},
        files=[("files", ("", b""))],
    )
    assert switched.status_code == 200
    assert '<html lang="fr"' in switched.text
    assert 'data-theme="dark"' in switched.text
    assert "typed &lt;so&gt; far</textarea>" in switched.text
    assert '<html lang="fr"' in client.get("/report").text


@pytest.mark.parametrize("scripts", [True, False])
def test_a_report_survives_another_language_and_is_there_once_after_back(world: World, *, scripts: bool) -> None:
    application = make_application(world.node, public=True, clock=lambda: START)
    with served(application) as port, browser(scripts=scripts) as page:
        page.open(f"http://127.0.0.1:{port}/report")
        page.read(
            "document.getElementById('kind-deceit').click(); what.value = 'A false page'; place.value = '192.0.2.1'"
        )
        page.lead(
            "document.querySelector('#switch-language').value = 'es'; document.querySelector('[data-switch]').click()",
        )
        assert page.read("document.documentElement.lang") == "es"
        typed = page.read("[what.value, place.value, window['kind-deceit'].checked]")
        assert typed == ["A false page", "192.0.2.1", True]
        page.lead("send.click()")
        assert page.read("document.querySelectorAll('dl.ticket code').length") == 2
        page.lead("history.back()")
        page.read("window['kind-deceit'].checked = true; what.value = 'A false page'; place.value = '192.0.2.1'")
        page.lead("send.click()")
        assert page.read("document.querySelectorAll('dl.ticket code, div.wrong code').length") in {1, 2}
    assert _count(world) == 1


def test_a_page_elsewhere_cannot_send_reports_through_its_visitors(world: World, client: httpx.Client) -> None:
    client.headers.update({"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"})
    assert _send(client).status_code == 403
    assert _count(world) == 0


def test_whatever_is_refused_shows_the_telephone_number(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (world.node.home / "tocsin.toml").write_text(f'[node]\nemergency_number = "{NUMBER}"\n')
    client = replace(world, node=open_node(world.node.home)).client(public=True)
    sent: dict[str, Callable[[], httpx.Response]] = {
        "unlike": lambda: client.post("/report", data={"what": "x"}),
        "nothing": lambda: client.post("/report"),
        "empty": lambda: _send(client, what=""),
        "too large": lambda: _send(client, files=[("files", ("big.txt", b"x" * 16_000_000))]),
        "files": lambda: _send(client, files=[("files", ("a.txt", b"x"))] * 4),
        "stale": lambda: _send(client, made="x"),
        "wrong secret": lambda: client.post("/report/answer", data={"reference": "x", "secret": "y"}),
        "wrong kind of form": lambda: client.post("/report/answer", files=[("text", ("a.txt", b"x"))]),
        "from elsewhere": lambda: client.post("/report", headers={"Sec-Fetch-Site": "cross-site"}),
        "no such page": lambda: client.post("/report/a/b/c"),
    }
    answers = {name: send() for name, send in sent.items()}
    for failure in FAILURES:
        with monkeypatch.context() as patched:
            patched.setattr(REPORT_PAGES, "file_report", partial(_raise, failure))
            answers[repr(failure)] = _send(client)
    for name, answer in answers.items():
        assert answer.status_code >= 400, name
        assert f'href="tel:{NUMBER}"' in answer.text, name
    assert f'href="tel:{NUMBER}"' not in client.get("/report").text
    assert _count(world) == 0


def _raise(error: Exception, *_: object, **__: object) -> None:
    raise error


def test_many_behind_one_address_are_asked_for_a_sum_then_told_when_to_try_again(world: World) -> None:
    with (world.node.home / "tocsin.toml").open("a") as out:
        out.write("\n[intake]\nreports_an_hour = 2\nasked_an_hour = 2\n")
    with world.open:
        client = replace(world, node=open_node(world.node.home)).client(public=True)
        client.headers["X-Forwarded-For"] = FROM
        for number in range(2):
            _ticket(_send(client, place=f"192.0.2.{number}"))
        asked = _send(client, what="What I wrote is still here")
        assert (asked.status_code, "What I wrote is still here" in asked.text) == (422, True)
        wrong = _send(client, made=made_of(asked), what="What I wrote is still here", sum="99")
        assert (wrong.status_code, 'id="sum-error"' in wrong.text) == (422, True)
        _ticket(_send(client, made=made_of(wrong), what="What I wrote is still here", sum=sum_of(wrong)))
        form = client.get("/report")  # whoever comes now is asked at once
        _ticket(_send(client, made=made_of(form), what="Arabic digits", sum=chr(0x660 + 0) + sum_of(form)))
        form = client.get("/report")
        answer = _send(client, made=made_of(form), what="What I wrote is still here", sum=sum_of(form))
        assert answer.status_code == 429
        assert "emergency number" in answer.text
        assert 0 < int(answer.headers["retry-after"]) <= 3600
        assert "What I wrote is still here" in answer.text
        client.headers["X-Forwarded-For"] = "203.0.112.77"  # another network is not held up
        _ticket(_send(client))
    assert _count(world) == 5


def test_secrets_cannot_be_tried_out(client: httpx.Client) -> None:
    reference, secret = _ticket(_send(client))
    wrong = {"reference": reference, "secret": "0000-0000-0000-0000"}
    states = [client.post("/report/answer", data=wrong).status_code for _ in range(GUESSES_AN_HOUR + 1)]
    assert states == [422] * GUESSES_AN_HOUR + [429]
    assert client.post("/report/answer", data={"reference": reference, "secret": secret}).status_code == 429


def test_turns_are_counted_by_address_and_by_coarse_prefixes_whose_names_are_not_kept() -> None:
    turns = RateLimit(1, 2, lambda: START)
    assert turns.take("192.0.2.1") == 0
    assert turns.take("::ffff:192.0.2.1") > 0
    assert turns.take("192.0.2.200") == 0
    assert turns.take("192.0.2.9") > 0, "the network has had its two"
    assert turns.take("2001:db8:1:2::3") == 0
    assert turns.take("2001:db8:1:2::4") > 0, "one /64 is one address"
    assert turns.take("2001:db8:1:3::3") == 0
    assert turns.take("2001:db8:1:4::3") > 0
    assert turns.take("2001:db8:2::3") == 0
    assert turns.take("192.0.3.1") == 0
    assert "192.0.2" not in str(vars(turns._limiter.storage))


def test_a_report_by_keyboard_without_scripts(world: World) -> None:
    application = make_application(world.node, public=True, clock=lambda: START)
    with served(application) as port, browser(scripts=False) as page:
        page.open(f"http://127.0.0.1:{port}/report")
        page.read("document.getElementById('kind-deceit').focus()")
        page.press("Space", "Tab")
        page.write("A false page of my bank")
        page.press("Tab", "Tab", "Tab", "Tab")
        assert page.read("document.activeElement.id") == "mailbox"
        page.press("Tab")
        assert page.read("document.activeElement.id") == "send"  # the trap is not in the way
        before = page.loads
        page.press("Enter")
        page.wait_for_load(before)
        assert page.read("document.querySelector('h1').textContent") == "Report sent"
    assert _count(world) == 1


@pytest.mark.parametrize(("cut", "kept"), [("inbox.kept", 0), ("inbox.filed", 1)])
def test_a_report_sent_again_after_a_kill_is_one_report(world: World, cut: str, kept: int) -> None:
    files = [("files", ("a.txt", b"log"))]
    with serving(world.node.home, cut) as client:
        made = _made(client)
        with pytest.raises(httpx.TransportError):
            _send(client, made=made, files=files)
    assert _count(world) == kept
    with serving(world.node.home) as client:
        first, second = (_ticket(_send(client, made=made, files=files)) for _ in range(2))
        assert first == second
        assert (
            client.post("/report/answer", data=dict(zip(("reference", "secret"), first, strict=True))).status_code
            == 200
        )
    assert _count(world) == 1


@pytest.mark.parametrize(
    ("country", "language", "zone"),
    [("MU", "en", "Mauritius Time"), ("MU", "fr", "heure de Maurice"), ("US", "en", "UTC"), ("", "en", "UTC")],
)
def test_the_hint_names_the_time_of_the_country(world: World, country: str, language: str, zone: str) -> None:
    path = world.node.home / "tocsin.toml"
    path.write_text(path.read_text().replace("[node]", f'[node]\ncountry = "{country}"'))
    settled = copy_world(world.folder, world.folder.with_name(f"{world.folder.name}-settled"))
    with settled.open:
        page = text_of(settled.client(public=True).get(f"/report?language={language}"))
    assert re.search(rf"14(:| h )00 \({zone}\)", page)


def test_what_has_digits_is_not_called_letters(client: httpx.Client) -> None:
    page = text_of(client.get("/report/answer"))
    assert "Eight characters, such as 4KX7-9M2P." in page
    assert "letters that you were shown" not in page
