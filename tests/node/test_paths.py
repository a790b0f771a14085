"""One place knows the names in a home folder, and the handbook says what each is."""

import re
from pathlib import Path

import tocsin
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.operations.backup import NOT_COPIED

_DOCS = Path(__file__).parents[2] / "docs"
_OWN = {"cli/demo.py", "operations/demo/demonstration.py"}  # write files of the example


def test_no_module_writes_a_name_in_the_home_folder_itself() -> None:
    source = Path(tocsin.__file__).parent
    paths = ((path.relative_to(source).as_posix(), path) for path in source.rglob("*.py"))
    own = [name for name, path in paths if name not in _OWN and re.search(r"\bhome / f?[\"']", path.read_text("utf-8"))]
    assert own == []


def test_the_handbook_lists_every_name_and_what_a_backup_has() -> None:
    table = (_DOCS / "operate.md").read_text("utf-8").partition("## The home folder")[2].partition("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    listed = {name.rstrip("/"): copied.strip() for names, _, copied in rows for name in re.findall("`([^`]+)`", names)}
    assert {*HomeFolder, *HomeFile} - {*listed} == set()
    left_out = {name for name, copied in listed.items() if copied.startswith("no")}
    assert left_out - {"records.sqlite.deliver"} == {*NOT_COPIED}
