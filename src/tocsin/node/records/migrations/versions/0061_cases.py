"""Cases that are worked on with partners, with their signed histories; requests and notices."""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None


def _text(name: str, *, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, index=index)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=True, index=True)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _partner(*, index: bool = False) -> sa.Column[int]:
    return sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), nullable=False, index=index)


def upgrade() -> None:
    """Make the tables, and the column of an incident that says whose it is now."""
    op.create_table(
        "exchange_case",
        sa.Column("id", sa.Integer, primary_key=True),
        _partner(index=True),
        sa.Column("node", sa.Uuid, nullable=False),
        sa.Column("case", sa.Uuid, nullable=False),
        sa.Column("joint", sa.Boolean, nullable=False),
        *map(_text, ("title", "tlp")),
        _text("state", index=True),
        _number("incident_id"),
        *map(_text, ("their_reference", "withdrawn", "code", "reason")),
        sa.Column("incoming_id", sa.Integer, sa.ForeignKey("exchange_incoming.id"), nullable=True, index=True),
        _text("offered_by"),
        sa.Column("closing", sa.Boolean, nullable=False, index=True),
        _time("changed_at"),
        sa.UniqueConstraint("node", "case"),
    )
    op.create_table(
        "exchange_case_entry",
        sa.Column("case_id", sa.Integer, sa.ForeignKey("exchange_case.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        *map(_text, ("content", "signature")),
        _number("entry_id"),
    )
    op.create_table(
        "exchange_message",
        sa.Column("id", sa.Integer, primary_key=True),
        _partner(),
        *map(_text, ("direction", "kind", "hash", "text", "tlp", "asks", "basis", "instrument", "urgency")),
        _time("answer_by", nullable=True),
        _number("incident_id"),
        _time("made_at"),
        _text("made_by"),
        _time("due_at", nullable=True),
        _text("state", index=True),
        _time("acknowledged_at", nullable=True),
        *map(_text, ("acknowledged_by", "code")),
        _time("later", nullable=True),
        *map(_text, ("who", "answer")),
        _time("answered_at", nullable=True),
        sa.Column("once", sa.Text, unique=True),
        sa.UniqueConstraint("partner_id", "hash"),
    )
    op.add_column("incident", sa.Column("handed_to", sa.Text, nullable=False, server_default=""))
