"""Nodes that exchange dispatches: keys made once, and what each says."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from pysequoia import PyDecryptor, PySigner, Tsk

from tocsin.delivery.sealing import OpeningKey, opening_key
from tocsin.exchange.bundles import TimeStamps, bundle_files
from tocsin.exchange.dispatches import DispatchRecipient, genesis, make_receipt, members_of, seal, take
from tocsin.exchange.statements import (
    Dispatch,
    DispatchType,
    GlobalName,
    NodeKey,
    Part,
    PinnedKey,
    SharedItem,
    Statement,
    hash_of,
    pinned,
    sign_statement,
    utc,
)
from tocsin.sharing.gate import Tlp

NOW = utc(datetime.now(UTC))  # keys are made now, and sign now


@dataclass(frozen=True)
class Peer:
    """A node with its key."""

    node: UUID
    tsk: Tsk

    @property
    def party(self) -> NodeKey:
        return NodeKey(node=self.node, key=self.tsk.extract_certificate().fingerprint)

    @property
    def signer(self) -> PySigner:
        return self.tsk.signer()

    @property
    def decryptor(self) -> PyDecryptor:
        return self.tsk.decryptor()

    @property
    def opening(self) -> OpeningKey:
        found = opening_key(self.tsk, "")
        assert found is not None
        return found

    @property
    def public(self) -> bytes:
        return str(self.tsk.extract_certificate()).encode()

    @property
    def pin(self) -> PinnedKey:
        return PinnedKey(self.node, self.public)

    def head(self) -> dict[str, Any]:
        return {"id": uuid4(), "by": self.party, "at": NOW}

    def says(self, kind: Any, **said: Any) -> Statement:
        return sign_statement(kind(**self.head() | said), self.signer)

    def item(self, *parts: bytes, tlp: Tlp = Tlp.AMBER, **said: Any) -> Statement:
        given = {"item": GlobalName(node=self.node, id=uuid4()), "version": 1, "title": "Phishing kit"} | said
        return self.says(SharedItem, tlp=tlp, parts=tuple(map(part, parts)), **given)

    def dispatch(
        self,
        to: "Peer",
        statements: Iterable[Statement] = (),
        parts: Iterable[bytes] = (),
        text: str = "",
        **said: Any,
    ) -> Statement:
        given = {
            "to": to.party, "number": 1, "before": genesis(self.party, to.party), "type": DispatchType.SHARE,
            "tlp": Tlp.AMBER, "statements": tuple(one.hash for one in statements), "parts": tuple(map(part, parts)),
            "text": hash_of(text.encode()) if text else None,
        }  # fmt: skip
        return self.says(Dispatch, **given | said)

    def receives(self, *partners: "Peer", **given: Any) -> DispatchRecipient:
        return DispatchRecipient([self.party], [self.opening], pinned(*(one.pin for one in partners)), **given)


def part(content: bytes) -> Part:
    return Part(hash=hash_of(content), bytes=len(content), type="text/csv", class_="technical")


@cache
def peer(number: int) -> Peer:
    """The same each time; its key is made at the first."""
    return Peer(UUID(int=number << 96 | number), Tsk.generate(f"CSIRT {number} <csirt{number}@example.org>"))


def sealed(sender: Peer, to: Peer, text: str = "For your information.") -> tuple[dict[str, bytes], bytes]:
    """A dispatch with an item and a part: its members, and the file."""
    content = b"ip,port\n192.0.2.1,443\n"
    item = sender.item(content)
    members = members_of(sender.dispatch(to, [item], [content], text), [item], [content], text)
    return members, seal(members, to.tsk.extract_certificate())


def bundle(stamps: TimeStamps | None = None) -> dict[str, bytes]:
    """A small bundle: 1 sent to 2, which gave a receipt."""
    sender, to = peer(1), peer(2)
    members, file = sealed(sender, to)
    receipt = make_receipt(take(file, to.receives(sender), NOW), to.signer, NOW + timedelta(seconds=1))
    return bundle_files(
        members, receipt, sender.public, to.public, stamps, signer=sender.signer, writer=sender.public
    )  # fmt: skip
