"""What people at partners said of recalls and numbers; indexes by which a link costs the same at any length."""

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None


def _of(name: str, column: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(column), nullable=False, index=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def upgrade() -> None:
    """Make the tables."""
    op.create_index("ix_exchange_outgoing_open", "exchange_outgoing", ["partner_id", "state", "number"])
    op.create_index("ix_exchange_incoming_number", "exchange_incoming", ["partner_id", "number"])
    op.create_table(
        "exchange_spoken_answer",
        sa.Column("id", sa.Integer, primary_key=True),
        _of("passing_id", "exchange_passing.id"),
        *map(_text, ("way", "who", "said")),
        _time("at"),
        _text("noted_by"),
    )
    op.create_table(
        "exchange_number_check",
        sa.Column("id", sa.Integer, primary_key=True),
        _of("partner_id", "partner.id"),
        sa.Column("number", sa.Integer, nullable=False),
        _text("who"),
        _time("at"),
        _text("noted_by"),
    )
    op.create_table(
        "exchange_recall_sum",
        sa.Column("recall_id", sa.Integer, sa.ForeignKey("exchange_recall.id"), primary_key=True),
        sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), primary_key=True),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("passed_on", "done", "kept", "silent")),
        _time("at"),
    )
