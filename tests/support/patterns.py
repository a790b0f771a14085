"""Every regular expression of the source, found by its syntax tree, and texts that are hard for it."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from inspect import signature
from pathlib import Path

# The parse tree of a pattern, which names its own signs.
from re import _constants as signs
from re import _parser as parser
from types import ModuleType
from typing import Any, Final

import tocsin

SOURCE: Final = Path(tocsin.__file__).parent

_FROM_THE_START: Final = {"match", "fullmatch"}
_METHODS: Final = {*_FROM_THE_START, "search", "finditer", "findall", "split", "sub", "subn"}
_FLAGS: Final = {"compile": 1, "split": 3, "sub": 4, "subn": 4}
_WITHIN: Final = re.compile(r"# within (\d+)")
_UNKNOWN: Final = "word"
"""Stands for what only a call knows: a name that is looked for, a separator."""


@dataclass(frozen=True, slots=True)
class SourcePattern:
    """A pattern, where it stands, what it is asked by, and the longest text that it is given (0: any length)."""

    place: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]
    within: int

    def calls(self) -> list[Callable[[Any], object]]:
        """What is asked of a text, each way that the source asks."""
        whole: list[Callable[[Any], object]] = [
            getattr(self.pattern, name) for name in sorted(self.methods & _FROM_THE_START)
        ]
        if self.methods - _FROM_THE_START or not whole:
            whole.append(lambda text: sum(1 for _ in self.pattern.finditer(text)))
        return whole


def patterns_of_source() -> tuple[list[SourcePattern], list[str]]:
    """All patterns of `re` in the source, and the places of those that could not be read."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))}
    used = _uses(trees)
    found: dict[tuple[object, ...], SourcePattern] = {}
    unread = []
    for path, tree in trees.items():
        lines = path.read_text(encoding="utf-8").splitlines()
        if "import re" not in lines:
            continue
        module = import_module(
            ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
        )
        for method, names, call, function in _asked(tree):
            place = f"{path.relative_to(SOURCE)}:{call.lineno}"
            patterns = list(_patterns(module, call, function))
            if not patterns:
                unread.append(f"{place} {ast.unparse(call.args[0])}")
            asked = (
                {method} if method != "compile" else set[str]().union(*(used.get((path, one), set()) for one in names))
            )
            asked = asked or used.get((path, ""), set())
            said = "\n".join(lines[call.lineno - 1 : call.end_lineno])
            within = int(bound[1]) if (bound := _WITHIN.search(said)) else 0
            for pattern in patterns:
                key = (pattern.pattern, pattern.flags, frozenset(asked), within)
                found.setdefault(key, SourcePattern(place, pattern, frozenset(asked), within))
    return list(found.values()), unread


@dataclass(frozen=True, slots=True)
class HardText:
    """A text of any length: what is repeated in it, and what stands before and behind."""

    before: Any
    repeated: Any
    behind: Any

    def of(self, length: int) -> Any:
        """It, of about so many signs."""
        times = (length - len(self.before) - len(self.behind)) // len(self.repeated)
        return self.before + self.repeated * max(1, times) + self.behind


