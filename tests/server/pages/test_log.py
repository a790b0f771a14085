"""What happened can be followed by one id, through processes and into mails, and the log holds no content."""

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest

from support.api_client import token_of
from support.cast import HEADER
from support.console_users import Browser, browser_of
from support.furnished_node import furnish, inbox_reports
from support.page_examples import fill
from support.routes import Door, doors
from support.world import World, copy_world, make_world, serving
from tocsin.cli import main
from tocsin.node.accounts import AccountRole
from tocsin.node.log import close_log, open_log
from tocsin.node.log_settings import LogSettings
from tocsin.node.trace import id_in
from tocsin.server.server import make_application

Line = dict[str, Any]

_STREAMS = {"/today/live"}
_ROLES = (AccountRole.ADMINISTRATOR, AccountRole.MANAGER, AccountRole.OPERATOR, AccountRole.PROTECTION_OFFICER)
_PLANTED = {
    "name": "Zqx Planted", "mailbox": "zqx.planted@person.example", "subject": "zqx subject", "note": "zqx note",
    "reason": "zqx reason", "text": "zqx text 203.0.113.77", "title": "zqx title", "value": "203.0.113.77",
    "password": "zqx password", "secret": "zqx secret", "token": "zqxtoken", "q": "zqx query", "value_s": "zqx.example",
}  # fmt: skip
_OWN_ID = re.compile(r"<(?:TOC|LTR)-[^<>\s]+>")
_MAILBOX = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.example")


def lines_of(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    open_log(LogSettings(form="json", file=str(path)))
    try:
        yield
    finally:
        close_log()


def test_nothing_in_the_log_of_a_whole_day_is_content(fresh: Path, tmp_path: Path) -> None:
    """Every door is asked, by whoever may, with planted words in address, form and headers; and the node works."""
    world, path = copy_world(fresh, tmp_path / "day"), tmp_path / "log"
    with logging_to(path):
        examples = furnish(world)
    with logging_to(path):  # the commands of the furnished node closed it
        application = make_application(world.node, clock=lambda: world.now)
        with people(application, world) as browsers:
            secret: set[str] = set()
            for door in sorted(doors(application), key=lambda one: (one.method != "GET", one.path)):
                example = examples.get(door.path)
                address = example.at if example else fill(door.path, "zqx-path")
                secret |= {part for part in address.split("/") if len(part) >= 20 and part not in door.path}
                if door.path not in _STREAMS:
                    _ask(browsers, door, address)
            world.tell()
    lines = lines_of(path)
    assert {line["event"] for line in lines} >= {"request", "job", "child", "mail"}
    assert len({line["route"] for line in lines if line["event"] == "request"}) > 300
    text = path.read_text()
    with closing(sqlite3.connect(world.node.home / "records.sqlite")) as connection:
        kept = "\n".join(connection.iterdump())
    forbidden = {*_PLANTED.values(), *secret, *_MAILBOX.findall(_OWN_ID.sub("", kept))}
    forbidden |= set(re.findall(r"\b(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}\b", kept))
    forbidden |= {one.client.cookies.get("tocsin_session", "") or "zqx" for one in browsers.values()}
    assert len(forbidden) > 40
    assert sorted(one for one in forbidden if one in text or quote(one) in text) == []
    assert "zqx" not in text.lower()


@contextmanager
def people(application: Any, world: World) -> Iterator[dict[AccountRole, Browser]]:
    """Somebody of each role who may do much, and somebody whom nobody knows."""
    with (
        browser_of(application, world.node, AccountRole.ADMINISTRATOR, now=world.now) as administrator,
        browser_of(application, world.node, AccountRole.MANAGER, now=world.now) as manager,
        browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=(4,)) as operator,
        browser_of(application, world.node, AccountRole.PROTECTION_OFFICER, now=world.now) as officer,
        browser_of(application, world.node, AccountRole.NOBODY, now=world.now) as nobody,
    ):
        yield dict(zip((*_ROLES, AccountRole.NOBODY), (administrator, manager, operator, officer, nobody), strict=True))


