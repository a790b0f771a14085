"""The chair's pages: what is to decide, one provision place by place, and the next draft."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from tocsin.drafting.acts import Accept, Act, AddComment, AppointChair, Close, Leave, Restore
from tocsin.drafting.agreement import agreement, alternatives, on_older_bases, stakeholders, tally
from tocsin.drafting.contributions import BRACKETS, bracketed, decided_text, decision, refuse_position
from tocsin.drafting.difference import difference
from tocsin.drafting.draft import TextState
from tocsin.drafting.history import HistoryStep, signing_key
from tocsin.drafting.keys import made_account_key
from tocsin.drafting.model import PositionKind
from tocsin.drafting.store import append
from tocsin.drafting.waiting import waiting_on
from tocsin.drafting.web.record import STEPS, MovedError, OpenText, TextPages, changed_since, provision_in
from tocsin.drafting.web.texts import STANDINGS, Reader, Writer
from tocsin.interface import NotHereError
from tocsin.node.accounts import Permission, PersonSummary, Principal, list_people
from tocsin.node.errors import ConflictError, TocsinError

OUTCOMES: Final = {
    "accepted": STEPS["accept"],
    "merged": STEPS["combine"],
    "bracketed": STEPS["bracket"],
    "left": STEPS["leave"],
    "deleted": STEPS["delete"],
}
"""What the chair did with a provision in this round."""


class DecisionForm(BaseModel):
    """A wording for each place: fields ``place-1`` … hold its number, 0 for the base; ``place-0`` the whole provision.

    ``words``: those of the chair instead. ``do``: preview, record, leave, bracket or delete.
    """

    model_config = ConfigDict(extra="allow")

    seen: int = Field(ge=0)
    words: str = Field("", max_length=100_000)
    do: str = "preview"

    @property
    def choices(self) -> dict[int, int]:
        """The number of the wording by that of its place."""
        typed = ((name.partition("place-")[2], str(value)) for name, value in (self.model_extra or {}).items())
        return {int(place): int(number) for place, number in typed if place.isdecimal() and _is_number(number)}

    @property
    def text(self) -> str:
        """The chair's own words."""
        return self.words.replace("\r\n", "\n").strip()


class ChairForm(BaseModel):
    """Who takes the chair."""

    person: int


class CloseForm(BaseModel):
    """The next draft as it was shown."""

    seen: int = Field(ge=0)


class RestoreForm(CloseForm):
    """The base whose words come back."""

    base: int = Field(ge=0)


def add_chair_pages(router: APIRouter, pages: TextPages) -> None:
    """The routes."""

    @router.get("/{name}/chair")
    def chair(request: Request, visitor: Reader, name: str) -> Response:
        """What is decided in this round, what is still to decide, and the next draft."""
        return _chair_page(pages, request, pages.open(name, visitor))

    @router.post("/{name}/close")
    def close(request: Request, visitor: Writer, name: str, typed: Annotated[CloseForm, Form()]) -> Response:
        """Make the decisions of this round the next base."""
        return _next_base(pages, request, pages.open(name, visitor), Close(), typed.seen)

    @router.post("/{name}/restore")
    def restore(request: Request, visitor: Writer, name: str, typed: Annotated[RestoreForm, Form()]) -> Response:
        """Make the words of an older base the next base: takes back a round that others have built on."""
        return _next_base(pages, request, pages.open(name, visitor), Restore(typed.base), typed.seen)

    _add_naming(router, pages)
    _add_deciding(router, pages)


def _add_naming(router: APIRouter, pages: TextPages) -> None:
    @router.post("/{name}/chair")
    def name_chair(visitor: Writer, name: str, typed: Annotated[ChairForm, Form()]) -> Response:
        """Name the chair: an administrator the first one, the present chair the next."""
        text = pages.open(name, visitor)
        person = next((one for one in _candidates(pages, text) if one.number == typed.person), None)
        if person is None:
            raise NotHereError
        key = made_account_key(pages.maker.node.home, person.number)
        signer = text.signer or key

        def decide(_stored: object, _draft: TextState) -> list[Act]:
            return [AppointChair(person.name, key.public)]

        if signing_key(text.stored.steps, Close()) != key.public:  # a second sending names nobody anew
            append(
                pages.maker.node.database, text.stored.id, decide, actor=visitor.name, at=pages.maker.now,
                signer=signer, account=visitor.actor,
            )  # fmt: skip
        return pages.maker.go(f"{text.path}/chair")


