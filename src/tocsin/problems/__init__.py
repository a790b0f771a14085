"""Problems: one asset with one thing wrong, seen once or many times, until its feed no longer sees it."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.problems import acts
    from tocsin.problems.current import known_problems, last_committed
    from tocsin.problems.delivery_outcomes import NOTIFICATION_STATES, NotificationState
    from tocsin.problems.identity import SHARDS, problem_keys, shards_of
    from tocsin.problems.listing import FoundProblems, ListedProblem, ProblemList
    from tocsin.problems.manual_notifications import NOTIFICATION_WAYS, ManualNotification, NotificationWay
    from tocsin.problems.monthly import (
        SEVERAL,
        Change,
        GroupFigures,
        MonthFigures,
        group_figures,
        last_change,
        monthly_figures,
    )
    from tocsin.problems.notification import TeamNotification
    from tocsin.problems.problem_names import problem_text, read_problem
    from tocsin.problems.reminders import ReminderRequests, read_reminders, reminders_of
    from tocsin.problems.search import (
        CONDITIONS,
        NO_TEAM,
        ProblemSearch,
        ProblemSort,
        ProblemStatus,
        has_status,
        is_overdue,
        status_of,
    )
    from tocsin.problems.statements import notified_teams
    from tocsin.problems.team_times import team_figures
    from tocsin.problems.times import By, Stretch, TimesGroup, feed_spans, problem_times, summarise
    from tocsin.problems.track import (
        NOTES,
        NotesArray,
        NotificationFlags,
        ReminderPolicy,
        SightingResult,
        Sightings,
        Tracker,
        gone_since,
    )
    from tocsin.problems.unanswered import UnansweredProblem, count_unanswered, unanswered
    from tocsin.problems.withdrawal import StoredSightings, Tellings, without
else:
    lazy_face(__name__)
