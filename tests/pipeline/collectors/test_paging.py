"""Dates in addresses, plain http, and answers that come in pages."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from support.cast import Tocsin
from support.collected_reports import NAME, report, stored
from support.https_server import Answer, Asked, WebServer, web_server
from tocsin.pipeline.collectors.dates import dated
from tocsin.pipeline.collectors.paging import PagedRequest

Collect = Callable[..., None]
LATE = datetime(2026, 12, 31, 22, 30, tzinfo=UTC)
MAPPING = """
name = "Open resolvers"
format = "json"
records = "data.hosts"
[columns]
ip = "source.ip"
seen = "time.source"
[constants]
"classification.type" = "vulnerable-system"
"classification.identifier" = "dns-open-resolver"
"""


@pytest.mark.parametrize(
    ("text", "zone", "found"),
    [
        ("/{today}/{yesterday}", "", "/2026-12-31/2026-12-30"),
        ("/{today}/{yesterday}", "Indian/Mauritius", "/2027-01-01/2026-12-31"),
        ("/{yesterday:%Y%m%d}.csv", "UTC", "/20261230.csv"),
        ("/{today:%Y/%m/%d}/{today:%H}", "America/Lima", "/2026/12/31/17"),
        ("/{today:%G-W%V}?at={page}", "", "/2026-W53?at={page}"),
    ],
)
def test_an_address_may_hold_a_day_of_any_form_and_zone(text: str, zone: str, found: str) -> None:
    assert dated(text, LATE, zone) == found


@pytest.mark.parametrize(
    ("request_", "page", "cursor", "found"),
    [
        (
            PagedRequest("/api", '{"page": "{page}", "q": {"from": "p{page}", "n": [1]}}', "data", ""),
            3,
            "",
            ("/api", b'{"page": 3, "q": {"from": "p3", "n": [1]}}', "application/json"),
        ),
        (
            PagedRequest("/api?p={page}", "at={cursor}&q=a%26b", "data", "next"),
            1,
            'x"&y=1',
            ("/api?p=1", b"at=x%22%26y%3D1&q=a%26b", "application/x-www-form-urlencoded"),
        ),
        (
            PagedRequest("/api?at={cursor}", '{"at": "{cursor}"}', "data", "next"),
            1,
            '", "all": "/../',
            (
                "/api?at=%22%2C%20%22all%22%3A%20%22%2F..%2F",
                b'{"at": "\\", \\"all\\": \\"/../"}',
                "application/json",
            ),
        ),
    ],
)
def test_a_page_is_asked_for_and_no_cursor_says_more_than_itself(
    request_: PagedRequest, page: int, cursor: str, found: tuple[str, bytes, str]
) -> None:
    url, body, headers = request_.at(page, cursor)
    assert (url, body, headers["Content-Type"]) == found


@pytest.mark.parametrize(
    ("records", "following", "answer", "found"),
    [
        ("data.hosts", "", b'{"data": {"hosts": [1]}}', (True, "")),
        ("data.hosts", "", b'{"data": {"hosts": []}}', (False, None)),
        ("data.hosts", "", b'{"data": 1}', (False, None)),
        ("", "meta.next", b'{"meta": {"next": 17}}', (True, "17")),
        ("", "meta.next", b'{"meta": {"next": null}}', (True, None)),
        ("data", "", b"ip,port\n", (True, None)),
        ("data", "", b"[" * 100_000, (True, None)),
    ],
)
def test_where_pages_end(records: str, following: str, answer: bytes, found: tuple[bool, str | None]) -> None:
    assert PagedRequest("/", "{page}", records, following).look_at(answer) == found


def write_mapping(tocsin: Tocsin) -> None:
    (tocsin.home / "feeds").mkdir()
    (tocsin.home / "feeds" / "resolvers.toml").write_text(MAPPING)


def test_all_pages_are_posted_for_and_taken_in(
    tocsin: Tocsin, collect: Collect, secret: str, server: WebServer
) -> None:
    def page(asked: Asked) -> Answer:
        addresses = pages[int(parse_qs(asked.body.decode())["page"][0])]
        hosts = [{"ip": address, "seen": "2026-11-23T01:02:03Z"} for address in addresses]
        return Answer(json.dumps({"data": {"hosts": hosts}}).encode())

    pages: dict[int, list[str]] = {1: ["192.0.2.1", "192.0.2.2"], 2: ["192.0.2.3"], 3: []}
    server.pages["/hosts"] = page
    write_mapping(tocsin)
    asked = {"post": "page={page}&day={today:%Y%m%d}", "records": "data.hosts"}
    feed = {"source": "mapped", "feed": "resolvers", "auth": "bearer", "secret_file": secret}
    collect("https", url=server.url("/hosts"), **asked, **feed)

    offers = tocsin.json("collect", "run", "--dry-run")
    [run] = tocsin.json("collect", "run", "it")
    [again] = tocsin.json("collect", "run", "it")

    assert [offer["reports"][0]["name"] for offer in offers] == ["hosts-1", "hosts-2"]
    assert (run["reports"], run["error"], again["reports"], again["already"]) == (2, None, 0, 2)
    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert {one.headers["authorization"] for one in server.asked} == {"Bearer s3cret"}
    assert {(one.method, len(parse_qs(one.body.decode())["day"][0])) for one in server.asked} == {("POST", 8)}


def test_a_server_that_gives_one_page_for_ever_is_asked_for_no_more_than_twice(
    tocsin: Tocsin, collect: Collect, server: WebServer
) -> None:
    server.pages["/hosts"] = Answer(json.dumps({"data": {"hosts": [{"ip": "192.0.2.1"}]}}).encode())
    write_mapping(tocsin)
    collect("https", url=server.url("/hosts?p={page}"), records="data.hosts", source="mapped", feed="resolvers")

    tocsin.run("collect", "run", "it")

    assert [one.path for one in server.asked] == ["/hosts?p=1", "/hosts?p=2"]
    assert stored(tocsin) == ["192.0.2.1"]


def test_plain_http_serves_the_feed_that_it_is_named_for(tocsin: Tocsin, collect: Collect) -> None:
    with web_server(None) as server:
        server.pages[f"/{NAME}"] = Answer(report("192.0.2.1"))
        collect("https", url=server.url(f"/{NAME}"), source="shadowserver", feed="scan_rdp")
        tocsin.run("collect", "run", "it")

    assert stored(tocsin) == ["192.0.2.1"]
