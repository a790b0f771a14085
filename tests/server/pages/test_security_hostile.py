"""What strangers write stays text, wherever it is shown, mailed or handed out.

Every field that somebody outside can fill holds markup, a template, SQL and a formula; then all pages are read.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import html

from support.cast import HEADER
from support.console_users import Browser, browser_of
from support.furnished_node import furnish
from support.page_examples import Example, fill
from support.routes import Door, doors
from support.world import START, World, copy_world
from tocsin.incidents.arrivals import ReportAttachment, ReportForm, ReportKind, file_report, form_word, ticket_of
from tocsin.node.accounts import OPEN, AccountRole, Permission
from tocsin.node.accounts.permissions import Extent
from tocsin.node.tokens import open_tokens
from tocsin.pipeline.ingest import ingest
from tocsin.server.server import make_application

MARK = "x-evil"
EVIL = (
    f"<{MARK} onmouseover=alert(1)>\"'><{MARK}>"
    "{{1337*1337}}${1337*1337}<%=1337*1337%>{% raw %}%(evil)s %s {0}'; DROP TABLE team;--"
)
_WORKED_OUT = "1787569"  # the product, if somebody worked it out
_STREAMS = {"/today/live"}
_SCHEMES = ("https:", "http:", "mailto:", "tel:", "data:image/")
TEAM = """
source = "stranger"
confidence = 60

