"""`tocsin deliveries`, as a person and as a program use it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from support.delivery_examples import NOW, Told, events, node, owe, team
from tocsin.cli import main
from tocsin.delivery import Delivery, deliver
from tocsin.delivery.channels.file import FileChannel
from tocsin.node.records import Database
from tocsin.operations.doctor import examine


@pytest.fixture
def home(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node with one digest that was written and one that the gate stopped."""
    monkeypatch.setenv("TOCSIN_STORAGE_DATABASE", database.engine.url.render_as_string(hide_password=False))
    teams = {1: team(1), 2: team(2, ceiling="CLEAR")}
    frames = {number: events({"source.ip": "192.0.2.1"}) for number in teams}
    owe(database, teams, frames)
    channel = FileChannel(tmp_path / "mails")
    deliver(database, teams=teams, events_of=Told(frames), channel=channel, node=node(), now=NOW)
    return tmp_path


def run(home: Path, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["--home", str(home), "deliveries", *arguments])
    said = capsys.readouterr()
    assert ended.value.code == code, said.err
    return said.out + said.err


def test_what_became_of_each_digest_is_listed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(run(home, capsys, "list", "--json"))
    stopped = json.loads(run(home, capsys, "list", "--state", "withheld", "--json"))

    assert [(one["reference"], one["state"]) for one in listed] == [
        ("TOC-2026-0000002", "withheld"),
        ("TOC-2026-0000001", "sent"),
    ]
    assert [one["reference"] for one in stopped] == ["TOC-2026-0000002"]
    assert "[recipient-ceiling]" in stopped[0]["error"]
    assert (home / "mails" / listed[1]["path"]).is_file()
    assert "TOC-2026-0000001" in run(home, capsys, "list")


def test_one_digest_is_shown_and_a_stopped_one_gets_another_chance(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = json.loads(run(home, capsys, "show", "toc-2026-0000001", "--json"))
    again = json.loads(run(home, capsys, "retry", "TOC-2026-0000002", "--json"))

    assert shown["counts"] == {"owed": 1, "withheld": 0, "mails": 1, "events": 1, "problems": 1, "gone": 0}
    assert shown["sent_at"] == "2026-11-24T06:00:00+00:00"
    assert again["state"] == "retry"
    assert "There is no digest" in run(home, capsys, "show", "nothing", code=1)
    assert "was sent at" in run(home, capsys, "retry", "TOC-2026-0000001", code=1)


def test_many_digests_are_tried_again_at_once_or_none_is(
    home: Path, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    def states() -> list[str]:
        return [one["state"] for one in json.loads(run(home, capsys, "list", "--json"))]

    assert "was sent at" in run(home, capsys, "retry", "TOC-2026-0000002", "TOC-2026-0000001", code=1)
    assert states() == ["withheld", "sent"]
    with database.begin() as session:
        session.execute(update(Delivery).values(state="bounced"))
    assert [(one.kind, one.found) for one in examine(home, datetime.now(UTC)) if one.what == "deliveries"] == [
        ("ok", "none failed"),
        ("to-do", "2 came back"),
    ]
    run(home, capsys, "retry", "TOC-2026-0000001", "TOC-2026-0000002", "TOC-2026-0000001")
    assert states() == ["retry", "retry"]