def _add_deciding(router: APIRouter, pages: TextPages) -> None:
    @router.get("/{name}/provisions/{provision}/wordings")
    def wordings(request: Request, visitor: Reader, name: str, provision: str) -> Response:
        """Every place that differs, with each wording; the chair chooses."""
        return _wordings_page(pages, request, pages.open(name, visitor), provision, DecisionForm(seen=0))

    @router.post("/{name}/provisions/{provision}/wordings")
    def decide(
        request: Request, visitor: Writer, name: str, provision: str, typed: Annotated[DecisionForm, Form()]
    ) -> Response:
        """Show the words of the next draft, or take them."""
        text = _chaired(pages.open(name, visitor))
        provision_in(text, provision)
        if typed.do == "preview":
            return _wordings_page(pages, request, text, provision, typed)
        try:
            pages.record(
                text, lambda draft: _recorded(draft, provision, typed), seen=typed.seen,
                moved=changed_since(provision), chair=True,
            )  # fmt: skip
        except MovedError as error:
            return _wordings_page(pages, request, pages.open(name, visitor), provision, typed, error=error, status=409)
        except TocsinError as error:
            return _wordings_page(pages, request, text, provision, typed, error=error, status=422)
        return pages.maker.go(f"{text.path}/chair#to-decide")


def _next_base(pages: TextPages, request: Request, text: OpenText, act: Act, seen: int) -> Response:
    """Record a step of the chair that makes a new base of the whole text."""
    _chaired(text)
    try:
        number = pages.record(text, lambda _: [act], seen=seen, moved=_not_only_comments, chair=True)
    except ConflictError as error:
        return _chair_page(pages, request, pages.open(text.name, text.visitor), error=error, status=409)
    return pages.maker.go(f"{text.path}?step={number}")


def _chaired(text: OpenText) -> OpenText:
    """The text where the visitor is its chair.

    Raises:
        NotHereError: somebody else is.

    """
    if text.signer is None:
        raise NotHereError
    return text


def _candidates(pages: TextPages, text: OpenText) -> list[PersonSummary]:
    """Who can be named chair by the visitor: accounts that may write. None where another is the chair."""
    present = signing_key(text.stored.steps, Close())
    if text.signer is None and (present or not text.visitor.may(Permission.ADMIN_WRITE)):
        return []
    with pages.maker.node.database.reading() as session:
        people = list_people(session)
    return [one for one in people if not one.blocked_at and Principal(one.role).may(Permission.DRAFTING_WRITE)]


def _chair_page(
    pages: TextPages, request: Request, text: OpenText, *, error: TocsinError | None = None, status: int = 200
) -> Response:
    draft = text.draft
    rows = agreement(draft)
    to_decide = [row for row in rows if row.standing == "contested" and row.provision.id not in draft.decisions]
    decided = [
        (draft.provisions[name], one, difference(draft.provisions[name].base, one.text))
        for name, one in draft.decisions.items()
    ]
    people = stakeholders(draft)
    return pages.show(
        request, "chair", text, status=status, to_decide=[(row, tally(row, people)) for row in to_decide],
        decided=decided, outcomes=OUTCOMES, standings=STANDINGS, waiting=waiting_on(draft, rows), error=error,
        people_options=[(one.number, one.name) for one in _candidates(pages, text)],
        elsewhere=signing_key(text.stored.steps, Close()) is not None and text.signer is None,
    )  # fmt: skip


def _wordings_page(
    pages: TextPages,
    request: Request,
    text: OpenText,
    name: str,
    typed: DecisionForm,
    *,
    error: TocsinError | None = None,
    status: int = 200,
) -> Response:
    draft, provision = text.draft, text.draft.provisions[provision_in(text, name)]
    if name in draft.gone:
        raise NotHereError
    row = next(row for row in agreement(draft) if row.provision.id == name)
    posted = request.method == "POST"
    following = decided_text(draft, _decision(draft, name, typed)) if posted else draft.next_text(name)
    return pages.show(
        request, "wordings", text, status=status, provision=provision, row=row, standings=STANDINGS,
        found=alternatives(draft, name), older=on_older_bases(draft, name), typed=typed, choices=typed.choices,
        brackets=BRACKETS, pieces=difference(provision.base, following), decision=draft.decisions.get(name),
        tally=tally(row, stakeholders(draft)), deletes=_to_delete(draft, name), error=error, outcomes=OUTCOMES,
        whose=lambda entries: list(dict.fromkeys(draft.entries[one].stakeholder for one in entries)),
        comments=[one for one in draft.comments.values() if one.provision == name],
    )  # fmt: skip


def _recorded(draft: TextState, provision: str, typed: DecisionForm) -> list[Act]:
    refuse_position(typed.text)
    return [_decision(draft, provision, typed)]


def _decision(draft: TextState, provision: str, typed: DecisionForm) -> Act:
    """The step that a form asks for."""
    match typed.do:
        case "leave":
            return Leave(provision)
        case "bracket":
            return bracketed(draft, provision)
        case "delete" if position := _to_delete(draft, provision):
            return Accept(provision, position=position)
        case _:
            return decision(draft, provision, typed.choices, typed.text)


def _to_delete(draft: TextState, provision: str) -> str:
    """A position that wants the provision deleted, or empty."""
    kinds = (one.id for one in draft.positions_on(provision) if one.kind is PositionKind.DELETE)
    return next(kinds, "")


def _not_only_comments(_draft: TextState, since: Sequence[HistoryStep]) -> bool:
    return any(not isinstance(step.act(), AddComment) for step in since)


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdecimal() and len(text) < 5
