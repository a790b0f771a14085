"""What is sent to a partner: an incident, or files that are in none. First what would go and what not and why."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile

from tocsin.delivery.never_held import IntakeFilter
from tocsin.exchange.ledger import (
    MORE_CLASSES,
    NewDispatch,
    acts,
    case_acts,
    ground_of_package,
    incident_partners,
    preview,
    reasons_of,
    what_to_do,
)
from tocsin.exchange.partners import ListedPartner, read_partner
from tocsin.exchange.sharing import PartnerPackage, why_withheld
from tocsin.incidents import IncidentReader, find_incident, open_incidents
from tocsin.interface import (
    NotHereError,
    PageRouter,
    RequestError,
    context_for,
    needs,
    number_in,
    read_request,
    text_of,
    texts_of,
)
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, InputError, NotFoundError, StorageError, TocsinError, UsageError
from tocsin.node.sentences import say
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.exchange_words import WORDS
from tocsin.server.pages.incidents import ending_answers, ending_questions
from tocsin.server.security import Form

MOST_BYTES: Final = 1 << 25
"""Of a form with files: all of it is in memory until it is known that it may be kept."""

_WORKER = Annotated[Principal, needs(Permission.INCIDENTS_WRITE)]
_ACTS: Final = {act.name: act for act in (*acts.ACTS, *case_acts.ACTS)}
_WRONG: Final = (ConflictError, InputError, UsageError, NotFoundError, StorageError)
_PURPOSE: Final = "exchange-file"
_FILES: Final = "/partners/{partner}/files"


class _Selection(BaseModel):
    """What would be sent, as typed."""

    incident: str = ""
    classes: tuple[str, ...] = ()
    tlp: str = ""


def exchange_sending_pages(desk: PageContext) -> APIRouter:
    """An incident that is sent or offered as a case, and files."""
    router = PageRouter()

    @router.get("/partners/{partner}/send")
    def ask(request: Request, visitor: _WORKER, partner: str, asked: Annotated[_Selection, Query()]) -> Response:
        """What would go of an incident, and what not and why."""
        return _preview(desk, request, visitor, partner, asked)

    def add(name: str) -> None:
        @router.post(f"/partners/{{partner}}/{name}")
        def seal(request: Request, visitor: _WORKER, partner: str, form: Form) -> Response:
            """Seal it: as it is, or as a case that is offered."""
            act, number = _ACTS[name], str(partner_named(desk, partner).partner.id)
            try:
                answers = ending_answers(act, form)
                return perform_and_go(desk, visitor, act, form, _dispatch, partner=number, **answers)
            except _WRONG as error:
                typed = _Selection(
                    incident=text_of(form, "incident"), classes=tuple(texts_of(form, "classes")),
                    tlp=text_of(form, "tlp"),
                )  # fmt: skip
                return _preview(desk, request, visitor, partner, typed, error=error, form=form)

    for name in ("send", "offer"):
        add(name)
    _file_pages(router, desk)
    return router


def _file_pages(router: PageRouter, desk: PageContext) -> None:
    @router.get(_FILES)
    def choose(request: Request, _visitor: _WORKER, partner: str) -> Response:
        """Which files, how they are marked, and which class of data they are."""
        return _files(desk, request, partner)

    @router.post(_FILES, max_body_size=MOST_BYTES)
    def look(request: Request, visitor: _WORKER, partner: str, form: Form) -> Response:
        """What would go of them, and what not and why."""
        number = partner_named(desk, partner).partner.id
        try:
            wanted = _terms(form) | {"documents": _kept(desk, visitor, number, form), "partner": str(number)}
            shown = _package(desk, visitor, wanted)
        except (*_WRONG, RequestError) as error:
            return _files(desk, request, partner, form, error)
        return _files(desk, request, partner, form, **shown, tokens=[one["token"] for one in wanted["documents"]])

    @router.post(_FILES + "/send", max_body_size=MOST_BYTES)
    def send(request: Request, visitor: _WORKER, partner: str, form: Form) -> Response:
        """Seal them."""
        number = partner_named(desk, partner).partner.id
        try:
            given = _terms(form) | {"documents": _chosen(desk, visitor, number, form), "partner": str(number)}
            return perform_and_go(desk, visitor, _ACTS["send"], form, _dispatch, **given)
        except (*_WRONG, RequestError) as error:
            return _files(desk, request, partner, form, error)


def partner_named(desk: PageContext, partner: str) -> ListedPartner:
    """The partner of an address. Raises NotHereError."""
    if (number := number_in(partner)) is None:
        raise NotHereError
    try:
        with desk.node.database.reading() as session:
            return read_partner(session, str(number), desk.now)
    except NotFoundError:
        raise NotHereError from None


def _dispatch(done: Any) -> str:
    return f"/exchange/dispatches/{done.dispatch}"


def _preview(
    desk: PageContext, request: Request, visitor: Principal, partner: str, asked: _Selection, *,
    error: TocsinError | None = None, form: FormData | None = None,
) -> Response:  # fmt: skip
    shown, found = partner_named(desk, partner).partner, dict[str, Any](package=None)
    if asked.incident and (error is None or form is not None):
        values = {name: value for name, value in asked.model_dump().items() if value}
        try:
            found = _package(desk, visitor, {"partner": str(shown.id), **values})
        except (*_WRONG, RequestError) as wrong:
            error = error or wrong
    with desk.node.database.reading() as session:
        reader = IncidentReader(visitor.person, desk.now)
        incident = find_incident(session, reader, asked.incident) if found["package"] else None
        had = incident_partners(session, reader, incident) if incident else ()
        choices = open_incidents(session, reader)
        questions = ending_questions(session, reader, _ACTS["offer"], incident, form or {})
    return desk.page(
        request, "exchange/send.html", status=409 if error else 200, partner=shown, asked=asked,
        had=next((one for one in had if one.partner == shown.id), None), open=choices, error=error, questions=questions,
        typed=form or {}, **found, **WORDS,
    )  # fmt: skip


def _package(desk: PageContext, visitor: Principal, values: Mapping[str, Any]) -> dict[str, Any]:
    """What would go, what not and why, and what a person can do about that."""
    wanted: NewDispatch = read_request(_ACTS["send"], values)
    package = preview(context_for(desk.node, visitor, _ACTS["send"], desk.now, desk.say), wanted)
    with desk.node.database.reading() as session:
        ground = ground_of_package(session, package)
        reasons = why_withheld(session, reasons_of(package))
    name = partner_named(desk, wanted.partner).partner.name
    return {
        "package": package, "ground": ground, "reasons": reasons, "lacks": _lacks(package),
        "to_do": what_to_do(package, name),
    }  # fmt: skip


def _lacks(package: PartnerPackage) -> list[str]:
    """The attestations that the partner would have to show for more to go."""
    return sorted({name for one in package.decisions if one.chosen for name in one.verdict.lacks})


def _files(
    desk: PageContext, request: Request, partner: str, typed: Mapping[str, Any] | None = None,
    error: TocsinError | None = None, **shown: Any,
) -> Response:  # fmt: skip
    return desk.page(
        request, "exchange/files.html", status=409 if error else 200, partner=partner_named(desk, partner).partner,
        typed=typed or {}, error=error, most=MOST_BYTES >> 20, **{"package": None, "tokens": (), **shown}, **WORDS,
    )  # fmt: skip


def _terms(form: FormData) -> dict[str, Any]:
    """How the files are marked, and what else goes of their class: a class that is usually left is chosen with them."""
    tlp, data = text_of(form, "tlp"), text_of(form, "data")
    if not tlp or not data:
        raise UsageError(say("Choose the marking of the files, and what is in them."))
    return {"tlp": tlp, "classes": (data,) if data in MORE_CLASSES else ()}


def _kept(desk: PageContext, visitor: Principal, partner: int, form: FormData) -> Sequence[dict[str, Any]]:
    """The files of a form, kept so that they need not be chosen again; what no dispatch has is swept away in a day.

    Raises:
        InputError: one holds what must never be held.

    """
    sent = [one for one in form.getlist("files") if isinstance(one, UploadFile) and one.filename]
    if not sent:
        raise UsageError(say("Choose at least one file."))
    intake, found = IntakeFilter(desk.node, "exchange", lambda: desk.now), list[dict[str, Any]]()
    for one in sent:
        content = one.file.read()
        kept, withheld = intake.kept(content)
        if withheld or kept != content:
            raise InputError(say("%(name)s holds what must not be kept here.", name=one.filename))
        name, digest = _plain(one.filename or ""), desk.node.exchange.put(content)
        token = desk.tokens.make(_PURPOSE, f"{digest}:{visitor.actor}:{partner}")
        found.append({"name": name, "content": content, "data": text_of(form, "data"), "token": f"{token} {name}"})
    return found


def _chosen(desk: PageContext, visitor: Principal, partner: int, form: FormData) -> Sequence[dict[str, Any]]:
    """The files that were looked at, by their tokens: of this person, for this partner."""
    found = list[dict[str, Any]]()
    for text in texts_of(form, "chosen"):
        token, _, name = text.partition(" ")
        digest, _, rest = (desk.tokens.read(_PURPOSE, token) or "").partition(":")
        if rest != f"{visitor.actor}:{partner}" or digest not in desk.node.exchange:
            raise UsageError(say("Choose the files again."))
        found.append({"name": name, "content": desk.node.exchange.read(digest), "data": text_of(form, "data")})
    return found


def _plain(name: str) -> str:
    """The last part of a name, without signs that no line holds."""
    line = "".join(sign for sign in name.replace("\\", "/").rpartition("/")[2] if sign.isprintable())
    return line[-200:] or "file"
