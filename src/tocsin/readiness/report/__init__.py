"""Reports of readiness: one unit of a built run, or one assessment, as HTML, PDF, workbook or CSV."""

from tocsin.readiness.report.assessment_report import assessment_report
from tocsin.readiness.report.document import Report
from tocsin.readiness.report.material import Material, gather, ranked_units, tracked_targets
from tocsin.readiness.report.run_folder import UnitRun, read_unit
from tocsin.readiness.report.unit_report import unit_report
from tocsin.readiness.report.write import write_report

__all__ = [
    "Material",
    "Report",
    "UnitRun",
    "assessment_report",
    "gather",
    "ranked_units",
    "read_unit",
    "tracked_targets",
    "unit_report",
    "write_report",
]
