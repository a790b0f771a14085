"""Final is final: what a person dropped leaves by no door, neither pages, nor programs, nor commands, nor time."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from support.api_client import caller
from support.console_users import Browser, browser_of
from support.mail_corpus import GONE, report
from support.reply_examples import SETTINGS
from support.world import World, copy_world, make_world, text_of
from tocsin.delivery import FINAL, Delivery, DeliveryState, drop, find_mail, hold, release, retry, send_again
from tocsin.delivery.expiry import expire
from tocsin.delivery.mailbox import MailKind
from tocsin.directory import read_team
from tocsin.node.accounts import AccountRole, Permission
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.letters import Letter, LetterState, queue_letter
from tocsin.node.records import AuditEntry
from tocsin.node.reply_addresses import reply_addresses
from tocsin.node.tell_settings import TellSettings
from tocsin.pipeline.notify import tell
from tocsin.problems.replies import file_mail, open_context
from tocsin.server.server import make_application

OPERATOR = "abuse@operator.example"
ACTS = ("release", "hold", "drop", "retry", "repeat")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a node that told the operator of one problem, and reads replies."""
    world = make_world(tmp_path_factory.mktemp("told"), SETTINGS)
    world.hear("192.0.2.1")
    assert OPERATOR in world.tell()
    world.node.database.close()
    return world.folder


@pytest.fixture
def world(told: Path, tmp_path: Path) -> World:
    return copy_world(told, tmp_path)


@pytest.fixture
def manager(world: World) -> Iterator[Browser]:
    with ExitStack() as stack:
        application = make_application(world.node, clock=lambda: world.now)
        yield stack.enter_context(browser_of(application, world.node, AccountRole.MANAGER, now=world.now))


def reference_of(world: World) -> str:
    """The newest digest to the operator."""
    number = read_team(world.node.database, "operator")[0].id
    with world.node.database.reading() as session:
        found = select(Delivery.reference).where(Delivery.team_id == number).order_by(Delivery.id.desc())
        return session.scalars(found).first() or ""


def state_of(world: World, reference: str) -> str:
    with world.node.database.reading() as session:
        return find_mail(session, reference).state


def dropped(manager: Browser, reference: str) -> None:
    """Held back and dropped on pages, as a person does it."""
    assert manager.send("/deliveries/act", act="hold", reference=reference, reason="Wait").status_code == 303
    assert manager.send("/deliveries/act", act="drop", reference=reference, reason="Wrong").status_code == 303


def refused_everywhere(world: World, manager: Browser, reference: str) -> None:
    """No door offers or does anything with it, and no run sends it; it says that it was dropped, and nothing else."""
    page = manager.get(f"/deliveries/{reference}")
    assert "Dropped by Manager: Wrong" in text_of(page)
    assert "deferred" not in text_of(page)
    assert "/deliveries/act?" not in page.text
    for act in ACTS:
        assert "No mail allows this" in manager.get(f"/deliveries/act?act={act}&reference={reference}").text
        refused = manager.send("/deliveries/act", act=act, reference=reference, reason="because")
        assert (act, refused.status_code) == (act, 409)
    with caller(world, AccountRole.MANAGER, Permission.DELIVERIES_STEER) as program:
        for act in ACTS:
            body = {"reason": "because"} if act in {"hold", "drop"} else None
            assert (act, program.post(f"/deliveries/{reference}/{act}", json=body).status_code) == (act, 409)
    for command in (("retry",), ("release",), ("drop", "--reason", "because")):
        assert f"{reference} is " in world.tocsin.call("deliveries", command[0], reference, *command[1:])[2]
    world.now += timedelta(hours=1)
    assert world.tell() == {}
    assert state_of(world, reference) == DeliveryState.DROPPED


def test_what_was_dropped_is_not_tried_again(world: World, manager: Browser) -> None:
    world.tocsin.run("stop", "--reason", "a look")
    assert manager.send("/deliveries/act", act="repeat", reference=reference_of(world)).status_code == 303
    again = reference_of(world)
    dropped(manager, again)
    world.tocsin.run("resume")

    refused_everywhere(world, manager, again)


def test_what_came_back_and_was_dropped_is_not_tried_again(world: World, manager: Browser) -> None:
    reference = reference_of(world)
    with world.node.database.begin() as session:
        find_mail(session, reference).state = DeliveryState.BOUNCED.value
    assert manager.send("/deliveries/act", act="retry", reference=reference).status_code == 303
    dropped(manager, reference)

    refused_everywhere(world, manager, reference)


