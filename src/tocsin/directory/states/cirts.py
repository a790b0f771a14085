"""Whether a state has a national CIRT, by two rules side by side: a pure function with its reasons and evidence.

*A structure or a CIRT exists* asks for little, *a national CIRT exists with at least one regional and one
international link in use* for much. A membership shows no use: a link counts by what was exchanged lately. What nobody
told this node is not computable, and never a no.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import partial
from typing import Final

from tocsin.directory.facts import Fact, FactKind, Status
from tocsin.directory.model import TeamKind
from tocsin.directory.states.sets import Body, CountryState
from tocsin.directory.trust import weigh
from tocsin.node.sentences import join_sentences, say

LATELY: Final = timedelta(days=365)
"""A link of which it is known when it was last used counts as in use for so long."""

_OUTSIDE: Final = {Status.CANDIDATE.value, Status.SUSPENDED.value}
_REACHES: Final = ("regional", "international")


class CirtStatus(StrEnum):
    """What a rule says of a state."""

    YES = "yes"
    NO = "no"
    OPEN = "not computable"


@dataclass(frozen=True, slots=True)
class CirtVerdict:
    """An answer, why, and what it rests on."""

    answer: CirtStatus
    reason: str
    evidence: tuple[str, ...] = ()


_open = partial(CirtVerdict, CirtStatus.OPEN)


@dataclass(frozen=True)
class CirtCandidate:
    """A national or governmental team of a state.

    ``facts`` hold on the day; ``ended`` were withdrawn by then. ``said`` are assertions that stand, in words.
    ``answers``: whether a person answers there; None where nobody tried. ``number``: of the team, in the directory.
    ``ours``: it runs this node. ``proved``: its links that were measured.
    """

    key: str
    kind: TeamKind
    facts: tuple[Fact, ...] = ()
    ended: tuple[Fact, ...] = ()
    said: tuple[str, ...] = ()
    answers: bool | None = None
    number: int = 0
    ours: bool = False
    proved: "tuple[MembershipLink, ...]" = ()


@dataclass(frozen=True, slots=True)
class LinkProof:
    """When the link of this node with a partner abroad was last shown to work. ``live``: so lately that it counts.

    ``team``: the partner's number in the directory, None where it is not in it.
    """

    team: int | None
    name: str
    country: str
    at: date
    live: bool


@dataclass(frozen=True, slots=True)
class MembershipLink:
    """A membership of a team: ``reach`` is empty for a body that no file knows. Or a measured link with a partner.

    ``used``: when something was last exchanged by it, None where that is not known. ``why_not``: why it does not count
    on the day, or empty. ``measured``: receipts and signed answers of the partner, in ``body``, show it.
    """

    team: str
    body: str
    reach: str
    used: date | None
    why_not: str
    source: str
    measured: bool = False

    @property
    def words(self) -> str:
        """One line for a person."""
        if self.measured:
            return say(
                "%(team)s: link with %(body)s (%(reach)s), last shown to work on %(used)s",
                team=self.team, body=self.body, reach=self.reach or say("reach not known"), used=self.used,
            )  # fmt: skip
        use = say("last used %(used)s", used=self.used) if self.used else say("whether it is used is not known")
        return say(
            "%(team)s: %(body)s (%(reach)s), %(state)s (said by %(source)s)",
            team=self.team,
            body=self.body,
            reach=self.reach or say("reach not known"),
            state=self.why_not or use,
            source=self.source,
        )


@dataclass(frozen=True)
class CirtAssessment:
    """What both rules say of a state, and the links that were looked at.

    ``responds``: whether a person answers at one of its teams; None where there is none or nobody tried.
    """

    state: CountryState
    structure: CirtVerdict
    cooperating: CirtVerdict
    links: tuple[MembershipLink, ...]
    responds: bool | None


def judge(
    state: CountryState,
    candidates: Sequence[CirtCandidate],
    bodies: Mapping[str, Body],
    day: date,
    last_used: Mapping[tuple[str, str], date],
) -> CirtAssessment:
    """What both rules say of a state on a day.

    ``last_used``: by team's key and the name of a body when something was last exchanged; what is not there is not
    known.
    """
    national = [one for one in candidates if one.kind is TeamKind.NATIONAL]
    links = tuple(link for one in national for link in (*links_of(one, bodies, day, last_used), *one.proved))
    responds = {one.answers for one in candidates}
    return CirtAssessment(
        state,
        _structure(state, candidates, day),
        _cooperating(state, national, candidates, links, day),
        links,
        True if True in responds else False if False in responds else None,
    )


def _structure(state: CountryState, teams: Sequence[CirtCandidate], day: date) -> CirtVerdict:
    evidence = tuple(words for team in teams for words in _evidence(team, day))
    if evidence:
        names = ", ".join(f"{team.key} ({team.kind})" for team in teams if any(_evidence(team, day)))
        return CirtVerdict(CirtStatus.YES, say("it has %(teams)s", teams=names), evidence)
    if teams and any(team.ended or team.facts for team in teams):
        ended = tuple(_ended(team) for team in teams)
        return CirtVerdict(CirtStatus.NO, say("all that was said of its teams was withdrawn or has ended"), ended)
    if state.no_cirt_as_of is not None and state.no_cirt_as_of <= day:
        found = f"{state.no_cirt_source}, as of {state.no_cirt_as_of}"
        return CirtVerdict(CirtStatus.NO, say("a person found that it has none"), (found,))
    if teams:
        return _open(say("no statement about %(teams)s is valid now", teams=", ".join(team.key for team in teams)))
    return _open(say("no national or governmental team of it is known here"))


def _cooperating(
    state: CountryState,
    national: Sequence[CirtCandidate],
    every: Sequence[CirtCandidate],
    links: Sequence[MembershipLink],
    day: date,
) -> CirtVerdict:
    exists = _structure(state, national, day)
    if exists.answer is not CirtStatus.YES:
        other = [team.key for team in every if team.kind is not TeamKind.NATIONAL]
        if other and exists.answer is CirtStatus.OPEN:
            return _open(say("no national team is known, only %(other)s", other=", ".join(other)))
        return exists
    found = {reach: [link for link in links if link.reach == reach] for reach in _REACHES}
    words = tuple(link.words for link in links)
    lacking = [reach for reach in _REACHES if not any(link.used and not link.why_not for link in found[reach])]
    if not lacking:
        why = say("a national CIRT with a regional and an international link, %(how)s", how=say("in use"))
        return CirtVerdict(CirtStatus.YES, why, words)
    ended = [reach for reach in lacking if found[reach] and all(link.why_not for link in found[reach])]
    if ended:
        return CirtVerdict(CirtStatus.NO, say("its %(ended)s links are not in use", ended=" and ".join(ended)), words)
    if unknown := [reach for reach in lacking if not found[reach]]:
        return _open(say("no %(lacking)s link of its national CIRT is known", lacking=" and no ".join(unknown)), words)
    named = " and ".join(lacking)
    return _open(
        say("its %(lacking)s links are by membership; whether they are used is not known", lacking=named), words
    )


def _evidence(team: CirtCandidate, day: date) -> Iterator[str]:
    """What speaks for a team on a day: attestations, memberships, assertions."""
    attested = (fact for fact in team.facts if fact.kind is FactKind.ATTESTATION)
    yield from (join_sentences(": ", (team.key, reason.words)) for reason in weigh(attested, day) if reason.counts)
    for fact in team.facts:
        if fact.kind is FactKind.MEMBERSHIP and not _why_not(fact, day, None):
            yield say(
                "%(key)s: %(value)s, %(status)s (said by %(said_by)s)",
                key=team.key,
                value=fact.value,
                status=fact.get("status") or "in",
                said_by=fact.said_by or fact.source,
            )
    yield from (join_sentences(": ", (team.key, words)) for words in team.said)


def _ended(team: CirtCandidate) -> str:
    names = ", ".join(sorted({fact.value for fact in (*team.ended, *team.facts)})) or say("what was said")
    return say("%(key)s: %(value)s no longer holds", key=team.key, value=names)


def links_of(
    team: CirtCandidate, bodies: Mapping[str, Body], day: date, last_used: Mapping[tuple[str, str], date]
) -> Iterator[MembershipLink]:
    """The memberships of a team on a day, also those that ended."""
    for fact, ended in (*((one, False) for one in team.facts), *((one, True) for one in team.ended)):
        if fact.kind is not FactKind.MEMBERSHIP:
            continue
        body = bodies.get(fact.value.casefold())
        name = body.name if body else fact.value
        used = last_used.get((team.key, name))
        withdrawn = f"withdrawn {fact.withdrawn.date()}" if ended and fact.withdrawn else ""
        reach, source = body.reach if body else "", fact.said_by or fact.source
        yield MembershipLink(team.key, name, reach, used, withdrawn or _why_not(fact, day, used), source)


def _why_not(fact: Fact, day: date, used: date | None) -> str:
    """Why a membership is no link on a day, or an empty text."""
    since, until, status = fact.day("since"), fact.day("until"), fact.get("status")
    if status in _OUTSIDE:
        return f"only {status}"
    if since is not None and day < since:
        return f"only from {since}"
    if until is not None and until < day:
        return f"ended {until}"
    return f"not used since {used}" if used is not None and used < day - LATELY else ""


def count_answers(judged: Iterable[CirtAssessment], group: str = "") -> dict[str, dict[str, int]]:
    """How many states each rule says what of, by rule and answer; ``group`` of `GROUPS`, or empty for all."""
    counts = {rule: {answer.value: 0 for answer in CirtStatus} for rule in ("structure", "cooperating")}
    for one in judged:
        if not group or group in one.state.groups:
            counts["structure"][one.structure.answer.value] += 1
            counts["cooperating"][one.cooperating.answer.value] += 1
    return counts
