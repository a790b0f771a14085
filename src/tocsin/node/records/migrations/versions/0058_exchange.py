"""Dispatches to and from partners: links, receipts, offered items, recalls, and who was passed what."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None


def _text(name: str, *, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, index=index)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False)


def _of(name: str, column: str, *, index: bool = False, nullable: bool = False, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(column), nullable=nullable, index=index, primary_key=key)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "exchange_link",
        _of("partner_id", "partner.id", key=True),
        sa.Column("direction", sa.Text, primary_key=True),
        _number("number"),
        _text("head"),
    )
    op.create_table(
        "exchange_outgoing",
        _id(),
        _of("partner_id", "partner.id"),
        _number("number"),
        _text("hash", index=True),
        *map(_text, ("type", "title", "incident", "tlp")),
        _text("state", index=True),
        _text("reason"),
        _json("withheld"),
        *map(_text, ("archive", "file")),
        _time("sealed_at"),
        _text("sealed_by"),
        sa.Column("once", sa.Text, unique=True),
        sa.UniqueConstraint("partner_id", "number"),
    )
    op.create_table(
        "exchange_incoming",
        _id(),
        _of("partner_id", "partner.id"),
        _number("number"),
        _text("hash"),
        sa.Column("counts", sa.Boolean, nullable=False),
        *map(_text, ("type", "tlp", "state", "code", "reason", "text", "archive")),
        _time("came_at"),
        _text("taken_by"),
        sa.UniqueConstraint("partner_id", "hash"),
    )
    op.create_table(
        "exchange_receipt",
        _id(),
        _of("partner_id", "partner.id"),
        *map(_text, ("direction", "of", "hash", "verdict", "content", "signature", "file")),
        _time("at"),
        sa.UniqueConstraint("direction", "hash"),
    )
    op.create_index("ix_exchange_receipt_of", "exchange_receipt", ["of", "direction"])
    op.create_table(
        "exchange_item",
        _id(),
        _of("partner_id", "partner.id"),
        _of("incoming_id", "exchange_incoming.id", index=True),
        sa.Column("node", sa.Uuid, nullable=False),
        sa.Column("item", sa.Uuid, nullable=False, index=True),
        _number("version"),
        *map(_text, ("title", "tlp", "pap")),
        sa.Column("verified", sa.Boolean, nullable=False),
        _json("parts"),
        _text("state", index=True),
        *map(_text, ("code", "reason", "incident")),
        _time("came_at"),
        _time("decided_at", nullable=True),
        _text("decided_by"),
        sa.UniqueConstraint("partner_id", "node", "item", "version"),
    )
    _recalls()


def _recalls() -> None:
    op.create_table(
        "exchange_recall",
        _id(),
        _of("partner_id", "partner.id", index=True, nullable=True),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        *map(_text, ("content", "signature", "code", "asks")),
        _time("at"),
        _time("answered_at", nullable=True),
    )
    op.create_table(
        "exchange_recall_item",
        _of("recall_id", "exchange_recall.id", key=True),
        sa.Column("node", sa.Uuid, primary_key=True),
        sa.Column("item", sa.Uuid, primary_key=True, index=True),
        _number("version"),
        *map(_text, ("state", "code")),
    )
    op.create_table(
        "exchange_passing",
        _id(),
        _of("partner_id", "partner.id"),
        _of("outgoing_id", "exchange_outgoing.id", index=True),
        sa.Column("node", sa.Uuid, nullable=False),
        sa.Column("item", sa.Uuid, nullable=False),
        _number("version"),
        *map(_text, ("title", "way")),
        _of("recall_dispatch", "exchange_outgoing.id", index=True, nullable=True),
        *map(_text, ("answer", "answer_code")),
        _time("answered_at", nullable=True),
    )
    op.create_index("ix_exchange_passing_item", "exchange_passing", ["item", "partner_id"])
