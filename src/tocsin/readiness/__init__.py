"""Readiness: composite indices with their uncertainty, assessments with their evidence, and the reports of both.

The engine's face: inputs and recipe in, every stage of an index out. Names are loaded when first used.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.readiness.run import build_run
else:
    lazy_face(__name__)
