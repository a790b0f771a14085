"""Acts on the directory: decide conflicts, merge teams, edit, archive and mute them, assign networks and contacts."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Final

from tocsin.directory.act_requests import (
    Apart,
    ConfirmedLines,
    ContestedValue,
    Holders,
    MergedTeam,
    MuteRequest,
    MuteState,
    MuteTarget,
    TeamArchived,
    TeamDetails,
    TeamEdited,
    TeamFact,
    TeamFactSaid,
    TeamNamed,
    TeamsApart,
    TeamsThatAreOne,
    ThingAsserted,
    ThingDenied,
    ThingWithdrawn,
    TriedLines,
    Withdrawn,
)
from tocsin.directory.archive import archive_team, restore_team
from tocsin.directory.decisions import DecisionRecord, ValueDecision, decide_conflict, undecide
from tocsin.directory.help_lines import confirm_lines
from tocsin.directory.merges import TeamMerge, keep_apart, merge_teams, unmerge_team
from tocsin.directory.model import Mute, MuteKind
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
from tocsin.interface import N_, Act, ActContext, OwnSurface
from tocsin.node.accounts import Permission
from tocsin.node.errors import UsageError
from tocsin.node.paths import HomeFolder
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say

DETAILS: Final = ("name", "organisation", "kind", "country", "language", "timezone")
"""What `edit` changes of a team."""


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
        title=N_("Decision"), button=N_("Save decision"),
    ),
    _conflict(
        "undecide", "Withdraw a decision", take_back, audit=(AuditAction.DECISION_WITHDRAWN,),
        command="directory undecide", route="/conflicts/undo", page=OwnSurface("/conflicts/undo"),
        title=N_("Withdraw decision"),
        told="Decision {withdrawn} no longer holds; it stays in the history.",
    ),
    _merge(
        "merge", "Merge two teams", merge, audit=(AuditAction.TEAM_MERGED,), command="directory merge",
        route="/merges", page=OwnSurface("/merges/pair"), arguments=("keep", "team"),
        told="{team} is merged into {into}.", title=N_("Merge"), button=N_("Save decision"),
    ),
    _merge(
        "unmerge", "Undo a merge", unmerge, audit=(AuditAction.TEAM_UNMERGED,), command="directory unmerge",
        route="/merges/undo", page=OwnSurface("/merges/undo"), arguments=("team",),
        told="{team} is separate from {into} again.", title=N_("Unmerge"),
    ),
    _merge(
        "keep-apart", "Keep two teams separate", part, audit=(AuditAction.MERGE_REFUSED,),
        command="directory keep-apart", route="/merges/keep-apart", page=OwnSurface("/merges/pair"),
        arguments=("one", "other"), told="{apart[0]} and {apart[1]} are not offered again.",
        title=N_("Keep separate"), button=N_("Save decision"),
        notice=N_("Both stay as they are; the pair is not suggested again."),
    ),
    _thing(
        "assert", "Assign something to a team", assert_it, audit=(AuditAction.ASSERTION_MADE,),
        command="directory assert", route="/teams/{team}/assert", signed=("--said-by", "Whose word it is; needed."),
        title=N_("Assign to this team"), button=N_("Save entry"),
    ),
    _thing(
        "deny", "Record that something is not a team's", deny_it, audit=(AuditAction.ASSERTION_DENIED,),
        command="directory deny", route="/teams/{team}/deny", signed=("--said-by", "Whose word it is; needed."),
        title=N_("Not this team's"), button=N_("Save entry"),
    ),
    _thing(
        "withdraw", "Withdraw what persons recorded of a team", withdraw_it, audit=(AuditAction.ASSERTION_WITHDRAWN,),
        command="directory withdraw", route="/teams/{team}/withdraw", title=N_("Withdraw earlier statements"),
        button=N_("Save entry"),
    ),
    Act(
        "set", "Set a field of a team", set_fact, noun="fact of team", permission=Permission.DIRECTORY_EDIT,
        audit=(AuditAction.TEAM_SET,), command="directory set", route="/teams/{team}/facts",
        page=OwnSurface("/teams/{key}/preferences"), arguments=("team", "field", "values"),
        title=N_("Notification settings"), button=N_("Save settings"),
        signed=("--said-by", "Whose word it is; needed."), routing=True,
    ),
    _team(
        "edit", "Edit a team", edit, noun="team", command="directory edit", route="/teams/{team}/edit",
        page=OwnSurface("/teams/{key}/details"), signed=("--said-by", "Whose word it is; needed."),
        title=N_("Details"), button=N_("Save details"),
    ),
    _team(
        "archive", "Archive a team", archive, noun="team", command="directory archive", route="/teams/{team}/archive",
        page=OwnSurface("/teams/{key}/archive"), told="{team} is archived: no event is routed to it.",
        signed=("--said-by", "Who archives it; needed."), title=N_("Archive"),
        notice=N_(
            "No event is routed to an archived team, and it is notified no more. Its history stays, and it can be"
            " restored."
        ),
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
        signed=("--said-by", "Who tried them; needed."), title=N_("Verify contacts"), button=N_("Mark as verified"),
        notice=N_("You called these numbers and opened these pages today, and this team answered:"),
    ),
    _mute(
        "mute", "Mute something for a team", mute_for, noun="for team", audit=(AuditAction.MUTE_SET,),
        command="directory mute", route="/teams/{team}/mutes",
        told="{kind} {value} is muted for {team} until {until:%Y-%m-%d %H:%M} UTC.",
        undo=lambda _: say("Muted"), title=N_("Mute"),
    ),
    _mute(
        "unmute", "Unmute something for a team", end_mute, noun="for team", audit=(AuditAction.MUTE_ENDED,),
        command="directory unmute", route="/teams/{team}/mutes/end",
        told="{kind} {value} is no longer muted for {team}.",
        undo=lambda _: say("Unmuted"), title=N_("Unmute"),
    ),
)  # fmt: skip
"""What can be said in the directory."""
