"""To write words for a provision, on a base that has changed, or for a new provision; the difference is shown first."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tocsin.drafting.acts import Act, New, Propose, Rebase
from tocsin.drafting.agreement import stakeholders
from tocsin.drafting.brackets import brackets, lifted
from tocsin.drafting.bundle import free_id
from tocsin.drafting.contributions import proposal, refuse_position
from tocsin.drafting.difference import Edit, TextPiece, carried_over, difference, edits
from tocsin.drafting.draft import TextState
from tocsin.drafting.model import StakeholderEntry
from tocsin.drafting.rebasing import rebased
from tocsin.drafting.web.provisions import MADE, one_line
from tocsin.drafting.web.record import MovedError, OpenText, TextPages, provision_in
from tocsin.drafting.web.texts import Writer
from tocsin.interface import N_, NotHereError, number_in
from tocsin.node.errors import ConflictError, TocsinError, UsageError
from tocsin.node.sentences import say


class WordsForm(BaseModel):
    """Words for a provision, written on ``base``; ``entry``: the proposal they put on it; ``do``: preview or record."""

    made: str = Field(pattern=MADE)
    seen: int = Field(ge=0)
    base: int = Field(0, ge=0)
    stakeholder: str = Field("", max_length=300)
    group: str = Field("", max_length=300)
    words: str = Field("", max_length=100_000)
    reason: str = Field("", max_length=10_000)
    entry: str = Field("", max_length=100)
    section: str = Field("", max_length=100)
    label: str = Field("", max_length=100)
    do: str = "preview"

    @property
    def text(self) -> str:
        """The words as they are recorded."""
        return self.words.replace("\r\n", "\n").strip()


class WordsOrigin(BaseModel):
    """Where the words come from that somebody edits: the base, but for a bracket or for those of a proposal."""

    entry: str = Field("", max_length=100)
    lift: str = Field("", max_length=9)


@dataclass(frozen=True)
class MovedBase:
    """What happened to the base under words that somebody wrote: they may be carried over, but for some edits."""

    base_changes: tuple[TextPiece, ...]
    carried: str
    pieces: tuple[TextPiece, ...]
    clashes: tuple[tuple[str, str], ...]


def add_wording_pages(router: APIRouter, pages: TextPages) -> None:
    """The routes."""

    @router.get("/{name}/provisions/{provision}/propose")
    def begin(
        request: Request, visitor: Writer, name: str, provision: str, of: Annotated[WordsOrigin, Query()]
    ) -> Response:
        """The present words, to be edited; without a bracket; or those of a proposal on an older base, carried over."""
        text = pages.open(name, visitor)
        base = _lifted(text.draft, provision_in(text, provision), number_in(of.lift))
        typed = WordsForm(
            made="0" * 10, seen=0, base=text.draft.generation, stakeholder=text.speaker, words=base, entry=of.entry
        )
        if of.entry:
            try:
                seen = rebased(text.draft, of.entry)
            except ConflictError as error:
                raise NotHereError from error
            typed = typed.model_copy(update={"words": seen.text, "stakeholder": seen.entry.stakeholder})
        return _page(pages, request, text, provision, typed)

    @router.post("/{name}/provisions/{provision}/propose")
    def write(
        request: Request, visitor: Writer, name: str, provision: str, typed: Annotated[WordsForm, Form()]
    ) -> Response:
        """Show the difference, or record the words."""
        text = pages.open(name, visitor)
        provision_in(text, provision)
        if typed.do != "record":
            return _page(pages, request, text, provision, typed)
        if not typed.stakeholder.strip() and not typed.entry:
            wrongs = [("stakeholder", N_("Name the stakeholder."))]
            return _page(pages, request, text, provision, typed, wrongs=wrongs, status=422)
        try:
            number = pages.record(
                text,
                lambda draft: [_act(draft, provision, typed)],
                seen=typed.seen,
                moved=lambda draft, _: draft.base_at(provision, typed.base) != draft.provisions[provision].base,
            )
        except MovedError:
            now = pages.open(name, visitor)
            return _page(pages, request, now, provision, typed, moved=_moved(now.draft, provision, typed), status=409)
        except TocsinError as error:
            return _page(pages, request, text, provision, typed, error=error, status=422)
        return pages.maker.go(f"{text.path_of(provision)}?step={number}")

    _add_new(router, pages)


def _add_new(router: APIRouter, pages: TextPages) -> None:
    @router.get("/{name}/new")
    def begin_new(request: Request, visitor: Writer, name: str, section: str = "") -> Response:
        """A provision that the text does not have."""
        text = pages.open(name, visitor)
        typed = WordsForm(made="0" * 10, seen=0, stakeholder=text.speaker, section=section)
        return _new_page(pages, request, text, typed)

    @router.post("/{name}/new")
    def write_new(request: Request, visitor: Writer, name: str, typed: Annotated[WordsForm, Form()]) -> Response:
        """Propose it."""
        text = pages.open(name, visitor)
        wrongs = [
            ("section", N_("Choose the section.") if typed.section not in text.draft.sections() else ""),
            ("words", "" if typed.text else N_("Write the text of the provision.")),
            ("stakeholder", "" if typed.stakeholder.strip() else N_("Name the stakeholder.")),
        ]
        if missing := [(field, said) for field, said in wrongs if said]:
            return _new_page(pages, request, text, typed, wrongs=missing, status=422)

        def make(draft: TextState) -> list[Act]:
            identity = free_id(draft, f"{typed.section}.{one_line(typed.label) or 'new'}")
            new = New(identity, typed.section, one_line(typed.label))
            return [new, replace(_proposed(draft, identity, typed), generation=draft.generation)]

        try:
            number = pages.record(text, make, seen=typed.seen)
        except TocsinError as error:
            return _new_page(pages, request, text, typed, error=error, status=422)
        now = pages.open(name, visitor)
        made = now.stored.steps[number - 1].act()
        return pages.maker.go(f"{now.path_of(getattr(made, 'provision', None))}?step={number}")


def _lifted(draft: TextState, provision: str, number: int | None) -> str:
    """The present words, without the brackets of a number."""
    pairs = brackets(draft.printed()).pairs
    base = draft.provisions[provision].base
    known = number is not None and 1 <= number <= len(pairs)
    return lifted(draft.printed(), pairs[number - 1]).get(provision, base) if known and number else base


def _act(draft: TextState, provision: str, typed: WordsForm) -> Act:
    if typed.entry:
        refuse_position(typed.text)
        return Rebase(typed.entry, typed.text, draft.generation)
    if typed.text.split() == draft.provisions[provision].base.split():
        raise UsageError(
            say("These are the words of the base text."),
            hint=say("Change them, or take a position on the provision instead."),
        )
    return _proposed(draft, provision, typed)


def _proposed(draft: TextState, provision: str, typed: WordsForm) -> Propose:
    return proposal(
        draft, provision, one_line(typed.stakeholder), typed.text, identity=f"e-{typed.made}",
        group=one_line(typed.group) or None, reason=typed.reason.replace("\r\n", "\n").strip(),
    )  # fmt: skip


def _moved(draft: TextState, provision: str, typed: WordsForm) -> MovedBase:
    """The words of a form on the present base."""
    old, new = draft.base_at(provision, typed.base), draft.provisions[provision].base
    carried, clashes = carried_over(edits(old, typed.text), old, new)
    return MovedBase(difference(old, new), carried, difference(new, carried), _shown(clashes, old))


def _shown(clashes: tuple[Edit, ...], old: str) -> tuple[tuple[str, str], ...]:
    return tuple((old[clash.start : clash.end].strip(), clash.text.strip()) for clash in clashes)


def _page(
    pages: TextPages,
    request: Request,
    text: OpenText,
    provision: str,
    typed: WordsForm,
    *,
    wrongs: list[tuple[str, str]] | None = None,
    error: TocsinError | None = None,
    moved: MovedBase | None = None,
    status: int = 200,
) -> Response:
    draft = text.draft
    base = draft.provisions[provision].base
    entry: StakeholderEntry | None = draft.entries.get(typed.entry)
    older = _of_entry(draft, entry) if entry else None
    return pages.show(
        request, "propose", text, status=status, provision=draft.provisions[provision], base=base, typed=typed,
        entry=entry, older=older, moved=moved, pieces=difference(base, typed.text), people=stakeholders(draft),
        generation=draft.generation, wrongs=wrongs or [], error=error,
    )  # fmt: skip


def _of_entry(draft: TextState, entry: StakeholderEntry) -> MovedBase:
    """A proposal on an older base, as the page to rebase it shows it."""
    seen = rebased(draft, entry.id)
    pieces = difference(seen.new_base, seen.text)
    return MovedBase(seen.base_changes, seen.text, pieces, _shown(seen.clashes, seen.old_base))


def _new_page(
    pages: TextPages,
    request: Request,
    text: OpenText,
    typed: WordsForm,
    *,
    wrongs: list[tuple[str, str]] | None = None,
    error: TocsinError | None = None,
    status: int = 200,
) -> Response:
    sections = [(one.id, f"{one.number} {one.title}".strip()) for one in text.draft.sections().values()]
    return pages.show(
        request, "new", text, status=status, typed=typed, sections=sections, people=stakeholders(text.draft),
        wrongs=wrongs or [], error=error,
    )  # fmt: skip
