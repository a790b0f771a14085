"""The commands as a person meets them: what is printed, what is kept, and how they end."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tocsin.cli import application
from tocsin.node.errors import TocsinError

DELEGATED = "2|afrinic|{day}|1|0|{day}|0\nafrinic|{country}|asn|37100|2|20100101|allocated|A1\nafrinic|x\n"
DUMP = """
aut-num: AS112
abuse-c: {handle}

role:    Somebody
nic-hdl: AR1-T
abuse-mailbox: abuse@isp.example

role:    Somebody
nic-hdl: AR2-T
abuse-mailbox: abuse@other.example

aut-num: AS113
abuse-c: AR9-T
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder that is not made yet."""
    return tmp_path / "home"


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(application(["directory"]), ["--home", str(home), "directory", *words])


def as_json(home: Path, *words: str) -> tuple[int, dict[str, object]]:
    found = CliRunner().invoke(application(["directory"]), ["--home", str(home), "--json", "directory", *words])
    document: dict[str, object] = json.loads(found.stdout)
    return found.exit_code, document


def test_delegations_and_transfers(home: Path, tmp_path: Path) -> None:
    paths = []
    for day, country in ((20240101, "MU"), (20240201, "RE")):
        paths.append(tmp_path / f"delegated-{day}")
        paths[-1].write_text(DELEGATED.format(day=day, country=country))
    nothing = tmp_path / "nothing"
    nothing.write_text("words")

    done = run(home, "import-delegations", str(paths[0]), str(nothing), str(paths[1]))
    assert done.exit_code == 1
    assert "afrinic, 2024-01-01, from delegated-20240101: kept" in done.stdout
    assert "Ranges that changed since 2024-01-01: country 1." in done.stdout
    assert "Lines not taken: 1" in done.stderr
    assert f"{nothing} was not taken: nothing is no delegation file." in done.stderr

    again = as_json(home, "import-delegations", str(paths[1]))
    assert again[0] == 0
    files = again[1]["files"]
    assert isinstance(files, list)
    assert [one["state"] for one in files] == ["as before"]

    shown = run(home, "transfers", "--from", "2024-01-15", "--to", "2024-02-15")
    assert "1 ranges changed hands" in shown.stdout
    assert "AS37100-AS37101" in shown.stdout
    assert "MU → RE" in shown.stdout
    nobody = as_json(home, "transfers", "--from", "2024-01-15", "--to", "2024-02-15", "--country", "FR")
    assert nobody[1]["changes"] == []


def test_dumps(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_text(DUMP.format(handle="AR1-T"))
    done = run(home, "import-rpsl", str(path), "--source", "test", "--as-of", "2026-11-01")
    assert done.exit_code == 0
    assert "Read: aut-num 2, role 2." in done.stdout
    assert "1: there is no such role or person in these files" in done.stderr
    assert (home / "registry" / "refused-test.jsonl").is_file()

    path.write_text(DUMP.format(handle="AR2-T"))
    dry = run(home, "import-rpsl", str(path), "--source", "test", "--dry-run")
    assert "dry run, nothing was changed" in dry.stdout
    assert "+ AS112: test-ar2-t (abuse-c)" in dry.stdout
    assert "- AS112: test-ar1-t (abuse-c)" in dry.stdout

    code, document = as_json(home, "import-rpsl", str(path), "--source", "test")
    assert (code, document["rules_new"], document["rules_withdrawn"]) == (0, 1, 1)


def test_nothing_that_can_be_taken_ends_with_1(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_text("aut-num: AS64512\nabuse-c: AR9-T\n")
    assert run(home, "import-rpsl", str(path), "--source", "test").exit_code == 1


def test_lists_and_files(home: Path, tmp_path: Path) -> None:
    teams = tmp_path / "teams.json"
    teams.write_text(json.dumps([{"official_name": "CERT X", "emails": [{"address": "cert@x.example"}]}]))
    assert run(home, "import-ti", str(teams)).exit_code == 0
    file = tmp_path / "security.txt"
    file.write_text("Contact: mailto:security@x.example\nExpires: 2999-01-01T00:00:00Z\n")
    done = run(home, "import-security-txt", str(file), "--of", "x.example", "--team", "ti-cert-x")
    assert (done.exit_code, "security.txt:x.example" in done.stdout) == (0, True)
    shown = run(home, "show", "ti-cert-x")
    assert "security@x.example" in shown.stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["import-security-txt"], "A file or a domain is needed"),
        (["import-security-txt", "x", "--domain", "example.org"], "A file or a domain is needed"),
        (["import-security-txt", "--domain", "example.org", "--pap", "RED"], "PAP:RED"),
        (["transfers", "--from", "yesterday", "--to", "2024-01-01"], "is no day"),
        (["import-rpsl", "nowhere", "--source", "test"], "There is no file"),
    ],
)
def test_what_is_asked_wrongly(words: list[str], why: str, home: Path) -> None:
    done = run(home, *words)
    assert isinstance(done.exception, TocsinError)
    assert why in str(done.exception)
