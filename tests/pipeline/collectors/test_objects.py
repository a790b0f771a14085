"""Objects in a bucket of S3 and in a container of Azure."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from support.cast import Tocsin
from support.collected_reports import NAME, report, spooled, stored
from support.https_server import WebServer
from support.object_server import serve_objects

Collect = Callable[..., None]
KEY = base64.b64encode(b"s3cret of an account").decode()
S3 = {"url": "s3://lists/ctip/{today:%Y}", "account": "AKIDEXAMPLE"}
AZURE = {"url": "az://lists/ctip/{today:%Y}", "account": "feeds"}


@pytest.mark.parametrize(
    ("place", "key", "shows"),
    [
        (S3, KEY, ("authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")),
        (AZURE, KEY, ("authorization", "SharedKey feeds:")),
        (AZURE, "sv=2026&sig=abc%3D", ("", "sig=abc%3D")),
    ],
    ids=["s3", "azure", "azure-sas"],
)
def test_objects_are_fetched_once_and_again_when_they_changed(
    tocsin: Tocsin,
    collect: Collect,
    secret: str,
    server: WebServer,
    *,
    place: dict[str, str],
    key: str,
    shows: tuple[str, str],
) -> None:
    year = datetime.now(UTC).year
    objects = {
        f"ctip/{year}/{NAME}": report("192.0.2.1"),
        f"ctip/{year}-11-b ä.csv": report("192.0.2.2", day="2026-11-22"),
        f"ctip/{year}/c.csv": report("192.0.2.3", day="2026-11-21"),
        f"ctip/{year}/index.html": b"<html>",
        "ctip/old.csv": report("192.0.2.4"),
    }
    serve_objects(server, "/lists", objects)
    (tocsin.home / secret).write_text(f"{key}\n")
    collect(
        "objects", **place, endpoint=server.url(""), secret_file=secret, include=["*.csv"],
        source="shadowserver", feed="scan_rdp",
    )  # fmt: skip

    offers = tocsin.json("collect", "run", "--dry-run")
    [first] = tocsin.json("collect", "run", "it")
    [second] = tocsin.json("collect", "run", "it")
    objects[f"ctip/{year}/c.csv"] = report("192.0.2.5", day="2026-11-21")
    [third] = tocsin.json("collect", "run", "it")

    assert len(offers) == 3
    assert [(run["reports"], run["error"]) for run in (first, second, third)] == [(3, None), (0, None), (1, None)]
    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.5"]
    assert spooled(tocsin) == []
    header, words = shows
    assert all(words in (one.headers.get(header, "") if header else one.path) for one in server.asked)
    assert not any("s3cret" in f"{one.path}{one.headers}" or KEY in f"{one.headers}" for one in server.asked)


def test_an_object_that_is_too_large_and_a_server_that_is_not_there(
    tocsin: Tocsin, collect: Collect, server: WebServer
) -> None:
    serve_objects(server, "/lists", {NAME: report("192.0.2.1") + b"x" * 200_000})
    collect("objects", url="s3://lists", endpoint=server.url(""), max_bytes=100_000)
    [run] = tocsin.json("collect", "run", "it", code=1)
    assert "more than 100,000 bytes" in run["refused"][0]["reason"]
    assert stored(tocsin) == []

    collect("objects", url="s3://nowhere?", endpoint=server.url(""))
    assert tocsin.call("collect", "run", "it")[0] == 2

    collect("objects", url="s3://nowhere", endpoint=server.url(""))
    [run] = tocsin.json("collect", "run", "it", code=1)
    assert "s3://nowhere cannot be fetched" in run["error"]
    assert tocsin.json("collect", "list")[0]["failures"] == 1
