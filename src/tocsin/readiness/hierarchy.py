"""The structure of an index: which indicator belongs to which group, with direction and weight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tocsin.node.errors import InputError
from tocsin.readiness.table import FloatArray


@dataclass(frozen=True)
class Element:
    """An indicator (level 1) or an aggregate (level 2 and up). ``params`` holds normalisation columns of the meta."""

    code: str
    name: str
    level: int
    parent: str | None
    direction: int
    weight: float
    unit: str = ""
    denominator: str | None = None
    target: float | None = None
    params: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class AggregationGroup:
    """One aggregation: the column it fills and the columns it is made of."""

    code: str
    level: int
    column: int
    children: tuple[int, ...]


@dataclass(frozen=True)
class Hierarchy:
    """All elements, indicators in the order of the data; groups of units and denominators are only named."""

    elements: tuple[Element, ...]
    unit_groups: tuple[str, ...] = ()
    denominators: tuple[str, ...] = ()

    @cached_property
    def by_code(self) -> Mapping[str, Element]:
        """Each element under its code."""
        return {element.code: element for element in self.elements}

    @cached_property
    def indicators(self) -> tuple[Element, ...]:
        """The elements of level 1, in the order of the data."""
        return tuple(element for element in self.elements if element.level == 1)

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Columns of the aggregated table: indicators as in the data, then each level, sorted by code."""
        above = sorted((e for e in self.elements if e.level > 1), key=lambda e: (e.level, code_order(e.code)))
        return tuple(e.code for e in (*self.indicators, *above))

    @cached_property
    def groups(self) -> tuple[AggregationGroup, ...]:
        """Every aggregation, lower levels first."""
        position = {code: index for index, code in enumerate(self.codes)}
        children: dict[str, list[int]] = {}
        for element in self.elements:
            if element.parent is not None:
                children.setdefault(element.parent, []).append(position[element.code])
        return tuple(
            AggregationGroup(code, self.by_code[code].level, position[code], tuple(sorted(children[code])))
            for code in self.codes
            if self.by_code[code].level > 1
        )

    @cached_property
    def top(self) -> str:
        """The code of the index."""
        return next(element.code for element in self.elements if element.parent is None)

    @property
    def depth(self) -> int:
        """The level of the index."""
        return self.by_code[self.top].level

    @cached_property
    def by_parent(self) -> tuple[Element, ...]:
        """All elements sorted by level and parent: the order of weight tables and correlations."""
        return tuple(sorted(self.elements, key=lambda e: (e.level, code_order(e.parent or ""))))

    @cached_property
    def top_down(self) -> tuple[str, ...]:
        """Codes for result tables: the index first, then level by level; indicators by their place in the tree."""
        above = [e for e in self.by_parent if e.level > 1]
        indicators = sorted(
            self.indicators, key=lambda e: [code_order(code) for code in reversed(self.lineage(e.code))]
        )
        return tuple(e.code for e in (*sorted(above, key=lambda e: -e.level), *indicators))

    @cached_property
    def weights(self) -> FloatArray:
        """The given weight of each column of the aggregated table."""
        return np.array([self.by_code[code].weight for code in self.codes])

    def lineage(self, code: str) -> tuple[str, ...]:
        """The element and all above it, up to the index."""
        line = [code]
        while (parent := self.by_code[line[-1]].parent) is not None:
            line.append(parent)
        return tuple(line)

    def at_level(self, level: int) -> tuple[Element, ...]:
        """The elements of one level in table order; raises InputError when there is no such level."""
        found = tuple(e for e in self.by_parent if e.level == level)
        if not found:
            raise InputError(f"The index has no level {level}.", hint=f"Its levels are 1 to {self.depth}.")
        return found


def code_order(code: str) -> tuple[str, str]:
    """The key by which codes are sorted: letters regardless of case."""
    return (code.casefold(), code)


