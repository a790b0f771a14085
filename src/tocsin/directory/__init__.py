"""The directory: teams, how they want to be told, and which part of the network each answers for."""

from tocsin.directory.model import (
    Directory,
    Format,
    Interval,
    Mute,
    MuteKind,
    Role,
    Rule,
    RuleKind,
    Team,
    TeamKind,
)

__all__ = [
    "Directory",
    "Format",
    "Interval",
    "Mute",
    "MuteKind",
    "Role",
    "Rule",
    "RuleKind",
    "Team",
    "TeamKind",
]
