"""One provision: its words, what was proposed, positions and comments, and the forms to add to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tocsin.drafting.acts import Act, AddComment, Confirm, Declare
from tocsin.drafting.agreement import agreement, identical_wording, on_older_bases, stakeholders, tally
from tocsin.drafting.brackets import brackets, words_between
from tocsin.drafting.difference import TextPiece, difference
from tocsin.drafting.draft import TextState, words_for
from tocsin.drafting.model import Bracket, Comment, EntryClass, Position, PositionKind, StakeholderEntry
from tocsin.drafting.positions import states_only
from tocsin.drafting.web.record import MovedError, OpenText, TextPages, provision_in
from tocsin.drafting.web.texts import STANDINGS, Reader, Writer
from tocsin.interface import N_
from tocsin.node.errors import ConflictError, NotFoundError, TocsinError

MADE: Final = r"^[0-9a-f]{10}$"
KINDS: Final = tuple(kind for kind in PositionKind if kind is not PositionKind.UNKNOWN)
MEANINGS: Final = {
    PositionKind.SUPPORT: N_("the words as they are"),
    PositionKind.OPPOSE: N_("against it"),
    PositionKind.AMEND: N_("with changes"),
    PositionKind.DELETE: N_("without this provision"),
    PositionKind.MERGE: N_("into another provision"),
    PositionKind.REPLACE: N_("other words for all of it"),
    PositionKind.CLARIFY: N_("a question first"),
    PositionKind.RETAIN: N_("the base, against proposed changes"),
    PositionKind.RESERVE: N_("decides later"),
}
"""What a stakeholder wants who takes a position."""


ISSUES: Final = {
    "unclosed": N_("A bracket opens here and never closes."),
    "unopened": N_("A bracket closes here that never opened."),
    "spans": N_("A bracket runs from here into another provision."),
}
"""What is odd about brackets."""


@dataclass(frozen=True)
class EntryLine:
    """A proposal with its difference from the words that it was written on.

    ``older``: these have changed since. ``rebases``: its writer can put it on the present ones. ``stated``: the
    position that its words state instead of proposing text.
    """

    entry: StakeholderEntry
    text: str
    pieces: tuple[TextPiece, ...]
    positions: tuple[Position, ...]
    comments: tuple[Comment, ...]
    same_as: tuple[str, ...]
    older: bool
    rebases: bool
    stated: PositionKind | None


@dataclass(frozen=True)
class FormSent:
    """A form of the page: what was typed, the acts that it makes, and what is wrong with it by field.

    ``base``: the words that it showed, where they must still be there.
    """

    typed: "PositionForm | CommentForm | ConfirmForm"
    make: Callable[[TextState], Sequence[Act]]
    wrongs: Sequence[tuple[str, str]] = ()
    base: int | None = None


class PositionForm(BaseModel):
    """What a stakeholder wants of the provision; ``base``: the words that the form showed."""

    made: str = Field(pattern=MADE)
    seen: int = Field(ge=0)
    base: int = Field(ge=0)
    stakeholder: str = Field("", max_length=300)
    kind: str = Field("", max_length=20)
    reason: str = Field("", max_length=5_000)
    entry: str = Field("", max_length=100)
    target: str = Field("", max_length=100)


class CommentForm(BaseModel):
    """A comment on the provision."""

    made: str = Field(pattern=MADE)
    seen: int = Field(ge=0)
    author: str = Field("", max_length=300)
    words: str = Field("", max_length=10_000)
    entry: str = Field("", max_length=100)


class ConfirmForm(BaseModel):
    """The button that confirms an inferred position."""

    seen: int = Field(ge=0)
    position: str = Field(max_length=100)


def add_provision_pages(router: APIRouter, pages: TextPages) -> None:
    """The routes."""

    @router.get("/{name}/provisions/{provision}")
    def one(request: Request, visitor: Reader, name: str, provision: str) -> Response:
        """Everything about one provision."""
        return _page(pages, request, pages.open(name, visitor), provision)

    @router.post("/{name}/provisions/{provision}/position")
    def position(
        request: Request, visitor: Writer, name: str, provision: str, typed: Annotated[PositionForm, Form()]
    ) -> Response:
        """Record what a stakeholder wants."""
        text = pages.open(name, visitor)
        target = typed.target if typed.kind == PositionKind.MERGE else ""
        wrongs = [
            ("stakeholder", N_("Name the stakeholder.") if not typed.stakeholder.strip() else ""),
            ("kind", N_("Choose a position.") if typed.kind not in KINDS else ""),
            ("target", N_("Name the provision to merge it into.") if typed.kind == "merge" and not target else ""),
        ]

        def make(draft: TextState) -> list[Act]:
            said = Declare(
                f"p-{typed.made}", provision, one_line(typed.stakeholder), PositionKind(typed.kind), draft.generation,
                typed.reason.replace("\r\n", "\n").strip(), typed.entry or None, target or None,
            )  # fmt: skip
            return [said]

        return _add(pages, request, text, provision, FormSent(typed, make, wrongs, typed.base))

    @router.post("/{name}/provisions/{provision}/comment")
    def comment(
        request: Request, visitor: Writer, name: str, provision: str, typed: Annotated[CommentForm, Form()]
    ) -> Response:
        """Record a comment."""
        text, words = pages.open(name, visitor), typed.words.replace("\r\n", "\n").strip()
        wrongs = [
            ("author", N_("Name the author.") if not typed.author.strip() else ""),
            ("words", "" if words else N_("Write a comment.")),
        ]

        def make(_draft: TextState) -> list[Act]:
            return [AddComment(f"c-{typed.made}", provision, one_line(typed.author), words, typed.entry or None)]

        return _add(pages, request, text, provision, FormSent(typed, make, wrongs))

    @router.post("/{name}/provisions/{provision}/confirm")
    def confirm(
        request: Request, visitor: Writer, name: str, provision: str, typed: Annotated[ConfirmForm, Form()]
    ) -> Response:
        """Confirm a position that was inferred."""
        text = pages.open(name, visitor)
        return _add(pages, request, text, provision, FormSent(typed, lambda _: [Confirm(typed.position)]))


def _add(pages: TextPages, request: Request, text: OpenText, provision: str, form: FormSent) -> Response:
    """Record what a form of the page says, or show the page again with what is wrong and what was typed."""
    provision_in(text, provision)
    typed, base = form.typed, form.base
    if missing := [(field, said) for field, said in form.wrongs if said]:
        return _page(pages, request, text, provision, typed=typed, wrongs=missing, status=422)

    def moved(draft: TextState, _since: object) -> bool:
        return base is not None and draft.base_at(provision, base) != draft.provisions[provision].base

    try:
        number = pages.record(text, form.make, seen=typed.seen, moved=moved)
    except MovedError:
        now = pages.open(text.name, text.visitor)
        return _page(
            pages, request, now, provision, typed=typed, was=now.draft.base_at(provision, base or 0), status=409
        )
    except (ConflictError, NotFoundError) as error:
        return _page(pages, request, text, provision, typed=typed, error=error, status=409)
    except TocsinError as error:
        return _page(pages, request, text, provision, typed=typed, error=error, status=422)
    return pages.maker.go(f"{text.path_of(provision)}?step={number}")


def _page(
    pages: TextPages,
    request: Request,
    text: OpenText,
    name: str,
    *,
    typed: BaseModel | None = None,
    wrongs: Sequence[tuple[str, str]] = (),
    error: TocsinError | None = None,
    was: str | None = None,
    status: int = 200,
) -> Response:
    """The page; ``was``: the words that a form showed which changed meanwhile."""
    draft, provision = text.draft, text.draft.provisions[provision_in(text, name)]
    row = next((row for row in agreement(draft) if row.provision.id == name), None)
    people = stakeholders(draft)
    place = draft.order.index(name) if name in draft.order else None
    entries = _entries(draft, name)
    own = draft.decisions.get(name)
    return pages.show(
        request, "provision", text, status=status, provision=provision, row=row, standings=STANDINGS, people=people,
        tally=tally(row, people) if row else {},
        entries=entries, entry_options=[(one.entry.id, one.entry.stakeholder) for one in entries],
        target_options=[(one.id, one.id) for one in draft.printed() if one.id != name],
        positions=draft.positions_on(name), kinds=KINDS, meanings=MEANINGS,
        comments=[*draft.remarks_on(name), *draft.remarks_on(provision.section)],
        decision=own, decided=difference(provision.base, own.text) if own else (),
        earlier=draft.order[place - 1] if place else "",
        later=draft.order[place + 1] if place is not None and place + 1 < len(draft.order) else "",
        history=[step for step in reversed(text.stored.steps) if getattr(step.act(), "provision", None) == name],
        position=_values(typed, PositionForm), comment=_values(typed, CommentForm),
        brackets=_brackets(draft, name), bracket_issues=ISSUES,
        issues=[one for one in brackets(draft.printed()).issues if one.provision == name],
        wrongs=wrongs, error=error, was=difference(was, provision.base) if was is not None else (),
    )  # fmt: skip


def _brackets(draft: TextState, name: str) -> list[tuple[int, Bracket, str]]:
    """The brackets that open or close in a provision, each with its number in the text and the words between."""
    pairs = enumerate(brackets(draft.printed()).pairs, 1)
    return [
        (number, pair, words_between(draft.provisions, pair))
        for number, pair in pairs
        if name in {pair.start_provision, pair.end_provision}
    ]


def _entries(draft: TextState, name: str) -> list[EntryLine]:
    provision = draft.provisions[name]
    older = {entry.id for entry in on_older_bases(draft, name)}
    same = {
        entry: tuple(one for one in group.stakeholders if one != draft.entries[entry].stakeholder)
        for group in identical_wording(draft, [provision])
        for entry in group.entries
    }
    return [
        _entry(draft, entry, name, same.get(entry.id, ()), older=entry.id in older) for entry in draft.entries_on(name)
    ]


def _entry(
    draft: TextState, entry: StakeholderEntry, provision: str, same: tuple[str, ...], *, older: bool
) -> EntryLine:
    text, base = words_for(entry, provision), draft.base_of(entry, provision)
    stated = states_only(text)
    compared = base and text and not stated and entry.entry_class is not EntryClass.UNREADABLE
    return EntryLine(
        entry,
        text or entry.text,
        difference(base, text) if compared else (),
        tuple(one for one in draft.positions.values() if one.entry == entry.id and one.provision == provision),
        tuple(draft.comments[one] for one in entry.comments if draft.comments[one].provision == provision),
        same,
        older,
        older and not entry.items and provision not in draft.gone,
        stated,
    )


def _values(typed: BaseModel | None, form: type[BaseModel]) -> dict[str, Any]:
    """What was typed into one of the forms of the page, empty where it was another."""
    return typed.model_dump() if isinstance(typed, form) else dict.fromkeys(form.model_fields, "")


def one_line(text: str) -> str:
    """A text of one line, spaced by single blanks."""
    return " ".join(text.split())
