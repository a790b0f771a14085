"""The list of texts; of one text its provisions, its positions by stakeholder and its history."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tocsin.drafting.acts import Undo
from tocsin.drafting.agreement import AGREEING, AgreementRow, Stakeholder, agreement, stakeholders
from tocsin.drafting.draft import TextState
from tocsin.drafting.history import undone_steps
from tocsin.drafting.model import Position, PositionKind
from tocsin.drafting.pages import pages as pages_of
from tocsin.drafting.rebasing import outdated
from tocsin.drafting.store import stored_texts
from tocsin.drafting.waiting import WaitingItem, waiting_on
from tocsin.drafting.web.files import FORMS
from tocsin.drafting.web.record import OpenText, TextPages
from tocsin.interface import N_, NotHereError, Number, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError

Reader = Annotated[Principal, needs(Permission.DRAFTING_READ)]
Writer = Annotated[Principal, needs(Permission.DRAFTING_WRITE)]
STANDINGS: Final = {
    "stable": (N_("stable"), "good"),
    "contested": (N_("contested"), "busy"),
    "unknown": (N_("unknown"), "quiet"),
}
"""What pages call the state of a provision, and how they show it."""
_COLUMNS: Final = 8  # stakeholders beside each other: as many as fit on paper


@dataclass(frozen=True)
class TextLine:
    """A text in the list."""

    name: str
    title: str
    source: str
    counts: Counter[str]
    chair: str
    waiting: tuple[WaitingItem, ...]


@dataclass(frozen=True)
class PositionCell:
    """The positions of a stakeholder on a provision: in force, or else on words that it no longer has.

    ``confirmed``: none of them is only inferred. ``agrees``: all of them; None where nothing is known.
    """

    positions: tuple[Position, ...]
    older: bool
    confirmed: bool
    agrees: bool | None


class UndoForm(BaseModel):
    """The button that undoes a step."""

    seen: int = Field(ge=0)


def add_text_pages(router: APIRouter, pages: TextPages) -> None:
    """The routes."""
    database = pages.maker.node.database

    @router.get("")
    def texts(request: Request, visitor: Reader) -> Response:
        """Every text that is here, with its state and whom it waits for."""
        found = [_line(pages.open(name, visitor), title, source) for name, title, source, _ in stored_texts(database)]
        return pages.maker.page(request, "drafting/list.html", texts=found)

    @router.get("/{name}")
    def provisions(request: Request, visitor: Reader, name: str, page: int = 1) -> Response:
        """A page of one text: its provisions, how each stands, and how many proposals there are."""
        text = pages.open(name, visitor)
        parts = pages_of(text.draft)
        if not 1 <= page <= max(len(parts), 1):
            raise NotHereError
        rows = agreement(text.draft)
        shown = set(parts[page - 1] if parts else ())
        return pages.show(
            request, "text", text, rows=[row for row in rows if row.provision.id in shown], counts=_counts(rows),
            standings=STANDINGS, waiting=waiting_on(text.draft, rows), page=page, pages=len(parts),
            forms=FORMS, older=outdated(text.draft), comments=_comment_counts(text.draft),
        )  # fmt: skip

    @router.get("/{name}/positions")
    def positions(request: Request, visitor: Reader, name: str) -> Response:
        """The matrix: provision by stakeholder."""
        text = pages.open(name, visitor)
        rows, people = agreement(text.draft), stakeholders(text.draft)
        blocks = [people[at : at + _COLUMNS] for at in range(0, len(people), _COLUMNS)]
        return pages.show(
            request, "positions", text, rows=rows, people=people, counts=_counts(rows), standings=STANDINGS,
            blocks=[(block, [(row, _cells(row, block)) for row in rows]) for block in blocks],
        )  # fmt: skip

    @router.get("/{name}/history")
    def history(request: Request, visitor: Reader, name: str) -> Response:
        """Every step, the newest first."""
        return _history(pages, request, pages.open(name, visitor))

    @router.post("/{name}/undo/{step}")
    def undo(
        request: Request, visitor: Writer, name: str, step: Number, typed: Annotated[UndoForm, Form()]
    ) -> Response:
        """Make the text as if a step had not happened; the undo can be undone, too."""
        text = pages.open(name, visitor)
        found = next((one for one in text.stored.steps if one.seq == step), None)
        if found is None or not (text.may_undo(found) or step in undone_steps(text.stored.steps)):
            raise NotHereError
        try:
            number = pages.record(text, lambda _: [Undo(step)], seen=typed.seen, chair=found.signature is not None)
        except ConflictError as error:
            return _history(pages, request, text, error=error, status=409)
        return pages.maker.go(f"{text.path_of(getattr(found.act(), 'provision', None))}?step={number}")


def _history(
    pages: TextPages, request: Request, text: OpenText, *, error: ConflictError | None = None, status: int = 200
) -> Response:
    undone = undone_steps(text.stored.steps)
    rows = [(step, step.act(), step.seq in undone) for step in reversed(text.stored.steps)]
    return pages.show(request, "history", text, rows=rows, error=error, status=status)


def _line(text: OpenText, title: str, source: str) -> TextLine:
    rows = agreement(text.draft)
    waiting = waiting_on(text.draft, rows)
    return TextLine(text.name, title or text.name, source, _counts(rows), text.draft.chair or "", waiting)


def _counts(rows: Sequence[AgreementRow]) -> Counter[str]:
    return Counter(row.standing.value for row in rows)


def _comment_counts(draft: TextState) -> Counter[str]:
    return Counter(comment.provision for comment in draft.comments.values())


def _cells(row: AgreementRow, people: Sequence[Stakeholder]) -> list[PositionCell | None]:
    """The cells of a row; None where a stakeholder said nothing."""
    return [
        _cell(row.cells[one.name], older=False)
        if one.name in row.cells
        else _cell(row.older[one.name], older=True)
        if one.name in row.older
        else None
        for one in people
    ]


def _cell(positions: Sequence[Position], *, older: bool) -> PositionCell:
    """Positions of which one is known are that; else they are unknown, and the first says why."""
    known = tuple(one for one in positions if one.kind is not PositionKind.UNKNOWN)
    by_kind = {one.kind: one for one in reversed(known)}
    confirmed = all(not one.inferred or one.confirmed for one in known)
    agrees = all(one.kind in AGREEING for one in known) if known else None
    return PositionCell(tuple(reversed(by_kind.values())) or tuple(positions[:1]), older, confirmed, agrees)
