"""What a person does with problems: records what a team said of them, asks for a reminder, mutes them for their teams.

Each is done to problems that are named one by one; who chose them by a filter names those that it found.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated, Final, Protocol, cast
from uuid import uuid4

from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import select

from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory import Mute, MuteKind, find_team, mute, team_names, team_numbers
from tocsin.events import EventStore
from tocsin.interface import N_, Act, ActContext, Moment, OwnSurface, Wording
from tocsin.networks import parse_network
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.records import AuditAction, Database, audit
from tocsin.node.sentences import say, say_count
from tocsin.problems.answers import NOTE_LENGTH, VERDICTS, AnswerVerdict, ProblemState
from tocsin.problems.listing import FoundProblems, ListedProblem, ProblemList
from tocsin.problems.manual_notifications import NOTIFICATION_WAYS, ManualNotification, NotificationWay
from tocsin.problems.problem_names import problem_text, read_problem
from tocsin.problems.reminders import ask_reminders
from tocsin.problems.statements import answerable, notified_teams, record_by_phone

MOST: Final = 10_000
"""So many problems are taken at once."""

_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
_Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
_Team = Annotated[str, Wording(choices="teams")]
_NO_PROBLEM: Final = Wording(lacking=N_("Choose at least one problem."), hidden=True)
_Note = Annotated[str, Wording(hint=N_("Only people here read it."), lines=True)]
_ONCE: Final = "Idempotency key"  # a title that nobody reads on a form
_SETTLED: Final = frozenset(
    {ProblemState.GONE, ProblemState.SAID_FIXED, ProblemState.SAID_FALSE, ProblemState.ACCEPTED, ProblemState.NOT_OURS}
)


class _Stores(Protocol):
    """The node with what these acts ask."""

    database: Database
    store: EventStore
    problems: ProblemList


class ProblemChoice(BaseModel):
    """The problems that something is done to."""

    problems: Annotated[tuple[_Key, ...], _NO_PROBLEM] = Field(
        min_length=1, max_length=MOST, title=N_("Selected problems"),
        description="Keys of problems, 16 hexadecimal digits each.",
    )  # fmt: skip
    preview: Annotated[bool, Wording(hidden=True)] = Field(
        default=False, title=N_("Preview"), description="Only say what would be done."
    )


class TeamStatement(ProblemChoice):
    """What a team says of problems, on the phone for example."""

    team: _Team = Field(
        "", max_length=200, title=N_("Team"),
        description="Key of the team that says so; not needed where only one can.",
    )  # fmt: skip
    verdict: Annotated[AnswerVerdict, Wording(lacking=N_("Choose what the team says."), choices=VERDICTS)] = Field(
        title=N_("Status"), description="acknowledged, fixed, false, accepted or not_ours."
    )
    spoken_with: str = Field(
        "", max_length=200, pattern=_LINE, title=N_("Spoken with"), description="Whom you spoke with."
    )
    note: _Note = Field("", max_length=NOTE_LENGTH - 250, title=N_("Note"), description="What was said. It stays here.")
    days: int = Field(90, ge=1, le=365, title=N_("Risk accepted for"), description="So long 'accepted' holds.")
    once: str = Field(
        "", max_length=100, title=_ONCE, description="A name for this answer: the same twice is recorded once."
    )


class MadeNotification(ProblemChoice):
    """A notification of problems that a person made without a mail."""

    team: _Team = Field(
        "", max_length=200, title=N_("Team"), description="Key of the team; not needed where only one is responsible."
    )
    way: Annotated[NotificationWay, Wording(choices=NOTIFICATION_WAYS)] = Field(
        NotificationWay.TELEPHONE, title=N_("How"), description="telephone, post, in-person or other."
    )
    at: Annotated[Moment | None, Wording(hint=N_("Empty: now."))] = Field(
        None, title=N_("When (UTC)"), description="When, if not now.", examples=["2026-12-04 16:30"]
    )
    spoken_with: str = Field(
        "", max_length=200, pattern=_LINE, title=N_("Spoken with"), description="Whom you spoke with, or wrote to."
    )
    note: _Note = Field("", max_length=NOTE_LENGTH - 250, title=N_("Note"), description="What was said. It stays here.")
    once: str = Field("", max_length=100, title=_ONCE, description="A name for it: the same twice is recorded once.")


class MuteBy(StrEnum):
    """What is muted of a problem."""

    KIND = "kind"  # what is wrong, in all networks of its team
    ADDRESS = "address"  # all that is seen at its address


MUTED: Final = {
    MuteBy.KIND: N_("The kind, in all networks of the team"),
    MuteBy.ADDRESS: N_("Everything at these addresses"),
}
"""What is muted, in words."""


class MuteOfProblems(ProblemChoice):
    """What the teams of problems are not notified of, and for how long."""

    by: Annotated[MuteBy, Wording(choices=MUTED)] = Field(
        MuteBy.KIND, title=N_("What is muted"),
        description="kind: what is wrong, wherever it is; address: all at that address.",
    )  # fmt: skip
    days: int = Field(30, ge=1, le=3_650, title=N_("For how long"), description="For so many days.")
    reason: str = Field("", max_length=500, pattern=_LINE, title=N_("Reason"), description="Why, in one line.")


class TeamStatementResult(BaseModel):
    """What was recorded. ``without``: problems of which this team was not notified, so that it has nothing to answer.

    ``answers``: what was recorded, one for each notification that is answered.
    """

    team: str
    name: str
    verdict: AnswerVerdict
    problems: int
    without: int
    answers: list[str]


class MadeNotificationResult(BaseModel):
    """What was recorded. ``without``: problems that this team is not responsible for."""

    team: str
    name: str
    way: NotificationWay
    at: datetime
    problems: int
    without: int


class ReminderResult(BaseModel):
    """Of how many problems teams are reminded; ``without``: those that are gone, settled, muted or not notified yet."""

    problems: int
    without: int
    teams: list[str]


class MuteResult(BaseModel):
    """What was muted, as ``team kind value``, until when; ``without``: problems of no team, or without an address."""

    problems: int
    without: int
    mutes: list[str]
    until: datetime


def record_statement(context: ActContext, request: TeamStatement) -> TeamStatementResult:
    """It counts like an answer of the team to its latest notification of each. Nobody is notified of it.

    Raises:
        UsageError: several teams were notified, and none is named.
        ConflictError: the team was notified of none of them.

    """
    node = cast("_Stores", context.node)
    found = _found(node, request, context.now)
    key, name = _team(context.database, found, request.team)
    numbers = team_numbers(context.database, key)
    with context.database.reading() as session:
        digests = answerable(session, found, numbers)
    problems = sum(map(len, digests.values()))
    if not problems and not request.preview:
        raise ConflictError(
            say("%(team)s was not notified of these problems.", team=name),
            hint=say("It can answer once a notification of them is made."),
        )
    with_whom = f"{request.spoken_with}: " if request.spoken_with else ""
    note = IntakeFilter(context.node, "answers").kept_text(f"{with_whom}{request.note}".removesuffix(": "))
    made = (
        []
        if request.preview
        else record_by_phone(
            context.database, node.store, digests, verdict=request.verdict, note=note, days=request.days,
            by=context.signature, key=context.key_of(request), **context.by,
        )
    )  # fmt: skip
    return TeamStatementResult(
        team=key,
        name=name,
        verdict=request.verdict,
        problems=problems,
        without=len(request.problems) - problems,
        answers=[str(answer.uuid) for answer in made],
    )


def record_notification(context: ActContext, request: MadeNotification) -> MadeNotificationResult:
    """By telephone, by post or in person. It counts like a mail that reached the team; nobody is notified of it.

    Raises:
        UsageError: several teams are responsible, and none is named; or the time is yet to come.
        ConflictError: the team is responsible for none of them.

    """
    node = cast("_Stores", context.node)
    if (at := request.at or context.now) > context.now:
        raise UsageError(say("That time is yet to come."), hint=say("Write when the team was notified, in UTC."))
    rows = _found(node, request, context.now).rows()
    number, key, name = _responsible(context.database, rows, request.team)
    chosen = [row for row in rows if any(one.team == number for one in row.by_team)]
    if not chosen and not request.preview:
        raise ConflictError(
            say("%(team)s is not responsible for these problems.", team=name),
            hint=say("'tocsin explain' shows who is, and why."),
        )
    if not request.preview:
        with_whom = f"{request.spoken_with}: " if request.spoken_with else ""
        note = IntakeFilter(context.node, "answers").kept_text(f"{with_whom}{request.note}".removesuffix(": "))
        uuid = uuid4()
        act = context.key_of(request) or uuid.hex
        with context.undoable() as session:
            if session.scalar(select(ManualNotification.id).where(ManualNotification.key == act)) is None:
                made = ManualNotification(
                    uuid=uuid, team_id=number, way=request.way.value, at=at, noted_at=context.now,
                    noted_by=context.signature, note=note, problems=[problem_text(row.key) for row in chosen], key=act,
                )  # fmt: skip
                session.add(made)
                detail: dict[str, object] = {"team": key, "way": made.way, "problems": len(chosen)}
                word, subject = AuditAction.NOTIFICATION_RECORDED, f"problem:{problem_text(chosen[0].key)}"
                audit(session, word, at=context.now, actor=context.actor, subject=subject, detail=detail)
    return MadeNotificationResult(
        team=key, name=name, way=request.way, at=at, problems=len(chosen), without=len(request.problems) - len(chosen)
    )


def _responsible(database: Database, rows: list[ListedProblem], asked: str) -> tuple[int, str, str]:
    """The number, key and name of the team that was notified."""
    with database.reading() as session:
        if asked:
            number = find_team(session, asked)
            return (number, *team_names(session, [number])[number])
        teams = sorted({one.team for row in rows for one in row.by_team})
        names = team_names(session, teams)
    if len(teams) != 1:
        named = ", ".join(sorted(key for key, _ in names.values()))
        raise UsageError(
            say("Which team was notified?"),
            hint=say("Name one of %(teams)s.", teams=named)
            if teams
            else say("No team is responsible for these problems."),
        )
    return (teams[0], *names[teams[0]])


def remind(context: ActContext, request: ProblemChoice) -> ReminderResult:
    """The teams are notified again with the next sighting, in their next notification; of what is gone, never."""
    node = cast("_Stores", context.node)
    rows = _found(node, request, context.now).rows()
    open_ = [row for row in rows if row.notified and not row.muted and row.state not in _SETTLED]
    if open_ and not request.preview:
        with context.database.begin() as session:
            ask_reminders(session, [row.key for row in open_], by=context.signature, now=context.now)
            detail: dict[str, object] = {"problems": len(open_)}
            subject = f"problem:{problem_text(open_[0].key)}"
            at, actor = context.now, context.actor
            audit(session, AuditAction.PROBLEMS_REMINDED, at=at, actor=actor, subject=subject, detail=detail)
    teams = sorted({team for row in open_ for team in row.teams})
    return ReminderResult(
        problems=len(open_), without=len(request.problems) - len(open_), teams=_names(context.database, teams)
    )


def mute_problems(context: ActContext, request: MuteOfProblems) -> MuteResult:
    """For each of their teams, for a time. Another mute of the same takes its place; the team's page ends it."""
    node = cast("_Stores", context.node)
    rows = _found(node, request, context.now).rows()
    wanted: dict[tuple[int, MuteKind, str], None] = {}
    muted = 0
    for row in rows:
        target = _target(row, request.by)
        if target is not None and row.teams:
            muted += 1
            wanted |= dict.fromkeys((team, *target) for team in row.teams)
    until = context.now + timedelta(days=request.days)
    reason = request.reason if request.preview else IntakeFilter(context.node, "mutes").kept_text(request.reason)
    with context.database.reading() as session:
        names = team_names(session, {team for team, _, _ in wanted})
    if not request.preview:
        with context.undoable() as session:
            for team, kind, value in wanted:
                mute(session, names[team][0], Mute(kind, value, until, reason), **context.by)
    said = [f"{names[team][1]} {value}" for team, _, value in wanted]
    return MuteResult(problems=muted, without=len(request.problems) - muted, mutes=said, until=until)


