"""How long incidents take, counted again from the records alone by nothing of ours: the figures must be the same."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SPANS = ("acknowledged", "responded", "contained", "recovered", "closed")


def when(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def courses(records: Path) -> Iterator[tuple[str, str, str, datetime, dict[str, datetime]]]:
    """(month, type, severity, opened, what was reached when) of each incident that counts."""
    with closing(sqlite3.connect(records)) as db:
        db.row_factory = sqlite3.Row
        yield from _courses(db)


def _courses(db: sqlite3.Connection) -> Iterator[tuple[str, str, str, datetime, dict[str, datetime]]]:
    wanted = "state not in ('merged', 'rejected') and (compartment_id = 0 or in_figures)"
    for one in db.execute(f"select * from incident where {wanted}"):
        rows = [dict(row) for row in db.execute("select * from incident_entry where incident_id = ?", (one["id"],))]
        replaced = {row["supersedes"] for row in rows}
        kept = [row | {"data": json.loads(row["data"]), "at": when(row["happened_at"])} for row in rows]
        kept = sorted((row for row in kept if row["id"] not in replaced), key=lambda row: row["id"])
        opened = next(row["at"] for row in kept if row["kind"] == "opened")
        found: dict[str, list[datetime]] = {name: [] for name in SPANS}
        led = [row for row in kept if row["kind"] == "lead" and (row["data"]["before"] or row["data"]["after"])]
        if kept[0]["data"].get("lead") or (led and led[0]["data"]["before"]):
            found["acknowledged"] = [opened]
        elif led:
            found["acknowledged"] = [led[0]["at"]]
        found["responded"] = [row["at"] for row in kept if row["kind"] == "mail-out"]
        for name in ("contained", "recovered"):
            reached = (row for row in kept if row["kind"] == "milestone" and row["data"]["milestone"] == name)
            found[name] = [row["at"] for row in reached]
        states = [row for row in kept if row["kind"] == "state"]
        if states and states[-1]["data"]["after"] == "closed":
            found["closed"] = [states[-1]["at"]]
        reached_at = {name: max(min(times), opened) for name, times in found.items() if times}
        yield f"{opened:%Y-%m}", one["rsit_type"], one["severity"], opened, reached_at


def share_within(times: list[tuple[float, bool]], share: float) -> float | None:
    """Kaplan and Meier: each end takes its part of those who are left; None: so many have not ended."""
    left = 1.0
    for at in sorted({hours for hours, ended in times if ended}):
        exposed, ends = sum(hours >= at for hours, _ in times), times.count((at, True))
        left *= 1 - ends / exposed
        if left <= 1 - share + 1e-9:
            return at
    return None


def recount(records: Path, now: datetime) -> dict[tuple[str, str], dict[str, Any]]:
    """By (what, group): for each span how many ended, how many did not, median and 90th percentile in hours."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for month, rsit_type, severity, opened, reached in courses(records):
        for key in (("all", ""), ("month", month), ("type", rsit_type), ("severity", severity)):
            groups.setdefault(key, []).append((opened, reached))
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for key, of in groups.items():
        found[key] = {}
        for span in SPANS:
            times = [
                ((reached.get(span) or reached.get("closed") or now).timestamp() - opened.timestamp(), span in reached)
                for opened, reached in of
            ]
            hours = [(seconds / 3600, ended) for seconds, ended in times]
            n = sum(ended for _, ended in hours)
            found[key][span] = (n, len(hours) - n, share_within(hours, 0.5), share_within(hours, 0.9))
    return found
