"""The list of problems as the portal shows it: chosen by state, kind and text, grouped by what to do."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from fastapi import Request

from tocsin.directory import Team
from tocsin.interface import number_in
from tocsin.networks import parse_address, parse_network
from tocsin.problems.answers import AnswerOutcome, AnswerVerdict, ProblemRow, problem_text
from tocsin.server.pages.answer_texts import SAYINGS
from tocsin.server.pages.words import N_

SHOWN: Final = 200
"""Problems on one page."""

SORTS: Final = {"": N_("Last seen"), "due": N_("Due first")}
_NEVER: Final = datetime.max.replace(tzinfo=UTC)

STATES: Final = {
    "open": N_("Open"),
    "answered": N_("Answered"),
    "gone": N_("Gone"),
    "all": N_("All"),
}
VERDICTS: Final = {of: (SAYINGS[f"verdicts.{of.value}"], SAYINGS[f"hints.{of.value}"]) for of in AnswerVerdict}
"""What can be said of a problem, and what it means."""

_SAID: Final = {
    AnswerVerdict.ACKNOWLEDGED: N_("You work on it"),
    AnswerVerdict.FIXED: N_("You said it is fixed; the next report shows whether it is gone"),
    AnswerVerdict.FALSE: N_("You said it is not there"),
    AnswerVerdict.ACCEPTED: N_("You said it stays"),
    AnswerVerdict.NOT_OURS: N_("You said it is not yours"),
}


@dataclass(frozen=True)
class ProblemFilter:
    """What the visitor wants to see."""

    state: str = "open"
    topic: str = ""
    find: str = ""
    sort: str = ""
    first: int = 0

    @classmethod
    def read(cls, request: Request) -> "ProblemFilter":
        """From the address; what makes no sense counts as not said."""
        asked = request.query_params
        state, first = asked.get("state", "open"), asked.get("first", "")
        return cls(
            state=state if state in STATES else "open",
            topic=asked.get("topic", "")[:60],
            find=asked.get("find", "").strip()[:100],
            sort=asked.get("sort", "") if asked.get("sort") in SORTS else "",
            first=number_in(first) or 0,
        )

    def takes(self, line: ProblemRow) -> bool:
        """Whether a problem is wanted."""
        right_state = self.state == "all" or self.state == state_of(line)
        return right_state and self.topic in {"", line.topic} and self._has_text(line)

    def _has_text(self, line: ProblemRow) -> bool:
        """Whether what was typed is in the words of a problem, or is the network of its address."""
        network = parse_network(self.find) if "/" in self.find else None
        if network is not None:
            address = parse_address(line.where)
            return address is not None and (network.hi, network.lo) <= address <= network.last
        return self.find.lower() in f"{line.where} {line.what} {line.port}".lower()

    def choose(self, lines: Sequence[ProblemRow]) -> list[ProblemRow]:
        """The problems that are wanted, in the order that is wanted."""
        found = [line for line in lines if self.takes(line)]
        return sorted(found, key=lambda line: line.due or _NEVER) if self.sort == "due" else found

    def query(self, team: Team, **changed: object) -> str:
        """The address of the list of a team with something changed."""
        asked = {"first": 0, "sort": self.sort, "find": self.find, "topic": self.topic, "state": self.state} | changed
        return "/portal?" + urlencode({"team": team.key, **{name: of for name, of in asked.items() if of}})


@dataclass(frozen=True)
class PortalRow:
    """One problem as the page shows it; ``said`` is a text to translate, ``kind`` as of `parts.state`."""

    key: str
    where: str
    port: str
    what: str
    topic: str
    last_seen: datetime | None
    said: str
    kind: str
    until: datetime | None
    severity: str
    first_seen: datetime | None
    due: datetime | None


def state_of(line: ProblemRow) -> str:
    """``gone``, ``answered`` or ``open``; who was contradicted has not answered what was seen since."""
    if line.gone_at is not None:
        return "gone"
    if line.standing is None or line.standing.outcome is AnswerOutcome.CONTRADICTED:
        return "open"
    return "answered"


def counts(lines: Sequence[ProblemRow]) -> Counter[str]:
    """How many problems there are in each state, and ``all``."""
    found = Counter(state_of(line) for line in lines)
    found["all"] = len(lines)
    return found


def row_of(line: ProblemRow) -> PortalRow:
    """One problem as the page shows it."""
    said, kind, until = _said(line)
    return PortalRow(
        key=problem_text(line.key),
        where=line.where,
        port=line.port,
        what=line.what,
        topic=line.topic,
        last_seen=line.last_seen,
        said=said,
        kind=kind,
        until=until,
        severity=line.severity,
        first_seen=line.first_seen,
        due=None if line.gone_at else line.due,
    )


def _said(line: ProblemRow) -> tuple[str, str, datetime | None]:
    standing = line.standing
    if line.gone_at is not None:
        return N_("Gone since the feed last ran"), "good", None
    if standing is None:
        return N_("Not answered yet"), "quiet", None
    if standing.outcome is AnswerOutcome.CONTRADICTED:
        return N_("Seen again after you answered"), "wrong", None
    until = standing.answer.until if standing.verdict is AnswerVerdict.ACCEPTED else None
    return _SAID[standing.verdict], "busy", until
