"""Reports of readiness: one unit of a built run, or one assessment."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.readiness.report.assessment_report import assessment_report
    from tocsin.readiness.report.material import Material, gather, ranked_units, tracked_targets
    from tocsin.readiness.report.run_folder import UnitRun, read_unit
    from tocsin.readiness.report.unit_report import unit_report
    from tocsin.readiness.report.what_if import gains
else:
    lazy_face(__name__)
