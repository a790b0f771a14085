"""Killed at any point while collecting, the next run finishes: nothing is lost, nothing is taken twice."""

import os
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

import tocsin as package
from support.cast import Tocsin
from support.collected_reports import NAME, report, spooled, stored
from support.https_server import Answer, Asked, WebServer
from support.imap_server import ImapServer, imap_server
from support.processes import KILLED, command

NAMES = sorted(
    {
        name
        for path in (Path(package.__file__).parent / "pipeline" / "collectors").rglob("*.py")
        for name in re.findall(r'\bcut\("([\w.-]+)"\)', path.read_text())
    }
)
# The first collector has a file here, the second a report on the web, the third a mail.
PLACES = [
    "collect.fetched:2",
    "collect.spooled:2",
    "collect.ingested:1",
    "collect.ingested:3",
    "collect.gone:1",
    "collect.noted:2",
    "collect.settled:1",
]


@pytest.fixture(scope="module")
def imap() -> Iterator[ImapServer]:
    with imap_server() as started:
        yield started


def test_every_point_is_visited() -> None:
    assert sorted({place.partition(":")[0] for place in PLACES}) == NAMES


@pytest.mark.parametrize("place", PLACES)
def test_a_kill_while_collecting_loses_and_doubles_nothing(
    tocsin: Tocsin, server: WebServer, imap: ImapServer, certificate: tuple[Path, ssl.SSLContext], place: str
) -> None:
    def page(asked: Asked) -> Answer:
        fresh = asked.headers.get("if-none-match") != '"one"'
        return Answer(report("192.0.2.2", day="2026-11-22"), headers={"ETag": '"one"'}) if fresh else Answer(status=304)

    user, inbox = place.replace(":", ""), tocsin.home / "inbox"
    write_settings(tocsin, server, imap, user, certificate[0] / "certificate.pem")
    server.pages["/2026-11-22-scan_rdp-kestria.csv"] = page
    inbox.mkdir()
    (inbox / NAME).write_bytes(report("192.0.2.1"))
    os.utime(inbox / NAME, (0, 0))  # nobody writes it any more
    attached = b"Subject: report\r\nContent-Type: text/csv; name=2026-11-21-scan_rdp-kestria.csv\r\n\r\n"
    imap.put(attached + report("192.0.2.3", day="2026-11-21"), user=user)

    killed = collected(tocsin, TOCSIN_CUT=place)
    assert killed == KILLED, f"'{place}' was never reached"
    assert tocsin.call("collect", "run", "drop", "list", "mail")[0] == 0

    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert [feed["reports"] for feed in tocsin.json("feeds", "list")] == [3]
    assert [path.name for path in (inbox / "done").iterdir()] == [NAME]
    assert (imap.mails("INBOX", user), len(imap.mails("tocsin-done", user))) == ([], 1)
    assert spooled(tocsin) == []


def write_settings(tocsin: Tocsin, server: WebServer, imap: ImapServer, user: str, authority: Path) -> None:
    secret = tocsin.home / "imap.secret"
    secret.touch(0o600)
    secret.write_text(imap.password)
    (tocsin.home / "tocsin.toml").write_text(
        f"""
        [collect.drop]
        kind = "folder"
        path = "inbox"

        [collect.list]
        kind = "https"
        url = "{server.url("/2026-11-22-scan_rdp-kestria.csv")}"
        ca_file = "{authority}"

        [collect.mail]
        kind = "imap"
        host = "127.0.0.1"
        port = {imap.port}
        security = "none"
        user = "{user}"
        secret_file = "imap.secret"
        """
    )


def collected(tocsin: Tocsin, **environment: str) -> int:
    words = ("collect", "run", "drop", "list", "mail")
    return command(tocsin.home, *words, environment={**tocsin.environment, **environment}).wait()
