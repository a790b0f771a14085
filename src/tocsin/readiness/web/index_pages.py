"""Composite indices: those that were built here, each with its bounds, another beside it, and the report of a unit."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from starlette.datastructures import FormData, UploadFile

from tocsin.interface import Form, NotHereError, PageMaker
from tocsin.node.errors import InputError, NotFoundError
from tocsin.node.paths import HomeFolder
from tocsin.readiness.report import read_unit, unit_report
from tocsin.readiness.reweigh import comparison, labelled
from tocsin.readiness.run import bound_rows, load_run, warnings_of
from tocsin.readiness.web.form import NONE, FormFailure, perform
from tocsin.readiness.web.report_files import Ending, report_response
from tocsin.readiness.web.scores import Interval
from tocsin.readiness.web.visitors import Assessor, Reader

_BUILD: Final = "buildIndex"
_FILES: Final = ("data", "meta", "recipe", "denominators")
_LARGEST: Final = 32_000_000  # bytes of a form with files


@dataclass(frozen=True)
class BuiltIndex:
    """An index that was built here: its name, how many units and indicators it has, and its identity."""

    name: str
    units: int
    indicators: int
    identity: str


def add_index_pages(router: APIRouter, maker: PageMaker) -> None:
    """The list of indices, what builds one, and one of them."""
    folder = maker.node.home / HomeFolder.INDICES

    def show(request: Request, refused: FormFailure = NONE) -> Response:
        return maker.page(
            request, "readiness/indices.html", status=refused.status, failed=refused, of=_BUILD, found=[*_built(folder)]
        )

    def place_of(name: str) -> Path:
        if name not in {one.name for one in _built(folder)}:
            raise NotHereError
        return folder / name

    @router.get("/indices")
    def indices(request: Request, _visitor: Reader) -> Response:
        """All that were built here."""
        return show(request)

    @router.post("/indices", max_body_size=_LARGEST)
    def build(request: Request, visitor: Assessor, form: Form) -> Response:
        """Build one of the files that were sent."""
        with tempfile.TemporaryDirectory() as place:
            files = {name: _file(maker, form, name, Path(place)) for name in _FILES}
            given = {name: path for name, path in files.items() if path}
            done = perform(maker, visitor, _BUILD, form, lambda name: f"/readiness/indices/{name}", **given)
        return done if isinstance(done, Response) else show(request, done)

    @router.get("/indices/{name}")
    def one(
        request: Request, _visitor: Reader, name: str, beside: Annotated[str, Query(max_length=60)] = ""
    ) -> Response:
        """The units by rank, with what each score and rank may be; ``beside``: the index to compare with."""
        others = [other.name for other in _built(folder) if other.name != name]
        shown = _shown(place_of(name), place_of(beside) if beside else None)
        return maker.page(request, "readiness/index.html", name=name, others=others, beside=beside, **shown)

    @router.get("/indices/{name}/{unit}/report.{ending}")
    def report(_visitor: Reader, name: str, unit: str, ending: Ending) -> Response:
        """The report of a unit; HTML opens, to be read and printed."""
        found = unit_report(read_unit(place_of(name), unit), made_on=maker.now.date())
        return report_response(found, "readiness-unit", ending)


def _built(folder: Path) -> Iterator[BuiltIndex]:
    for path in sorted(folder.glob("*/run.json")):
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        yield BuiltIndex(path.parent.name, document["units"], document["indicators"], document["identity"])


def _file(maker: PageMaker, form: FormData, name: str, folder: Path) -> Path | None:
    file = form.get(name)
    if not isinstance(file, UploadFile) or not file.filename:
        return None
    path = folder / f"{name}{'.toml' if name == 'recipe' else '.csv'}"
    path.write_bytes(maker.kept(file.file.read(), "index"))
    return path


def _shown(place: Path, other: Path | None) -> dict[str, Any]:
    run = load_run(place)
    top = run.inputs.hierarchy.top
    rows: list[dict[str, Any]] = [{**row, "Index": row[top]} for row in bound_rows(run)]
    year = max((row["Time"] for row in rows if "Time" in row), default=None, key=str)
    rows = [row for row in rows if row.get("Time") == year]
    names = run.inputs.names
    drawn = [row for row in rows if row["Index"] is not None and row["Low"] is not None]
    fits = all(0 <= row["Low"] <= row["High"] <= 100 for row in drawn)
    chart = [_interval(names, row) for row in drawn] if fits else []
    compared, wrong = [], None
    if other is not None:
        try:
            compared = comparison(labelled([place, other]), [], None, "ranks", "values")
        except (InputError, NotFoundError) as error:
            wrong = error
    return {
        "year": year,
        "rows": rows,
        "names": names,
        "chart": chart,
        "warnings": warnings_of(run),
        "compared": compared,
        "wrong": wrong,
    }


def _interval(names: Mapping[str, str], row: Mapping[str, Any]) -> Interval:
    low, point, high = (row[name] for name in ("Low", "Index", "High"))
    return Interval(names.get(row["uCode"], row["uCode"]), low, min(max(point, low), high), high)
