"""Acts on the directory: decide conflicts, merge teams, edit, archive and mute them, assign networks and contacts."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Annotated, Final, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from tocsin.directory.archive import archive_team, restore_team
from tocsin.directory.decisions import DecisionRecord, ValueDecision, decide_conflict, undecide
from tocsin.directory.help_lines import confirm_lines
from tocsin.directory.merges import TeamMerge, keep_apart, merge_teams, unmerge_team
from tocsin.directory.model import Mute, MuteKind, ResponsibilityRole, TeamKind
from tocsin.directory.mutes import check_identifier, mute, unmute
from tocsin.directory.person_facts import PersonFact, edit_team, say_of_team
from tocsin.directory.person_statements import (
    AssertionResult,
    PersonStatement,
    add_assertion,
    add_denial,
    read_line,
    withdraw_statement,
)
from tocsin.directory.queries import read_team
from tocsin.directory.within_reach import team_within_reach
from tocsin.interface import N_, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import UsageError
from tocsin.node.paths import HomeFolder
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say

_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
_Line = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=_LINE)]
_Team = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_LINE)]
_Reason = Annotated[_Line, Wording(lacking=N_("Give a reason, in one line: the history keeps it."))]
_VALUE: Final = "A network, AS number, domain, country code or email address."
_NO_END: Final = N_("Choose until when it is muted.")
_TEAM: Final = "The key or UUID of a team."
_WHY: Final = "Why, in one line."

DETAILS: Final = ("name", "organisation", "kind", "country", "language", "timezone")
"""What `edit` changes of a team."""


class ContestedValue(BaseModel):
    """What is contested, and why it is decided so."""

    value: _Line = Field(description=_VALUE, examples=["192.0.2.0/24"])
    reason: _Reason = Field(description=_WHY)


class Holders(ContestedValue):
    """Whose it is: of these teams, or of all that claim it."""

    teams: Annotated[tuple[_Team, ...], Wording("--for")] = Field(
        (), max_length=100, description="A team that holds it; may be given again."
    )
    both: bool = Field(default=False, description="All that claim it hold it.")


class TeamsThatAreOne(BaseModel):
    """Two teams that are one."""

    keep: _Team = Field(description="The team that stays, by key or UUID.")
    team: _Team = Field(description="The team that becomes it; its key and UUID go on to name it.")
    reason: _Reason = Field(description=_WHY)


class MergedTeam(BaseModel):
    """A team that was merged into another."""

    team: _Team = Field(description="The team that was merged into another, by its own key or UUID.")


class TeamsApart(BaseModel):
    """Two teams that are not one."""

    one: _Team = Field(description="A team, by key or UUID.")
    other: _Team = Field(description="Another team.")
    reason: _Reason = Field(description=_WHY)


class Thing(BaseModel):
    """Something that may be a team's."""

    team: _Team = Field(description=_TEAM)
    kind: _Line = Field(description="'prefix', 'asn', 'domain', 'country' or 'mailbox'.", examples=["prefix"])
    value: _Line = Field(description="The network, AS number, domain, country code or address.")


class ThingDenied(Thing):
    """Something that is not a team's."""

    reason: str = Field("", max_length=500, description="Why, in one line; every explanation shows it.")


class ThingAsserted(ThingDenied):
    """Something that is a team's."""

    role: ResponsibilityRole = Field(
        ResponsibilityRole.RESPONSIBLE, description="responsible, or informed: it only wants to know."
    )
    confidence: int | None = Field(None, ge=0, le=100, description="How sure, 0 to 100.")
    beside: bool = Field(default=False, description="Keep imports that say otherwise of it, or of a part of it.")


class ThingWithdrawn(Thing):
    """Something that was said of a team."""

    said_by: str = Field("", max_length=500, description="Take back only the word of this person.")


class TeamFact(BaseModel):
    """What a team is: a field or list, its values, and more of each value."""

    team: _Team = Field(description=_TEAM)
    field: _Line = Field(description="A field or list of a team, as docs/directory.md names it.", examples=["hours"])
    values: tuple[Annotated[str, StringConstraints(max_length=10_000)], ...] = Field(
        (), max_length=100, description="Its values, as a CSV cell has them."
    )
    detail: tuple[_Line, ...] = Field(
        (), max_length=100, description="More of each value, NAME=TEXT, such as expires=2027-12-31."
    )
    clear: bool = Field(default=False, description="Take the word back: imports hold again.")


class TeamFactSaid(BaseModel):
    """What was understood."""

    team: str
    field: str
    values: list[str]
    said_by: str


