"""What the server of a partner takes back, a person ends: the events that came of it, and no others."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from support.cast import Tocsin
from support.collected_reports import stored
from support.https_server import WebServer
from support.misp_server import FakeMisp
from support.processes import KILLED, command
from support.taxii_server import FakeTaxii, indicator

NOW = int(time.time()) - 3_600
LOCAL = ["127.0.0.0/8"]


def from_taxii(server: WebServer) -> tuple[tuple[str, dict[str, object]], Callable[[], None]]:
    """A server with two indicators, the first of two addresses, and what revokes it."""
    taxii = FakeTaxii(server)
    both = "[ipv4-addr:value = '192.0.2.1'] OR [ipv4-addr:value = '192.0.2.3']"
    taxii.objects = [(1, indicator(1, "192.0.2.1", pattern=both)), (2, indicator(2, "192.0.2.2"))]
    gone = indicator(1, "192.0.2.1", pattern=both, modified="2026-11-21T00:00:00.000Z", revoked=True)
    return ("taxii", {"url": server.url("/taxii2/")}), lambda: taxii.objects.append((7, gone))


def from_misp(server: WebServer) -> tuple[tuple[str, dict[str, object]], Callable[[], None]]:
    """A MISP with two events, and what deletes the first."""
    misp = FakeMisp(server)
    first, _ = misp.put(NOW - 20, "192.0.2.1", "192.0.2.3"), misp.put(NOW - 10, "192.0.2.2")
    return ("misp", {"url": server.url("")}), lambda: misp.events.__delitem__(first)


def within_misp(server: WebServer) -> tuple[tuple[str, dict[str, object]], Callable[[], None]]:
    """A MISP with one event, and what deletes addresses in it."""
    misp = FakeMisp(server)
    event = misp.put(NOW - 20, "192.0.2.1", "192.0.2.2", "192.0.2.3")

    def take_back() -> None:
        for value in ("192.0.2.1", "192.0.2.3"):
            misp.change(event, NOW, deleted=value)

    return ("misp", {"url": server.url("")}), take_back


@pytest.mark.parametrize("make", [from_taxii, from_misp, within_misp])
def test_events_of_what_was_taken_back_are_ended_by_a_person(
    tocsin: Tocsin, collect: Callable[..., None], server: WebServer, secret: str, make: Any
) -> None:
    (kind, options), take_back = make(server)
    tocsin.run("keys", "node-make", "--format", "openpgp")
    tocsin.run("partners", "add", "CERT B", "--mailbox", "csirt@b.example")
    collect(kind, secret_file=secret, networks=LOCAL, partner="CERT B", **options)
    tocsin.json("collect", "run", "it")
    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    take_back()
    if kind == "misp":  # all are listed once a day
        forget_last_run(tocsin)
    killed = {**tocsin.environment, "TOCSIN_CUT": "collect.gone:1"}
    assert command(tocsin.home, "collect", "run", "it", environment=killed).wait() == KILLED
    tocsin.call("collect", "run", "it")
    [item] = [row for row in tocsin.json("exchange", "list")["received"] if row["item"]]
    assert (item["state"], item["tlp"]) == ("recalled", "AMBER+STRICT" if kind == "taxii" else "AMBER")
    assert [row["kind"] for row in tocsin.json("exchange", "made", str(item["item"]))] == ["events", "events"]
    assert tocsin.call("exchange", "answer", str(item["item"]), "--state", "done")[0] == 1
    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"], "nobody has ended it"
    tocsin.run("exchange", "answer", str(item["item"]), "--state", "done", "--end")
    assert stored(tocsin) == ["192.0.2.2"]
    assert tocsin.json("exchange", "made", str(item["item"])) == []


def forget_last_run(tocsin: Tocsin) -> None:
    """As if the collector had last run a day ago."""
    with closing(sqlite3.connect(tocsin.home / "records.sqlite")) as records, records:
        records.execute("UPDATE collector SET last_success_at = datetime('now', '-1 day', '-1 hour')")
