"""What the gate keeps from teams, as it is counted."""

from typing import NamedTuple


class WithheldKey(NamedTuple):
    """What the gate stopped: for which team, by which of its rules, under which label (TLP)."""

    team_id: int
    rule: str
    tlp: str