class TeamDetails(BaseModel):
    """What a team is called and where it is: what is given changes, all of it at once."""

    team: _Team = Field(description=_TEAM)
    name: _Line | None = Field(None, description="Its name.")
    organisation: str | None = Field(None, max_length=500, pattern=_LINE, description="The organisation it belongs to.")
    kind: TeamKind | None = Field(None, description="What sort of team it is.")
    country: str | None = Field(None, max_length=2, description="Country code (ISO 3166-1); empty for none.")
    language: _Line | None = Field(None, description="Language of its notifications (BCP 47).")
    timezone: _Line | None = Field(None, description="Time zone (IANA), such as Indian/Mauritius.")


class TeamArchived(BaseModel):
    """Which team is archived, and why."""

    team: _Team = Field(description=_TEAM)
    reason: _Reason = Field(description=_WHY)


class TeamNamed(BaseModel):
    """A team."""

    team: _Team = Field(description=_TEAM)


class TeamEdited(BaseModel):
    """What changed; no field where everything was so already."""

    team: str
    changed: list[str]


class TriedLines(BaseModel):
    """Telephone numbers and pages of a team that a person tried."""

    team: _Team = Field(description=_TEAM)
    values: tuple[_Line, ...] = Field((), max_length=100, description="The numbers and pages; none: all that it has.")


class ConfirmedLines(BaseModel):
    """What is confirmed now."""

    team: str
    values: list[str]


class Apart(BaseModel):
    """The keys of two teams that are not one."""

    apart: list[str]


class Withdrawn(BaseModel):
    """The number of a decision that holds no more."""

    withdrawn: int


class MuteTarget(BaseModel):
    """Something that is muted for a team."""

    team: _Team = Field(description=_TEAM)
    kind: Annotated[MuteKind, Wording(lacking=N_("Choose what is muted: a network, an identifier or a type."))] = Field(
        description="prefix, identifier or type."
    )
    value: _Line = Field(description="A network, an identifier like open-rdp, or a type like scanner.")


class MuteRequest(MuteTarget):
    """Until when, and why."""

    until: Annotated[date | None, Wording(lacking=_NO_END)] = Field(
        None, description="Until this day, YYYY-MM-DD, UTC."
    )
    days: int | None = Field(None, ge=1, le=3_650, description="For so many days, instead of --until.")
    reason: str = Field("", max_length=500, pattern=_LINE, description="Why, in one line.")

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if (self.until is None) is (self.days is None):
            raise ValueError(_NO_END)
        return self


class MuteState(BaseModel):
    """What is muted for a team, until when; ``until`` is null where it is not muted any more."""

    team: str
    kind: MuteKind
    value: str
    until: datetime | None


def decide(context: ActContext, request: Holders) -> DecisionRecord:
    """It holds whatever imports say later, until a new decision."""
    verdict = ValueDecision(request.value, request.teams, context.name, request.reason, request.both)
    return decide_conflict(context.database, verdict, **context.by)


def take_back(context: ActContext, request: ContestedValue) -> Withdrawn:
    """What persons and imports say counts again; the history keeps it."""
    why = request.reason
    return Withdrawn(
        withdrawn=undecide(context.database, request.value, said_by=context.name, reason=why, **context.by)
    )


def merge(context: ActContext, request: TeamsThatAreOne) -> TeamMerge:
    """What is said of the second holds for the first. It can be undone."""
    return merge_teams(
        context.database, request.keep, request.team, said_by=context.name, reason=request.reason, **context.by
    )


def unmerge(context: ActContext, request: MergedTeam) -> TeamMerge:
    """What is said of the team is its own again."""
    return unmerge_team(context.database, request.team, said_by=context.name, **context.by)


def part(context: ActContext, request: TeamsApart) -> Apart:
    """They are not offered again."""
    who, why = context.name, request.reason
    keys = keep_apart(context.database, request.one, request.other, said_by=who, reason=why, **context.by)
    return Apart(apart=[*keys])


def assert_it(context: ActContext, request: ThingAsserted) -> AssertionResult:
    """A network, an AS, a domain, a country or an email address. No import overrules it."""
    said = replace(
        _statement(context, request), role=request.role, confidence=request.confidence, beside=request.beside
    )
    return add_assertion(context.database, said, **context.by)


def deny_it(context: ActContext, request: ThingDenied) -> AssertionResult:
    """Imports that say it is are kept, shown as overruled, and not followed."""
    said = _statement(context, request)
    return add_denial(context.database, said, **context.by)