[[team]]
key = "evil-team"
name = '''EVIL'''
country = "MU"
mailboxes = ["abuse@evil.example"]
prefixes = ["203.0.113.0/25"]
"""


@dataclass(frozen=True)
class Stage:
    """A node full of hostile text, and people who look at it."""

    world: World
    doors: list[Door]
    examples: dict[str, Example]
    browsers: dict[AccountRole, Browser]


@pytest.fixture(scope="module")
def stage(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    world = copy_world(fresh, tmp_path_factory.mktemp("hostile"))
    _write(world)
    examples = furnish(world)
    application = make_application(world.node, clock=lambda: world.now)
    with (
        browser_of(application, world.node, AccountRole.ADMINISTRATOR, now=START) as administrator,
        browser_of(application, world.node, AccountRole.OPERATOR, now=START, teams=(4,)) as operator,
        browser_of(application, world.node, AccountRole.NOBODY, now=START) as nobody,
    ):
        browsers = {
            AccountRole.ADMINISTRATOR: administrator,
            AccountRole.OPERATOR: operator,
            AccountRole.NOBODY: nobody,
        }
        _say(browsers)
        yield Stage(world, doors(application), examples, browsers)


def _write(world: World) -> None:
    """Reports, a team and public reports that hold it in every text."""
    quoted = EVIL.replace('"', '""')
    row = (
        f'"{START:%Y-%m-%d} 04:00:00","{quoted}","192.0.2.1","tcp",3389,"{quoted}","{quoted}",64500,"MU",'
        f'"{quoted}","=cmd|1"'
    )
    path = world.folder / f"{START:%Y-%m-%d}-scan_rdp-{MARK}'onload=x-geo.csv"
    broken = f'"{quoted}","{quoted}","{quoted}",,,,,,,,'
    path.write_text(f"{HEADER}\n{row}\n{broken}\n", encoding="utf-8")
    assert not ingest(world.node, [path], clock=lambda: world.now).failed
    (world.folder / "evil.toml").write_text(TEAM.replace("EVIL", EVIL.replace("'", "`")), encoding="utf-8")
    world.tocsin.run("directory", "import", world.folder / "evil.toml")
    tokens = open_tokens(world.node.home)
    ticket = ticket_of(form_word(tokens, world.now), tokens, world.now)
    assert ticket is not None
    files = [ReportAttachment(f"<{MARK}>.txt", EVIL.encode())]
    place, language = f"javascript:alert('{MARK}')", "en"
    filed = ReportForm(ReportKind.DECEIT, EVIL, place, EVIL, "a+b@home.example", language)
    file_report(world.node.database, world.node.inbox, ticket, filed, files, now=world.now)


def _say(browsers: dict[AccountRole, Browser]) -> None:
    """What people may write themselves: names, notes, views, reasons, agents."""
    one = browsers[AccountRole.ADMINISTRATOR]
    one.client.headers["user-agent"] = EVIL[:120].encode("ascii", "ignore").decode()
    for path, fields in (
        ("/account/profile", {"name": EVIL[:80]}),
        ("/events/views", {"name": EVIL[:80], "query": "text=" + EVIL, "shared": "1"}),
        ("/teams/operator/say", {"name": "name", "kind": "name", "value": EVIL, "values": EVIL, "reason": EVIL}),
        ("/teams/operator/mutes", {"kind": "type", "value": "scanner", "what": "scanner", "reason": EVIL}),
        ("/reports/1/leave", {"reason": EVIL, "why": EVIL}),
        ("/deliveries/sending", {"act": "stop", "reason": EVIL}),
        ("/admin/people/invite", {"mailbox": "a@b.example", "role": "analyst", "name": EVIL}),
        ("/account/tokens", {"name": EVIL[:60], "scope": "lookup", "days": "30"}),
    ):
        assert one.send(path, **fields).status_code < 500, path
    browsers[AccountRole.OPERATOR].send(
        "/portal/contacts/mute", kind="type", what="scanner", for_days="30", reason=EVIL
    )


@dataclass(frozen=True)
class Shown:
    """One answer, and who asked for what."""

    role: AccountRole
    path: str
    answer: httpx.Response

    @property
    def kind(self) -> str:
        """Its type."""
        return str(self.answer.headers.get("content-type", "").partition(";")[0])


@pytest.fixture(scope="module")
def shown(stage: Stage) -> list[Shown]:
    """All that can be read: everything by the administrator, what is theirs by the operator and by the public."""
    return [
        Shown(role, path, _get(browser, path))
        for role, browser in stage.browsers.items()
        for door in stage.doors
        if door.method == "GET" and door.path not in _STREAMS and _is_for(door, role)
        for path in _addresses(stage, door)
    ]


def _get(browser: Browser, path: str) -> httpx.Response:
    for _ in range(2):  # a connection that was idle may just be closed
        try:
            return browser.client.get(path, follow_redirects=False)
        except httpx.TransportError as error:
            said = str(error)
    return httpx.Response(599, text=said)  # the server said nothing


def _is_for(door: Door, role: AccountRole) -> bool:
    if door.act in {None, Permission.LINK_USE}:
        return False
    if role is AccountRole.OPERATOR:
        return door.lets_in(role) is Extent.OWN
    return door.act in OPEN if role is AccountRole.NOBODY else door.act not in OPEN


def _addresses(stage: Stage, door: Door) -> list[str]:
    example = stage.examples.get(door.path)
    return [example.at if example else door.path, *_more(door)]


_KEYS = {
    "/teams/{key}": "evil-team",
    "/teams/{key}/history": "operator",
    "/reports/{number}": "1",
    "/directory/{key}": "evil-team",
    "/reports/quarantine/{number}/{place}": "1 0",
    "/networks/{value:path}": "203.0.113.0/25",
    "/api/v1/teams/{key}": "evil-team",
}
_NAMES = (
    "q", "query", "text", "address", "team", "who", "word", "show", "reference", "next", "name", "about", "done", "act",
    "code", "feed", "since", "state", "reason", "ask",
)  # fmt: skip


def _more(door: Door) -> list[str]:
    """Further addresses: those of the hostile things themselves, and queries that hold hostile text."""
    found = [fill(door.path, _KEYS[door.path])] if door.path in _KEYS else []
    if "{" not in door.path:
        found.append(f"{door.path}?{httpx.QueryParams(dict.fromkeys(_NAMES, EVIL))}")
    return found


def test_no_page_holds_what_strangers_wrote_as_anything_but_text(shown: list[Shown]) -> None:
    """OWASP ASVS 1.2.1, 1.2.2, 1.3.7: no element, attribute, address or template of theirs."""
    wrong, there = [], 0
    for one in shown:
        if one.answer.status_code >= 500:
            wrong.append((one.role, one.path[:80], [one.answer.text]))
        if one.kind != "text/html":
            continue
        tree: Any = html.fromstring(one.answer.text)
        there += MARK in tree.text_content()
        links = [str(link) for link in tree.xpath("//@href | //@src | //@action")]
        bad = [
            *tree.iter(MARK),
            *tree.xpath("//@*[starts-with(name(), 'on')]"),
            *tree.xpath("//script[not(@src)] | //style | //*[@style]"),
            *(link for link in links if ":" in link.split("/")[0] and not link.startswith(_SCHEMES)),
        ]
        if bad or _WORKED_OUT in one.answer.text:
            wrong.append((one.role, one.path, bad))
    assert wrong == []
    assert there > 10  # it was there to be seen


def test_no_file_that_is_handed_out_runs_in_a_spreadsheet_or_a_browser(stage: Stage, shown: list[Shown]) -> None:
    """ASVS 1.2.10, 3.2.1: no cell of an export begins a formula, and no file is shown within the site.

    The files of digests are exact, as `docs/delivery.md` says: programs read them.
    """
    for one in shown:
        assert one.kind not in {"image/svg+xml", "application/xhtml+xml", "text/xml", "application/javascript"}, (
            one.path
        )
        if one.kind == "text/csv" and "/files/" not in one.path:
            cells = [cell for row in csv.reader(io.StringIO(one.answer.text)) for cell in row]
            assert [cell for cell in cells if cell and cell[0] in "=@\t\r"] == [], (one.role, one.path)
    export = stage.browsers[AccountRole.ADMINISTRATOR].get("/events/export?format=csv")
    assert "'=cmd|1" in export.text
    assert export.headers["content-disposition"].startswith("attachment")


def test_names_of_files_write_no_header(shown: list[Shown]) -> None:
    """ASVS 5.4.2 and RFC 6266."""
    headers = (one.answer.headers.get("content-disposition", "") for one in shown)
    found = [one for one in headers if one]
    assert found
    for one in found:
        assert one.startswith("attachment;")
        assert not set(one) & set("<>\r\n\\")
        assert one.count('"') in {0, 2}


def test_the_directory_and_the_events_are_as_they_were(stage: Stage) -> None:
    """ASVS 1.2.4: a query is a value wherever it goes, and no table is gone."""
    browser = stage.browsers[AccountRole.ADMINISTRATOR]
    names = ("text", "address", "asn", "country", "taxonomy", "type", "identifier", "severity", "feed")
    for name in names:
        for value in ("' OR '1'='1", "1) OR 1=1 --", '"; DROP TABLE event; --', "%", "_", "\\", "\x00", "x\ny"):
            answer = browser.client.get("/api/v1/events", params={name: value})
            assert answer.status_code in {200, 400, 422}, (name, value)
            if answer.status_code == 200:
                assert json.loads(answer.text)["items"] == [], (name, value)
    assert browser.get("/api/v1/teams/operator").status_code == 200
    assert len(json.loads(browser.get("/api/v1/events").text)["items"]) >= 2


def test_mails_keep_their_headers(stage: Stage) -> None:
    """ASVS 1.3.11: what was written is in the text of a mail, never in its recipients or headers."""
    from sqlalchemy import select

    from tocsin.node.letters import Letter

    reference = stage.examples["/reports/public/{reference}"].own
    sender = stage.browsers[AccountRole.ADMINISTRATOR]
    sender.send(f"/reports/public/{reference}/take")
    sender.send(
        f"/reports/public/{reference}/say", text="x\r\nBcc: e@evil.example\r\n\r\n" + EVIL, answer=EVIL, body=EVIL
    )
    with stage.world.node.database.reading() as session:
        for letter in session.scalars(select(Letter)):
            assert "\n" not in letter.subject
            assert "evil.example" not in letter.mailbox or letter.mailbox == "abuse@evil.example"
