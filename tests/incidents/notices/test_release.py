"""What came voluntarily goes to no supervisor and no police without consent or an order, by no way."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from support.console_users import person
from support.incident_mails import SETTINGS, Case, add_party, make_case
from support.world import World, copy_world, make_world
from tocsin.events import WithheldEvents
from tocsin.exchange.sharing import PackagePolicy, PartnerPackage, compose, incident_items, read_view
from tocsin.incidents import (
    Incident,
    IncidentReader,
    PartyRole,
    ReportAudience,
    ReportRequest,
    add_incident,
    make_report,
)
from tocsin.incidents.arrivals import basis_acts, find_report, put_into, triage_acts
from tocsin.incidents.arrivals.models import PublicReport, ReportDoor
from tocsin.incidents.populations.read import held_from
from tocsin.incidents.read import find_incident
from tocsin.incidents.release import report_content
from tocsin.incidents.threads import QuotedTextError, open_post
from tocsin.interface import ActContext, RequestError, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError, NotFoundError, WithheldError
from tocsin.node.letters import Letter, LetterState
from tocsin.node.records import AuditAction, AuditEntry
from tocsin.pipeline import inbox_event
from tocsin.pipeline.rules_dry_run import try_rules
from tocsin.pipeline.uploads.intake import take_waiting
from tocsin.sharing.gate import Audience, Marking, Recipient, ReleasePurpose, Tlp, decide
from tocsin.sharing.rules import DEFAULT, read_document

MAIL: dict[str, Any] = {"subject": "Ransomware", "text": "A hospital was hit.", "tlp": "CLEAR"}
GIVEN: dict[str, Any] = {"given_by": "Head of IT", "means": "By mail", "given_at": "2026-11-15 10:00"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("release"), SETTINGS).folder


@pytest.fixture
def world(made: Path, tmp_path: Path) -> World:
    return copy_world(made, tmp_path / "copy")


def case_of(world: World, role: PartyRole) -> tuple[Case, str]:
    """An incident with a party of this role, and in it what came voluntarily."""
    person(world.node, AccountRole.ANALYST, now=world.now)
    parties = {"Official": "officer@state.example", "Other": "clerk@state.example"}
    case = make_case(world, parties, role=role, tlp="GREEN")
    reference = inbox(world, "add", what="We were hit", door=ReportDoor.PHONE).reference
    reader = IncidentReader(1, world.now)
    with world.node.database.begin() as session:
        report = find_report(session, reader, reference)
        put_into(session, report, find_incident(session, reader, case.reference), person=1, actor="x", now=world.now)
    return case, reference


def inbox(world: World, name: str, **values: Any) -> Any:
    act = next(one for one in (*triage_acts.ACTS, *basis_acts.ACTS) if one.name == name)
    context = ActContext(world.node, world.now, "person:1", "Analyst", 1, act=act)
    return act.function(context, read_request(act, values))


def letters(world: World, domain: str = "state.example") -> list[str]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(Letter.mailbox).where(Letter.mailbox.contains(domain))))


@pytest.mark.parametrize("role", [PartyRole.AUTHORITY, PartyRole.POLICE])
def test_neither_a_mail_nor_an_announcement_leaves_before_consent(world: World, role: PartyRole) -> None:
    case, reference = case_of(world, role)
    with pytest.raises(RequestError, match=reference):
        case.do("send", party="Official", **MAIL)
    with pytest.raises(RequestError, match="voluntarily"):
        case.do("announce", parties=(case.parties["Official"], case.parties["Other"]), **MAIL)
    other = "police" if role is PartyRole.AUTHORITY else "authority"
    inbox(world, "record-consent", reference=reference, scope=other, **GIVEN)
    with pytest.raises(RequestError):  # it was given for others
        case.do("send", party="Official", **MAIL)
    assert letters(world) == []
    inbox(world, "record-order", reference=reference, scope="both", **GIVEN)
    case.do("send", party="Official", **MAIL)
    assert letters(world) == ["officer@state.example"]


def test_consent_that_is_withdrawn_releases_nothing_more(world: World) -> None:
    case, reference = case_of(world, PartyRole.AUTHORITY)
    consent = {"reference": reference, "scope": "both", **GIVEN}
    inbox(world, "record-consent", **consent)
    inbox(world, "record-order", **{**consent, "scope": "police"})
    case.do("send", party="Official", **MAIL)
    with pytest.raises(NotFoundError):
        inbox(world, "withdraw-consent", reference=reference, release=2, reason="It is an order")
    inbox(world, "withdraw-consent", reference=reference, release=1, reason="By phone")
    for tlp in ("CLEAR", "RED"):  # no marking helps, so none is spoken of
        with pytest.raises(RequestError, match=reference):
            case.do("send", party="Official", **{**MAIL, "tlp": tlp})
    with world.node.database.reading() as session:
        assert held_from(session, IncidentReader(1, world.now), open_case(session, case)) == {"authority"}
    inbox(world, "record-consent", **consent)
    case.do("send", party="Official", **MAIL)


def test_what_waits_to_leave_is_asked_about_again_as_it_leaves(world: World) -> None:
    """A mail within its undo, one that the server deferred, a report handed over; others and orders leave."""
    world.tocsin.run("directory", "edit", "sector", "--kind", "police", "--said-by", "us")
    case, reference = case_of(world, PartyRole.AUTHORITY)
    consent = {"reference": reference, "scope": "authority", **GIVEN}
    inbox(world, "record-consent", **consent)
    case.do("send", party="Official", **MAIL)
    with world.node.database.begin() as session:
        session.scalars(select(Letter)).one().state = LetterState.RETRY.value
        incident = find_incident(session, IncidentReader(1, world.now), case.reference)
        for name, mailbox in (("Hospital", "it@hospital.example"), ("Bank", "CERT@banks.example")):
            case.parties[name] = add_party(session, incident, name, mailbox, PartyRole.VICTIM)
    given = inbox(world, "add", what="We were hit", door=ReportDoor.PHONE).reference
    for one, ground in ((reference, "record-order"), (given, "record-consent")):
        inbox(world, ground, reference=one, scope="police", **GIVEN)
    inbox(world, "hand-over", reference=(given,), team="sector", text="Please look")
    for name in ("Other", "Hospital", "Bank"):
        case.do("send", party=name, **MAIL)
    inbox(world, "withdraw-consent", reference=reference, release=1, reason="By phone")
    inbox(world, "set-basis", reference=given, basis="mandatory", basis_act="nis2", reason="It is essential")
    inbox(world, "withdraw-consent", reference=given, release=3, reason="By phone")
    inbox(world, "set-basis", reference=given, basis="voluntary", reason="It is not")
    world.now += timedelta(minutes=2)
    assert world.tell().keys() == {"it@hospital.example", "CERT@banks.example"}, "a victim; the police, by order"
    inbox(world, "record-consent", **consent)
    world.now += timedelta(days=1)
    assert world.tell() == {}, "what was withheld has ended"
    with world.node.database.reading() as session:
        withheld = session.scalars(select(Letter).where(Letter.state == LetterState.WITHHELD.value)).all()
        assert {one.mailbox for one in withheld} == {*letters(world), "cert@banks.example"}
        assert all("voluntarily" in one.error for one in withheld)
        failed = select(AuditEntry.subject).where(AuditEntry.word == AuditAction.LETTER_FAILED.value)
        assert session.scalars(failed).all().count(f"incident:{case.reference}") == 2


def test_the_event_of_a_voluntary_report_goes_to_no_supervisor_and_no_police(world: World) -> None:
    """Neither as it comes in, nor by a digest that waited while consent was withdrawn; to others it goes."""
    person(world.node, AccountRole.ANALYST, now=world.now)
    world.tocsin.run("directory", "edit", "operator", "--kind", "police", "--said-by", "us")
    (notify,) = inbox_event.ACTS
    told = []
    for host, given in enumerate(((), ("record-consent",), ("record-consent", "withdraw-consent")), 1):
        reference = inbox(world, "add", what="It scans", door=ReportDoor.PHONE).reference
        with world.node.database.begin() as session:
            find_report(session, IncidentReader(1, world.now), reference).place = f"192.0.2.{host}"
        if given:
            inbox(world, given[0], reference=reference, scope="police", **GIVEN)
        context = ActContext(world.node, world.now, "person:1", "Analyst", 1, act=notify)
        notify.function(context, read_request(notify, {"reference": reference}))
        take_waiting(world.node, lambda: world.now)
        if given[1:]:
            inbox(world, given[1], reference=reference, release=2, reason="By phone")
        mail = world.tell().get("abuse@operator.example")
        told.append(mail is not None and f"192.0.2.{host}" in mail.body)
    assert told == [False, True, False]
    with world.node.database.reading() as session:
        assert set(session.scalars(select(WithheldEvents.rule))) == {"local:voluntary-official"}
    assert try_rules(world.node, read_document(DEFAULT), now=world.now).changes == [], "no document changes that"


def test_a_report_that_he_may_not_read_is_neither_quoted_nor_passed_on_by_who_works_on_an_open_incident(
    world: World,
) -> None:
    case, reference = case_of(world, PartyRole.AUTHORITY)
    lead = person(world.node, AccountRole.MANAGER, now=world.now)
    with world.node.database.begin() as session:
        said = "the tapes lie in the cellar of the old laundry"
        report = find_report(session, IncidentReader(1, world.now), reference)
        report.what, report.mailbox = f"We were hit, and {said}.", "it@hospital.example"
        hidden = add_incident(session, title="Hidden", members=[lead], actor="x", now=world.now)
        for name, mailbox in (("Operator", "noc@isp.example"), ("Hospital", "IT@hospital.example")):
            case.parties[name] = add_party(session, open_case(session, case), name, mailbox, PartyRole.VICTIM)
        put_into(session, report, hidden, person=lead, actor="x", now=world.now)
    for text in (f"> They say that {said}.", "Ask it@hospital.example"):
        with pytest.raises(QuotedTextError, match="quotes") as refused:
            case.do("send", party="Operator", subject="Look", text=text, person=1)
        assert reference not in str(refused.value)
    case.do("send", party="Hospital", subject="Look", text=f"You say that {said}.", person=1)
    with pytest.raises(RequestError, match="voluntarily") as kept_back:
        case.do("send", party="Official", person=1, **MAIL)
    assert reference not in str(kept_back.value)
    with world.node.database.reading() as session:
        held = held_from(session, IncidentReader(1, world.now), open_case(session, case))
    assert held == {"authority", "police"}


def open_case(session: Session, case: Case) -> Incident:
    return find_incident(session, IncidentReader(1, case.world.now), case.reference)


def test_a_report_for_an_authority_waits_for_consent_too(world: World) -> None:
    case, reference = case_of(world, PartyRole.AUTHORITY)
    post = open_post(ActContext(world.node, world.now, "person:1", "Analyst", 1))
    with world.node.database.begin() as session:
        incident = find_incident(session, IncidentReader(1, world.now), case.reference)
        incident.tlp = "CLEAR"
    for audience, party in ((ReportAudience.AUTHORITY, 0), (ReportAudience.PARTY, case.parties["Official"])):
        with world.node.database.reading() as session, pytest.raises(WithheldError, match=reference):
            report_content(session, post, IncidentReader(1, world.now), case.reference, audience, party=party)
    inbox(world, "record-consent", reference=reference, scope="authority", **GIVEN)
    with world.node.database.reading() as session:
        reader = IncidentReader(1, world.now)
        assert report_content(session, post, reader, case.reference, ReportAudience.AUTHORITY).withheld == 0


def test_what_comes_later_is_held_anew_and_what_is_owed_is_not(world: World) -> None:
    case, reference = case_of(world, PartyRole.AUTHORITY)
    inbox(world, "set-basis", reference=reference, basis="mandatory", basis_act="nis2", reason="It is essential")
    case.do("send", party="Official", **MAIL)
    later = inbox(world, "add", what="More", door=ReportDoor.PHONE).reference
    inbox(world, "put", reference=(later,), incident=case.reference)
    with pytest.raises(RequestError, match=later):
        case.do("send", party="Official", **MAIL)
    entries = [one["data"] for one in world.tocsin.json("incidents", "show", case.reference)["entries"]]
    assert {"report": reference, "act": "basis", "basis": "mandatory", "cited": "nis2"} in entries


def test_a_report_is_not_handed_over_to_the_police_before_consent(world: World) -> None:
    person(world.node, AccountRole.ANALYST, now=world.now)
    world.tocsin.run("directory", "edit", "sector", "--kind", "police", "--said-by", "us")
    reference = inbox(world, "add", what="We were hit", door=ReportDoor.PHONE).reference
    with pytest.raises(ConflictError, match=reference):
        inbox(world, "hand-over", reference=(reference,), team="sector", text="Please look")
    assert letters(world, "banks.example") == []
    inbox(world, "record-consent", reference=reference, scope="police", **GIVEN)
    inbox(world, "hand-over", reference=(reference,), team="sector", text="Please look")
    assert letters(world, "banks.example") == ["cert@banks.example"]


def test_an_address_of_the_police_is_theirs_whoever_is_said_to_have_it(world: World) -> None:
    world.tocsin.run("directory", "edit", "sector", "--kind", "police", "--said-by", "us")
    person(world.node, AccountRole.ANALYST, now=world.now)
    case = make_case(world, {"Bank": "CERT@banks.example"}, role=PartyRole.COORDINATOR)
    reference = inbox(world, "add", what="We were hit", door=ReportDoor.PHONE).reference
    inbox(world, "put", reference=(reference,), incident=case.reference)
    with pytest.raises(RequestError, match=reference):
        case.do("send", party="Bank", **MAIL)
    inbox(world, "record-consent", reference=reference, scope="police", **GIVEN)
    case.do("send", party="Bank", **MAIL)
    assert letters(world, "banks.example") == ["CERT@banks.example"]


@pytest.mark.parametrize("audience", ["authority", "party"])
def test_no_report_of_the_incident_is_made_for_them_before_consent(world: World, audience: str) -> None:
    case, reference = case_of(world, PartyRole.AUTHORITY)
    context = ActContext(world.node, world.now, "person:1", "Analyst", 1)
    party = case.parties["Official"] if audience == "party" else 0
    wanted = ReportRequest(reference=case.reference, audience=ReportAudience(audience), party=party)
    with pytest.raises(WithheldError, match=reference):
        make_report(context, wanted, lambda *_: b"")
    inbox(world, "record-consent", reference=reference, scope="authority", **GIVEN)
    assert make_report(context, wanted, lambda *_: b"made")[1] == b"made"


def test_no_package_for_a_partner_has_what_is_voluntary_or_restricted(world: World) -> None:
    case, reference = case_of(world, PartyRole.AUTHORITY)
    to = Recipient(Audience.PARTNER, party="b1c2", official="authority")

    def package(name: str, to: Recipient, reader: int = 1) -> PartnerPackage:
        with world.node.database.reading() as session:
            view = read_view(session, IncidentReader(reader, world.now), name, to)
            return compose(incident_items(view), to, "CERT-KE", PackagePolicy())

    held = package(case.reference, to)
    assert {one.verdict.rule for one in held.decisions} == {"voluntary-official"}
    assert (held.parts, held.withheld, "Withheld" in held.text) == ((), (), False)
    assert package(case.reference, Recipient(Audience.PARTNER, party="b1c2")).parts, "any other partner gets the facts"
    inbox(world, "record-consent", reference=reference, scope="authority", **GIVEN)
    assert "summary" in {part.kind for part in package(case.reference, to).parts}
    lead = person(world.node, AccountRole.MANAGER, now=world.now)
    with world.node.database.begin() as session:
        name = add_incident(session, title="X", members=[lead], actor="x", now=world.now, tlp="GREEN").reference
    with pytest.raises(NotFoundError):
        package(name, to)
    hidden = package(name, to, lead)
    assert {one.verdict.rule for one in hidden.decisions} == {"restricted-incident"}
    assert (hidden.parts, hidden.withheld) == ((), ())
    assert package(name, Recipient(Audience.PARTNER, party="b1c2", in_case=True), lead).parts


def test_the_rule_stands_above_all_others() -> None:
    """Even what anyone may have, and our own organisation."""
    for audience in Audience:
        for official in ("authority", "police"):
            to = Recipient(audience, named=True, official=official)
            verdict = decide(Marking(Tlp.CLEAR), to, ReleasePurpose.COORDINATION, voluntary=True)
            assert (verdict.allowed, verdict.rule) == (False, "voluntary-official")
    assert decide(Marking(Tlp.CLEAR), Recipient(Audience.PUBLIC), ReleasePurpose.COORDINATION, voluntary=True).allowed


def test_every_report_has_a_basis(world: World) -> None:
    inbox(world, "add", what="We were hit", door=ReportDoor.PHONE)
    with world.node.database.reading() as session:
        assert set(session.scalars(select(PublicReport.basis))) == {"voluntary"}
