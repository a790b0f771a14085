"""The shapes that an expression of Python can have as a text: f-strings, alternatives, and what is joined in them.

What is filled in is a hole that has the last name of its expression: ``f"{report.name} is empty."`` has the shape
``%(name)s is empty.``. Alternatives (``… if … else …``, ``or``, a name that is assigned twice) are shapes each.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, product
from typing import Final

FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
HOLES: Final = re.compile(r"%\(\w+\)s")

_MOST: Final = 24  # alternatives of one text
_DEPTH: Final = 6  # names that are followed within each other
_LETTERS: Final = 4  # that a shape says at least
_NAMED_BY_CONTENT: Final = {"len", "str", "repr", "sorted", "list", "shown", "said", "join", "min", "max", "int"}
_NAMED_BY: Final = {ast.Subscript: "value", ast.BinOp: "left", ast.IfExp: "body", ast.UnaryOp: "operand"}


class _Hole(str):
    """The name of something that is filled in."""

    __slots__ = ()


Parts = tuple[str, ...]


@dataclass(frozen=True)
class Scopes:
    """Where names are looked up: a function, then its module."""

    function: ast.AST
    module: ast.Module

    def values(self, name: str) -> list[ast.expr]:
        """What is assigned to a name."""
        for scope in (self.function, self.module):
            if found := [value for node in of_scope(scope) for to, value in assigned(node) if to == name]:
                return found
        return []


def shapes_of(expression: ast.expr, scopes: Scopes) -> Iterator[str]:
    """The shapes of an expression, and of the sentences that it joins, as catalogues write them."""
    texts = _Texts(scopes)
    return map(_written, chain(texts.visit(expression), texts.beside))


def says_something(text: str) -> bool:
    """Whether there are words in a shape besides what is filled in."""
    return sum(map(str.isalpha, HOLES.sub("", text))) >= _LETTERS


class _Texts(ast.NodeVisitor):
    """Gives the alternatives of a text; what is no text is a hole. ``beside``: sentences that stand in holes."""

    def __init__(self, scopes: Scopes) -> None:
        self.scopes = scopes
        self.beside: list[Parts] = []
        self._depth = _DEPTH

    def generic_visit(self, node: ast.AST) -> list[Parts]:
        return [(_Hole(_name(node)),)]

    def visit_Constant(self, node: ast.Constant) -> list[Parts]:
        return [(node.value,)] if isinstance(node.value, str) else self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> list[Parts]:
        return _in_a_row(map(self.visit, node.values))

    def visit_FormattedValue(self, node: ast.FormattedValue) -> list[Parts]:
        """Where a value may be a text of ours or another, it is a hole, and ours may stand in it."""
        texts = self.visit(node.value)
        holes = [parts for parts in texts if _is_hole(parts)]
        self.beside.extend(parts for parts in texts if holes and _is_sentence(parts))
        return holes[:1] or texts

    def visit_NamedExpr(self, node: ast.NamedExpr) -> list[Parts]:
        return self._all([node.value])

    def visit_BinOp(self, node: ast.BinOp) -> list[Parts]:
        return _in_a_row(map(self.visit, (node.left, node.right))) if _is_text(node) else self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> list[Parts]:
        return self._all([node.body, node.orelse])

    def visit_BoolOp(self, node: ast.BoolOp) -> list[Parts]:
        if isinstance(node.op, ast.And):
            return self.generic_visit(node)
        return [parts for parts in self._all(node.values) if parts != ("",)]

    def visit_Call(self, node: ast.Call) -> list[Parts]:
        """What is joined stands in a hole."""
        if _is_join(node):
            self.beside.extend(filter(_is_sentence, self._elements(node.args[0])))
        return self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> list[Parts]:
        """One of a table of sentences."""
        return [*filter(_is_sentence, self._elements(node.value))] or self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> list[Parts]:
        return self._followed(filter(_is_text, self.scopes.values(node.id))) or self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> list[Parts]:
        return self._elements(node)

    visit_List = visit_Tuple = visit_Dict  # type: ignore[assignment]  # noqa: N815

    def _all(self, nodes: Iterable[ast.AST]) -> list[Parts]:
        return [*chain.from_iterable(map(self.visit, nodes))]

    def _followed(self, nodes: Iterable[ast.AST]) -> list[Parts]:
        """As `_all`, for what a name stands for: it may stand for itself and more."""
        if not self._depth:
            return []
        self._depth -= 1
        found = self._all(nodes)
        self._depth += 1
        return found

    def _elements(self, node: ast.AST) -> list[Parts]:
        """The texts of a list or table, as far as they stand there."""
        match node:
            case ast.Dict(values=nodes) | ast.List(elts=nodes) | ast.Tuple(elts=nodes):
                found = self._all(one.value if isinstance(one, ast.Starred) else one for one in nodes)
            case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element):
                found = self.visit(element)
            case ast.Subscript(value=value):
                found = self._elements(value)
            case ast.Name(id=name):
                found = self._followed(one for one in self.scopes.values(name) if isinstance(one, _LISTS))
            case _:
                found = []
        return [parts for parts in found if not _is_hole(parts)]

    def visit_ListComp(self, node: ast.ListComp) -> list[Parts]:
        return self._elements(node)


_LISTS: Final = (ast.Dict, ast.List, ast.Tuple, ast.ListComp)


def _in_a_row(alternatives: Iterable[list[Parts]]) -> list[Parts]:
    return [tuple(chain.from_iterable(parts)) for parts in islice(product(*alternatives), _MOST)]


def _is_hole(parts: Parts) -> bool:
    return all(isinstance(part, _Hole) for part in parts)


def _is_sentence(parts: Parts) -> bool:
    """Whether it is more than a word or a reference."""
    text = "".join(parts)
    return not _is_hole(parts) and " " in text and any(map(str.islower, text))


def _is_join(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join"), args=[_]):
            return True
    return False


def _is_text(node: ast.AST) -> bool:
    """Whether an expression is written as a text."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, op=ast.Add(), right=other):
            return _is_text(one) or _is_text(other)
        case ast.BoolOp(values=values):
            return any(map(_is_text, values))
    return _is_join(node)


