"""The level that a scheme gives for answers, and why. What is not known is never zero: it makes a range."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final, TypeAlias

from tocsin.incidents.severity.scheme import (
    SchemeLevel,
    SeverityCondition,
    SeverityInput,
    SeverityPart,
    SeverityScheme,
)
from tocsin.incidents.text_files import TextFault, TextFaultError
from tocsin.node.sentences import join_sentences, say

MOST_COMBINATIONS: Final = 4096
"""Of answers that are not known, gone through one by one; beyond, a range may be wider than it had to be."""

UNKNOWN: Final = "unknown"
_YES: Final = {True: True, False: False, "yes": True, "no": False}

Truth: TypeAlias = bool | None
"""None: not known."""
Range: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SeverityScore:
    """What a scheme says. ``levels``: all that are possible, the most severe first; ``level``: where it is one.

    ``score``: from least to most; None where the scheme has none. ``rule``: the condition that decided, or ``score``.
    ``unknown``: what was asked and is not known, or not exactly.
    """

    level: SchemeLevel | None
    levels: tuple[SchemeLevel, ...]
    score: Range | None
    rule: str
    why: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Answers:
    """What each input may be: choices by id, ranges of numbers, yes or no; and what was said of conditions and sums."""

    chosen: Mapping[str, frozenset[str]]
    numbers: Mapping[str, Range]
    truths: Mapping[str, Truth]


def score_severity(scheme: SeverityScheme, given: Mapping[str, Any]) -> SeverityScore:
    """The level for answers by the id of their input.

    A choice is its id, its worth, or a list of ids; a number is a number or ``[least, most]``; yes and no are true and
    false, too. ``unknown``, null or nothing at all: not known. A condition or sum may be answered itself by its id.

    Raises:
        TextFaultError: an answer does not fit; names all.

    """
    answers, faults = _read(scheme, given)
    if faults:
        raise TextFaultError(faults, hint=say("Inputs of this scheme: %(ids)s.", ids=", ".join(_ids(scheme))))
    levels = _possible_levels(scheme, answers)
    unknown = tuple(one.id for one in scheme.input if _is_open(one.id, answers))
    score = _score(scheme, answers)
    if len(levels) > 1:
        why = say("It depends on: %(ids)s.", ids=", ".join(_decisive(scheme, answers, unknown) or unknown))
        return SeverityScore(None, levels, score, "", (why,), unknown)
    rule, reasons = _reasons(scheme, levels[0], answers, score)
    return SeverityScore(levels[0], levels, score, rule, reasons, unknown)


def _ids(scheme: SeverityScheme) -> list[str]:
    parts: list[SeverityPart] = [*scheme.input, *scheme.sum, *scheme.condition]
    return [one.id for one in parts]


def _read(scheme: SeverityScheme, given: Mapping[str, Any]) -> tuple[_Answers, list[TextFault]]:
    faults = [TextFault(name, say("The scheme does not ask for this.")) for name in given if name not in _ids(scheme)]
    chosen, numbers, truths = dict[str, frozenset[str]](), dict[str, Range](), dict[str, Truth]()
    asked = {one.id for one in scheme.input}
    for one in scheme.input:
        answer = given.get(one.id, one.default)
        try:
            if one.choices:
                chosen[one.id], numbers[one.id] = _read_choice(one, answer)
            elif one.number:
                numbers[one.id] = _read_number(one, answer)
            else:
                truths[one.id] = _read_truth(answer)
        except (ValueError, OverflowError) as error:
            faults.append(TextFault(one.id, str(error)))
    for name in (name for name in _ids(scheme) if name not in asked and not _nothing(given.get(name))):
        try:
            if any(name == one.id for one in scheme.condition):
                truths[name] = _read_truth(given[name])
            else:
                numbers[name] = _read_number(SeverityInput(id=name, number=True), given[name])
        except (ValueError, OverflowError) as error:
            faults.append(TextFault(name, str(error)))
    return _Answers(chosen, numbers, truths), faults


def _nothing(answer: object) -> bool:
    return answer is None or answer == UNKNOWN


def _read_choice(one: SeverityInput, answer: object) -> tuple[frozenset[str], Range]:
    """The choices that an answer leaves, and their worth."""
    worth = {choice.id: choice.value for choice in one.choices}
    if _nothing(answer):
        ids = list(worth)
    elif isinstance(answer, int | float) and not isinstance(answer, bool):
        if not min(worth.values()) <= answer <= max(worth.values()):
            raise ValueError(say("%(value)s is not between the least and the most worth.", value=answer))
        return frozenset(name for name, value in worth.items() if value == answer), (float(answer), float(answer))
    else:
        ids = [str(name) for name in answer] if isinstance(answer, list) else [str(answer)]
    if not ids or (strange := [name for name in ids if name not in worth]):
        raise ValueError(say("'%(id)s' is none of %(listed)s.", id=strange[0] if ids else "", listed=", ".join(worth)))
    values = [worth[name] for name in ids]
    return frozenset(ids), (min(values), max(values))


def _read_number(one: SeverityInput, answer: object) -> Range:
    most = math.inf if one.most is None else one.most
    ends = (one.least, most) if _nothing(answer) else answer if isinstance(answer, list) else (answer, answer)
    numbers = [float(end) for end in ends if isinstance(end, int | float) and not isinstance(end, bool)]
    if not _nothing(answer) and not all(map(math.isfinite, numbers)):
        numbers = []
    if len(ends) != 2 or len(numbers) != 2 or not one.least <= numbers[0] <= numbers[1] <= most:
        raise ValueError(
            say(
                "'%(value)s' is no number from %(least)s to %(most)s, and no pair of two.",
                value=answer,
                least=f"{one.least:g}",
                most="any" if one.most is None else f"{one.most:g}",
            )
        )
    return numbers[0], numbers[1]


def _read_truth(answer: object) -> Truth:
    if _nothing(answer):
        return None
    if not isinstance(answer, bool | str) or answer not in _YES:
        raise ValueError(say("'%(value)s' is none of yes, no, unknown.", value=answer))
    return _YES[answer]


def _is_open(name: str, answers: _Answers) -> bool:
    """Whether an answer is more than one."""
    least, most = answers.numbers.get(name, (0, 0))
    return len(answers.chosen.get(name, ())) > 1 or least < most or answers.truths.get(name, True) is None


def _decisive(scheme: SeverityScheme, answers: _Answers, unknown: tuple[str, ...]) -> list[str]:
    """The open answers of which one alone would leave fewer levels."""
    before = list(_levels(scheme, answers))
    return [name for name in unknown if any(list(_levels(scheme, one)) != before for one in _narrowed(name, answers))]


def _narrowed(name: str, answers: _Answers) -> Iterator[_Answers]:
    """The answers with one of them known: each choice, yes and no, or both ends of a number."""
    for choice in answers.chosen.get(name, ()):
        yield replace(answers, chosen={**answers.chosen, name: frozenset([choice])})
    for end in answers.numbers.get(name, ()):
        yield replace(answers, numbers={**answers.numbers, name: (end, end)})
    if name in answers.truths:
        for truth in (True, False):
            yield replace(answers, truths={**answers.truths, name: truth})


def _possible_levels(scheme: SeverityScheme, answers: _Answers) -> tuple[SchemeLevel, ...]:
    """The levels of all answers that are possible, so that what depends on one another is not taken for free."""
    open_choices = {name: sorted(ids) for name, ids in answers.chosen.items() if len(ids) > 1}
    open_truths = [name for name, truth in answers.truths.items() if truth is None]
    if math.prod(map(len, open_choices.values())) * 2 ** len(open_truths) > MOST_COMBINATIONS:
        return tuple(_levels(scheme, answers))
    worth = {(one.id, choice.id): choice.value for one in scheme.input for choice in one.choices}
    found = set[str]()
    for ids in product(*open_choices.values()):
        chosen = dict(zip(open_choices, ids, strict=True))
        narrowed = replace(
            answers,
            chosen={**answers.chosen, **{name: frozenset([one]) for name, one in chosen.items()}},
            numbers={**answers.numbers, **{name: (worth[name, one],) * 2 for name, one in chosen.items()}},
        )
        for truths in product((True, False), repeat=len(open_truths)):
            known = {**answers.truths, **dict(zip(open_truths, truths, strict=True))}
            found |= {one.id for one in _levels(scheme, replace(narrowed, truths=known))}
    return tuple(one for one in scheme.level if one.id in found)


def _levels(scheme: SeverityScheme, answers: _Answers) -> Iterator[SchemeLevel]:
    """The levels that may be the first that holds."""
    score, truths = _score(scheme, answers), _truths(scheme, answers)
    for level in scheme.level:
        holds = _holds(level, truths, score)
        if holds is not False:
            yield level
        if holds:
            return


def _holds(level: SchemeLevel, truths: Mapping[str, Truth], score: Range | None) -> Truth:
    if not level.when and level.score_from is None:
        return True
    found = [truths[name] for name in level.when]
    if level.score_from is not None and score:
        found.append(_over(score, level.score_from, itself=True))
    return _at_least(found, 1)


def _truths(scheme: SeverityScheme, answers: _Answers) -> dict[str, Truth]:
    """Whether each condition and yes-or-no input holds (Kleene's three values)."""
    found = dict(answers.truths)
    for one in scheme.in_order:
        if one.id not in found:
            found[one.id] = _truth(one, answers, found)
    return found


def _truth(one: SeverityCondition, answers: _Answers, known: Mapping[str, Truth]) -> Truth:
    if one.where:
        found = [_among(answers.chosen[of], frozenset(allowed)) for of, allowed in one.where.items()]
        return _at_least(found, len(found))
    if one.input:
        threshold = one.over if one.over is not None else one.at_least or 0
        return _over(answers.numbers[one.input], threshold, itself=one.over is None)
    parts = [known[part] for part in one.parts]
    if one.never:
        return None if parts[0] is None else not parts[0]
    return _at_least(parts, len(parts) if one.all else one.count)


def _among(possible: frozenset[str], allowed: frozenset[str]) -> Truth:
    if possible and possible <= allowed:
        return True
    return None if possible & allowed else False


def _over(number: Range, threshold: float, *, itself: bool) -> Truth:
    least, most = number
    if least > threshold or (itself and least == threshold):
        return True
    return None if most > threshold or (itself and most == threshold) else False


def _at_least(truths: list[Truth], count: int) -> Truth:
    if sum(truth is True for truth in truths) >= count:
        return True
    return None if sum(truth is not False for truth in truths) >= count else False


def _score(scheme: SeverityScheme, answers: _Answers) -> Range | None:
    """The least and the most score; every worth is at least zero, so both ends come from the ends."""
    if scheme.score is None:
        return None
    if scheme.score.kind == "weighted mean":
        return _weighted(scheme, answers, 0), _weighted(scheme, answers, 1)
    numbers = {**{one.id: _sum(one.of, answers) for one in scheme.sum}, **answers.numbers}
    least, most = (sum(math.prod(numbers[part][end] for part in term) for term in scheme.score.terms) for end in (0, 1))
    return float(least), float(most)


def _sum(parts: tuple[str, ...], answers: _Answers) -> Range:
    return sum(answers.numbers[part][0] for part in parts), sum(answers.numbers[part][1] for part in parts)


def _weighted(scheme: SeverityScheme, answers: _Answers, end: int) -> float:
    """NCISS: the sum of weight and worth, less the least that is possible, over its range, times 100."""
    weighted = [one for one in scheme.input if one.weight and one.choices]
    worth = {one.id: [choice.value for choice in one.choices] for one in weighted}
    found = sum(one.weight * answers.numbers[one.id][end] for one in weighted)
    least = sum(one.weight * min(worth[one.id]) for one in weighted)
    most = sum(one.weight * max(worth[one.id]) for one in weighted)
    return 100 * (found - least) / (most - least) if most > least else 0.0


def _reasons(
    scheme: SeverityScheme, level: SchemeLevel, answers: _Answers, score: Range | None
) -> tuple[str, tuple[str, ...]]:
    """What decided, and why it holds."""
    truths = _truths(scheme, answers)
    for name in level.when:
        if truths[name]:
            return name, tuple(_because(scheme, name, answers, truths))
    if level.score_from is not None and score:
        return "score", (say("The score is at least %(threshold)s.", threshold=f"{level.score_from:g}"),)
    if score and any(one.score_from is not None for one in scheme.level):
        return "score", (say("The score is below that of every other level."),)
    return "", (say("No condition of a more severe level holds."),)


def _because(scheme: SeverityScheme, name: str, answers: _Answers, truths: Mapping[str, Truth]) -> Iterator[str]:
    """A condition that holds, then what it is made of and holds too, each once."""
    parts: dict[str, SeverityPart] = {one.id: one for one in (*scheme.condition, *scheme.input)}
    waiting, seen = [name], set[str]()
    while waiting:
        one = parts[waiting.pop(0)]
        if one.id in seen:
            continue
        seen.add(one.id)
        texts = [text for text in (one.id, one.cite, one.title) if text]
        yield say("Holds: %(condition)s", condition=join_sentences(", ", texts))
        if isinstance(one, SeverityCondition) and one.id not in answers.truths and not one.never:
            waiting[:0] = [part for part in one.parts if truths[part]]
