"""The texts of a language as they are used, from the files of its shelf; checked first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.delivery.digest_summary import topics
from tocsin.delivery.texts.files import (
    TEMPLATES,
    Advice,
    FaultError,
    IncidentTemplate,
    read_advice,
    read_answer,
    read_help,
    read_incident_template,
    read_template,
    read_words,
)
from tocsin.delivery.texts.specimens import try_templates
from tocsin.delivery.texts.template_context import DigestText, TopicText
from tocsin.delivery.texts.text_folders import (
    ENGLISH,
    SHIPPED,
    TextFolders,
    is_for_the_public,
    public_names,
    text_names,
)
from tocsin.node.errors import SettingError
from tocsin.node.paths import HomeFolder

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_EXTENSIONS = {".txt", ".toml"}
_PLAIN: Final[dict[str, Callable[[Path], object]]] = {
    "advice": read_advice,
    "help": read_help,
    "answers": read_answer,
    "incident": read_incident_template,
}
"""How the plain texts of a folder are read."""


@dataclass(frozen=True)
class Texts:
    """All texts of one language."""

    language: str
    words: dict[str, str]
    advice: dict[str, Advice]
    templates: "dict[str, Template]"

    @property
    def mirrored(self) -> bool:
        """Whether it is written from right to left."""
        return self.words["direction"] == "rtl"

    def say(self, name: str, count: int = 0, **values: object) -> str:
        """A short text, filled in; its form for one thing where ``count`` is 1 and the language has one."""
        one = self.words.get(f"{name}_one") if count == 1 else None
        return (one or self.words[name]).format(**values)


def texts_for(language: str, shelf: TextFolders | None = None) -> Texts:
    """The texts of a language (BCP 47), of its main language, of the node's, or of English: each file by itself.

    Raises:
        SettingError: a file of the node's own cannot be used; names it, with the line.

    """
    shelf = shelf or TextFolders()
    folders = shelf.folders(language)
    try:
        return _load(folders, tuple(_stamps(folder) for folder in folders if not _is_shipped(folder)))
    except FaultError as fault:
        raise _refused(fault) from None


def _refused(fault: FaultError) -> SettingError:
    return SettingError(f"A text cannot be used. {fault}", hint="'tocsin templates check' names all that is wrong.")


def open_text_folders(home: Path, language: str) -> TextFolders:
    """The texts of the node in a home folder, whose language is given; its own ones are in ``templates``.

    Raises:
        SettingError: one of its own cannot be used; names the file, with the line.

    """
    shelf = TextFolders(home / HomeFolder.TEMPLATES, language)
    for fault in faults(shelf):
        if not is_for_the_public(fault.path):
            raise _refused(fault)
    return shelf


def faults(shelf: TextFolders) -> Iterator[FaultError]:
    """All that is wrong with a node's own texts."""
    for folder in shelf.own_languages():
        found = list(_faults_in(folder))
        yield from found
        if not found:
            try:
                texts = shelf.folders(folder.name)
                _load(texts, tuple(_stamps(one) for one in texts if not _is_shipped(one)))
            except FaultError as fault:
                yield fault


def answer_templates(shelf: TextFolders, language: str) -> dict[str, tuple[str, str]]:
    """The answers to reporters that are written in a language (BCP 47), title and text by name.

    Raises:
        SettingError: one of the node's own cannot be used.

    """
    try:
        return {name: read_answer(shelf.find(language, f"answers/{name}.txt")) for name in public_names("answers")}
    except FaultError as fault:
        raise _refused(fault) from None


def incident_templates(shelf: TextFolders, language: str) -> dict[str, IncidentTemplate]:
    """The mails to parties of incidents that are written in a language (BCP 47), by name.

    Raises:
        SettingError: one of the node's own cannot be used.

    """
    try:
        names = public_names("incident")
        return {name: read_incident_template(shelf.find(language, f"incident/{name}.txt")) for name in names}
    except FaultError as fault:
        raise _refused(fault) from None


def in_english(shelf: TextFolders, language: str) -> list[str]:
    """The texts that a language takes from English, or has as a copy of it that was not translated yet."""
    if language.partition("-")[0].lower() == ENGLISH:
        return []
    english = {name: shelf.find(ENGLISH, name).read_bytes() for name in text_names()}
    return [name for name, content in english.items() if shelf.find(language, name).read_bytes() == content]


def _is_shipped(folder: Path) -> bool:
    return folder.is_relative_to(SHIPPED)


def _stamps(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when one of the files does."""
    found = ((path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file())
    return tuple((str(path), stat.st_mtime_ns, stat.st_size) for path, stat in found)


@lru_cache(maxsize=64)
def _load(folders: tuple[Path, ...], _: object) -> Texts:
    own = [folder for folder in folders if not _is_shipped(folder)]
    for fault in (fault for folder in own for fault in _faults_in(folder)):
        if not is_for_the_public(fault.path):
            raise fault
    words: dict[str, str] = {}
    for folder in reversed(folders):
        if (folder / "words.toml").is_file():
            words = _over(words, read_words(folder / "words.toml"))
    advice = {topic: read_advice(_nearest(folders, f"advice/{topic}.txt")) for topic in topics()}
    paths = {name: _nearest(folders, f"{name}.txt") for name in TEMPLATES}
    environment = _environment()
    templates = {name: read_template(path, environment) for name, path in paths.items()}
    if own:
        try_templates(templates, paths)
    return Texts(folders[0].name, words, advice, templates)


def _over(words: dict[str, str], nearer: dict[str, str]) -> dict[str, str]:
    """The words with nearer ones over them; a form for one thing goes with the word that it belongs to."""
    kept = {name: word for name, word in words.items() if name.removesuffix("_one") not in nearer}
    return kept | nearer


def _nearest(folders: tuple[Path, ...], name: str) -> Path:
    return next((path for folder in folders if (path := folder / name).is_file()), folders[-1] / name)


def _environment() -> "Environment":
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Sandbox(ImmutableSandboxedEnvironment):
        def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
            """What a digest is in words and numbers needs no long look, which took a tenth of all telling."""
            if type(obj) in {DigestText, TopicText}:
                return not attr.startswith("_")
            return super().is_safe_attribute(obj, attr, value)

    # Mails are plain text: nothing is escaped; values were cleaned of control characters before.
    return Sandbox(undefined=StrictUndefined, autoescape=False)


def _faults_in(folder: Path) -> Iterator[FaultError]:
    """What is wrong with the files of a folder, each looked at by itself."""
    names, environment = set(text_names()), _environment()
    english = read_words(SHIPPED / ENGLISH / "words.toml")
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in _EXTENSIONS):
        name = path.relative_to(folder).as_posix()
        try:
            if name not in names:
                yield FaultError(path, 0, "no text has this name; 'tocsin templates list' has all names.")
            elif name == "words.toml":
                read_words(path, english)
            elif path.parent == folder:
                read_template(path, environment)
            else:
                _PLAIN[path.parent.name](path)
        except FaultError as fault:
            yield fault
