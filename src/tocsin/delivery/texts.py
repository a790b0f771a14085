"""The words of a language: templates and advice as files, checked when they are loaded.

A language is a folder under ``templates``: ``subject.txt``, ``sentence.txt`` and ``digest.txt`` (Jinja2),
``words.toml``, and ``advice/TOPIC.txt`` for each topic of ``topics.toml``.
"""

import textwrap
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.delivery.survey import TEMPLATES, topics
from tocsin.errors import SettingError

if TYPE_CHECKING:
    from jinja2 import Template

WIDTH = 76
_TEMPLATES = ("subject", "sentence", "digest")


@dataclass(frozen=True)
class Advice:
    """What a topic is called, what it is about and what to do, wrapped to 76 columns."""

    title: str
    about: str
    steps: str


@dataclass(frozen=True)
class Texts:
    """All texts of one language."""

    language: str
    words: dict[str, str]
    advice: dict[str, Advice]
    templates: "dict[str, Template]"


def texts_for(language: str) -> Texts:
    """The texts of a language (BCP 47), of its main language, or of English."""
    main = language.partition("-")[0].lower()
    return load_texts(TEMPLATES / (main if main.isalpha() and (TEMPLATES / main).is_dir() else "en"))


@cache
def load_texts(folder: Path) -> Texts:
    """The texts in a folder.

    Raises:
        SettingError: a text is missing or cannot be used; names the file.

    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

    # Mails are plain text: nothing is escaped; values were cleaned of control characters before.
    environment = Environment(loader=FileSystemLoader(folder), undefined=StrictUndefined, autoescape=False)  # noqa: S701
    try:
        templates = {name: environment.get_template(f"{name}.txt") for name in _TEMPLATES}
        words = _words(folder)
        advice = {name: _advice(folder / "advice" / f"{name}.txt") for name in topics()}
    except (OSError, ValueError, TemplateError) as error:
        raise SettingError(
            f"The mail texts in {folder} cannot be used: {error}", hint="Compare them with the texts in English."
        ) from error
    if missing := _words(TEMPLATES / "en").keys() - words.keys():
        raise SettingError(f"{folder / 'words.toml'} lacks: {', '.join(sorted(missing))}.")
    return Texts(folder.name, words, advice, templates)


def _words(folder: Path) -> dict[str, str]:
    read = tomllib.loads((folder / "words.toml").read_text(encoding="utf-8"))
    return {name: str(word) for name, word in read.items()}


def _advice(path: Path) -> Advice:
    """First line the title, then what it is about, then the steps, each starting with a dash."""
    title, _, rest = path.read_text(encoding="utf-8").strip().partition("\n")
    about, _, steps = rest.partition("\n- ")
    if not (title.strip() and about.strip() and steps.strip()):
        raise ValueError(f"{path.name} needs a title, a paragraph and steps that start with '- '")
    paragraphs = [_wrap(part) for part in about.strip().split("\n\n")]
    wrapped = [_wrap(step, first="- ", indent="  ") for step in steps.split("\n- ")]
    return Advice(title.strip(), "\n\n".join(paragraphs), "\n".join(wrapped))


def _wrap(text: str, first: str = "", indent: str = "") -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, initial_indent=first, subsequent_indent=indent)
