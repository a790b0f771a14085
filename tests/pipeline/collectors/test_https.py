"""A report behind an https address: fetched when it changed, with credentials that go nowhere else."""

import base64
import gzip
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.cast import Tocsin
from support.collected_reports import NAME, report, spooled, stored
from support.https_server import Answer, Asked, WebServer, pin_by_openssl, web_proxy
from tocsin.pipeline.collectors.spool import file_name
from tocsin.pipeline.collectors.web import name_in

Collect = Callable[..., None]


def test_a_report_is_fetched_once_and_again_when_it_changed(
    tocsin: Tocsin, collect: Collect, server: WebServer
) -> None:
    def page(asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == tag[0]:
            return Answer(status=304)
        return Answer(report(*addresses), headers={"ETag": tag[0]})

    tag, addresses = ['"one"'], ["192.0.2.1"]
    server.pages[f"/feeds/{NAME}"] = page
    collect("https", url=server.url(f"/feeds/{NAME}?key=1"))

    [first] = tocsin.json("collect", "run", "it")
    [second] = tocsin.json("collect", "run", "it")
    tag[0], addresses = '"two"', ["192.0.2.1", "192.0.2.2"]
    [third] = tocsin.json("collect", "run", "it")

    assert [run["reports"] for run in (first, second, third)] == [1, 0, 1]
    assert (second["taken"], second["error"]) == ([], None)
    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2"]
    assert spooled(tocsin) == []
    assert server.asked[1].headers["if-none-match"] == '"one"'
    [feed] = tocsin.json("feeds", "list")
    assert (feed["feed"], feed["reports"], feed["rows"]) == ("shadowserver/scan_rdp", 2, 3)


def test_a_server_that_only_knows_times_is_asked_by_time(tocsin: Tocsin, collect: Collect, server: WebServer) -> None:
    when = "Mon, 23 Nov 2026 05:00:00 GMT"
    server.pages[f"/{NAME}"] = Answer(report("192.0.2.1"), headers={"Last-Modified": when})
    collect("https", url=server.url(f"/{NAME}"))

    tocsin.run("collect", "run", "it")
    [again] = tocsin.json("collect", "run", "it")

    assert server.asked[1].headers["if-modified-since"] == when
    assert (again["reports"], again["already"]) == (0, 1)  # it came again, and it was here
    assert stored(tocsin) == ["192.0.2.1"]


def test_another_address_is_not_asked_with_what_the_first_one_said(
    tocsin: Tocsin, collect: Collect, server: WebServer
) -> None:
    for name in ("a", "b"):
        server.pages[f"/{name}/{NAME}"] = Answer(report("192.0.2.1"), headers={"ETag": '"x"'})
    for name in ("a", "b"):
        collect("https", url=server.url(f"/{name}/{NAME}"))
        tocsin.run("collect", "run", "it")

    assert "if-none-match" not in server.asked[1].headers


@pytest.mark.parametrize(
    "known_by",
    [
        (
            {"auth": "basic", "user": "kestria"},
            "authorization",
            f"Basic {base64.b64encode(b'kestria:s3cret').decode()}",
        ),
        ({"auth": "bearer"}, "authorization", "Bearer s3cret"),
        ({"auth": "header", "header": "X-Api-Key"}, "x-api-key", "s3cret"),
    ],
)
def test_credentials_go_to_the_server_and_not_where_it_redirects_to(
    tocsin: Tocsin,
    collect: Collect,
    secret: str,
    servers: tuple[WebServer, WebServer],
    known_by: tuple[dict[str, str], str, str],
) -> None:
    (server, other_server), (settings, header, value) = servers, known_by
    server.pages["/start"] = Answer(status=302, headers={"Location": "/next"})
    server.pages["/next"] = Answer(status=307, headers={"Location": other_server.url(f"/{NAME}")})
    other_server.pages[f"/{NAME}"] = Answer(report("192.0.2.1"))
    collect("https", url=server.url("/start"), secret_file=secret, **settings)

    tocsin.run("collect", "run", "it")

    assert [asked.headers.get(header) for asked in server.asked] == [value, value]
    assert [asked.headers.get(header) for asked in other_server.asked] == [None]
    assert stored(tocsin) == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://127.0.0.1:9/plain.csv", "redirects to what is not https"),
        ("file:///etc/hostname", "redirects to what is not https"),
        ("https://[::1", "cannot be reached"),
        ("https://127.0.0.1:99999/", "redirects to what is not https"),
        ("/round", "redirects more than 5 times"),
    ],
)
def test_a_redirect_away_from_https_or_in_circles_is_not_followed(
    tocsin: Tocsin, collect: Collect, server: WebServer, location: str, words: str
) -> None:
    server.pages["/round"] = Answer(status=301, headers={"Location": location})
    collect("https", url=server.url("/round"))

    assert words in failed(tocsin)


