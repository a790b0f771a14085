"""From one version of a framework to the next: what became of each question, and what old answers still say.

Criteria change by making a version. Old answers are never rewritten: they are read under the new version, and where
the question changed they say less.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from tocsin.node.errors import InputError
from tocsin.readiness.assessment.frameworks import Framework, Relation
from tocsin.readiness.assessment.intervals import ScoreInterval
from tocsin.readiness.assessment.scoring import UNKNOWN, QuestionScore, Score, score


@dataclass(frozen=True)
class QuestionLink:
    """What a question of the new version is compared with the old one: same, narrower, broader, new, dropped."""

    old: str | None
    new: str | None
    relation: Relation
    note: str = ""


def links(old: Framework, new: Framework) -> list[QuestionLink]:
    """Every question of both versions, each accounted for.

    A question that stands in both with equal text, scale and goalposts is the same without a line in the file.

    Raises:
        InputError: a question is not accounted for, or a line names a question that the old version does not have.

    """
    told = [
        QuestionLink(line.from_question, line.to_question, line.relation, line.note)
        for line in (new.crosswalk.mapping if new.crosswalk else ())
    ]
    before, after = old.questions(), new.questions()
    for link in told:
        if link.old is not None and link.old not in before:
            raise InputError(
                f"Crosswalk of '{new.id}' {new.version}: from = '{link.old}' is no question of {old.version}."
            )
    told_old, told_new = {link.old for link in told}, {link.new for link in told}
    silent = [
        QuestionLink(ident, ident, "same")
        for ident in before
        if ident in after and ident not in told_old | told_new and _equal(old, new, ident)
    ]
    covered_old, covered_new = told_old | {s.old for s in silent}, told_new | {s.new for s in silent}
    missing = [f"from '{ident}'" for ident in before if ident not in covered_old]
    missing += [f"to '{ident}'" for ident in after if ident not in covered_new]
    if missing:
        raise InputError(
            f"Crosswalk of '{new.id}' {new.version} from {old.version} leaves out {', '.join(missing[:5])}"
            + (f" and {len(missing) - 5} more." if len(missing) > 5 else "."),
            hint="Say for each whether it is same, narrower, broader, new or dropped, under [[crosswalk.mapping]].",
        )
    return told + silent


def translate(
    readings: Mapping[str, QuestionScore | None], chain: Sequence[QuestionLink]
) -> dict[str, QuestionScore | None]:
    """Readings of the old questions as readings of the new ones.

    The same question keeps its reading. A broader one asks for more, so the old reading is the most it can be; a
    narrower one asks for less, so the old reading is the least. A new one is unknown.
    """
    result: dict[str, QuestionScore | None] = {}
    for link in chain:
        if link.new is None:
            continue
        fresh = _carried(link, readings)
        if link.new in result and fresh is not None and (held := result[link.new]) is not None:
            fresh = _both(held, fresh)
        result[link.new] = fresh
    return result


@dataclass(frozen=True)
class ChainLink:
    """A fair change between two years under changed criteria, all 0 to 100.

    ``change`` is on the questions that both years share; ``linked`` carries the first year's score on by it;
    ``break_`` is what the change of criteria alone adds to the second year's score.
    """

    common: tuple[str, ...]
    first: float
    change: ScoreInterval
    linked: float
    second: float
    break_: float


def chain_link(  # both years, both versions and how they hang together
    old: Framework,
    new: Framework,
    chain: Sequence[QuestionLink],
    first: Mapping[str, QuestionScore | None],
    second: Mapping[str, QuestionScore | None],
) -> ChainLink:
    """The second year linked to the first on the common questions, weighted as the new version weights them.

    Raises:
        InputError: no question with an answer in both years is the same in both versions.

    """
    common = [
        link.new
        for link in chain
        if link.relation == "same" and link.new is not None and _known(first, link.old) and _known(second, link.new)
    ]
    score_first, score_second = _point(score(old, first)), _point(score(new, second))
    if not common or score_first is None or score_second is None:
        raise InputError("No question is answered in both years and the same in both versions: nothing to link on.")
    kept = set(common)
    carried = translate(first, chain)
    before, after = (
        score(new, {q: readings.get(q) if q in kept else None for q in new.questions()})["overall"]
        for readings in (carried, second)
    )
    change = ScoreInterval(
        after.low - before.high, (after.point or 0.0) - (before.point or 0.0), after.high - before.low
    )
    linked = score_first + (change.value or 0.0)
    return ChainLink(tuple(common), score_first, change, linked, score_second, score_second - linked)


def reverse(chain: Sequence[QuestionLink]) -> list[QuestionLink]:
    """The same links read from the new version to the old one."""
    back: dict[Relation, Relation] = {"narrower": "broader", "broader": "narrower", "new": "dropped", "dropped": "new"}
    return [QuestionLink(link.new, link.old, back.get(link.relation, link.relation), link.note) for link in chain]


def relations(chain: Sequence[QuestionLink]) -> Iterator[tuple[Relation, int]]:
    """How many questions stand in each relation."""
    for kind in get_args(Relation):
        yield kind, sum(link.relation == kind for link in chain)


def _equal(old: Framework, new: Framework, ident: str) -> bool:
    a, b = old.question(ident), new.question(ident)
    same_scale = old.scales[a.scale].levels == new.scales[b.scale].levels
    return same_scale and a.text == b.text and a.measured == b.measured


def _carried(link: QuestionLink, readings: Mapping[str, QuestionScore | None]) -> QuestionScore | None:
    held = readings.get(link.old, UNKNOWN) if link.old is not None else UNKNOWN
    if link.relation == "same" or held is None:
        return held
    if link.relation == "narrower":
        return QuestionScore(held.low, None, 1.0)
    if link.relation == "broader":
        return QuestionScore(0.0, None, held.high)
    return UNKNOWN


def _both(one: QuestionScore, other: QuestionScore) -> QuestionScore:
    # Two old questions that became one: what each rules out stays ruled out, unless they contradict each other.
    low, high = max(one.low, other.low), min(one.high, other.high)
    if low > high:
        low, high = min(one.low, other.low), max(one.high, other.high)
    point = one.point if one.point is not None else other.point
    return QuestionScore(low, point if point is not None and low <= point <= high else None, high)


def _known(readings: Mapping[str, QuestionScore | None], ident: str | None) -> bool:
    held = readings.get(ident) if ident is not None else None
    return held is not None and held.point is not None


def _point(scores: Mapping[str, Score]) -> float | None:
    return scores["overall"].point if "overall" in scores else None