def _found(node: _Stores, request: ProblemChoice, now: datetime) -> FoundProblems:
    return node.problems.among({read_problem(text) for text in request.problems}, now=now)


def _team(database: Database, found: FoundProblems, asked: str) -> tuple[str, str]:
    """The key and the name of the team that said something."""
    with database.reading() as session:
        if asked:
            number = find_team(session, asked)
            return team_names(session, [number])[number]
        names = team_names(session, notified_teams(found))
    teams = sorted(set(names.values()))
    if len(teams) != 1:
        named = ", ".join(key for key, _ in teams)
        raise UsageError(
            say("Which team said so?"),
            hint=say("Name one of %(teams)s.", teams=named)
            if teams
            else say("No team was notified of these problems."),
        )
    return teams[0]


def _names(database: Database, teams: list[int]) -> list[str]:
    with database.reading() as session:
        return sorted({name for _, name in team_names(session, teams).values()})


def _target(row: ListedProblem, by: MuteBy) -> tuple[MuteKind, str] | None:
    """What is muted of a problem; None where it has no address."""
    if by is MuteBy.ADDRESS:
        network = parse_network(row.where)
        return None if network is None else (MuteKind.PREFIX, str(network))
    return (MuteKind.IDENTIFIER, row.identifier) if row.identifier else (MuteKind.TYPE, row.type)


