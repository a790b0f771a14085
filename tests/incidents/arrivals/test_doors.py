"""Each report is in exactly one state, by whatever door it came; what is restricted is there for its members alone."""

import itertools
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.incidents import Incident, IncidentReader, add_incident, entries_of
from tocsin.incidents.arrivals import (
    ENDED,
    CloseReason,
    PublicReport,
    ReportDoor,
    ReportFilter,
    ReportForm,
    ReportKind,
    ReportState,
    add_message,
    add_report,
    answer_report,
    close_report,
    count_reports,
    counts_by_state,
    find_report,
    give_back,
    guess_kind,
    hints_of,
    incidents_with,
    list_reports,
    put_into,
    read_report,
    reports_in,
    ring_backs,
    set_state,
    take_out,
    take_report,
    ticket_named,
)
from tocsin.incidents.arrivals.handling import plan_ring_back, reject_report
from tocsin.incidents.contents import move_to_compartment
from tocsin.incidents.models import IncidentReport
from tocsin.incidents.write import add_compartment
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.records import Database
from tocsin.node.tokens import Tokens

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
TOKENS = Tokens(b"a secret of the node, for a test.")
MEMBER, OUTSIDER = 3, 4
TEAM, INSIDE, OUTSIDE = (IncidentReader(one, NOW) for one in (None, MEMBER, OUTSIDER))
BY: dict[str, Any] = {"person": MEMBER, "actor": "person:3", "now": NOW}
_numbers = itertools.count()


def arrive(session: Session, what: str = "It burns", door: ReportDoor = ReportDoor.PHONE, **more: Any) -> PublicReport:
    filed = ReportForm(ReportKind.DECEIT, what, door=door, **more)
    return add_report(session, ticket_named(f"test/{next(_numbers)}", TOKENS), filed, now=NOW, actor="test")


def incident(session: Session, title: str = "Phishing", *members: int) -> Incident:
    return add_incident(session, title=title, actor="person:3", now=NOW, members=members)


def _to(session: Session, report: PublicReport, state: ReportState) -> None:
    match state:
        case ReportState.NEW:
            pass
        case ReportState.INCIDENT:
            put_into(session, report, incident(session), **BY)
        case ReportState.CLOSED:
            answer_report(session, report, "Thank you", **BY)
            close_report(session, report, CloseReason.SOLVED, **BY)
        case ReportState.CLOSED_WITHOUT:
            close_report(session, report, CloseReason.NEWSLETTER, **BY)
        case ReportState.REJECTED:
            reject_report(session, report, "Not ours", **BY)
        case _:
            set_state(session, report, state, **BY)


@pytest.mark.parametrize("door", list(ReportDoor))
def test_by_each_door_a_report_comes_to_each_state_and_is_counted_there_once(
    database: Database, door: ReportDoor
) -> None:
    with database.begin() as session:
        for state in ReportState:
            report = arrive(session, f"By {door} to {state}", door)
            assert (report.state, bool(report.secret)) == (ReportState.NEW, door is ReportDoor.FORM)
            _to(session, report, state)
            wanted = ReportFilter(states=(state,), door=door.value)
            assert [one.reference for one in list_reports(session, TEAM, wanted).lines] == [report.reference]
        assert counts_by_state(session, TEAM) == dict.fromkeys(ReportState, 1)
        assert count_reports(session, TEAM) == len(ReportState)


def test_who_has_no_secret_and_got_no_answer_was_not_answered(database: Database) -> None:
    with database.begin() as session:
        by_form, by_phone = arrive(session, door=ReportDoor.FORM), arrive(session)
        for report in (by_form, by_phone):
            close_report(session, report, CloseReason.SOLVED, **BY)
        assert (by_form.state, by_phone.state) == (ReportState.CLOSED, ReportState.CLOSED_WITHOUT)


