"""Figures that both reports have."""

from collections.abc import Mapping

from tocsin.interface.documents import Figure, ReportSection, ReportTable, charts


def tile_map(
    values: Mapping[str, float | None], own: str, title: str, finding: str, table: tuple[str, str], *, note: str = ""
) -> list[ReportSection]:
    """The section with the map of units; empty where the map has no square for ``own``: a team, or another code.

    ``table``: the title of its table, and what the values are called.
    """
    if own not in charts.tiles():
        return []
    rows = tuple(sorted(values.items()))
    alt = title + ". " + "; ".join(f"{unit}: {'unknown' if v is None else f'{v:.0f}'}" for unit, v in rows)
    absent = [unit for unit in values if unit not in charts.tiles()]
    note += f"No square on this map: {', '.join(absent)}." if absent else ""
    svg = charts.tile_map(values, own, title, alt)
    shown = ReportTable("Map", table[0], ("Unit", table[1]), rows, frozenset({1}))
    return [ReportSection("map", "Map", title, (Figure("Map", finding, svg, alt, shown, note),))]
