"""Readiness: composite indices with their uncertainty, assessments with their evidence, and the reports of both.

The engine's face: inputs and recipe in, every stage of an index out. Names are loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.readiness.build import Stages, evaluate
    from tocsin.readiness.hierarchy import Element, Hierarchy
    from tocsin.readiness.inputs import Inputs, read_inputs
    from tocsin.readiness.recipe import Recipe, read_recipe
    from tocsin.readiness.results import profile, ranks, strengths
    from tocsin.readiness.run import Run, bound_rows, build_run, load_run
    from tocsin.readiness.table import Table
    from tocsin.readiness.target import assess, read_panel

__all__ = [
    "Element",
    "Hierarchy",
    "Inputs",
    "Recipe",
    "Run",
    "Stages",
    "Table",
    "assess",
    "bound_rows",
    "build_run",
    "evaluate",
    "load_run",
    "profile",
    "ranks",
    "read_inputs",
    "read_panel",
    "read_recipe",
    "strengths",
]

_HOMES = {
    "build": ("Stages", "evaluate"),
    "hierarchy": ("Element", "Hierarchy"),
    "inputs": ("Inputs", "read_inputs"),
    "recipe": ("Recipe", "read_recipe"),
    "results": ("profile", "ranks", "strengths"),
    "run": ("Run", "bound_rows", "build_run", "load_run"),
    "table": ("Table",),
    "target": ("assess", "read_panel"),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(name)
