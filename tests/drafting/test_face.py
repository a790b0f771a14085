"""The room's face holds what it names, and every command is in its page of the docs."""

import importlib
from pathlib import Path

import typer

import tocsin.drafting
from tocsin.cli.drafting import app


def test_every_name_of_the_face_is_there() -> None:
    homes = tocsin.drafting._HOMES
    assert sorted(tocsin.drafting.__all__) == sorted(name for names in homes.values() for name in names)
    for module, names in homes.items():
        home = importlib.import_module(f"tocsin.drafting.{module}")
        assert all(getattr(tocsin.drafting, name) is getattr(home, name) for name in names)


def test_every_command_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "drafting.md").read_text(encoding="utf-8")
    command = typer.main.get_command(app)
    names = list(getattr(command, "commands", {}))
    assert len(names) > 20
    assert [name for name in names if f"`{name}`" not in page] == []