def _ask(browsers: dict[AccountRole, Browser], door: Door, address: str) -> None:
    who = browsers[next((role for role in _ROLES if door.lets_in(role)), AccountRole.NOBODY)]
    given: dict[str, Any] = {}
    if door.method != "GET":
        given = {"json": _PLANTED} if door.api else {"data": {"csrf": who.csrf, **_PLANTED}}
    headers = {"x-csrf-token": who.csrf, "referer": "https://zqx.example/zqx", "user-agent": "zqx"}
    if who.csrf == "":
        headers["authorization"] = "Bearer zqxtoken"
    who.client.request(door.method, address, params={"q": "zqx query"}, headers=headers, **given)


@dataclass(frozen=True)
class Served:
    """A node that is served by processes of its own, with the work behind it; ``report``: of its inbox."""

    client: httpx.Client
    log: Path
    now: datetime
    report: str


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("log")
    log = folder / "log"
    settings = f'[log]\nform = "json"\nfile = "{log}"\n[tell]\nhold_first_mail = false\nmode = "live"\n'
    world = make_world(folder, settings).after_today(0)
    report = inbox_reports(world)["inbox"][0]
    token = token_of(world.node, AccountRole.ANALYST, world=world)
    with serving(world.node.home, public=False, work=True) as client:
        client.headers["authorization"] = f"Bearer {token}"
        yield Served(client, log, world.now, report)


def awaited(log: Path, event: str, trace: str) -> Line:
    """The first line of this kind that has the id, once it is there."""
    for _ in range(1_200):
        for line in lines_of(log):
            if line["event"] == event and trace in (line.get("id"), *line.get("of", ())):
                return line
        time.sleep(0.05)
    raise AssertionError(f"no {event} of {trace}: {log.read_text()[-3_000:]}")


def test_one_id_leads_from_a_report_to_the_mail_that_came_of_it(node: Served) -> None:
    row = f'"{node.now:%Y-%m-%d %H:%M:%S}","medium","192.0.2.1","tcp",3389,,"rdp",64500,"MU",,'
    answer = node.client.post(
        "/api/v1/reports", params={"name": f"{node.now:%Y-%m-%d}-scan_rdp-test-geo.csv"},
        content=f"{HEADER}\n{row}\n", headers={"content-type": "text/csv"},
    )  # fmt: skip
    trace = answer.headers["x-request-id"]
    assert UUID(answer.json()["id"]).hex.endswith(trace)
    request = awaited(node.log, "request", trace)
    assert (request["method"], request["route"], request["status"]) == ("POST", "/api/v1/reports", answer.status_code)
    assert request["who"].startswith("person:")
    job = awaited(node.log, "job", trace)
    assert (job["name"], job["place"], job["rows"], job["stored"]) == ("ingest", "upload", 1, 1)
    mail = awaited(node.log, "mail", trace)
    assert (mail["state"], mail["ingests"]) == ("sent", job["ingests"])
    assert mail["reference"] in mail["message_id"]


def test_one_id_leads_from_an_act_through_a_confined_process_to_its_mail(node: Served) -> None:
    """The text is long enough to be looked through in a process of its own; the mail leaves from another one."""
    answer = node.client.post(f"/api/v1/inbox/{node.report}/answer", json={"text": "ч" * 9_000})
    assert answer.status_code == 200, answer.text
    trace = answer.headers["x-request-id"]
    assert awaited(node.log, "request", trace)["route"] == "/api/v1/inbox/{reference}/answer"
    child = awaited(node.log, "child", trace)
    assert child["bytes_in"] > 18_000
    assert child["bytes_out"] > 0
    assert child["cpu_s"] >= 0
    mail = awaited(node.log, "mail", trace)
    assert (mail["id"], mail["state"]) == (trace, "sent")
    assert id_in(mail["message_id"]) == trace


def test_a_command_has_a_line_with_its_name_alone(node: Served) -> None:
    """And a chore that did something, one too."""
    home = node.log.parent / "home"
    with pytest.raises(SystemExit):
        main(["--home", str(home), "deliveries", "show", "zqx"])
    [command] = [line for line in lines_of(node.log) if line["event"] == "command"]
    assert (command["name"], command["refused"]) == ("deliveries show", "NotFoundError")
    assert "zqx" not in node.log.read_text()
    assert {line["name"] for line in lines_of(node.log) if line["event"] == "job"} >= {"ingest", "tell"}
