"""How dispatches travel: tries, arrivals, and what shows that one arrived; mails that were made before."""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _of(name: str, column: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(column), nullable=False, index=True)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "exchange_try",
        _id(),
        _of("outgoing_id", "exchange_outgoing.id"),
        *map(_text, ("way", "address")),
        _time("at"),
        *map(_text, ("outcome", "reason")),
    )
    op.create_table(
        "exchange_arrival",
        _id(),
        _of("partner_id", "partner.id"),
        *map(_text, ("of", "way", "mail")),
        _time("at"),
        _time("answered_at", nullable=True),
        sa.UniqueConstraint("of", "way", "mail"),
    )
    op.create_table(
        "exchange_evidence",
        _id(),
        _of("outgoing_id", "exchange_outgoing.id"),
        *map(_text, ("strength", "source")),
        _time("at"),
        sa.UniqueConstraint("outgoing_id", "strength", "source"),
    )
    op.add_column("letter", sa.Column("file", sa.Text, nullable=False, server_default=""))
