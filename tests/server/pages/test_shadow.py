"""A restricted incident casts no shadow: for whoever it does not name, a node with it is a node without it.

Two nodes are copies of one; in the second there is a restricted incident with all that one can have. Every page and
route of the API says the same there, to every role, and every command. Left out of the comparison are words drawn at
random, the numbers of entries in the audit log and how many it has, which its seals count.

An analyst asks for all of it, another role for all that an analyst may not see and for every other page of the rest;
with ``TOCSIN_WHOLE=1`` for all.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from support.console_users import Browser, browser_of, person
from support.furnished_node import furnish
from support.page_examples import OWN, QUERIES
from support.routes import Door, doors
from support.sizes import WHOLE
from support.world import World, copy_world
from tocsin.assets import match_observables
from tocsin.incidents import (
    IncidentEntryKind,
    IncidentReader,
    ObservableKind,
    acts,
    add_entry,
    add_incident,
    add_observable,
    add_party,
    add_task,
)
from tocsin.incidents.arrivals import (
    Notice,
    ReleaseGround,
    ReleaseScope,
    ReportDoor,
    ReportForm,
    ReportKind,
    add_report,
    put_into,
    ticket_named,
)
from tocsin.incidents.arrivals.basis import add_release
from tocsin.incidents.duty import call_outs
from tocsin.incidents.evidence import EvidenceKind, LegalHold
from tocsin.incidents.evidence.write import add_hold, add_item
from tocsin.incidents.models import Incident, IncidentPopulation, IncidentTask, Party
from tocsin.incidents.severity import acts as severity_acts
from tocsin.incidents.states import UNDER_WAY
from tocsin.incidents.takedowns import acts as takedown_acts
from tocsin.incidents.threads import acts as thread_acts
from tocsin.incidents.write import add_alias
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole, Principal
from tocsin.node.records import open_seal_key, seal
from tocsin.node.tokens import open_tokens
from tocsin.pipeline.call_outs import look_for_call_outs
from tocsin.pipeline.search import Searcher, answer_lines
from tocsin.server.pages.today.figures import state_token
from tocsin.server.server import make_application
from tocsin.sharing.lookup import ResponsibilityLookup

WORD: Final = "Kanarienvogel"
SHARED: Final = "http://evil.example/x"
"""An observable of an incident that everybody reads, too."""

ADDRESS: Final = "http://kanarienvogel.example/kit"
ROLES: Final = (
    AccountRole.ANALYST, AccountRole.MANAGER, AccountRole.ADMINISTRATOR, AccountRole.AUDITOR, AccountRole.OPERATOR,
    AccountRole.NOBODY,
)  # fmt: skip
_LEFT_OUT: Final = {"/today/live", "/account/second-factor"}  # never ends; shows a secret drawn for each answer
_RANDOM: Final = re.compile(
    r'"(?:instance|challenge)": ?"[^"]*"|name="(?:made|once|csrf)"(?: id="\w+")? value="[^"]*"'
    r'|(?:made|csrf|cursor)=[\w.~-]+|"next": ?"[^"]*"|tocsin_(?:requests|request_seconds)\S* \S+'
    r"|who runs this server: [0-9a-f]{12}"
    r"|[\d-]{10}T[\d:]{8}\.\d+|\+00:00\" dir=\"ltr\">[\d-]{10} [\d:]{5}|[\d.]+ GB free"
)
"""Drawn or measured anew for each answer; the last are times of a clock that is not the node's."""

_NUMBERS: Final = re.compile(
    r'(?<=before=)\d+|(?<="number": )\d+|(?<="id":)\d+|<tr id="log-\d+"><th scope="row" class="n">\d+|[0-9a-f]{64}'
    r'|<dt>Entries</dt><dd>\d+|data-token="[\d.]+"'
)
"""Of entries in the audit log, and how many it has; hashes of its seals."""


@dataclass(frozen=True)
class Restricted:
    """The incident, and the numbers of whom it names."""

    reference: str
    child: str
    lead: int
    guest: int


