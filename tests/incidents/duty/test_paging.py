"""Paging over many days with channels that fail and processes that are killed: nothing is lost, nothing doubled."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.duty_process import look
from support.pager import pager
from support.processes import KILLED, start
from support.sizes import WHOLE
from tocsin.incidents.duty import CallOutState, CallState, live_rosters

from .conftest import Duty, ruled, secret_file, with_settings

DAYS = 90 if WHOLE else 8
FAILS = 0.05  # of all calls by each channel
ANSWERS = 0.4  # of those who are called acknowledge before the next one is
MINUTES = 10


def killed_at(duty: Duty, cut: str, settings: dict[str, str]) -> int:
    """A look in a process that dies at a point; its exit code."""
    environment = {**os.environ, "TOCSIN_CUT": cut}
    environment |= {f"TOCSIN_DUTY_{name.upper()}": value for name, value in settings.items()}
    return start(look, str(duty.world.node.home), duty.world.now.isoformat(), environment=environment).wait()


def moments(chance: random.Random, begins: datetime) -> Iterator[datetime]:
    """When incidents begin: two a day, at any minute."""
    for day in range(DAYS):
        yield from sorted(begins + timedelta(days=day, minutes=chance.randrange(1440)) for _ in range(2))


def test_each_call_out_is_acknowledged_or_goes_to_the_end_of_its_chain(duty: Duty, tmp_path: Path) -> None:
    chance = random.Random(7)
    out = tmp_path / "outgoing"
    out.mkdir()
    ruled(duty, channels=("webhook", "sms"), people=("eve@csirt.example", "kim@csirt.example"), minutes=str(MINUTES))
    for number, name in enumerate(duty.people):
        duty.do("phoneDuty", name, phone=f"+23055501{number:02d}")
    cuts = {chance.randrange(2, DAYS): "duty.sent", chance.randrange(DAYS, DAYS * 2): "duty.sending"}
    chains: dict[str, set[int]] = {}
    with pager(lambda: 503 if chance.random() < FAILS else 200) as (url, got):
        settings = {"webhook": url, "webhook_secret_file": secret_file(tmp_path), "sms_folder": str(out)}
        for place, at in enumerate(list(moments(chance, duty.world.now))):
            duty.world.now = max(duty.world.now, at)
            reference = duty.incident()
            chains[reference] = set()
            if place in cuts:
                assert killed_at(duty, cuts[place], settings) == KILLED
            for _ in range(20):
                works = chance.random() >= FAILS
                with_settings(duty, **settings | ({} if works else {"sms_folder": str(tmp_path / "gone")}))
                with duty.world.node.database.reading() as session:
                    (live,) = live_rosters(session, duty.world.now)
                    chains[reference] |= {*live.on_duty(duty.world.now)}
                duty.look()
                current = duty.call_outs[-1]
                if current.state != CallOutState.OPEN:
                    break
                reached = any(one.state == CallState.SENT for one in duty.calls if one.call_out_id == current.id)
                if reached and chance.random() < ANSWERS:
                    duty.do("acknowledgeCallOut", "ana", call_out=current.id)
                    break
                duty.later(minutes=MINUTES)
            duty.change_incident(reference, state="closed")
    ends = Counter(one.state for one in duty.call_outs)
    assert (len(duty.call_outs), set(ends)) == (2 * DAYS, {"acknowledged", "unanswered"})
    assert [one.subject for one in duty.call_outs] == list(chains)
    for one in duty.call_outs:
        called = {call.person for call in duty.calls if call.call_out_id == one.id}
        if one.state == CallOutState.UNANSWERED:
            assert called >= {duty.people["eve"], duty.people["kim"]}
            assert called & chains[one.subject]
    names = Counter(str(headers["Idempotency-Key"]) for headers, _ in got)
    assert sorted(names.values())[-2:] in ([1, 1], [1, 2])  # twice: killed between sending it and noting that
    sent = {f"tocsin_{one.id:08d}" for one in duty.calls if one.channel == "sms" and one.state == CallState.SENT}
    assert {path.name for path in out.iterdir()} == sent
    assert any(one.state == CallState.FAILED for one in duty.calls)


@pytest.mark.parametrize(
    ("cut", "posts"), [("duty.calling", 1), ("duty.called", 1), ("duty.sending", 1), ("duty.sent", 2)]
)
def test_a_kill_loses_no_call_and_doubles_only_what_nobody_can_know(
    duty: Duty, tmp_path: Path, cut: str, posts: int
) -> None:
    out = tmp_path / "outgoing"
    out.mkdir()
    ruled(duty, channels=("webhook", "sms", "mail"))
    duty.do("phoneDuty", "ana", phone="+2305550101")
    duty.incident()
    with pager() as (url, got):
        settings = {"webhook": url, "webhook_secret_file": secret_file(tmp_path), "sms_folder": str(out)}
        with_settings(duty, **settings)
        assert killed_at(duty, cut, settings) == KILLED
        duty.look()
        duty.look()
    assert ([one.state for one in duty.call_outs], duty.called) == (["open"], ["ana"])
    assert {one.state for one in duty.calls} == {CallState.SENT}
    assert (len(got), len(list(out.iterdir())), len(duty.letters("call"))) == (posts, 1, 1)
