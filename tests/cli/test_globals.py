"""What holds for every command: the global options, one JSON document, exit codes, and a cold start that is quick."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cast import CAST, Tocsin
from support.collected_reports import report
from tocsin.cli import COMMANDS, hoist_globals
from tocsin.node.build import build

_WORDS = st.lists(st.sampled_from(["ingest", "--json", "--home", "--home=x", "dir", "--feed", "-", "--", "a.csv"]))


@pytest.fixture
def tocsin(tmp_path: Path) -> Tocsin:
    """The command line on a new home folder."""
    return Tocsin(tmp_path / "home", {**os.environ, "NO_COLOR": "1"})


@given(_WORDS)
def test_hoisting_loses_no_word_and_keeps_the_order_of_the_rest(words: list[str]) -> None:
    hoisted = hoist_globals(words)
    assert sorted(hoisted) == sorted(words)
    after = words[words.index("--") :] if "--" in words else []
    assert hoisted[len(hoisted) - len(after) :] == after


@given(_WORDS)
def test_hoisting_twice_changes_nothing_more(words: list[str]) -> None:
    assert hoist_globals(hoist_globals(words)) == hoist_globals(words)


def test_global_options_move_to_the_front_up_to_a_double_dash() -> None:
    assert hoist_globals(["events", "--json", "--home", "x", "--", "--json"]) == [
        "--json",
        "--home",
        "x",
        "events",
        "--",
        "--json",
    ]


def test_global_options_may_stand_anywhere(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "cast.toml").write_text(CAST)
    tocsin.run("directory", "import", tmp_path / "cast.toml")
    before = tocsin.run("--json", "directory", "list")
    assert before == tocsin.run("directory", "--json", "list") == tocsin.run("directory", "list", "--json")
    assert len(json.loads(before)) == 6


def test_home_comes_from_the_environment(tocsin: Tocsin, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    command: list[str | Path] = [Path(sys.executable).parent / "tocsin", "directory", "list"]
    subprocess.run(command, env=tocsin.environment | {"TOCSIN_HOME": str(elsewhere)}, check=True, cwd=tmp_path)
    assert (elsewhere / "records.sqlite").is_file()
    assert not (tmp_path / "home").exists()


def test_the_version_is_printed_and_python_runs_the_package(tocsin: Tocsin) -> None:
    assert tocsin.run("--version") == f"Tocsin {build()}\n"
    command = [sys.executable, "-m", "tocsin", "--version"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == f"Tocsin {build()}\n"


def test_help_shows_the_names_of_settings(tocsin: Tocsin) -> None:
    assert "where [server] work says so" in " ".join(tocsin.run("serve", "--help").split())
    assert "[mail] key_password_file" in " ".join(tocsin.run("keys", "node-import", "--help").split())
    assert "[mail] key_password_file" in (Path(__file__).parents[2] / "docs" / "commands.md").read_text()


def test_help_lists_every_command(tocsin: Tocsin) -> None:
    said = tocsin.run("--help")
    assert [noun for noun in COMMANDS if noun not in said] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["directory", "list"], 0),
        (["ingest", "not-there.csv"], 1),
        (["quarantine", "show", "7"], 1),
        (["no-such-command"], 2),
        (["ingest"], 2),
        (["events", "--no-such-option"], 2),
        (["events", "--cidr", "here"], 2),
        (["events", "--since", "yesterday"], 2),
    ],
)
def test_exit_codes(tocsin: Tocsin, arguments: list[str], code: int) -> None:
    assert tocsin.run(*arguments, code=code).strip() or code


def test_a_bad_setting_is_wrong_usage_and_is_named(tocsin: Tocsin) -> None:
    tocsin.home.mkdir()
    (tocsin.home / "tocsin.toml").write_text("[mail]\nprot = 25\n")
    command: list[str | Path] = [Path(sys.executable).parent / "tocsin", "--home", tocsin.home, "events"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=tocsin.environment)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "mail.prot" in done.stderr
    assert "Traceback" not in done.stderr


def test_json_is_all_that_stands_on_standard_output(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    said = tocsin.run("--json", "ingest", tmp_path / "empty.csv", "--source", "shadowserver", code=1)
    assert json.loads(said)["failed"][0]["path"].endswith("empty.csv")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "without"),
    [
        (["--version"], "tocsin.cli.ingest tocsin.cli.serve polars sqlalchemy pydantic"),
        (["--help"], "polars numpy sqlalchemy alembic deltalake fastapi uvicorn jinja2 xarf lxml"),
        (["explain", "8.8.8.8"], "sqlalchemy alembic deltalake fastapi uvicorn jinja2 xarf lxml"),
        (["networks", "lookup", "8.8.8.8"], "polars sqlalchemy alembic deltalake fastapi jinja2 xarf lxml"),
        (["directory", "list"], "deltalake fastapi uvicorn jinja2 xarf lxml"),
        (["sbom"], "polars sqlalchemy alembic deltalake fastapi jinja2 xarf lxml"),
    ],
)
def test_a_command_loads_only_what_it_needs(tocsin: Tocsin, arguments: list[str], without: str) -> None:
    tocsin.run(*arguments)  # the first start of a node may unpack and compile
    assert _loaded(tocsin, without, arguments) == []


def test_an_ingest_loads_nothing_of_what_most_nodes_do_not_have(tocsin: Tocsin, tmp_path: Path) -> None:
    before, path = tmp_path / "2026-11-23-scan_rdp-test-geo.csv", tmp_path / "2026-11-24-scan_rdp-test-geo.csv"
    before.write_bytes(report("192.0.2.1"))
    path.write_bytes(report("192.0.2.2", day="2026-11-24"))
    tocsin.run("ingest", before)
    without = (
        "tocsin.incidents.models tocsin.delivery.outbox tocsin.delivery.never_held.models "
        "tocsin.directory.tables tocsin.pipeline.tables"
    )
    assert _loaded(tocsin, without, ["ingest", str(path)]) == []


def _loaded(tocsin: Tocsin, names: str, arguments: list[str]) -> list[str]:
    """Which of these modules a command loads, after what it says on stderr."""
    script = "import sys; from tocsin.cli import main\ntry:\n    main(sys.argv[2:])\nfinally:\n    "
    script += "print(*sorted(set(sys.argv[1].split()) & set(sys.modules)), file=sys.stderr)"
    command: list[str | Path] = [sys.executable, "-c", script, names, "--home", tocsin.home, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=tocsin.environment)
    return done.stderr.removesuffix("\n").rpartition("\n")[2].split()
