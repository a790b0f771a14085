"""The page by which a reporter or victim says how it went: whoever has the link may, once; fetching it records nothing.

A link that is forged, used or too old gives the same page as every link that leads nowhere.
"""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.delivery.never_held import IntakeFilter
from tocsin.incidents.closing import PATH, FeedbackRating, FeedbackRequest, open_feedback, record_feedback
from tocsin.server.pages.answer_forms import Fields, from_own_page
from tocsin.server.pages.answer_pages import QuestionPages
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents import RATINGS

_MOST = 2_000  # letters


def feedback_pages(desk: PageContext) -> APIRouter:
    """The pages behind the links."""
    return _FeedbackPages(desk, PATH).router()


@dataclass(frozen=True)
class _FeedbackPages(QuestionPages):
    """The pages of questions how it went."""

    def asked(self, token: str) -> FeedbackRequest | None:
        """What a token asks about."""
        with self.desk.node.database.reading() as session:
            return open_feedback(session, self.desk.tokens, token, self.desk.now)

    def show(self, request: Request, token: str) -> Response:
        """The question."""
        asked = self.asked(token)
        return self.neutral(request) if asked is None else self.page(request, token, asked)

    def take(self, request: Request, token: str, fields: Fields | None) -> Response:
        """Keep an answer, or say what is missing."""
        asked = self.asked(token)
        if asked is None:
            return self.neutral(request)
        if fields is None or not from_own_page(request, self.desk.node.settings.server.url):
            return self.refused(request, asked.language)
        said = fields.get("rating", [""])[0]
        text = IntakeFilter(self.desk.node, "feedback", self.desk.clock).kept_text(fields.get("text", [""])[0][:_MOST])
        if said not in set(FeedbackRating):
            return self.page(request, token, asked, text, wrong=True)
        with self.desk.node.database.begin() as session:
            rating = FeedbackRating(said)
            taken = record_feedback(session, self.desk.tokens, token, rating, text, now=self.desk.now)
        if not taken:
            return self.neutral(request)
        return self.render(request, "feedback_done.html", asked.language)

    def page(
        self, request: Request, token: str, asked: FeedbackRequest, text: str = "", *, wrong: bool = False
    ) -> Response:
        """The question, with what was typed before."""
        return self.render(
            request, "feedback.html", asked.language, 422 if wrong else 200, asked=asked, token=token, text=text,
            wrong=wrong, ratings=RATINGS, most=_MOST,
        )  # fmt: skip
