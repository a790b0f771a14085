"""What can be done and read at each door, and by which forms, is what ``tests/doors`` says; `scripts/doors` renews it."""

import tomllib
from pathlib import Path

from support.door_dumps import READS, RENEW, commands, differences, dumps, figures
from tocsin.cli.acts import every_act
from tocsin.interface.acts import Absence


def test_doors_offer_what_is_written(tmp_path: Path) -> None:
    differs = differences(dumps(tmp_path))
    assert not differs, f"{differs}\nWhere it is meant, run {RENEW} and say why in the commit."


def test_every_command_is_an_act_or_a_read_or_said_to_change_something() -> None:
    asked = tomllib.loads(READS.read_text("utf-8"))
    acts = [str(act.command) for act in every_act() if not isinstance(act.command, Absence)]
    assert sorted([*acts, *asked["asked"], *asked["read"], *asked["change"]["all"]]) == sorted(commands().keys() - {""})


def test_figures_add_up() -> None:
    found = figures()
    for door in ("commands", "api", "pages"):
        assert sum(found[door].values()) == found["acts"]
    assert found["fields"]["titled"] <= found["fields"]["all"]
