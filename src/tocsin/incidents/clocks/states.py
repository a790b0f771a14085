"""The closed lists of clocks on incidents."""

from enum import StrEnum


class ClockState(StrEnum):
    """How a clock stands; one that runs past its due time is overdue."""

    RUNNING = "running"
    MET = "met"
    LATE = "late"  # met after it was due
    NOT_APPLICABLE = "not-applicable"  # the reason says why


class ClockStart(StrEnum):
    """What a clock was started with."""

    MILESTONE = "milestone"  # its entry; a correction of that moves the clock
    NOTICE = "notice"  # the submission of another notice
    INSTANT = "instant"  # typed, with a source


class ClockStage(StrEnum):
    """How much of the time of a running clock is over, from which on it is a to-do item."""

    HALF = "half"
    MOST = "most"  # four fifths
    OVER = "over"
