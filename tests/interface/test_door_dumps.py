"""What can be done and read at each door, and by which forms, is as ``tests/doors`` has it."""

from pathlib import Path

from support.door_dumps import READS, commands, differences, dumps, figures
from tocsin.cli.acts import every_act
from tocsin.interface.acts import Absence


def test_doors_offer_what_is_written(tmp_path: Path) -> None:
    differs = differences(dumps(tmp_path))
    assert not differs, f"{differs}\nIf that is meant: scripts/doors --renew, and the reason in the commit."


def test_every_command_is_an_act_or_reads_or_is_said_to_change_something() -> None:
    acts = {str(act.command) for act in every_act() if not isinstance(act.command, Absence)}
    others = [*READS["asked"], *READS["read"], *READS["change"]["all"]]
    assert sorted(others) == sorted(commands().keys() - {""} - acts)


def test_each_door_has_each_act_or_says_why_not() -> None:
    found = figures()
    assert {sum(found[door].values()) for door in ("commands", "api", "pages")} == {found["acts"]}
