"""Closing: what is asked once, lessons that outlive the incident, who counts in the figures, and the figures."""

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.console_users import person
from support.incident_recount import recount
from support.world import START, World, copy_world, make_world
from tocsin.incidents import (
    IncidentEntryKind,
    IncidentReader,
    IncidentState,
    acts,
    add_entry,
    add_incident,
    add_party,
    entries_of,
    find_incident,
)
from tocsin.incidents.closing import (
    FeedbackRating,
    course_figures,
    due_lessons,
    feedback_link,
    figures_by,
    list_lessons,
    open_feedback,
    read_causes,
    read_courses,
    record_feedback,
    unfinished_lessons,
)
from tocsin.incidents.closing.figures import quantile
from tocsin.incidents.text_files import TextFaultError
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.tokens import open_tokens

ACTS = {act.operation: act for act in acts.ACTS}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


@pytest.fixture
def analyst(world: World) -> int:
    return person(world.node, AccountRole.ANALYST, now=world.now)


def do(world: World, operation: str, who: int | None = None, **values: Any) -> Any:
    act = ACTS[operation]
    actor = "cli:test" if who is None else f"person:{who}"
    context = ActContext(world.node, world.now, actor, "One" if who else "", who, act=act)
    return act.function(context, read_request(act, values))


def said(world: World, reference: str, kind: IncidentEntryKind) -> list[dict[str, Any]]:
    reader = IncidentReader(None, world.now)
    with world.node.database.reading() as session:
        family = [find_incident(session, reader, reference)]
        return [one.data for one in entries_of(session, reader, family, kinds=[kind])]


def test_all_but_the_reason_may_stay_unknown(world: World) -> None:
    reference = do(world, "openIncident", title="Phishing").reference
    assert do(world, "closeIncident", reference=reference, reason="Over").state == IncidentState.CLOSED
    assert said(world, reference, IncidentEntryKind.REVIEW) == []


def test_what_is_known_is_kept_and_lessons_outlive_the_incident(world: World, analyst: int) -> None:
    reference = do(world, "openIncident", analyst, title="Phishing", lead=True).reference
    do(
        world, "closeIncident", analyst, reference=reference, reason="Over", root_cause="supplier",
        detected_by="partner", damage_least=10_000, damage_most=20_000, currency="EUR", worked="The phone tree",
        lessons="Ask suppliers for a contact\n\n  Try the phone tree each year \n",
        lessons_due=world.now + timedelta(days=30),
    )  # fmt: skip
    assert said(world, reference, IncidentEntryKind.REVIEW) == [
        {"root_cause": "supplier", "detected_by": "partner", "damage": [10_000, 20_000, "EUR"]}
    ]
    with world.node.database.reading() as session:
        found = list_lessons(session, IncidentReader(None, world.now), unfinished=True)
        assert sorted((one.task.text, one.task.owner) for one in found) == [
            ("Ask suppliers for a contact", analyst), ("Try the phone tree each year", analyst),
        ]  # fmt: skip
        assert due_lessons(session, IncidentReader(None, world.now)).count == 0
        assert due_lessons(session, IncidentReader(None, world.now + timedelta(days=31))).count == 2
    do(world, "finishTaskOfIncident", reference=reference, task=found[0].task.id)
    with world.node.database.reading() as session:
        assert len(list_lessons(session, IncidentReader(None, world.now), unfinished=True)) == 1
        assert len(list_lessons(session, IncidentReader(None, world.now), unfinished=False)) == 2


