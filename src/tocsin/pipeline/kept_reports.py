"""Reports that are kept for some days as they came, so that one can be read again once its mapping was corrected.

A file for each in ``kept-reports/DAY/`` of the home, named after its SHA-256 and its feed. They are no records: one
that a power cut spoiled, or that was not kept as the disk was nearly full, has to be given again.
"""

import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from tocsin.events import Ingest
from tocsin.node.node import Node
from tocsin.node.paths import HomeFolder
from tocsin.node.volumes import reserve_of

if TYPE_CHECKING:
    from tocsin.pipeline.parse import OpenReport

MOST_KEPT: Final = 64_000_000
"""Bytes of a report that is kept; who sends larger ones has them."""


def keep_report(node: Node, reading: "OpenReport") -> None:
    """Keep a report that was read to its end, where nothing of it had to be taken out and the disk has room."""
    report = reading.report
    if not node.settings.retention.reread_days or reading.redaction.changed or report.size > MOST_KEPT:
        return
    free, reserve = reserve_of(node.settings.intake, node.home)
    path = _path(node, reading.heard.date(), report.content_hash, reading.record.id)
    if free - report.size < reserve or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{uuid4().hex}.part")
    reading.stream.seek(0)
    with part.open("wb") as out:
        shutil.copyfileobj(report.limited(reading.stream), out, 1 << 20)
    part.rename(path)


def kept_report(node: Node, ingest: Ingest) -> Path | None:
    """Where the report of an ingest is kept; None where it is not, or not any more."""
    path = _path(node, ingest.day, ingest.content_hash, ingest.feed_id)
    return path if path.is_file() else None


def forget_report(node: Node, ingest: Ingest) -> None:
    """Keep the report of an ingest no longer."""
    _path(node, ingest.day, ingest.sha256, ingest.feed_id).unlink(missing_ok=True)


def forget_reports_before(node: Node, day: date) -> None:
    """Keep those that came before a day no longer."""
    for folder in (node.home / HomeFolder.REPORTS).glob("????-??-??"):
        if folder.name < day.isoformat():
            shutil.rmtree(folder)


def _path(node: Node, day: date, content_hash: str, feed: int) -> Path:
    return node.home / HomeFolder.REPORTS / day.isoformat() / f"{content_hash}-{feed}"
