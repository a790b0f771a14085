"""The tables of a report as files: CSV text and an Excel workbook."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.interface.documents.document import Cell, KeyFigures, ReadinessReport, ReportTable, shown
from tocsin.node.spreadsheet import csv_text, escape_formula

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet


def table_csv(table: ReportTable) -> str:
    """The table as CSV, UTF-8, numbers in full; text that a spreadsheet would run is quoted with an apostrophe."""
    return csv_text([table.columns, *table.rows], end="\n")


def workbook(report: ReadinessReport, path: Path) -> None:
    """Write the workbook: a summary, a sheet for each table, the open data, and the recipe."""
    import xlsxwriter

    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties({"title": report.title, "subject": report.subtitle})
        styles = _styles(book)
        _summary(book.add_worksheet("Summary"), report, styles)
        taken = {"summary", "recipe"}
        for table in (*report.tables(), report.data):
            _sheet(book.add_worksheet(_sheet_name(table.name, taken)), table, styles)
        _recipe_sheet(book.add_worksheet("Recipe"), report, styles)


def _styles(book: "Workbook") -> dict[str, "Format"]:
    font = {"font_name": "Calibri", "font_size": 11, "valign": "vcenter"}
    return {
        "title": book.add_format({**font, "bold": True, "font_size": 16}),
        "bold": book.add_format({**font, "bold": True, "text_wrap": True}),
        "head": book.add_format({**font, "bold": True, "bottom": 1, "text_wrap": True}),
        "head_n": book.add_format({**font, "bold": True, "bottom": 1, "text_wrap": True, "align": "right"}),
        "text": book.add_format({**font, "text_wrap": True}),
        "faint": book.add_format({**font, "font_color": "#59636E", "text_wrap": True}),
        "number": book.add_format({**font, "num_format": "#,##0.0"}),
        "number3": book.add_format({**font, "num_format": "#,##0.000"}),
        "whole": book.add_format({**font, "num_format": "#,##0"}),
        "code": book.add_format({**font, "font_name": "Consolas", "text_wrap": True}),
    }


def _summary(sheet: "Worksheet", report: ReadinessReport, styles: dict[str, "Format"]) -> None:
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 14)
    sheet.set_column(2, 2, 70)
    sheet.write_string(0, 0, report.title, styles["title"])
    sheet.write_string(1, 0, report.subtitle)
    line = 3
    for section in report.sections:
        sheet.merge_range(line, 0, line, 2, section.title, styles["head"])
        line += 1
        for block in section.blocks:
            for item in block.items if isinstance(block, KeyFigures) else ():
                sheet.write_string(line, 0, item.label, styles["text"])
                sheet.write_string(line, 1, item.value, styles["bold"])
                sheet.write_string(line, 2, "; ".join(filter(None, (item.range, item.note))), styles["faint"])
                line += 1
        line += 1
    sheet.write_string(line, 0, f"Made on {report.made_on}", styles["faint"])
    _page(sheet)


def _sheet(sheet: "Worksheet", table: ReportTable, styles: dict[str, "Format"]) -> None:
    sheet.hide_gridlines(2)
    sheet.write_string(0, 0, table.title, styles["title"])
    for column, name in enumerate(table.columns):
        sheet.write_string(2, column, name, styles["head_n" if column in table.numbers else "head"])
        sheet.set_column(column, column, _width(name, (row[column] for row in table.rows), table.places))
    for number, row in enumerate(table.rows, start=3):
        for column, cell in enumerate(row):
            _write(sheet, (number, column), cell, styles, table.places)
    if table.note:
        line, last = len(table.rows) + 4, max(1, len(table.columns) - 1)
        sheet.merge_range(line, 0, line, last, table.note, styles["faint"])
        sheet.set_row(line, 48)
    sheet.freeze_panes(3, 1)
    if table.rows:
        sheet.autofilter(2, 0, len(table.rows) + 2, len(table.columns) - 1)
    _page(sheet)


def _write(sheet: "Worksheet", place: tuple[int, int], cell: Cell, styles: dict[str, "Format"], places: int) -> None:
    if cell is None:
        return
    if isinstance(cell, str):
        sheet.write_string(*place, cell, styles["text"])
    elif isinstance(cell, int):
        sheet.write_number(*place, cell, styles["whole"])
    else:
        sheet.write_number(*place, cell, styles["number" if places <= 1 else "number3"])


def _recipe_sheet(sheet: "Worksheet", report: ReadinessReport, styles: dict[str, "Format"]) -> None:
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 100)
    sheet.write_string(0, 0, "How to come to the same figures", styles["title"])
    for line, (key, value) in enumerate(report.recipe.items(), start=2):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str, indent=1)
        sheet.write_string(line, 0, key, styles["bold"])
        sheet.write_string(line, 1, text[:32_000], styles["code"])
    _page(sheet)


def _page(sheet: "Worksheet") -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&L&F&C&A&R&P / &N")


def _width(name: str, cells: Iterable[Cell], places: int) -> float:
    longest = max([len(name) + 2, *(len(shown(cell, places)) for cell in cells)])
    return min(60, max(9, longest * 1.05 + 1))


def _sheet_name(name: str, taken: set[str]) -> str:
    # Excel: at most 31 characters, none of []:*?/\, each once whatever the case.
    clean = re.sub(r"[\[\]:*?/\\]", " ", name)[:31].strip() or "Table"
    number = 1
    fresh = clean
    while fresh.lower() in taken:
        number += 1
        fresh = f"{clean[: 30 - len(str(number))]} {number}"
    taken.add(fresh.lower())
    return fresh


def _safe(cell: Cell) -> Cell:
    return escape_formula(cell) if isinstance(cell, str) else cell
