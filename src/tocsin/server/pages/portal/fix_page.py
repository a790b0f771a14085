"""The page *To fix*: the problems of a team in its portal, or those of one digest behind its link."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from tocsin.delivery import SEVERITIES
from tocsin.delivery.texts import TextFolders, texts_for
from tocsin.interface import NotHereError
from tocsin.node.errors import ConflictError, InputError, TocsinError
from tocsin.node.paths import HomeFolder
from tocsin.node.sentences import say
from tocsin.problems import problem_text
from tocsin.problems.answers import (
    NOTE_LENGTH,
    Answer,
    AnswerVerdict,
    ProblemRow,
    TeamAnswer,
    TeamSheet,
    answer_problems,
    answers_of_act,
    are_withdrawn,
    can_withdraw,
    withdraw_answers,
)
from tocsin.server.pages.answer_forms import DAYS, AnswerForm, act_of, made_at, new_form
from tocsin.server.pages.answer_texts import SAYINGS
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.form_version import CHANGED, is_stale, last_answer
from tocsin.server.pages.portal.problems import SHOWN, SORTS, STATES, VERDICTS, ProblemFilter, counts, row_of
from tocsin.server.pages.words import N_, PageTexts

_ENTRIES: Final = 20
"""Entries of the history that are shown."""

_STALE: Final = N_("The page was open for too long. What you typed is still here: send it again.")
_NOT_OF_THESE: Final = N_("One of these problems takes no status any more. Load the page again.")


@dataclass(frozen=True)
class AnswerStep:
    """One entry of the history, as `parts.timeline` shows it."""

    at: datetime
    said: str
    by: str = ""
    link: str = ""


@dataclass(frozen=True)
class FixPage:
    """The page of one sheet.

    ``path``: its address, ``of``: what the address always says. ``form``: what its form is made for, ``person``: the
    account that sends it, None behind a link; ``actor``: the same as the audit log names it. ``door``: as in
    `IntakeFilter`. ``writes``: whether it takes answers. ``shown``: what else the template is given.
    """

    desk: PageContext
    sheet: TeamSheet
    path: str
    form: str
    of: dict[str, str] = field(default_factory=dict)
    person: int | None = None
    actor: str = ""
    door: str = "portal"
    language: str = ""
    writes: bool = True
    shown: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def _now(self) -> datetime:
        return self.desk.now

    def record(self, request: Request, typed: AnswerForm) -> Response:
        """Record a status and lead back to the list, or say what is wrong."""
        chosen = ProblemFilter.read(request)
        try:
            act = act_of(typed.made, self.desk.tokens, self.form, self._now)
        except InputError:
            return self.show(request, typed=typed, wrongs=[("problems", _STALE)])
        act += "" if self.person is None else f":{self.person}"
        known = self._known(chosen, act)
        if is_stale(typed.seen, last_answer(self.sheet.lines, typed.chosen(known), but=act)):
            return self.show(request, typed=typed, wrongs=[("problems", CHANGED)], chosen=replace(chosen, state="all"))
        now_or_by_act = [line for line in known if chosen.takes(line, self._now) or _is_of(line, act)]
        typed = replace(typed, problems=typed.chosen(now_or_by_act))
        if wrongs := typed.wrongs():
            return self.show(request, typed=typed, wrongs=wrongs)
        said = TeamAnswer(AnswerVerdict(typed.verdict), typed.problems, typed.note, typed.days)
        node = self.desk.node
        try:
            answers = answer_problems(
                node, node.store, self.sheet, said, actor=self.actor, act=act, now=self._now, door=self.door
            )
        except InputError:
            return self.show(request, typed=typed, wrongs=[("problems", _NOT_OF_THESE)])
        return self.desk.go(self._at(chosen, done=answers[0].uuid))

    def _known(self, chosen: ProblemFilter, act: str) -> list[ProblemRow]:
        """What the filter takes, whatever its status is by now, of what was there when the form was made."""
        made = datetime.fromtimestamp(made_at(act), UTC)
        every = replace(chosen, state="all").choose(self.sheet.lines, self._now)
        return [line for line in every if self.sheet.digests[line.digest] <= made]

    def undo(self, request: Request, uuid: str) -> Response:
        """Withdraw what one form recorded, and lead back to the list; or say why that cannot be."""
        try:
            self._withdraw(uuid)
        except ConflictError as error:
            return self.show(request, error=error)
        return self.desk.go(self._at(ProblemFilter.read(request), done=uuid))

    def _withdraw(self, uuid: str) -> None:
        with self.desk.node.database.begin() as session:
            if not (answers := self._own(session, uuid)):
                raise NotHereError
            if not can_withdraw(answers, self._now):
                raise ConflictError(say("It is too late to undo this."), hint=say("Set the status that is right."))
            actor = self.actor or answers[0].via
            withdraw_answers(session, [one.uuid for one in answers], actor=actor, at=self._now)

    def show(
        self,
        request: Request,
        *,
        typed: AnswerForm | None = None,
        wrongs: Sequence[tuple[str, str]] = (),
        error: TocsinError | None = None,
        chosen: ProblemFilter | None = None,
    ) -> Response:
        """The list with its form; ``error``: why undo is not possible. ``chosen``: else as the address says."""
        desk, lines, now = self.desk, self.sheet.lines, self._now
        chosen = chosen or ProblemFilter.read(request)
        words = desk.words(request, self.language)
        found = chosen.choose(lines, now)
        page = found[chosen.first : chosen.first + SHOWN]
        topics = list(dict.fromkeys(line.topic for line in page))
        folders = TextFolders(desk.node.home / HomeFolder.TEMPLATES, desk.node.settings.node.language)
        advice = texts_for(words.language, folders).advice
        at = partial(self._at, chosen)
        said = [(name, words.say(text)) for name, text in wrongs]
        told = Counter(line.digest for line in lines)
        return desk.page(
            request,
            "portal/problems.html",
            status=422 if said or error else 200,
            language=self.language,
            **self.shown,
            team=self.sheet.team,
            path=self.path,
            of=self.of,
            writes=self.writes,
            counts=counts(lines, now),
            states=STATES,
            chosen=chosen,
            chips=self._chips(chosen, words, {name: advice[name].title for name in advice}),
            groups=[(topic, advice[topic], [row_of(of, now) for of in page if of.topic == topic]) for topic in topics],
            found=len(found),
            page=len(page),
            keys=[problem_text(line.key) for line in page],
            of_topic=Counter(line.topic for line in found),
            sorts=SORTS,
            severities=[name for name in reversed(SEVERITIES) if any(line.severity == name for line in lines)],
            earlier=at(first=max(chosen.first - SHOWN, 0)) if chosen.first else "",
            later=at(first=chosen.first + SHOWN) if chosen.first + SHOWN < len(found) else "",
            at=at,
            all_topics={line.topic: advice[line.topic].title for line in lines},
            typed=typed or AnswerForm(),
            wrongs=[*said, *([("main", words.translate_error(error))] if error else [])],
            done=self._done(request, chosen, words),
            made_at=self.sheet.at,
            made=new_form(desk.tokens, self.form, now),
            seen=last_answer(lines),
            verdicts=VERDICTS,
            days=DAYS,
            most=NOTE_LENGTH,
            history=[self._step(entry, told, words) for entry in self.sheet.entries[:_ENTRIES]],
        )

    def _at(self, chosen: ProblemFilter, path: str = "", **changed: object) -> str:
        """The address of the list with something changed; ``path``: of what lies below it."""
        asked = "&".join(filter(None, (urlencode(self.of), chosen.query(**changed))))
        return f"{self.path}{path}{'?' if asked else ''}{asked}"

    def _chips(self, chosen: ProblemFilter, words: PageTexts, topics: dict[str, str]) -> list[tuple[str, str, str]]:
        """What the list is narrowed by: its name, its value, and the address without it."""
        asked = (
            ("find", N_("Search"), chosen.find),
            ("port", N_("Port"), chosen.port),
            ("topic", N_("Kind"), topics.get(chosen.topic, chosen.topic)),
            ("severity", N_("Severity"), words.translate_word("severity", chosen.severity) if chosen.severity else ""),
        )
        return [(words.say(said), value, self._at(chosen, **{name: ""})) for name, said, value in asked if value]

    def _own(self, session: Session, uuid: str) -> list[Answer]:
        """What one form recorded, where it was sent from this page by whoever sees it now; else nothing."""
        try:
            answers = answers_of_act(session, UUID(uuid))
        except ValueError:
            return []
        ours = {one.delivery_id for one in answers} <= set(self.sheet.digests)
        return answers if ours and {one.said_by for one in answers} <= {self.actor} else []

    def _done(self, request: Request, chosen: ProblemFilter, words: PageTexts) -> tuple[str, str] | None:
        """What was recorded or undone just now, and the address that undoes it while that can be."""
        uuid = request.query_params.get("done", "")
        with self.desk.node.database.reading() as session:
            answers = self._own(session, uuid) if uuid else []
            undone = bool(answers) and are_withdrawn(session, answers)
        if not answers:
            return None
        keys = {key for one in answers for key in one.problems or ()}
        places = {line.where for line in self.sheet.lines if problem_text(line.key) in keys}
        about = words.say(
            "%(problems)s at %(addresses)s: %(status)s.",
            problems=words.count("%(n)s problem", "%(n)s problems", len(keys)),
            addresses=words.count("%(n)s address", "%(n)s addresses", len(places)),
            status=words.say(SAYINGS[f"verdicts.{answers[0].verdict}"]),
        )
        if undone:
            return words.say("Undone: %(what)s What was recorded before counts again.", what=f"{about} "), ""
        until = answers[0].until
        after = words.say(SAYINGS[f"next.{answers[0].verdict}"], until=f"{until:%Y-%m-%d}" if until else "")
        undo = self._at(chosen, f"/undo/{uuid}") if can_withdraw(answers, self._now) and self.writes else ""
        return f"{about} {after}", undo

    def _step(self, entry: Answer, told: Mapping[int, int], words: PageTexts) -> AnswerStep:
        """An entry of the history. ``told``: how many problems each digest told.

        What a person here noted of a talk stays here.
        """
        said = words.say(SAYINGS[f"verdicts.{entry.verdict}"])
        n = told[entry.delivery_id] if entry.problems is None else len(entry.problems)
        about = words.count("%(n)s problem", "%(n)s problems", n)
        note = "" if entry.via == "analyst" or not entry.note else f" · “{entry.note}”"
        via = words.say(SAYINGS[f"history.{entry.via}"])
        return AnswerStep(entry.at, f"{said}: {about} · {via}{note}")


def _is_of(line: ProblemRow, act: str) -> bool:
    """Whether the status of a problem was set by this sending of a form: it comes twice then, or after Back."""
    return line.standing is not None and line.standing.answer.key.startswith(f"{act}:")