@dataclass(frozen=True)
class Twins:
    """A node without the incident and one with it; ``paths``: what is asked for of each door."""

    without: World
    with_it: World
    restricted: Restricted
    paths: list[tuple[Door, str]]
    applications: tuple[FastAPI, FastAPI]


@pytest.fixture(scope="module")
def twins(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    folder = tmp_path_factory.mktemp("twins")
    first = copy_world(fresh, folder / "first")
    with (first.node.home / "tocsin.toml").open("a") as file:
        file.write("[api]\npublic_a_minute = 1000000\n")
    with first.open:
        examples = furnish(first)
        open_seal_key(first.node.home)  # of both
        lead, guest = (
            person(first.node, role, now=first.now, mailbox=f"{role}@inside.example")
            for role in (AccountRole.ANALYST, AccountRole.MANAGER)
        )
        first.node.database.close()
    worlds = [copy_world(folder / "first", folder / name) for name in ("without", "with")]
    without, with_it = worlds
    restricted = restrict(with_it, lead, guest)
    with ExitStack() as stack:
        for world in worlds:
            stack.enter_context(world.open)
            match_observables(world.node, first.now)  # in one of them the incident touches a critical asset
            seal(world.node.database, open_seal_key(world.node.home), now=world.now, home=world.node.home)
        applications = [make_application(world.node, clock=lambda: first.now) for world in worlds]
        found = doors(applications[0])
        paths = [
            (door, path)
            for door in found
            if door.method == "GET" and door.path not in _LEFT_OUT
            for path in asked(door, examples, restricted)
        ]
        yield Twins(without, with_it, restricted, paths, (applications[0], applications[1]))


def asked(door: Door, examples: dict[str, Any], restricted: Restricted) -> Iterator[str]:
    """What is there, and where a door leads to an incident, the restricted one; what searches for it."""
    example = examples.get(door.path)
    yield (example.at if example else door.path) + QUERIES.get(door.path, "")
    if "/incidents/{reference}" in door.path:
        yield re.sub(r"\{[^}]+\}", "1", door.path.replace("{reference}", restricted.reference, 1)) + QUERIES.get(
            door.path, ""
        )
    yield from (f"{door.path}?{query}" for query in _SEARCHES.get(door.path, ()))
    if door.path in _SUBJECTS:
        yield f"{door.path}?subject=incident:{restricted.reference}"
        yield f"{door.path}?subject=incident"


_SEARCHES: Final = {
    **dict.fromkeys(("/search", "/search.json", "/api/v1/search"), (f"q={WORD}", f"q={ADDRESS}", f"q={OWN}")),
    "/incidents": (f"words={WORD}", "state=all", "need=access", "need=sighting", "need=task", "need=waiting"),
    "/clocks": ("stage=over", "stage=most", "stage=half"),
    "/api/v1/incidents": (f"words={WORD}",),
    "/takedowns": ("state=all", "need=due", f"host={WORD}"),
    "/api/v1/takedowns": ("due=true",),
    "/deliveries": (f"text={WORD}", "show=letters"),
    **dict.fromkeys(("/duty/call-outs", "/api/v1/duty/call-outs"), ("state=open",)),
    "/reports/public": (f"words={WORD}", "state=all"),
}  # fmt: skip
_SUBJECTS: Final = {"/audit", "/api/v1/audit", "/today/items", "/comments"}


def restrict(world: World, lead: int, guest: int) -> Restricted:
    """Make the incident with something of every kind; the guest lets himself in, and others are written to."""
    by: dict[str, Any] = {"actor": f"person:{lead}", "now": world.now}
    past = world.now - timedelta(days=1)
    with world.node.database.begin() as session:
        made = add_incident(session, title=f"{WORD} at the ministry", members=[lead], lead=lead, tlp="RED", **by)
        child = add_incident(session, title=f"{WORD} again", members=[lead], **by)
        child.compartment_id = made.compartment_id
        add_party(
            session, made, role="victim", team=1, name=WORD, mailbox="it@kanarienvogel.example", phone="+230 5555 0111",
            language="en", ceiling="RED", now=world.now,
        )  # fmt: skip
        add_task(session, made, f"Ask {WORD}", owner=lead, due_at=past, now=world.now)
        add_task(session, made, f"Ring {WORD}", owner=None, due_at=past, now=world.now)
        for kind, value in ((ObservableKind.URL, ADDRESS), (ObservableKind.IP, OWN), (ObservableKind.URL, SHARED)):
            observable = add_observable(session, made, kind, value, role="indicator", tlp="RED", now=world.now)
            assert observable
            observable.unreviewed_since = past
        add_entry(session, made, IncidentEntryKind.NOTE, text=f"{WORD} rang", **by)
        content = f"{WORD} wrote this log".encode()
        item: dict[str, Any] = {"sha256": world.node.incident_evidence.put(content), "size": len(content), "kept": True}
        add_item(session, made, name=f"{WORD}.log", kind=EvidenceKind.FILE, seal=WORD, now=world.now, **item)
        add_hold(session, made, ordered_by=f"Court of {WORD}", order_reference=WORD, until=None, now=world.now)
        custody = {"act": "received", "evidence": 1, "name": f"{WORD}.log", "sha256": item["sha256"]}
        add_entry(session, made, IncidentEntryKind.EVIDENCE, data=custody, **by)
        made.waiting_for, made.waiting_until, made.state = WORD, past, "waiting"
        made.severity = "critical"  # the rule of the furnished node calls for it
        add_alias(session, made, f"CERT #{WORD}")
        director = add_party(
            session, made, role="reporter", team=None, name=WORD, mailbox="director@kanarienvogel.example", phone="",
            language="en", ceiling="RED", now=world.now,
        )  # fmt: skip
        filed = ReportForm(
            ReportKind.OTHER, f"{WORD} rang about {ADDRESS} and {OWN}", place=WORD, door=ReportDoor.PHONE, sender=WORD,
            phone="+230 5555 0111", ring_back_at=past,
        )  # fmt: skip
        ticket = ticket_named("shadow", open_tokens(world.node.home))
        report = add_report(session, ticket, filed, now=world.now, actor=f"person:{lead}")
        put_into(session, report, made, person=lead, **by)
        session.add(
            Notice(
                report_id=report.id,
                team_id=1,
                law="nis2",
                kind="early_warning",
                chain=report.reference,
                version=1,
                superseded=False,
                fields={"what": WORD},
                door="phone",
                received_at=past,
                filed_by=f"person:{lead}",
            )
        )
        add_release(
            session, report, ReleaseGround.CONSENT, scope=ReleaseScope.BOTH, given_by=WORD, means=WORD, given_at=past,
            person=lead, now=world.now,
        )  # fmt: skip
        found = Restricted(made.reference, child.reference, lead, guest)
    _work(world, found, director.id)
    with world.node.database.reading() as session:
        called = call_outs(session, IncidentReader(lead, world.now))
        assert found.reference in {one.subject for one in called}
    return found


def _work(world: World, found: Restricted, director: int) -> None:
    """Do with it what is an act of its own."""
    lead, guest, past = found.lead, found.guest, world.now - timedelta(days=1)
    mail = {"subject": WORD, "text": f"{WORD}, please look.", "to_person": True}
    act(world, "lookUpObservablesOfIncident", lead, reference=found.reference)
    act(world, "attachAffectedSystems", lead, reference=found.reference, matching=f"address={OWN}", once=WORD)
    act(world, "sendIncidentMail", lead, reference=found.reference, party=director, **mail)
    act(world, "startClockOfIncident", lead, reference=found.reference, rule="nis2-23-a", at=past, entity=director)
    act(world, "rateIncidentByScheme", lead, reference=found.reference, answers=["impact=serious"], comment=WORD)
    kit = {"text": f"{ADDRESS} {OWN}", "ground": "phishing", "basis": WORD, "necessity": WORD, "how": WORD}
    kits = act(world, "proposeTakedowns", lead, reference=found.reference, **kit).takedowns
    act(world, "askTakedowns", lead, reference=found.reference, takedowns=kits, tlp="AMBER")
    act(world, "objectTakedowns", lead, reference=found.reference, takedowns=kits, reason=WORD)
    act(world, "mergeIncident", lead, reference=found.child, into=found.reference)
    act(world, "letMeInIncident", guest, reference=found.reference, reason="Nobody else is on duty now")
    act(world, "addTaskOfIncident", lead, reference=found.reference, text=f"{WORD} learns", due_at=past, lesson=True)
    act(world, "setCauseIncident", lead, reference=found.reference, root_cause="supplier")
    act(world, "milestoneIncident", lead, reference=found.reference, milestone="contained")
    act(world, "startPlaybookOfIncident", lead, reference=found.reference, playbook="ransomware")
    act(world, "renameIncident", lead, reference=found.reference, title=f"{WORD} at two ministries")
    _merge_into_open(world, lead)
    look_for_call_outs(world.node, world.now)


def _merge_into_open(world: World, lead: int) -> None:
    """Another restricted incident, merged into one that everybody reads, and worked on from there."""
    hidden = act(world, "openIncident", lead, title=WORD, only=[str(lead)]).reference
    note = act(world, "noteIncident", lead, reference=hidden, text=WORD).entry
    act(world, "addTaskOfIncident", lead, reference=hidden, text=WORD)
    act(world, "addPartyOfIncident", lead, reference=hidden, role="victim", name=WORD)
    act(world, "addLegalHoldOfIncident", lead, reference=hidden, ordered_by=WORD)
    act(world, "attachAffectedSystems", lead, reference=hidden, matching=f"address={OWN}")
    with world.node.database.reading() as session:
        newest = {
            of: session.scalar(select(func.max(of.id))) for of in (IncidentTask, Party, LegalHold, IncidentPopulation)
        }
        open_to_all = Incident.compartment_id == 0, Incident.state.in_(UNDER_WAY)
        into = session.scalars(select(Incident.reference).where(*open_to_all).order_by(Incident.id)).first()
    assert into
    act(world, "mergeIncident", lead, reference=hidden, into=into)
    for operation, values in {
        "correctIncident": {"entry": note, "text": f"{WORD} once more"},
        "finishTaskOfIncident": {"task": newest[IncidentTask], "result": WORD},
        "leavePartyOfIncident": {"party": newest[Party]},
        "liftLegalHoldOfIncident": {"hold": newest[LegalHold], "reason": WORD},
        "detachAffectedSystems": {"population": newest[IncidentPopulation]},
    }.items():
        act(world, operation, lead, reference=into, **values)


def act(world: World, operation: str, number: int, **values: Any) -> Any:
    known = (*acts.ACTS, *severity_acts.ACTS, *thread_acts.ACTS, *takedown_acts.ACTS)
    of = next(one for one in known if one.operation == operation)
    return of.function(
        ActContext(world.node, world.now, f"person:{number}", "Lead", number, act=of), read_request(of, values)
    )


def said(browser: Browser, path: str, world: World) -> tuple[int, str, str]:
    answer = browser.client.get(path, follow_redirects=False)
    text = answer.text.replace(str(world.folder), "")
    return answer.status_code, plain(answer.headers.get("location", "")), plain(text)


def plain(text: str) -> str:
    """An answer without what differs each time."""
    return _NUMBERS.sub("", _RANDOM.sub("", text))


@pytest.mark.parametrize("role", ROLES)
def test_every_page_and_route_says_the_same_to_whom_it_does_not_name(twins: Twins, role: AccountRole) -> None:
    now, different, compared = twins.without.now, [], 0
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(browser_of(application, world.node, role, now=now, teams=(4,)))
            for application, world in zip(twins.applications, (twins.without, twins.with_it), strict=True)
        )
        for door, path in asked_by(twins, role):
            if door.act is not None and door.lets_in(role) is None:
                continue
            answers = said(one, path, twins.without), said(other, path, twins.with_it)
            compared += answers[0][0] == 200
            if answers[0] != answers[1] or (WORD in answers[1][2] and WORD not in path):
                different.append((path, answers[0][0], answers[1][0], first_difference(answers[0][2], answers[1][2])))
    assert different == []
    assert compared > (5 if role in {AccountRole.OPERATOR, AccountRole.NOBODY} else 60)


