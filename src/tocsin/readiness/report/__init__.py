"""Reports of readiness: one unit of a built run, or one assessment, as HTML, PDF, workbook or CSV."""

from tocsin.readiness.report.assessment_report import assessment_report
from tocsin.readiness.report.document import Report
from tocsin.readiness.report.material import Material, gather, ranked_units, tracked_targets
from tocsin.readiness.report.write import write_report

__all__ = ["Material", "Report", "assessment_report", "gather", "ranked_units", "tracked_targets", "write_report"]
