"""Deliveries on pages: the very mail, why it was sent, and what a person does to it; operators see only their own."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from support.console_users import Browser, browser_of
from support.world import World, copy_world, text_of
from tocsin.delivery import Delivery
from tocsin.directory import read_team
from tocsin.node.accounts import AccountRole
from tocsin.node.records import AuditEntry
from tocsin.server.server import make_application


@pytest.fixture(scope="module")
def told(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that told two teams of one problem each."""
    world = copy_world(fresh, tmp_path_factory.mktemp("told"))
    world.hear("192.0.2.1", "192.0.2.130")
    world.tell()
    world.node.database.close()
    return world.folder


@pytest.fixture
def world(told: Path, tmp_path: Path) -> World:
    return copy_world(told, tmp_path)


@pytest.fixture
def people() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def come(people: ExitStack, world: World, role: AccountRole, team: str = "") -> Browser:
    """A person of a role, of one team."""
    teams: tuple[int, ...] = ()
    if team:
        teams = (read_team(world.node.database, team)[0].id,)
    application = make_application(world.node, clock=lambda: world.now)
    return people.enter_context(browser_of(application, world.node, role, now=world.now, teams=teams))


def reference_to(world: World, team: str) -> str:
    number = read_team(world.node.database, team)[0].id
    with world.node.database.reading() as session:
        found = session.scalars(select(Delivery).where(Delivery.team_id == number).order_by(Delivery.id.desc())).first()
    assert found is not None
    return found.reference


def shown_after(answer: httpx.Response) -> str:
    """The reference of the mail whose page follows."""
    return answer.headers["location"].rpartition("/")[2].partition("?")[0]


def test_the_very_mail_and_its_data(world: World, people: ExitStack) -> None:
    browser = come(people, world, AccountRole.ANALYST)
    reference = reference_to(world, "operator")
    page = browser.get(f"/deliveries/{reference}")
    kept = next(world.node.mails.glob(f"*/{reference}.eml")).read_bytes()

    assert "This is the mail as it was sent." in page.text
    assert "abuse@operator.example" in page.text
    assert "192.0.2.1" in page.text
    assert browser.get(f"/deliveries/{reference}/mails/1").content == kept
    table = browser.get(f"/deliveries/{reference}/mails/1/files/1/table")
    assert "source.ip" in table.text
    assert "192.0.2.1" in table.text
    file = browser.get(f"/deliveries/{reference}/mails/1/files/1")
    assert file.headers["content-disposition"].startswith(f'attachment; filename="{reference}.csv"')
    assert b"192.0.2.1" in file.content


def test_a_mail_that_was_not_kept_is_made_again(world: World, people: ExitStack) -> None:
    browser = come(people, world, AccountRole.ANALYST)
    reference = reference_to(world, "operator")
    path = next(world.node.mails.glob(f"*/{reference}.eml"))
    before = path.read_bytes()
    path.unlink()

    assert "No copy was kept" in browser.get(f"/deliveries/{reference}").text
    assert "rendered again from its events" in browser.get(f"/deliveries/{reference}?mail=again").text
    assert browser.get(f"/deliveries/{reference}/mails/1").content == before


def test_why_a_team_was_told_names_the_rule_and_the_gate(world: World, people: ExitStack) -> None:
    browser = come(people, world, AccountRole.AUDITOR)
    said = text_of(browser.get(f"/deliveries/{reference_to(world, 'operator')}/why"))
    assert "prefix 192.0.2.0/24" in said
    assert "responsible" in said
    assert "tlp-" in said


def test_operators_see_their_own_and_nothing_of_others(world: World, people: ExitStack) -> None:
    browser = come(people, world, AccountRole.OPERATOR, "operator")
    own, others = reference_to(world, "operator"), reference_to(world, "nat-a")
    listed = browser.get("/deliveries").text
    assert own in listed
    assert others not in listed
    shown = browser.get(f"/deliveries/{own}").text
    assert "192.0.2.1" in shown
    assert "National CSIRT" not in shown
    assert "Failed attempts" not in shown
    with world.node.database.begin() as session:
        waiting = session.scalars(select(Delivery).where(Delivery.reference == own)).one()
        waiting.state = "held"
    assert browser.get(f"/deliveries/{own}?mail=again").status_code == 404  # nobody has looked at it yet
    assert own not in browser.get("/deliveries").text
    with world.node.database.begin() as session:
        session.scalars(select(Delivery).where(Delivery.reference == own)).one().state = "sent"
    missing = browser.get("/deliveries/TOC-2026-9999999")
    for path in (f"/deliveries/{others}", f"/deliveries/{others}/mails/1", f"/deliveries/{others}/why"):
        foreign = browser.get(path)
        assert foreign.status_code == missing.status_code == 404
    for path in (f"/deliveries/{own}/why", "/deliveries/letters", "/deliveries/due", "/deliveries/sending"):
        assert browser.get(path).status_code == 404
    assert browser.send("/deliveries/act", act="repeat", reference=own).status_code == 404


