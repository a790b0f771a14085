"""The page by which the holder of an email address says whether it is a team's: whoever has the link may, once.

Fetching it records nothing. It says no more than the verification request did. A link that is forged, for something
else, used or too old gives the same page as every link that leads nowhere.
"""

from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory.contacts import (
    NOTE_LENGTH,
    PATH,
    ConfirmationOutcome,
    ContactQuestion,
    name_of,
    open_question,
    question_language,
    question_of,
    settle_question,
    shown,
)
from tocsin.node.errors import InputError
from tocsin.server.pages.answer_forms import Fields, act_of, from_own_page, new_form
from tocsin.server.pages.answer_pages import QuestionPages
from tocsin.server.pages.answer_texts import SAYINGS
from tocsin.server.pages.context import PageContext


def verify_pages(desk: PageContext) -> APIRouter:
    """The pages of questions to holders of mailboxes, for the web application of a node."""
    return _VerifyPages(desk, PATH).router()


@dataclass(frozen=True)
class _OpenQuestion:
    """An open question, in the language of its team."""

    question: ContactQuestion
    language: str


@dataclass(frozen=True)
class _VerifyForm:
    """What was chosen and written; ``ticked`` are keys of networks as the page gave them."""

    made: str = ""
    say: str = ""
    ticked: frozenset[str] = frozenset()
    note: str = ""


class _VerifyPages(QuestionPages):
    """The pages of questions to holders of mailboxes."""

    def asked(self, token: str) -> _OpenQuestion | None:
        """The open question that a token leads to."""
        name = name_of(token, self.desk.tokens)
        if name is None:
            return None
        with self.desk.node.database.begin() as session:
            row = open_question(session, name, self.desk.now)
            return None if row is None else _OpenQuestion(question_of(session, row), question_language(session, row))

    def show(self, request: Request, token: str) -> Response:
        """The question."""
        asked = self.asked(token)
        return self.neutral(request) if asked is None else self.page(request, token, asked)

    def take(self, request: Request, token: str, fields: Fields | None) -> Response:
        """Record an answer, or say what is wrong with it."""
        asked = self.asked(token)
        if asked is None:
            return self.neutral(request)
        if fields is None or not from_own_page(request, self.desk.node.settings.server.url):
            return self.refused(request, asked.language)
        typed = _read(fields)
        typed = replace(
            typed, note=IntakeFilter(self.desk.node, "confirmation link", self.desk.clock).kept_text(typed.note)
        )
        if wrong := self._wrong(typed, asked.question):
            return self.page(request, token, asked, typed, wrong=wrong)
        refused = [pair for pair in asked.question.networks if _key(pair) in typed.ticked]
        with self.desk.node.database.begin() as session:
            taken = self._settle(session, asked.question.name, typed, refused)
        if not taken:
            return self.neutral(request)
        said = {"teams": ", ".join(asked.question.teams), "address": asked.question.mailbox}
        words = self.desk.words(request, asked.language)
        if typed.say == ConfirmationOutcome.NOT_THESE:
            told = words.count(
                "Recorded: %(address)s is the email address of %(teams)s, but one network is not theirs. We no longer "
                "write to you about it.",
                "Recorded: %(address)s is the email address of %(teams)s, but %(n)s networks are not theirs. We no "
                "longer write to you about those.",
                len(refused),
                **said,
            )
        else:
            told = words.say(SAYINGS[f"verified.{typed.say}"], **said)
        return self.render(request, "verify_done.html", asked.language, told=told)

    def _settle(self, session: Session, name: str, typed: _VerifyForm, refused: list[tuple[str, str]]) -> bool:
        now = self.desk.now
        row = open_question(session, name, now)
        return row is not None and settle_question(
            session, row, ConfirmationOutcome(typed.say), now=now, via="link", not_ours=refused, note=typed.note
        )

    def _wrong(self, typed: _VerifyForm, question: ContactQuestion) -> str:
        """Which sentence of ``verify_wrong`` fits what was typed, or an empty text."""
        if typed.say not in set(ConfirmationOutcome):
            return "unknown"
        known = typed.ticked & {_key(pair) for pair in question.networks}
        if typed.say == ConfirmationOutcome.NOT_THESE and not known:
            return "none_ticked"
        if typed.say == ConfirmationOutcome.OURS and known:
            return "ticked"
        try:
            act_of(typed.made, self.desk.tokens, question.name, self.desk.now)
        except InputError:
            return "stale"
        return ""

    def page(
        self, request: Request, token: str, asked: _OpenQuestion, typed: _VerifyForm | None = None, *, wrong: str = ""
    ) -> Response:
        """The question, with what was typed before."""
        question = asked.question
        context = {
            "question": question,
            "teams": ", ".join(question.teams),
            "networks": [(_key(pair), shown(*pair)) for pair in question.networks],
            "more": question.networks_all - len(question.networks),
            "typed": typed or _VerifyForm(),
            "wrong": wrong,
            "made": new_form(self.desk.tokens, question.name, self.desk.now),
            "most": NOTE_LENGTH,
            "token": token,
        }
        return self.render(request, "verify.html", asked.language, 422 if wrong else 200, **context)


def _read(fields: Fields) -> _VerifyForm:
    def one(name: str) -> str:
        return fields.get(name, [""])[0]

    ticked = frozenset(fields.get("network", ()))
    return _VerifyForm(one("made"), one("say"), ticked, one("note")[:NOTE_LENGTH])


def _key(pair: tuple[str, str]) -> str:
    return ":".join(pair)
