"""Collectors fetch reports from where they wait, on a schedule, and hand them to the pipeline."""

from tocsin.pipeline.collectors.folder import take_in_folder
from tocsin.pipeline.collectors.kinds import (
    CollectedOffer,
    Collector,
    CollectorKind,
    CollectorSettings,
    Memory,
    WaitingReport,
    kind_of,
    kinds,
    read_collectors,
)
from tocsin.pipeline.collectors.run import CollectorRun, retry_refused, run_collector, would_take
from tocsin.pipeline.collectors.spool import file_name
from tocsin.pipeline.collectors.state import CollectorStatus, refusals, standings

__all__ = [
    "CollectedOffer",
    "Collector",
    "CollectorKind",
    "CollectorRun",
    "CollectorSettings",
    "CollectorStatus",
    "Memory",
    "WaitingReport",
    "file_name",
    "kind_of",
    "kinds",
    "read_collectors",
    "refusals",
    "retry_refused",
    "run_collector",
    "standings",
    "take_in_folder",
    "would_take",
]
