"""The house keeps its own rules: rooms are used through their faces, no rings, sizes and names as agreed.

Read from the syntax trees, so imports inside functions count too. What is allowed still is listed with its reason; a
line that is not needed any more fails, so the lists only shrink. That imports point down is a contract in
``pyproject.toml``.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import tocsin

ROOT = Path(tocsin.__file__).parent
COMPOSITE = {f"tocsin.{place}" for place in "cli incidents node operations pipeline server sharing".split()} | {
    "tocsin"
}
LONGEST_FILE, LONGEST_FUNCTION = 500, 80

RINGS = {
    "tocsin.delivery.channels": "the list of channels, and the contract that each keeps",
    "tocsin.delivery.never_held.mail_filter": "loads what looks through mails once one comes",
    "tocsin.incidents.endings": "asked by each act that changes an incident, and made of what acts do",
    "tocsin.readiness.commands.assessment": "registers the commands that share what it has",
}
ROOM_RINGS = {
    "tocsin.incidents.arrivals": "the front of incidents, whose tables point to reports; these are read like them",
}
SHARED = {"MailState": "of a mail that came in, and of one that is to leave"}
CLIENT = {"tocsin.server.client", "tocsin.server.model"}  # their models bear the names of what the API answers
NOUNS = set(
    "Feed Heading Marking Nothing Numbering Packing Paging Screen Sending Setting Shaping Sighting Thing "
    "Wording".split()
)


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_module(path): path for path in sorted(ROOT.rglob("*.py")) if "versions" not in path.parts}
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in FILES.items()}
PACKAGES = {module for module, path in FILES.items() if path.name == "__init__.py"}


def _statements(module: str) -> list[ast.stmt]:
    """What runs when a module does: not what a face imports for types alone."""
    return [one for one in TREES[module].body if module not in PACKAGES or not isinstance(one, ast.If)]


def _imports(module: str) -> Iterator[tuple[str, str]]:
    """(module, name) of each import of the house."""
    for statement in _statements(module):
        for node in ast.walk(statement):
            if isinstance(node, ast.ImportFrom) and str(node.module).split(".", 1)[0] == "tocsin":
                yield from ((str(node.module), alias.name) for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from ((alias.name, "") for alias in node.names if alias.name.startswith("tocsin."))


def _names(module: str) -> dict[str, str]:
    """Each name that stands at the top of a module, with the module that it is from."""
    names = {}
    for node in (one for top in TREES[module].body for one in (ast.walk(top) if isinstance(top, ast.If) else [top])):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                names[node.name] = module
            case ast.Assign() | ast.AnnAssign():
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names |= {part.id: module for to in targets for part in ast.walk(to) if isinstance(part, ast.Name)}
            case ast.ImportFrom():
                names |= {alias.asname or alias.name: str(node.module) for alias in node.names}
    return names


NAMES = {module: _names(module) for module in TREES}


def _home(module: str, name: str) -> str:
    """The module that makes a name; or that is called so."""
    if f"{module}.{name}" in TREES and NAMES[module].get(name, module) == module:
        return f"{module}.{name}"
    origin = NAMES[module].get(name, module)
    return module if origin == module or origin not in TREES else _home(origin, name)


def _inside(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def _door(target: str, importer: str) -> str:
    """From where ``importer`` may take what ``target`` holds: the face of the outermost room that it is not in."""
    above = [target[: found.start()] for found in re.finditer(r"\.|$", target)]
    outside = [one for one in above if one in PACKAGES and not _inside(importer, one)]
    if not outside or (outside[0] in COMPOSITE and outside[-1] == outside[0]):
        return target
    return outside[1] if outside[0].count(".") == 1 and len(outside) > 1 else outside[0]


def past_faces() -> list[str]:
    """Imports from inside of a room that one stands outside of."""
    asked = [(module, source, name) for module in TREES for source, name in _imports(module)]
    return [
        f"{module}: from {source} import {name}"
        for module, source, name in asked
        if source != _door(source, module)
        or (source in COMPOSITE and _home(source, name) != _door(_home(source, name), module))
    ]


def _rings(graph: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """A ring, and another without one of its arrows, until there is none."""
    arrows = {node: set(after) for node, after in graph.items()}
    while True:
        try:
            TopologicalSorter(arrows).prepare()
        except CycleError as error:
            ring: list[str] = error.args[1]
            yield ring
            arrows[ring[1]].discard(ring[0])
        else:
            return


def _arrows() -> dict[str, set[str]]:
    """Each module with those that it imports, through faces and from functions too."""
    return {module: {_home(*one) for one in _imports(module) if one[1]} - {module} for module in TREES}


def _room(module: str) -> str:
    """The package right inside a place that a module is in; a module beside these stands for itself."""
    room = ".".join(module.split(".")[:3])
    return room if room in PACKAGES else module


def _classes() -> Iterator[tuple[str, str]]:
    """Each public class with its module."""
    for module, tree in TREES.items():
        yield from (
            (one.name, module) for one in ast.walk(tree) if isinstance(one, ast.ClassDef) and one.name[0] != "_"
        )


def test_from_outside_of_a_room_only_its_face_is_imported() -> None:
    assert past_faces() == []


def test_only_faces_pass_on_what_others_make() -> None:
    assert [
        f"{module}: from {source} import {name}"
        for module in TREES
        for source, name in _imports(module)
        if source not in PACKAGES and _home(source, name) != source
    ] == []


def test_there_are_no_rings_of_modules_but_those_that_are_known() -> None:
    rings = list(_rings(_arrows()))
    assert [ring for ring in rings if not RINGS.keys() & set(ring)] == []
    assert sorted(RINGS.keys() - {module for ring in rings for module in ring}) == [], (
        "not a ring any more: take it off"
    )


def test_there_are_no_rings_of_rooms() -> None:
    rooms: dict[str, set[str]] = defaultdict(set)
    for module, others in _arrows().items():
        rooms[_room(module)] |= {_room(other) for other in others} - {_room(module)}
    rings = [ring for ring in _rings(rooms) if not RINGS.keys() & set(ring)]
    assert [ring for ring in rings if not ROOM_RINGS.keys() & set(ring)] == []
    assert ROOM_RINGS.keys() <= {room for ring in rings for room in ring}, "not a ring any more: take it off"


def test_files_and_functions_are_of_a_size_to_be_read() -> None:
    files = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in FILES.items()}
    assert {module: lines for module, lines in files.items() if lines > LONGEST_FILE} == {}
    functions = {
        f"{module}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in functions.items() if lines > LONGEST_FUNCTION} == {}


def test_no_class_is_called_by_a_bare_participle_or_a_word_of_our_own() -> None:
    participles = {
        name
        for name, module in _classes()
        if _room(module) not in CLIENT and re.fullmatch(r"[A-Z][a-z]+(ed|en|ing)", name)
    } - NOUNS
    assert sorted(participles) == []
    assert [name for name, _ in _classes() if re.search(r"Desk|Workshop|Teller|Doorstep|(?<!Match)Counter", name)] == []


def test_no_two_rooms_have_a_class_of_one_name() -> None:
    rooms: dict[str, set[str]] = defaultdict(set)
    for name, module in _classes():
        rooms[name].add(".".join(module.split(".")[:3]))
    shared = {name: where - CLIENT for name, where in rooms.items()}
    assert sorted({name for name, where in shared.items() if len(where) > 1} ^ SHARED.keys()) == []
