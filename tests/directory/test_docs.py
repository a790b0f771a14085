"""docs/directory.md describes what imports: its examples are taken whole, and every field is in its tables."""

import re
from datetime import UTC, datetime
from pathlib import Path

from tocsin.directory import import_directory, read_directory
from tocsin.directory.entries import BASIS_FIELDS, TEAM_FIELDS, TEAM_LISTS
from tocsin.node.records import open_database, sqlite_url

TEXT = (Path(__file__).parents[2] / "docs" / "directory.md").read_text(encoding="utf-8")


def test_the_examples_are_taken_whole(tmp_path: Path) -> None:
    tomls = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    tables = [block for block in re.findall(r"(?:^    .*\n)+", TEXT, re.MULTILINE) if "," in block.splitlines()[0]]
    database = open_database(sqlite_url(tmp_path / "records.sqlite"))
    database.migrate()
    files = [
        (f"{number}.{form}", block)
        for form, blocks in (("toml", tomls), ("csv", tables))
        for number, block in enumerate(blocks)
    ]
    for name, text in files:
        path = tmp_path / name
        path.write_text("\n".join(line.removeprefix("    ") for line in text.splitlines()), encoding="utf-8")
        done = import_directory(database, path, actor="docs", now=datetime(2026, 11, 24, tzinfo=UTC))
        assert not done.not_taken
        assert done.rules_new or done.facts_new
    directory = read_directory(database)
    database.close()
    assert len(tables) == 2
    assert [team.key for team in directory.teams] == ["example-isp", "cert-mu", "listening-line"]


def test_every_field_is_described() -> None:
    described = {
        name for row in re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert {"key", "source", *TEAM_FIELDS, *BASIS_FIELDS, *TEAM_LISTS} - {"mutes"} <= described
    assert "[[team.mutes]]" in TEXT
