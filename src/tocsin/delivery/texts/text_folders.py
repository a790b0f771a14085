"""Where the texts of a node stand: those shipped, and its own, which take their place file by file."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tocsin.delivery import digest_summary
from tocsin.delivery.texts.files import TEMPLATES
from tocsin.node.errors import ConflictError, NotFoundError, UsageError

SHIPPED: Final = digest_summary.TEMPLATES
FOR_THE_PUBLIC: Final = ("help", "answers", "incident")
"""The folders of a language whose texts are no part of mails to teams: a fault in one stops none."""
ENGLISH: Final = "en"
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True)
class TextFolders:
    """``own``: the folder with a node's own texts; ``language``: for teams in whose language there are none."""

    own: Path | None = None
    language: str = ENGLISH

    def languages(self) -> list[str]:
        """The languages of which there is a text, by tag."""
        return sorted({folder.name for place in self._places() for folder in _folders_in(place)})

    def own_languages(self) -> list[Path]:
        """The folders of the node's own texts."""
        return [] if self.own is None else sorted(_folders_in(self.own))

    def folders(self, language: str) -> tuple[Path, ...]:
        """Where to look for a text, nearest first: the language (BCP 47), its main one, the node's, then English."""
        for wanted in (language, self.language):
            found = [*self._of(wanted), *(self._of(wanted.partition("-")[0]) if "-" in wanted else [])]
            if found:
                return tuple(dict.fromkeys([*found, *self._of(ENGLISH)]))
        return tuple(self._of(ENGLISH))

    def find(self, language: str, name: str) -> Path:
        """The file that is used for a text, such as ``advice/spam.txt``."""
        folders = self.folders(language)
        return next((path for folder in folders if (path := folder / name).is_file()), folders[-1] / name)

    def is_own(self, path: Path) -> bool:
        """Whether a file is one of the node's own."""
        return self.own is not None and path.is_relative_to(self.own)

    def copy(self, language: str, names: list[str]) -> list[Path]:
        """Copy shipped texts, English ones where the language is not shipped, to be changed; the new files.

        Raises:
            UsageError: the language is no tag such as fr or pt-BR.
            ConflictError: one of them is there already; nothing is copied then.

        """
        if self.own is None or not _TAG.fullmatch(language):
            raise UsageError(f"'{language}' is not a language tag such as fr or pt-BR (BCP 47).")
        shipped = TextFolders(language=self.language)
        pairs = [(shipped.find(language, name), self.own / language / name) for name in names]
        for _, target in pairs:
            if target.exists():
                raise ConflictError(f"{target} is there already.", hint="Change that file, or delete it first.")
        for source, target in pairs:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        return [target for _, target in pairs]

    def _places(self) -> list[Path]:
        return [SHIPPED] if self.own is None else [self.own, SHIPPED]

    def _of(self, tag: str) -> list[Path]:
        """The folders of a language, own before shipped; capitals make no difference."""
        return [
            folder for place in self._places() for folder in _folders_in(place) if folder.name.lower() == tag.lower()
        ]


def text_names() -> list[str]:
    """The files that make up a language, as paths below its folder."""
    return [
        *(f"{name}.txt" for name in TEMPLATES),
        "words.toml",
        *(f"advice/{topic}.txt" for topic in digest_summary.topics()),
        *(f"{folder}/{name}.txt" for folder in FOR_THE_PUBLIC for name in public_names(folder)),
    ]


def public_names(folder: str) -> list[str]:
    """What there is in one of the folders `FOR_THE_PUBLIC`."""
    return sorted(path.stem for path in (SHIPPED / ENGLISH / folder).glob("*.txt"))


def is_for_the_public(path: Path) -> bool:
    """Whether a file is one of those."""
    return path.parent.name in FOR_THE_PUBLIC


def name_of(text: str) -> str:
    """The file of a text by its short name: a topic, ``subject``, ``sentence``, ``digest``, ``words``, ``help/leak``.

    Raises:
        NotFoundError: there is no such text.

    """
    names = {_short(name): name for name in text_names()}
    if found := names.get(text.removesuffix(".txt").removesuffix(".toml").removeprefix("advice/")):
        return found
    known = ", ".join(names)
    raise NotFoundError(f"No text is called '{text}'.", hint=f"There are: {known}.")


def _short(name: str) -> str:
    return name.removesuffix(".txt").removesuffix(".toml").removeprefix("advice/")


def _folders_in(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from (folder for folder in place.iterdir() if folder.is_dir() and _TAG.fullmatch(folder.name))