@pytest.mark.parametrize("seed", range(6))
def test_after_any_acts_the_sums_balance(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    with database.begin() as session:
        reports = [arrive(session, door=chance.choice(list(ReportDoor))) for _ in range(8)]
        incidents = [incident(session, "One"), incident(session, "Two"), incident(session, "Three", MEMBER)]
        acts: dict[str, Callable[[PublicReport], Any]] = {
            "put": lambda report: put_into(session, report, chance.choice(incidents), **BY),
            "out": lambda report: take_out(session, report, chance.choice(incidents), **BY),
            "close": lambda report: close_report(session, report, chance.choice(list(CloseReason)), **BY),
            "reject": lambda report: reject_report(session, report, "No", **BY),
            "ask": lambda report: answer_report(session, report, "Which?", asks=True, **BY),
            "take": lambda report: take_report(session, report, MEMBER, actor="person:3", now=NOW),
            "leave": lambda report: give_back(session, report, **BY),
            "open": lambda report: set_state(session, report, ReportState.OPEN, **BY),
            "write": lambda report: add_message(session, report, "More", now=NOW, act=f"{seed}/{next(_numbers)}"),
        }
        for _ in range(200):
            report = chance.choice(reports)
            inside, before = report.state == ReportState.INCIDENT, report.state
            name = chance.choice(list(acts))
            try:
                acts[name](report)
            except ConflictError:
                assert inside or name == "out"
                assert report.state == before
        counts = counts_by_state(session, INSIDE)
        assert sum(counts.values()) == count_reports(session, INSIDE) == len(reports)
        assert counts == dict.fromkeys(ReportState, 0) | Counter(ReportState(one.state) for one in reports)
        linked = set(session.scalars(select(IncidentReport.report_id)))
        assert linked == {one.id for one in reports if one.state == ReportState.INCIDENT}
        hidden = {one.id for one in reports if one.compartment_id}
        assert count_reports(session, TEAM) == len(reports) - len(hidden)
        assert {one.id for one in reports_in(session, OUTSIDE, incidents)} == linked - hidden


def test_in_an_incident_it_is_worked_on_there_and_out_of_the_last_it_is_its_owners_again(database: Database) -> None:
    with database.begin() as session:
        report, first, second = arrive(session), incident(session, "One"), incident(session, "Two")
        for one in (first, second, first):
            put_into(session, report, one, **BY)
        assert [one.title for one in incidents_with(session, TEAM, report)] == ["One", "Two"]
        with pytest.raises(ConflictError):
            close_report(session, report, None, **BY)
        assert add_message(session, report, "It is worse", now=NOW, act="form/2")
        assert [one.data.get("message") for one in entries_of(session, TEAM, [first])[:1]] == [True]
        take_out(session, report, first, **BY)
        assert report.state == ReportState.INCIDENT
        take_out(session, report, second, **BY)
        assert report.state == ReportState.NEW
        with pytest.raises(ConflictError):
            take_out(session, report, second, **BY)


def test_in_a_restricted_incident_a_report_is_there_for_its_members_alone(database: Database) -> None:
    with database.begin() as session:
        report, other = arrive(session, "The minister's mail, 192.0.2.66"), arrive(session, "Again 192.0.2.66")
        secret = incident(session, "Leak", MEMBER)
        plan_ring_back(session, report, NOW + timedelta(hours=1), **BY)
        put_into(session, report, secret, **BY)
        for reader in (TEAM, OUTSIDE):
            with pytest.raises(NotFoundError):
                find_report(session, reader, report.reference)
            assert [one.reference for one in list_reports(session, reader).lines] == [other.reference]
            assert counts_by_state(session, reader)[ReportState.INCIDENT] == 0
            assert ring_backs(session, reader) == (0, None)
            hint = hints_of(session, reader, [other.id])[other.id]
            assert (hint.known, hint.candidates) == (frozenset(), ())
            assert reports_in(session, reader, [secret]) == []
        assert find_report(session, INSIDE, report.reference) is report
        assert ring_backs(session, INSIDE)[0] == 1
        assert [one.title for one in hints_of(session, INSIDE, [other.id])[other.id].candidates] == ["Leak"]
        with pytest.raises(ConflictError):  # others would learn of it
            put_into(session, report, incident(session, "For all"), **BY)
        take_out(session, report, secret, **BY)
        assert find_report(session, OUTSIDE, report.reference) is report


def test_reports_follow_an_incident_that_is_restricted_later(database: Database) -> None:
    with database.begin() as session:
        report, made = arrive(session), incident(session)
        put_into(session, report, made, **BY)
        other = incident(session, "Open to all")
        put_into(session, report, other, **BY)
        move_to_compartment(session, made, add_compartment(session, [MEMBER], actor="person:3", now=NOW))
        with pytest.raises(NotFoundError):
            find_report(session, OUTSIDE, report.reference)
        assert reports_in(session, OUTSIDE, [other]) == []
        add_message(session, report, "More", now=NOW, act="more")
        assert [one.data.get("message") for one in entries_of(session, OUTSIDE, [other])][:1] == [None]
        assert entries_of(session, INSIDE, [made])[0].data["message"]


def test_a_report_stays_restricted_while_one_of_its_incidents_is(database: Database) -> None:
    with database.begin() as session:
        report, one, other = arrive(session), incident(session, "One", MEMBER), incident(session, "Other")
        move_to_compartment(session, other, one.compartment_id)
        put_into(session, report, one, **BY)
        put_into(session, report, other, **BY)
        move_to_compartment(session, other, 0)
        with pytest.raises(NotFoundError):
            find_report(session, OUTSIDE, report.reference)
        assert reports_in(session, OUTSIDE, [other]) == []
        take_out(session, report, one, **BY)
        assert find_report(session, OUTSIDE, report.reference) is report
        assert len(reports_in(session, OUTSIDE, [other])) == 1


def test_out_of_a_restricted_incident_a_report_does_not_say_of_which(database: Database) -> None:
    with database.begin() as session:
        report, secret = arrive(session), incident(session, "Leak", MEMBER)
        put_into(session, report, secret, **BY)
        take_out(session, report, secret, **BY)
        assert secret.reference not in str([one.text for one in read_report(session, report, OUTSIDE).entries])
        assert secret.reference in str([one.text for one in read_report(session, report, INSIDE).entries])


def test_candidates_come_with_their_reasons_and_nothing_acts_on_them(database: Database) -> None:
    with database.begin() as session:
        made, first = incident(session, "Kit"), arrive(session, "hxxp://kit[.]example/a", mailbox="a@example.org")
        put_into(session, first, made, **BY)
        same_url = arrive(session, f"See http://kit.example/a, as in {made.reference}")
        same_sender = arrive(session, "Once more", mailbox="a@example.org")
        none = arrive(session, "Hello")
        hints = hints_of(session, TEAM, [first.id, same_url.id, same_sender.id, none.id])
        why = {one.id: [str(text) for found in hints[one.id].candidates for text in found.reasons] for one in
               (first, same_url, same_sender, none)}  # fmt: skip
        assert why[first.id] == []
        assert len(why[same_url.id]) == 2
        assert "http://kit.example/a" in why[same_url.id][0]
        assert hints[same_url.id].known == {"http://kit.example/a"}
        assert len(why[same_sender.id]) == 1
        assert why[none.id] == []
        assert {one.state for one in (same_url, same_sender, none)} == {ReportState.NEW}
        closed = incident(session, "Merged")
        made.merged_into = closed.id
        assert [one.title for one in hints_of(session, TEAM, [same_url.id])[same_url.id].candidates] == ["Merged"]


def test_after_an_end_a_further_message_opens_a_report_again(database: Database) -> None:
    with database.begin() as session:
        for number, state in enumerate(ENDED):
            report = arrive(session)
            _to(session, report, state)
            add_message(session, report, "But", now=NOW, act=f"again/{number}")
            assert report.state in {ReportState.NEW, ReportState.OPEN}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("All our files have .locked and a ransom note", ReportKind.RANSOMWARE),
        ("Hospital, files are locked since this morning", ReportKind.RANSOMWARE),
        ("Nos fichiers sont verrouillés", ReportKind.RANSOMWARE),
        ("Site d'hameçonnage de la banque", ReportKind.DECEIT),
        ("Ataque de denegación de servicio", ReportKind.FLOOD),
        ("Vazamento de dados pessoais", ReportKind.LEAK),
        ("تصيد باسم البنك", ReportKind.DECEIT),
        ("Good morning", ReportKind.OTHER),
    ],
)
def test_the_kind_is_guessed_from_the_words(text: str, kind: ReportKind) -> None:
    assert guess_kind(text) is kind
