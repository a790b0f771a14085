"""Each act can be undone for a while, or is taken back otherwise, or asks before; an undo is whole or none."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from support import partner_examples as partners
from support.api_client import caller
from support.assets import FIELDS, Keeper, switch_on
from support.console_users import Browser, browser_of, person
from support.duty_example import do_duty, make_duty
from support.incident_mails import answer_to, make_case
from support.playbook_examples import PLAYBOOK
from support.processes import KILLED, command
from support.world import World, copy_world, make_world, text_of
from tocsin.cli.acts import every_act
from tocsin.delivery import Delivery, hold, release
from tocsin.directory import BY_TEAM, read_team
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
from tocsin.interface import ActContext, NoUndo, Reverse, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.letters import Letter, LetterState, queue_letter
from tocsin.node.records import GRACE, AuditEntry, UndoRecord
from tocsin.node.tokens import open_tokens
from tocsin.operations.backup import known_tables
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.team_items import given_up_networks
from tocsin.problems import ProblemSearch
from tocsin.problems.answers import problem_text
from tocsin.server.server import make_application

ACTS = {act.operation: act for act in every_act()}
OPERATOR = "abuse@operator.example"
TIME = timedelta(seconds=60)
BESIDES = {"audit_entry", "audit_aside", "audit_seal", "undo", "directory_state", "session", "used_once"}

OTHERWISE = {
    "acknowledgeAlarm": "it notes who looked; the alarm stays",
    "setCadence": "it is set again",
    "replayQuarantine": "its page says how many rows and asks",
    "mendQuarantine": "the row as it came is kept beside; its page shows both",
    "leaveQuarantine": "its rows can be read again until retention deletes them",
    "receiptNeverHeld": "its page names the reference and asks",
    "sendAgainNeverHeld": "its page names the reference and asks",
    "takeInboxReport": "it is left again",
    "leaveInboxReport": "it is taken again",
    "moveInboxReport": "it is moved again",
    "answerInboxReport": "what was read cannot be unread; its page shows to whom it goes",
    "noteInboxReport": "a further note says otherwise",
    "eraseInboxReport": "its page names the report and asks",
    "purgeContent": "its page names what goes and asks",
    "decideConflict": "it is taken back at any time",
    "undecideConflict": "it is decided again",
    "mergeTeams": "it is undone at any time",
    "unmergeTeams": "they are merged again",
    "keepApartTeams": "they are merged all the same",
    "assertClaimOfTeam": "it is withdrawn at any time",
    "denyClaimOfTeam": "it is withdrawn at any time",
    "withdrawClaimOfTeam": "it is said again",
    "setFactOfTeam": "it is set again",
    "confirmLinesOfTeam": "it is a dated word that a later one replaces",
    "makeClaim": "it waits for a person, who may refuse it",
    "proveClaim": "it shows control and changes nothing else",
    "checkClaim": "it shows control and changes nothing else",
    "approveClaim": "its page names the claim and asks",
    "refuseClaim": "it is claimed again",
    "editTeam": "it is edited again; the history has what it said before",
    "archiveTeam": "it is restored at any time",
    "restoreTeam": "it is archived again",
    "recordAnswerOfProblems": "its page says what will follow, and asks; another answer replaces it",
    "remindOfProblems": "its page says who is reminded, and asks",
    "assignInboxReport": "it is assigned again",
    "notifyInboxReport": "its page names the team, and asks",
    "adoptHelpText": "another wording is adopted; what was adopted before stays on record",
    "takeToDoItem": "it is given back at any time",
    "assignToDoItem": "it is assigned again",
    "leaveToDoItem": "it is taken again",
    "snoozeToDoItem": "it is shown again at any time",
    "wakeToDoItem": "it is snoozed again",
    "commentThing": "colleagues may have read it; a further comment says otherwise",
    "askLimitTeam": "its page names the addresses and asks",
    "importFrameworkVersion": "a draft is replaced by the next import",
    "publishVersion": "its page names the version; a changed text is a new version",
    "buildIndex": "it changes nothing else; another one gets another name",
    "addEvidence": "its copy is kept, as all evidence; an answer can go without it",
}
"""Acts that cannot be undone so: what takes each back, or why it cannot be; its page names what it is done to."""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that told two teams of one problem each, and owes a digest and a letter."""
    world = make_world(tmp_path_factory.mktemp("fresh"))
    world.hear("192.0.2.1", "192.0.2.130")
    world.tell()
    with world.node.database.begin() as session:
        queue_letter(
            session,
            key="verify:1",
            kind="verification",
            mailbox=OPERATOR,
            subject="Is it you?",
            body="Well?",
            now=world.now,
        )
        session.scalars(select(Letter)).one().state = LetterState.CANCELLED.value
    world.node.database.close()
    return world.folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


