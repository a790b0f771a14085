"""What was recalled and answered *done* is nowhere on the node any more: every way in, and all that is made of a thing.

Two nodes exchange by each way; what came has one word in its title, values, files and names. Whatever is made of it
here, after the answer nothing in the home has that word.
"""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select

from support import canary
from support.canary import WORD
from support.exchange_examples import peer
from support.ledger_examples import act, carry, pin_key
from support.world import World
from tocsin.cli.acts import act_of
from tocsin.exchange.ledger import OfferedItem, OutgoingRow
from tocsin.exchange.ledger.models import RecallItemRow
from tocsin.interface import ActContext, read_request
from tocsin.node.errors import ConflictError

VALUE: Final = f"{WORD}.example"
THIRD: Final = peer(3)


def do_act(world: World, group: str, name: str, /, **values: Any) -> Any:
    """Do an act as a command does."""
    found = act_of(group, name)
    return found.perform(ActContext(world.node, world.now, "test", act=found), read_request(found, values))


def rows(world: World, table: Any) -> list[Any]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def places_with_word(world: World) -> list[str]:
    """The files of a home that have the word in any form, of archives in what is packed, and the tables."""
    home = world.node.home
    packed = [
        path.relative_to(home).as_posix()
        for path in sorted(home.rglob("*"))
        if path.is_file() and zipfile.is_zipfile(path) and _is_packed_in(path.read_bytes())
    ]
    return sorted({*canary.files_with(home), *packed, *(f"table {name}" for name in canary.rows_with(home))})


def _is_packed_in(content: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return any(canary.is_in(archive.read(name)) or canary.is_in(name.encode()) for name in archive.namelist())


@dataclass
class Exchange:
    """A source, the node that has its item, and what was done with that."""

    source: World
    here: World
    folder: Path
    incident: str = ""
    sent: int = 0
    made: list[str] = field(default_factory=list)

    @property
    def item(self) -> OfferedItem:
        """The newest item."""
        return rows(self.here, OfferedItem)[-1]


def incident_with_word(world: World) -> str:
    """An incident of the source that says the word everywhere."""
    reference = world.tocsin.json("incidents", "open", f"Kit of {WORD}", "--tlp", "CLEAR")["reference"]
    world.tocsin.run("incidents", "add-observables", reference, "--text", VALUE)
    path = world.folder / f"{WORD}.txt"
    path.write_text(f"What {WORD} did")
    world.tocsin.run("evidence", "add-file", reference, path)
    return str(reference)


def by_file(exchange: Exchange) -> None:
    """A dispatch that is carried."""
    exchange.incident = incident_with_word(exchange.source)
    done = act(exchange.source, "send", partner="B", incident=exchange.incident, classes=("evidence", "analysis"))
    carry(exchange.source, exchange.here, done.dispatch)


WAYS_IN: Final[dict[str, Callable[[Exchange], None]]] = {"file": by_file}


def adopt(exchange: Exchange) -> None:
    exchange.made.append(act(exchange.here, "adopt", item=exchange.item.id).incident)


def repeat_in_texts(exchange: Exchange) -> None:
    """People write it into notes and tasks."""
    here, reference = exchange.here, exchange.made[-1]
    here.tocsin.run("incidents", "note", reference, "--text", f"Seen: {WORD}[.]example")
    here.tocsin.run("incidents", "add-task", reference, "--text", f"Block {VALUE}")


def send_on(exchange: Exchange) -> None:
    """In our incident to a third, and as its source signed it."""
    here = exchange.here
    act(here, "send", partner="Third", incident=exchange.made[-1], classes=("evidence", "analysis"))


def pass_on(exchange: Exchange) -> None:
    act(exchange.here, "pass-on", item=exchange.item.id, partner="Third")


MADE: Final = {"adopt": adopt, "texts": repeat_in_texts, "send": send_on, "pass-on": pass_on}


@pytest.fixture
def exchange(pair: tuple[World, World], tmp_path: Path) -> Exchange:
    one, other = pair
    pin_key(other, "Third", THIRD.node, THIRD.public.decode())
    return Exchange(one, other, tmp_path)


def recall_it(exchange: Exchange) -> None:
    act(exchange.source, "recall", incident=exchange.incident, code="wrong")
    number = max(row.id for row in rows(exchange.source, OutgoingRow))
    carry(exchange.source, exchange.here, number)


@pytest.mark.parametrize("way", WAYS_IN)
def test_after_the_answer_nothing_is_left(exchange: Exchange, way: str) -> None:
    WAYS_IN[way](exchange)
    for make in MADE.values():
        make(exchange)
    recall_it(exchange)
    here, number = exchange.here, exchange.item.id
    before = places_with_word(here)
    with pytest.raises(ConflictError) as refused:
        act(here, "answer", item=number, state="done")
    with pytest.raises(ConflictError):
        act(here, "send", partner="Third", incident=exchange.made[-1])
    done = act(here, "answer", item=number, state="done", end=True)
    assert places_with_word(here) == []
    with here.node.database.reading() as session:
        assert "done" in session.scalars(select(RecallItemRow.state)).all()
