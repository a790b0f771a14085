"""Refusals, retries and kills: nothing is lost, nobody is told twice."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from support.databases import Cluster
from support.delivery_examples import NOW, Read, Told, node, owe, read_folder, read_mail, team
from support.delivery_kills import killed
from support.delivery_process import FRAMES, TEAMS
from support.mail_server import PostOffice, post_office
from tocsin.delivery import Channel, Delivery, DeliveryState, DeliverySummary, deliver, delivery, retry
from tocsin.delivery.channels import MailReceipt
from tocsin.delivery.channels.file import FileChannel
from tocsin.delivery.channels.smtp import SmtpChannel
from tocsin.delivery.lock import sole_caller, sole_deliverer, sole_exchange, sole_pusher
from tocsin.delivery.render import Mail
from tocsin.delivery.sent_log import next_try
from tocsin.directory import Team
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.records import AuditEntry, Database, open_database


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


def run(database: Database, channel: Channel, now: datetime = NOW, teams: dict[int, Team] = TEAMS) -> DeliverySummary:
    with closing(channel):
        return deliver(database, teams=teams, events_of=Told(FRAMES), channel=channel, node=node(), now=now)


def row_of(database: Database) -> Delivery:
    with database.begin() as session:
        (row,) = session.scalars(select(Delivery)).all()
    return row


def test_a_refusal_for_the_moment_is_tried_again_after_a_while_under_the_same_message_id(
    database: Database, office: PostOffice
) -> None:
    owe(database, TEAMS, {1: FRAMES[1]})
    office.data_answers = ["451 4.3.0 Not now"]
    first = run(database, SmtpChannel(office.settings()))
    early = run(database, SmtpChannel(office.settings()), NOW + timedelta(minutes=4))
    waiting = row_of(database)
    later = run(database, SmtpChannel(office.settings()), NOW + timedelta(minutes=5))

    assert (first.later, first.digests, early.digests, later.digests) == (1, 0, 0, 1)
    assert (waiting.state, waiting.attempts) == (DeliveryState.RETRY, 1)
    assert "451 4.3.0 Not now" in waiting.error
    sent = row_of(database)
    assert (sent.state, sent.error) == (DeliveryState.SENT, "")
    assert [read_mail(content).message_id for _, content in office.arrived] == [sent.message_id]


def test_a_refusal_for_good_is_kept_and_can_be_tried_again_by_hand(database: Database, office: PostOffice) -> None:
    owe(database, TEAMS, {1: FRAMES[1]})
    office.refused = {"noc@t1.example": "550 5.1.1 No such user"}
    failed = run(database, SmtpChannel(office.settings()))
    again = run(database, SmtpChannel(office.settings()), NOW + timedelta(days=1))
    office.refused = {}
    with database.begin() as session:
        retry(session, "toc-2026-0000001", NOW, actor="test")
    mended = run(database, SmtpChannel(office.settings()))

    assert (failed.failed, again.digests, again.failed, mended.digests) == (1, 0, 0, 1)
    with database.begin() as session:
        words = session.scalars(select(AuditEntry.word).order_by(AuditEntry.id)).all()
        with pytest.raises(ConflictError, match="was sent at"):
            retry(session, "TOC-2026-0000001", NOW, actor="test")
        with pytest.raises(NotFoundError):
            delivery(session, "TOC-2026-9999999")
    assert words == ["delivery.failed", "delivery.retried", "delivery.sent"]


def test_each_mailbox_gets_a_digest_once_when_one_of_them_was_refused(database: Database, office: PostOffice) -> None:
    two = {1: team(1, mailboxes=("a@t1.example", "b@t1.example"))}
    owe(database, two, {1: FRAMES[1]})
    office.refused = {"b@t1.example": "450 4.2.1 Busy"}
    run(database, SmtpChannel(office.settings()), teams=two)
    office.refused = {}
    run(database, SmtpChannel(office.settings()), NOW + timedelta(hours=1), teams=two)
    run(database, SmtpChannel(office.settings()), NOW + timedelta(hours=2), teams=two)

    assert [to for to, _ in office.arrived] == [["a@t1.example"], ["b@t1.example"]]
    assert office.arrived[0][1] == office.arrived[1][1]


def test_without_a_server_everything_waits_and_says_so(database: Database) -> None:
    owe(database, TEAMS, FRAMES)
    with post_office() as gone:
        pass
    stopped = run(database, SmtpChannel(gone.settings()))
    with post_office() as back:
        done = run(database, SmtpChannel(back.settings()))

    assert (stopped.digests, stopped.later, stopped.failed) == (0, 0, 0)
    assert "cannot be used" in stopped.problem
    assert (done.digests, done.problem) == (5, "")


def test_back_off_doubles_up_to_six_hours_and_ends_after_five_days() -> None:
    waits = [next_try(attempts, NOW, NOW) for attempts in range(1, 10)]

    assert [(when - NOW) / timedelta(minutes=1) for when in waits if when] == [5, 10, 20, 40, 80, 160, 320, 360, 360]
    assert next_try(3, NOW, NOW + timedelta(days=5)) is None


def test_two_deliverers_do_not_work_at_once(database: Database, tmp_path: Path) -> None:
    owe(database, TEAMS, FRAMES)
    with sole_deliverer(database), pytest.raises(ConflictError, match="Another process"):
        run(database, FileChannel(tmp_path / "mails"))

    assert run(database, FileChannel(tmp_path / "mails")).digests == 5


def test_who_lost_the_lock_with_its_connection_sends_nothing_more(postgresql: Cluster, tmp_path: Path) -> None:
    """As when PostgreSQL is started again: by then another machine may deliver."""

    def lose() -> None:
        with postgresql.connect() as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")

    class Cut(FileChannel):
        def send(self, mails: Sequence[Mail]) -> list[MailReceipt]:
            sent = super().send(mails)
            lose()
            return sent

    database = open_database(postgresql.fresh())
    owe(database, TEAMS, FRAMES)
    with pytest.raises(ConflictError, match="another machine may send"):
        run(database, Cut(tmp_path / "mails", batch=1))
    assert len(read_folder(tmp_path / "mails")) == 1

    assert run(database, FileChannel(tmp_path / "mails")).digests == 4
    with ExitStack() as opened:
        checks = [opened.enter_context(sole(database)) for sole in (sole_caller, sole_exchange, sole_pusher)]
        for check in checks:
            check()
        lose()
        for check in checks:
            with pytest.raises(ConflictError, match="another machine may send"):
                check()
    database.close()


def told(reads: list[Read]) -> Counter[tuple[str, str]]:
    return Counter((read.to, row["event"]) for read in reads for row in read.rows())


FILE_CUTS = (
    "deliver.claimed",
    "deliver.file.unsynced:4",
    "deliver.file.written",
    "deliver.file.named:3",
    "deliver.file.synced",
    "deliver.noting",
)
SMTP_CUTS = (
    "deliver.claiming",
    "deliver.claimed",
    "deliver.rendered:3",
    "deliver.smtp.accepted",
    "deliver.smtp.accepted:4",
    "deliver.sent",
    "deliver.sent:5",
    "deliver.noting:2",
    "deliver.noted",
)


@pytest.mark.parametrize("place", FILE_CUTS)
def test_killed_while_writing_files_the_next_run_finishes(database: Database, tmp_path: Path, place: str) -> None:
    owe(database, TEAMS, FRAMES)
    killed(database, tmp_path, place)
    run(database, FileChannel(tmp_path / "mails"))

    reads = list(read_folder(tmp_path / "mails").values())
    assert sorted(told(reads).values()) == [1] * sum(frame.height for frame in FRAMES.values())
    assert sorted(read.to for read in reads) == sorted(one.mailboxes[0] for one in TEAMS.values())
    assert not list((tmp_path / "mails").rglob("*.part"))


@pytest.mark.parametrize("place", SMTP_CUTS)
def test_killed_while_sending_at_most_the_mail_in_flight_comes_twice_and_is_recognised(
    database: Database, tmp_path: Path, office: PostOffice, place: str
) -> None:
    owe(database, TEAMS, FRAMES)
    killed(database, tmp_path, place, office.port)
    run(database, SmtpChannel(office.settings()))

    reads = [read_mail(content) for _, content in office.arrived]
    by_identity = {read.message_id: read for read in reads}
    assert len(reads) - len(by_identity) <= 1
    assert sorted(told(list(by_identity.values())).values()) == [1] * sum(frame.height for frame in FRAMES.values())
    assert len({content for _, content in office.arrived}) == len(by_identity)
