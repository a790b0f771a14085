"""A node that was restored from a backup: it asks first what partners have, and what was recalled stays gone."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from support.exchange_examples import peer
from support.ledger_examples import act, make_incident, receipt_of
from support.world import World
from tocsin.exchange.ledger import OfferedItem, OutgoingRow, unchecked_partners
from tocsin.exchange.ledger.models import RecallItemRow
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.records import AuditAction, audit
from tocsin.operations.backup import restore_backup
from tocsin.pipeline.stores import open_node


def test_what_was_recalled_and_erased_after_the_backup_is_so_after_the_restore(
    pair: tuple[World, World], tmp_path: Path
) -> None:
    """A sends, B takes and makes a backup; then A recalls and B erases; B is made anew from the backup."""
    one, two = pair
    reference, receipt, backups = make_incident(one), tmp_path / "receipt.pgp", tmp_path / "backups"
    one.tocsin.run("exchange", "send", "B", "--incident", reference, "--out", tmp_path / "a.pgp")
    two.tocsin.run("exchange", "take", tmp_path / "a.pgp", "--out", receipt)
    two.tocsin.run("backup", backups / "first")
    one.tocsin.run("exchange", "recall", "--incident", reference, "--code", "wrong")
    one.tocsin.run("exchange", "file", "2", "--out", tmp_path / "recall.pgp")
    two.tocsin.run("exchange", "take", tmp_path / "recall.pgp", "--out", receipt)
    two.tocsin.run("exchange", "answer", "1", "--state", "done")
    two.tocsin.run("backup", backups / "second")  # brings the journal beside the first up to date
    restore_backup(backups / "first", tmp_path / "again", now=two.now)
    node = open_node(tmp_path / "again")
    try:
        with node.database.reading() as session:
            item = session.scalars(select(OfferedItem)).one()
            stone = session.scalars(select(RecallItemRow)).one()
            waiting = [one.name for one in unchecked_partners(session)]
    finally:
        node.database.close()
    assert (item.state, item.parts, item.title) == ("erased", [], "")
    assert (stone.item, stone.version, stone.state) == (item.item, item.version, "done")
    assert waiting == ["A"]


def restored(world: World) -> None:
    """As `restore_backup` leaves it, of the moment that it is now."""
    with world.node.database.begin() as session:
        audit(session, AuditAction.BACKUP_RESTORED, at=world.now, actor="backup", subject="node")
    world.now += timedelta(minutes=1)


DOCUMENT = {"name": "a.txt", "content": b"Text"}


def test_nothing_is_sealed_until_the_partner_said_what_it_has(world: World) -> None:
    to = peer(3)
    act(world, "send", partner="Peer", documents=(DOCUMENT,), tlp="CLEAR")
    old = receipt_of(world, to)
    restored(world)
    with pytest.raises(ConflictError, match="may have got more"):
        act(world, "send", partner="Peer", documents=(DOCUMENT,), tlp="CLEAR")
    act(world, "take-receipt", content=old)
    with pytest.raises(ConflictError, match="may have got more"):  # made before, it does not say what came since
        act(world, "send", partner="Peer", documents=(DOCUMENT,), tlp="CLEAR")
    act(world, "take-receipt", content=receipt_of(world, to))
    assert act(world, "send", partner="Peer", documents=(DOCUMENT,), tlp="CLEAR").number == 2


def test_a_person_says_what_the_partner_has(world: World) -> None:
    """More than is known here asks for its receipt; less means that the partner lacks something."""
    act(world, "send", partner="Peer", documents=(DOCUMENT,), tlp="CLEAR")
    restored(world)
    for number, wrong in ((2, ConflictError), (0, UsageError)):
        with pytest.raises(wrong):
            act(world, "record-number", partner="Peer", number=number, who="Ada")
    act(world, "record-number", partner="Peer", number=1, who="Ada")
    act(world, "send", partner="Peer", documents=(DOCUMENT,), tlp="CLEAR")
    with world.node.database.reading() as session:
        assert session.scalars(select(OutgoingRow.number).order_by(OutgoingRow.id)).all() == [1, 2]
