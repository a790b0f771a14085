"""A node with something of every kind on it."""

from email.message import EmailMessage
from typing import Any

from sqlalchemy import select

from support.assets import FIELDS, Keeper, switch_on
from support.cast import HEADER
from support.console_users import person
from support.duty_example import make_duty
from support.incident_mails import answer_to_id, make_case
from support.ledger_examples import agreement_of, sent
from support.page_examples import EXAMPLES, FOREIGN, NOBODYS, OPERATOR, OWN, SECTOR, Example, fill
from support.world import World
from tocsin.delivery import Delivery
from tocsin.delivery.never_held import Reference, ReferenceState, find_reference, note_reference
from tocsin.directory import teams_by_id
from tocsin.directory.claims import make_claim
from tocsin.incidents import (
    IncidentEntryKind,
    ObservableKind,
    add_entry,
    add_incident,
    add_observable,
    add_party,
    add_task,
    mail_context,
)
from tocsin.incidents.arrivals import (
    PublicReport,
    ReportAttachment,
    ReportForm,
    ReportKind,
    file_report,
    form_word,
    ticket_of,
)
from tocsin.incidents.clocks import ClockStart, parsed
from tocsin.incidents.clocks.adoption import adopt_text
from tocsin.incidents.clocks.write import ClockBeginning, start_clock, writer_for
from tocsin.incidents.evidence import EvidenceKind
from tocsin.incidents.evidence.write import add_hold, add_item
from tocsin.incidents.models import IncidentPopulation
from tocsin.incidents.notices import acts as notice_acts
from tocsin.incidents.playbooks import acts as playbook_acts
from tocsin.incidents.takedowns import acts as takedown_acts
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.paths import HomeFolder
from tocsin.node.tokens import open_tokens
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.uploads import arrive
from tocsin.problems import ProblemSearch, problem_text
from tocsin.problems.answers import AnswerVerdict, Via, record_answer, told_problems
from tocsin.problems.replies import file_mail
from tocsin.sharing.rules import set_rules

_PILLARS = """\
A text

1.\tPillars
a) Share warnings with everybody.

· Aland, Government: Share warnings with those concerned.

b) Keep logs for a year.
"""


def furnish(world: World) -> dict[str, Example]:
    """Let the node hear, tell and be written to, and give the example of each address."""
    world.hear(OWN, FOREIGN, NOBODYS)
    world.tell()
    things = {
        "team": (OPERATOR, SECTOR, "nobody"),
        "kind": ("money", "money", "nothing"),
        "clock text": ("nis2", "nis2", "nothing"),
        "CSIRT": ("nat-a", "nat-a", "nobody"),
        "country": ("MU", "MU", "ZZ"),
        "network": ("192.0.2.0/24", "198.51.100.0/24", "nowhere"),
        "event": ("1-1", "1-2", "1-999"),
        "problem": _problem(world),
        "purge": ("event:1-1", "event:1-1", "event:1-999"),
        "ingest": ("2", "2", "999"),
        "row": (broken_row(world), "2 0", "999 0"),
        "alarm": ("1", "1", "999"),
        "feed": ("shadowserver scan_rdp", "shadowserver scan_rdp", "shadowserver nothing"),
        "known feed": ("ci_army", "ci_army", "nothing"),
        "view": ("1", "1", "999"),
        "undo": ("1", "1", "999"),
        "person": (f"{person(world.node, AccountRole.ANALYST, now=world.now)} block", "999 block", "999 block"),
        "version": _rules(world),
        **_incident_mails(world),
        **_deliveries(world),
        **_claims(world),
        **inbox_reports(world),
        **_incidents(world),
        **make_duty(world),
        **_inbox_mail(world),
        "playbook": ("ransomware", "ransomware", "nothing"),
        "notice": _notices(world),
        "answer": _answers(world),
        "never held": _never_held(world),
        "upload": _upload(world),
        "text": (_text(world), "pillars", "nothing"),
        "provision": ("pillars P.a", "pillars P.a", "pillars P.z"),
        "step": ("pillars 2", "pillars 2", "pillars 99"),
        "assessment": ("1", "1", "999"),
        "question": ("1 a.1.1", "1 a.1.1", "999 a.1.1"),
        "framework": ("c5 1.0", "c5 1.0", "c5 9.9"),
        "framework file": ("c5", "c5", "nothing"),
        "report file": ("1 csv", "1 csv", "999 csv"),
        "evidence": _assessment(world),
        "index": (_index(world), "example", "nothing"),
        "index unit": ("example MUS csv", "example MUS csv", "example ZZZ csv"),
        **_assets(world),
        **_partners(world),
    }
    return {path: Example(fill(path, things[kind][0]), *things[kind]) for path, kind in EXAMPLES.items()}