def hard_texts(pattern: re.Pattern[Any]) -> Iterator[HardText]:
    """Texts of a pattern's own signs: what repeats in a pattern, with what goes before, and what never lets it end."""
    own = _Samples()
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    pieces: dict[tuple[str, str, str], None] = {}
    plain = sorted(own.signs(tree), key=lambda one: (one.isalnum(), one))
    for one in (
        *plain[:24],
        *'" -\\\n\t0a_.',
        "\u00e9",
        '\\"',
        "\r\n",
        "\n ",
        "a ",
        "- ",
        "a.",
        "a:",
        '{"',
        "<a",
        "[]",
    ):
        pieces |= dict.fromkeys((("", one, ""), ("", one, "\x00")))
    pieces['"', '\\"', ""] = None
    for before, inner, whole in own.repeats(tree):
        pieces |= dict.fromkeys((before, inner, end) for end in ("", "\x00", "!", "\n"))
        pieces |= dict.fromkeys(("", one, "\x00") for one in (before + inner, before + inner * 3, f"{inner} ", whole))
    sample = own.sample(tree)
    for one in (sample, sample[:-1], f"{sample[:-1]}\x00", sample[: len(sample) // 2], sample[1:]):
        pieces |= dict.fromkeys((("", one, ""), ("", one, "\x00")))
    texts = (HardText(*one) for one in pieces if one[1])
    if isinstance(pattern.pattern, str):
        return texts
    return (
        HardText(*(part.encode("latin-1", "replace") for part in (one.before, one.repeated, one.behind)))
        for one in texts
    )


_REPEATS: Final = {signs.MAX_REPEAT, signs.MIN_REPEAT, signs.POSSESSIVE_REPEAT}
_CATEGORIES: Final = {
    signs.CATEGORY_DIGIT: "09", signs.CATEGORY_NOT_DIGIT: "a ", signs.CATEGORY_SPACE: " \n\t",
    signs.CATEGORY_NOT_SPACE: "a0-", signs.CATEGORY_WORD: "a0_", signs.CATEGORY_NOT_WORD: " -\n",
}  # fmt: skip


class _Samples:
    """Texts that a pattern takes, most often, by its parse tree."""

    def sample(self, tree: Any) -> str:
        """One of them."""
        return "".join(self._one(kind, value) for kind, value in tree)

    def signs(self, tree: Any) -> set[str]:
        """The signs that it names."""
        found: set[str] = set()
        for kind, value in tree:
            if kind in {signs.LITERAL, signs.NOT_LITERAL}:
                found.add(chr(value))
            elif kind is signs.IN:
                found.update(_members(value))
            found = found.union(*map(self.signs, _inner(kind, value)))
        return found

    def repeats(self, tree: Any, before: str = "") -> Iterator[tuple[str, str, str]]:
        """What may be there more than nine times, with what goes before it, and all of the group that it is in."""
        for place, (kind, value) in enumerate(tree):
            ahead = before + self.sample(tree[:place])
            if kind in _REPEATS and value[1] > 9:
                yield from ((ahead, one, before + self.sample(tree)) for one in self._variants(value[2]))
            for inner in _inner(kind, value):
                yield from self.repeats(inner, ahead)

    def _variants(self, tree: Any) -> list[str]:
        kind: Any
        value: Any
        kind, value = tree[0] if len(tree) == 1 else (None, None)
        if kind is signs.IN:
            return sorted(_members(value), key=lambda one: (one.isalnum(), one))[:6]
        if kind is signs.BRANCH:
            return [self.sample(one) for one in value[1]]
        if kind is signs.ANY:
            return ["a", " "]
        groups = (self._variants(value[-1]) for kind, value in tree if kind is signs.SUBPATTERN)
        return [self.sample(tree), *(one for group in groups for one in group)]

    def _one(self, kind: Any, value: Any) -> str:  # noqa: PLR0911 (one for each kind)
        if kind is signs.LITERAL:
            return chr(value)
        if kind is signs.NOT_LITERAL:
            return next(one for one in "a0" if ord(one) != value)
        if kind is signs.ANY:
            return "a"
        if kind is signs.IN:
            return _members(value)[0]
        if kind in _REPEATS:
            return self.sample(value[2]) * int(max(value[0], min(1, value[1])))
        if kind is signs.BRANCH:
            return self.sample(value[1][0])
        if kind in {signs.SUBPATTERN, signs.ATOMIC_GROUP}:
            return self.sample(value[-1] if kind is signs.SUBPATTERN else value)
        return ""


def _members(value: Any) -> list[str]:
    """Some signs of a class; of one that names what it is not, some that it is."""
    found: list[str] = []
    for kind, one in value:
        if kind is signs.LITERAL:
            found.append(chr(one))
        elif kind is signs.RANGE:
            found += [chr(one[0]), chr(one[1])]
        elif kind is signs.CATEGORY:
            found += _CATEGORIES[one]
    if value[0][0] is signs.NEGATE:
        ranges = [one for kind, one in value if kind is signs.RANGE]
        others = (one for one in 'a0 .-"<\u00e9\u20ac' if not any(low <= ord(one) <= high for low, high in ranges))
        return [one for one in others if one not in found]
    return list(dict.fromkeys(found))


def _inner(kind: Any, value: Any) -> list[Any]:
    if kind in _REPEATS:
        return [value[2]]
    if kind is signs.BRANCH:
        return list(value[1])
    if kind in {signs.SUBPATTERN, signs.ASSERT, signs.ASSERT_NOT}:
        return [value[-1]]
    return [value] if kind is signs.ATOMIC_GROUP else []


def _asked(tree: ast.Module) -> Iterator[tuple[str, list[str], ast.Call, ast.FunctionDef | None]]:
    """Calls of `re`: the method, the names that the pattern has then, the call, and the function that it is in."""
    names: dict[ast.AST, list[str]] = {}
    inside: dict[ast.AST, ast.FunctionDef] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            inside |= dict.fromkeys(ast.walk(node), node)  # the innermost comes last
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names[node.value] = [one.id for one in targets if isinstance(one, ast.Name)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and (method := _method(node)):
            function = inside.get(node)
            yield method, names.get(node, [function.name] if function else []), node, function


def _method(node: ast.Call) -> str:
    of = node.func
    is_re = isinstance(of, ast.Attribute) and isinstance(of.value, ast.Name) and of.value.id == "re"
    return of.attr if is_re and of.attr in {"compile", *_METHODS} else ""  # type: ignore[attr-defined]


def _uses(trees: Mapping[Path, ast.Module]) -> dict[tuple[Path, str], set[str]]:
    """How patterns are asked, by their names, also of what a function gives; public names count in every file."""
    found: dict[tuple[Path, str], set[str]] = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in _METHODS:
                of = node.value.func if isinstance(node.value, ast.Call) else node.value
                if isinstance(of, ast.Name) and of.id != "re":
                    if of.id.islower() and node.attr != "split":  # drawn from a table: any of this file may be meant
                        found.setdefault((path, ""), set()).add(node.attr)
                    for where in [path] if of.id.startswith("_") else trees:
                        found.setdefault((where, of.id), set()).add(node.attr)
            elif isinstance(node, ast.Call):
                for given in node.args:  # handed on: asked in every way
                    if isinstance(given, ast.Name) and given.id.isupper() and _method(node) == "":
                        found.setdefault((path, given.id), set()).add("search")
    return found


def _patterns(module: ModuleType, call: ast.Call, function: ast.FunctionDef | None) -> Iterator[re.Pattern[Any]]:
    """What a call's pattern can be; a function that needs nothing and gives the pattern is asked for it."""
    made = getattr(module, function.name, None) if function else None
    if callable(made) and not signature(made).parameters and isinstance(given := made(), re.Pattern):
        yield given
        return
    number = _FLAGS.get(_method(call), 2)
    flags = next((one.value for one in call.keywords if one.arg == "flags"), None)
    flags = call.args[number] if len(call.args) > number else flags
    known = _Known(module, function)
    for given in known.values(call.args[0]):
        if isinstance(given, re.Pattern):
            yield given
        elif isinstance(given, str | bytes):
            for how in known.values(flags) if flags is not None else [0]:
                yield re.compile(given, how)


@cache
def _statements(module: ModuleType) -> list[ast.stmt]:
    """What stands in a module itself and draws from many."""
    whole = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    own = (one for one in whole.body if not isinstance(one, ast.FunctionDef | ast.ClassDef))
    return [one for one in own if any(isinstance(node, ast.comprehension) for node in ast.walk(one))]


class _Known:
    """What expressions of a function can be, as far as its module says."""

    def __init__(self, module: ModuleType, function: ast.FunctionDef | None) -> None:
        self._names = dict(vars(module))
        self._assigned: dict[str, list[ast.expr]] = {}
        self._drawn: dict[str, list[object]] = {}
        for tree in _statements(module) if function is None else [function]:
            self._look(tree)

    def values(self, node: ast.expr) -> list[Any]:
        """All values that it can have; none where that is not known."""
        if isinstance(node, ast.Name) and node.id in self._drawn:
            return self._drawn[node.id]
        if isinstance(node, ast.Name) and node.id in self._assigned:
            assigned = self._assigned.pop(node.id)  # a name that is made of itself is not followed further
            found = [value for one in assigned for value in self.values(one)]
            self._assigned[node.id] = assigned
            return found
        try:
            return [eval(compile(ast.Expression(node), "<source>", "eval"), self._names)]  # noqa: S307 (our own source)
        except Exception:  # noqa: BLE001 (it has a name that only a call knows)
            return self._by_parts(node)

    def _by_parts(self, node: ast.expr) -> list[Any]:
        if isinstance(node, ast.IfExp):
            return [*self.values(node.body), *self.values(node.orelse)]
        if isinstance(node, ast.JoinedStr):
            parts = (one.value if isinstance(one, ast.FormattedValue) else one for one in node.values)
            return _joined([[str(value) for value in self.values(one)] or [_UNKNOWN] for one in parts], "")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.values(node.left), self.values(node.right)
            empty = b"" if any(isinstance(one, bytes) for one in (*left, *right)) else ""
            other = _UNKNOWN.encode() if empty == b"" else _UNKNOWN
            return _joined([left or [other], right or [other]], empty)
        table = node.func.value if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
        table = node.value if isinstance(node, ast.Subscript) else table
        tables = self.values(table) if table is not None else []
        return [value for one in tables if isinstance(one, Mapping) for value in one.values() if isinstance(value, str)]

    def _look(self, tree: ast.AST) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                if node.targets[0].id not in self._names:
                    self._assigned.setdefault(node.targets[0].id, []).append(node.value)
            elif isinstance(node, ast.NamedExpr):
                self._assigned.setdefault(node.target.id, []).append(node.value)
        for node in ast.walk(tree):
            if isinstance(node, ast.For | ast.comprehension):
                for drawn in [one for many in self.values(node.iter) for one in _each(many)]:
                    self._draw(node.target, drawn)

    def _draw(self, target: ast.expr, value: object) -> None:
        if isinstance(target, ast.Name) and isinstance(value, str | bytes):
            self._drawn.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Tuple) and isinstance(value, tuple):
            for one, part in zip(target.elts, value, strict=False):
                self._draw(one, part)


def _each(many: object) -> Iterable[object]:
    return many if isinstance(many, Iterable) and not isinstance(many, str | bytes | Iterator) else ()


def _joined(parts: Iterable[list[Any]], empty: Any) -> list[Any]:
    whole = [empty]
    for options in parts:
        whole = [one + option for one in whole for option in options]
    return whole
