"""Problems that go on and of which a responsible team was never notified, although it can be: a person decides.

Nothing is sent by itself for them. Their mails were given up, came back, or were too old or only a trial; or an earlier
version took another team's mail for theirs.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Final, cast

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from tocsin.directory import team_names, teams_by_id
from tocsin.interface import N_, Act, ActContext, NoUndo, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import NotFoundError
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say
from tocsin.pipeline.notify_now import NotificationSummary, notify_now, preview_notification, wait
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.tables import ItemKind, accepted
from tocsin.problems import NOTIFICATION_STATES, NotificationState, ProblemSearch, ProblemStatus

_FAILED: Final = timedelta(days=14)  # until then it is an item of its own, with its mail
_MEANT: Final = {NotificationState.NOT_DELIVERED, NotificationState.TRIAL}
_NOT_NOTIFIED: Final = ProblemSearch(state=ProblemStatus.NOT_NOTIFIED)


@dataclass(frozen=True, slots=True, eq=False)
class MissedTeam:
    """A team with the problems (uint64, sorted) that it was never notified of, and when the first was first seen."""

    team: int
    key: str
    name: str
    problems: npt.NDArray[np.uint64]
    since: datetime
    states: Mapping[NotificationState, int]


def missed_teams(node: NodeWithStores, session: Session, now: datetime) -> list[MissedTeam]:
    """The teams that can be notified of such problems, most problems first; not what a person let be."""
    found = node.problems.find(_NOT_NOTIFIED, now=now)
    frame, places = found.standings.frame, np.sort(found.places)
    meant = {NOTIFICATION_STATES.index(state) for state in _MEANT}
    if node.settings.tell.mode != "live":
        meant.discard(NOTIFICATION_STATES.index(NotificationState.TRIAL))
    owed: dict[int, list[tuple[npt.NDArray[np.intp], npt.NDArray[np.uint8]]]] = {}
    for here, team, state, _ in found.standings.told.each_team():
        rows = np.flatnonzero(np.isin(state, list(meant)) & np.isin(here, places))
        for number in np.unique(team[rows]).tolist():
            mine = rows[team[rows] == number]
            owed.setdefault(number, []).append((here[mine], state[mine]))
    quiet, names = accepted(session, ItemKind.NOT_NOTIFIED, now), team_names(session, owed)
    told_at, keys, first = (frame[name].to_numpy() for name in ("told_at", "key", "first_seen"))
    trial = NOTIFICATION_STATES.index(NotificationState.TRIAL)
    made = []
    for number, parts in owed.items():
        rows, states = (np.concatenate([part[at] for part in parts]) for at in (0, 1))
        key, name = names.get(number, ("", ""))
        after = int(quiet[key].timestamp()) if key in quiet else -1
        old = (told_at[rows] < (now - _FAILED).timestamp()) | (states == trial)
        chosen = old & (told_at[rows].astype(np.int64) > after)
        if key and chosen.any():
            counts = zip(*np.unique(states[chosen], return_counts=True), strict=True)
            of = {NOTIFICATION_STATES[int(state)]: int(count) for state, count in counts}
            since = datetime.fromtimestamp(int(first[rows[chosen]].min()), UTC)
            made.append(MissedTeam(number, key, name, np.sort(keys[rows[chosen]]), since, of))
    reachable = teams_by_id(node.database, {one.team for one in made}) if made else {}
    made = [one for one in made if one.team in reachable and reachable[one.team].mailboxes]
    return sorted(made, key=lambda one: (-len(one.problems), one.key))


class MissedNotification(BaseModel):
    """Which teams are notified now of what they were never notified of."""

    team: tuple[str, ...] = Field((), title=N_("Team"), description="Keys of these teams alone; without it, of all.")
    preview: Annotated[bool, Wording(hidden=True)] = Field(
        default=False, title=N_("Preview"), description="Only say what would be done."
    )


class MissedNotificationResult(BaseModel):
    """How many problems of how many teams are notified, and how many events that are."""

    teams: list[str]
    problems: int
    events: int


def notify_missed(context: ActContext, request: MissedNotification) -> MissedNotificationResult:
    """Each by its next notification, within the volume limit; what is gone, answered, muted or withheld is left out.

    Raises:
        NotFoundError: one of the teams is not among those that were never notified.

    """
    node = cast("NodeWithStores", context.node)
    with node.database.reading() as session:
        found = {one.key: one for one in missed_teams(node, session, context.now)}
    if unknown := set(request.team) - found.keys():
        raise NotFoundError(
            say("%(team)s is not among the teams that were never notified.", team=min(unknown)),
            hint=say("Load the page again."),
        )
    chosen = [found[key] for key in request.team or found]
    done = [_one(context, node, one, preview=request.preview) for one in chosen]
    return MissedNotificationResult(
        teams=[one.key for one in chosen],
        problems=sum(len(one.problems) for one in chosen),
        events=sum(one.notified for one in done),
    )


def _one(context: ActContext, node: NodeWithStores, one: MissedTeam, *, preview: bool) -> NotificationSummary:
    teams: Collection[int] = {one.team}
    if preview:
        return preview_notification(node, problems=one.problems, only=teams, now=context.now)
    return notify_now(node, problems=one.problems, only=teams, waiting=partial(wait, context), **context.by)


ACTS: Final = (
    Act(
        "notify-missed", "Notify teams of problems that they were never notified of", notify_missed, noun="teams",
        permission=Permission.DELIVERIES_STEER, audit=(AuditAction.EVENTS_NOTIFIED,),
        command="deliveries notify-missed", route="/deliveries/notify-missed",
        page=OwnSurface("/today/not-notified"),
        undo=NoUndo("It queues notifications; its page says who is notified of how much, and asks."),
        title=N_("Notify"),
        notice=N_("Nothing is sent until you choose. Each team then gets one notification, within the volume limit."),
    ),
)  # fmt: skip
"""What can be done with problems of which a responsible team was never notified."""
