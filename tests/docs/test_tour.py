"""The tour in the README is what really happens: each command is run, each line that is shown must come."""

import html
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.console_users import browser_of
from tocsin.directory import teams_by_id
from tocsin.node.accounts import AccountRole
from tocsin.node.settings import load_settings
from tocsin.pipeline.stores import open_node
from tocsin.server.server import make_application

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PREFIX = "./run --home home/demo "


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The home of the demonstration, played once, and what it said."""
    home = tmp_path_factory.mktemp("tour")
    done = _run(home, "demo", "--no-serve")
    assert done.returncode == 0, done.stderr
    return home / "demo", done.stdout


@pytest.fixture(scope="module")
def blocks(pages: dict[str, str]) -> list[str]:
    """The output that the tour shows."""
    tour = pages["README.md"].partition("## Five minutes")[2].partition("\n## ")[0]
    return [block for language, block in _BLOCK.findall(tour) if not language]


def test_the_demonstration_says_what_the_tour_shows(played: tuple[Path, str], blocks: list[str]) -> None:
    assert _missing(blocks[0], played[1]) == []


def test_a_mail_says_what_the_tour_shows(played: tuple[Path, str], blocks: list[str]) -> None:
    mails = [path.read_text() for path in played[0].rglob("*.eml")]
    assert min(len(_missing(blocks[1], mail)) for mail in mails) == 0


def test_each_command_of_the_tour_says_what_the_tour_shows(played: tuple[Path, str], blocks: list[str]) -> None:
    home, _ = played
    shown = [step for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE)]
    steps = [step.removeprefix(_PREFIX).partition("\n") for step in shown if step.startswith(_PREFIX)]
    assert len(steps) >= 4
    for command, _, expected in steps:
        words = [word.replace("home/demo", str(home)) for word in command.split()]
        done = _run(home, *words)
        assert done.returncode == 0, done.stderr
        assert _missing(expected, done.stdout) == [], command


@pytest.mark.parametrize("role", [AccountRole.ANALYST, AccountRole.ADMINISTRATOR, AccountRole.OPERATOR])
def test_no_place_of_the_demonstration_is_empty(played: tuple[Path, str], role: AccountRole) -> None:
    """Every page that the navigation or a tab leads to shows something, to each role."""
    node, now = open_node(played[0]), datetime.now(UTC)
    teams = tuple(number for number, team in teams_by_id(node.database).items() if team.key == "harbour")
    own = teams if role is AccountRole.OPERATOR else ()
    with browser_of(make_application(node), node, role, now=now, teams=own) as browser:
        seen, todo = dict[str, str](), [browser.get("/").headers["location"]]
        while todo:
            if (path := todo.pop()) not in seen:
                seen[path] = browser.get(path).text
                places = re.findall(r'<nav class="(?:places|tabs)".*?</nav>', seen[path], re.DOTALL)
                todo += [html.unescape(link) for place in places for link in re.findall(r'href="(/[^"]*)"', place)]
    assert len(seen) > 3
    # Where backups go is chosen for each node, nothing is purged yet, and a tab of one state may have no problem.
    without = ("/admin/keeping", "/purge", "/portal?")
    assert [path for path, page in seen.items() if 'class="empty"' in page and not path.startswith(without)] == []


def test_links_lead_to_the_port_that_the_demonstration_serves(played: tuple[Path, str]) -> None:
    home, _ = played
    assert _run(home.parent, "demo", "--no-serve", "--port", "9123").returncode == 0
    assert 'url = "http://127.0.0.1:9123"' in (home / "tocsin.toml").read_text()


def test_no_line_of_the_log_hides_on_the_terminal_how_to_sign_in(played: tuple[Path, str]) -> None:
    assert load_settings(played[0]).log.form == "off"


def test_the_check_misses_nothing() -> None:
    assert _missing("heard  3,232\n…\nstored …\n", " heard 3,232 \n stored as events 3\n") == []
    assert _missing("heard  3,233\n", " heard 3,232 \n") == ["heard 3,233"]


def _run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [Path(sys.executable).parent / "tocsin", "--home", home, *words]
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "80"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def _missing(shown: str, said: str) -> list[str]:
    """The shown lines that do not come. Blanks, rules, dates and numbers of digests may differ; ``…`` is the rest."""
    lines = [_plain(line) for line in said.splitlines()]
    wanted = [(line, _plain(line.partition("…")[0])) for line in shown.splitlines()]
    return [
        want
        for line, want in wanted
        if want and not any(given.startswith(want) if "…" in line else given == want for given in lines)
    ]


def _plain(line: str) -> str:
    # How many digests come before one depends on the hour of the day.
    dated = re.sub(r"\d{4}-\d\d-\d\d", "DATE", re.sub(r"TOC-\d{4}-\d{7}", "TOC", line))
    return re.sub(r"([─-])\1+", r"\1", " ".join(dated.split()))
