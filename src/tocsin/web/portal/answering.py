"""An answer given in the portal: noted for each digest that told one of the chosen problems, once."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from starlette.datastructures import FormData

from tocsin.accounts import Visitor
from tocsin.answers import (
    NOTE_LENGTH,
    TeamSheet,
    Verdict,
    Via,
    read_problem,
    record_answer,
    told_problems,
)
from tocsin.doors import text_of, texts_of
from tocsin.errors import InputError
from tocsin.records import cut
from tocsin.web.answer_forms import DAYS
from tocsin.web.desk import Desk
from tocsin.web.words import N_


@dataclass(frozen=True)
class Typed:
    """What was chosen and written."""

    made: str = ""
    verdict: str = ""
    problems: frozenset[str] = frozenset()
    note: str = ""
    days: int = DAYS[1]

    @classmethod
    def read(cls, form: FormData) -> "Typed":
        """From the form as it came."""
        days = text_of(form, "days")
        return cls(
            made=text_of(form, "made"),
            verdict=text_of(form, "verdict"),
            problems=frozenset(texts_of(form, "problem")),
            note=text_of(form, "note").replace("\r\n", "\n"),
            days=int(days) if days in {str(of) for of in DAYS} else DAYS[1],
        )

    def wrongs(self) -> list[tuple[str, str]]:
        """The fields that something is wrong with, each with what it is (to be translated)."""
        found = []
        if not self.problems:
            found.append(("problems", N_("Choose at least one problem.")))
        if self.verdict not in set(Verdict):
            found.append(("verdicts", N_("Choose what you say of it.")))
        if len(self.note) > NOTE_LENGTH:
            found.append(("note", N_("The note is too long.")))
        return found


def answer(desk: Desk, sheet: TeamSheet, typed: Typed, visitor: Visitor, act: str) -> int:
    """Note what was typed; how many problems it is about. The same ``act`` twice is noted once.

    Raises:
        InputError: one of the problems is not of this sheet.

    """
    chosen = {read_problem(text) for text in typed.problems}
    by_digest: dict[int, set[int]] = {}
    for line in sheet.lines:
        if line.key in chosen:
            by_digest.setdefault(line.digest, set()).add(line.key)
    if chosen - {key for keys in by_digest.values() for key in keys}:
        raise InputError("One of these problems is no longer open to answers.", hint="Load the page again.")
    node, now, verdict = desk.node, desk.now, Verdict(typed.verdict)
    with node.database.reading() as session:
        told = {number: told_problems(session, node.store, sheet.digests[number]) for number in by_digest}
    with node.database.begin() as session:
        for number, keys in sorted(by_digest.items()):
            record_answer(
                session,
                delivery=sheet.digests[number],
                told=told[number] | keys,
                verdict=verdict,
                problems=keys,
                note=typed.note,
                via=Via.PAGE,
                said_by=visitor.actor,
                at=now,
                key=f"{act}:{number}:{_choice(typed)}",
                until=now + timedelta(days=typed.days) if verdict is Verdict.ACCEPTED else None,
            )
    cut("answers.recorded")
    return len(chosen)


def _choice(typed: Typed) -> str:
    said = (typed.verdict, sorted(typed.problems), typed.note, typed.days)
    return hashlib.sha256(repr(said).encode("utf-8", "backslashreplace")).hexdigest()[:16]
