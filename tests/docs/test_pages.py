"""What the pages say holds: links lead somewhere, commands and settings exist, nothing private stands in them."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tocsin import __version__
from tocsin.node.settings import Settings
from tocsin.pipeline.collectors import read_collectors
from tocsin.pipeline.collectors.kinds import OWN_KINDS

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# A path of one person's machine; a package registry, or an address in a lock file.
_PRIVATE_PATH = re.compile(r"(?<![\w.])/(?:work|home|root|Users|farm)/\w")
_REGISTRY = re.compile(r"[p]ypi\.org|[p]ythonhosted|registry\.[n]pm|^-(?:i|f|-index-url|-find-links)\b", re.MULTILINE)


def test_links_between_pages_resolve(root: Path, pages: dict[str, str]) -> None:
    broken = [
        f"{page}: {target}"
        for page, text in pages.items()
        for target in _LINK.findall(_FENCE.sub("", text))
        if not _resolves(root, page, target, pages)
    ]
    assert broken == []


def test_every_page_is_reached_from_the_readme(root: Path, pages: dict[str, str]) -> None:
    reached, todo = set(), ["README.md"]
    while todo:
        page = todo.pop()
        if page in reached or page not in pages:
            continue
        reached.add(page)
        for target in _LINK.findall(pages[page]):
            if "://" not in target and not target.startswith("#"):
                path = (root / page).parent / target.partition("#")[0]
                todo.append(path.resolve().relative_to(root).as_posix())
    assert set(pages) - reached == set()


def test_changes_stand_under_versions_and_are_short(pages: dict[str, str]) -> None:
    newest, *_ = versions = re.findall(r"^## (\S+)", pages["CHANGELOG.md"], flags=re.MULTILINE)
    assert newest in {__version__, "Unreleased"}
    assert __version__ in versions
    points = re.split(r"^(?:- |#)", pages["CHANGELOG.md"], flags=re.MULTILINE)
    assert [one for one in points if len(" ".join(one.split())) > 450] == []  # three lines


def test_commands_in_pages_exist(pages: dict[str, str], commands: dict[str, set[str]]) -> None:
    wrong = [
        f"{page}: {line}"
        for page, text in pages.items()
        for line in _command_lines(text)
        if not _command_exists(line, commands)
    ]
    assert wrong == []


def test_settings_in_pages_work(pages: dict[str, str]) -> None:
    for text in pages.values():
        for language, block in _FENCE.findall(text):
            if language == "toml" and re.search(
                r"^\[(?:node|mail|storage|retention|tell|ingest|server)\]", block, re.MULTILINE
            ):
                Settings.model_validate(tomllib.loads(block))


def test_collectors_in_pages_work(pages: dict[str, str]) -> None:
    blocks = [block for text in pages.values() for language, block in _FENCE.findall(text) if language == "toml"]
    written = [Settings.model_validate(tomllib.loads(block)).collect for block in blocks if "[collect." in block]
    found = {one.kind for tables in written for one in read_collectors(tables).values()}
    assert found == set(OWN_KINDS)


def test_pages_that_name_the_tables_credit_their_makers(pages: dict[str, str]) -> None:
    for page in ("README.md", "docs/networks.md"):
        assert "[IP Geolocation by DB-IP](https://db-ip.com)" in pages[page]


def test_nothing_private_is_in_the_repository(root: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True).stdout
    found = []
    for name in listed.decode().split("\0"):
        path = root / name
        if not name or not path.is_file() or b"\0" in path.read_bytes()[:8_192]:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{name}: {hit[0]}" for pattern in (_PRIVATE_PATH, _REGISTRY) if (hit := pattern.search(text))]
    assert found == []


@pytest.mark.parametrize(
    ("line", "exists"),
    [
        ("tocsin ingest report.csv --feed scan_rdp", True),
        ("./run --home x events --cidr 192.0.2.0/24 --json | head", True),
        ("tocsin ingest --no-such-option", False),
        ("tocsin ignest report.csv", False),
        ("tocsin directory exprot", False),
    ],
)
def test_the_check_of_commands_tells_right_from_wrong(line: str, exists: bool, commands: dict[str, set[str]]) -> None:
    assert _command_exists(line, commands) is exists


def _resolves(root: Path, page: str, target: str, pages: dict[str, str]) -> bool:
    if re.match(r"(?:https?|mailto):", target):
        return True
    name, _, anchor = target.partition("#")
    path = ((root / page).parent / name).resolve() if name else root / page
    if not path.exists():
        return False
    other = path.relative_to(root).as_posix()
    return not anchor or other not in pages or anchor in {_slug(title) for title in _titles(pages[other])}


def _titles(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)


def _slug(title: str) -> str:
    """A heading as the name of its anchor, the way GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _command_lines(text: str) -> Iterator[str]:
    blocks = [block for language, block in _FENCE.findall(text) if language in {"", "sh", "console"}]
    blocks += re.findall(r"^ {4}(?! )(.*)$", _FENCE.sub("", text), re.MULTILINE)
    for block in blocks:
        for line in block.replace("\\\n", " ").splitlines():
            if re.match(r"(?:\$ )?(?:\./run|(?:\.venv/bin/)?tocsin)(?=\s|$)", line):
                # what stands far behind a command explains it
                yield re.split(r"\s{2,}(?!-)", line)[0]
    yield from re.findall(r"`((?:\./run|tocsin)(?: [^`]*)?)`", _FENCE.sub("", text))


def _command_exists(line: str, commands: dict[str, set[str]]) -> bool:
    """Whether a line names a command that exists, with options that it has."""
    words = re.split(r"[|>&;<]|\s#", line.removeprefix("$ "))[0].split()[1:]
    words = [word for word in words if word not in {"--json", "--help", "--version"}]
    if "--home" in words:
        del words[words.index("--home") : words.index("--home") + 2]
    if not words or words[0] in {"COMMAND", "…", "..."}:
        return True
    name = next((name for many in (3, 2, 1) if (name := " ".join(words[:many])) in commands), None)
    if name is None:
        return False
    # a group is a command only where nothing else follows
    if any(other.startswith(f"{name} ") for other in commands) and len(words) > len(name.split()):
        return False
    given = {word.partition("=")[0] for word in words if re.match(r"--\w", word)}
    return given <= commands[name]
