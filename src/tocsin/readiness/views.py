"""Views of a built run that people ask for by name: statistics, correlations, consistency, components, trends."""

from collections.abc import Callable, Mapping

import numpy as np

from tocsin.node.errors import UsageError
from tocsin.readiness import describe
from tocsin.readiness.compare import trends
from tocsin.readiness.results import profile, strengths
from tocsin.readiness.run import ReadinessRun, bound_rows
from tocsin.readiness.screen import availability
from tocsin.readiness.table import DataTable
from tocsin.readiness.weigh import principal_components

Row = Mapping[str, object]


def view(run: ReadinessRun, name: str, stage: str, level: int, kind: str = "pearson") -> list[Row]:
    """The rows of one view of a stage; ``level`` is that of the groups, or of the elements for trends.

    ``kind`` of correlation: "pearson", "spearman" or "kendall".

    Raises UsageError for a view that does not exist.
    """
    table = run.stage(stage)
    views: Mapping[str, Callable[[], list[Row]]] = {
        "statistics": lambda: list(describe.statistics(table)),
        "availability": lambda: availability_rows(table),
        "correlations": lambda: list(describe.correlation_table(table, table.codes, kind=kind)),
        "flags": lambda: list(describe.correlation_flags(table, run.inputs.hierarchy, group_level=level, kind=kind)),
        "denominators": lambda: _denominators(run),
        "alpha": lambda: alpha_rows(run, table, level),
        "pca": lambda: component_rows(run, table, level),
        "bounds": lambda: list(bound_rows(run)),
        "trends": lambda: list(trends(table, [e.code for e in run.inputs.hierarchy.at_level(level)])),
    }
    if name not in views:
        raise UsageError(f"There is no view {name}.", hint=f"Choose from {', '.join(views)}.")
    return views[name]()


def availability_rows(table: DataTable) -> list[Row]:
    """uCode, N_missing, N_zero, Dat_Avail, Non_Zero of each row."""
    found = availability(table)
    return [
        {
            **table.key(i),
            "N_missing": int(found.missing[i]),
            "N_zero": int(found.zero[i]),
            "Dat_Avail": float(found.available[i]),
            "Non_Zero": float(found.nonzero[i]),
        }
        for i in range(len(table.units))
    ]


def alpha_rows(run: ReadinessRun, table: DataTable, level: int) -> list[Row]:
    """Group, Members and Alpha (Cronbach) of the indicators below each element of ``level``."""
    return [
        {"Group": code, "Members": len(members), "Alpha": describe.cronbach(table.columns(members).values)}
        for code, members in _members(run, level).items()
        if len(members) > 1
    ]


def component_rows(run: ReadinessRun, table: DataTable, level: int) -> list[Row]:
    """Group, Component, Variance, Share and the loading of each indicator of the group, long form."""
    rows: list[Row] = []
    for code, members in _members(run, level).items():
        if len(members) < 2:
            continue
        loadings, variances = principal_components(table.columns(members).values)
        for k, variance in enumerate(variances):
            share = float(variance / variances.sum())
            for i, member in enumerate(members):
                rows.append(
                    {
                        "Group": code,
                        "Component": k + 1,
                        "Variance": float(variance),
                        "Share": share,
                        "iCode": member,
                        "Loading": float(loadings[i, k]),
                    }
                )
    return rows


def unit_view(run: ReadinessRun, unit: str, *, count: int = 5) -> dict[str, object]:
    """One unit in full: scores and ranks, bounds from missing values, strengths and weaknesses. NotFoundError."""
    hierarchy, stages = run.inputs.hierarchy, run.stages
    lines = profile(stages.aggregated, hierarchy, unit)
    best, worst = strengths(stages.normalised, hierarchy, unit, count=count)
    mine = [row for row in bound_rows(run) if row["uCode"] == unit]
    return {
        "uCode": unit,
        "uName": run.inputs.names.get(unit, unit),
        "identity": run.identity,
        "profile": lines,
        "bounds": mine[-1] if mine else None,
        "strengths": best,
        "weaknesses": worst,
    }


def _members(run: ReadinessRun, level: int) -> dict[str, list[str]]:
    hierarchy = run.inputs.hierarchy
    return {
        element.code: sorted(e.code for e in hierarchy.indicators if element.code in hierarchy.lineage(e.code))
        for element in hierarchy.at_level(level)
    }


def _denominators(run: ReadinessRun) -> list[Row]:
    """Correlation of each raw indicator with each denominator, |r| above 0.7."""
    if not run.inputs.denominators.codes or np.isnan(run.inputs.denominators.values).all():
        return []
    return list(describe.denominator_correlations(run.stages.raw, run.inputs.denominators, 0.7))
