"""A report as one HTML page that needs nothing else: no network, no second file; and the same page for paper."""

import base64
import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

from tocsin import __version__
from tocsin.interface.documents.document import Download, ReadinessReport, shown
from tocsin.interface.documents.tables import table_csv

LONG_WORD = 20  # letters; a longer word may push a table off the paper
DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")
ROOM = 24  # for a heading above a chart
_SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})


def page(report: ReadinessReport, *, paper: bool = False) -> str:
    """The page as text. ``paper`` leaves out what only works on a screen, and pictures carry their text alternative."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(_file("page.html.j2"))
    styles = ("page.css", "print.css") if paper else ("chart.css", "page.css")
    return template.render(
        report=report,
        paper=paper,
        direction="rtl" if report.language.split("-")[0] in RIGHT_TO_LEFT else "ltr",
        styles="\n".join(_file(name) for name in styles),
        script=_file("whatif.js"),
        downloads=[] if paper else open_data(report),
        identity=str(report.recipe.get("identity", "")),
        version=__version__,
        shown=shown,
        breaking=breaking,
        kind_of=lambda block: type(block).__name__,
        as_image=as_image,
        as_link=_as_link,
        as_json=_as_json,
    )


def breaking(cell: object) -> str:
    """How a cell may be broken: "d" not at all (a date), "w" anywhere (a hash or address is one long word), else ""."""
    if not isinstance(cell, str):
        return ""
    if DATE.match(cell):
        return "d"
    return "w" if any(len(word) > LONG_WORD for word in cell.split()) else ""


def open_data(report: ReadinessReport) -> list[Download]:
    """The files of open data: the figures in one long table, the recipe, and what the report adds."""
    return [
        Download("data.csv", "text/csv", table_csv(report.data), "all figures, one a line"),
        Download("recipe.json", "application/json", _recipe(report.recipe), "versions, hashes and rules behind them"),
        *report.downloads,
    ]


def as_image(svg: str) -> str:
    """The chart as a data address, with the style it needs inside."""
    return "data:image/svg+xml;base64," + base64.b64encode(standalone(svg).encode()).decode()


def standalone(svg: str, heading: str = "") -> str:
    """A chart as a file of its own, with the style that it needs inside, and a heading above it where one is given."""
    styled = svg.replace("<title>", f"<style>{_file('chart.css')}</style><title>", 1)
    if not heading:
        return styled
    width, height = (float(number) for number in _SIZE.search(svg).groups())  # type: ignore[union-attr]
    more = f'viewBox="0 -{ROOM} {width:g} {height + ROOM:g}"'
    taller = _SIZE.sub(more, styled, count=1).replace(f' height="{height:g}"', f' height="{height + ROOM:g}"', 1)
    return taller.replace("</svg>", f'<text class="value" x="0" y="{8 - ROOM}">{escape(heading)}</text></svg>')


def _recipe(recipe: Mapping[str, object]) -> str:
    return json.dumps(recipe, indent=1, ensure_ascii=False, default=str) + "\n"


def _as_link(file: Download) -> str:
    return f"data:{file.media_type};charset=utf-8;base64," + base64.b64encode(file.text.encode()).decode()


def _as_json(data: object) -> str:
    # Inside a script element only "</" could end it early.
    return json.dumps(data, ensure_ascii=False).replace("</", "<\\/")


def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