def context(world: World, operation: str, actor: str = "person:1", *, holds: bool = True) -> ActContext:
    return ActContext(world.node, world.now, actor, "One", 1, act=ACTS[operation], holds=holds)


def do(world: World, operation: str, actor: str = "person:1", *, holds: bool = True, **values: Any) -> int:
    """Do an act; the number of its undo."""
    made = context(world, operation, actor, holds=holds)
    ACTS[operation].function(made, read_request(ACTS[operation], values))
    (number,) = made.undos
    return number


def take_back(world: World, number: int | None, actor: str = "person:1", **more: Any) -> Any:
    made = replace(context(world, "undoAct", actor), **more)
    return ACTS["undoAct"].function(made, read_request(ACTS["undoAct"], {"number": number}))


def newest(world: World, team: str = "operator") -> Delivery:
    number = read_team(world.node.database, team)[0].id
    with world.node.database.reading() as session:
        wanted = select(Delivery).where(Delivery.team_id == number).order_by(Delivery.id.desc())
        found = session.scalars(wanted).first()
    assert found is not None
    return found


def put(world: World, **values: Any) -> str:
    """The newest digest to the operator, changed; its reference."""
    with world.node.database.begin() as session:
        found = session.get_one(Delivery, newest(world).id)
        for name, value in ({"mails_sent": 0, "sent_at": None} | values).items():
            setattr(found, name, value)
        return found.reference


