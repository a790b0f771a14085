"""For each act on incidents and their parts that can be undone, something that it can be done to."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import select

from support.console_users import person
from support.duty_example import do_duty, make_duty
from support.incident_mails import answer_to, make_case
from support.playbook_examples import PLAYBOOK
from support.undo_acts import ACTS, TIME, context, do, roster_of_two, worker
from support.world import World
from tocsin.incidents import IncidentReader, add_incident, find_incident
from tocsin.incidents.arrivals import (
    PublicFile,
    PublicReport,
    ReportDoor,
    ReportForm,
    ReportKind,
    add_report,
    find_report,
    put_into,
    ticket_named,
)
from tocsin.incidents.clocks import shipped_texts
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.tokens import open_tokens


def _incident(world: World, operation: str = "", *, lead: bool = False, **values: Any) -> str:
    """The reference of an incident, with something done to it."""
    act = ACTS["openIncident"]
    made = act.function(context(world, "openIncident"), read_request(act, {"title": "Leak", "lead": lead}))
    if operation:
        do(world, operation, reference=made.reference, **values)
    return str(made.reference)


_KIT: dict[str, Any] = {
    "text": "http://192.0.2.1/kit", "ground": "phishing", "basis": "our terms", "necessity": "It takes passwords",
    "how": "a mail",
}  # fmt: skip


def _takedown(world: World, **before: dict[str, Any]) -> dict[str, Any]:
    """A take-down of an incident, with acts done to it before."""
    reference = _incident(world, "proposeTakedowns", **_KIT)
    for word, values in before.items():
        do(world, f"{word}Takedowns", reference=reference, takedowns=(1,), **values)
    return {"reference": reference, "takedowns": (1,)}


def _task(world: World) -> str:
    return _incident(world, "addTaskOfIncident", text="Ask for logs")


def _adopted(world: World) -> str:
    """An incident, where a clock text is adopted."""
    do(world, "adoptClockText", law="nis2", checked_by="Legal office")
    return _incident(world)


def _clock(world: World, operation: str = "") -> str:
    """An incident with a clock, to which something was done."""
    reference = _adopted(world)
    do(world, "startClockOfIncident", reference=reference, rule="nis2-23-a", at=world.now - TIME)
    if operation:
        do(world, operation, reference=reference, clock=1)
    return reference


def _newer_edition(world: World) -> str:
    """An incident with a clock of which a newer edition is adopted."""
    reference = _clock(world)
    text = shipped_texts()["nis2"].decode().replace("24 hours", "12 hours")
    (world.node.home / "clocks").mkdir()
    (world.node.home / "clocks" / "nis2.toml").write_text(text)
    do(world, "adoptClockText", law="nis2", checked_by="Legal office")
    return reference


def _observed(world: World) -> str:
    return _incident(world, "addObservablesOfIncident", text="192.0.2.1")


def _sighted(world: World) -> str:
    reference = _observed(world)
    world.hear("192.0.2.1", port=443)
    return reference


def _affected(world: World) -> str:
    return _incident(world, "attachAffectedSystems", matching="kind=open-rdp")


def _restricted(world: World) -> str:
    return _incident(world, "restrictIncident", persons=[worker(world)])


def _taken_out(world: World) -> dict[str, Any]:
    one, reference = worker(world), _incident(world)
    do(world, "restrictIncident", reference=reference, persons=[one, worker(world, AccountRole.MANAGER)])
    return {"reference": reference, "person": one}


def _gained(world: World) -> dict[str, Any]:
    """Somebody else gained access, which person 1 reviews."""
    worker(world)
    reference, other = _restricted(world), int(worker(world, AccountRole.MANAGER))
    act = ACTS["letMeInIncident"]
    made = ActContext(world.node, world.now, f"person:{other}", "Other", other, act=act)
    act.function(made, read_request(act, {"reference": reference, "reason": "Nobody is there"}))
    return {"reference": reference, "person": other}


def _inbox_report(world: World, number: int = 1) -> str:
    ticket = ticket_named(f"test/{number}", open_tokens(world.node.home))
    filed = ReportForm(ReportKind.DECEIT, "A false page", door=ReportDoor.PHONE)
    with world.node.database.begin() as session:
        known = session.scalar(select(PublicReport.reference).where(PublicReport.act == ticket.act))
        return known or add_report(session, ticket, filed, now=world.now, actor="test").reference


def _given(world: World) -> dict[str, Any]:
    return {"given_by": "Head of IT", "means": "By mail", "given_at": world.now - TIME}


def _notice(world: World) -> dict[str, Any]:
    return {
        "team": "operator", "law": "voluntary", "kind": "notification", "door": "paper",
        "received_at": world.now - TIME, "fields": {"what": "A strange mail"},
    }  # fmt: skip


def _with_report(world: World, report: str) -> str:
    reader = IncidentReader(None, world.now)
    with world.node.database.begin() as session:
        made = add_incident(session, title="Phishing", actor="person:1", now=world.now)
        found = find_report(session, reader, report)
        put_into(session, found, made, person=1, actor="person:1", now=world.now)
        return made.reference


def _mail_case(world: World, *, stranger: bool = False) -> dict[str, Any]:
    """A party of an incident that answered, or a stranger in its place."""
    case = make_case(world, {"Hospital": "it@hospital.example"})
    sender = "doctor@home.example" if stranger else "it@hospital.example"
    case.receive(answer_to(case.write("Hospital", "Look."), "We look.", sender=sender))
    named = {"reference": case.reference, "party": case.parties["Hospital"]}
    return named | ({"mail": case.thread("Hospital")[1][-1].id} if stranger else {})


def _led(world: World) -> str:
    """A restricted incident that whoever acts leads."""
    reference = _restricted(world)
    with world.node.database.begin() as session:
        find_incident(session, IncidentReader(1, world.now), reference).lead = 1
    return reference


def _playbook(world: World) -> str:
    """The key of a playbook that was added, which begins with a question."""
    do(world, "addPlaybook", content=PLAYBOOK)
    return "a-question"


def _swap(world: World) -> dict[str, Any]:
    """A swap that somebody asks of the first person."""
    me = worker(world)
    make_duty(world)
    other = person(world.node, AccountRole.ANALYST, now=world.now, mailbox="on-duty@csirt.example")
    made = do_duty(world, "askSwapDuty", other, roster="1", start="2026-12-01", end="2026-12-02", person=str(me))
    return {"change": made.number, "accept": True}


def _disk(world: World, operation: str = "", **values: Any) -> str:
    """An incident with an item of evidence, to which something was done."""
    reference = _incident(world, "addEvidenceOfIncident", name="Disk", seal="4711")
    if operation:
        request = read_request(ACTS[operation], {"reference": reference, "evidence": 1, **values})
        ACTS[operation].function(context(world, operation), request)
    return reference


def _report_with_file(world: World) -> dict[str, Any]:
    report = _inbox_report(world)
    with world.node.database.begin() as session:
        row = session.scalars(select(PublicReport).where(PublicReport.reference == report)).one()
        digest = world.node.inbox.put(b"what it says")
        session.add(PublicFile(report_id=row.id, name="page.txt", bytes=12, sha256=digest))
    return {"reference": _with_report(world, report), "report": report}


def _mail_of_party(world: World) -> dict[str, Any]:
    return _mail_case(world) | {"mail": 2}


INCIDENT_EXAMPLES: Final[dict[str, Callable[[World], dict[str, Any]]]] = {
    "addRosterDuty": lambda _: {"name": "Second line", "text": "[[rule]]\nperson = 'x'"},
    "editRosterDuty": lambda w: roster_of_two(w, roster="1", text="[[rule]]\nperson = 'x'"),
    "retireRosterDuty": lambda w: roster_of_two(w, roster="1"),
    "overrideDuty": lambda w: roster_of_two(w, roster="1", start="2026-12-01", end="2026-12-02", add=str(worker(w))),
    "withdrawChangeDuty": lambda w: roster_of_two(w, change=1),
    "askSwapDuty": lambda w: roster_of_two(
        w, roster="1", start="2026-12-01", end="2026-12-02", person="on-duty@csirt.example"
    ),
    "answerSwapDuty": _swap,
    "handOverDuty": lambda w: roster_of_two(w, roster="1", text="All is quiet"),
    "readHandOverDuty": lambda w: roster_of_two(w, note=1),
    "phoneDuty": lambda w: roster_of_two(w, phone="+2305551234"),
    "acknowledgeCallOut": lambda w: roster_of_two(w, call_out=1),
    "endRuleCallOut": lambda w: roster_of_two(w, rule="1"),
    "openIncident": lambda _: {"title": "Leak"},
    "renameIncident": lambda w: {"reference": _incident(w), "title": "Ransomware"},
    "classifyIncident": lambda w: {"reference": _incident(w), "rsit_type": "phishing"},
    "rateIncident": lambda w: {"reference": _incident(w), "severity": "high", "reason": "A hospital"},
    "markIncident": lambda w: {"reference": _incident(w), "tlp": "RED"},
    "takeIncident": lambda w: {"reference": _incident(w)},
    "leaveIncident": lambda w: {"reference": _incident(w, lead=True)},
    "assignIncident": lambda w: {"reference": _incident(w), "lead": worker(w)},
    "waitIncident": lambda w: {"reference": _incident(w), "waiting_for": "them", "until": w.now + TIME},
    "closeIncident": lambda w: {"reference": _incident(w), "reason": "Over"},
    "rejectIncident": lambda w: {"reference": _incident(w), "reason": "A test"},
    "reopenIncident": lambda w: {"reference": _incident(w, "closeIncident", reason="Over")},
    "noteIncident": lambda w: {"reference": _incident(w), "text": "Rang them"},
    "milestoneIncident": lambda w: {"reference": _incident(w), "milestone": "contained"},
    "correctIncident": lambda w: {"reference": _incident(w, "noteIncident", text="Rang"), "entry": 2, "text": "Wrote"},
    "addPartyOfIncident": lambda w: {"reference": _incident(w), "role": "victim", "team": "operator"},
    "leavePartyOfIncident": lambda w: {
        "reference": _incident(w, "addPartyOfIncident", role="victim", name="Lagoon Hospital"), "party": 1,
    },
    "addTaskOfIncident": lambda w: {"reference": _incident(w), "text": "Ask for logs"},
    "takeTaskOfIncident": lambda w: {"reference": _task(w), "task": 1},
    "assignTaskOfIncident": lambda w: {"reference": _task(w), "task": 1, "owner": worker(w)},
    "finishTaskOfIncident": lambda w: {"reference": _task(w), "task": 1, "result": "They came"},
    "dropTaskOfIncident": lambda w: {"reference": _task(w), "task": 1, "reason": "Of no use"},
    "addObservablesOfIncident": lambda w: {"reference": _incident(w), "text": "hxxp://evil[.]example/"},
    "withdrawObservableOfIncident": lambda w: {
        "reference": _incident(w, "addObservablesOfIncident", text="192.0.2.1"), "observable": 1, "reason": "Ours",
    },
    "startClockOfIncident": lambda w: {"reference": _adopted(w), "rule": "nis2-23-a", "at": w.now},
    "moveClockOfIncident": lambda w: {"reference": _clock(w), "clock": 1, "at": w.now - 2 * TIME},
    "meetClockOfIncident": lambda w: {"reference": _clock(w), "clock": 1},
    "notApplicableClockOfIncident": lambda w: {"reference": _clock(w), "clock": 1, "reason": "Not significant"},
    "reopenClockOfIncident": lambda w: {"reference": _clock(w, "meetClockOfIncident"), "clock": 1},
    "recalculateClockOfIncident": lambda w: {"reference": _newer_edition(w), "clock": 1},
    "adoptClockText": lambda _: {"law": "gdpr", "checked_by": "Legal office"},
    "withdrawClockText": lambda w: {"law": "nis2", "reason": _adopted(w)},
    "changeClockCalendar": lambda _: {"country": "MU"},
    "rateIncidentByScheme": lambda w: {"reference": _incident(w), "answers": ["impact=serious", "victim=medium"]},
    "setValidityObservableOfIncident": lambda w: {
        "reference": _observed(w), "observable": 1, "valid_until": "2031-01-01",
    },
    "lookUpObservablesOfIncident": lambda w: {"reference": _observed(w)},
    "reviewSightingsOfIncident": lambda w: {"reference": _sighted(w)},
    "attachAffectedSystems": lambda w: {"reference": _incident(w), "matching": "kind=open-rdp"},
    "attachSightedAffectedSystems": lambda w: {"reference": _observed(w), "observable": 1},
    "detachAffectedSystems": lambda w: {"reference": _affected(w), "population": 1},
    "freezeAffectedSystems": lambda w: {"reference": _affected(w), "population": 1},
    "setTextNotificationText": lambda w: {"reference": _affected(w), "text": "Update the router"},
    "withdrawTextNotificationText": lambda w: {
        "reference": _incident(w, "setTextNotificationText", text="Update the router"),
    },
    "addEvidenceOfIncident": lambda w: {"reference": _incident(w), "name": "Disk", "seal": "4711"},
    "attachReportEvidenceOfIncident": _report_with_file,
    "attachMailEvidenceOfIncident": _mail_of_party,
    "recordCustodyOfIncident": lambda w: {"reference": _disk(w), "evidence": 1, "step": "handed", "person": "Police"},
    "keepEvidenceOfIncident": lambda w: {
        "reference": _disk(w, "destroyEvidenceOfIncident", reason="Over"), "evidence": 1,
    },
    "addLegalHoldOfIncident": lambda w: {"reference": _incident(w), "ordered_by": "Court"},
    "liftLegalHoldOfIncident": lambda w: {
        "reference": _incident(w, "addLegalHoldOfIncident", ordered_by="Court"), "hold": 1, "reason": "Over",
    },
    "restrictIncident": lambda w: {"reference": _incident(w, "noteIncident", text="Rang"), "persons": [worker(w)]},
    "unrestrictIncident": lambda w: {"reference": _restricted(w)},
    "letInIncident": lambda w: {"reference": _restricted(w), "person": worker(w, AccountRole.MANAGER)},
    "takeOutIncident": _taken_out,
    "reviewAccessIncident": _gained,
    "setCauseIncident": lambda w: {"reference": _incident(w), "root_cause": "supplier"},
    "releaseFiguresIncident": lambda w: {"reference": _led(w)},
    "addPlaybook": lambda _: {"content": PLAYBOOK},
    "removePlaybook": lambda w: {"playbook": _playbook(w)},
    "startPlaybookOfIncident": lambda w: {"reference": _incident(w), "playbook": "ransomware"},
    "answerPlaybookOfIncident": lambda w: {
        "reference": _incident(w, "startPlaybookOfIncident", playbook=_playbook(w)), "run": 1, "question": 2,
        "answer": "yes",
    },
    "stopPlaybookOfIncident": lambda w: {
        "reference": _incident(w, "startPlaybookOfIncident", playbook="ransomware"), "run": 1, "reason": "Wrong",
    },
    "addInboxReport": lambda _: {"what": "It burns at 192.0.2.1", "ring_back_at": "2026-11-16T09:00:00Z"},
    "openIncidentInboxReport": lambda w: {"reference": (_inbox_report(w), _inbox_report(w, 2))},
    "putInboxReport": lambda w: {"reference": (_inbox_report(w),), "incident": _incident(w)},
    "takeOutInboxReport": lambda w: {
        "reference": (_inbox_report(w),),
        "incident": _with_report(w, _inbox_report(w)),
    },
    "closeInboxReport": lambda w: {"reference": (_inbox_report(w), _inbox_report(w, 2)), "reason": "spam"},
    "rejectInboxReport": lambda w: {"reference": (_inbox_report(w),), "reason": "A joke"},
    "handOverInboxReport": lambda w: {"reference": (_inbox_report(w),), "team": "sector", "text": "Please look."},
    "ringBackInboxReport": lambda w: {"reference": _inbox_report(w), "at": "2026-11-16T09:00:00Z"},
    "sendIncidentMail": lambda w: _mail_case(w) | {"subject": "Look", "text": "Please look."},
    "announceIncidentMail": lambda w: {
        "reference": _mail_case(w)["reference"], "parties": (1,), "subject": "Look", "text": "Please look.",
    },
    "noAnswerIncidentMail": _mail_case,
    "setBasisInboxReport": lambda w: {
        "reference": _inbox_report(w), "basis": "mandatory", "basis_act": "nis2", "reason": "It is essential",
    },
    "recordConsentInboxReport": lambda w: {"reference": _inbox_report(w), "scope": "both", **_given(w)},
    "withdrawConsentInboxReport": lambda w: {
        "reference": do(w, "recordConsentInboxReport", **INCIDENT_EXAMPLES["recordConsentInboxReport"](w))
        and _inbox_report(w),
        "release": 1, "reason": "By phone",
    },
    "recordOrderInboxReport": lambda w: {"reference": _inbox_report(w), "scope": "police", **_given(w)},
    "addNotice": _notice,
    "answerNotice": lambda w: {"reference": ACTS["addNotice"].function(
        context(w, "addNotice"), read_request(ACTS["addNotice"], _notice(w))).reference, "text": "Isolate it"},
    "waiveNotice": lambda w: {"reference": ACTS["addNotice"].function(
        context(w, "addNotice"), read_request(ACTS["addNotice"], _notice(w))).reference, "reason": "By telephone"},
    "replaceAddressIncidentMail": _mail_case,
    "acceptMailOfParty": lambda w: _mail_case(w, stranger=True),
    "refuseMailOfParty": lambda w: _mail_case(w, stranger=True),
    "proposeTakedowns": lambda w: {"reference": _incident(w), **_KIT},
    "lookUpTakedowns": _takedown,
    "askTakedowns": _takedown,
    "remindTakedowns": lambda w: _takedown(w, ask={}),
    "sawTakedowns": lambda w: _takedown(w) | {"seen": "gone", "how": "looked"},
    "refuseTakedowns": lambda w: _takedown(w, ask={}) | {"reason": "They see no ground"},
    "withdrawTakedowns": lambda w: _takedown(w) | {"reason": "Ours"},
    "objectTakedowns": lambda w: _takedown(w) | {"reason": "It is a test"},
    "answerTakedowns": lambda w: _takedown(w, object={"reason": "It is a test"}) | {"reason": "It is not"},
}  # fmt: skip
