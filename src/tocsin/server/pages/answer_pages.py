"""The pages by which a team answers a digest without an account: whoever has the link may.

Fetching a page records nothing, however often and by whomever: mail scanners open each link. Only the form does, sent
on purpose from its page. A link that is unknown, altered, too old or not allowed any more gives one same page.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from tocsin.interface import PageRouter, needs, visitor_of
from tocsin.node.accounts import Permission
from tocsin.problems.answers import PATH, reference_of, sheets_of
from tocsin.server.pages.answer_forms import AnswerForm, Fields, from_own_page, read_fields, read_form
from tocsin.server.pages.answer_texts import SAYINGS
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.portal import FixPage, PortalContext

_LIVE = ["GET", "HEAD"]


def answer_pages(desk: PageContext) -> APIRouter:
    """The pages of answers, for the web application of a node."""
    router = PageRouter(default_response_class=HTMLResponse, dependencies=[needs(Permission.LINK_USE)])
    pages = _AnswerPages(desk, PATH)

    @router.api_route(PATH + "{token}", methods=_LIVE)
    def show(request: Request, token: str) -> Response:
        """The problems of the digest, and the form."""
        page = pages.fix_page(request, token)
        return pages.neutral(request) if page is None else page.show(request)

    @router.post(PATH + "{token}")
    def record(request: Request, token: str, typed: Annotated[AnswerForm | None, Depends(read_form)]) -> Response:
        """Record a status of problems, and show what is left."""
        ours = typed is not None
        return pages.change(request, token, lambda page: page.record(request, typed or AnswerForm()), ours=ours)

    @router.post(PATH + "{token}/undo/{answer}")
    def undo(request: Request, token: str, answer: str) -> Response:
        """Undo what was recorded just now."""
        return pages.change(request, token, lambda page: page.undo(request, answer), ours=True)

    return router


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


class QuestionPages(LinkPages):
    """The pages of a question that whoever has its link answers once; fetching one records nothing."""

    def show(self, request: Request, token: str) -> Response:
        """The question."""
        raise NotImplementedError

    def take(self, request: Request, token: str, fields: Fields | None) -> Response:
        """Keep the answer, or say what is wrong with it."""
        raise NotImplementedError

    def router(self) -> APIRouter:
        """Both, for the web application of a node."""
        router = PageRouter(default_response_class=HTMLResponse, dependencies=[needs(Permission.LINK_USE)])

        @router.api_route(self.path + "{token}", methods=["GET", "HEAD"])
        def show(request: Request, token: str) -> Response:
            """The question and its buttons."""
            return self.show(request, token)

        @router.post(self.path + "{token}")
        def take(request: Request, token: str, fields: Annotated[Fields | None, Depends(read_fields)]) -> Response:
            """Note the answer, and say what was noted."""
            return self.take(request, token, fields)

        return router


class _AnswerPages(LinkPages):
    """The pages of digests."""

    def fix_page(self, request: Request, token: str) -> FixPage | None:
        """The page of the digest that a token leads to."""
        reference = reference_of(token, self.desk.tokens)
        if reference is None:
            return None
        sheets = sheets_of(self.desk.node, self.desk.node.store, self.desk.node.tracker)
        sheet = sheets.read(reference, self.desk.teams(), now=self.desk.now)
        if sheet is None:
            return None
        own = {team.id for team in PortalContext(self.desk).teams(request, visitor_of(request))}
        return FixPage(
            self.desk,
            sheet,
            f"{PATH}{token}",
            reference,
            door="answer link",
            language=sheet.team.language,
            writes=not sheet.trial,
            shown={"base": "answer_page.html", "sheet": sheet, "teams": (), "account": sheet.team.id in own},
        )

    def change(self, request: Request, token: str, change: Callable[[FixPage], Response], *, ours: bool) -> Response:
        """Do what a form asks for on the page of a digest; ``ours``: whether it may be one of our forms at all."""
        page = self.fix_page(request, token)
        if page is None:
            return self.neutral(request)
        if not ours or not page.writes or not from_own_page(request, self.desk.node.settings.server.url):
            return self.refused(request, page.language)
        return change(page)
