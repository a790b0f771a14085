"""Readiness: composite indices with their uncertainty, assessments with their evidence, and the reports of both.

The engine's face: inputs and recipe in, every stage of an index out. Names are loaded when first used.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.readiness.build import Stages, evaluate
    from tocsin.readiness.hierarchy import Element, Hierarchy
    from tocsin.readiness.inputs import Inputs, read_inputs
    from tocsin.readiness.recipe import Recipe, read_recipe
    from tocsin.readiness.results import profile, ranks, strengths
    from tocsin.readiness.run import ReadinessRun, bound_rows, build_run, load_run
    from tocsin.readiness.table import DataTable
    from tocsin.readiness.target import assess, read_panel
else:
    lazy_face(__name__)
