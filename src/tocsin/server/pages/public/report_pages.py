"""Report something without an account; read the answer with a reference and a secret.

Kept is what was typed and sent, and nothing of who did: no address, no browser, no cookie.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.delivery.never_held import IntakeFilter
from tocsin.incidents.arrivals import (
    KINDS,
    MOST_LETTERS,
    REASONS,
    TYPES,
    PublicReport,
    ReportKind,
    Ticket,
    add_message,
    file_report,
    form_word,
    grouped,
    plain,
    read_report,
    report_for,
    same_report,
    ticket_of,
)
from tocsin.interface import PageRouter, WrongFormError, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import NoRoomError
from tocsin.node.volumes import check_room
from tocsin.server.pages.answer_forms import from_own_page
from tocsin.server.pages.context import PageContext, keep_for_back, switch
from tocsin.server.pages.home_pages import keep_choices
from tocsin.server.pages.public.help_cards import cards_for
from tocsin.server.pages.public.public_page import show
from tocsin.server.pages.public.report_forms import TOO_LARGE, Message, PublicReportForm, Sent, wrongs_of
from tocsin.server.pages.words import N_
from tocsin.server.request_limit import note_refusal
from tocsin.server.security import RateLimit, address_of, text_of
from tocsin.sharing.public_lookup import PublicLookup

GUESSES_AN_HOUR: Final = 30
"""Wrong secrets, and messages, of one address."""

_NETWORK: Final = 10  # so many times as much of one network

_ANY_SIZE: Final = 1_000_000_000  # the form itself reads nothing of what is too large, and keeps its page
_SAME: Final = timedelta(days=1)  # in which a report that says just the same is taken for the same
_STALE = N_("The form was open for more than a day. What you wrote is still there: send it again.")
_MANY = N_("Many reports came from your part of the network. Try again in %(minutes)s minutes, or write us a mail.")
_NO_ROOM = N_("We cannot keep more at the moment. Call us, or try again later: what you wrote is still there.")
_ASK = N_("Write the sum of the two numbers, and send it again.")
_NOT_BOTH = N_("There is no report with this reference and this secret. Check both.")
_MANY_TRIES = N_("Too many tries came from your part of the network. Try again in %(minutes)s minutes.")
_NO_WORDS = N_("Write what you want to add, in at most 10,000 characters.")


def report_pages(desk: PageContext, helps: PublicLookup) -> APIRouter:
    """The report form, and the page of one report for its reporter."""
    router = PageRouter()
    intake = desk.node.settings.intake
    reports = _ReportShares(
        RateLimit(intake.reports_an_hour, _NETWORK * intake.reports_an_hour, desk.clock),
        RateLimit(intake.asked_an_hour, intake.network_reports_an_hour, desk.clock),
    )
    tries = RateLimit(GUESSES_AN_HOUR, _NETWORK * GUESSES_AN_HOUR, desk.clock)

    @router.get("/report")
    def form(
        request: Request, _visitor: Annotated[Principal, needs(Permission.PUBLIC_REPORT)], kind: str = ""
    ) -> Response:
        """The form, with its kind chosen where a page before it knows."""
        asked = reports.are_asked(address_of(request))
        return _form(desk, request, PublicReportForm(kind=kind if kind in KINDS else ""), asked=asked)

    @router.post("/report", max_body_size=_ANY_SIZE)
    def send(
        request: Request, visitor: Annotated[Principal, needs(Permission.PUBLIC_REPORT)], received: Sent
    ) -> Response:
        """Take a report in, and show its reference and secret."""
        _check_origin(desk, request)
        if received is None:
            return _form(desk, request, PublicReportForm(), [TOO_LARGE], status=413)
        typed = received.passed(IntakeFilter(desk.node, "public form", desk.clock))
        if typed.switch is not None:
            switch(request, typed.switch)
            shown = _form(desk, request, typed)
            keep_for_back(shown)
            return keep_choices(desk, request, visitor, typed.switch, shown)
        ticket = ticket_of(typed.made, desk.tokens, desk.now)
        wrongs = wrongs_of(typed) or ([] if ticket else [("send", _STALE)])
        if wrongs or ticket is None:
            return _form(desk, request, typed, wrongs, status=422)
        refused = _beyond(desk, request, reports, typed, ticket)
        return refused or _take_in(desk, helps, request, typed, ticket)

    @router.get("/report/answer")
    def find(request: Request, _visitor: Annotated[Principal, needs(Permission.PUBLIC_REPORT)]) -> Response:
        """Ask for a reference and a secret."""
        return _find(desk, request)

    @router.get("/report/{reference}")
    def find_one(
        request: Request, _visitor: Annotated[Principal, needs(Permission.PUBLIC_REPORT)], reference: str
    ) -> Response:
        """Ask for the secret of a report; the page is the same where there is none of this reference."""
        return _find(desk, request, reference=grouped(plain(reference)[:8]))

    @router.post("/report/answer")
    @router.post("/report/{reference}")
    def read(
        request: Request, _visitor: Annotated[Principal, needs(Permission.PUBLIC_REPORT)], form: Message
    ) -> Response:
        """Show a report to its reporter, after taking in what he adds."""
        _check_origin(desk, request)
        return _read(desk, helps, request, form, tries)

    return router


@dataclass(frozen=True)
class _ReportShares:
    """How many reports come from where. ``free``: without a question; ``asked``: of those who gave a sum.

    People behind one address share the first; the second is not used up by a program that fills in forms.
    """

    free: RateLimit
    asked: RateLimit

    def are_asked(self, address: str) -> bool:
        """Whether a report from there needs a sum now."""
        return bool(self.free.left(address))

    def take(self, address: str) -> bool:
        """Whether one is taken without a question."""
        return not self.free.take(address)

    def take_asked(self, address: str) -> int:
        """As `RateLimit.take`, with the sum."""
        return self.asked.take(address)


def numbers_of(ticket: Ticket) -> tuple[int, int]:
    """The two numbers that the sender of this form is asked to add, each from 2 to 9."""
    first, second = bytes.fromhex(ticket.act)[:2]
    return 2 + first % 8, 2 + second % 8


def _beyond(
    desk: PageContext, request: Request, shares: _ReportShares, typed: PublicReportForm, ticket: Ticket
) -> Response | None:
    """The answer to a report that is not taken now, with all that was typed; None: it is taken."""
    words, address = desk.words(request), address_of(request)
    try:
        check_room(desk.node.settings.intake, desk.node.home)
    except NoRoomError as error:
        note_refusal(request, "disk")
        wrongs = [("send", words.say(_NO_ROOM))]
        return _later(_form(desk, request, typed, wrongs, status=503), ceil(error.seconds / 60))
    if shares.take(address):
        return None
    if typed.sum != str(sum(numbers_of(ticket))):
        return _form(desk, request, typed, [("sum", _ASK)], status=422, asked=True)
    if minutes := shares.take_asked(address):
        note_refusal(request, "reports")
        wrongs = [("send", words.say(_MANY, minutes=minutes))]
        return _later(_form(desk, request, typed, wrongs, status=429, asked=True), minutes)
    return None


def _take_in(
    desk: PageContext, helps: PublicLookup, request: Request, typed: PublicReportForm, ticket: Ticket
) -> Response:
    files = [file for file in typed.files if file is not None]
    filed = typed.filed(desk.words(request).language)
    with desk.node.database.reading() as session:
        same = same_report(session, filed, files, ticket, since=desk.now - _SAME)
    if same is not None:
        return _form(desk, request, typed, same=same, status=409)
    file_report(desk.node.database, desk.node.inbox, ticket, filed, files, now=desk.now)
    context: dict[str, Any] = {"ticket": ticket, "mailed": bool(filed.mailbox), "kind": filed.kind}
    cards = cards_for(desk, helps, request, filed.kind)
    return show(desk, request, "public/report_sent.html", keep=False, **context, **cards)


def _form(
    desk: PageContext,
    request: Request,
    typed: PublicReportForm,
    wrongs: list[tuple[str, str]] | None = None,
    *,
    same: PublicReport | None = None,
    status: int = 200,
    asked: bool = False,
) -> Response:
    made = typed.made if ticket_of(typed.made, desk.tokens, desk.now) else form_word(desk.tokens, desk.now)
    ticket = ticket_of(made, desk.tokens, desk.now)
    context: dict[str, Any] = {
        "numbers": numbers_of(ticket) if ticket and (asked or typed.sum) else None,
        "typed": typed,
        "wrongs": wrongs or [],
        "same": same,
        "made": made,
        "report_kinds": KINDS,
    }
    more = {"accept": ",".join(f".{ending}" for ending in TYPES), "most": MOST_LETTERS}
    response = show(desk, request, "public/report.html", keep=False, status=status, **context, **more)
    if status == 200:
        response.headers["X-Robots-Tag"] = "all"
    return response


def _find(
    desk: PageContext, request: Request, *, reference: str = "", wrong: str = "", status: int = 200, minutes: int = 0
) -> Response:
    said = desk.words(request).say(wrong, minutes=minutes) if wrong else ""
    context: dict[str, Any] = {"reference": reference, "wrong": said}
    return show(desk, request, "public/report_find.html", keep=False, status=status, **context)


def _read(desk: PageContext, helps: PublicLookup, request: Request, form: Message, tries: RateLimit) -> Response:
    reference, secret = text_of(form, "reference"), text_of(form, "secret")
    address = address_of(request)
    if minutes := tries.left(address):
        response = _find(desk, request, reference=reference, wrong=_MANY_TRIES, status=429, minutes=minutes)
        return _later(response, minutes)
    with desk.node.database.reading() as session:
        found = report_for(session, reference, secret)
    if found is None:
        tries.take(address)
        return _find(desk, request, reference=reference, wrong=_NOT_BOTH, status=422)
    intake = IntakeFilter(desk.node, "public form", desk.clock)
    text = intake.kept_text(text_of(form, "text").replace("\r\n", "\n").strip())
    wrong = _add(desk, found, text, text_of(form, "made")) if "text" in form else ""
    if "text" in form and not wrong:
        tries.take(address)
    with desk.node.database.reading() as session:
        read = read_report(session, report_for(session, reference, secret) or found, None)
    context: dict[str, Any] = {
        "read": read,
        "secret": secret,
        "wrong": wrong,
        "text": text if wrong else "",
        "report_kinds": KINDS,
        "reasons": REASONS,
        "kind": ReportKind(found.kind),
        "made": form_word(desk.tokens, desk.now),
        **cards_for(desk, helps, request, ReportKind(found.kind)),
    }
    return show(desk, request, "public/report_state.html", keep=False, status=422 if wrong else 200, **context)


def _add(desk: PageContext, report: PublicReport, text: str, made: str) -> str:
    """Take in what a reporter adds; what is wrong with it, or empty."""
    ticket = ticket_of(made, desk.tokens, desk.now)
    if ticket is None or not 0 < len(text) <= MOST_LETTERS:
        return _NO_WORDS if ticket else _STALE
    with desk.node.database.begin() as session:
        add_message(session, session.get_one(PublicReport, report.id), text, now=desk.now, act=ticket.act)
    return ""


def _check_origin(desk: PageContext, request: Request) -> None:
    if not from_own_page(request, desk.node.settings.server.url):
        raise WrongFormError


def _later(response: Response, minutes: int) -> Response:
    response.headers["Retry-After"] = str(minutes * 60)
    return response
