"""The pages that are made from the code are up to date, and the reference pages leave nothing out."""

import re
import subprocess
import sys
from pathlib import Path

from pydantic.fields import FieldInfo

from tocsin.events.schema import FIELDS
from tocsin.node.records import AuditAction
from tocsin.node.settings import Settings
from tocsin.pipeline.collectors.kinds import OWN_KINDS, kind_of


def test_made_pages_are_up_to_date(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, root / "scripts" / "build_docs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_is_documented(pages: dict[str, str], commands: dict[str, set[str]]) -> None:
    titles = set(re.findall(r"^##+ tocsin (.+)$", pages["docs/commands.md"], re.MULTILINE))
    assert titles == set(commands)


def test_every_option_is_documented(pages: dict[str, str], commands: dict[str, set[str]]) -> None:
    for name, options in commands.items():
        section = re.search(rf"^##+ tocsin {name}$(.*?)(?=^##|\Z)", pages["docs/commands.md"], re.MULTILINE | re.DOTALL)
        assert section, name
        assert [option for option in options - {"--help"} if option not in section[1]] == [], name


def test_every_setting_is_documented(pages: dict[str, str]) -> None:
    for section, field in _sections():
        for name in field.annotation.model_fields:  # type: ignore[union-attr]  # each section is a model
            assert f"`TOCSIN_{section}_{name}`".upper() in pages["docs/settings.md"].upper()


def test_every_field_of_an_event_is_documented(pages: dict[str, str]) -> None:
    assert re.findall(r"^\| `([a-z0-9_.]+)` \|", pages["docs/fields.md"], re.MULTILINE) == [f.name for f in FIELDS]


def test_every_audit_word_is_documented_once(pages: dict[str, str]) -> None:
    words = re.findall(r"^\| `([a-z.]+)` \|", pages["docs/audit.md"], re.MULTILINE)
    assert sorted(words) == sorted(word.value for word in AuditAction)


def test_every_documented_setting_is_read_by_something(root: Path) -> None:
    code = _code(root, but="settings.py")
    unread = [
        f"{section}.{name}"
        for section, field in _sections()
        for name in field.annotation.model_fields  # type: ignore[union-attr]  # each section is a model
        if not re.search(rf"\.{name}\b", code)
    ]
    assert unread == []


def test_every_documented_audit_word_is_written_by_something(root: Path) -> None:
    code = _code(root, but="audit.py")
    assert [word.value for word in AuditAction if f"AuditAction.{word.name}" not in code] == []


def test_every_setting_of_a_collector_is_documented(pages: dict[str, str]) -> None:
    for kind in OWN_KINDS:
        section = pages["docs/settings.md"].partition(f'### kind = "{kind}"')[2].partition("### ")[0]
        assert [name for name in kind_of(kind).settings.model_fields if f"`{name}`" not in section] == ["kind"]


def _sections() -> list[tuple[str, FieldInfo]]:
    return [(section, field) for section, field in Settings.model_fields.items() if section != "collect"]


def _code(root: Path, *, but: str) -> str:
    return "\n".join(path.read_text() for path in (root / "src").rglob("*.py") if path.name != but)
