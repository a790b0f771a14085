"""The registry of kinds: what each is called, who may work it, how its items are found, where they are, what ends them.

A new kind is an `ItemKind` and an entry here or in `partner_kinds`; `tests/pipeline/test_to_do_endings.py` asks for a
test of its ending.
"""

from collections.abc import Mapping
from typing import Final

from tocsin.incidents.clocks import ClockStage
from tocsin.node.accounts import Permission
from tocsin.node.sentences import Sentence, say, say_count
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.to_do import listers
from tocsin.pipeline.to_do.item import Item, Resolution
from tocsin.pipeline.to_do.kind import ToDoKind
from tocsin.pipeline.to_do.partner_kinds import PARTNER_KINDS

_STEER, _EDIT, _WORK = Permission.DELIVERIES_STEER, Permission.DIRECTORY_EDIT, Permission.INCIDENTS_WRITE
_SENDING, _TROUBLE, _HELD = "/deliveries/sending", "/deliveries?show=trouble", "/deliveries?show=held"
_TAKEDOWNS = "/takedowns?need=due&state=all"
_NOTICES = "/notices?state=received"
_TASKS = "/incidents?state=all&need=task"
_CALL_OUTS = "/duty/call-outs?state=unanswered"
_CALLS = "/reports/public?state=all&call=1"
_ADDRESS = "/teams/%(key)s/change?act=assert&kind=mailbox#value"


def _held(item: Item) -> Sentence:
    if item.what:
        return say_count(
            "%(n)s notification held by %(name)s", "%(n)s notifications held by %(name)s", item.count, name=item.what
        )
    return say_count("%(n)s first notification held", "%(n)s first notifications held", item.count)


def _deadlines(item: Item) -> Sentence:
    if item.subject == ClockStage.OVER:
        return say_count("%(n)s deadline is overdue", "%(n)s deadlines are overdue", item.count)
    if item.subject == ClockStage.MOST:
        return say_count(
            "%(n)s deadline: 80%% of the time is over", "%(n)s deadlines: 80%% of the time is over", item.count
        )
    if item.subject == ClockStage.ENDED:
        return say_count(
            "%(n)s deadline of a closed incident still runs",
            "%(n)s deadlines of closed incidents still run",
            item.count,
        )
    return say_count(
        "%(n)s deadline: 50%% of the time is over", "%(n)s deadlines: 50%% of the time is over", item.count
    )


def _notices(item: Item) -> Sentence:
    if item.subject.endswith(":new"):
        return say_count(
            "%(n)s notification has no owner (%(law)s)", "%(n)s notifications have no owner (%(law)s)", item.count,
            law=item.what,
        )  # fmt: skip
    return say_count(
        "%(n)s %(law)s notification to answer", "%(n)s %(law)s notifications to answer", item.count, law=item.what
    )