_act = partial(Act, arguments=("problems",), signed=("--by", "Who says so."))

ACTS: Final = (
    _act(
        "record", "Record what a team says of problems", record_statement, permission=Permission.DELIVERIES_STEER,
        audit=(AuditAction.ANSWER_RECORDED,), command="problems answer", route="/problems/answers/by-phone",
        noun="answer of problems", page=OwnSurface("/problems/record"),
        told="{problems} problems of {name}: {verdict}. {without} without an answer.", title=N_("Record answer"),
    ),
    _act(
        "record-notification", "Record that a team was notified of problems by telephone or post",
        record_notification, permission=Permission.DELIVERIES_STEER, audit=(AuditAction.NOTIFICATION_RECORDED,),
        command="problems notified", route="/problems/notifications", noun="of problems",
        page=OwnSurface("/problems/record-notification"),
        told="{name} was notified of {problems} problems by {way}. {without} are left out.",
        title=N_("Record notification"),
        undo=lambda n: say_count("%(n)s notification recorded", "%(n)s notifications recorded", n),
    ),
    _act(
        "remind", "Remind teams of problems", remind, permission=Permission.DELIVERIES_STEER,
        noun="of problems", audit=(AuditAction.PROBLEMS_REMINDED,), command="problems remind",
        route="/problems/reminders",
        page=OwnSurface("/problems/remind"), told="Teams are reminded of {problems} problems. {without} are left out.",
        title=N_("Remind"),
    ),
    _act(
        "mute", "Mute problems for their teams", mute_problems, permission=Permission.DIRECTORY_WRITE,
        noun="problems", audit=(AuditAction.MUTE_SET,), command="problems mute", route="/problems/mutes",
        page=OwnSurface("/problems/mute"), routing=True, told="{problems} problems are muted. {without} are left out.",
        title=N_("Mute problems"), button=N_("Mute"),
        notice=N_(
            "The teams below are not notified of these for the time that you choose. Each mute ends on the page of its"
            " team."
        ),
        undo=lambda _: say("Muted"),
    ),
)  # fmt: skip
"""What can be done with problems."""
