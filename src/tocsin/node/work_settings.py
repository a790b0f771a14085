"""The settings of who works on reports."""

from typing import Literal

from pydantic import Field

from tocsin.node.section import Section


class WorkSettings(Section):
    """Where large reports are worked on."""

    on: Literal["process", "processes"] = Field(
        "process",
        description="'process': in the process that takes them in; 'processes': in workers beside it, which needs more "
        "memory and takes less time. Reports of less than 4 MB are never given to workers.",
    )
    workers: int = Field(0, ge=0, le=256, description="Worker processes; 0: as many as there are processor cores.")
    term_seconds: int = Field(
        60, ge=2, description="Over PostgreSQL: who takes reports in and does not answer for so long is replaced."
    )
