"""What of the events of digests may go to their teams: the gate is asked once for each digest and marking."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tocsin.delivery.data import hidden
from tocsin.delivery.survey import DELIVERY
from tocsin.directory import Team
from tocsin.release import Marking, Purpose, Verdict, decide, fields_for, highest, read_marking, recipient_of


@dataclass(slots=True)
class Gate:
    """What the gate said of one digest: the marking of what may go, and the last no."""

    marking: Marking | None = None
    refusal: Verdict | None = None
    withheld: int = 0


def through_the_gate(
    events: pl.DataFrame, teams: Mapping[int, Team], own: Collection[str]
) -> tuple[pl.DataFrame, dict[int, Gate]]:
    """The events that may go, with nothing in the fields that may not, and what was said of each digest.

    ``events``: with the column ``_delivery``. ``teams``: for each digest whom it is for. ``own``: as in `recipient_of`.
    """
    gates = {number: Gate() for number in teams}
    passed: list[tuple[int, str | None, str | None, frozenset[str]]] = []
    for number, tlp, pap, count in events.group_by(DELIVERY, "tlp", "pap").len().iter_rows():
        gate, recipient, marking = gates[number], recipient_of(teams[number], own=own), read_marking(tlp, pap)
        verdict = decide(marking, recipient, Purpose.REMEDIATION)
        if verdict.allowed:
            gate.marking = highest([marking, gate.marking]) if gate.marking else marking
            passed.append((number, tlp, pap, frozenset(fields_for(recipient, Purpose.REMEDIATION, marking))))
        else:
            gate.refusal, gate.withheld = verdict, gate.withheld + count
    parts = [hidden(matching(events, _keys(of, events)), fields) for fields, of in _by_fields(passed).items()]
    return (pl.concat(parts) if parts else events.clear()), gates


def _by_fields(
    passed: Sequence[tuple[int, str | None, str | None, frozenset[str]]],
) -> dict[frozenset[str], list[tuple[int, str | None, str | None]]]:
    groups: dict[frozenset[str], list[tuple[int, str | None, str | None]]] = {}
    for number, tlp, pap, fields in passed:
        groups.setdefault(fields, []).append((number, tlp, pap))
    return groups


def _keys(of: Sequence[tuple[int, str | None, str | None]], events: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame(of, schema={name: events.schema[name] for name in (DELIVERY, "tlp", "pap")}, orient="row")


def matching(events: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """The events whose values are a row of ``wanted``; not copied where that is all of them."""
    on = wanted.columns
    marked = wanted.with_columns(pl.lit(value=True).alias("_wanted"))
    found = events.select(on).join(marked, on=on, how="left", nulls_equal=True, maintain_order="left")["_wanted"]
    return events if found.null_count() == 0 else events.filter(found.fill_null(value=False))
