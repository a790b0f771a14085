"""Collectors fetch reports from where they wait, on a schedule, and hand them to the pipeline."""

from tocsin.pipeline.collectors.folder import take_in_folder
from tocsin.pipeline.collectors.kinds import (
    Collector,
    CollectorSettings,
    Item,
    Kind,
    Memory,
    Offer,
    kind_of,
    kinds,
    read_collectors,
)
from tocsin.pipeline.collectors.run import Run, retry_refused, run_collector, would_take
from tocsin.pipeline.collectors.spool import file_name
from tocsin.pipeline.collectors.state import Standing, refusals, standings

__all__ = [
    "Collector",
    "CollectorSettings",
    "Item",
    "Kind",
    "Memory",
    "Offer",
    "Run",
    "Standing",
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
