"""The page by which a partner without a node confirms a mail: whoever has the link may, once.

Fetching it records nothing. It says the number and the day of the mail, and nothing of what was in it.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.exchange.ledger import LINK
from tocsin.exchange.statements import DispatchType, RecallState
from tocsin.exchange.ways import KEPT_CODES, answer_link, linked_mail
from tocsin.node.errors import InputError
from tocsin.server.pages.answer_forms import Fields, act_of, from_own_page, new_form
from tocsin.server.pages.answer_pages import QuestionPages
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import N_

_DONE = N_("Recorded: you have message %(number)s.")
_ERASED = N_("Recorded: what message %(number)s asks for is done.")
_KEPT = N_("Recorded: it is kept, because of the law.")


def receipt_link_pages(desk: PageContext) -> APIRouter:
    """The pages behind the links of mails to partners."""
    return _ReceiptLinkPages(desk, LINK).router()


class _ReceiptLinkPages(QuestionPages):
    """The pages of mails to partners."""

    def show(self, request: Request, token: str, status: int = 200) -> Response:
        """The question."""
        desk = self.desk
        with desk.node.database.reading() as session:
            row = linked_mail(session, desk.tokens, token)
        if row is None:
            return self.neutral(request)
        made = new_form(desk.tokens, f"receipt:{row.id}", desk.now)
        recall = row.type == DispatchType.RECALL
        shown = {"row": row, "recall": recall, "made": made, "token": token, "wrong": status != 200}
        return self.render(request, "receipt_link.html", "", status, **shown)

    def take(self, request: Request, token: str, fields: Fields | None) -> Response:
        """What was chosen, written down once."""
        desk = self.desk
        if fields is None or not from_own_page(request, desk.node.settings.server.url):
            return self.refused(request, "")
        said, code, made = (next(iter(fields.get(name, ())), "") for name in ("say", "code", "made"))
        with desk.node.database.begin() as session:
            row = linked_mail(session, desk.tokens, token)
            if row is None:
                return self.neutral(request)
            recall = row.type == DispatchType.RECALL
            if self._is_wrong(row.id, made, said, code, recall=recall):
                return self.show(request, token, 422)
            kept = said == "kept"
            state = RecallState.KEPT if kept else RecallState.DONE
            answer_link(session, row, desk.now, state=state, code=code if kept else "")
            number = -row.number
        told = (_KEPT if kept else _ERASED) if recall else _DONE
        told = desk.words(request).say(told, number=number)
        return self.render(request, "verify_done.html", "", told=told)

    def _is_wrong(self, dispatch: int, made: str, said: str, code: str, *, recall: bool) -> bool:
        try:
            act_of(made, self.desk.tokens, f"receipt:{dispatch}", self.desk.now)
        except InputError:
            return True
        if recall:
            return said not in {"erased", "kept"} or (said == "kept" and code not in KEPT_CODES)
        return said != "arrived"
