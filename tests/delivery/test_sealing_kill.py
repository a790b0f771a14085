"""Killed while sealed mails or requests for a key leave: the same digest comes again, nobody is asked twice."""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.processes import KILLED, command
from support.sealing_examples import Cast, parsed
from tocsin.cli import main
from tocsin.delivery.sealing import KeyRing
from tocsin.directory.keys import KeyFormat, KeySubmission, import_keys
from tocsin.node.home import open_home
from tocsin.node.node_settings import NodeSettings
from tocsin.node.settings import Settings

TEAM = """
source = "test"
[[team]]
key = "isp"
name = "Example ISP"
mailboxes = ["noc@isp.example"]
interval = "at_once"
ceiling = "AMBER"
encrypt = true
prefixes = ["192.0.2.0/24"]
"""


@pytest.fixture(scope="module")
def owing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that owes one team an encrypted digest, and has no key of it."""
    tmp_path = tmp_path_factory.mktemp("owing")
    home, told = tmp_path / "home", {"feed.name": "x", "classification.type": "infected-system"}
    event = told | {"time.source": f"{datetime.now(UTC):%Y-%m-%dT00:00:00Z}", "source.ip": "192.0.2.5"}
    (tmp_path / "teams.toml").write_text(TEAM, encoding="utf-8")
    (tmp_path / "r.jsonl").write_text(json.dumps(event) + "\n", encoding="utf-8")
    for words in (["directory", "import", str(tmp_path / "teams.toml")], ["ingest", str(tmp_path / "r.jsonl")]):
        with pytest.raises(SystemExit) as ended:
            main(["--home", str(home), *words])
        assert ended.value.code == 0
    return home


@pytest.fixture
def home(owing: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return shutil.copytree(owing, tmp_path / "home")


def delivered(home: Path, *, cut: str = "") -> None:
    """Run ``tocsin deliver`` in a process of its own; it dies at ``cut``."""
    done = command(home, "deliver", environment={**os.environ, "TOCSIN_CUT": cut})
    assert done.wait() == (KILLED if cut else 0), done.said


def mails(home: Path, kind: str) -> list[bytes]:
    return [path.read_bytes() for path in (home / "mails").rglob(f"{kind}*.eml")]


@pytest.mark.parametrize("place", ["deliver.rendered", "deliver.file.named", "deliver.noting"])
def test_a_sealed_digest_comes_again_as_the_same_digest(home: Path, cast: Cast, place: str) -> None:
    _, database = open_home(home)
    settings = Settings(node=NodeSettings(contact="csirt@csirt.example"))
    made = KeyRing(home, settings, database, "test").make(KeyFormat.OPENPGP, years=1, now=datetime.now(UTC))
    import_keys(database, "isp", cast.pgp.content, KeySubmission("test", "test"), datetime.now(UTC))
    delivered(home, cut=place)
    before = mails(home, "TOC")
    delivered(home)
    (mail,) = mails(home, "TOC")

    assert str(parsed(mail)["Subject"]).endswith("-0000001]")
    assert {str(parsed(one)["Message-ID"]) for one in before} <= {str(parsed(mail)["Message-ID"])}
    assert b"192.0.2.5" not in mail
    cast.gpg.run("--import", given=(home / "keys" / "openpgp.asc").read_bytes())
    inner, signer = cast.gpg.opened(mail)
    assert signer == made.fingerprint
    assert b"192.0.2.5" in inner


@pytest.mark.parametrize("place", ["deliver.claiming", "letters.named", "letters.sent", "letters.noting"])
def test_a_team_is_asked_for_a_key_once_though_the_run_was_killed(home: Path, place: str) -> None:
    delivered(home, cut=place)
    delivered(home)
    delivered(home)

    assert mails(home, "TOC") == []
    assert [str(parsed(mail)["To"]) for mail in mails(home, "LTR")] == ["noc@isp.example"]
