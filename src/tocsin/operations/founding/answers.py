"""Answers of a founder, kept as TOML: what was typed is not lost, and a file can answer instead of a person."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from tocsin.node.errors import InputError, StorageError
from tocsin.node.files import write_whole
from tocsin.operations.founding.questions import Answer, Answers, InterviewQuestion, understood

_HEAD = (
    "# Answers for 'tocsin directory new-team'. Change what you like and run it again with --answers and this file.\n"
)


def read_answers(path: Path, questions: Sequence[InterviewQuestion]) -> dict[str, Answer]:
    """The answers in a file, each in its one form.

    Raises:
        InputError: the file cannot be read, names no question, or an answer is none; all of them are named.

    """
    given = _document(path)
    known = {question.name: question for question in questions}
    wrong = [f"'{name}' is no question" for name in given if name not in known]
    answers: dict[str, Answer] = {}
    for name, question in known.items():
        if name in given:
            try:
                answers[name] = _read(question, given[name])
            except ValueError as error:
                wrong.append(f"{name}: {error}")
    if wrong:
        raise InputError(f"{path}: {'; '.join(wrong)}.", hint="docs/teams.md lists the questions.")
    return answers


def completed(answers: Answers, questions: Sequence[InterviewQuestion]) -> dict[str, Answer]:
    """The same with what each question suggests where nothing was answered.

    Raises:
        InputError: an answer that is needed is missing; all of them are named.

    """
    whole: dict[str, Answer] = {}
    missing: list[str] = []
    for question in questions:
        answer = answers.get(question.name)
        if answer is None:
            text = question.suggestion(whole)
            answer = [] if question.several else understood(question, text) if text else ""
        if question.needed and not answer:
            missing.append(question.name)
        whole[question.name] = answer
    if missing:
        raise InputError(f"Not answered: {', '.join(missing)}.", hint="docs/teams.md lists the questions.")
    return whole


def keep_answers(path: Path, answers: Answers) -> None:
    """Write the answers, whole or not at all.

    Raises:
        StorageError: the disk refuses.

    """
    text = _HEAD + "".join(f"{name} = {toml_value(answer)}\n" for name, answer in answers.items())
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error


def toml_value(answer: Answer) -> str:
    """A text or a list of texts in TOML 1.0, whose basic strings are those of JSON but for DEL."""
    return json.dumps(answer, ensure_ascii=False).replace("\x7f", "\\u007f")


def _document(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid TOML: {error}.", hint="docs/teams.md shows one.") from error


def _read(question: InterviewQuestion, value: object) -> Answer:
    values = [str(one) for one in value] if isinstance(value, list) else [str(value)]
    if question.several:
        return [understood(question, text) for text in values if text.strip()]
    return understood(question, "; ".join(values))
