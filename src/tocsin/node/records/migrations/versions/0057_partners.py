"""Partners, their keys, and communication checks."""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _partner(*, index: bool) -> sa.Column[int]:
    return sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), nullable=False, index=index)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "partner",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("node", sa.Uuid, unique=True),
        _text("name"),
        sa.Column("team_id", sa.Integer, index=True),
        *map(_text, ("mailbox", "inbox", "formats")),
        sa.Column("largest", sa.BigInteger),
        *map(_text, ("countries", "languages", "hours")),
        _time("made_at"),
        _text("made_by"),
        _time("profile_at", nullable=True),
        _time("statement_at", nullable=True),
        sa.Column("once", sa.Text, unique=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "partner_key",
        sa.Column("id", sa.Integer, primary_key=True),
        _partner(index=False),
        sa.Column("fingerprint", sa.Text, nullable=False, index=True),
        _text("content"),
        _time("expires_at", nullable=True),
        _text("source"),
        _time("claimed_at"),
        *map(_text, ("claimed_by", "way", "evidence", "said_by")),
        _time("confirmed_at", nullable=True),
        *map(_text, ("confirmed_by", "ended", "end_reason")),
        _time("ended_at", nullable=True),
        _text("ended_by"),
        sa.UniqueConstraint("partner_id", "fingerprint"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "partner_check",
        sa.Column("id", sa.Integer, primary_key=True),
        _partner(index=True),
        *map(_text, ("way", "result", "note")),
        _time("at"),
        _time("noted_at"),
        _text("noted_by"),
        sa.Column("once", sa.Text, unique=True),
        sqlite_autoincrement=True,
    )
