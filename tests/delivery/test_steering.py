"""What a person does to a digest: holds it back, has it sent again; the events are the same, the reference is not."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from support.delivery_examples import NOW, Told, node, owe, read_folder
from support.delivery_process import FRAMES, TEAMS
from tocsin.delivery import (
    Delivery,
    DeliveryFilter,
    DeliverySummary,
    StateGroup,
    count_digests,
    deliver,
    delivery,
    find_digests,
    hold,
    release,
    send_again,
)
from tocsin.delivery.channels.file import FileChannel
from tocsin.node.errors import ConflictError
from tocsin.node.records import AuditEntry, Database

FIRST = "TOC-2026-0000001"


def run(database: Database, folder: Path) -> DeliverySummary:
    with closing(FileChannel(folder)) as channel:
        return deliver(database, teams=TEAMS, events_of=Told(FRAMES), channel=channel, node=node(), now=NOW)


def again(database: Database, reference: str = FIRST) -> str:
    with database.begin() as session:
        one = delivery(session, reference)
        return send_again(session, one, actor="person:1", domain="csirt.example", now=NOW).reference


def test_a_digest_that_is_sent_again_tells_the_same_events_and_continues_the_thread(
    database: Database, tmp_path: Path
) -> None:
    owe(database, TEAMS, {1: FRAMES[1]})
    run(database, tmp_path)
    (old,) = read_folder(tmp_path).values()
    made = again(database)
    assert run(database, tmp_path).digests == 1
    new = next(mail for name, mail in read_folder(tmp_path).items() if made in name)
    assert [row["event"] for row in new.rows()] == [row["event"] for row in old.rows()]
    assert f"This mail repeats {FIRST}" in new.body
    assert new.message_id != old.message_id
    twice = again(database, made)
    run(database, tmp_path)
    with database.reading() as session:
        rows = {row.reference: row for row in session.scalars(select(Delivery))}
        words = session.execute(select(AuditEntry.word, AuditEntry.subject, AuditEntry.detail)).all()
    assert rows[made].repeats == rows[twice].repeats == rows[FIRST].id
    assert ("delivery.repeated", f"delivery:{FIRST}", {"by": made}) in [tuple(row) for row in words]


def test_what_has_not_left_is_not_sent_again_but_held_and_released(database: Database, tmp_path: Path) -> None:
    owe(database, TEAMS, {1: FRAMES[1]})
    run(database, tmp_path)
    made = again(database)
    with pytest.raises(ConflictError, match="was not sent"):
        again(database, made)
    with database.begin() as session:
        hold(session, delivery(session, made), reason="Wait", actor="person:1", now=NOW)
    with database.begin() as session, pytest.raises(ConflictError, match="is not queued: it is held"):
        hold(session, delivery(session, made), reason="", actor="person:1", now=NOW)
    assert run(database, tmp_path).digests == 0
    with database.begin() as session:
        release(session, [delivery(session, made)], actor="person:1", now=NOW)
    assert run(database, tmp_path).digests == 1


def test_digests_are_found_by_group_team_time_and_reference_a_page_at_a_time(
    database: Database, tmp_path: Path
) -> None:
    owe(database, TEAMS, FRAMES)
    run(database, tmp_path)
    again(database)
    with database.reading() as session:
        every = [one.id for one in find_digests(session, DeliveryFilter(), limit=100)]
        assert every == sorted(every, reverse=True)
        page = find_digests(session, DeliveryFilter(before=every[1]), limit=2)
        assert [one.id for one in page] == every[2:4]
        counts = count_digests(session)
        assert (counts[StateGroup.GONE], counts[StateGroup.WAITING]) == (len(every) - 1, 1)
        assert [one.id for one in find_digests(session, DeliveryFilter(groups=[StateGroup.WAITING]), limit=9)] == every[
            :1
        ]
        assert every[0] not in [one.id for one in find_digests(session, DeliveryFilter(told=True), limit=9)]
        (one,) = find_digests(session, DeliveryFilter(reference="toc-2026-0000002"), limit=9)
        assert {other.team_id for other in find_digests(session, DeliveryFilter(teams=[one.team_id]), limit=9)} == {
            one.team_id
        }
        assert not find_digests(session, DeliveryFilter(since=NOW + timedelta(days=1)), limit=9)
        assert not find_digests(session, DeliveryFilter(until=NOW), limit=9)
        assert not find_digests(session, DeliveryFilter(reference="%"), limit=9)
        assert one in find_digests(session, DeliveryFilter(reference=" 0000002"), limit=9)
