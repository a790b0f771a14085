"""The journal of purges survives a line that was cut off, and knows how far each purge is."""

from pathlib import Path

from tocsin.node.journal import JournalEntry, Step, newest_steps, note_step
from tocsin.operations.purge import bring_back_journal, copy_journal, unfinished


def entry(name: str, step: Step) -> JournalEntry:
    return JournalEntry(
        name, step, f"mail:{name}", "0" * 64, "2026-11-27T10:00:00+00:00", plan={"reference": f"mail:{name}"}
    )


def test_half_a_line_is_none_and_the_next_stands_on_its_own(tmp_path: Path) -> None:
    note_step(tmp_path, entry("1", Step.INTENT))
    path = tmp_path / "purges.jsonl"
    path.write_bytes(path.read_bytes() + b'{"id": "2", "step": "int')
    note_step(tmp_path, entry("3", Step.DONE))
    assert [(one.id, one.step) for one in newest_steps(tmp_path)] == [("1", Step.INTENT), ("3", Step.DONE)]
    assert [one.id for one in unfinished(tmp_path)] == ["1"]
    assert path.stat().st_mode & 0o077 == 0


def test_beside_the_backups_it_is_kept_once_and_without_plans(tmp_path: Path) -> None:
    home, backups, other = tmp_path / "home", tmp_path / "backups", tmp_path / "other"
    for step in (Step.INTENT, Step.CLEARED, Step.DONE):
        note_step(home, entry("1", step))
    copy_journal(home, backups)
    copy_journal(home, backups)
    note_step(home, entry("2", Step.DONE))
    copy_journal(home, backups)
    assert [(one.id, one.plan) for one in newest_steps(backups)] == [("1", {}), ("2", {})]
    assert len((backups / "purges.jsonl").read_text().splitlines()) == 2

    note_step(backups / "monday", entry("0", Step.DONE))
    bring_back_journal(backups / "monday", other)
    assert sorted(one.id for one in unfinished(other)) == ["0", "1", "2"]
    assert {one.step for one in unfinished(other)} == {Step.AGAIN}


def test_another_act_in_it_is_left_alone(tmp_path: Path) -> None:
    erasure = JournalEntry("1", Step.INTENT, "mail:1", "0" * 64, "2026-11-27T10:00:00+00:00", act="erase")
    note_step(tmp_path / "backup", erasure)
    bring_back_journal(tmp_path / "backup", tmp_path / "home")
    assert (unfinished(tmp_path / "backup"), unfinished(tmp_path / "home")) == ([], [])