def test_held_mails_are_released_by_name_and_one_is_dropped_with_a_reason(world: World, people: ExitStack) -> None:
    world.at(1).hear("192.0.2.2", "192.0.2.131")
    with world.node.database.begin() as session:
        first, second = session.scalars(select(Delivery).order_by(Delivery.id)).all()[:2]
        first.state = second.state = "held"
        names = [first.reference, second.reference]
    manager = come(people, world, AccountRole.MANAGER)
    assert "2 digests are held for review" in manager.get("/deliveries").text
    ask = manager.get("/deliveries/act?act=release&every=held").text
    assert "Release 2 mails?" in ask
    question = manager.send("/deliveries/act", act="drop", reference=names[0])
    assert (question.status_code, "Drop 1 mail?" in question.text) == (200, True)
    assert manager.send("/deliveries/act", act="drop", reference=names[0], reason="").status_code == 422
    assert manager.send("/deliveries/act", act="release").status_code == 422
    assert manager.send("/deliveries/act", act="drop", reference=names[0], reason="Wrong").status_code == 303
    left_out = text_of(manager.get(f"/deliveries/act?act=release&reference={names[0]}&reference={names[1]}"))
    assert "Release 1 mail?" in left_out
    assert f"1 mail is left out, since its state does not allow it: {names[0]} dropped" in left_out
    refused = manager.send("/deliveries/act", act="release", reference=names)
    assert refused.status_code == 409
    assert "is not held: it is dropped" in text_of(refused)
    assert manager.send("/deliveries/act", act="release", reference=names[1]).status_code == 303
    with world.node.database.reading() as session:
        states = dict(session.execute(select(Delivery.reference, Delivery.state)).all())
        steps = session.scalars(select(AuditEntry).where(AuditEntry.actor.startswith("person:"))).all()
    assert (states[names[0]], states[names[1]]) == ("dropped", "queued")
    assert [(step.word, step.subject) for step in steps] == [
        ("delivery.dropped", f"delivery:{names[0]}"),
        ("delivery.released", f"delivery:{names[1]}"),
    ]


def test_a_digest_is_sent_again_and_says_what_it_repeats(world: World, people: ExitStack) -> None:
    analyst = come(people, world, AccountRole.ANALYST)
    old = reference_to(world, "operator")
    assert "Send 1 digest again?" in analyst.get(f"/deliveries/act?act=repeat&reference={old}").text
    sent = analyst.send("/deliveries/act", act="repeat", reference=old)
    new = shown_after(sent)
    assert new != old
    assert world.tell() == {}  # it can still be undone
    world.at(0.01)
    mails = world.tell()
    assert list(mails) == ["abuse@operator.example"]
    mail = mails["abuse@operator.example"]
    assert f"This mail repeats {old}" in mail.body
    assert "192.0.2.1" in mail.body
    assert f"[{new}]" in mail.subject
    assert "Sent again as" in analyst.get(f"/deliveries/{old}").text
    assert "Repeats" in analyst.get(f"/deliveries/{new}").text


def test_a_digest_on_its_way_is_held_back_and_nothing_leaves(world: World, people: ExitStack) -> None:
    analyst = come(people, world, AccountRole.ANALYST)
    old = reference_to(world, "operator")
    new = shown_after(analyst.send("/deliveries/act", act="repeat", reference=old))
    assert analyst.send("/deliveries/act", act="hold", reference=new, reason="Wait").status_code == 303
    assert world.at(0.01).tell() == {}
    assert "held for review" in text_of(analyst.get(f"/deliveries/{new}"))


def test_sending_is_stopped_with_a_reason_and_goes_on(world: World, people: ExitStack) -> None:
    manager = come(people, world, AccountRole.MANAGER)
    assert manager.send("/deliveries/sending", act="stop").status_code == 422
    assert manager.send("/deliveries/sending", act="stop", reason="Wrong data").status_code == 303
    assert "Sending is stopped since" in manager.get("/deliveries/sending").text
    world.at(0.05).hear("192.0.2.9")
    assert world.tell() == {}
    assert manager.send("/deliveries/sending", act="stop", reason="Again").status_code == 409
    resumed = manager.send("/deliveries/sending", act="resume")
    assert resumed.status_code == 303
    assert "Sending starts again at" in text_of(manager.get(resumed.headers["location"]))
    assert manager.send("/deliveries/sending", act="resume").status_code == 409
    assert world.tell() == {}
    manager.send(f"/undo/{resumed.headers['location'].rpartition('=')[2]}")
    assert world.at(0.1).tell() == {}
    manager.send("/deliveries/sending", act="resume")
    assert world.at(0.2).tell()


