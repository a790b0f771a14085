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
    """Why a running clock is a to-do item: how much of its time is over, or that its incident has ended."""

    HALF = "half"
    MOST = "most"  # four fifths
    OVER = "over"
    ENDED = "ended"  # its incident, and less than half of its time is over
