"""An operator reports something: it comes into the inbox of the CSIRT, with the team and the account that sent it."""

from collections import defaultdict
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from tocsin.delivery.never_held import IntakeFilter
from tocsin.incidents.arrivals import (
    KINDS,
    MOST_LETTERS,
    ReportDoor,
    ReportForm,
    ReportKind,
    file_report,
    form_word,
    ticket_of,
)
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Person, Principal
from tocsin.server.pages.portal.context import PortalContext
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

_Writer = Annotated[Principal, needs(Permission.PORTAL_WRITE)]
_WORDS = N_("Say what happened, in at most 10,000 characters.")
_KIND = N_("Choose what it is.")
_STALE = N_("The form was open for more than a day. What you wrote is still there: send it again.")


def report_pages(portal: PortalContext) -> APIRouter:
    """The form of a report."""
    router, desk = PageRouter(), portal.desk

    @router.get("/portal/report")
    def ask(request: Request, visitor: _Writer, sent: str = "") -> Response:
        """The form; ``sent``: the reference of the report that was sent before."""
        return _form(portal, request, visitor, {}, sent=sent[:20])

    @router.post("/portal/report")
    def send(request: Request, visitor: _Writer, form: Form) -> Response:
        """A new report."""
        typed, wrongs = _read(portal, form)
        ticket = ticket_of(typed["made"], desk.tokens, desk.now)
        if ticket is None:
            wrongs.append(("made", _STALE))
        if wrongs or ticket is None:
            return _form(portal, request, visitor, typed, wrongs)
        with desk.node.database.reading() as session:
            account = None if visitor.person is None else session.get(Person, visitor.person)
        filed = ReportForm(
            ReportKind(typed["kind"]), typed["what"], typed["place"], mailbox=account.mailbox if account else "",
            language=desk.words(request).language, door=ReportDoor.PORTAL,
            sender=f"{visitor.name or visitor.actor}, {portal.team(request, visitor).name}",
        )  # fmt: skip
        file_report(desk.node.database, desk.node.inbox, ticket, filed, now=desk.now, actor=visitor.actor)
        return desk.go(f"/portal/report?sent={ticket.reference}")

    return router


def _read(portal: PortalContext, form: FormData) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """What was typed, as far as it may be kept, and what is wrong with it."""
    desk = portal.desk
    intake = IntakeFilter(desk.node, "portal", desk.clock)
    typed = {name: text_of(form, name) for name in ("made", "kind")}
    typed["what"] = intake.kept_text(text_of(form, "what").replace("\r\n", "\n").strip())
    typed["place"] = " ".join(intake.kept_text(text_of(form, "place"))[:500].split())
    wrongs = [] if 0 < len(typed["what"]) <= MOST_LETTERS else [("what", _WORDS)]
    return typed, wrongs + ([] if typed["kind"] in set(ReportKind) else [("kind", _KIND)])


def _form(
    portal: PortalContext,
    request: Request,
    visitor: Principal,
    typed: dict[str, str],
    wrongs: list[tuple[str, str]] | None = None,
    *,
    sent: str = "",
) -> Response:
    desk, made = portal.desk, typed.get("made", "")
    context: dict[str, Any] = {
        "typed": defaultdict(str, typed),
        "wrongs": wrongs or [],
        "sent": sent,
        "kinds": KINDS,
        "team": portal.team(request, visitor),
        "made": made if ticket_of(made, desk.tokens, desk.now) else form_word(desk.tokens, desk.now),
    }
    return desk.page(request, "portal/report.html", status=422 if wrongs else 200, **context)
