"""Asks one question at a time. What was typed is kept after each answer, and a later run goes on from there."""

import textwrap
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass

from tocsin.operations.founding.questions import Answer, Answers, InterviewQuestion, understood

BACK, MORE = "<", "?"


@dataclass(frozen=True)
class Terminal:
    """Where a person sits: ``hear`` shows a prompt and gives the line typed, None at the end of input.

    ``say`` shows a line. ``keep`` is given all answers after each one. ``offer`` gives further words to a question.
    """

    hear: Callable[[str], str | None]
    say: Callable[[str], None]
    keep: Callable[[Answers], None]
    offer: Callable[[InterviewQuestion, Answers], str] = lambda _question, _answers: ""


def interview(questions: Sequence[InterviewQuestion], answers: MutableMapping[str, Answer], desk: Terminal) -> bool:
    """Ask every question that has no answer yet, then let the person look at all; False where the input ended early."""
    place = 0
    while place < len(questions):
        question = questions[place]
        if question.name in answers:
            place += 1
            continue
        step = _ask(question, answers, desk, f"{place + 1} of {len(questions)}")
        if step is None:
            return False
        if step == BACK:
            place = max(place - 1, 0)
            answers.pop(questions[place].name, None)
            continue
        desk.keep(answers)
        place += 1
    return _review(questions, answers, desk)


def _ask(question: InterviewQuestion, answers: MutableMapping[str, Answer], desk: Terminal, place: str) -> str | None:
    """Ask one question until it is answered; ``BACK`` where the person goes back, None at the end of input."""
    _show(question, answers, desk, place)
    typed: list[str] = []
    while True:
        line = desk.hear(_prompt(question, answers))
        if line is None:
            return None
        line = line.strip()
        if line == BACK:
            return BACK
        if line == MORE:
            _show(question, answers, desk, place)
            continue
        try:
            if question.several and line:
                typed.append(understood(question, line))
                continue
            if line or typed or question.name not in answers:  # an empty line keeps what was answered before
                answers[question.name] = typed if question.several else _understood(question, line, answers)
        except ValueError as error:
            desk.say(f"  '{line}' cannot be taken: {error}" + ("" if str(error)[-1:] in "?." else "."))
            desk.say("  Please try again.")
        else:
            return ""


def _understood(question: InterviewQuestion, line: str, answers: Answers) -> str:
    return understood(question, line or question.suggestion(answers))


def _show(question: InterviewQuestion, answers: Answers, desk: Terminal, place: str) -> None:
    desk.say(f"\n({place}) {question.asks}")
    for text in (question.why, desk.offer(question, answers)):
        for row in textwrap.wrap(text, 76):
            desk.say(f"  {row}")
    for number, (word, meaning) in enumerate(question.choices, 1):
        desk.say(f"  {number:>2}  {word}: {meaning}")
    if question.example:
        desk.say(f"  For example: {question.example}")


def _prompt(question: InterviewQuestion, answers: Answers) -> str:
    before = answers.get(question.name, "")
    suggestion = ("; ".join(before) if isinstance(before, list) else before) or question.suggestion(answers)
    if suggestion:
        return f"  [{suggestion}]\n> "
    return "> " if question.needed or question.several else "  [leave empty]\n> "


def _review(questions: Sequence[InterviewQuestion], answers: MutableMapping[str, Answer], desk: Terminal) -> bool:
    """Show all answers and change those whose numbers are typed, until an empty line."""
    while True:
        desk.say("\nThis is what you answered:")
        for row in summary(questions, answers):
            desk.say(row)
        line = desk.hear("Press Enter to found the team, or type the number of an answer to change it.\n> ")
        if line is None:
            return False
        text = line.strip()
        if not text:
            return True
        if not (text.isdecimal() and 1 <= int(text) <= len(questions)):
            desk.say(f"  '{text}' is no number from 1 to {len(questions)}.")
            continue
        question = questions[int(text) - 1]
        if _ask(question, answers, desk, f"{text} of {len(questions)}") is None:
            return False
        desk.keep(answers)


def summary(questions: Sequence[InterviewQuestion], answers: Mapping[str, Answer]) -> Iterator[str]:
    """Every question with its answer on a line."""
    for number, question in enumerate(questions, 1):
        answer = answers.get(question.name, "")
        text = "; ".join(answer) if isinstance(answer, list) else " / ".join(answer.split("\n"))
        shown = text if len(text) <= 90 else text[:89] + "…"
        yield f"  {number:>2}  {question.name.replace('_', ' ')}: {shown or '(empty)'}"