def _partners(world: World) -> dict[str, tuple[str, str, str]]:
    """A partner with a key to confirm, an item that it offered, and a dispatch to it."""
    sent(world)
    agreement_of(world)
    return {
        "agreement": ("1", "1", "999"),
        "partner": ("1", "1", "999"), "partner key": ("1 1", "1 1", "999 1"), "dispatch": ("1", "1", "999"),
        "offered file": ("1 1", "1 1", "999 1"),
    }  # fmt: skip


def _assets(world: World) -> dict[str, tuple[str, str, str]]:
    """A register: an asset of the operator, one of another that needs it, a change to review, a sheet to approve."""
    switch_on(world)
    keeper, teams = Keeper(world), {team.key: number for number, team in teams_by_id(world.node.database).items()}
    own, foreign = keeper.add(**FIELDS), keeper.add("Cranes", team=SECTOR, needs="Harbour power; electricity; 2019")
    Keeper(world, AccountRole.OPERATOR, (teams[OPERATOR],)).do("change", asset=own, **{**FIELDS, "site": "Quay 5"})
    keeper.do("ask", asset=(own, foreign), holder="Safe of the duty room")
    return {
        "asset": (str(own), str(foreign), "999"),
        "change of asset": ("1", "1", "999"),
        "call sheet": ("1", "1", "999"),
    }


def broken_row(world: World) -> str:
    """A report with a row that cannot be read; which one it is."""
    path = world.folder / f"{world.now:%Y-%m-%d}-scan_rdp-broken-geo.csv"
    rows = [f'"{world.now:%Y-%m-%d} 05:00:00","medium","{OWN}","tcp",3389,,"rdp",64500,"MU",,', '"","","no address",,,']
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    assert ingest(world.node, [path], clock=lambda: world.now).counts.quarantined == 1
    return "2 0"  # places count from 0


def _problem(world: World) -> tuple[str, str, str]:
    found = world.node.problems.find(ProblemSearch(address=OWN), now=world.now)
    own = problem_text(int(found.keys[0]))
    return own, own, "0" * 16


def _incident_mails(world: World) -> dict[str, tuple[str, str, str]]:
    """A party that answered, and a stranger in its place; the foreign incident is restricted to somebody else."""
    case = make_case(world, {"Lagoon Hospital": "it@hospital.example"})
    case.do("send", party="Lagoon Hospital", subject="Your file server", text="Please look at your file server.")
    sent = case.thread("Lagoon Hospital")[1][0]
    for sender in ("it@hospital.example", "doctor@home.example"):
        case.receive(answer_to_id(sent.message_id, "We look at it.", sender=sender))
    party, mail = case.parties["Lagoon Hospital"], case.thread("Lagoon Hospital")[1][-1].id
    other = make_case(world, {"Ministry": "it@ministry.example"}, members=(999_999,))
    mine, foreign, none = case.reference, other.reference, "INC-0000-0000"
    return {
        "mailed incident": (mine, foreign, none),
        "mailed party": (f"{mine} {party}", f"{foreign} {other.parties['Ministry']}", f"{mine} 999"),
        "mail of party": (
            f"{mine} {party} {mail}",
            f"{foreign} {other.parties['Ministry']} {mail}",
            f"{mine} {party} 999",
        ),
    }


def _rules(world: World) -> tuple[str, str, str]:
    text = '[[route]]\nid = "hears-too"\nnetwork = "198.51.100.0/24"\ninform = ["sector"]\nwhy = "They asked."\n'
    with world.node.database.begin() as session:
        set_rules(session, text, based_on=0, teams={SECTOR}, why="Asked", actor="test", now=world.now)
    return "1", "1", "999"


def _deliveries(world: World) -> dict[str, tuple[str, str, str]]:
    teams = teams_by_id(world.node.database)
    with world.node.database.reading() as session:
        told = {teams[row.team_id].key: row.reference for row in session.scalars(select(Delivery))}
    own, foreign, missing = told[OPERATOR], told[SECTOR], "TOC-2026-9999999"
    return {
        "delivery": (own, foreign, missing),
        "mail": (f"{own} 1", f"{foreign} 1", f"{missing} 1"),
        "file": (f"{own} 1 1", f"{foreign} 1 1", f"{missing} 1 1"),
    }