def withdraw_it(context: ActContext, request: ThingWithdrawn) -> AssertionResult:
    """Imports count again."""
    said = PersonStatement(request.team, request.kind, request.value, read_line("--said-by", request.said_by))
    return withdraw_statement(context.database, said, **context.by)


def set_fact(context: ActContext, request: TeamFact) -> TeamFactSaid:
    """Its name, hours, services, memberships, attestations. No import overrules it.

    Raises:
        UsageError: it is not said whose word it is, or neither a value nor that the word is taken back.

    """
    who = context.name.strip()
    if not who:
        raise UsageError("Whose word is it?", hint="Add --said-by NAME.")
    if request.clear == bool(request.values):
        raise UsageError("Give the values, or --clear to take the word back.")
    details = dict(one.partition("=")[::2] for one in request.detail)
    word = PersonFact(request.field, request.values, who, details)
    understood = say_of_team(context.database, request.team, word, **context.by)
    return TeamFactSaid(team=request.team, field=request.field, values=understood, said_by=who)


def edit(context: ActContext, request: TeamDetails) -> TeamEdited:
    """Its name, organisation, kind, country, language, time zone. No import overrules it.

    Raises:
        UsageError: it is not said whose word it is, or a value cannot be taken.

    """
    who = read_line("--said-by", context.name, needed=True)
    team, _ = read_team(context.database, request.team)
    given = {name: value for name, value in request.model_dump(mode="json").items() if value is not None}
    changed = {name: given[name] for name in DETAILS if name in given and given[name] != getattr(team, name)}
    if changed:
        words = [PersonFact(name, (value,), who) for name, value in changed.items()]
        edit_team(context.database, team.key, words, **context.by)
    return TeamEdited(team=team.key, changed=[*changed])


def archive(context: ActContext, request: TeamArchived) -> TeamNamed:
    """No event is routed to it any more. What is said of it stays."""
    who = context.name.strip()
    key = archive_team(context.database, request.team, said_by=who, reason=request.reason, **context.by)
    return TeamNamed(team=key)


def restore(context: ActContext, request: TeamNamed) -> TeamNamed:
    """Events are routed to it again, by what is said of it."""
    return TeamNamed(team=restore_team(context.database, request.team, **context.by))


def confirm(context: ActContext, request: TriedLines) -> ConfirmedLines:
    """You called, and the team answered. It counts as long as a verified email address.

    Raises:
        UsageError: it is not said who called.

    """
    if not context.name.strip():
        raise UsageError("Who tried them?", hint="Add --said-by NAME.")
    team, values = confirm_lines(context.database, request.team, request.values, **context.by)
    return ConfirmedLines(team=team, values=values)


def mute_for(context: ActContext, request: MuteRequest) -> MuteState:
    """For a time; it takes the place of what was said of the same before."""
    until = context.now + timedelta(days=request.days or 0)
    if request.until:
        until = datetime.combine(request.until, time(), UTC)
    if request.kind is MuteKind.IDENTIFIER:
        check_identifier(request.value, context.node.place(HomeFolder.EVENTS))
    said = Mute(request.kind, request.value, until, request.reason)
    key = team_within_reach(context, request.team).key
    with context.undoable() as session:
        done = mute(session, key, said, **context.by)
    return MuteState(team=key, kind=done.kind, value=done.value, until=done.until)


def end_mute(context: ActContext, request: MuteTarget) -> MuteState:
    """From the next notification on."""
    key = team_within_reach(context, request.team).key
    with context.undoable() as session:
        unmute(session, key, request.kind, request.value, **context.by)
    return MuteState(team=key, kind=request.kind, value=request.value, until=None)


def _statement(context: ActContext, request: ThingDenied) -> PersonStatement:
    who = read_line("--said-by", context.name, needed=True)
    return PersonStatement(request.team, request.kind, request.value, who, read_line("--reason", request.reason))


_decide = partial(
    Act, permission=Permission.DIRECTORY_DECIDE, signed=("--said-by", "Who decides; needed."), routing=True
)
_conflict = partial(_decide, noun="conflict", arguments=("value",))
_merge = partial(_decide, noun="teams")
_say = partial(
    Act, noun="claim of team", permission=Permission.DIRECTORY_EDIT, page=OwnSurface("/teams/{key}/say"), routing=True
)
_thing = partial(_say, arguments=("team", "kind", "value"))
_team = partial(
    Act, permission=Permission.DIRECTORY_EDIT, audit=(AuditAction.TEAM_SET,), arguments=("team",), routing=True
)
_mute = partial(
    Act,
    permission=Permission.DIRECTORY_WRITE,
    everything=False,
    page=OwnSurface("/teams/{key}/mutes"),
    arguments=("team", "kind", "value"),
    routing=True,
)

