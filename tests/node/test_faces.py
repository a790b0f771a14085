"""Faces that load late offer what their packages hold, and nothing else."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

import tocsin
from tocsin.node.faces import imported_for_types

SOURCE = Path(tocsin.__file__).parent
FACES = sorted(
    path.parent.relative_to(SOURCE.parent).as_posix().replace("/", ".")
    for path in SOURCE.rglob("__init__.py")
    if "lazy_face(" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", FACES)
def test_every_name_of_a_face_is_there(name: str) -> None:
    face = import_module(name)
    source = Path(str(face.__file__)).read_text(encoding="utf-8")
    homes = imported_for_types(source)

    assert homes == _parsed(source)
    assert [of for of, home in homes.items() if getattr(face, of) is not _offered(home, of)] == []
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = face.nothing


def _parsed(source: str) -> dict[str, str]:
    """The same as Python itself reads it."""
    blocks = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
    imports = [line for block in blocks for line in block.body if isinstance(line, ast.ImportFrom)]
    return {alias.asname or alias.name: str(line.module) for line in imports for alias in line.names}


def _offered(home: str, name: str) -> object:
    """What a face should give: a thing of a module, or, where the face is its home, a module of the room."""
    module = import_module(home)
    return getattr(module, name) if hasattr(module, name) else import_module(f"{home}.{name}")


def test_a_module_that_is_loaded_does_not_hide_the_function_of_its_name() -> None:
    module = import_module("tocsin.node.records.audit")

    from tocsin.node.records import audit

    assert audit is module.audit


def test_only_what_is_imported_for_types_is_loaded_late() -> None:
    source = "import os\nfrom a import b\nif TYPE_CHECKING:\n    from c.d import e, f\nif x:\n    from g import h\n"
    assert imported_for_types(source) == {"e": "c.d", "f": "c.d"}
