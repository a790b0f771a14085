"""What somebody may see of the events, as `tocsin.sharing.visibility` found it by asking the gate: plain data.

An event shows through the windows that it fits; nobody without a window sees anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from tocsin.events.fields import FIELDS

Label: TypeAlias = tuple[str | None, str | None]
"""TLP and PAP as an event carries them."""


@dataclass(frozen=True)
class ScopeClause:
    """Events of these teams (routed or told to one of them) and labels, with these fields; None: of all.

    ``told_only``: only those that one of the teams was told.
    """

    teams: frozenset[int] | None
    labels: frozenset[Label] | None
    fields: frozenset[str]
    told_only: bool = False


@dataclass(frozen=True)
class EventScope:
    """All that somebody sees."""

    windows: tuple[ScopeClause, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether no event is hidden."""
        return any(window.teams is None and window.labels is None for window in self.windows)

    @property
    def teams(self) -> frozenset[int] | None:
        """Whose events are seen; None: everybody's."""
        return None if any(window.teams is None for window in self.windows) else self._of_all()

    @property
    def by_team(self) -> bool:
        """Whether labels alone do not decide what is seen."""
        return not self.everything and any(window.teams is not None for window in self.windows)

    @property
    def common(self) -> frozenset[str]:
        """The fields that show of every event that is seen: only by these may it be looked for."""
        return frozenset.intersection(*(window.fields for window in self.windows)) if self.windows else frozenset()

    def _of_all(self) -> frozenset[int]:
        return frozenset(team for window in self.windows for team in window.teams or ())


ALL_FIELDS: Final = frozenset(field.name for field in FIELDS)
EVERYTHING: Final = EventScope((ScopeClause(None, None, ALL_FIELDS),))
"""What those see who work on the node: all that is stored, inside."""


def merged(windows: Iterable[ScopeClause]) -> EventScope:
    """The sight through some windows, those that differ by their teams alone put together."""
    teams: dict[tuple[frozenset[Label] | None, frozenset[str], bool], frozenset[int] | None] = {}
    for window in windows:
        key = (window.labels, window.fields, window.told_only)
        before = teams.get(key, frozenset())
        teams[key] = None if before is None or window.teams is None else before | window.teams
    return EventScope(tuple(ScopeClause(of, *alike) for alike, of in teams.items()))
