"""Reports of readiness: one unit of a built run, or one assessment, as HTML, PDF, workbook or CSV; and maps."""

from tocsin.readiness.report.assessment_report import assessment_report
from tocsin.readiness.report.charts import tile_map, word_map
from tocsin.readiness.report.document import Figure, KeyFigure, KeyFigures, Prose, Report, Section, Table
from tocsin.readiness.report.material import Material, gather, ranked_units, tracked_targets
from tocsin.readiness.report.page import standalone
from tocsin.readiness.report.run_folder import UnitRun, read_unit
from tocsin.readiness.report.unit_report import unit_report
from tocsin.readiness.report.write import write_report

__all__ = [
    "Figure",
    "KeyFigure",
    "KeyFigures",
    "Material",
    "Prose",
    "Report",
    "Section",
    "Table",
    "UnitRun",
    "assessment_report",
    "gather",
    "ranked_units",
    "read_unit",
    "standalone",
    "tile_map",
    "tracked_targets",
    "unit_report",
    "word_map",
    "write_report",
]
