"""Each act can be undone for a while, or is taken back otherwise, or asks before; an undo is whole or none."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from support.api_client import caller
from support.console_users import Browser, browser_of
from support.processes import KILLED, command
from support.undo_acts import ACTS, OPERATOR, TIME, context, do, newest, put, state, take_back, words_for
from support.undo_examples import EXAMPLES, letter_in, muted_network
from support.world import World, copy_world, make_world, text_of
from tocsin.delivery import Delivery, hold, release
from tocsin.interface import ActContext, NoUndo, Reverse, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.letters import Letter, LetterState, queue_letter
from tocsin.node.records import GRACE, UndoRecord
from tocsin.server.server import make_application

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
    "allowMorePartner": "its page names the partner; it ends at midnight, and what was brought meanwhile stays",
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
    values = muted_network(world)
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
    digest, letter = put(world, state="held"), letter_in(world, LetterState.HELD)
    number = do(world, "releaseDelivery", reference=(letter, digest))
    with world.node.database.begin() as session:
        hold(session, session.get_one(Delivery, newest(world).id), reason="Stop", actor="person:2", now=world.now)
    before = state(world)
    with pytest.raises(ConflictError, match=f"{digest} changed since"):
        take_back(world, number)
    assert state(world) == before


def test_nothing_leaves_before_its_undo_is_over_and_then_once(world: World) -> None:
    do(world, "releaseDelivery", reference=(put(world, state="held"), letter_in(world, LetterState.HELD)))
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
    names = [put(world, state="held"), letter_in(world, LetterState.HELD)]
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
    muted_network(world)
    world.tocsin.run("purge", newest(world).reference, "--reason", "It must not be here")
    with world.node.database.reading() as session:
        assert session.scalars(select(UndoRecord)).all() == []


def test_undo_knows_only_acts_of_the_list() -> None:
    undoable = {act.operation for act in ACTS.values() if callable(act.undo)}
    assert undoable == set(EXAMPLES)
    assert set(OTHERWISE) <= set(ACTS)
    assert not set(OTHERWISE) & undoable