def test_what_a_dropped_digest_told_is_owed_no_more_and_what_is_still_seen_is_news(world: World) -> None:
    reference = reference_of(world)
    with world.node.database.begin() as session:
        one = find_mail(session, reference)
        one.state = DeliveryState.HELD.value
        drop(session, one, reason="Wrong", actor="ana", now=world.now)
    assert world.tell() == {}
    world.at(1).hear("192.0.2.2")

    assert [row["source.ip"] for row in world.tell()[OPERATOR].rows()] == ["192.0.2.2"]


def test_what_is_tried_again_no_longer_says_why_it_had_ended(world: World, manager: Browser) -> None:
    reference = reference_of(world)
    with world.node.database.begin() as session:
        one = find_mail(session, reference)
        one.state, one.error = DeliveryState.EXPIRED.value, "It was due long ago."
    manager.send("/deliveries/act", act="retry", reference=reference)

    assert "It was due long ago." not in manager.get(f"/deliveries/{reference}").text


def test_what_is_released_is_no_longer_said_to_be_held(world: World, manager: Browser) -> None:
    manager.send("/deliveries/act", act="repeat", reference=reference_of(world))
    again = reference_of(world)
    manager.send("/deliveries/act", act="hold", reference=again, reason="because")
    assert "Held by Manager: because" in text_of(manager.get(f"/deliveries/{again}"))
    manager.send("/deliveries/act", act="release", reference=again)

    page = manager.get(f"/deliveries/{again}").text
    assert "queued" in page
    assert "Held by person:" not in page


Attempt = Callable[[World, str], object]


def _acted(act: str) -> Attempt:
    def attempt(world: World, reference: str) -> None:
        with world.node.database.begin() as session:
            one = find_mail(session, reference)
            if act == "release":
                release(session, [one], actor="ana", now=world.now)
            elif act == "hold":
                hold(session, one, reason="", actor="ana", now=world.now)
            elif act == "drop":
                drop(session, one, reason="again", actor="ana", now=world.now)
            elif act == "retry":
                retry(session, reference, world.now, actor="ana")
            else:
                send_again(session, one, actor="ana", domain="csirt.example", now=world.now)

    return attempt


def _came_back(world: World, reference: str) -> None:
    with world.node.database.reading() as session:
        message_id = find_mail(session, reference).message_id
    gone = GONE.replace("noc@isp.example", OPERATOR)
    desk = open_context(world.node, world.node.store)
    address = reply_addresses(world.node.settings.mailbox.address, desk.tokens)(reference)
    filed = file_mail(desk, report(gone, original=message_id).raw(address), now=world.now)
    assert (filed.decision.kind, filed.decision.match.by) == (MailKind.BOUNCE, "report")


def _grew_old(world: World, _: str) -> None:
    with world.node.database.begin() as session:
        expire(session, TellSettings(), world.now + timedelta(days=100))


def _told(world: World, _: str) -> None:
    for days in (1, 2, 30):
        tell(world.node, now=world.now + timedelta(days=days))


ATTEMPTS = {**{act: _acted(act) for act in ACTS}, "bounce": _came_back, "age": _grew_old, "run": _told}


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("state", sorted(FINAL))
@pytest.mark.parametrize("kind", ["digest", "letter"])
def test_nothing_leaves_an_end_state(world: World, kind: str, state: str, attempt: str) -> None:
    if kind == "digest":
        reference = reference_of(world)
    else:
        with world.node.database.begin() as session:
            queue_letter(session, key="k", kind="test", mailbox="a@b.example", subject="s", body="b", now=world.now)
            reference = session.scalars(select(Letter)).one().reference
    with world.node.database.begin() as session:
        find_mail(session, reference).state = state
        before = session.scalars(select(AuditEntry.id).order_by(AuditEntry.id.desc())).first()
    mails = set(world.node.mails.rglob("*.eml"))

    if attempt in ACTS:
        with pytest.raises((ConflictError, NotFoundError)):
            ATTEMPTS[attempt](world, reference)
    else:
        ATTEMPTS[attempt](world, reference)

    assert state_of(world, reference) == state
    assert set(world.node.mails.rglob("*.eml")) == mails
    with world.node.database.reading() as session:
        acted = session.scalars(select(AuditEntry.subject).where(AuditEntry.id > (before or 0))).all()
    assert not [subject for subject in acted if reference in subject]


def test_every_end_state_is_a_state() -> None:
    assert {state.value for state in (*DeliveryState, *LetterState)} >= FINAL
