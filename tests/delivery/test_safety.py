"""A safe first day: what keeps a mail from leaving, and that nothing is lost or comes as a burst for it."""

import email
import email.policy
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from email.message import Message
from email.policy import SMTP
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from support.delivery_examples import NOW, Told, events, node, owe, read_folder, read_mail, team
from support.mail_server import PostOffice, post_office
from tocsin.delivery import (
    Delivery,
    DeliverySummary,
    Facts,
    deliver,
    deliveries,
    drop,
    find_mail,
    full_mailboxes,
    held_digests,
    hold,
    preview,
    release,
    release_brake,
    resume,
    retry,
    stop,
)
from tocsin.delivery.channels import Channel
from tocsin.delivery.channels.file import FileChannel
from tocsin.delivery.channels.smtp import SmtpChannel
from tocsin.delivery.sending_policy import MailAllowance, most_mails
from tocsin.directory import Team
from tocsin.node.errors import ConflictError
from tocsin.node.letters import queue_letter
from tocsin.node.records import AuditEntry, Database
from tocsin.node.settings import MailSettings, Settings
from tocsin.node.tell_settings import TellSettings

OPEN = TellSettings(hold_first_mail=False)


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


def teams_of(count: int, mailbox: str = "noc@t{}.example") -> dict[int, Team]:
    return {number: team(number, mailboxes=(mailbox.format(number),)) for number in range(1, count + 1)}


def news(teams: Mapping[int, Team], ingest: int = 1) -> dict[int, pl.DataFrame]:
    return {number: events({"source.ip": f"192.0.2.{number}"}, ingest=ingest) for number in teams}


class Desk:
    """A node whose news and time a test moves on; each sending sees all news so far."""

    def __init__(self, database: Database, channel: Callable[[], Channel], teams: dict[int, Team]) -> None:
        self.database, self.channel, self.teams = database, channel, teams
        self.now, self.frames = NOW, dict[int, pl.DataFrame]()
        self.ingests = 0

    def hear(self, *teams: int, severity: str | None = None) -> None:
        self.ingests += 1
        fresh = news({number: self.teams[number] for number in teams or self.teams}, self.ingests)
        fresh = {
            team: frame.with_columns(pl.lit(severity, pl.String).alias("severity")) for team, frame in fresh.items()
        }
        self.frames |= {
            of: pl.concat([self.frames[of], new]) if of in self.frames else new for of, new in fresh.items()
        }
        owe(self.database, self.teams, fresh, self.now)

    def send(self, tell: TellSettings = OPEN, channel: Channel | None = None) -> DeliverySummary:
        with closing(channel or self.channel()) as way:
            return deliver(
                self.database,
                teams=self.teams,
                events_of=Told(self.frames),
                channel=way,
                node=node(tell=tell),
                now=self.now,
            )

    def preview(self, reference: str) -> bytes:
        (mail,) = preview(
            self.database,
            reference,
            teams=self.teams,
            events_of=Told(self.frames),
            facts=Facts(lambda frame: frame, lambda _: {}),
            node=node(),
        )
        return mail.content

    def rows(self) -> list[Delivery]:
        with self.database.begin() as session:
            return list(reversed(deliveries(session)))

    def states(self) -> list[str]:
        return [row.state for row in self.rows()]


@pytest.fixture
def desk(database: Database, office: PostOffice) -> Desk:
    return Desk(database, lambda: SmtpChannel(office.settings()), teams_of(3))


def email_of(content: bytes) -> Message:
    return email.message_from_bytes(content, policy=email.policy.default)


def told(office: PostOffice) -> Counter[tuple[str, str]]:
    """How often each mailbox was told of each event."""
    return Counter(
        (to, row["event"]) for boxes, content in office.arrived for to in boxes for row in read_mail(content).rows()
    )


def test_shadow_mode_writes_all_and_sends_nothing_even_when_live_comes(
    desk: Desk, office: PostOffice, tmp_path: Path
) -> None:
    desk.hear()
    shadow = desk.send(TellSettings(mode="shadow"), FileChannel(tmp_path))
    live = desk.send()
    desk.hear(1)
    after = desk.send()

    assert (shadow.digests, shadow.way, live.digests, after.digests) == (3, "shadow", 0, 1)
    assert [row.path for row in desk.rows()][:3] == [f"shadow/2026-11-24/TOC-2026-000000{n}.eml" for n in (1, 2, 3)]
    assert sorted(read.to for read in read_folder(tmp_path / "shadow").values()) == [
        f"noc@t{number}.example" for number in (1, 2, 3)
    ]
    assert desk.states() == ["shadow"] * 3 + ["sent"]
    assert [boxes for boxes, _ in office.arrived] == [["noc@t1.example"]]
    assert len(read_mail(office.arrived[0][1]).rows()) == 1
    with desk.database.begin() as session, pytest.raises(ConflictError, match="counts as notified"):
        retry(session, "TOC-2026-0000001", NOW, actor="test")


