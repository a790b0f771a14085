"""Nothing of one party reaches another, tickets that answer each other open nothing, a kill loses nothing.

The whole sizes: ``TOCSIN_CONVERSATIONS=10000 TOCSIN_PING_PONGS=1000 ./test tests/incidents/threads/test_claims.py``.
"""

import os
import random
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from support.delivery_examples import Read
from support.incident_mails import Case, answer_to, make_case
from support.processes import KILLED, command
from support.world import World
from tocsin.incidents import Incident, IncidentEntry, IncidentEntryKind
from tocsin.incidents.threads import IncidentMail, QuotedTextError, ThreadMailState
from tocsin.node.letters import Letter

CONVERSATIONS = int(os.environ.get("TOCSIN_CONVERSATIONS", "20"))
PING_PONGS = int(os.environ.get("TOCSIN_PING_PONGS", "20"))
WORDS = (
    "server router backup account ledger switch mailbox invoice printer tablet archive gateway cluster console "
    "firewall password contract building network cabinet payroll terminal vehicle antenna pipeline harbour"
).split()
CANARY = re.compile(r"kanari[0-9a-f]{8}")


class _Conversation:
    """An incident with up to six parties; each has canaries in its name, address, subjects, ids and texts."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.chance = chance
        self.canaries: dict[str, set[str]] = {}
        boxes: dict[str, str] = {}
        for number in range(chance.randint(2, 6)):
            name, box = self._new(f"{number}"), self._new(f"{number}")
            boxes[f"Company {name} Ltd"] = f"it-{box}@{number}.example"
            self.canaries[f"Company {name} Ltd"] = {name, box}
        self.boxes = boxes
        self.case: Case = make_case(world, boxes)
        self.heard: dict[str, list[str]] = {name: [] for name in boxes}
        self.own: dict[str, list[str]] = {name: [] for name in boxes}
        self.asked = 0

    def _new(self, _: str) -> str:
        return f"kanari{self.chance.getrandbits(32):08x}"

    def _text(self, *more: str) -> str:
        return " ".join([*self.chance.choices(WORDS, k=14), *more])

    def write(self) -> None:
        """A mail to most parties; some quote what another wrote, which is asked about and left out then."""
        for name in self.boxes:
            if self.chance.random() < 0.3:
                continue
            others = [text for other, texts in self.heard.items() if other != name for text in texts]
            if others and self.chance.random() < 0.4:
                quoted = self.chance.choice(others).split()
                begin = self.chance.randrange(max(1, len(quoted) - 8))
                said = "\n> ".join([self._text(), " ".join(quoted[begin : begin + 12])])
                try:
                    self.case.do("send", party=name, subject="Look", text=said)
                except QuotedTextError:
                    self.asked += 1
                else:
                    assert not CANARY.search(said), said
                    continue
            mine = self.own[name][-1:]
            self.case.do("send", party=name, subject="Look", text="\n> ".join([self._text(), *mine]))

    def check(self, name: str, mail: Read) -> None:
        """A mail holds no canary but its party's."""
        whole = "\n".join([*(f"{key}: {value}" for key, value in mail.headers.items()), mail.body])
        assert set(CANARY.findall(whole)) <= self.canaries[name], whole

    def answer(self, name: str, sent: Read, all_sent: dict[str, Read]) -> None:
        """The party answers; now and then to an address that another one has."""
        body, subject, ident = (self._new(name) for _ in range(3))
        self.canaries[name] |= {body, subject, ident}
        text = self._text(body, *self.chance.choices(WORDS, k=4))
        to = self.chance.choice(list(all_sent.values())) if self.chance.random() < 0.1 else sent
        raw = answer_to(
            sent, text, sender=self.boxes[name], to=str(to.headers["Reply-To"]), subject=f"Re: {subject}",
        )  # fmt: skip
        self.case.receive(raw.replace(b"Message-ID: <", f"Message-ID: <{ident}.".encode(), 1))
        self.heard[name].append(text)
        if to is sent:
            self.own[name].append(text)


def test_nothing_of_one_party_reaches_another(world: World) -> None:
    chance = random.Random(15)
    mails = 0
    with world.node.database.kept_open():  # as in `tocsin serve`
        conversations = [_Conversation(world, chance) for _ in range(CONVERSATIONS)]
        for _ in range(2):
            for one in conversations:
                one.write()
            sent = world.tell()
            for one in conversations:
                mine = {name: sent[box] for name, box in one.boxes.items() if box in sent}
                for name, mail in mine.items():
                    one.check(name, mail)
                    mails += 1
                for name, mail in mine.items():
                    if chance.random() < 0.8:
                        one.answer(name, mail, mine)
    assert mails > 4 * CONVERSATIONS
    assert sum(one.asked for one in conversations) > CONVERSATIONS / 4


def test_ticket_systems_that_answer_each_other_open_nothing(case: Case) -> None:
    sent = case.write("Hospital", "Please look at your file server.")
    for number in range(PING_PONGS):
        head: dict[str, Any] = {"RT_Ticket": f"rt.example #{number}", "Auto_Submitted": "auto-replied"}
        text, subject = f"Ticket {number} was opened.", f"[rt.example #{number}] {sent.headers['Subject']}"
        case.receive(answer_to(sent, text, sender="it@hospital.example", subject=subject, **head))
    states = [one.state for one in case.thread("Hospital")[1]]
    assert states == [ThreadMailState.SENT, *[ThreadMailState.AUTOMATIC] * PING_PONGS]
    assert case.world.tell() == {}
    with case.world.node.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Incident)) == 1
        assert session.scalar(select(func.count()).select_from(Letter)) == 1


@pytest.mark.parametrize("place", ["threads.kept", "threads.placing", "threads.placed"])
def test_a_kill_between_keeping_and_placing_loses_and_doubles_nothing(case: Case, tmp_path: Path, place: str) -> None:
    sent = case.write("Hospital", "Please look at your file server.")
    mail = tmp_path / "answer.eml"
    mail.write_bytes(answer_to(sent, "We pulled the plug.", sender="it@hospital.example"))
    home = case.world.node.home
    assert command(home, "replies", "file", str(mail), environment={**os.environ, "TOCSIN_CUT": place}).wait() == KILLED
    for _ in range(2):
        assert command(home, "replies", "file", str(mail), environment={**os.environ}).wait() == 0
    with case.world.node.database.reading() as session:
        came = select(IncidentMail.text).where(IncidentMail.ours.is_(False))
        assert session.scalars(came).all() == ["We pulled the plug."]
        entries = select(func.count()).where(IncidentEntry.kind == IncidentEntryKind.MAIL_IN.value)
        assert session.scalar(entries) == 1