KINDS: Final[Mapping[ItemKind, ToDoKind]] = {
    ItemKind.STOPPED: ToDoKind(
        say("Sending stopped"), lambda _: say("Sending is stopped"), _SENDING, _STEER, listers.stopped,
        (Resolution(say("Resume sending"), _SENDING, "resume"),),
    ),
    ItemKind.STANDBY: ToDoKind(
        say("Standby"), lambda _: say("Nothing is sent: another machine may have taken over"), _SENDING, _STEER,
        listers.standby,
        (
            Resolution(say("Mount the folder of the standby again"), _SENDING, ""),
            Resolution(say("Let mails leave, where no other machine took over"), _SENDING, "standby off"),
        ),
    ),
    ItemKind.VOLUME: ToDoKind(
        say("Volume limit"),
        lambda item: say_count(
            "%(n)s mail paused by the volume limit", "%(n)s mails paused by the volume limit", item.count
        ),
        _SENDING, _STEER, listers.volume_limit,
        (Resolution(say("Release them"), _SENDING, "deliveries release"),),
    ),
    ItemKind.FAILED: ToDoKind(
        say("Notifications not delivered"),
        lambda item: say_count(
            "%(n)s team: notification not delivered (last 14 days)",
            "%(n)s teams: notifications not delivered (last 14 days)", item.count,
        ),
        _TROUBLE, _STEER, listers.not_delivered,
        (Resolution(say("Send them again"), _TROUBLE, "deliveries retry"),),
    ),
    ItemKind.STUCK: ToDoKind(
        say("Notifications not encrypted"),
        lambda item: say_count(
            "%(n)s notification cannot be encrypted", "%(n)s notifications cannot be encrypted", item.count
        ),
        _TROUBLE, _STEER, listers.not_encrypted,
        (Resolution(say("Import a key of the team"), _TROUBLE, "keys import"),),
    ),
    ItemKind.NO_ADDRESS: ToDoKind(
        say("Teams without an email address"),
        lambda item: say_count(
            "%(name)s: no email address, %(n)s event waits", "%(name)s: no email address, %(n)s events wait",
            item.count, name=item.team[1],
        ),
        _ADDRESS, _EDIT, listers.without_address,
        (Resolution(say("Add an email address"), _ADDRESS, "directory assert"),),
    ),
    ItemKind.OVERDUE: ToDoKind(
        say("Overdue notifications"),
        lambda item: say_count(
            "%(n)s team: notification overdue", "%(n)s teams: notifications overdue", item.count
        ),
        "/deliveries/due", _STEER, listers.overdue,
        (Resolution(say("Let the server send, or run 'tocsin deliver'"), "/deliveries/due", "deliver"),),
    ),
    ItemKind.HELD: ToDoKind(
        say("Held notifications"), _held, _HELD, _STEER, listers.held,
        (Resolution(say("Release or drop them"), _HELD, "deliveries release"),),
    ),
    ItemKind.UNREADABLE: ToDoKind(
        say("Unreadable rows"),
        lambda item: say_count("%(n)s unreadable row", "%(n)s unreadable rows", item.count),
        "/reports/quarantine", Permission.QUARANTINE_MEND, listers.unreadable_rows,
        (Resolution(say("Edit and reprocess them, or dismiss them"), "/reports/quarantine", "quarantine dismiss"),),
    ),
    ItemKind.FEEDS: ToDoKind(
        say("Feed alarms"),
        lambda item: say_count(
            "%(n)s feed with an alarm or a wrong file", "%(n)s feeds with an alarm or a wrong file", item.count
        ),
        "/reports/feeds", Permission.REPORTS_WRITE, listers.feeds,
        (
            Resolution(say("Acknowledge the alarm"), "/reports/feeds", "feeds acknowledge"),
            Resolution(say("Correct the mapping file"), "/reports/feeds", "feeds save"),
        ),
    ),
    ItemKind.COLLECTORS: ToDoKind(
        say("Failing collectors"),
        lambda item: say_count("%(n)s collector fails", "%(n)s collectors fail", item.count),
        "/reports/collectors", Permission.REPORTS_WRITE, listers.collectors,
        (Resolution(say("Correct its settings, then let it run"), "/reports/collectors", "collect run"),),
    ),
    ItemKind.GIVEN_UP: ToDoKind(
        say("Networks given up"),
        lambda item: say_count(
            "%(name)s gave up %(what)s (%(n)s open problem)", "%(name)s gave up %(what)s (%(n)s open problems)",
            item.count, name=item.team[1], what=item.what,
        ),
        "/today/given-up", _EDIT, listers.given_up,
        (Resolution(say("Accept it, or give the network back"), "/today/given-up", "directory accept"),),
    ),
    ItemKind.NO_CONTACT: ToDoKind(
        say("Events without a contact"),
        lambda item: say_count(
            "%(n)s event has no contact (last 24 hours)", "%(n)s events have no contact (last 24 hours)", item.count
        ),
        "/today/unrouted", _STEER, listers.no_contact,
        (Resolution(say("Add a team, then notify it now"), "/today/unrouted", "deliveries notify-now"),),
    ),
    ItemKind.WITHHELD: ToDoKind(
        say("Withheld events"),
        lambda item: say_count(
            "%(n)s event withheld (last 24 hours)", "%(n)s events withheld (last 24 hours)", item.count
        ),
        "/today/withheld", _EDIT, listers.withheld_events,
        (
            Resolution(say("Accept it for 30 days"), "/today/withheld", "directory accept"),
            Resolution(say("Ask the team to raise its maximum TLP"), "/today/withheld", "directory ask-limit"),
        ),
    ),
    ItemKind.NOT_NOTIFIED: ToDoKind(
        say("Problems never notified"),
        lambda item: say_count(
            "%(n)s problem of which a responsible team was never notified",
            "%(n)s problems of which a responsible team was never notified", item.count,
        ),
        "/today/not-notified", _STEER, listers.not_notified,
        (
            Resolution(say("Notify the teams"), "/today/not-notified", "deliveries notify-missed"),
            Resolution(say("Do not notify them"), "/today/not-notified", "directory accept"),
        ), slow=True,
    ),
    ItemKind.NO_RESPONSE: ToDoKind(
        say("Problems without a response"),
        lambda item: say_count(
            "%(n)s problem: notified, no response", "%(n)s problems: notified, no response", item.count
        ),
        "/today/unanswered", Permission.EVENTS_READ, listers.no_response,
        (Resolution(say("Ask the team, and record its answer"), "/today/unanswered", "answers add"),), slow=True,
    ),
    ItemKind.CALL_OUTS: ToDoKind(
        say("Unanswered call-outs"),
        lambda item: say_count("%(n)s call-out not acknowledged", "%(n)s call-outs not acknowledged", item.count),
        _CALL_OUTS, _WORK, listers.call_outs,
        (Resolution(say("Acknowledge it"), _CALL_OUTS, "duty acknowledge"),), personal=True,
    ),
    ItemKind.DUTY_GAPS: ToDoKind(
        say("Gaps in rosters"),
        lambda item: say_count(
            "%(n)s gap in rosters (next 14 days)", "%(n)s gaps in rosters (next 14 days)", item.count
        ),
        "/duty", _WORK, listers.gaps,
        (Resolution(say("Assign a person"), "/duty", "duty override"),), slow=True,
    ),
    ItemKind.MAILS: ToDoKind(
        say("Incoming mails"),
        lambda item: say_count("%(n)s incoming mail to read", "%(n)s incoming mails to read", item.count),
        "/today/mails", Permission.TODAY_WORK, listers.mails,
        (Resolution(say("Say what the mail is"), "/today/mails", "replies reclassify"),),
    ),
    ItemKind.CLOCKS: ToDoKind(
        say("Deadlines of incidents"), _deadlines, "/clocks", _WORK, listers.clocks,
        (
            Resolution(say("Do what is due, then mark the clock as met"), "/clocks", "clocks meet"),
            Resolution(say("Mark the clock as not applicable"), "/clocks", "clocks not-applicable"),
            Resolution(say("Change its start"), "/clocks", "clocks move"),
        ), personal=True,
    ),
    ItemKind.NOTICES: ToDoKind(
        say("Notices of entities"), _notices, _NOTICES, Permission.INBOX_WRITE, listers.notices,
        (
            Resolution(say("Answer the entity"), _NOTICES, "notices answer"),
            Resolution(say("Say that it needs no answer"), _NOTICES, "notices no-answer"),
            Resolution(say("Open an incident"), _NOTICES, "inbox open-incident"),
            Resolution(say("Add it to an incident"), _NOTICES, "inbox put"),
            Resolution(say("Take it"), _NOTICES, "inbox take"),
        ), personal=True,
    ),
    ItemKind.INCIDENT_ACCESS: ToDoKind(
        say("Access to restricted incidents"),
        lambda item: say_count(
            "%(n)s access to a restricted incident to review", "%(n)s accesses to restricted incidents to review",
            item.count,
        ),
        "/incidents?state=all&need=access", _WORK, listers.incident_access,
        (Resolution(say("Review it"), "/incidents?state=all&need=access", ""),), personal=True,
    ),
    ItemKind.INCIDENT_WAITING: ToDoKind(
        say("Incidents whose waiting time is over"),
        lambda item: say_count(
            "%(n)s incident: waiting time is over", "%(n)s incidents: waiting time is over", item.count
        ),
        "/incidents?need=waiting", _WORK, listers.incidents_waiting,
        (Resolution(say("Ask again, or stop waiting"), "/incidents?need=waiting", "incidents reopen"),), personal=True,
    ),
    ItemKind.INCIDENT_TASKS: ToDoKind(
        say("Due tasks of incidents"),
        lambda item: say_count("%(n)s task of an incident is due", "%(n)s tasks of incidents are due", item.count),
        _TASKS, _WORK, listers.incident_tasks,
        (Resolution(say("Do the task, or drop it"), _TASKS, "incidents finish-task"),), personal=True,
    ),
    ItemKind.INCIDENT_SIGHTINGS: ToDoKind(
        say("New sightings of observables"),
        lambda item: say_count(
            "%(n)s observable of an incident was seen", "%(n)s observables of incidents were seen", item.count
        ),
        "/incidents?state=all&need=sighting", _WORK, listers.incident_sightings,
        (Resolution(say("Review the sightings"), "/incidents?state=all&need=sighting", "observables review"),),
        personal=True,
    ),
    ItemKind.INCIDENT_LEAD: ToDoKind(
        say("Incidents without a lead"),
        lambda item: say_count("%(n)s incident is not assigned", "%(n)s incidents are not assigned", item.count),
        "/incidents?state=new", _WORK, listers.incidents_unassigned,
        (Resolution(say("Assign it"), "/incidents?state=new", "incidents take"),), personal=True,
    ),
    ItemKind.TAKEDOWNS: ToDoKind(
        say("Take-downs"),
        lambda item: say_count("%(n)s take-down is due", "%(n)s take-downs are due", item.count),
        _TAKEDOWNS, _WORK, listers.takedowns,
        (
            Resolution(say("Send a reminder"), _TAKEDOWNS, "takedowns remind"),
            Resolution(say("Ask the next one"), _TAKEDOWNS, "takedowns ask"),
            Resolution(say("Record what was seen"), _TAKEDOWNS, "takedowns saw"),
            Resolution(say("Withdraw it"), _TAKEDOWNS, "takedowns withdraw"),
        ), personal=True,
    ),
    ItemKind.RING_BACK: ToDoKind(
        say("Ring-backs"),
        lambda item: say_count("%(n)s reporter waits for a call", "%(n)s reporters wait for a call", item.count),
        _CALLS, Permission.INBOX_WRITE, listers.calls,
        (Resolution(say("Ring back, then note that it was done"), _CALLS, "inbox ring-back"),), personal=True,
    ),
    ItemKind.INCIDENT_MAILS: ToDoKind(
        say("Mails to answer"),
        lambda item: say_count(
            "%(n)s party of an incident waits for an answer", "%(n)s parties of incidents wait for an answer",
            item.count,
        ),
        "/today/incident-mails", Permission.INCIDENTS_WRITE, listers.incident_mails,
        (
            Resolution(say("Answer the mail"), "/today/incident-mails", "incidents send"),
            Resolution(say("Say that it needs no answer"), "/today/incident-mails", "incidents no-answer"),
        ), personal=True,
    ),
    ItemKind.LESSONS: ToDoKind(
        say("Lessons of incidents"),
        lambda item: say_count("%(n)s lesson of an incident is due", "%(n)s lessons of incidents are due", item.count),
        "/incidents/lessons", _WORK, listers.lessons,
        (Resolution(say("Do it, or drop it"), "/incidents/lessons", "incidents finish-task"),), personal=True,
    ),
    ItemKind.ASSET_TOUCHED: ToDoKind(
        say("Critical assets touched"),
        lambda item: say_count("%(n)s critical asset touched", "%(n)s critical assets touched", item.count),
        "/assets?need=touched", Permission.ASSETS_READ, listers.assets_touched,
        (Resolution(say("Look at what depends on it, then acknowledge it"), "/assets?need=touched", ""),),
        personal=True,
    ),
    ItemKind.ASSET_CHANGES: ToDoKind(
        say("Changes of critical assets"),
        lambda item: say_count(
            "%(n)s change of a critical asset to review", "%(n)s changes of critical assets to review", item.count
        ),
        "/assets/changes", Permission.ASSETS_WRITE, listers.asset_changes,
        (Resolution(say("Approve or refuse the change"), "/assets/changes", ""),), personal=True,
    ),
    ItemKind.ASSETS_STALE: ToDoKind(
        say("Critical assets to confirm"),
        lambda item: say_count(
            "%(n)s critical asset not confirmed for a year", "%(n)s critical assets not confirmed for a year",
            item.count,
        ),
        "/assets?need=stale", Permission.ASSETS_WRITE, listers.assets_stale,
        (Resolution(say("Confirm or edit them"), "/assets?need=stale", ""),), personal=True,
    ),
    **PARTNER_KINDS,
    ItemKind.INBOX: ToDoKind(
        say("Inbox"),
        lambda item: say_count(
            "%(n)s report in the inbox has no owner", "%(n)s reports in the inbox have no owner", item.count
        ),
        "/reports/public", Permission.INBOX_WRITE, listers.inbox,
        (Resolution(say("Take the report"), "/reports/public", "inbox take"),), personal=True,
    ),
    ItemKind.CLAIMS: ToDoKind(
        say("Claims"),
        lambda item: say_count("%(n)s claim to decide", "%(n)s claims to decide", item.count),
        "/claims", Permission.DIRECTORY_DECIDE, listers.claims,
        (Resolution(say("Approve or refuse the claim"), "/claims", "directory claims approve"),), slow=True,
    ),
    ItemKind.CONFLICTS: ToDoKind(
        say("Conflicts"),
        lambda item: say_count(
            "%(n)s open conflict in the directory", "%(n)s open conflicts in the directory", item.count
        ),
        "/conflicts", Permission.DIRECTORY_DECIDE, listers.conflicts,
        (Resolution(say("Decide the conflict"), "/conflicts", "directory decide"),), slow=True,
    ),
    ItemKind.KEYS: ToDoKind(
        say("Expiring keys"),
        lambda item: say_count(
            "%(n)s key of a team expires within 30 days", "%(n)s keys of teams expire within 30 days", item.count
        ),
        "/today/keys", _EDIT, listers.keys,
        (Resolution(say("Import a newer key, or withdraw this one"), "/today/keys", "keys remove"),), slow=True,
    ),
}  # fmt: skip
"""Each kind, the most urgent first."""