def test_shadow_mode_cannot_be_given_a_channel_that_sends(desk: Desk) -> None:
    desk.hear()
    with pytest.raises(ValueError, match="only written"):
        desk.send(TellSettings(mode="shadow"))


def test_what_was_written_as_files_is_not_sent_again_by_smtp(desk: Desk, office: PostOffice, tmp_path: Path) -> None:
    desk.hear()
    desk.send(channel=FileChannel(tmp_path))
    desk.send()

    assert office.arrived == []


def test_redirect_mode_sends_all_to_one_mailbox_and_names_the_real_ones(desk: Desk, office: PostOffice) -> None:
    desk.teams[1] = team(1, mailboxes=("a@t1.example", "b@t1.example"))
    desk.hear()
    very = [desk.send(TellSettings(mode="redirect", redirect_to="me@csirt.example"))]
    desk.send()

    assert [boxes for boxes, _ in office.arrived] == [["me@csirt.example"]] * 3
    assert (very[0].digests, desk.states()) == (3, ["redirected"] * 3)
    first = read_mail(office.arrived[0][1])
    assert first.to == "me@csirt.example"
    assert first.body.replace("\r", "").split("\n\n")[1].split() == ["a@t1.example", "b@t1.example"]
    assert "a@t1.example, b@t1.example" in first.subject
    message = email_of(office.arrived[0][1])
    (inner,) = [part for part in message.walk() if part.get_content_type() == "message/rfc822"]
    mail = inner.get_payload(0)
    assert isinstance(mail, Message)
    attached = mail.as_bytes(policy=SMTP)
    assert attached == desk.preview("TOC-2026-0000001")
    assert read_mail(attached).to == "a@t1.example, b@t1.example"


def test_the_first_mail_to_each_team_waits_for_a_person_and_what_follows_joins_one_digest(
    desk: Desk, office: PostOffice
) -> None:
    held = TellSettings()
    desk.hear()
    first = desk.send(held)
    desk.hear(1, 2)
    desk.now += timedelta(hours=1)
    second = desk.send(held)

    assert (first.held, first.digests, second.held, second.digests) == (3, 0, 0, 0)
    assert office.arrived == []
    shown = desk.preview("toc-2026-0000001")
    assert desk.rows()[0].subject in read_mail(shown).subject
    with desk.database.begin() as session:
        release(session, [find_mail(session, "TOC-2026-0000001")], actor="ana", now=desk.now)
        drop(session, find_mail(session, "TOC-2026-0000002"), reason="wrong mailbox", actor="ana", now=desk.now)
        with pytest.raises(ConflictError, match="is not held"):
            release(session, [find_mail(session, "TOC-2026-0000002")], actor="ana", now=desk.now)
    desk.send(held)

    assert [content for _, content in office.arrived[:1]] == [shown]
    assert [boxes for boxes, _ in office.arrived] == [["noc@t1.example"]] * 2
    assert set(told(office).values()) == {1}
    assert desk.states() == ["sent", "dropped", "held", "sent", "held"]
    with desk.database.begin() as session:
        assert [row.team_id for row in held_digests(session)] == [3, 2]
        words = session.scalars(select(AuditEntry.word).order_by(AuditEntry.id)).all()
    assert words == ["delivery.released", "delivery.dropped", "delivery.sent", "delivery.sent"]


def test_a_team_that_was_told_as_a_file_only_is_held_when_smtp_is_switched_on(
    desk: Desk, office: PostOffice, tmp_path: Path
) -> None:
    desk.hear(1)
    desk.send(TellSettings(), FileChannel(tmp_path))
    desk.hear(1)
    desk.send(TellSettings())

    assert desk.states() == ["sent", "held"]
    assert office.arrived == []


