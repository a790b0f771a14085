"""What the pages of answers show, in the words of a language."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin.problems.answers import Answer, AnswerOutcome, AnswerStanding, ProblemRow, Sheet, Via, problem_text
from tocsin.server.pages.answer_texts import SAYINGS
from tocsin.server.pages.words import N_, PageTexts

PER_PAGE = 100

_SAID = {
    None: N_("You said “%(verdict)s” on %(said)s."),
    AnswerOutcome.CONTRADICTED: N_("You said “%(verdict)s” on %(said)s; seen again on %(seen)s."),
    AnswerOutcome.CONFIRMED: N_("You said “%(verdict)s” on %(said)s; its feed has not found it since."),
    AnswerOutcome.PENDING: N_("You said “%(verdict)s” on %(said)s; the next reports will show."),
}


@dataclass(frozen=True)
class AnswerRow:
    """One problem as a page lists it. ``state``: a class name for its look, beside ``words``, which say it."""

    key: str
    where: str
    port: str
    what: str
    seen: str
    state: str
    words: str


@dataclass(frozen=True)
class DigestProblems:
    """A page of the problems of a digest; counts from 1, ``before`` and ``after`` None at the ends."""

    rows: Sequence[AnswerRow]
    find: str
    first: int
    last: int
    found: int
    all: int
    before: int | None
    after: int | None


@dataclass(frozen=True)
class AnswerReceipt:
    """What one answer recorded."""

    title: str
    at: str
    next: str
    until: str
    rows: Sequence[AnswerRow]
    more: bool
    replaced: bool


@dataclass(frozen=True)
class PastAnswer:
    """One answer of the past."""

    at: str
    verdict: str
    extent: str
    via: str
    note: str


def title_of(sheet: Sheet, words: PageTexts) -> str:
    """The state of a digest as a sentence."""
    unanswered = sum(_is_open(line) for line in sheet.lines)
    if not unanswered:
        return words.say("All problems are answered")
    if unanswered < len(sheet.lines):
        return words.say("%(open)s of %(all)s problems are not answered yet", open=unanswered, all=len(sheet.lines))
    return words.count("This problem is not answered yet", "%(n)s problems are not answered yet", unanswered)


def listed(sheet: Sheet, words: PageTexts, *, first: int, find: str) -> DigestProblems:
    """The problems from the one numbered ``first`` on that have the text ``find`` in them."""
    wanted = find.strip().lower()
    found = [line for line in sheet.lines if wanted in f"{line.where} {line.port} {line.what}".lower()]
    first = min(max(first, 1), max(len(found), 1))
    rows = [_row(line, sheet, words) for line in found[first - 1 : first - 1 + PER_PAGE]]
    last = first - 1 + len(rows)
    return DigestProblems(
        rows=rows,
        find=find.strip(),
        first=first,
        last=last,
        found=len(found),
        all=len(sheet.lines),
        before=max(1, first - PER_PAGE) if first > 1 else None,
        after=last + 1 if last < len(found) else None,
    )


def receipt_of(sheet: Sheet, answer: Answer, words: PageTexts) -> AnswerReceipt:
    """What an answer to this digest recorded."""
    about = [line for line in sheet.lines if answer.problems is None or problem_text(line.key) in answer.problems]
    replaced = any(line.standing and line.standing.answer.id != answer.id for line in about)
    n = len(sheet.lines if answer.problems is None else answer.problems)
    return AnswerReceipt(
        title=words.count(
            "Recorded: %(verdict)s, for one problem",
            "Recorded: %(verdict)s, for %(n)s problems",
            n,
            verdict=words.say(SAYINGS[f"verdicts.{answer.verdict}"]),
        ),
        at=words.say("%(team)s, %(at)s. Thank you.", team=sheet.team.name, at=_moment(answer.at, sheet, words)),
        next=words.say(SAYINGS[f"next.{answer.verdict}"]),
        until=words.say("We do not remind you before %(until)s.", until=day(answer.until))
        if answer.until and answer.verdict == "accepted"
        else "",
        rows=[_row(line, sheet, words) for line in about[:PER_PAGE]],
        more=len(about) < len(sheet.lines),
        replaced=replaced,
    )


def history(sheet: Sheet, words: PageTexts) -> list[PastAnswer]:
    """The answers to a digest, newest first. What a person here noted of a talk stays here."""
    return [
        PastAnswer(
            at=minute(answer.at),
            verdict=words.say(SAYINGS[f"verdicts.{answer.verdict}"]),
            extent=_extent(answer, sheet, words),
            via=words.say(SAYINGS[f"history.{answer.via}"]),
            note="" if answer.via == Via.ANALYST else answer.note,
        )
        for answer in sheet.answers
    ]


def day(when: datetime | None) -> str:
    """A day in UTC."""
    return f"{when:%Y-%m-%d}" if when else "?"


def minute(when: datetime | None) -> str:
    """A time to the minute in UTC."""
    return f"{when:%Y-%m-%d %H:%M}" if when else "?"


def _moment(when: datetime | None, sheet: Sheet, words: PageTexts) -> str:
    """A time in UTC, and where the team is; the day there only where it is another one."""
    local = when.astimezone(_zone(sheet.team.timezone)) if when else None
    if when is None or local is None or not local.utcoffset():
        return words.say("%(time)s UTC", time=minute(when))
    same_day = local.date() == when.astimezone(UTC).date()
    return words.say(
        "%(time)s UTC, %(local)s where you are",
        time=minute(when),
        local=f"{local:%H:%M}" if same_day else minute(local),
    )


def _zone(name: str) -> ZoneInfo:
    """The time zone of this name; UTC where there is none."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _extent(answer: Answer, sheet: Sheet, words: PageTexts) -> str:
    if answer.problems is None:
        return words.count("the problem", "all %(n)s problems", len(sheet.lines))
    return words.say("%(some)s of %(all)s problems", some=len(answer.problems), all=len(sheet.lines))


def _is_open(line: ProblemRow) -> bool:
    """Whether a word of the team is still wanted: nobody need answer for what is gone."""
    if line.gone_at:
        return False
    return line.standing is None or line.standing.outcome is AnswerOutcome.CONTRADICTED


def _row(line: ProblemRow, sheet: Sheet, words: PageTexts) -> AnswerRow:
    state, said = _state(line, words)
    return AnswerRow(
        key=problem_text(line.key),
        where=line.where,
        port=words.say("port %(port)s", port=line.port) if line.port else "",
        what=line.what,
        seen=words.say("last seen %(seen)s", seen=_moment(line.last_seen, sheet, words)),
        state=state,
        words=said,
    )


def _state(line: ProblemRow, words: PageTexts) -> tuple[str, str]:
    """How a problem stands: a class name and a sentence, empty where there is nothing to say."""
    gone = (
        words.say("No longer seen by its feed; gone since %(since)s.", since=day(line.gone_at)) if line.gone_at else ""
    )
    if line.standing is None:
        return ("gone" if gone else "open"), gone
    said = _said(line.standing, words)
    outcome = line.standing.outcome
    return outcome.value if outcome else "said", " ".join(
        filter(None, (said, gone if outcome is not AnswerOutcome.CONFIRMED else ""))
    )


def _said(standing: AnswerStanding, words: PageTexts) -> str:
    return words.say(
        _SAID[standing.outcome],
        verdict=words.say(SAYINGS[f"verdicts.{standing.verdict}"]),
        said=day(standing.answer.at),
        seen=day(standing.since),
        since=day(standing.since),
    )
