"""What a look at a node found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class HealthFinding:
    """One check: what was looked at, whether it is well, what was found, and how to mend it.

    ``teams``: keys of the teams whose pages mend it.
    """

    what: str
    ok: bool
    found: str
    mend: str = ""
    teams: tuple[str, ...] = ()
