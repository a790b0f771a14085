"""Every command is in its page of the docs."""

from pathlib import Path

import typer

from tocsin.drafting.commands.drafting import app


def test_every_command_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "drafting.md").read_text(encoding="utf-8")
    command = typer.main.get_command(app)
    names = list(getattr(command, "commands", {}))
    assert len(names) > 20
    assert [name for name in names if f"`{name}`" not in page] == []