def _written(parts: Parts) -> str:
    """As catalogues write it; a name that comes again gets a number."""
    counts: dict[str, int] = {}
    written = []
    for part in parts:
        if isinstance(part, _Hole):
            counts[part] = counts.get(part, 0) + 1
            written.append(f"%({part}{counts[part] if counts[part] > 1 else ''})s")
        else:
            written.append(part.replace("%", "%%"))
    return "".join(written)


def _name(node: ast.AST) -> str:
    """How a translator is told what is filled in: the last name in an expression."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").lower() or "value"
        case ast.ListComp(generators=[of, *_]) | ast.GeneratorExp(generators=[of, *_]):
            return _name(of.iter)
        case ast.Call():
            return _name_of_call(node)
    inner = _NAMED_BY.get(type(node))
    return _name(getattr(node, inner)) if inner else "value"


def _name_of_call(node: ast.Call) -> str:
    match node:
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
            return name
        case ast.Call(func=func, args=[first, *_]) if last_name(func) in _NAMED_BY_CONTENT:
            return _name(first)
        case ast.Call(func=ast.Attribute(value=value, attr=method), args=args) if hasattr(str, method) or not args:
            return _name(value)
    return _name(node.func)


def last_name(node: ast.AST) -> str:
    """The name itself, that of the attribute, or of the table that something is put into."""
    if isinstance(node, ast.Subscript):
        return last_name(node.value)
    return str(getattr(node, "attr", "") or getattr(node, "id", ""))


def of_scope(scope: ast.AST) -> Iterator[ast.AST]:
    """What stands in a function or module itself, not in functions within."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop(0)
        if not isinstance(node, FUNCTIONS):
            yield node
            waiting[:0] = ast.iter_child_nodes(node)


def assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The names that a statement assigns to, each with its value."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            yield from zip(map(last_name, targets), values, strict=False)
        case ast.Assign(targets=targets, value=value):
            yield from ((last_name(target), value) for target in targets)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value):
            yield last_name(target), value