def asked_by(twins: Twins, role: AccountRole) -> list[tuple[Door, str]]:
    """What a role asks for, in the size of CI."""
    whole = WHOLE or role is AccountRole.ANALYST
    half = ROLES.index(role) % 2
    return [
        (door, path)
        for at, (door, path) in enumerate(twins.paths)
        if whole or at % 2 == half or not door.lets_in(AccountRole.ANALYST)
    ]


def first_difference(one: str, other: str) -> tuple[str, str]:
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[max(0, at - 60) : at + 60], other[max(0, at - 60) : at + 60]


@pytest.mark.parametrize(
    "query", [WORD, f"{WORD} rang", ADDRESS, "hxxp://kanarienvogel[.]example/kit", "REFERENCE", "ministries"]
)
def test_whom_it_names_finds_it(twins: Twins, query: str) -> None:
    """Else the comparison would be of two empty answers."""
    reference, lead = twins.restricted.reference, twins.restricted.lead
    visitor = Principal(AccountRole.ANALYST, lead)
    guide = ResponsibilityLookup(twins.with_it.node, lambda: twins.with_it.now)
    found = Searcher(twins.with_it.node, guide, visitor, lambda: twins.with_it.now).answer(
        query.replace("REFERENCE", reference)
    )
    assert reference in {hit.name for hit in found.hits}


