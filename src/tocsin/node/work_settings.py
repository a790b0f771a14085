"""The settings of who works on reports."""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from tocsin.node.errors import SettingError
from tocsin.node.section import Section
from tocsin.node.sentences import say


class WorkSettings(Section):
    """Where large reports are worked on."""

    on: Literal["process", "processes", "ray"] = Field(
        "process",
        description="'process': in the process that takes them in; 'processes': in workers beside it, which needs more "
        "memory and takes less time; 'ray': on a Ray cluster (docs/cluster.md). Reports of less than 4 MB are never "
        "given to workers.",
    )
    workers: int = Field(
        0,
        ge=0,
        le=4096,
        description="Worker processes; 0: as many as there are processor cores. On 'ray' those that should be there: "
        "the doctor complains when processor cores are missing; 0: it does not count them.",
    )
    address: str = Field(
        "",
        pattern=r"^([\w.-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5})?$",
        description="HOST:PORT of the Ray cluster; this machine must be one of its nodes.",
    )
    groups: int = Field(
        4, ge=1, le=64, description="On 'ray', into how many groups the 64 shards are put; each has one owner."
    )
    patience_seconds: int = Field(
        120, ge=1, description="On 'ray', a step that takes longer is begun again by another worker."
    )
    term_seconds: int = Field(
        60, ge=2, description="Over PostgreSQL: who takes reports in and does not answer for so long is replaced."
    )

    @model_validator(mode="after")
    def _cluster_somewhere(self) -> Self:
        if self.on == "ray" and not self.address:
            raise ValueError("'address' must name the cluster where 'on' is 'ray'")
        return self


def check_ray_token() -> None:
    """Make Ray prove who asks by a token; who reaches its ports without one runs programs as us.

    Raises:
        SettingError: there is no token.

    """
    os.environ["RAY_AUTH_MODE"] = "token"
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    try:
        token = os.environ.get("RAY_AUTH_TOKEN") or path.read_text()
    except OSError:
        token = ""
    if not token.strip():
        raise SettingError(
            say("Work on Ray needs the token of its cluster, and there is none."),
            hint=say("Put it into %(path)s, or name its file by RAY_AUTH_TOKEN_PATH: docs/cluster.md.", path=str(path)),
        )
