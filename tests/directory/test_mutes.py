"""A person mutes something for a team, for a time, and ends it again; what files say stays."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.cast import CAST, Tocsin
from tocsin.directory import Mute, MuteKind, import_directory, mute, read_directory, unmute
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.records import Database

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
_FILE = CAST.replace('key = "sector"', 'key = "sector"\nmutes = [{ type = "scanner" }]')


@pytest.fixture
def filled(database: Database, tmp_path: Path) -> Database:
    (tmp_path / "teams.toml").write_text(_FILE, encoding="utf-8")
    import_directory(database, tmp_path / "teams.toml", now=NOW, actor="test")
    return database


def mutes(database: Database, key: str) -> tuple[Mute, ...]:
    return next(team.mutes for team in read_directory(database).teams if team.key == key)


def test_a_mute_holds_until_it_is_ended_and_the_last_word_counts(filled: Database) -> None:
    before = read_directory(filled).version
    with filled.begin() as session:
        mute(session, "operator", Mute(MuteKind.PREFIX, "192.0.2.0/24", LATER, "moving"), actor="person:1", now=NOW)
        mute(session, "operator", Mute(MuteKind.PREFIX, "192.0.2.0/24", None, "moved"), actor="person:2", now=NOW)
    assert mutes(filled, "operator") == (Mute(MuteKind.PREFIX, "192.0.2.0/24", None, "moved"),)
    assert read_directory(filled).version != before
    with filled.begin() as session:
        unmute(session, "operator", MuteKind.PREFIX, "192.0.2.0/24", actor="person:1", now=NOW)
    assert mutes(filled, "operator") == ()


def test_what_a_file_says_is_not_ended_here(filled: Database) -> None:
    with filled.begin() as session, pytest.raises(NotFoundError):
        unmute(session, "sector", MuteKind.TYPE, "scanner", actor="person:1", now=NOW)
    assert len(mutes(filled, "sector")) == 1


@pytest.mark.parametrize(
    "said",
    [
        Mute(MuteKind.PREFIX, "here", LATER),
        Mute(MuteKind.TYPE, "scanner", NOW),
        Mute(MuteKind.TYPE, "scaner", LATER),  # would mute nothing
    ],
)
def test_what_cannot_be_muted_is_refused(filled: Database, said: Mute) -> None:
    with filled.begin() as session, pytest.raises(UsageError):
        mute(session, "operator", said, actor="person:1", now=NOW)
    assert mutes(filled, "operator") == ()


def test_a_command_mutes_for_a_time_and_ends_it(tmp_path: Path) -> None:
    (tmp_path / "teams.toml").write_text(CAST, encoding="utf-8")
    tocsin = Tocsin(tmp_path / "home", {})
    tocsin.run("directory", "import", tmp_path / "teams.toml")
    named = ("operator", "prefix", "192.0.2.0/24")
    assert tocsin.call("directory", "mute", *named)[0] == 2  # it has no end
    assert tocsin.call("directory", "mute", *named, "--days", "3", "--until", "2999-01-01")[0] == 2
    said = tocsin.json("directory", "mute", *named, "--until", "2999-01-01", "--reason", "moving")
    assert (said["value"], said["until"]) == ("192.0.2.0/24", "2999-01-01T00:00:00+00:00")
    assert tocsin.json("directory", "team", "operator")["mutes"][0]["reason"] == "moving"
    tocsin.run("directory", "unmute", *named)
    assert tocsin.call("directory", "unmute", *named)[0] == 1