@pytest.mark.parametrize("words", [
    "incidents list", "incidents list --state merged", "incidents show REFERENCE", "takedowns list", "takedowns hosts",
    f"search {WORD}",
    f"search {ADDRESS}", f"search {OWN}", "search REFERENCE", "audit list --limit 500",
    "audit list --subject incident", "audit export",
    "statistics", "todo list", "inbox list", "notices list", "clocks running", "deliveries letters",
    "evidence verify", "evidence list REFERENCE", "incidents export REFERENCE --format csv",
    "people list", "undo list", "status", "doctor",
])  # fmt: skip
def test_every_command_prints_the_same(twins: Twins, words: str) -> None:
    asked_for = [word.replace("REFERENCE", twins.restricted.reference) for word in words.split()]
    one, other = (printed(world, asked_for) for world in (twins.without, twins.with_it))
    assert one == other


def printed(world: World, words: list[str]) -> list[str]:
    return [plain(str(one).replace(str(world.folder), "")) for one in world.tocsin.call("--json", *words)]


def test_pasted_lines_do_not_say_where_they_were_observed(twins: Twins) -> None:
    lines = f"{OWN}\n{ADDRESS}\nkanarienvogel.example"
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(browser_of(application, world.node, AccountRole.ANALYST, now=world.now))
            for application, world in zip(twins.applications, (twins.without, twins.with_it), strict=True)
        )
        pages = [plain(browser.send("/search", lines=lines).text) for browser in (one, other)]
    assert pages[0] == pages[1]
    visitor = Principal(AccountRole.ANALYST, twins.restricted.lead)
    guide = ResponsibilityLookup(twins.with_it.node, lambda: twins.with_it.now)
    guide.renew()
    guide.settle()
    searcher = Searcher(twins.with_it.node, guide, visitor, lambda: twins.with_it.now)
    named = [[reference for reference, _ in line.incidents] for line in answer_lines(searcher, lines.splitlines())]
    assert named == [[twins.restricted.reference], [twins.restricted.reference], []]


def test_the_stream_of_changes_does_not_stir(twins: Twins) -> None:
    node = twins.with_it.node
    before = state_token(node)
    act(twins.with_it, "noteIncident", twins.restricted.lead, reference=twins.restricted.reference, text="Rang again")
    assert state_token(node) == before