def arrange(
    elements: Sequence[Element],
    indicator_order: Sequence[str],
    unit_groups: Sequence[str] = (),
    denominators: Sequence[str] = (),
    *,
    weights_sum: str = "auto",
) -> Hierarchy:
    """The checked hierarchy, with indicators in the order of the data columns.

    Raises InputError for codes given twice, unknown parents, cycles, more than one top, aggregates without
    members, parents on the wrong level, and weights that cannot be shares (see ``check_weights``).
    """
    by_code = _unique(elements)
    for element in elements:
        _check_parent(element, by_code)
    _check_cycles(elements, by_code)
    _check_tops(elements)
    parents = {element.parent for element in elements}
    for element in elements:
        if element.level > 1 and element.code not in parents:
            raise InputError(f"Meta, row {element.code}: an aggregate needs members, and no row has it as Parent.")
    check_weights(elements, weights_sum)
    order = {code: index for index, code in enumerate(indicator_order)}
    indicators = sorted((e for e in elements if e.level == 1), key=lambda e: order[e.code])
    above = sorted((e for e in elements if e.level > 1), key=lambda e: e.level)
    return Hierarchy((*indicators, *above), tuple(unit_groups), tuple(denominators))


def check_weights(elements: Sequence[Element], rule: str) -> None:
    """Nothing, or InputError where the weights of a group do not sum.

    ``rule`` is "relative" (any sum above zero: weights are scaled within their group), "one" (each group must sum
    to 1), or "auto": "one" for groups of several members whose weights are all below 1, else "relative".
    """
    members: dict[str, list[Element]] = {}
    for element in elements:
        if element.parent is not None:
            members.setdefault(element.parent, []).append(element)
    for parent, children in members.items():
        total = sum(child.weight for child in children)
        codes = ", ".join(f"{child.code}={child.weight:g}" for child in children)
        if total <= 0:
            raise InputError(
                f"Meta, column Weight, group {parent}: the weights sum to {total:g} ({codes}).",
                hint="At least one member of a group needs a weight above 0.",
            )
        shares = len(children) > 1 and all(child.weight < 1 for child in children)
        if (rule == "one" or (rule == "auto" and shares)) and abs(total - 1) > 1e-6:
            raise InputError(
                f"Meta, column Weight, group {parent}: the weights are shares but sum to {total:g}, not 1 ({codes}).",
                hint='Correct them, or set [weights] sum = "relative" in the recipe to have them scaled.',
            )


def _unique(elements: Sequence[Element]) -> dict[str, Element]:
    by_code: dict[str, Element] = {}
    for element in elements:
        if element.code in by_code:
            raise InputError(f"Meta: the code {element.code} stands in two rows; a code must be unique.")
        by_code[element.code] = element
    return by_code


def _check_parent(element: Element, by_code: Mapping[str, Element]) -> None:
    if element.parent is None:
        return
    if element.parent not in by_code:
        raise InputError(
            f"Meta, row {element.code}, column Parent: unknown parent {element.parent}.",
            hint="A parent must be the iCode of an aggregate in the same file.",
        )
    if element.parent == element.code:
        raise InputError(f"Meta, row {element.code}, column Parent: an element cannot be its own parent (a cycle).")


def _check_cycles(elements: Sequence[Element], by_code: Mapping[str, Element]) -> None:
    for element in elements:
        seen = [element.code]
        while (parent := by_code[seen[-1]].parent) is not None:
            if parent in seen:
                ring = " → ".join([*seen[seen.index(parent) :], parent])
                raise InputError(f"Meta, column Parent: a cycle {ring}; the parents must end at the index.")
            seen.append(parent)
    for element in elements:
        parent = element.parent
        if parent is not None and by_code[parent].level <= element.level:
            raise InputError(
                f"Meta, row {element.code}, column Parent: {parent} is on level {by_code[parent].level}, "
                f"not above level {element.level}."
            )


def _check_tops(elements: Sequence[Element]) -> None:
    tops = [element.code for element in elements if element.parent is None]
    if len(tops) != 1:
        raise InputError(
            f"Meta, column Parent: {len(tops)} elements have no parent ({', '.join(tops)}); only the index may."
        )
