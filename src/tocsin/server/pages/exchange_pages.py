"""Exchange with partners: what was sent and came, each with its state and one reason, and the acts on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from tocsin.delivery import kept_from_sending
from tocsin.exchange.agreements import ground_of, waiting_agreements
from tocsin.exchange.dispatches import OutgoingState
from tocsin.exchange.ledger import (
    RECALLED_ITEMS,
    Direction,
    OfferState,
    acts,
    case_acts,
    consent_state,
    consents_of,
    copy_offered_file,
    find_item,
    free_file,
    holders_of,
    is_held,
    list_cases,
    list_messages,
    newest_recall,
    offered_cases,
    offered_claims,
    offered_observables,
    open_items,
    open_messages,
    open_questions,
    recall_sum,
    receipt_file,
    received_rows,
    sent_claims,
    sent_dispatches,
    stuck_dispatches,
    unchecked_partners,
)
from tocsin.exchange.partners import list_partners, partner_names, read_partner
from tocsin.exchange.sharing import why_withheld
from tocsin.exchange.ways import acts as way_acts
from tocsin.exchange.ways import due_dispatches, evidence_of, tries_of
from tocsin.incidents import IncidentReader, defang, find_incident, known_references
from tocsin.incidents.evidence import PASSWORD, packed_bytes
from tocsin.interface import (
    NotHereError,
    Number,
    PageRouter,
    context_for,
    needs,
    number_in,
    texts_of,
)
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.node.errors import ConflictError, InputError, NotFoundError, StorageError, TocsinError, UsageError
from tocsin.node.records import node_uuid
from tocsin.operations import recall_acts
from tocsin.operations.recall_acts import foresee_end
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.to_do import KINDS, Item
from tocsin.server.attachment import attachment
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.context import PageContext, join_routers
from tocsin.server.pages.exchange_act_pages import exchange_act_pages, exchange_forms
from tocsin.server.pages.exchange_case_pages import NOTHING, close_accepted, exchange_case_pages
from tocsin.server.pages.exchange_sending_pages import exchange_sending_pages, partner_named
from tocsin.server.pages.exchange_words import WORDS
from tocsin.server.pages.incidents import OBSERVED_AS
from tocsin.server.security import Form
from tocsin.sharing.gate import Tlp

_PLACE: Final = "/exchange"
_READER = Annotated[Principal, needs(Permission.PARTNERS_READ)]
_WORKER = Annotated[Principal, needs(Permission.INCIDENTS_WRITE)]
_ACTS: Final = {act.name: act for act in (*acts.ACTS, *case_acts.ACTS, *way_acts.ACTS, *recall_acts.ACTS)}
_PAGE: Final = 100  # rows of each of the two lists
_SHOWN: Final = 20  # observables of an item
_WAITING: Final = (
    ("#messages", ItemKind.PARTNER_MESSAGES, open_messages),
    ("#cases", ItemKind.PARTNER_CASES, offered_cases),
    ("#came", ItemKind.PARTNER_ITEMS, open_items),
    ("#sent", ItemKind.DISPATCHES_STUCK, stuck_dispatches),
)
"""What waits for a person: where it is on the page, and what finds it."""
_WRONG: Final = (ConflictError, InputError, UsageError, NotFoundError, StorageError)


def exchange_pages(desk: PageContext) -> APIRouter:
    """The list, a dispatch, an item, and what is done with them."""
    router = PageRouter()

    @router.get(_PLACE)
    def listed(request: Request, visitor: _READER) -> Response:
        """What was sent to all partners, and what came."""
        return _list(desk, request, visitor)

    @router.get("/partners/{partner}/exchange")
    def of_partner(request: Request, visitor: _READER, partner: str) -> Response:
        """The same of one partner."""
        return _list(desk, request, visitor, partner_named(desk, partner).partner.id)

    @router.post(_PLACE + "/take")
    def take(request: Request, visitor: _WORKER, form: Form) -> Response:
        """Take a file of a partner."""
        return _read(desk, request, visitor, form, "take")

    @router.post(_PLACE + "/receipt")
    def receipt(request: Request, visitor: _WORKER, form: Form) -> Response:
        """Read a receipt."""
        return _read(desk, request, visitor, form, "take-receipt")

    _partner_pages(router, desk)
    _dispatch_pages(router, desk)
    _item_pages(router, desk)
    return join_routers(router, exchange_act_pages(desk), exchange_sending_pages(desk), exchange_case_pages(desk))


def _partner_pages(router: PageRouter, desk: PageContext) -> None:
    @router.post("/partners/{partner}/number")
    def number(request: Request, visitor: _WORKER, partner: str, form: Form) -> Response:
        """Record which number the partner has, after a restore."""
        found = partner_named(desk, partner).partner.id
        try:
            path = f"/partners/{found}/exchange"
            return perform_and_go(desk, visitor, _ACTS["record-number"], form, path, partner=str(found))
        except _WRONG as error:
            return _list(desk, request, visitor, found, error=error)


def _dispatch_pages(router: PageRouter, desk: PageContext) -> None:
    @router.get(_PLACE + "/dispatches/{dispatch}")
    def show(request: Request, _visitor: _READER, dispatch: Number) -> Response:
        """A dispatch to a partner: what it brought, what was withheld, where it is."""
        return _dispatch(desk, request, dispatch)

    @router.get(_PLACE + "/dispatches/{dispatch}/file")
    def file(request: Request, _visitor: _WORKER, dispatch: Number) -> Response:
        """Its encrypted file, each time the same bytes."""
        try:
            with _found(), desk.node.database.reading() as session:
                return _file(*free_file(desk.node, session, dispatch, desk.now))
        except ConflictError as error:
            return _dispatch(desk, request, dispatch, error)

    @router.get(_PLACE + "/incoming/{incoming}/receipt")
    def receipt(_visitor: _WORKER, incoming: Number) -> Response:
        """Our receipt for a dispatch that came."""
        with _found(), desk.node.database.reading() as session:
            return _file(*receipt_file(desk.node, session, incoming))


def _item_pages(router: PageRouter, desk: PageContext) -> None:
    @router.get(_PLACE + "/items/{item}")
    def show(request: Request, visitor: _READER, item: Number) -> Response:
        """An item that a partner offered."""
        return _item(desk, request, visitor, item)

    @router.post(_PLACE + "/items/{item}/answer")
    def answer(request: Request, visitor: _WORKER, item: Number, form: Form) -> Response:
        """Answer its recall."""
        keep = tuple(filter(None, texts_of(form, "keep")))
        try:
            return perform_and_go(desk, visitor, _ACTS["answer"], form, f"{_PLACE}/items/{item}", item=item, keep=keep)
        except _WRONG as error:
            return _item(desk, request, visitor, item, error=error, typed=form)

    @router.post(_PLACE + "/items/{item}/parts/{part}/file")
    def file(request: Request, visitor: _WORKER, item: Number, part: Number, _form: Form) -> Response:
        """A file of an item that nobody has decided yet, packed as one of evidence is; that it was taken is noted."""
        context = replace(context_for(desk.node, visitor, _ACTS["adopt"], desk.now, desk.say), act=None)
        try:
            with _found():
                content = copy_offered_file(context, item, part)
            return attachment(packed_bytes(content), f"item-{item}-{part}.zip")
        except _WRONG as error:
            return _item(desk, request, visitor, item, error=error)


def _list(
    desk: PageContext, request: Request, visitor: Principal, number: int | None = None, *,
    error: TocsinError | None = None,
) -> Response:  # fmt: skip
    with desk.node.database.reading() as session:
        partner = read_partner(session, str(number), desk.now).partner if number else None
        asked = request.query_params
        came, later_came = received_rows(session, number, limit=_PAGE, after=asked.get("came", ""))
        sent = sent_dispatches(session, number, limit=_PAGE + 1, before=number_in(asked.get("sent", "")))
        later_sent = sent[_PAGE - 1].row.id if len(sent) > _PAGE else None
        unchecked = unchecked_partners(session)
        waiting, reader = _waiting(desk, session, number), IncidentReader(visitor.person, desk.now)
        cases = list_cases(session, reader, number, limit=200)
        messages = list_messages(session, reader, number, limit=200)
    return desk.page(
        request, "exchange/list.html", status=409 if error else 200, partner=partner, sent=sent[:_PAGE], came=came,
        error=error,
        unchecked=[one for one in unchecked if number in {None, one.id}],
        waiting=waiting, cases=cases, messages=messages,
        later_came=f"?came={later_came}#came" if later_came else "",
        later_sent=f"?sent={later_sent}#sent" if later_sent else "", **WORDS,
    )  # fmt: skip


def _waiting(desk: PageContext, session: Session, partner: int | None) -> list[tuple[str, str]]:
    """What waits for a person, of a partner or of all: where it is listed, and how many in words."""
    found = [(at, kind, sum(partner in {None, row.partner_id} for row in rows(session))) for at, kind, rows in _WAITING]
    asked = [one for one in open_questions(session, desk.now) if partner in {None, one.partner_id}]
    found.append(("#messages", ItemKind.CONSENTS, len(asked)))
    if partner is None:
        agreements = waiting_agreements(session, node_uuid(desk.node.database), desk.now)
        found.append(("/agreements", ItemKind.AGREEMENTS, len(agreements)))
    return [(at, KINDS[kind].title(Item(kind, count))) for at, kind, count in found if count]


def _read(desk: PageContext, request: Request, visitor: Principal, form: FormData, act: str) -> Response:
    try:
        gone = perform_and_go(desk, visitor, _ACTS[act], form, lambda done: f"/partners/{done.partner}/exchange")
    except _WRONG as error:
        return _list(desk, request, visitor, error=error)
    close_accepted(desk, visitor)
    return gone


def _dispatch(desk: PageContext, request: Request, number: int, error: TocsinError | None = None) -> Response:
    with desk.node.database.reading() as session:
        found = next((one for one in sent_dispatches(session, limit=1, number=number)), None)
        if found is None:
            raise NotHereError
        by = names_of_actors(session, {found.row.sealed_by})
        claims, agreement = sent_claims(desk.node, session, found.row), ground_of(session, Direction.OUT, number)
        tries, evidence = tries_of(session, [number]).get(number, []), evidence_of(session, found.row)
        withheld = why_withheld(session, found.row.withheld)
        waiting = due_dispatches(session, desk.now, mails=desk.node.settings.mail.channel == "smtp")
        due = next((one for of_partner in waiting for one in of_partner if one.row.id == number), None)
        can = {
            "record-answer": any(one.id in found.recalled and not one.answer for one in found.items),
            "recall": any(one.id not in found.recalled for one in found.items),
            "resend": bool(found.row.state == OutgoingState.STUCK and due and due.partner.mailbox and tries),
        }  # fmt: skip
        forms = exchange_forms(desk, request, session, can, dispatch=number)
    return desk.page(
        request, "exchange/dispatch.html", status=409 if error else 200, one=found, by=by, error=error, forms=forms,
        claims=claims, agreement=agreement, tries=tries, evidence=evidence, withheld=withheld, due=due,
        stopped=kept_from_sending(desk.node) if due else "",
        held=is_held(desk.node, found.row, desk.now), **WORDS,
    )  # fmt: skip


def _item(
    desk: PageContext, request: Request, visitor: Principal, number: int, *, error: TocsinError | None = None,
    typed: FormData = NOTHING,
) -> Response:  # fmt: skip
    with _found(), desk.node.database.reading() as session:
        item = find_item(session, number)
        partner = partner_names(session, [item.partner_id])[item.partner_id]
        by = names_of_actors(session, {item.decided_by})
        reader = IncidentReader(visitor.person, desk.now)
        known = known_references(session, reader, {item.incident})
        holders, recall = holders_of(session, [item.item]), newest_recall(session, item)
        if item.state in RECALLED_ITEMS and item.incident in known:  # others have it in an incident of ours
            inside = find_incident(session, reader, item.incident).uuid
            holders = [*holders, *(one for one in holders_of(session, [inside]) if one.recalled)]
        found = [one.partner for one in list_partners(session, desk.now) if one.partner.id != item.partner_id]
        askable = any(one.node is None or one.node != item.node for one in found)
        consents = consents_of(session, [item.item])
        names = partner_names(session, [one.partner_id for one in consents])
        figures = recall_sum(session, recall) if recall and recall.answered_at and holders else None
        claims = offered_claims(desk.node, session, item)
        agreement = ground_of(session, Direction.IN, item.incoming_id)
        decides = item.state == OfferState.OFFERED and visitor.may(Permission.INCIDENTS_WRITE)
        made = foresee_end(desk.node, number, reader) if item.state in {OfferState.RECALLED, OfferState.KEPT} else []
        observables = offered_observables(desk.node, session, item) if decides and item.tlp != Tlp.RED else []
        goes_on = item.state in {OfferState.OFFERED, OfferState.ADOPTED}
        marked = bool(consents) or item.tlp in {Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED}
        can = {
            "report": figures is not None, "adopt": decides and bool(item.verified or item.way), "decline": decides,
            "pass-on": goes_on and item.verified and any(one.node is not None for one in found),
            "ask-source": goes_on and item.verified and askable and marked,
        }  # fmt: skip
        forms = exchange_forms(desk, request, session, can, item=number)
    return desk.page(
        request, "exchange/item.html", status=409 if error else 200, item=item, partner=partner, by=by, error=error,
        incident=item.incident if item.incident in known else "",
        holders=holders, askable=askable, to=request.query_params.get("partner", ""), consents=consents, names=names,
        forms=forms,
        claims=claims, agreement=agreement, consent_state=consent_state, typed=typed, recall=recall,
        made=made, keep=tuple(filter(None, texts_of(typed, "keep"))),
        observables=observables, shown=_SHOWN, defang=defang, roles=OBSERVED_AS,
        password=PASSWORD if decides and item.tlp != Tlp.RED else "", **WORDS,
    )  # fmt: skip


@contextmanager
def _found() -> Iterator[None]:
    """What is not here is a page that is not there."""
    try:
        yield
    except NotFoundError:
        raise NotHereError from None


def _file(name: str, content: bytes) -> Response:
    return attachment([content], name)