def test_lists_are_narrowed_and_paged(world: World, people: ExitStack) -> None:
    browser = come(people, world, AccountRole.AUDITOR)
    own, other = reference_to(world, "operator"), reference_to(world, "sector")

    def rows(query: str) -> set[str]:
        return set(re.findall(r"TOC-2026-\d{7}(?=\" dir)", browser.get(f"/deliveries?{query}").text))

    assert rows("team=Example Oper") == {own}
    assert rows(f"reference={other[-3:]}") == {other}
    assert rows("show=gone") >= {own, other}
    assert rows("show=trouble") == rows("since=2027-01-01") == set()
    assert rows("until=2026-11-16") >= {own}
    assert own not in rows(f"before={int(own[-7:])}")
    assert browser.get("/deliveries?before=x").status_code == 200
    for path in ("/deliveries", "/deliveries/letters"):
        wrong = browser.get(f"{path}?since=never")
        assert wrong.status_code == 422
        assert '<a href="#since">Write a day like 2026-11-24.</a>' in wrong.text
        assert 'value="never"' in wrong.text


def test_a_digest_held_by_hand_is_read_before_it_is_released(world: World, people: ExitStack) -> None:
    analyst = come(people, world, AccountRole.ANALYST)
    old = reference_to(world, "operator")
    new = shown_after(analyst.send("/deliveries/act", act="repeat", reference=old))
    analyst.send("/deliveries/act", act="hold", reference=new, reason="Wait")
    question = text_of(analyst.get(f"/deliveries/act?act=release&reference={new}"))
    assert question.count("192.0.2.1") >= 1
    assert "[TLP:" in question
    shown = text_of(analyst.get(f"/deliveries/{new}"))
    assert "192.0.2.1" in shown
    assert "not written yet" not in shown
    for page in (shown, text_of(analyst.get("/deliveries?show=held"))):
        assert "Held by Analyst: Wait" in page
    assert "1 notification held by Analyst" in text_of(analyst.get("/today"))


def test_what_no_mail_of_the_list_allows_is_grey(world: World, people: ExitStack) -> None:
    page = come(people, world, AccountRole.ANALYST).get("/deliveries").text
    grey = set(re.findall(r'name="act" value="([a-z]+)" disabled', page))
    assert grey == {"release", "hold", "drop", "retry"}
    assert 'data-allows="repeat"' in page


def test_a_time_that_ends_before_it_begins_is_said_so(world: World, people: ExitStack) -> None:
    page = come(people, world, AccountRole.ANALYST).get("/deliveries?since=2026-11-12&until=2026-11-10")
    assert page.status_code == 422
    assert "The end must be a time after the beginning." in page.text
    assert "No matches" not in page.text.partition("<dialog")[0]


def hold_both(world: World) -> list[str]:
    """Hold the digests to two teams; their references, the newest first."""
    with world.node.database.begin() as session:
        found = session.scalars(select(Delivery).order_by(Delivery.id.desc())).all()
        for one in found:
            one.state, one.mails_sent = "held", 0
        return [one.reference for one in found]


def states_of(world: World) -> dict[str, str]:
    with world.node.database.reading() as session:
        return dict(session.execute(select(Delivery.reference, Delivery.state)).all())


def test_all_that_match_or_all_of_a_page_are_released_at_once_and_undone_together(
    world: World, people: ExitStack
) -> None:
    names = hold_both(world)
    analyst = come(people, world, AccountRole.ANALYST)
    page = analyst.get("/deliveries?show=held").text
    assert f"{len(names)} matches" in text_of(analyst.get("/deliveries?show=held"))
    assert 'aria-label="Remove the filter State"' in page
    sent = analyst.send("/deliveries/act", act="release", list="digests", filter="show=held", every="found")
    assert sent.headers["location"].startswith("/deliveries?show=held&undo=")
    assert set(states_of(world).values()) == {"queued"}
    analyst.send(f"/undo/{sent.headers['location'].rpartition('=')[2]}")
    assert set(states_of(world).values()) == {"held"}
    one = reference_to(world, "operator")
    narrowed = f"show=held&reference={one}"
    analyst.send("/deliveries/act", act="release", list="digests", filter=narrowed, every="found")
    assert [name for name, state in states_of(world).items() if state == "queued"] == [one]
    analyst.send("/deliveries/act", act="release", every="page", shown=names, list="digests", filter="")
    assert set(states_of(world).values()) == {"queued"}


def test_a_held_digest_is_read_and_released_in_two_clicks(world: World, people: ExitStack) -> None:
    (reference, *_) = hold_both(world)
    analyst = come(people, world, AccountRole.ANALYST)
    listed = analyst.get("/deliveries?show=held").text
    assert f'href="/deliveries/{reference}"' in listed
    shown = analyst.get(f"/deliveries/{reference}")
    assert f'<h1 id="title">{reference}</h1>' in shown.text
    assert "held for review" in text_of(shown)
    assert '<pre class="mail"' in shown.text
    assert '<input type="hidden" name="act" value="release">' in shown.text
    released = analyst.send("/deliveries/act", act="release", reference=reference)
    assert 'data-undo="60"' in analyst.get(released.headers["location"]).text
    assert "Notification released" in text_of(analyst.get(f"/deliveries/{reference}"))
