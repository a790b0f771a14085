"""What of the events of digests may go to their teams: the gate is asked once for each digest and marking."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import polars as pl

from tocsin.delivery.attachments import hidden
from tocsin.delivery.digest_summary import DELIVERY
from tocsin.directory import Team
from tocsin.sharing.gate import (
    GateVerdict,
    Marking,
    ReleasePurpose,
    decide,
    fields_for,
    highest,
    read_marking,
    recipient_of,
)
from tocsin.sharing.rules import NO_RULES, Rules

_MARK: Final = "_mark"
_KEYS: Final = (DELIVERY, "tlp", "pap", _MARK)
_Labels: TypeAlias = tuple[int, str | None, str | None, int]


@dataclass(slots=True)
class DigestRelease:
    """What the gate said of one digest: the marking of what may go, and the last no."""

    marking: Marking | None = None
    refusal: GateVerdict | None = None
    withheld: int = 0


def through_the_gate(
    events: pl.DataFrame, teams: Mapping[int, Team], own: Collection[str], rules: Rules = NO_RULES
) -> tuple[pl.DataFrame, dict[int, DigestRelease]]:
    """The events that may go, with nothing in the fields that may not, and what was said of each digest.

    ``events``: with the column ``_delivery``. ``teams``: for each digest whom it is for. ``own``: as in `recipient_of`.
    ``rules``: what the node keeps back beyond the table.
    """
    gates = {number: DigestRelease() for number in teams}
    marked = events.with_columns(rules.marks(events).alias(_MARK))
    passed: list[tuple[_Labels, frozenset[str]]] = []
    for number, tlp, pap, mark, count in marked.group_by(*_KEYS).len().iter_rows():
        gate, recipient, marking = gates[number], recipient_of(teams[number], own=own), read_marking(tlp, pap)
        local = rules.local(mark)
        verdict = decide(marking, recipient, ReleasePurpose.REMEDIATION, local)
        if verdict.allowed:
            gate.marking = highest([marking, gate.marking]) if gate.marking else marking
            fields = fields_for(recipient, ReleasePurpose.REMEDIATION, marking, local)
            passed.append(((number, tlp, pap, mark), frozenset(fields)))
        else:
            gate.refusal, gate.withheld = verdict, gate.withheld + count
    parts = [hidden(matching(marked, _rows(of, marked)), fields) for fields, of in _by_fields(passed).items()]
    return (pl.concat(parts) if parts else marked.clear()).drop(_MARK), gates


def _by_fields(passed: Sequence[tuple[_Labels, frozenset[str]]]) -> dict[frozenset[str], list[_Labels]]:
    groups: dict[frozenset[str], list[_Labels]] = {}
    for labels, fields in passed:
        groups.setdefault(fields, []).append(labels)
    return groups


def _rows(of: Sequence[_Labels], events: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame(of, schema={name: events.schema[name] for name in _KEYS}, orient="row")


def matching(events: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """The events whose values are a row of ``wanted``; not copied where that is all of them."""
    on = wanted.columns
    marked = wanted.with_columns(pl.lit(value=True).alias("_wanted"))
    found = events.select(on).join(marked, on=on, how="left", nulls_equal=True, maintain_order="left")["_wanted"]
    return events if found.null_count() == 0 else events.filter(found.fill_null(value=False))
