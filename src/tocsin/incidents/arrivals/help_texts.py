"""What to do now, in a few lines for each kind of incident: files by language that the node adopts.

Only then the public reads them as its word. What was adopted is kept as it was, whatever becomes of the files.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from tocsin.delivery.texts import TextFolders, read_help
from tocsin.incidents.arrivals.kinds import ReportKind
from tocsin.incidents.arrivals.models import HelpTextRow
from tocsin.node.records import AuditAction, audit


@dataclass(frozen=True)
class HelpText:
    """What to do now. ``adopted_at`` and ``adopted_by`` (an actor): None and empty where it is an example."""

    lines: tuple[str, ...]
    adopted_at: datetime | None = None
    adopted_by: str = ""


@dataclass(frozen=True)
class HelpTextState:
    """How the texts of a kind stand. ``changed``: the languages whose file is not what was adopted."""

    kind: ReportKind
    adopted_at: datetime | None
    adopted_by: str
    changed: tuple[str, ...]

    @property
    def current(self) -> bool:
        """Whether all of it is adopted as the files are now."""
        return self.adopted_at is not None and not self.changed


def help_text(
    session: Session, shelf: TextFolders, kind: ReportKind, language: str, *, examples: bool
) -> HelpText | None:
    """What was adopted, in a language (BCP 47), its main one, the node's or English; else the file, if ``examples``."""
    rows = {row.language.lower(): row for row in session.scalars(_rows(kind))}
    for tag in (language, language.partition("-")[0], shelf.language, shelf.language.partition("-")[0], "en"):
        if row := rows.get(tag.lower()):
            return HelpText(tuple(row.lines.splitlines()), row.adopted_at, row.adopted_by)
    return HelpText(read_help(shelf.find(language, _name(kind)))) if examples else None


def adopt_help(
    session: Session, shelf: TextFolders, kinds: Collection[ReportKind], *, actor: str, now: datetime
) -> list[ReportKind]:
    """Adopt the texts of these kinds (none named: of all) as their files are now, in every language; which they are.

    Raises:
        FaultError: a file cannot be used; nothing is adopted then.

    """
    texts = {kind: _in_files(shelf, kind) for kind in ReportKind if kind in kinds or not kinds}
    for kind, found in texts.items():
        session.execute(delete(HelpTextRow).where(HelpTextRow.kind == kind.value))
        session.add_all(
            HelpTextRow(kind=kind.value, language=tag, lines="\n".join(lines), adopted_at=now, adopted_by=actor)
            for tag, lines in found.items()
        )
        detail: dict[str, object] = {"languages": sorted(found)}
        audit(session, AuditAction.HELP_TEXT_ADOPTED, at=now, actor=actor, subject=f"help-text:{kind}", detail=detail)
    return [*texts]


def help_text_states(session: Session, shelf: TextFolders) -> list[HelpTextState]:
    """How each kind stands, in the order of kinds.

    Raises:
        FaultError: a file cannot be used.

    """
    rows: dict[str, dict[str, HelpTextRow]] = {}
    for row in session.scalars(select(HelpTextRow)):
        rows.setdefault(row.kind, {})[row.language] = row
    return [_state(kind, rows.get(kind, {}), _in_files(shelf, kind)) for kind in ReportKind]


def help_texts_in_files(shelf: TextFolders, language: str) -> dict[ReportKind, tuple[str, ...]]:
    """The text of each kind as its file is now, in a language (BCP 47) or the next best.

    Raises:
        FaultError: a file cannot be used.

    """
    return {kind: read_help(shelf.find(language, _name(kind))) for kind in ReportKind}


def _state(kind: ReportKind, rows: Mapping[str, HelpTextRow], files: Mapping[str, tuple[str, ...]]) -> HelpTextState:
    newest = max(rows.values(), key=lambda row: row.adopted_at, default=None)
    changed = (tag for tag, lines in files.items() if tag not in rows or rows[tag].lines != "\n".join(lines))
    at, by = (newest.adopted_at, newest.adopted_by) if newest else (None, "")
    return HelpTextState(kind, at, by, tuple(sorted(changed)))


def _in_files(shelf: TextFolders, kind: ReportKind) -> dict[str, tuple[str, ...]]:
    """The text of a kind in each language that has one of its own."""
    found = {tag: shelf.find(tag, _name(kind)) for tag in shelf.languages()}
    return {tag: read_help(path) for tag, path in found.items() if path.parent.parent.name == tag}


def _rows(kind: ReportKind) -> Select[HelpTextRow]:
    return select(HelpTextRow).where(HelpTextRow.kind == kind.value)


def _name(kind: ReportKind) -> str:
    return f"help/{kind}.txt"
