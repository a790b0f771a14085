"""Maps of coverage and of national CIRTs, as a picture or as a page with the figures behind it."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.cli.files_out import put
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.directory.coverage import Coverage
    from tocsin.directory.states import CirtAssessment, StateSet
    from tocsin.interface.documents import Figure, ReadinessReport, ReportTable

_SIGNS: Final = {"yes": "full", "no": "crossed", "not computable": "hatched"}
_SQUARES: Final = "Each country is one square of equal size, in our own layout, so that small islands are seen."


def put_map(report: "ReadinessReport", out: Path | None) -> None:
    """Write a map: the picture alone as .svg, else the page. Raises UsageError and StorageError."""
    from tocsin.interface.documents import Figure, standalone, write_report

    if out is None:
        raise UsageError("A map needs a file.", hint="Say which: --out map.svg, or .html, .pdf, .xlsx.")
    if out.suffix.lower() != ".svg":
        write_report(report, out)
        return
    first = next(b for section in report.sections for b in section.blocks if isinstance(b, Figure))
    put(standalone(first.svg, f"{first.title} ({report.recipe['as_of']})"), out)


def coverage_map(found: "Coverage", *, made_on: date) -> "ReadinessReport":
    """Coverage of AS numbers by country."""
    from tocsin.interface.documents import ReadinessReport, ReportSection, ReportTable
    from tocsin.networks import country_names

    rows = found.countries.filter(found.countries["as_numbers"] > 0).to_dicts()
    names, total = country_names(), found.total
    shown = ("as_numbers", "without", "abuse", "security", "security_verified", "security_answering", "moved")
    columns = ("country", "name", *shown)
    cells = [(r["country"] or "-", names.get(r["country"] or "", ""), *(r[name] for name in shown)) for r in rows]
    table = ReportTable(
        "AS numbers",
        f"AS numbers by country, {found.day}",
        columns,
        (*cells, ("all", "", *(total[name] for name in shown))),
        frozenset(range(2, len(columns))),
        note="A number counts once, in the country of its registry. The last line is the sum.",
    )
    figures = [
        _share_figure(found, name, words, table, again=place > 0)
        for place, (name, words) in enumerate(
            (("security_answering", "a security contact that answers"), ("abuse", "a registered abuse address"))
        )
    ]
    every = ReportTable(
        "data", "all figures", tuple(rows[0]) if rows else (), tuple(tuple(row.values()) for row in rows)
    )
    return ReadinessReport(
        title=figures[0].title,
        subtitle=f"Coverage of Autonomous Systems as of {found.day}",
        made_on=made_on,
        sections=(ReportSection("coverage", "Coverage", "Where a contact is known", (*figures, table)),),
        data=every,
        recipe={
            "as_of": found.day,
            "denominator": [f"{f.rir} {f.as_of} {f.file} {f.sha256}" for f in found.files],
            "addresses": list(found.tables),
        },
    )


def _share_figure(found: "Coverage", name: str, words: str, table: "ReportTable", *, again: bool) -> "Figure":
    from tocsin.directory.states import alpha3_codes
    from tocsin.interface.documents import Figure, tile_map

    three, rows = alpha3_codes(), found.countries.filter(found.countries["as_numbers"] > 0).to_dicts()
    values: dict[str, float | None] = {
        three[row["country"]]: 100 * row[name] / row["as_numbers"] for row in rows if row["country"] in three
    }
    all_, with_ = found.total["as_numbers"] or 0, found.total[name] or 0
    title = f"{with_:,} of {all_:,} AS numbers have {words}"
    none = sum(value == 0 for value in values.values())
    most = sorted(((value or 0, code) for code, value in values.items() if value), reverse=True)[:5]
    best = ", ".join(f"{code} {value:.0f} %" for value, code in most)
    alt = f"Percent of a country's AS numbers that have {words}. In {none} of {len(values)} countries none has."
    alt += f" Highest: {best}." if best else ""
    svg = tile_map(values, "", title, alt)
    return Figure(name, title, svg, alt, table, note=f"Percent of AS numbers. {_SQUARES}", again=again)


def cirt_map(among: "StateSet", found: "Sequence[CirtAssessment]", day: date, *, made_on: date) -> "ReadinessReport":
    """National CIRTs by two rules."""
    from tocsin.directory.states import GROUPS
    from tocsin.interface.documents import ReadinessReport, ReportSection, ReportTable

    columns = ("code", "state", "groups", "a CIRT exists", "why", "links in use", "why ")
    table = ReportTable(
        "states",
        f"States, {day}",
        columns,
        tuple(
            (
                one.state.code,
                one.state.name,
                " ".join(group for group in GROUPS if group in one.state.groups),
                one.structure.answer.value,
                one.structure.reason,
                one.cooperating.answer.value,
                one.cooperating.reason,
            )
            for one in found
        ),
    )
    first = {one.state.code: one.structure.answer.value for one in found}
    second = {one.state.code: one.cooperating.answer.value for one in found}
    figures = (
        _answer_figure("structure", first, "have a structure or a CIRT", table),
        _answer_figure("cooperating", second, "have a national CIRT with a regional and an international link", table),
    )
    return ReadinessReport(
        title=figures[0].title,
        subtitle=f"National CIRTs by two rules as of {day}: {among.title}, {among.as_of}",
        made_on=made_on,
        sections=(ReportSection("cirts", "CIRTs", "Two rules, side by side", (*figures, table)),),
        data=table,
        recipe={"as_of": day, "states": among.title, "states_as_of": among.as_of, "source": among.source},
    )


def _answer_figure(name: str, answers: Mapping[str, str], words: str, table: "ReportTable") -> "Figure":
    from tocsin.directory.states import alpha3_codes
    from tocsin.interface.documents import Figure, word_map

    three, said = alpha3_codes(), list(answers.values())
    title = f"{said.count('yes')} of {len(said)} states {words}; {said.count('not computable')} are not known"
    yes = ", ".join(code for code, answer in answers.items() if answer == "yes") or "none"
    no = ", ".join(code for code, answer in answers.items() if answer == "no") or "none"
    alt = f"Yes: {yes}. No: {no}. All others are not computable: this node has no evidence."
    svg = word_map({three[code]: answer for code, answer in answers.items()}, _SIGNS, title, alt)
    return Figure(name, title, svg, alt, table, note=_SQUARES, again=name != "structure")