def test_a_repeated_root_cause_shows_the_lesson_that_was_not_finished(world: World, analyst: int) -> None:
    first, second = (do(world, "openIncident", title=title).reference for title in ("One", "Two"))
    do(world, "closeIncident", reference=first, reason="Over", root_cause="supplier", lessons="Ask suppliers")
    do(world, "setCauseIncident", reference=second, root_cause="supplier")
    reader = IncidentReader(analyst, world.now)
    with world.node.database.reading() as session:
        other = find_incident(session, reader, second)
        assert [one.task.text for one in unfinished_lessons(session, reader, ["supplier"], but=[other.id])] == [
            "Ask suppliers"
        ]
        assert unfinished_lessons(session, reader, ["insider"]) == []
    do(world, "restrictIncident", analyst, reference=first, persons=[str(analyst)])
    with world.node.database.reading() as session:
        assert len(unfinished_lessons(session, reader, ["supplier"])) == 1
        assert unfinished_lessons(session, IncidentReader(None, world.now), ["supplier"]) == []


def test_what_cannot_be_is_refused(world: World) -> None:
    reference = do(world, "openIncident", title="Phishing").reference
    with pytest.raises(UsageError):
        do(world, "closeIncident", reference=reference, reason="Over", root_cause="bad-luck")
    with pytest.raises(UsageError):
        do(world, "closeIncident", reference=reference, reason="Over", damage_least=2, damage_most=1)
    with pytest.raises(UsageError):
        do(world, "closeIncident", reference=reference, reason="Over", lessons="x\n" * 51)
    assert said(world, reference, IncidentEntryKind.STATE) == []


def test_a_node_has_root_causes_of_its_own(world: World) -> None:
    path = world.node.home / HomeFolder.TEMPLATES / "root-causes.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text('[[cause]]\nid = "bad-luck"\ntitle = "Bad luck"\n')
    reference = do(world, "openIncident", title="Phishing").reference
    do(world, "setCauseIncident", reference=reference, root_cause="bad-luck")
    path.write_text('[[cause]]\nid = "a"\ntitle = "A"\nrsit = ["nothing"]\n[[cause]]\nid = "a"\ntitle = "B"\n')
    with pytest.raises(TextFaultError) as raised:
        read_causes(world.node.home)
    assert len(raised.value.faults) == 2


def test_a_restricted_incident_counts_once_its_lead_says_so(world: World, analyst: int) -> None:
    reference = do(world, "openIncident", analyst, title="Leak", lead=True, only=[str(analyst)]).reference
    manager = person(world.node, AccountRole.MANAGER, now=world.now)

    def counted() -> int:
        with world.node.database.reading() as session:
            return len(read_courses(session, since=START, at=world.now))

    assert counted() == 0
    with pytest.raises(NotFoundError):
        do(world, "releaseFiguresIncident", manager, reference=reference)
    do(world, "letInIncident", analyst, reference=reference, person=str(manager))
    with pytest.raises(UsageError):
        do(world, "releaseFiguresIncident", manager, reference=reference)
    do(world, "releaseFiguresIncident", analyst, reference=reference)
    assert counted() == 1
    do(world, "releaseFiguresIncident", analyst, reference=reference, withhold=True)
    assert counted() == 0


def test_feedback_is_taken_once_for_each_party_and_from_our_links_alone(world: World) -> None:
    with world.node.database.begin() as session:
        made = add_incident(session, title="Phishing", actor="person:1", now=world.now)
        party = add_party(
            session, made, role="victim", team=None, name="A hospital", mailbox="it@hospital.example", phone="",
            language="fr", ceiling="AMBER", now=world.now,
        )  # fmt: skip
        reference = made.reference
    tokens = open_tokens(world.node.home)
    token = feedback_link(tokens, party.id, world.now.date()).removeprefix("/f/")
    other = feedback_link(tokens, 999, world.now.date()).removeprefix("/f/")
    with world.node.database.begin() as session:
        asked = open_feedback(session, tokens, token, world.now)
        assert asked is not None
        assert (asked.reference, asked.language) == (reference, "fr")
        for wrong in (other, token[:-1], "", "x" * 400, tokens.make("feedback", "x"), tokens.make("v", "1-20261116")):
            assert open_feedback(session, tokens, wrong, world.now) is None
        assert open_feedback(session, tokens, token, world.now + timedelta(days=92)) is None
        assert record_feedback(session, tokens, token, FeedbackRating.PARTLY, "Faster", now=world.now)
        assert not record_feedback(session, tokens, token, FeedbackRating.YES, "Fine", now=world.now)
    assert said(world, reference, IncidentEntryKind.FEEDBACK) == [{"rating": "partly"}]