def failed(tocsin: Tocsin) -> str:
    """The reason of a run that must fail, the same in the answer, in the list and on standard error."""
    code, _, words = tocsin.call("collect", "run", "it")
    assert code == 1
    [standing] = tocsin.json("collect", "list")
    assert standing["failures"] >= 1
    assert standing["error"].partition("\n")[0] in words
    return str(standing["error"])


def test_a_secret_that_others_can_read_is_not_used(
    tocsin: Tocsin, collect: Collect, secret: str, server: WebServer
) -> None:
    (tocsin.home / secret).chmod(0o644)
    collect("https", url=server.url("/x"), auth="bearer", secret_file=secret)

    words = failed(tocsin)

    assert "can be read by others" in words
    assert "s3cret" not in words
    assert server.asked == []


def test_what_may_be_secret_in_an_address_is_not_shown(tocsin: Tocsin, collect: Collect, server: WebServer) -> None:
    collect("https", url=server.url("/x.csv?token=s3cret"))

    words = failed(tocsin)

    assert "answers 404" in words
    assert "s3cret" not in words
    assert server.asked[0].path == "/x.csv?token=s3cret"


@pytest.mark.parametrize("promised", [None, -1])
def test_a_report_that_is_too_large_is_refused_and_leaves_nothing(
    tocsin: Tocsin, collect: Collect, server: WebServer, promised: int | None
) -> None:
    server.pages[f"/{NAME}"] = Answer(report("192.0.2.1") + b"x" * 200_000, promised=promised)
    collect("https", url=server.url(f"/{NAME}"), max_bytes=100_000)

    [run] = tocsin.json("collect", "run", "it", code=1)

    assert "more than 100,000 bytes" in run["refused"][0]["reason"]
    assert run["error"] is None
    assert (stored(tocsin), spooled(tocsin)) == ([], [])
    [refusal] = tocsin.json("collect", "refused")
    assert refusal["what"] == server.url(f"/{NAME}")


def test_an_answer_that_breaks_off_is_no_report(tocsin: Tocsin, collect: Collect, server: WebServer) -> None:
    whole = report("192.0.2.1", "192.0.2.2")
    server.pages[f"/{NAME}"] = Answer(whole[:-30], promised=len(whole), headers={"ETag": '"one"'})
    collect("https", url=server.url(f"/{NAME}"))

    assert "cannot be reached" in failed(tocsin)
    assert (stored(tocsin), spooled(tocsin)) == ([], [])

    server.pages[f"/{NAME}"] = Answer(whole, headers={"ETag": '"one"'})
    tocsin.run("collect", "run", "it")
    assert "if-none-match" not in server.asked[1].headers
    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2"]
    assert tocsin.json("collect", "list")[0]["failures"] == 0


