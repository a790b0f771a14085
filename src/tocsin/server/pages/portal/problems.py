"""The list of problems as its page shows it: chosen by status and filter, sorted, grouped by kind."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from fastapi import Request

from tocsin.delivery import SEVERITIES
from tocsin.interface import number_in
from tocsin.networks import parse_address, parse_network
from tocsin.problems import problem_text
from tocsin.problems.answers import AnswerOutcome, AnswerVerdict, ProblemRow
from tocsin.server.pages.answer_texts import SAYINGS
from tocsin.server.pages.words import N_

SHOWN: Final = 100
"""Problems on one page."""

SORTS: Final = {
    "due": N_("Due first"),
    "severity": N_("Severity"),
    "seen": N_("Last seen"),
    "address": N_("Address"),
}
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_AS: Final = re.compile(r"AS([0-9]{1,10})", re.IGNORECASE)

STATES: Final = {
    "open": N_("Open"),
    "overdue": N_("Overdue"),
    "answered": N_("Answered"),
    "gone": N_("Gone"),
    "all": N_("All"),
}
VERDICTS: Final = {of: (SAYINGS[f"verdicts.{of.value}"], SAYINGS[f"hints.{of.value}"]) for of in AnswerVerdict}
"""The statuses, each with what it means."""

_SEVERE: Final = SEVERITIES[-2:]


@dataclass(frozen=True)
class ProblemFilter:
    """What the visitor wants to see."""

    state: str = "open"
    topic: str = ""
    find: str = ""
    port: str = ""
    severity: str = ""
    sort: str = "due"
    first: int = 0

    @classmethod
    def read(cls, request: Request) -> "ProblemFilter":
        """From the address; what makes no sense counts as not said."""
        asked = request.query_params

        def one_of(name: str, known: Sequence[str], otherwise: str) -> str:
            return asked[name] if asked.get(name) in known else otherwise

        return cls(
            state=one_of("state", list(STATES), "open"),
            topic=asked.get("topic", "")[:60],
            find=asked.get("find", "").strip()[:100],
            port=asked.get("port", "").strip()[:5],
            severity=one_of("severity", SEVERITIES, ""),
            sort=one_of("sort", list(SORTS), "due"),
            first=number_in(asked.get("first", "")) or 0,
        )

    def takes(self, line: ProblemRow, now: datetime) -> bool:
        """Whether a problem is wanted."""
        return (
            self.state in {"all", state_of(line), "overdue" if is_overdue(line, now) else ""}
            and self.topic in {"", line.topic}
            and self.severity in {"", line.severity}
            and self.port in {"", line.port.partition("/")[0]}
            and (not self.find or self._has_text(line))
        )

    def _has_text(self, line: ProblemRow) -> bool:
        """Whether a problem has what was typed: its network or AS, or a text in its words."""
        if "/" in self.find and parse_network(self.find) is not None:
            return lies_in(line, "prefix", self.find)
        if number := _AS.fullmatch(self.find):
            return lies_in(line, "asn", number[1])
        return self.find.lower() in f"{line.where} {line.what} {line.port}".lower()

    def choose(self, lines: Sequence[ProblemRow], now: datetime) -> list[ProblemRow]:
        """The problems that are wanted, sorted; those of a kind together, the kind with the first one first."""
        found = [line for line in lines if self.takes(line, now)]
        if self.sort == "severity":
            found.sort(key=lambda line: -SEVERITIES.index(line.severity))
        elif self.sort == "seen":
            found.sort(key=lambda line: line.last_seen or _FIRST, reverse=True)
        elif self.sort == "address":
            found.sort(key=lambda line: (parse_address(line.where) or (0, 0), line.where))
        else:
            found.sort(key=lambda line: line.due or _LAST)
        kinds = list(dict.fromkeys(line.topic for line in found))
        return sorted(found, key=lambda line: kinds.index(line.topic))

    def query(self, **changed: object) -> str:
        """The end of the address of the list with something changed, from its first page on."""
        asked = {**vars(self), "first": 0, **changed}
        usual = vars(ProblemFilter())
        return urlencode({name: value for name, value in asked.items() if value and value != usual.get(name)})


@dataclass(frozen=True)
class PortalRow:
    """One problem as the page shows it; ``said`` is a text to translate, ``kind`` as of `parts.state`.

    ``since``: the day of the answer, ``until``: the day up to which a risk is accepted; each None where there is none.
    """

    line: ProblemRow
    key: str
    said: str
    kind: str
    since: datetime | None
    until: datetime | None
    severe: bool
    overdue: bool


def state_of(line: ProblemRow) -> str:
    """``gone``, ``answered`` or ``open``; who was contradicted has not answered what was seen since."""
    if line.gone_at is not None:
        return "gone"
    if line.standing is None or line.standing.outcome is AnswerOutcome.CONTRADICTED:
        return "open"
    return "answered"


def lies_in(line: ProblemRow, kind: str, value: str) -> bool:
    """Whether a problem is in a network (``prefix``), an AS (``asn``) or a ``domain``, as a team's rules name them."""
    if kind == "asn":
        return str(line.asn) == value
    network = parse_network(value) if kind == "prefix" else None
    if network is not None:
        address = parse_address(line.where)
        return address is not None and (network.hi, network.lo) <= address <= network.last
    return kind == "domain" and (line.where == value or line.where.endswith(f".{value}"))


def is_overdue(line: ProblemRow, now: datetime) -> bool:
    """Whether a problem that nobody calls fixed, or answers otherwise than by *in progress*, is past its date."""
    at_work = line.standing is not None and line.standing.verdict is AnswerVerdict.ACKNOWLEDGED
    waits = state_of(line) == "open" or (at_work and line.gone_at is None)
    return waits and line.due is not None and line.due < now


def counts(lines: Sequence[ProblemRow], now: datetime) -> Counter[str]:
    """How many problems there are in each state, ``overdue``, and ``all``."""
    found = Counter(state_of(line) for line in lines)
    found["overdue"] = sum(is_overdue(line, now) for line in lines)
    found["all"] = len(lines)
    return found


def row_of(line: ProblemRow, now: datetime) -> PortalRow:
    """One problem as the page shows it."""
    standing = line.standing
    accepted = standing is not None and standing.verdict is AnswerVerdict.ACCEPTED
    said, kind = _status(line)
    return PortalRow(
        line=line,
        key=problem_text(line.key),
        said=said,
        kind=kind,
        since=line.gone_at or (standing.answer.at if standing else None),
        until=standing.answer.until if standing and accepted and line.gone_at is None else None,
        severe=line.severity in _SEVERE,
        overdue=is_overdue(line, now),
    )


def _status(line: ProblemRow) -> tuple[str, str]:
    standing = line.standing
    if line.gone_at is not None:
        return N_("No longer seen"), "good"
    if standing is None:
        return N_("No status yet"), "quiet"
    if standing.outcome is AnswerOutcome.CONTRADICTED:
        return CONTRADICTED[standing.verdict], "wrong"
    return SAYINGS[f"verdicts.{standing.verdict}"], "busy"


CONTRADICTED: Final = {
    AnswerVerdict.FIXED: N_("Seen again after “Fixed”"),
    AnswerVerdict.FALSE: N_("Seen again after “False positive”"),
}
"""What a status is worth that a later report contradicts."""
