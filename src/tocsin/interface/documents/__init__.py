"""Documents with tables and charts, as HTML, PDF, workbook or CSV."""