def test_a_stop_ends_a_running_delivery_between_two_mails(desk: Desk, office: PostOffice) -> None:
    desk.hear()

    def stop_now() -> None:
        with desk.database.begin() as session:
            stop(session, reason="wrong table", actor="ana", now=NOW)

    office.after_mail = stop_now
    stopped = desk.send()
    office.after_mail = None
    still = desk.send()
    with desk.database.begin() as session:
        with pytest.raises(ConflictError, match="wrong table"):
            stop(session, reason="again", actor="bob", now=NOW)
        resume(session, actor="ana", now=NOW)
    done = desk.send()

    assert (stopped.digests, still.digests, done.digests) == (1, 0, 2)
    assert "stopped at 2026-11-24 06:00 UTC by ana: wrong table." in stopped.problem
    assert "stopped" in still.problem
    assert sorted(told(office).values()) == [1, 1, 1]


@pytest.mark.parametrize("kind", ["digest", "letter"])
def test_what_is_dropped_while_a_run_goes_on_does_not_leave_with_it(desk: Desk, office: PostOffice, kind: str) -> None:
    if kind == "digest":
        desk.hear()
    else:
        with desk.database.begin() as session:
            for n in (1, 2, 3):
                box = f"noc@t{n}.example"
                queue_letter(session, key=box, kind="test", mailbox=box, subject="s", body="b", now=NOW)
    second = {"digest": "TOC-2026-0000002", "letter": "LTR-2026-0000002"}[kind]

    def drop_second() -> None:
        office.after_mail = None
        with desk.database.begin() as session:
            one = find_mail(session, second)
            hold(session, one, reason="a look", actor="ana", now=NOW)
            drop(session, one, reason="wrong", actor="ana", now=NOW)

    office.after_mail = drop_second
    desk.send()
    desk.send()

    assert sorted(box for boxes, _ in office.arrived for box in boxes) == ["noc@t1.example", "noc@t3.example"]
    with desk.database.begin() as session:
        assert find_mail(session, second).state == "dropped"


def test_the_brake_holds_a_sudden_volume_until_a_person_lets_it_go(desk: Desk, office: PostOffice) -> None:
    desk.teams = teams_of(12)
    careful = TellSettings(hold_first_mail=False, brake_mails=4, brake_factor=2)
    for _ in range(3):  # usual days have three mails
        desk.hear(1, 2, 3)
        desk.send(careful)
        desk.now += timedelta(days=1)
    desk.hear(1, 2, 3, 4, 5, 6)
    usual = desk.send(careful)
    desk.now += timedelta(hours=1)
    desk.hear(7, 8)
    held = desk.send(careful)
    again = desk.send(careful)

    assert (usual.digests, usual.problem) == (6, "")
    assert (held.digests, again.digests) == (0, 0)
    assert "8 mails would be sent within 24 hours, and the limit is 6" in held.problem
    with desk.database.begin() as session:
        assert release_brake(session, actor="ana", now=desk.now) == 8
    assert desk.send(careful).digests == 2
    desk.hear(9)
    assert desk.send(careful).problem == ""
    with desk.database.begin() as session:
        words = [word for word in session.scalars(select(AuditEntry.word)) if word.startswith("brake")]
    assert words == ["brake.pulled", "brake.released"]
    assert len(office.arrived) == 18


def test_released_digests_do_not_pull_the_brake(desk: Desk) -> None:
    desk.teams = teams_of(12)
    careful = TellSettings(brake_mails=4)
    desk.hear()
    held = desk.send(careful)
    with desk.database.begin() as session:
        release(session, held_digests(session), actor="ana", now=desk.now)
    sent = desk.send(careful)

    assert (held.held, held.problem, sent.digests, sent.problem) == (12, "", 12, "")


def test_old_news_expires_instead_of_leaving_and_a_person_can_still_send_it(desk: Desk, office: PostOffice) -> None:
    desk.hear()
    desk.send(TellSettings())
    desk.hear(1)
    desk.now += timedelta(days=15)
    desk.hear(2)
    late = desk.send()

    assert (late.expired, late.digests) == (4, 1)
    assert [boxes for boxes, _ in office.arrived] == [["noc@t2.example"]]
    assert desk.states() == ["expired"] * 3 + ["sent"]
    assert "more than 14 days ago" in desk.rows()[0].error
    with desk.database.begin() as session:
        retry(session, "TOC-2026-0000003", desk.now, actor="test")
    assert desk.send().digests == 1


def test_a_mailbox_gets_no_more_than_its_mails_and_the_rest_comes_in_one_digest(desk: Desk, office: PostOffice) -> None:
    few = TellSettings(hold_first_mail=False, mails_a_day=3)
    desk.teams = {1: team(1, mailboxes=("NOC@t1.example",)), 2: team(2, mailboxes=("noc@t1.example",))}
    waited = []
    for _ in range(5):
        desk.hear(1)
        waited.append(desk.send(few).full)
        desk.now += timedelta(hours=1)
    desk.hear(2)
    assert desk.send(few).full == 2
    desk.now = NOW + timedelta(hours=24)
    desk.send(few)

    assert waited == [0, 0, 0, 1, 1]
    assert len(office.arrived) == 4
    assert len(read_mail(office.arrived[3][1]).rows()) == 2  # both that waited, in one
    desk.now = NOW + timedelta(hours=25)
    desk.send(few)
    assert len(office.arrived) == 5
    assert set(told(office).values()) == {1}


