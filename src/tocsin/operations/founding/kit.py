"""Founds a team from answers: writes its files, brings it into the directory, issues its profile."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.delivery.sealing import judge_own, read_own_keys
from tocsin.directory import import_directory
from tocsin.directory.keys import KeySubmission, import_keys
from tocsin.directory.profile import issue_profile, write_profile
from tocsin.node.errors import InputError, StorageError
from tocsin.node.home import open_home
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.settings import load_settings
from tocsin.operations.founding.documents import (
    SOURCE,
    NextStep,
    checklist,
    next_steps,
    security_txt,
    settings_toml,
    several,
    team_toml,
    text,
)
from tocsin.operations.founding.questions import Answers
from tocsin.operations.founding.roster import roster_csv

if TYPE_CHECKING:
    from tocsin.delivery.sealing import OpenPgpKey


@dataclass(frozen=True)
class FoundingKit:
    """What was made: the team's key, its files, and what to do next. ``settings_kept``: a settings file was there."""

    team: str
    files: tuple[Path, ...]
    steps: tuple[NextStep, ...]
    version: int
    settings_kept: bool


def found_team(home: Path, answers: Answers, *, actor: str, now: datetime, pdf: bool = True) -> FoundingKit:
    """A working node for the team of these complete answers; again with other answers, it is brought up to date.

    A settings file that is there and was not written here is left alone; ours is written beside it.

    Raises:
        InputError: the answers make no team.
        StorageError: the disk refuses.

    """
    folder = home / HomeFolder.FOUNDING
    today = now.date()
    settings, kept = _settings_file(home, folder, answers)
    files = {
        settings: settings_toml(answers),
        folder / "team.toml": team_toml(answers),
        folder / "security.txt": security_txt(answers),
        folder / "roster.csv": roster_csv(several(answers, "roster"), today),
    }
    _write(files)
    own = _own_key(home, now)
    _, database = open_home(home)
    try:
        done = import_directory(database, folder / "team.toml", actor=actor, now=now, most_gone=None)
        if done.not_taken:
            refused = done.not_taken[0]
            raise InputError(f"{refused.what}: {refused.why}.", hint="Change that answer and run it again.")
        key = text(answers, "key")
        if own:
            import_keys(
                database,
                key,
                own.public.encode("ascii"),
                KeySubmission(actor, SOURCE, said_by=text(answers, "name")),
                now,
            )
        profile = issue_profile(database, key, actor=actor, now=now)
    finally:
        database.close()
    forms = (".txt", ".html", ".md", *((".pdf",) if pdf else ()))
    written = [
        path
        for form in forms
        for path in write_profile(profile, folder / f"profile{form}", own.signer if own else None)
    ]
    steps = next_steps(answers, signed=own is not None)
    _write({folder / "checklist.md": checklist(steps, text(answers, "name"), today)})
    everything = (*files, *written, folder / "checklist.md")
    return FoundingKit(text(answers, "key"), everything, tuple(steps), profile.version, kept)


def _own_key(home: Path, now: datetime) -> "OpenPgpKey | None":
    """This node's OpenPGP key, where it has one that can sign."""
    own = read_own_keys(home, load_settings(home).mail).openpgp
    return own if own and judge_own(own.facts, now).good else None


def _settings_file(home: Path, folder: Path, answers: Answers) -> tuple[Path, bool]:
    """Where the settings go, and whether another file was there and stays."""
    path = home / HomeFile.SETTINGS
    marker = settings_toml(answers).partition("\n")[0]
    if path.is_file() and not path.read_text(encoding="utf-8").startswith(marker):
        return folder / "tocsin.toml", True
    return path, False


def _write(files: dict[Path, str]) -> None:
    for path, content in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        except OSError as error:
            raise StorageError(f"{path} cannot be written: {error.strerror}.") from error