def state(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the records but for the entries of the log."""
    with world.node.database.reading() as session:
        return {
            table.name: sorted(map(tuple, session.execute(select(table))), key=repr)
            for table in known_tables()
            if table.name not in BESIDES
        }


def words_for(world: World, subject: str) -> list[str]:
    with world.node.database.reading() as session:
        entries = select(AuditEntry.word).where(AuditEntry.subject == subject).order_by(AuditEntry.id)
        return list(session.scalars(entries))


def _letter(world: World, state: LetterState) -> str:
    with world.node.database.begin() as session:
        letter = session.scalars(select(Letter)).one()
        letter.state = state.value
        return letter.reference


def _muted(world: World) -> dict[str, Any]:
    do(world, "muteForTeam", team="operator", kind="type", value="scanner", days=7)
    return {"team": "operator", "kind": "type", "value": "scanner"}


def _stopped(world: World) -> dict[str, Any]:
    made = context(world, "stopSending")
    ACTS["stopSending"].function(made, read_request(ACTS["stopSending"], {"reason": "Wrong data"}))
    return {}


def _item(world: World) -> dict[str, Any]:
    """An item to accept: a network that the operator gave up."""
    ACTS["denyClaimOfTeam"].function(
        ActContext(world.node, world.now, "person:1", "One", 1),
        read_request(
            ACTS["denyClaimOfTeam"], {"team": "operator", "kind": "prefix", "value": "192.0.2.0/24", "reason": BY_TEAM}
        ),
    )
    with world.node.database.reading() as session:
        found = given_up_networks(world.node, session, world.now)
    return {"kind": ItemKind.GIVEN_UP, "subject": found[0].subject, "reason": "It is so"}


def _run(world: World, *words: str) -> None:
    world.tocsin.run("assessment", *words, "--by", "ministry")


def _version(world: World) -> dict[str, Any]:
    _run(world, "import-framework", "c5")
    return {"framework": "c5", "version": "1.0"}


def _assessed(world: World, **more: Any) -> dict[str, Any]:
    """An assessment with an answer, a dispute, a decision, a piece of evidence and an action."""
    _version(world)
    _run(world, "assign", "c5", "1.0", "all", "--to", "Office")
    _run(world, "publish", "c5", "1.0")
    _run(world, "start", "FJI", "c5", "1.0", "--as-of", "2026-06-30")
    _run(world, "answer", "1", "a.1.1", "2")
    _run(world, "dispute", "1", "a.1.1", "--text", "No")
    _run(world, "dispute", "1", "b.1.1", "--text", "No")
    world.tocsin.run("assessment", "decide", "2", "rejected", "--text", "Yes", "--by", "judge")
    (world.folder / "a.txt").write_text("A", encoding="utf-8")
    _run(world, "evidence", "add", str(world.folder / "a.txt"), "--title", "A", "--language", "en")
    task = ("--title", "Meet", "--owner", "Office", "--due", "2027-06-30")
    _run(world, "plan", "add", "1", "a.1.1", "4", *task)
    return more


_OF: dict[str, Any] = {"assessment": 1, "question": "a.1.1"}
_FACTS = [{"asn": "64500", "contact": "yes"}]
_TASK = {"level": "4", "task": "Write", "owner": "Office", "due": "2027-01-31"}
_GOAL = {"unit": "FJI", "framework": "c5", "version": "1.0", "goal": 40, "baseline": 2026, "end": 2029}


def _worker(world: World, role: AccountRole = AccountRole.ANALYST) -> str:
    return str(person(world.node, role, now=world.now))


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
    return _incident(world, "restrictIncident", persons=[_worker(world)])


def _taken_out(world: World) -> dict[str, Any]:
    one, reference = _worker(world), _incident(world)
    do(world, "restrictIncident", reference=reference, persons=[one, _worker(world, AccountRole.MANAGER)])
    return {"reference": reference, "person": one}


def _gained(world: World) -> dict[str, Any]:
    """Somebody else gained access, which person 1 reviews."""
    _worker(world)
    reference, other = _restricted(world), int(_worker(world, AccountRole.MANAGER))
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


def _register(world: World) -> dict[str, Any]:
    switch_on(world)
    return FIELDS


def _asset(world: World) -> Keeper:
    switch_on(world)
    keeper = Keeper(world)
    keeper.add(**FIELDS)
    return keeper


def _touched(world: World) -> dict[str, Any]:
    _asset(world)
    world.hear("192.0.2.3")
    return {"asset": 1}


def _needed(world: World) -> dict[str, Any]:
    """Another asset needs it, and events touched it."""
    touched = _touched(world)
    Keeper(world).add("Cranes", needs="Harbour power")
    return touched


def _changed(world: World) -> dict[str, Any]:
    _asset(world)
    Keeper(world, AccountRole.OPERATOR, (4,)).do("change", asset=1, **{**FIELDS, "site": "Quay 5"})
    return {"change": 1, "approve": True}


def _duty(world: World, **values: Any) -> dict[str, Any]:
    _worker(world)
    make_duty(world)
    return values


def _swap(world: World) -> dict[str, Any]:
    """A swap that somebody asks of the first person."""
    me = _worker(world)
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


def _profile(world: World) -> dict[str, Any]:
    """A profile that a pinned key signed, and that brings another key."""
    said = partners.profile(partners.pin(world), brings=("next",))
    return {"statement": said.content.decode(), "signature": said.signature.decode()}


def _mail_of_party(world: World) -> dict[str, Any]:
    return _mail_case(world) | {"mail": 2}


EXAMPLES: dict[str, Callable[[World], dict[str, Any]]] = {
    "addPartner": lambda _: {"name": partners.NAME, "countries": "AX"},
    "addProfilePartner": _profile,
    "changePartner": lambda w: {"partner": (partners.pin(w), "1")[1], "hours": "8 to 17"},
    "removePartner": lambda w: {"partner": (partners.claim(w), "1")[1]},
    "checkPartner": lambda w: {"partner": (partners.pin(w), "1")[1]},
    "addKeyPartner": lambda w: {"partner": (partners.pin(w), "1")[1], "content": partners.public("next")},
    "confirmKeyPartner": lambda w: {"partner": (partners.claim(w), "1")[1], "key": "1", **partners.CALL},
    "endKeyPartner": lambda w: {
        "partner": (partners.pin(w), "1")[1], "key": "1", "why": "compromised", "reason": "Ada rang",
    },
    "addAsset": _register,
    "changeAsset": lambda w: (_asset(w), {"asset": 1, **FIELDS, "site": "Quay 5"})[1],
    "removeAsset": _needed,
    "confirmAsset": lambda w: (_asset(w), w.at(3), {"asset": [1]})[2],
    "acknowledgeAsset": _touched,
    "decideChangeOfAsset": _changed,
    "importAssets": lambda w: (_asset(w), {"text": "name,sector\nHarbour power,energy\nWater,water\n"})[1],
    "releaseDelivery": lambda w: {"reference": (put(w, state="held"), _letter(w, LetterState.HELD))},
    "holdDelivery": lambda w: {"reference": (put(w, state="retry"), _letter(w, LetterState.QUEUED)), "reason": "Wait"},
    "dropDelivery": lambda w: {"reference": (put(w, state="held"), _letter(w, LetterState.HELD)), "reason": "No"},
    "retryDelivery": lambda w: {"reference": (put(w, state="bounced", mails_sent=1),)},
    "repeatDelivery": lambda w: {"reference": (newest(w).reference, newest(w, "nat-a").reference)},
    "resumeSending": _stopped,
    "muteForTeam": lambda _: {"team": "operator", "kind": "prefix", "value": "192.0.2.0/28", "days": 3},
    "unmuteForTeam": _muted,
    "muteProblems": lambda w: {
        "problems": [problem_text(int(w.node.problems.find(ProblemSearch(), now=w.now).keys[0]))]
    },
    "acceptItem": _item,
    "assignCriteria": lambda w: _version(w) | {"name": "Office"},
    "startAssessment": lambda _: {
        "framework": "c5",
        "version": "1.0",
        "unit": "FJI",
        "as_of": "2026-06-30",
        "responsible": "Office",
    },
    "closeAssessment": lambda w: _assessed(w, assessment=1),
    "rankAssessment": lambda w: _assessed(w, assessment=1, ranked=True),
    "answerQuestion": lambda w: _assessed(w, **_OF, level="3"),
    "reviewAnswer": lambda w: _assessed(w, **_OF, kind="review", text="So"),
    "decideDispute": lambda w: _assessed(w, statement=1, outcome="upheld", text="So"),
    "appealDecision": lambda w: _assessed(w, decision=3, text="No"),
    "useEvidence": lambda w: _assessed(w, **_OF, evidence=sha256(b"A").hexdigest()),
    "measureQuestion": lambda w: _assessed(
        w, assessment=1, query="contact_coverage_as", facts=_FACTS, as_of=w.now.isoformat()
    ),
    "addAction": lambda w: _assessed(w, **_OF, **_TASK),
    "finishAction": lambda w: _assessed(w, action=1, on="2027-01-31"),
    "targetScore": lambda w: _assessed(w, **_GOAL),
    "addRosterDuty": lambda _: {"name": "Second line", "text": "[[rule]]\nperson = 'x'"},
    "editRosterDuty": lambda w: _duty(w, roster="1", text="[[rule]]\nperson = 'x'"),
    "retireRosterDuty": lambda w: _duty(w, roster="1"),
    "overrideDuty": lambda w: _duty(w, roster="1", start="2026-12-01", end="2026-12-02", add=str(_worker(w))),
    "withdrawChangeDuty": lambda w: _duty(w, change=1),
    "askSwapDuty": lambda w: _duty(w, roster="1", start="2026-12-01", end="2026-12-02", person="on-duty@csirt.example"),
    "answerSwapDuty": _swap,
    "handOverDuty": lambda w: _duty(w, roster="1", text="All is quiet"),
    "readHandOverDuty": lambda w: _duty(w, note=1),
    "phoneDuty": lambda w: _duty(w, phone="+2305551234"),
    "acknowledgeCallOut": lambda w: _duty(w, call_out=1),
    "endRuleCallOut": lambda w: _duty(w, rule="1"),
    "ruleCallOut": lambda w: _duty(w, name="Days", roster="1", severity="high", channels=("mail",)),
    "openIncident": lambda _: {"title": "Leak"},
    "renameIncident": lambda w: {"reference": _incident(w), "title": "Ransomware"},
    "classifyIncident": lambda w: {"reference": _incident(w), "rsit_type": "phishing"},
    "rateIncident": lambda w: {"reference": _incident(w), "severity": "high", "reason": "A hospital"},
    "markIncident": lambda w: {"reference": _incident(w), "tlp": "RED"},
    "takeIncident": lambda w: {"reference": _incident(w)},
    "leaveIncident": lambda w: {"reference": _incident(w, lead=True)},
    "assignIncident": lambda w: {"reference": _incident(w), "lead": _worker(w)},
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
    "assignTaskOfIncident": lambda w: {"reference": _task(w), "task": 1, "owner": _worker(w)},
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
    "restrictIncident": lambda w: {"reference": _incident(w, "noteIncident", text="Rang"), "persons": [_worker(w)]},
    "unrestrictIncident": lambda w: {"reference": _restricted(w)},
    "letInIncident": lambda w: {"reference": _restricted(w), "person": _worker(w, AccountRole.MANAGER)},
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
    "reportProblems": lambda w: {
        "problems": [problem_text(int(w.node.problems.find(ProblemSearch(), now=w.now).keys[0]))],
        "note": "They say it is fixed, and it is seen again.",
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
        "reference": do(w, "recordConsentInboxReport", **EXAMPLES["recordConsentInboxReport"](w)) and _inbox_report(w),
        "release": 1, "reason": "By phone",
    },
    "recordOrderInboxReport": lambda w: {"reference": _inbox_report(w), "scope": "police", **_given(w)},
    "addNotice": _notice,
    "answerNotice": lambda w: {"reference": ACTS["addNotice"].function(
        context(w, "addNotice"), read_request(ACTS["addNotice"], _notice(w))).reference, "text": "Isolate it"},
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
"""For each act that can be undone, something that it can be done to."""


@pytest.mark.parametrize("operation", sorted(ACTS))
def test_each_act_can_be_undone_or_is_taken_back_or_asks(operation: str) -> None:
    how = ACTS[operation].undo
    if how is None:
        assert operation in OTHERWISE, "say in Act.undo how it is undone, or why it cannot be"
    elif callable(how):
        assert operation in EXAMPLES, "give an example of what it is done to"
        assert how(1)
        assert operation not in OTHERWISE
    else:
        assert isinstance(how, NoUndo | Reverse)
        assert how in {act.name for act in ACTS.values()} if isinstance(how, Reverse) else how.endswith(".")


@pytest.mark.parametrize("operation", sorted(EXAMPLES))
def test_what_is_undone_is_as_before_but_for_the_entries(world: World, operation: str) -> None:
    values = EXAMPLES[operation](world)
    before = state(world)
    number = do(world, operation, **values)
    assert state(world) != before
    world.now += TIME - timedelta(seconds=1)
    done = take_back(world, number)
    after = state(world)
    if operation == "repeatDelivery":  # its reference may have been read: it stays, and never leaves
        made = [row for row in after["delivery"] if row not in before["delivery"]]
        after["delivery"] = [row for row in after["delivery"] if row not in made]
        assert len(made) == 2
        assert newest(world).state == "dropped"
    assert after == before
    assert done.subjects
    for subject in done.subjects:
        *_, last, undone = words_for(world, subject)
        assert (last in ACTS[operation].audit, undone) == (True, "act.undone")


def test_a_mute_that_took_the_place_of_another_gives_it_back(world: World) -> None:
    values = _muted(world)
    before = state(world)
    take_back(world, do(world, "muteForTeam", **values, days=30))
    assert state(world) == before


def test_the_time_is_over_and_nothing_is_undone_twice(world: World) -> None:
    reference = put(world, state="held")
    first = do(world, "releaseDelivery", reference=(reference,))
    take_back(world, first)
    with pytest.raises(ConflictError, match="undone already"):
        take_back(world, first)
    second = do(world, "releaseDelivery", reference=(reference,))
    world.now += TIME
    before = state(world)
    with pytest.raises(ConflictError, match="too late"):
        take_back(world, second)
    assert state(world) == before


def test_another_persons_act_looks_like_one_that_is_not_there(world: World) -> None:
    number = do(world, "releaseDelivery", reference=(put(world, state="held"),))
    for who, more in (("person:2", {}), ("person:1", {"may": lambda _: False})):
        with pytest.raises(NotFoundError, match="nothing to undo"):
            take_back(world, number, who, **more)
    with pytest.raises(NotFoundError):
        take_back(world, number + 1)
    assert newest(world).state == "queued"


def test_what_somebody_else_changed_since_is_not_undone_and_nothing_else_either(world: World) -> None:
    digest, letter = put(world, state="held"), _letter(world, LetterState.HELD)
    number = do(world, "releaseDelivery", reference=(letter, digest))
    with world.node.database.begin() as session:
        hold(session, session.get_one(Delivery, newest(world).id), reason="Stop", actor="person:2", now=world.now)
    before = state(world)
    with pytest.raises(ConflictError, match=f"{digest} changed since"):
        take_back(world, number)
    assert state(world) == before


def test_nothing_leaves_before_its_undo_is_over_and_then_once(world: World) -> None:
    do(world, "releaseDelivery", reference=(put(world, state="held"), _letter(world, LetterState.HELD)))
    again = do(world, "repeatDelivery", reference=(newest(world, "nat-a").reference,))
    start = world.now
    for seconds in (0, 59, 60, 64.9):
        world.now = start + timedelta(seconds=seconds)
        assert world.tell() == {}
    world.now = start + TIME + GRACE
    before = len(list(world.node.mails.rglob("*.eml")))
    assert set(world.tell()) == {OPERATOR, "csirt@nat-a.example"}
    assert len(list(world.node.mails.rglob("*.eml"))) == before + 2  # the digest's own file is there already
    assert world.tell() == {}
    with pytest.raises(ConflictError):
        take_back(world, again)


def test_what_was_undone_never_leaves_and_what_left_is_not_undone(world: World) -> None:
    undone = do(world, "releaseDelivery", reference=(put(world, state="held"),))
    again = do(world, "repeatDelivery", reference=(newest(world, "nat-a").reference,))
    for number in (undone, again):
        take_back(world, number)
    world.now += timedelta(hours=1)
    assert world.tell() == {}
    left = do(world, "releaseDelivery", reference=(newest(world).reference,), holds=False)
    world.tell()
    with pytest.raises(ConflictError, match="changed since"):
        take_back(world, left)


def test_a_release_by_command_holds_nothing_and_the_newest_is_undone_without_a_number(world: World) -> None:
    reference, tocsin = put(world, state="held"), world.tocsin
    tocsin.run("deliveries", "release", reference)
    assert tocsin.run("undo") == "Undone: 1 mail released; leaves shortly.\n"
    assert newest(world).state == "held"
    assert tocsin.call("undo")[0] == 1
    tocsin.run("deliveries", "release", reference)
    tocsin.run("deliver")
    assert newest(world).state == "sent"


def test_no_undo_where_the_settings_say_so(world: World) -> None:
    tell = world.node.settings.tell.model_copy(update={"undo_seconds": 0})
    node = replace(world.node, settings=world.node.settings.model_copy(update={"tell": tell}))
    made = replace(context(world, "releaseDelivery"), node=node)
    ACTS["releaseDelivery"].function(
        made, read_request(ACTS["releaseDelivery"], {"reference": (put(world, state="held"),)})
    )
    assert (made.undos, made.not_before, newest(world).next_try_at) == ([], None, None)


def test_a_release_takes_two_persons_where_the_settings_say_so(world: World) -> None:
    tell = world.node.settings.tell.model_copy(update={"second_person": True})
    node = replace(world.node, settings=world.node.settings.model_copy(update={"tell": tell}))
    reference, act = put(world, state="held"), ACTS["releaseDelivery"]

    def press(actor: str) -> ActContext:
        made = replace(context(world, "releaseDelivery", actor), node=node)
        act.function(made, read_request(act, {"reference": (reference,)}))
        return made

    first = press("person:1")
    assert (newest(world).state, newest(world).approved_by) == ("held", "person:1")
    with pytest.raises(ConflictError, match="another person must release it"):
        press("person:1")
    assert take_back(world, first.undos[0]).said == "1 mail approved; a second person must release it"
    press("person:1")
    press("person:2")
    assert newest(world).state == "queued"
    words = words_for(world, f"delivery:{reference}")
    assert words[-4:] == ["delivery.approved", "act.undone", "delivery.approved", "delivery.released"]
    with world.node.database.begin() as session:
        hold(session, session.get_one(Delivery, newest(world).id), reason="", actor="person:1", now=world.now)
    press("person:2")
    assert (newest(world).state, newest(world).approved_by) == ("held", "person:2")


def test_the_api_says_the_number_and_undoes_it(world: World) -> None:
    reference = put(world, state="held")
    with caller(world, AccountRole.ANALYST) as client:
        done = client.post(f"/deliveries/{reference}/release")
        number = done.headers["Tocsin-Undo"]
        assert newest(world).next_try_at is None  # a program's release holds nothing
        undone = client.post(f"/undo/{number}")
        assert (undone.status_code, undone.json()["subjects"]) == (200, [f"delivery:{reference}"])
        assert client.post(f"/undo/{number}").status_code == 409
    assert newest(world).state == "held"


@pytest.fixture
def people(world: World) -> Iterator[Callable[[AccountRole], Browser]]:
    application = make_application(world.node, clock=lambda: world.now)
    with ExitStack() as stack:
        yield lambda role: stack.enter_context(browser_of(application, world.node, role, now=world.now))


def test_a_page_offers_it_and_says_what_was_undone(world: World, people: Callable[[AccountRole], Browser]) -> None:
    analyst, manager = people(AccountRole.ANALYST), people(AccountRole.MANAGER)
    reference = put(world, state="held")
    went = analyst.send("/deliveries/act", act="release", reference=reference).headers["location"]
    assert went.startswith(f"/deliveries/{reference}?undo=")
    page, number = analyst.get(went).text, went.rpartition("=")[2]
    assert 'data-undo="60"' in page
    assert f'action="/undo/{number}"' in page
    assert "data-undo" not in manager.get(went).text
    assert manager.send(f"/undo/{number}").status_code == 404
    back = analyst.send(f"/undo/{number}", back_to=f"/deliveries/{reference}")
    assert (back.status_code, back.headers["location"]) == (303, went)
    assert "Undone: 1 mail released" in text_of(analyst.get(went))
    again = analyst.send(f"/undo/{number}", back_to="/deliveries")
    assert (again.status_code, "undone already" in text_of(again)) == (409, True)
    assert newest(world).state == "held"
    went = analyst.send("/deliveries/act", act="release", reference=reference).headers["location"]
    world.now += TIME
    assert "data-undo" not in analyst.get(went).text
    late = analyst.send(f"/undo/{went.rpartition('=')[2]}", back_to="/deliveries")
    assert (late.status_code, "too late" in text_of(late)) == (409, True)


def test_several_are_undone_together(world: World, people: Callable[[AccountRole], Browser]) -> None:
    analyst = people(AccountRole.ANALYST)
    names = [put(world, state="held"), _letter(world, LetterState.HELD)]
    went = analyst.send("/deliveries/act", act="release", reference=names).headers["location"]
    assert "2 mails released" in text_of(analyst.get(went))
    analyst.send(f"/undo/{went.rpartition('=')[2]}")
    with world.node.database.reading() as session:
        assert (newest(world).state, session.scalars(select(Letter.state)).all()) == ("held", ["held"])


def test_a_kill_leaves_an_act_and_its_undo_whole(world: World) -> None:
    reference = put(world, state="held")

    def run(*words: str, cut: str = "") -> None:
        done = command(world.node.home, *words, environment={**os.environ, "TOCSIN_CUT": cut})
        assert done.wait() == (KILLED if cut else 0), done.said

    before = state(world)
    run("deliveries", "drop", reference, "--reason", "No", cut="undo.keeping")
    assert state(world) == before
    run("deliveries", "drop", reference, "--reason", "No")
    dropped = state(world)
    run("undo", cut="undo.undoing")
    assert state(world) == dropped
    run("undo")
    assert state(world) == before


def test_what_is_released_is_sent_once_whatever_kills_the_process(world: World) -> None:
    reference, clock = put(world, state="held"), datetime.now(UTC)  # a command has the machine's clock

    def deliver(*cuts: str) -> int:
        """Deliver, killed at each of these points; how many mails there are."""
        for cut in (*cuts, ""):
            done = command(world.node.home, "deliver", environment={**os.environ, "TOCSIN_CUT": cut})
            assert done.wait() == (KILLED if cut else 0), done.said
        return len(list(world.node.mails.rglob(f"{reference}.eml")))

    for path in world.node.mails.rglob(f"{reference}.eml"):
        path.unlink()
    with world.node.database.begin() as session:
        one = session.get_one(Delivery, newest(world).id)
        release(session, [one], actor="person:1", now=clock, not_before=clock + timedelta(hours=1))
    assert deliver("deliver.claiming", "deliver.claimed") == 0
    with world.node.database.begin() as session:
        session.get_one(Delivery, newest(world).id).next_try_at = clock
    assert deliver("deliver.claimed", "deliver.sent", "deliver.noting", "deliver.noted") == 1
    assert newest(world).state == "sent"


def test_what_a_purge_took_does_not_come_back(world: World) -> None:
    _muted(world)
    world.tocsin.run("purge", newest(world).reference, "--reason", "It must not be here")
    with world.node.database.reading() as session:
        assert session.scalars(select(UndoRecord)).all() == []


def test_undo_knows_only_acts_of_the_list() -> None:
    undoable = {act.operation for act in ACTS.values() if callable(act.undo)}
    assert undoable == set(EXAMPLES)
    assert set(OTHERWISE) <= set(ACTS)
    assert not set(OTHERWISE) & undoable
