"""TAXII collections are read to the last page, each version once, however a server pages; what is revoked is noted."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.cast import Tocsin
from support.collected_reports import spooled, stored
from support.https_server import WebServer
from support.taxii_server import FakeTaxii, indicator
from tocsin.node.errors import RemoteError
from tocsin.pipeline.collectors import read_collectors
from tocsin.pipeline.collectors.kinds import Memory
from tocsin.pipeline.collectors.taxii import TaxiiCollector, TaxiiSettings

LOCAL = ["127.0.0.0/8"]


@pytest.fixture
def taxii(server: WebServer) -> FakeTaxii:
    return FakeTaxii(server)


@pytest.fixture
def settings(server: WebServer, secret: str, certificate: tuple[Path, Any]) -> Callable[..., TaxiiSettings]:
    def read(**more: Any) -> TaxiiSettings:
        table = {
            "kind": "taxii", "url": server.url("/taxii2/"), "secret_file": secret, "networks": LOCAL,
            "ca_file": str(certificate[0] / "certificate.pem"), "page": 2, **more,
        }  # fmt: skip
        found = read_collectors({"it": table})["it"]
        assert isinstance(found, TaxiiSettings)
        return found

    return read


def run(settings: TaxiiSettings, home: Path, cursor: dict[str, str]) -> list[str]:
    """The values of one run; where it goes on is written into the cursor once each offer was read."""
    found = []
    with TaxiiCollector(settings, home).look(Memory(datetime.now(UTC), dict(cursor))) as offers:
        for offer in offers:
            for item in offer.items:
                event = json.loads(b"".join(item.read()))
                found += [one["value"] for one in event["Event"]["Attribute"]]
            found += [str(offer.refused)] if offer.refused else []
            cursor |= offer.cursor
    return found


def test_collections_are_read_sighted_and_read_on(
    tocsin: Tocsin, taxii: FakeTaxii, server: WebServer, secret: str, certificate: tuple[Path, Any]
) -> None:
    address = ("--kind", "taxii", "--url", server.url("/taxii2/"), "--network", LOCAL[0])
    options = ("--collection", "Indicators", "--secret-file", str(tocsin.home / secret))
    refused = tocsin.json("feeds", "add", "it", *address, *options, code=1)
    assert "certificate" in refused["error"].lower(), "of the test's own authority, which only the settings can name"
    collector = tocsin.home / "feeds" / "it.collector"
    collector.write_text(f'{collector.read_text()}ca_file = "{certificate[0] / "certificate.pem"}"\npage = 2\n')
    taxii.objects = [(n, indicator(n, f"192.0.2.{n}")) for n in range(1, 6)]
    [first] = tocsin.json("collect", "run", "it")
    assert (first["reports"], first["refused"]) == (1, [])
    assert stored(tocsin) == [f"192.0.2.{n}" for n in range(1, 6)]
    assert tocsin.json("collect", "run", "it")[0]["reports"] == 0
    assert taxii.asked[-1]["added_after"] == "2026-11-20T00:00:05.000000Z"
    taxii.objects.append((7, indicator(1, "192.0.2.1", modified="2026-11-21T00:00:00.000Z", revoked=True)))
    [third] = tocsin.json("collect", "run", "it", code=1)
    assert (third["reports"], "Revoked there: 1" in str(third["refused"])) == (0, True)
    assert spooled(tocsin) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"inclusive": True},
        {"silent": True},
        {"blind": True},
        {"blind": True, "inclusive": True},
        {"endless": True},
        {"endless": True, "inclusive": True},
        {"endless": True, "silent": True},
    ],
    ids=str,
)
def test_each_version_comes_once_and_a_run_ends_however_a_server_pages(
    wrong: dict[str, bool], taxii: FakeTaxii, settings: Callable[..., TaxiiSettings], tocsin: Tocsin
) -> None:
    for name, value in wrong.items():
        setattr(taxii, name, value)
    taxii.objects = [(n, indicator(n, f"n{n}.example")) for n in range(1, 6)]
    cursor: dict[str, str] = {}
    assert run(settings(), tocsin.home, cursor) == [f"n{n}.example" for n in range(1, 6)]
    assert run(settings(), tocsin.home, cursor) == []
    taxii.objects.append((6, indicator(6, "n6.example")))
    assert run(settings(), tocsin.home, cursor) == ["n6.example"]
    assert len(taxii.asked) < 60


def test_a_large_collection_is_read_over_several_runs_also_where_the_server_forgets_its_place(
    taxii: FakeTaxii, settings: Callable[..., TaxiiSettings], tocsin: Tocsin
) -> None:
    taxii.objects = [(n, indicator(n, f"n{n}.example")) for n in range(1, 10)]
    cursor: dict[str, str] = {}
    assert run(settings(most=4), tocsin.home, cursor) == [f"n{n}.example" for n in range(1, 5)]
    assert run(settings(most=4), tocsin.home, cursor) == [f"n{n}.example" for n in range(5, 9)]
    (url, state) = next(iter(cursor.items()))
    assert json.loads(state)["after"] == ""  # only after the last page
    cursor[url] = json.dumps({**json.loads(state), "next": "x" * 9})
    assert run(settings(most=4), tocsin.home, cursor) == ["n9.example"]
    assert json.loads(cursor[url])["after"] == "2026-11-20T00:00:09.000000Z"


def test_another_host_is_sent_nothing_and_a_collection_that_is_missing_is_said(
    taxii: FakeTaxii, settings: Callable[..., TaxiiSettings], tocsin: Tocsin
) -> None:
    taxii.roots = ("https://elsewhere.example/root/",)
    assert run(settings(), tocsin.home, {}) == []
    taxii.roots = ("/data/",)
    with pytest.raises(RemoteError, match="no collection 'c2' for us"):
        run(settings(collections=["c2"]), tocsin.home, {})
