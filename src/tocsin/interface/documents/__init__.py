"""Documents with tables and charts, as HTML, PDF, workbook or CSV."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.interface.documents import charts
    from tocsin.interface.documents.charts import tile_map, word_map
    from tocsin.interface.documents.document import (
        Block,
        Cards,
        Cell,
        Download,
        Figure,
        KeyFigure,
        KeyFigures,
        Prose,
        QuestionCard,
        ReadinessReport,
        ReportSection,
        ReportTable,
        WhatIf,
    )
    from tocsin.interface.documents.page import standalone
    from tocsin.interface.documents.paper import PaperDocument, PaperSection, paper_docx, paper_pdf
    from tocsin.interface.documents.tables import table_csv
    from tocsin.interface.documents.write import write_report
else:
    lazy_face(__name__)
