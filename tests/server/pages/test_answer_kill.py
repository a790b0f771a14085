"""The pages killed while they record: no answer that had its receipt is lost, none is recorded twice."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from support.world import copy_world, link_of, send, serving
from tocsin.node.records.audit import AuditEntry
from tocsin.problems.answers import Answer


@pytest.mark.parametrize(("cut", "kept"), [("answers.recording", 0), ("answers.recorded", 1)])
def test_a_form_sent_again_after_a_kill_is_one_answer(fresh: Path, tmp_path: Path, cut: str, kept: int) -> None:
    world = copy_world(fresh, tmp_path)
    world.now = datetime.now(UTC)  # the pages have their own clock
    world.hear("192.0.2.1", "192.0.2.2")
    link = link_of(world.tell()["abuse@operator.example"])

    def counted() -> tuple[int, int]:
        with world.node.database.begin() as session:
            answers = session.scalar(select(func.count()).select_from(Answer)) or 0
            entries = select(func.count()).select_from(AuditEntry).where(AuditEntry.word == "answer.recorded")
            return answers, session.scalar(entries) or 0

    with serving(world.node.home, cut) as client:
        made = client.get(link).text.partition('name="made" value="')[2].partition('"')[0]
        with pytest.raises(httpx.TransportError):
            send(client, link, "fixed", made=made)
    assert counted() == (kept, kept)

    with serving(world.node.home) as client:
        assert send(client, link, "fixed", made=made).status_code == 303
        assert send(client, link, "fixed", made=made).status_code == 303
    assert counted() == (1, 1)
