"""The tables of the delivery room."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uuid", sa.Uuid, nullable=False, unique=True),
        sa.Column("reference", sa.Text, nullable=False, unique=True),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("team_id", sa.Integer, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("next_try_at", UTCDateTime, nullable=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("sent_at", UTCDateTime, nullable=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("mails_sent", sa.Integer, nullable=False),
        sa.Column("waiting", Json, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("counts", Json, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("ix_delivery_team_id", "delivery", ["team_id"])
    op.create_index("ix_delivery_state", "delivery", ["state"])
    op.create_table(
        "delivery_item",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("ingest", sa.Integer, nullable=False),
        sa.Column("team_id", sa.Integer, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("due_at", UTCDateTime, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("delivery_id", sa.Integer, sa.ForeignKey("delivery.id"), nullable=True),
        sa.UniqueConstraint("ingest", "team_id"),
    )
    op.create_index("ix_delivery_item_state_due_at", "delivery_item", ["state", "due_at"])
    op.create_index("ix_delivery_item_team_id", "delivery_item", ["team_id"])
    op.create_index("ix_delivery_item_delivery_id", "delivery_item", ["delivery_id"])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("delivery_item")
    op.drop_table("delivery")
