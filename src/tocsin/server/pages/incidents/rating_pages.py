"""The tab *Severity* of an incident: how it is rated by schemes, and the form of one."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.datastructures import FormData

from tocsin.incidents import IncidentEntryKind, IncidentReader, entries_of
from tocsin.incidents.arrivals import form_word, ticket_of
from tocsin.incidents.severity import acts, chosen_scheme, ratings_of
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.node.errors import ConflictError, InputError, TocsinError, UsageError
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents.list_pages import PLACE
from tocsin.server.pages.incidents.tabs import part_frame
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

if TYPE_CHECKING:
    from tocsin.incidents.severity import SeverityScheme

_TAB: Final = "rating"
_EXPIRED: Final = N_("This form is too old. Send it again.")
(_ACT,) = acts.ACTS


class _RatingQuery(BaseModel):
    """Which scheme."""

    scheme: str = ""


def rating_pages(desk: PageContext) -> APIRouter:
    """The tab, and its form."""
    router = PageRouter()

    @router.get(f"{PLACE}/{{reference}}/{_TAB}")
    def show(
        request: Request,
        visitor: Annotated[Principal, needs(Permission.INCIDENTS_READ)],
        reference: str,
        asked: Annotated[_RatingQuery, Query()],
    ) -> Response:
        """The ratings, and the questions of a scheme, with the answers that it had before."""
        return _page(desk, request, visitor, reference, asked.scheme)

    @router.post(f"{PLACE}/{{reference}}/{_TAB}")
    def rate(
        request: Request, visitor: Annotated[Principal, needs(Permission.INCIDENTS_WRITE)], reference: str, form: Form
    ) -> Response:
        """Rate it; where that is refused, the form again with what was answered."""
        name, ticket = text_of(form, "scheme"), ticket_of(text_of(form, "made"), desk.tokens, desk.now)
        again = partial(_page, desk, request, visitor, reference, name, form=form)
        if ticket is None:
            return again(error=UsageError(_EXPIRED))
        asked = [one.id for one in chosen_scheme(desk.node, name).input]
        answers = tuple(f"{one}={said}" for one in asked if (said := _said(form, one)))
        given = {"reference": reference, "answers": answers, "once": ticket.act}
        try:
            return perform_and_go(desk, visitor, _ACT, form, f"{PLACE}/{reference}/{_TAB}", **given)
        except (ConflictError, InputError, UsageError) as error:
            return again(error=error)

    return router


def _said(form: FormData, name: str) -> str:
    """The answer to a question: its value, or both ends of a range."""
    least, most = text_of(form, f"answer-{name}"), text_of(form, f"answer-{name}-most")
    return f"{least or most}..{most}" if most else least


def _page(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    reference: str,
    name: str,
    *,
    form: FormData | None = None,
    error: TocsinError | None = None,
) -> Response:
    reader, words = IncidentReader(visitor.person, desk.now), desk.words(request)
    with desk.node.database.reading() as session:
        frame = part_frame(words, session, reader, reference, _TAB)
        ratings = ratings_of(session, reader, frame.family)
        changes = entries_of(session, reader, frame.family, kinds=(IncidentEntryKind.CHANGE,))
        by_hand = next((one for one in changes if one.data["what"] == "severity"), None)
        actors = names_of_actors(session, {one.by for one in (*ratings, by_hand) if one})
    schemes = {one: chosen_scheme(desk.node, one) for one in desk.node.settings.severity.schemes}
    name = name or next(iter(schemes), "")
    scheme = chosen_scheme(desk.node, name) if name else None
    before: dict[str, Any] = next(
        (one.data["answers"] for one in ratings if scheme and one.data["scheme"] == scheme.id), {}
    )
    overrides = by_hand and all(by_hand.id > one.id for one in ratings if not one.data["legal"])
    return desk.page(
        request, "incidents/rating.html", status=409 if error else 200, **frame.shown, ratings=ratings,
        by_hand=by_hand if overrides else None, actors=actors,
        schemes=[(one, of.title) for one, of in schemes.items()], scheme=scheme, scheme_name=name,
        answers=_typed(form) if form else _shown(before), comment=text_of(form, "comment") if form else "",
        made=form_word(desk.tokens, desk.now), error=error, in_words=partial(_in_words, schemes),
    )  # fmt: skip


def _in_words(schemes: Mapping[str, "SeverityScheme"], rating: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The questions of a rating with their answers, as its scheme says them where it is still in use."""
    scheme = next((one for one in schemes.values() if one.id == rating["scheme"]), None)
    asked = {one.id: one for one in scheme.input} if scheme else {}
    for name, value in rating["answers"].items():
        question = asked.get(name)
        titles = {one.id: one.title for one in question.choices} if question else {}
        ends = value if isinstance(value, list) else [value]
        said = [titles.get(one) or _plain(one) for one in ends]
        yield (question.title if question else "") or name, " \u2013 ".join(said)


def _typed(form: FormData) -> dict[str, str]:
    return {name.removeprefix("answer-"): text_of(form, name) for name in form if name.startswith("answer-")}


def _shown(answers: Mapping[str, Any]) -> dict[str, str]:
    """Answers as fields have them: the ends of a range apart."""
    found: dict[str, str] = {}
    for name, value in answers.items():
        ends = value if isinstance(value, list) else [value]
        found[name] = _plain(ends[0])
        if len(ends) == 2 and not isinstance(ends[0], str):
            found[f"{name}-most"] = _plain(ends[1])
    return found


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