def test_what_is_critical_leaves_though_the_mailbox_had_its_mails_but_not_without_end(
    desk: Desk, office: PostOffice
) -> None:
    few = TellSettings(hold_first_mail=False, mails_a_day=5)
    full, critical = [], []
    for severity in [None] * 6 + ["high", "critical", "critical", "critical", None]:
        desk.hear(1, severity=severity)
        full.append(desk.send(few).full)
        critical.append(len(office.arrived))
        desk.now += timedelta(hours=1)

    assert critical == [1, 2, 3, 4, 5, 5, 5, 6, 7, 7, 7]  # a quarter of 5 more, rounded up
    assert full == [0] * 5 + [1, 1, 0, 0, 1, 1]
    assert len(read_mail(office.arrived[5][1]).rows()) == 3  # with all that waited
    with desk.database.reading() as session:
        settings = Settings(tell=few, mail=MailSettings(channel="smtp"))
        (notice,) = full_mailboxes(session, settings, desk.teams, desk.now)
        assert notice.words == "2 events wait: the email addresses of team-1 have reached their mails per day."
        assert full_mailboxes(session, settings, desk.teams, desk.now + timedelta(days=1)) == []


def test_letters_and_digests_to_one_mailbox_are_counted_together(desk: Desk, office: PostOffice) -> None:
    few = TellSettings(hold_first_mail=False, mails_a_day=3)
    for number in range(4):
        with desk.database.begin() as session:
            queue_letter(
                session, key=str(number), kind="t", mailbox="Noc@T1.example", subject="s", body="b", now=desk.now
            )
    desk.hear(1, 2)
    first = desk.send(few)
    desk.now += timedelta(hours=24)
    second = desk.send(few)

    assert (first.letters, first.later, first.digests, first.full) == (3, 1, 1, 1)
    assert (second.letters, second.digests) == (1, 1)
    assert [boxes[0] for boxes, _ in office.arrived].count("noc@t1.example") == 1
    assert len(office.arrived) == 6


def test_parts_of_a_large_digest_wait_for_room_and_come_once(database: Database, office: PostOffice) -> None:
    few = TellSettings(hold_first_mail=False, mails_a_day=2)
    rows = [{"source.ip": f"192.0.2.{row % 250}", "extra": noise(row)} for row in range(50)]
    frames = {1: events(*rows)}
    owe(database, {1: team(1)}, frames)

    def send(at: datetime) -> DeliverySummary:
        with closing(SmtpChannel(office.settings())) as channel:
            return deliver(
                database,
                teams={1: team(1)},
                events_of=Told(frames),
                channel=channel,
                node=node(max_bytes=50_000, tell=few),
                now=at,
            )

    full = [send(NOW + timedelta(hours=hours)).full for hours in (0, 2, 24, 26, 48, 50)]

    parts = [read_mail(content) for _, content in office.arrived]
    assert len(parts) >= 5
    assert full[:2] == [1, 1]
    assert len({part.message_id for part in parts}) == len(parts)
    assert Counter(row["event"] for part in parts for row in part.rows()).most_common(1)[0][1] == 1
    assert sum(len(part.rows()) for part in parts) == 50


def noise(seed: int) -> str:
    return '{"noise":"' + random.Random(seed).randbytes(3000).hex() + '"}'


@given(
    st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True), max_size=40),
    st.integers(min_value=1, max_value=4),
)
def test_room_never_gives_a_mailbox_more_than_its_share(mails: list[list[str]], most: int) -> None:
    room = MailAllowance(most)
    given_ = Counter(box for boxes in mails if room.take(boxes) for box in boxes)

    assert all(count <= most for count in given_.values())
    assert given_ == +room.used


@given(st.lists(st.integers(min_value=1, max_value=10_000)), st.integers(min_value=1, max_value=10_000))
def test_the_brake_lets_a_usual_day_leave_and_never_less_than_its_least(former: list[int], least: int) -> None:
    most = most_mails(TellSettings(brake_mails=least, brake_factor=5), former)

    assert most >= least
    assert not former or sum(count <= most for count in former) * 2 >= len(former)
