"""The tables of what goes to partners and comes from them: docs/design/exchange.md."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, Uuid, false
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.exchange.partners import Partner
from tocsin.node.records import Base, Json, SentenceText, UTCDateTime


class ExchangeLink(Base):
    """A link in one `Direction`: the number of the newest dispatch that counts, and its hash."""

    __tablename__ = "exchange_link"

    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), primary_key=True)
    direction: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int]
    head: Mapped[str] = mapped_column(Text)


class OutgoingRow(Base):
    """A dispatch to a partner. ``state``: an `OutgoingState`, and ``reason`` why it is stuck or refused.

    ``archive``: SHA-256 of its members as a ZIP, ``file``: of the encrypted file; both in `Node.exchange`, and empty
    where it is known by its receipt alone. ``withheld``: rows of class, rule, code and how many things.
    ``incident``: the reference of what it is about, or empty. ``once``: names the form that it came by.
    """

    __tablename__ = "exchange_outgoing"
    __table_args__ = (
        UniqueConstraint("partner_id", "number"),
        Index("ix_exchange_outgoing_open", "partner_id", "state", "number"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    number: Mapped[int]
    hash: Mapped[str] = mapped_column(Text, index=True)
    type: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    incident: Mapped[str] = mapped_column(Text)
    tlp: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, index=True)
    reason: Mapped[str] = mapped_column(SentenceText, default="")
    withheld: Mapped[list[Any]] = mapped_column(Json, default=list)
    archive: Mapped[str] = mapped_column(Text, default="")
    file: Mapped[str] = mapped_column(Text, default="")
    sealed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    sealed_by: Mapped[str] = mapped_column(Text)
    once: Mapped[str | None] = mapped_column(Text, unique=True)


class IncomingRow(Base):
    """A dispatch that came: an `IncomingState`; where it is not taken, the code that the partner sees, and our reason.

    ``counts``: its number is used up. ``archive``: SHA-256 of its members as a ZIP in `Node.exchange`; empty where
    nothing of it is kept. ``text``: what its sender wrote for people.
    """

    __tablename__ = "exchange_incoming"
    __table_args__ = (
        UniqueConstraint("partner_id", "hash"),
        Index("ix_exchange_incoming_number", "partner_id", "number"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    number: Mapped[int]
    hash: Mapped[str] = mapped_column(Text)
    counts: Mapped[bool]
    type: Mapped[str] = mapped_column(Text)
    tlp: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text, default="")
    reason: Mapped[str] = mapped_column(SentenceText, default="")
    text: Mapped[str] = mapped_column(Text, default="")
    archive: Mapped[str] = mapped_column(Text, default="")
    came_at: Mapped[datetime] = mapped_column(UTCDateTime)
    taken_by: Mapped[str] = mapped_column(Text)


class ReceiptRow(Base):
    """A receipt: ``direction`` is ``out`` for ours, ``in`` for a partner's. ``of``: the hash of the dispatch.

    ``file``: of ours, the SHA-256 of the file for the partner; empty where no key of it worked.
    """

    __tablename__ = "exchange_receipt"
    __table_args__ = (UniqueConstraint("direction", "hash"), Index("ix_exchange_receipt_of", "of", "direction"))

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    direction: Mapped[str] = mapped_column(Text)
    of: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)
    verdict: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    file: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)


class OfferedItem(Base):
    """An item that a partner offered, in one version: an `OfferState`, who decided it and when, and why.

    ``node`` and ``item``: what it is called everywhere. ``verified``: its source's own key, which is pinned, signed it.
    ``parts``: those that came, as its statement names them. ``incident``: the reference of what it was adopted into.
    ``way``: ``taxii``, ``misp``: a program of the partner brought it, which signs nothing; empty: a dispatch.
    """

    __tablename__ = "exchange_item"
    __table_args__ = (UniqueConstraint("partner_id", "node", "item", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    incoming_id: Mapped[int] = mapped_column(ForeignKey(IncomingRow.id), index=True)
    node: Mapped[UUID] = mapped_column(Uuid)
    item: Mapped[UUID] = mapped_column(Uuid, index=True)
    version: Mapped[int]
    title: Mapped[str] = mapped_column(Text)
    tlp: Mapped[str] = mapped_column(Text)
    pap: Mapped[str] = mapped_column(Text)
    verified: Mapped[bool]
    parts: Mapped[list[Any]] = mapped_column(Json)
    state: Mapped[str] = mapped_column(Text, index=True)
    code: Mapped[str] = mapped_column(Text, default="")
    reason: Mapped[str] = mapped_column(SentenceText, default="")
    incident: Mapped[str] = mapped_column(Text, default="")
    came_at: Mapped[datetime] = mapped_column(UTCDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    decided_by: Mapped[str] = mapped_column(Text, default="")
    way: Mapped[str] = mapped_column(Text, default="", server_default="")


class ItemOrigin(Base):
    """Events that came of an item without being adopted, since a collector took them in.

    ``thing``: as a purge names it, ``ingest:12`` or ``event:12-3``.
    """

    __tablename__ = "exchange_item_origin"

    item_id: Mapped[int] = mapped_column(ForeignKey(OfferedItem.id), primary_key=True)
    thing: Mapped[str] = mapped_column(Text, primary_key=True)


class RecallRow(Base):
    """A recall, ours or one that came. ``partner_id``: who brought it; None: it is ours.

    ``content``, ``signature``: as it goes on, unchanged. ``asks``: a `RecallRequest`. ``for_some``: others may have the
    items still.
    """

    __tablename__ = "exchange_recall"
    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int | None] = mapped_column(ForeignKey(Partner.id), index=True)
    hash: Mapped[str] = mapped_column(Text, unique=True)
    content: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    asks: Mapped[str] = mapped_column(Text)
    for_some: Mapped[bool] = mapped_column(server_default=false())
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class RecallItemRow(Base):
    """An item of a recall up to a version: its tombstone. ``state``: a `RecallState`; empty: nobody has decided yet.

    ``kept``: by the names of what was made of it here and stays, the codes why.
    """

    __tablename__ = "exchange_recall_item"

    recall_id: Mapped[int] = mapped_column(ForeignKey(RecallRow.id), primary_key=True)
    node: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    item: Mapped[UUID] = mapped_column(Uuid, primary_key=True, index=True)
    version: Mapped[int]
    state: Mapped[str] = mapped_column(Text, default="")
    code: Mapped[str] = mapped_column(Text, default="")
    kept: Mapped[dict[str, str]] = mapped_column(Json, default=dict, server_default="{}")


class PassedItem(Base):
    """Who was passed what: an item in a version, by which dispatch; None: it was pushed, or read at a protocol.

    ``way``: as of `recalls.Transfer`. ``agreement``: under which it was pushed or read; a dispatch has its ground.
    ``recall_dispatch``: that took it back, None: it is not recalled there. ``answer``: a `RecallState`, or empty.
    ``answer_kept``: of what is kept in part, rows of what, why (a code) and how many.
    """

    __tablename__ = "exchange_passing"
    __table_args__ = (Index("ix_exchange_passing_item", "item", "partner_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    outgoing_id: Mapped[int | None] = mapped_column(ForeignKey(OutgoingRow.id), index=True)
    node: Mapped[UUID] = mapped_column(Uuid)
    item: Mapped[UUID] = mapped_column(Uuid)
    version: Mapped[int]
    title: Mapped[str] = mapped_column(Text)
    way: Mapped[str] = mapped_column(Text)
    agreement: Mapped[UUID | None] = mapped_column(Uuid)
    recall_dispatch: Mapped[int | None] = mapped_column(ForeignKey(OutgoingRow.id), index=True)
    answer: Mapped[str] = mapped_column(Text, default="")
    answer_code: Mapped[str] = mapped_column(Text, default="")
    answer_kept: Mapped[list[Any]] = mapped_column(Json, default=list, server_default="[]")
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
