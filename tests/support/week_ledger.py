"""What must have happened in the seeded week, kept in plain Python beside the node: lists, sets and counters only.

Nothing here asks the node for anything; the rules are those of docs/delivery.md, docs/problems.md and docs/answers.md.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

DAY = timedelta(days=1)
CAP: Final = 2  # mails a day for one mailbox
GONE_AFTER: Final = 3  # later days on which its feed ran without it
CLAIMS = {"fixed": "said-fixed", "false": "said-false", "accepted": "accepted", "not_ours": "not-ours"}


NOTIFICATIONS = (
    *("no-contact", "no-address", "no-key", "withheld", "muted", "dropped", "not-delivered", "trial", "held"),
    *("scheduled", "notified"),
)
"""How far a team was notified, the least advanced first."""
ENDED = {
    "queued": "scheduled", "retry": "scheduled", "sent": "notified", "failed": "not-delivered", "held": "held",
    "bounced": "not-delivered", "shadow": "trial", "dropped": "dropped",
}  # fmt: skip
"""What a digest in each state comes to."""


@dataclass(eq=False)
class Team:
    """A team of the directory. ``number``: of the node, by which mails that wait equally long are ordered."""

    key: str
    name: str
    mailboxes: tuple[str, ...]
    interval: str
    ceiling: str
    habit: str
    number: int = 0
    told_before: bool = False


@dataclass(eq=False)
class Problem:
    """One service at an address; on ``days`` its feed finds it. ``teams`` must know of it."""

    address: str
    port: int
    feed: str
    teams: tuple[Team, ...]
    days: set[int]
    heard: datetime | None = None
    seen: datetime | None = None
    told_at: datetime | None = None
    first_told: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        """How data in mails names it."""
        return self.address, str(self.port)


@dataclass(eq=False)
class Digest:
    """One mail to a team. ``state`` as the node names it."""

    team: Team
    problems: tuple[Problem, ...]
    made: datetime
    state: str
    sent: datetime | None = None
    next_try: datetime | None = None


@dataclass(eq=False)
class Answer:
    """What a team said; ``about`` are the problems."""

    team: Team
    verdict: str
    about: frozenset[Problem]
    at: datetime


@dataclass
class Ledger:
    """The week so far."""

    begin: datetime
    teams: Sequence[Team]
    problems: Sequence[Problem]
    reports: dict[str, list[datetime]] = field(default_factory=dict)
    ran: dict[str, set[date]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    by_feed: dict[str, Counter[str]] = field(default_factory=dict)
    owed: dict[Team, list[tuple[datetime, tuple[Problem, ...]]]] = field(default_factory=dict)
    digests: list[Digest] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    said: dict[tuple[Team, Problem], Answer] = field(default_factory=dict)
    posted: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)
    mails: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: dict[str, int] = field(default_factory=dict)

    def hear(self, feed: str, at: datetime, seen: dict[Problem, datetime], *, twice: int, broken: int) -> None:
        """A report: who is owed what of it."""
        counts = Counter(rows=len(seen) + twice + broken, stored=len(seen), duplicates=twice, quarantined=broken)
        owed: dict[Team, list[Problem]] = {}
        for problem, when in seen.items():
            counts["problems_new" if problem.heard is None else "problems_continuing"] += 1
            counts["routed" if problem.teams else "unrouted"] += 1
            allowed = [team for team in problem.teams if team.ceiling != "GREEN"]
            counts["withheld"] += len(problem.teams) - len(allowed)
            before, due = problem.seen, self._due(problem, at)
            problem.heard, problem.seen = problem.heard or at, when
            reminded = [team for team in allowed if due and not self._spared(team, problem)]
            wrong = [team for team in allowed if before is not None and self._contradicted(team, problem, before)]
            for team in {*reminded, *wrong}:
                owed.setdefault(team, []).append(problem)
            if due and (reminded or wrong):
                problem.told_at = at
        counts["deliveries"] = len(owed)
        self.reports.setdefault(feed, []).append(at)
        if seen:
            self.ran.setdefault(feed, set()).add(at.date())
        self.counts += counts
        self.by_feed[feed] = self.by_feed.get(feed, Counter()) + counts
        for team, of in owed.items():
            self.owed.setdefault(team, []).append((_due_at(team, at), tuple(of)))
        if not self.shadow(at):
            for of in owed.values():
                for problem in of:
                    problem.first_told = problem.first_told or at

    def shadow(self, at: datetime) -> bool:
        """The first day is only written."""
        return at < self.begin + DAY

    def _due(self, problem: Problem, at: datetime) -> bool:
        """Never told, or a reminder: every 3 days for 6 days, then weekly; 6 hours early is on time."""
        if problem.told_at is None:
            return True
        every = 3 if at - (problem.first_told or problem.told_at) < 6 * DAY else 7
        return at - problem.told_at >= every * DAY - timedelta(hours=6)

    def _spared(self, team: Team, problem: Problem) -> bool:
        answer = self.said.get((team, problem))
        if answer is None or answer.verdict == "acknowledged":
            return False
        return answer.verdict != "fixed" or (problem.seen or answer.at) <= answer.at

    def _contradicted(self, team: Team, problem: Problem, before: datetime) -> bool:
        """Said to be fixed, and seen for the first time since."""
        answer = self.said.get((team, problem))
        if answer is None or answer.verdict != "fixed" or problem.seen is None:
            return False
        return before <= answer.at < problem.seen

    def deliver(self, at: datetime) -> Counter[str]:
        """A run of ``tocsin deliver``: what its summary must say."""
        shadow, summary = self.shadow(at), Counter[str]()
        way = "shadow" if shadow else "smtp"
        room = Counter(box for when, box in self.posted.get(way, ()) if when > at - DAY)
        again = [one for one in self.digests if one.state == "retry" and one.next_try and one.next_try <= at]
        ready = [one for one in self.digests if one.state == "queued"] + again
        ready.sort(key=self.digests.index)
        planned = room.copy()
        for one in ready:
            _take(planned, one.team)
        waiting = {one.team for one in self.digests if one.state == "held"} if not shadow else set()
        due = {
            team: min(when for when, _ in items)
            for team, items in self.owed.items()
            if team.mailboxes and team not in waiting and any(when <= at for when, _ in items)
        }
        chosen = [team for team in sorted(due, key=lambda one: (due[one], one.number)) if _take(planned, team)]
        summary["full"] = len(due) - len(chosen)
        for team in sorted(chosen, key=lambda one: one.number):
            held = not shadow and not team.told_before
            one = Digest(team, self._bind(team, at), at, "held" if held else "queued")
            self.digests.append(one)
            summary["held"] += held
            ready += [] if held else [one]
        for one in ready:
            self._send(one, at, way, room, summary)
        return summary

    def _bind(self, team: Team, at: datetime) -> tuple[Problem, ...]:
        items = self.owed.pop(team)
        if later := [item for item in items if item[0] > at]:
            self.owed[team] = later
        return tuple(problem for when, of in items if when <= at for problem in of)

    def _send(self, one: Digest, at: datetime, way: str, room: Counter[str], summary: Counter[str]) -> None:
        code = self.refused.get(one.team.mailboxes[0], 0) if way == "smtp" and len(one.team.mailboxes) == 1 else 0
        if not _take(room, one.team):
            one.state, one.next_try = "retry", at + timedelta(hours=1)
            summary["full"] += 1
        elif code:
            room.subtract(one.team.mailboxes)
            one.state, one.next_try = ("failed", None) if code >= 500 else ("retry", at + timedelta(minutes=5))
            summary["failed" if code >= 500 else "later"] += 1
        else:
            one.state, one.sent = ("sent" if way == "smtp" else way), at
            one.team.told_before |= way == "smtp"
            self.posted.setdefault(way, []).extend((at, box) for box in one.team.mailboxes)
            summary.update(digests=1, mails=1, events=len(one.problems))

    def release(self) -> int:
        """A person lets all held digests go."""
        held = [one for one in self.digests if one.state == "held"]
        for one in held:
            one.state, one.team.told_before = "queued", True
        return len(held)

    def answer(self, team: Team, verdict: str, about: Iterable[Problem], at: datetime) -> None:
        """A person of a team says something."""
        made = Answer(team, verdict, frozenset(about), at)
        self.answers.append(made)
        self.said |= {(team, problem): made for problem in made.about}

    def outcome(self, answer: Answer, problem: Problem) -> str:
        """How an answer stands now."""
        if self.said[answer.team, problem] is not answer:
            return "replaced"
        if answer.verdict not in {"fixed", "false"}:
            return ""
        if problem.seen and problem.seen > answer.at:
            return "contradicted"
        return "confirmed" if self.missed(problem) else "pending"

    def missed(self, problem: Problem) -> datetime | None:
        """The day of the first run of its feed without it, where it counts as gone."""
        assert problem.seen
        later = sorted(day for day in self.ran[problem.feed] if day > problem.seen.date())
        return datetime.combine(later[0], problem.seen.timetz()) if len(later) >= GONE_AFTER else None

    def state(self, problem: Problem) -> str:
        """Where a problem is in its course."""
        said = [self.said[team, problem] for team in problem.teams if (team, problem) in self.said]
        if self.missed(problem):
            return "gone"
        if any(self.outcome(answer, problem) == "contradicted" for answer in said):
            return "contradicted"
        if said:
            newest = max(said, key=lambda one: (one.at, self.answers.index(one)))
            return CLAIMS.get(newest.verdict, newest.verdict)
        return "told" if self.notification(problem) == "notified" else "new"

    def notification(self, problem: Problem) -> str:
        """How far the teams that answer for a problem were notified: of several the least advanced says it."""
        return min(
            (self._notified(team, problem) for team in problem.teams), key=NOTIFICATIONS.index, default="no-contact"
        )

    def _notified(self, team: Team, problem: Problem) -> str:
        said = [ENDED[one.state] for one in self._digests_of(team) if problem in one.problems]
        if any(problem in of for _, of in self.owed.get(team, ())):
            said.append("scheduled" if team.mailboxes else "no-address")
        return max(said, key=NOTIFICATIONS.index, default="withheld")

    def _digests_of(self, team: Team) -> list[Digest]:
        return [one for one in self.digests if one.team is team]


def _take(room: Counter[str], team: Team) -> bool:
    if any(room[box] >= CAP for box in team.mailboxes):
        return False
    room.update(team.mailboxes)
    return True


def _due_at(team: Team, at: datetime) -> datetime:
    """At once, at the next full hour, or next morning at six (UTC: no time zone is known)."""
    if team.interval == "at_once":
        return at
    if team.interval == "hourly":
        return at.replace(minute=0) + timedelta(hours=1)
    return at.replace(hour=6, minute=0) + DAY * (at.hour >= 6)