def _answers(world: World) -> tuple[str, str, str]:
    """Of the own team none: its problems are open."""
    teams = teams_by_id(world.node.database)
    with world.node.database.begin() as session:
        digest = next(row for row in session.scalars(select(Delivery)) if teams[row.team_id].key == SECTOR)
        keys = told_problems(session, world.node.store, digest)
        foreign = record_answer(
            session, delivery=digest, told=keys, verdict=AnswerVerdict.ACKNOWLEDGED, problems=keys, note="",
            via=Via.PAGE, said_by="", at=world.now, key="page:x:1:x",
        )  # fmt: skip
    missing = "00000000-0000-0000-0000-000000000000"
    return missing, str(foreign.uuid), missing


def _claims(world: World) -> dict[str, tuple[str, str, str]]:
    made = [
        make_claim(
            world.node.database, value, team=team, mailbox=f"abuse@{team}.example", claimed_by="test",
            sender=world.node.settings.node, now=world.now,
        ).number
        for team, value in ((OPERATOR, "8.8.8.0/24"), (SECTOR, "9.9.9.0/24"))
    ]  # fmt: skip
    return {"claim": (str(made[0]), str(made[1]), "999")}


def _never_held(world: World) -> tuple[str, str, str]:
    with world.node.database.begin() as session:
        reference = Reference("csam", "an-example", "192.0.2.1")
        number = note_reference(session, reference, place="upload", state=ReferenceState.NOTED, now=world.now)
        own = find_reference(session, f"NHR-{world.now.year}-{number:07d}").reference
    return own, own, f"NHR-{world.now.year}-9999999"


def inbox_reports(world: World) -> dict[str, tuple[str, str, str]]:
    tokens = open_tokens(world.node.home)
    ticket = ticket_of(form_word(tokens, world.now), tokens, world.now)
    assert ticket is not None
    filed = ReportForm(
        ReportKind.DECEIT, "A page that asks for passwords", place="http://bank.example/", mailbox="me@home.example"
    )
    files = [ReportAttachment("page.txt", b"what it says")]
    file_report(world.node.database, world.node.inbox, ticket, filed, files, now=world.now)
    own, missing = ticket.reference, "0000-0000"
    return {"inbox": (own, own, missing), "inbox file": (f"{own} 1", f"{own} 1", f"{missing} 1")}


def _incidents(world: World) -> dict[str, tuple[str, str, str]]:
    """One with something of every kind; what is foreign is restricted to somebody else."""
    with world.node.database.begin() as session:
        by: dict[str, Any] = {"actor": "person:9", "now": world.now}
        own = add_incident(session, title="Ransomware, Lagoon Hospital", rsit_type="infected-system", **by)
        party = add_party(
            session, own, role="victim", team=None, name="Lagoon Hospital", mailbox="it@hospital.example",
            phone="+230 5555 0100", language="en", ceiling="AMBER", now=world.now,
        )  # fmt: skip
        task = add_task(session, own, "Ask for the logs", owner=None, due_at=world.now, now=world.now)
        add_observable(
            session, own, ObservableKind.URL, "http://evil.example/x", role="indicator", tlp="AMBER", now=world.now
        )
        add_entry(session, own, IncidentEntryKind.NOTE, text="Rang the hospital", **by)
        foreign = add_incident(session, title="Leak at the ministry", members=[999_999], **by)
        affected = [
            IncidentPopulation(
                incident_id=one.id, compartment_id=one.compartment_id, keys="", added_at=world.now, frozen_at=None,
                query={"address": "192.0.2.0/24", "team": "ours"},
            )
            for one in (own, foreign)
        ]  # fmt: skip
        session.add_all(affected)
        session.flush()
        mine, other, none = own.reference, foreign.reference, "INC-0000-0000"
        adopted = adopt_text(session, world.node.home, "nis2", checked_by="Legal office", note="", **by)
        rule, begun = parsed(adopted.content).find("nis2-23-a"), ClockBeginning(ClockStart.INSTANT, world.now)
        clock, _ = start_clock(writer_for(session, **by), own, adopted, rule, begun, party=party.id)
        parts = {
            "task": task.id, "party": party.id, "observable": 1, "person": 999_999, "clock": clock.id, "run": 1,
            "population": affected[0].id,
        }  # fmt: skip
        digest = world.node.incident_evidence.put(b"10:01 login failed")
        item = add_item(
            session, own, name="auth.log", kind=EvidenceKind.FILE, sha256=digest, size=18, kept=True, now=world.now
        )
        hold = add_hold(session, own, ordered_by="Court", order_reference="12/26", until=None, now=world.now)
        parts |= {"evidence": item.id, "hold": hold.id}
    start = next(one for one in playbook_acts.INCIDENT_ACTS if one.name == "start")
    context = ActContext(world.node, world.now, "test", act=start)
    start.function(context, read_request(start, {"reference": mine, "playbook": "ransomware"}))
    act = next(one for one in takedown_acts.ACTS if one.name == "propose")
    context = ActContext(world.node, world.now, "person:9", "Analyst", 9, act=act)
    asked = {"text": f"http://evil.example/x {OWN}", "ground": "malware", "basis": "our terms", "how": "a scan"}
    act.function(context, read_request(act, {"reference": mine, "necessity": "It infects visitors.", **asked}))
    found = {f"incident {name}": (f"{mine} {n}", f"{other} {n}", f"{none} {n}") for name, n in parts.items()}
    return {"incident": (mine, other, none), **found}


