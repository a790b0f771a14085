"""One file of a language: read and checked, with the line where it is wrong."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

from tocsin.delivery.columns import wrap
from tocsin.delivery.texts.template_context import DigestText, TopicText

if TYPE_CHECKING:
    from jinja2 import Environment, Template, nodes

TEMPLATES = ("subject", "sentence", "digest")
_GIVEN = {"subject": {"digest"}, "sentence": {"digest"}, "digest": {"digest", "sentence", "overview"}}
_DIGEST = {field.name for field in fields(DigestText)}
_TOPIC = {field.name for field in fields(TopicText)}
_TOML_LINE = re.compile(r" \(at line (\d+), column \d+\)$| \(at end of document\)$")


class FaultError(Exception):
    """What is wrong with a file, and in which line (0: in the whole of it)."""

    def __init__(self, path: Path, line: int, words: str) -> None:
        self.path, self.line, self.words = path, line, words
        super().__init__(f"{path}, line {line}: {words}" if line else f"{path}: {words}")


@dataclass(frozen=True)
class Advice:
    """What a topic is called, what it is about and what to do, wrapped to 76 columns."""

    title: str
    about: str
    steps: str


def read_advice(path: Path) -> Advice:
    """First line the title, then what it is about, then the steps, each starting with a dash.

    Raises:
        FaultError: one of them is missing.

    """
    text = _plain(path)
    title, _, rest = text.partition("\n")
    about, _, steps = f"\n{rest}".partition("\n- ")
    if not about.strip():
        raise FaultError(path, 2, "a title in the first line and then a paragraph are needed.")
    if not steps.strip():
        raise FaultError(path, text.count("\n") + 1, "steps are missing: lines that start with '- '.")
    paragraphs = [wrap(part) for part in about.strip().split("\n\n")]
    wrapped = [wrap(step, first="- ", indent="  ") for step in steps.split("\n- ")]
    return Advice(title.strip(), "\n\n".join(paragraphs), "\n".join(wrapped))


MOST_LINES = 5
_LONGEST_LINE = 240


def read_help(path: Path) -> tuple[str, ...]:
    """The lines that say what to do now, each of which starts with a dash in the file.

    Raises:
        FaultError: there are none or more than `MOST_LINES`, or one is too long.

    """
    text = _plain(path)
    lines = [line for line in text.splitlines() if line.strip()]
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("- "):
            raise FaultError(path, number, "each line starts with '- '.")
        if len(line) > _LONGEST_LINE:
            raise FaultError(path, number, f"a line has at most {_LONGEST_LINE} characters.")
    if not 0 < len(lines) <= MOST_LINES:
        raise FaultError(path, 0, f"one to {MOST_LINES} lines are needed.")
    return tuple(line[2:].strip() for line in lines)


def read_answer(path: Path) -> tuple[str, str]:
    """The title of an answer, and its text.

    Raises:
        FaultError: one of them is missing.

    """
    title, _, text = _plain(path).partition("\n")
    if not text.strip():
        raise FaultError(path, 2, "a title in the first line and then the text are needed.")
    return title.strip(), text.strip()


@dataclass(frozen=True)
class IncidentTemplate:
    """A mail to a party of an incident: what it is called, its subject and text with ``{placeholders}``."""

    title: str
    subject: str
    text: str


def read_incident_template(path: Path) -> IncidentTemplate:
    """First line the title, second the subject, then the text.

    Raises:
        FaultError: one of them is missing, or a brace is open.

    """
    title, _, rest = _plain(path).partition("\n")
    subject, _, text = rest.partition("\n")
    if not subject.strip() or not text.strip():
        raise FaultError(path, 2, "a title, in the second line a subject, and then the text are needed.")
    for number, line in enumerate(f"{title}\n{rest}".splitlines(), 1):
        if re.search(r"[{}]", re.sub(r"\{[^{}]{1,100}\}", "", line)):
            raise FaultError(path, number, "a placeholder is a few words in braces, on one line.")
    return IncidentTemplate(title.strip(), subject.strip(), text.strip())


def _plain(path: Path) -> str:
    text = _text(path).strip()
    if found := re.search(r"\{[{%#]", text):
        raise FaultError(path, text.count("\n", 0, found.start()) + 1, "this is plain text: nothing is filled in here.")
    return text


def read_words(path: Path, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """The short words of a language; ``known`` are the English ones, to compare with.

    Raises:
        FaultError: it is no TOML, or has a name or a brace that the English ones do not have.

    """
    text = _text(path)
    try:
        read: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _TOML_LINE.search(str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        raise FaultError(path, line, f"{_TOML_LINE.sub('', str(error))}.") from None
    for name, word in read.items():
        if known is not None and (wrong := _wrong_word(name, word, known)):
            raise FaultError(path, _line_of(text, name), wrong)
    return {name: str(word) for name, word in read.items()}


def _wrong_word(name: str, word: object, known: Mapping[str, str]) -> str:
    english = known.get(name) or known.get(name.removesuffix("_one"))
    if english is None and name not in known:
        return f"'{name}' is no word of the mails."
    if not isinstance(word, str):
        return f"'{name}' must be a text in quotes."
    if name == "direction" and word not in {"ltr", "rtl"}:
        return "'direction' is 'ltr' or 'rtl'."
    try:
        more = sorted(set(_braces(word)) - set(_braces(english or "")))
    except ValueError as error:
        return f"'{name}' has a brace too many: {error}."
    return f"'{name}' cannot fill in {{{more[0]}}}; in English: {english}" if more else ""


def _braces(text: str) -> Iterator[str]:
    return (name for _, name, _, _ in Formatter().parse(text) if name is not None)


def _line_of(text: str, name: str) -> int:
    found = re.search(rf"^[ \t]*+[\"']?{re.escape(name)}[\"']?[ \t]*+=", text, re.MULTILINE)
    return text.count("\n", 0, found.end()) + 1 if found else 0


def read_template(path: Path, environment: "Environment") -> "Template":
    """A template that only asks for what there is.

    Raises:
        FaultError: it cannot be read, or shows something that is not there.

    """
    from jinja2 import TemplateSyntaxError

    try:
        tree = environment.parse(_text(path))
        for line, words in _unknown(tree, _GIVEN[path.stem]):
            raise FaultError(path, line, words)
        return environment.from_string(tree)
    except TemplateSyntaxError as error:
        raise FaultError(path, error.lineno, f"{error.message}.") from None


def _unknown(tree: "nodes.Template", given: set[str]) -> Iterator[tuple[int, str]]:
    from jinja2 import meta, nodes

    free = meta.find_undeclared_variables(tree) - given
    for name in tree.find_all(nodes.Name):
        if name.name in free:
            yield name.lineno, f"'{name.name}' is not known here; known are: {', '.join(sorted(given))}."
    for part in tree.find_all(nodes.Getattr):
        if isinstance(part.node, nodes.Name) and part.node.name != "loop":
            names = _DIGEST if part.node.name == "digest" else _TOPIC
            if part.attr not in names:
                yield (
                    part.lineno,
                    f"'{part.node.name}.{part.attr}' is not known; known are: {', '.join(sorted(names))}.",
                )


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise FaultError(path, content.count(b"\n", 0, error.start) + 1, "it is not UTF-8.") from None
    except OSError as error:
        raise FaultError(path, 0, f"it cannot be read: {error.strerror}.") from None