def test_a_quantile_counts_what_has_not_ended() -> None:
    assert quantile([], 0.5) is None
    assert quantile([(1.0, True), (2.0, True), (3.0, True), (4.0, True)], 0.5) == 2.0
    assert quantile([(1.0, False), (2.0, True), (3.0, True)], 0.5) == 2.0
    assert quantile([(1.0, True), (2.0, False), (3.0, False)], 0.5) is None


def test_figures_are_those_that_are_counted_again_from_the_records(world: World) -> None:
    _many_incidents(world, 120)
    world.at(70)
    with world.node.database.reading() as session:
        courses = read_courses(session, since=START, at=world.now)
    found = {("all", ""): course_figures(courses, world.now)}
    for by in ("month", "type", "severity"):
        found |= {(by, one.key): one for one in figures_by(courses, by, world.now)}
    again = recount(world.node.home / HomeFile.RECORDS, world.now)
    assert len(courses) > 60
    assert found.keys() == again.keys()
    for key, group in found.items():
        for span, of in group.spans.items():
            n, censored, median, p90 = again[key][span]
            assert (of.n, of.censored) == (n, censored), (key, span)
            assert [of.median, of.p90] == pytest.approx([median, p90]), (key, span)
    assert found["all", ""].spans[next(iter(found["all", ""].spans))].censored > 0


def _many_incidents(world: World, many: int) -> None:
    """Incidents of all courses: led at once, later, or never; corrected, reopened, merged, rejected, restricted."""
    draw = random.Random(11)
    kind = IncidentEntryKind
    with world.node.database.begin() as session:
        for number in range(many):
            at = START + timedelta(hours=draw.randint(0, 1_400))
            by: dict[str, Any] = {"actor": "person:1", "now": at}
            one = add_incident(
                session, title=f"Incident {number}", rsit_type=draw.choice(["phishing", "ddos", ""]), opened_at=at,
                lead=draw.choice([1, None, None]), members=[1] if draw.random() < 0.2 else (), **by,
            )  # fmt: skip
            one.severity = draw.choice(["high", "low", "unknown"])
            one.in_figures = draw.random() < 0.5

            def later() -> dict[str, Any]:
                return {"actor": "person:1", "now": at + timedelta(hours=draw.randint(0, 200))}  # noqa: B023

            leads: list[list[tuple[int | None, int | None]]] = [[], [(None, 1)], [(None, 1), (1, 2)], [(1, None)]]
            for before, after in draw.choice(leads):
                add_entry(session, one, kind.LEAD, data={"before": before, "after": after}, **later())
            for _ in range(draw.randint(0, 2)):
                add_entry(session, one, kind.MAIL_OUT, data={"mail": 1}, **later())
            for name in draw.choice([[], ["contained"], ["contained", "recovered"], ["occurred"]]):
                data = {"milestone": name, "known_from": "", "certainty": "confirmed"}
                made = add_entry(
                    session, one, kind.MILESTONE, data=data, happened_at=at + timedelta(hours=draw.randint(-5, 90)),
                    **later(),
                )  # fmt: skip
                if draw.random() < 0.3:
                    add_entry(
                        session, one, kind.MILESTONE, data=data, supersedes=made,
                        happened_at=at + timedelta(hours=draw.randint(0, 90)), **later(),
                    )  # fmt: skip
            for state in draw.choice([[], ["closed"], ["waiting", "closed"], ["closed", "open"], ["rejected"]]):
                add_entry(session, one, kind.STATE, data={"before": "open", "after": state}, **later())
                one.state = state
            if draw.random() < 0.1:
                one.state = "merged"