ACTS: Final = (
    _conflict(
        "decide", "Decide a conflict", decide, audit=(AuditAction.CONFLICT_DECIDED,),
        command="directory decide", route="/conflicts/decide", page=OwnSurface("/conflicts/decide"),
    ),
    _conflict(
        "undecide", "Withdraw a decision", take_back, audit=(AuditAction.DECISION_WITHDRAWN,),
        command="directory undecide", route="/conflicts/undo", page=OwnSurface("/conflicts/undo"),
        told="Decision {withdrawn} no longer holds; it stays in the history.",
    ),
    _merge(
        "merge", "Merge two teams", merge, audit=(AuditAction.TEAM_MERGED,), command="directory merge",
        route="/merges", page=OwnSurface("/merges/pair"), arguments=("keep", "team"),
        told="{team} is merged into {into}.",
    ),
    _merge(
        "unmerge", "Undo a merge", unmerge, audit=(AuditAction.TEAM_UNMERGED,), command="directory unmerge",
        route="/merges/undo", page=OwnSurface("/merges/undo"), arguments=("team",),
        told="{team} is separate from {into} again.",
    ),
    _merge(
        "keep-apart", "Keep two teams separate", part, audit=(AuditAction.MERGE_REFUSED,),
        command="directory keep-apart", route="/merges/keep-apart", page=OwnSurface("/merges/pair"),
        arguments=("one", "other"), told="{apart[0]} and {apart[1]} are not offered again.",
    ),
    _thing(
        "assert", "Assign something to a team", assert_it, audit=(AuditAction.ASSERTION_MADE,),
        command="directory assert", route="/teams/{team}/assert", signed=("--said-by", "Whose word it is; needed."),
    ),
    _thing(
        "deny", "Record that something is not a team's", deny_it, audit=(AuditAction.ASSERTION_DENIED,),
        command="directory deny", route="/teams/{team}/deny", signed=("--said-by", "Whose word it is; needed."),
    ),
    _thing(
        "withdraw", "Withdraw what persons recorded of a team", withdraw_it, audit=(AuditAction.ASSERTION_WITHDRAWN,),
        command="directory withdraw", route="/teams/{team}/withdraw",
    ),
    Act(
        "set", "Set a field of a team", set_fact, noun="fact of team", permission=Permission.DIRECTORY_EDIT,
        audit=(AuditAction.TEAM_SET,), command="directory set", route="/teams/{team}/facts",
        page=OwnSurface("/teams/{key}/preferences"), arguments=("team", "field", "values"),
        signed=("--said-by", "Whose word it is; needed."), routing=True,
    ),
    _team(
        "edit", "Edit a team", edit, noun="team", command="directory edit", route="/teams/{team}/edit",
        page=OwnSurface("/teams/{key}/details"), signed=("--said-by", "Whose word it is; needed."),
    ),
    _team(
        "archive", "Archive a team", archive, noun="team", command="directory archive", route="/teams/{team}/archive",
        page=OwnSurface("/teams/{key}/archive"), told="{team} is archived: no event is routed to it.",
        signed=("--said-by", "Who archives it; needed."),
    ),
    _team(
        "restore", "Restore an archived team", restore, noun="team", command="directory restore",
        route="/teams/{team}/restore", page=OwnSurface("/teams/{key}/restore"),
        told="{team} is restored: events are routed to it again.",
    ),
    Act(
        "confirm", "Verify the numbers and pages of a team", confirm, noun="lines of team",
        permission=Permission.DIRECTORY_EDIT, audit=(AuditAction.CONTACT_CONFIRMED,), command="directory confirm",
        route="/teams/{team}/confirm", page=OwnSurface("/teams/{key}/confirm"), arguments=("team", "values"),
        signed=("--said-by", "Who tried them; needed."),
    ),
    _mute(
        "mute", "Mute something for a team", mute_for, noun="for team", audit=(AuditAction.MUTE_SET,),
        command="directory mute", route="/teams/{team}/mutes",
        told="{kind} {value} is muted for {team} until {until:%Y-%m-%d %H:%M} UTC.",
        undo=lambda _: say("Muted"),
    ),
    _mute(
        "unmute", "Unmute something for a team", end_mute, noun="for team", audit=(AuditAction.MUTE_ENDED,),
        command="directory unmute", route="/teams/{team}/mutes/end",
        told="{kind} {value} is no longer muted for {team}.",
        undo=lambda _: say("Unmuted"),
    ),
)  # fmt: skip
"""What can be said in the directory."""
