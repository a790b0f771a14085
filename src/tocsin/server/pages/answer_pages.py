"""The pages by which a team answers a digest without an account: whoever has the link may.

Fetching a page records nothing, however often and by whomever: mail scanners open each link. Only the form does, sent
on purpose from its page. A link that is unknown, altered, too old or not allowed any more gives one same page.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from tocsin.delivery.never_held import IntakeFilter
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission
from tocsin.node.errors import InputError
from tocsin.node.records import cut
from tocsin.problems.answers import (
    NOTE_LENGTH,
    PATH,
    Answer,
    AnswerVerdict,
    Sheet,
    Via,
    read_problem,
    record_answer,
    reference_of,
    sheets_of,
)
from tocsin.server.pages.answer_forms import DAYS, AnswerForm, act_of, from_own_page, new_form, read_form
from tocsin.server.pages.answer_texts import SAYINGS
from tocsin.server.pages.answer_views import history, listed, receipt_of, title_of
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.form_version import CHANGED, is_stale, last_answer

_LIVE = ["GET", "HEAD"]


def answer_pages(desk: PageContext) -> APIRouter:
    """The pages of answers, for the web application of a node."""
    router = PageRouter(default_response_class=HTMLResponse, dependencies=[needs(Permission.LINK_USE)])
    pages = _AnswerPages(desk, PATH)

    @router.api_route(PATH + "{token}", methods=_LIVE)
    def show(request: Request, token: str, first: str = "", find: str = "", answer: str = "") -> Response:
        """The digest and the form, from problem ``first``; ``answer`` names one to correct."""
        sheet = pages.sheet(token)
        if sheet is None:
            return pages.neutral(request)
        before = pages.answer(sheet, answer)
        typed = AnswerForm() if before is None else _as_typed(before)
        number = int(first) if re.fullmatch(r"[0-9]{1,9}", first) else 1
        return pages.page(request, token, sheet, typed, first=number, find=find[:100])

    @router.post(PATH + "{token}")
    def record(request: Request, token: str, typed: Annotated[AnswerForm | None, Depends(read_form)]) -> Response:
        """Note an answer and lead to its receipt."""
        return pages.take(request, token, typed)

    @router.api_route(PATH + "{token}/{answer}", methods=_LIVE)
    def receipt(request: Request, token: str, answer: str) -> Response:
        """What was recorded."""
        sheet = pages.sheet(token)
        noted = pages.answer(sheet, answer) if sheet else None
        if sheet is None or noted is None:
            return pages.neutral(request)
        return pages.receipt(request, token, sheet, noted)

    return router


class _StaleError(InputError):
    """The form was not made for this page, or too long ago."""


class _ChangedError(InputError):
    """Somebody else answered for one of the problems meanwhile."""


@dataclass(frozen=True)
class LinkPages:
    """What the pages behind a link of a letter are made with; ``path``: where they begin."""

    desk: PageContext
    path: str

    def neutral(self, request: Request) -> Response:
        """The one page for every link that leads nowhere; says nothing that a stranger may not know."""
        return self.render(request, "answer_nothing.html", "", 404, what="gone")

    def refused(self, request: Request, language: str) -> Response:
        """The page for what was not sent by our form."""
        return self.render(request, "answer_nothing.html", language, 403, what="refused")

    def render(self, request: Request, template: str, language: str, status: int = 200, **context: Any) -> Response:
        """A page for readers of this language."""
        shared = {"path": self.path, "sayings": SAYINGS}
        return self.desk.page(request, template, status=status, language=language, **shared, **context)


class _AnswerPages(LinkPages):
    """The pages of answers."""

    def sheet(self, token: str) -> Sheet | None:
        """What a token leads to."""
        reference = reference_of(token, self.desk.tokens)
        if reference is None:
            return None
        sheets = sheets_of(self.desk.node, self.desk.node.store, self.desk.node.tracker)
        return sheets.read(reference, self.desk.teams(), now=self.desk.now)

    def answer(self, sheet: Sheet, uuid: str) -> Answer | None:
        """One of the answers to this digest."""
        return next((answer for answer in sheet.answers if str(answer.uuid) == uuid), None)

    def take(self, request: Request, token: str, typed: AnswerForm | None) -> Response:
        """Note what was typed and lead to its receipt, or say what is wrong with it."""
        sheet = self.sheet(token)
        if sheet is None:
            return self.neutral(request)
        if typed is None or sheet.trial or not from_own_page(request, self.desk.node.settings.server.url):
            return self.refused(request, sheet.team.language)
        wrong = _wrong(typed)
        if not wrong:
            try:
                noted = self.record(sheet, typed)
                return RedirectResponse(f"{PATH}{token}/{noted.uuid}", status_code=303)
            except _StaleError:
                wrong = "stale"
            except _ChangedError:
                wrong = "meanwhile"
            except InputError:
                wrong = "problem"
        return self.page(request, token, sheet, typed, wrong=wrong)

    def record(self, sheet: Sheet, typed: AnswerForm) -> Answer:
        """Note what was typed; the same sending twice is noted once, another choice on the same page as well."""
        now, verdict = self.desk.now, AnswerVerdict(typed.verdict)
        try:
            key = act_of(typed.made, self.desk.tokens, sheet.delivery.reference, now)
        except InputError as error:
            raise _StaleError(str(error), hint=error.hint) from error
        everything = typed.scope == "all"
        if is_stale(typed.seen, last_answer(sheet.lines, None if everything else typed.problems, but=key)):
            raise _ChangedError(CHANGED)
        note = IntakeFilter(self.desk.node, "answer link", self.desk.clock).kept_text(typed.note)
        with self.desk.node.database.begin() as session:
            noted = record_answer(
                session,
                delivery=sheet.delivery,
                told=sheet.keys,
                verdict=verdict,
                problems=None if everything else {read_problem(text) for text in typed.problems},
                note=note,
                via=Via.PAGE,
                said_by="",
                at=now,
                key=f"{key}:{_choice(typed)}",
                until=now + timedelta(days=typed.days) if verdict is AnswerVerdict.ACCEPTED else None,
            )
        cut("answers.recorded")
        return noted

    def page(
        self,
        request: Request,
        token: str,
        sheet: Sheet,
        typed: AnswerForm,
        *,
        first: int = 1,
        find: str = "",
        wrong: str = "",
    ) -> Response:
        """The digest with its form, with what was typed before."""
        words = self.desk.words(request, sheet.team.language)
        context = {
            "token": token,
            "title": title_of(sheet, words),
            "list": listed(sheet, words, first=first, find=find),
            "history": history(sheet, words),
            "typed": typed,
            "wrong": wrong,
            "seen": last_answer(sheet.lines),
            "made": new_form(self.desk.tokens, sheet.delivery.reference, self.desk.now),
            "verdicts": list(AnswerVerdict),
            "days": DAYS,
            "most": NOTE_LENGTH,
        }
        return self.render(request, "answer.html", sheet.team.language, 422 if wrong else 200, sheet=sheet, **context)

    def receipt(self, request: Request, token: str, sheet: Sheet, answer: Answer) -> Response:
        """What one answer recorded."""
        language = sheet.team.language
        said = receipt_of(sheet, answer, self.desk.words(request, language))
        return self.render(request, "answer_receipt.html", language, sheet=sheet, token=token, answer=answer, said=said)


def _choice(typed: AnswerForm) -> str:
    """The same text for the same choice: who goes back in the browser and chooses otherwise has said something new."""
    said = (typed.verdict, typed.scope, sorted(typed.problems), typed.note, typed.days)
    return hashlib.sha256(repr(said).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _wrong(typed: AnswerForm) -> str:
    """Which of the sentences of ``wrong`` fits what was typed, or an empty text."""
    if typed.said is None:
        return "no_verdict"
    if typed.scope != "all" and not (typed.scope == "some" and typed.problems):
        return "no_problem"
    return ""


def _as_typed(answer: Answer) -> AnswerForm:
    """An answer as its form was filled in."""
    scope = "all" if answer.problems is None else "some"
    return AnswerForm(verdict=answer.verdict, scope=scope, problems=frozenset(answer.problems or ()), note=answer.note)
