"""The pages that are checked, and the commands that they may name."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from tocsin.cli import COMMANDS, application

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def pages() -> dict[str, str]:
    """The text of README, CHANGELOG and everything below docs/, by path."""
    paths = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


@pytest.fixture(scope="session")
def commands() -> dict[str, set[str]]:
    """The options of every command by its words, such as ``directory import``."""
    return dict(_commands(typer.main.get_command(application(COMMANDS))))


def _commands(command: object, name: str = "") -> Iterator[tuple[str, set[str]]]:
    if name:
        yield name, _options(command)
    if isinstance(command, typer.core.TyperGroup):
        context = typer.Context(command)
        for word in command.list_commands(context):
            yield from _commands(command.get_command(context, word), f"{name} {word}".strip())


def _options(command: object) -> set[str]:
    params = getattr(command, "params", [])
    return {option for param in params for option in [*param.opts, *param.secondary_opts] if option.startswith("-")}