def _inbox_mail(world: World) -> dict[str, tuple[str, str, str]]:
    mail = EmailMessage()
    mail["From"], mail["Message-ID"] = "ann@example.net", "<one@example.net>"
    mail.set_content("A further page that asks for passwords")
    number = file_mail(mail_context(world.node, world.node.store), bytes(mail), now=world.now).number
    with world.node.database.reading() as session:
        by_mail = session.scalars(select(PublicReport.reference).order_by(PublicReport.id.desc())).first()
    own = f"{by_mail} {number}"
    return {"inbox mail": (own, own, "0000-0000 1")}


def _notices(world: World) -> tuple[str, str, str]:
    """What the operator notified, and the sector team."""
    fields = {"aware_at": "2026-11-15 08:00", "what": "Ransomware", "malicious": "yes", "cross_border": "unknown"}
    act, made = notice_acts.ACTS[0], []
    for team in (OPERATOR, SECTOR):
        context = ActContext(world.node, world.now, "person:9", "Analyst", 9, act=act)
        values = {"team": team, "law": "nis2", "kind": "early_warning", "door": "paper", "received_at": world.now}
        made.append(act.function(context, read_request(act, values | {"fields": fields})).reference)
    return made[0], made[1], "0000-0000"


def _upload(world: World) -> tuple[str, str, str]:
    missing = "00000000-0000-0000-0000-000000000000"
    with arrive(world.node) as arrival:
        with arrival.file("report.csv") as out:
            out.write(b"a,b\n")
        kept = arrival.keep(source="", feed="", actor="test", now=world.now)
    return str(kept.uuid), str(kept.uuid), missing


def _text(world: World) -> str:
    path = world.folder / "pillars.txt"
    path.write_text(_PILLARS, encoding="utf-8")
    world.tocsin.run("drafting", "import", path)
    return path.stem


def _index(world: World) -> str:
    data, meta = world.folder / "data.csv", world.folder / "meta.csv"
    data.write_text("uCode,uName,laws,teams\nMUS,Mauritius,4,2\nFJI,Fiji,3,\nTON,Tonga,1,5\n", encoding="utf-8")
    meta.write_text(
        "iCode,Type,Parent,Direction,Weight\nlaws,Indicator,all,1,1\nteams,Indicator,all,1,1\nall,Aggregate,,1,1\n",
        encoding="utf-8",
    )
    for name in ("example", "second"):
        out = world.node.home / HomeFolder.INDICES / name
        world.tocsin.run("readiness", "build", "--data", data, "--meta", meta, "--out", out)
    return "example"


def _assessment(world: World) -> tuple[str, str, str]:
    by = ("--by", "test")
    world.tocsin.run("assessment", "import-framework", "c5", *by)
    world.tocsin.run("assessment", "assign", "c5", "1.0", "all", "--to", "Office", *by)
    world.tocsin.run("assessment", "publish", "c5", "1.0", *by)
    start = ("start", "MUS", "c5", "1.0", "--as-of", "2026-11-01", "--name", "Mauritius", "--group", "region=Africa")
    world.tocsin.run("assessment", *start, *by)
    for question, level in (("a.1.1", "2"), ("a.2.1", "3"), ("existing.1.1", "1"), ("b.1.1", "4")):
        world.tocsin.run("assessment", "answer", "1", question, level, "--comment", "As the forum says", *by)
    minutes = world.folder / "minutes.txt"
    minutes.write_text("Minutes of the forum\n", encoding="utf-8")
    kept = ("--title", "Minutes of the forum", "--language", "en")
    digest = world.tocsin.json("assessment", "evidence", "add", minutes, *kept, *by)["evidence"]
    world.tocsin.run("assessment", "evidence", "use", digest, "1", "a.1.1", *by)
    world.tocsin.run("assessment", "dispute", "1", "a.1.1", "--text", "It met once only", "--by", "reviewer")
    task = ("--title", "Meet each month", "--owner", "Office", "--due", "2027-06-30")
    world.tocsin.run("assessment", "plan", "add", "1", "a.1.1", "4", *task, *by)
    return digest, digest, "0" * 64
