"""Reports as files; the ending of the name says which kind."""

from pathlib import Path

from tocsin.interface.documents.document import ReadinessReport
from tocsin.node.errors import StorageError, UsageError


def write_report(report: ReadinessReport, path: Path) -> None:
    """Write the report to ``path``: .html, .pdf, .xlsx or .csv.

    Raises:
        UsageError: the name ends in something else.
        StorageError: the file cannot be written, or the machine cannot make PDF.

    """
    makers = {".html": _html, ".pdf": _pdf, ".xlsx": _xlsx, ".csv": _csv}
    make = makers.get(path.suffix.lower())
    if make is None:
        raise UsageError(f"A report cannot be written as '{path.name}'.", hint=f"End the name in {', '.join(makers)}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        make(report, path)
    except OSError as error:
        raise StorageError(f"'{path}' cannot be written: {error.strerror or error}.") from error


def _html(report: ReadinessReport, path: Path) -> None:
    from tocsin.interface.documents.page import page

    path.write_text(page(report), encoding="utf-8")


def _pdf(report: ReadinessReport, path: Path) -> None:
    from tocsin.interface.documents.page import page

    path.write_bytes(pdf_of(page(report, paper=True)))


def pdf_of(text: str) -> bytes:
    """A page as PDF (PDF/UA-1). It draws on nothing from outside, whatever text it holds.

    Raises:
        StorageError: the machine cannot make PDF.

    """
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except OSError as error:  # the library is there, but not the system's Pango that it draws with
        raise StorageError(
            "PDF cannot be made: the text library Pango is not on this machine.",
            hint="Debian: apt-get install libpango-1.0-0 libpangoft2-1.0-0. HTML and XLSX work without it.",
        ) from error
    inside = URLFetcher(allowed_protocols=("data",), allow_redirects=False)
    made = HTML(string=text, url_fetcher=inside).write_pdf(pdf_variant="pdf/ua-1")
    return bytes(made)


def _xlsx(report: ReadinessReport, path: Path) -> None:
    from tocsin.interface.documents.tables import workbook

    workbook(report, path)


def _csv(report: ReadinessReport, path: Path) -> None:
    from tocsin.interface.documents.tables import table_csv

    path.write_text(table_csv(report.data), encoding="utf-8")
