"""Settings of collectors: what is wrong in them is named; when one looks again; a kind from somebody else's package."""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cast import Tocsin
from support.collected_reports import NAME, report, stored
from tocsin.node.errors import SettingError
from tocsin.pipeline.collectors import kinds, read_collectors
from tocsin.pipeline.collectors.schedule import FIRST_RETRY, LONGEST_RETRY, next_try

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
FOLDER = {"kind": "folder", "path": "in"}
HTTPS = {"kind": "https", "url": "https://feeds.example/x.csv"}
PLAIN = {**HTTPS, "url": "http://feeds.example/x.csv", "source": "mapped", "feed": "x"}
MISP = {"kind": "misp", "url": "https://misp.example", "secret_file": "x"}
IMAP = {"kind": "imap", "host": "mail.example", "user": "feeds", "secret_file": "x"}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, r"\[collect.it\] does not say its kind"),
        ({"kind": "ftp"}, "no kind of collector 'ftp'"),
        ({"kind": "folder"}, "collect.it.path.*it must be set"),
        ({**FOLDER, "pathh": "x"}, "collect.it.pathh.*no setting of this name"),
        ({**FOLDER, "every": "soon"}, "collect.it.every.*a period such as"),
        ({**FOLDER, "every": 0}, "collect.it.every.*a period such as"),
        ({**FOLDER, "after": "delete"}, "collect.it.after.*'move' or 'leave'"),
        ({**HTTPS, "url": "http://feeds.example/x.csv"}, "http:// needs 'source' and 'feed'"),
        ({**PLAIN, "auth": "bearer", "secret_file": "x"}, "takes no secret"),
        ({**HTTPS, "url": "https://feeds.example/{today:%c}"}, "a day takes %Y"),
        ({**HTTPS, "zone": "Mars/Olympus"}, "there is no time zone 'Mars/Olympus'"),
        ({**HTTPS, "post": "{'a': 1}"}, "begins like JSON and is none"),
        ({**HTTPS, "post": "page={page}"}, "{page} needs 'records'"),
        ({**HTTPS, "url": "https://feeds.example/?at={cursor}"}, "{cursor} needs 'next'"),
        ({"kind": "objects", "url": "s3://lists/x", "secret_file": "x"}, "secret_file needs account"),
        ({"kind": "objects", "url": "az://lists/x"}, "the name of the storage account"),
        ({"kind": "objects", "url": "s3://lists/x", "endpoint": "http://s3.example"}, "collect.it.endpoint"),
        ({"kind": "rsync", "url": "rsync://feeds.example/lists"}, "needs 'source' and 'feed'"),
        ({"kind": "rsync", "url": "--rsh=touch /tmp/x:"}, "collect.it.url"),
        ({"kind": "rsync", "url": "-x@feeds.example:lists"}, "collect.it.url"),
        ({"kind": "rsync", "url": "us@-oProxyCommand=x:lists"}, "collect.it.url"),
        ({"kind": "rsync", "url": "us@feeds.example:--help"}, "collect.it.url"),
        ({"kind": "rsync", "url": "us@feeds.example:lists", "ssh_key": "x -oProxyCommand=x"}, "collect.it.ssh_key"),
        ({**HTTPS, "url": "https://user:word@feeds.example/x.csv"}, "collect.it.url"),
        ({**HTTPS, "url": "https://[::1/x.csv"}, "collect.it.url"),
        ({**HTTPS, "url": "https://feeds.example:99999/x.csv"}, "collect.it.url"),
        ({**HTTPS, "auth": "basic", "secret_file": "x"}, "auth = 'basic' needs user"),
        ({**HTTPS, "auth": "bearer"}, "needs secret_file"),
        ({**HTTPS, "auth": "header", "secret_file": "x"}, "needs header"),
        ({**HTTPS, "pins": ["sha256/short="]}, "is no pin"),
        ({**HTTPS, "proxy": "socks5://127.0.0.1:1"}, "collect.it.proxy"),
        ({**IMAP, "security": "ssl"}, "collect.it.security"),
        ({**MISP, "url": "http://misp.example"}, "collect.it.url"),
        ({**MISP, "networks": ["10.1.2.3/16"]}, "collect.it.networks"),
        ({"kind": "shadowserver"}, "collect.it.secret_file"),
        ({"kind": "shadowserver", "secret_file": "x", "days": 31}, "collect.it.days"),
    ],
)
def test_a_setting_that_does_not_work_is_named(table: Mapping[str, object], words: str) -> None:
    with pytest.raises(SettingError, match=words) as raised:
        read_collectors({"it": table})
    assert raised.value.hint


@pytest.mark.parametrize(
    ("given_period", "minutes"), [("90s", 1.5), ("15m", 15), ("1h", 60), ("2 d", 2880), (20, 20), ("20", 20)]
)
def test_a_period_is_read(given_period: object, minutes: float) -> None:
    [settings] = read_collectors({"it": {**FOLDER, "every": given_period}}).values()
    assert settings.every == timedelta(minutes=minutes)


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=40)), st.integers(0, 10_000))
def test_failures_are_tried_again_later_and_later_up_to_a_bound(every: timedelta, failures: int) -> None:
    wait = next_try(started=NOW, every=every, failures=failures) - NOW
    after_one_more = next_try(started=NOW, every=every, failures=failures + 1) - NOW
    if failures == 0:
        assert wait == every
    else:
        assert FIRST_RETRY <= wait <= after_one_more <= max(every, LONGEST_RETRY)
        assert after_one_more in {2 * wait, max(every, LONGEST_RETRY)}


def test_a_setting_that_does_not_work_stops_the_command_and_shows_in_doctor(
    tocsin: Tocsin, collect: Callable[..., None]
) -> None:
    collect("folder")

    code, _, words = tocsin.call("collect", "list")
    found = {one["what"]: one for one in tocsin.json("doctor", code=1)}

    assert (code, "collect.it.path" in words) == (2, True)
    assert "collect.it.path" in found["collectors"]["found"]


@pytest.mark.parametrize("name", ["../up", "Big", "", "a b"])
def test_a_name_is_plain(tocsin: Tocsin, name: str) -> None:
    (tocsin.home / "tocsin.toml").write_text(f'[collect."{name}"]\nkind = "folder"\npath = "in"\n')
    assert tocsin.call("collect", "list")[0] == 2


THEIRS = """
from contextlib import contextmanager
from typing import Literal
from tocsin.pipeline.collectors import CollectedOffer, CollectorKind, CollectorSettings, WaitingReport

class Settings(CollectorSettings):
    kind: Literal["theirs"]
    text: str

class Theirs:
    def __init__(self, settings, home):
        self.settings = settings

    @contextmanager
    def look(self, memory):
        name = "%s"
        item = WaitingReport(name, read=lambda: [self.settings.text.encode()])
        yield iter([] if name in memory.known else [CollectedOffer(name, [item], name)])

KIND = CollectorKind(Settings, Theirs)
"""


def test_a_kind_from_another_package_is_one_like_ours(
    tocsin: Tocsin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs.py").write_text(THEIRS % NAME)
    metadata = tmp_path / "theirs-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[tocsin.collectors]\ntheirs = theirs:KIND\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = report("192.0.2.1").decode()
    (tocsin.home / "tocsin.toml").write_text(f"[collect.it]\nkind = 'theirs'\ntext = '''{text}'''\n")

    assert "theirs" in kinds()
    assert tocsin.json("collect", "run", "it")[0]["reports"] == 1
    assert tocsin.json("collect", "run", "it")[0]["taken"] == []
    assert stored(tocsin) == ["192.0.2.1"]
    sys.modules.pop("theirs")