def test_a_certificate_must_be_trusted_and_a_pinned_key_must_be_there(
    tocsin: Tocsin, collect: Collect, server: WebServer, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    server.pages[f"/{NAME}"] = Answer(report("192.0.2.1"))
    wrong, right = "sha256/" + "A" * 43 + "=", pin_by_openssl(certificate[0])

    collect("https", url=server.url(f"/{NAME}"), ca_file="")
    assert "certificate" in failed(tocsin)
    collect("https", url=server.url(f"/{NAME}"), pins=[wrong])
    assert right in failed(tocsin)
    assert server.asked == []  # nothing was sent before the key was known
    collect("https", url=server.url(f"/{NAME}"), pins=[wrong, right])
    tocsin.run("collect", "run", "it")
    assert stored(tocsin) == ["192.0.2.1"]


def test_a_proxy_is_used_where_one_is_set(
    tocsin: Tocsin, collect: Collect, secret: str, server: WebServer, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    server.pages[f"/{NAME}"] = Answer(report("192.0.2.1"))
    (tocsin.home / secret).write_text("kestria:pr0xy\n")
    with web_proxy() as proxy:
        collect(
            "https",
            url=server.url(f"/{NAME}"),
            proxy=f"http://127.0.0.1:{proxy.port}",
            proxy_secret_file=secret,
            pins=[pin_by_openssl(certificate[0])],
        )
        tocsin.run("collect", "run", "it")

    assert (proxy.asked, proxy.users) == ([f"127.0.0.1:{server.port}"], ["kestria:pr0xy"])
    assert "proxy-authorization" not in server.asked[0].headers
    assert stored(tocsin) == ["192.0.2.1"]


def test_a_name_from_the_server_cannot_leave_the_folder(tocsin: Tocsin, collect: Collect, server: WebServer) -> None:
    name = f"../../../feeds/{NAME}"
    server.pages["/get"] = Answer(
        report("192.0.2.1"), headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
    collect("https", url=server.url("/get"))

    tocsin.run("collect", "run", "it")

    assert stored(tocsin) == ["192.0.2.1"]
    assert not (tocsin.home / "feeds").exists()


def test_a_packed_report_is_unpacked_by_the_pipeline(tocsin: Tocsin, collect: Collect, server: WebServer) -> None:
    server.pages["/today.gz"] = Answer(gzip.compress(report("192.0.2.1")))
    collect("https", url=server.url("/today.gz"), source="shadowserver", feed="scan_rdp")

    tocsin.run("collect", "run", "it")

    assert stored(tocsin) == ["192.0.2.1"]


def test_an_address_may_hold_the_day(tocsin: Tocsin, collect: Collect, server: WebServer) -> None:
    collect("https", url=server.url("/{today}/{yesterday}.csv"))

    failed(tocsin)

    [asked] = server.asked
    today, yesterday = asked.path.removesuffix(".csv").split("/")[1:]
    assert yesterday < today
    assert len(today) == len(yesterday) == 10


def test_a_dry_run_shows_what_there_is_and_changes_nothing(tocsin: Tocsin, collect: Collect, server: WebServer) -> None:
    server.pages[f"/{NAME}"] = Answer(report("192.0.2.1"), headers={"ETag": '"one"'})
    collect("https", url=server.url(f"/{NAME}"))

    [offer] = tocsin.json("collect", "run", "--dry-run")

    assert offer["reports"] == [{"name": NAME, "bytes": len(report("192.0.2.1"))}]
    assert not (tocsin.home / "collected").exists()
    assert tocsin.json("collect", "list")[0]["last_try_at"] is None
    assert stored(tocsin) == []


@given(st.text(max_size=80), st.text(max_size=40))
@example("utf-8''%ff%00", "x")
@example("no-such-charset'en'%41", "x")
@example("=?utf-8?b?Li4vLi4v?=", "x")
def test_any_name_that_a_server_gives_is_survived(name: str, path: str) -> None:
    for header in (f'attachment; filename="{name}"', f"attachment; filename*={name}", name):
        request = httpx.Request("GET", f"https://feeds.example/{quote(path)}")
        response = httpx.Response(200, headers=[(b"Content-Disposition", header.encode())], request=request)
        assert file_name(name_in(response)) == Path(file_name(name_in(response))).name
