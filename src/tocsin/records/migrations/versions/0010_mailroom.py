"""Mails that came in."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "received_mail",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sha256", sa.Text, nullable=False, unique=True),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("sender", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("arrived_at", UTCDateTime, nullable=False),
        sa.Column("read_at", UTCDateTime, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("ticket", sa.Text, nullable=False),
        sa.Column("delivery_id", sa.Integer),
        sa.Column("letter_id", sa.Integer),
        sa.Column("team_id", sa.Integer),
        sa.Column("matched_by", sa.Text, nullable=False),
    )
    op.create_index("ix_received_mail_state_kind", "received_mail", ["state", "kind"])
    for column in ("content", "delivery_id", "team_id"):
        op.create_index(f"ix_received_mail_{column}", "received_mail", [column])
    op.create_table(
        "mail_bounce",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("mail_id", sa.Integer, sa.ForeignKey("received_mail.id"), nullable=False),
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("failed", sa.Boolean, nullable=False),
        sa.Column("permanent", sa.Boolean, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("delivery_id", sa.Integer),
        sa.Column("letter_id", sa.Integer),
    )
    for column in ("mail_id", "mailbox", "delivery_id", "letter_id"):
        op.create_index(f"ix_mail_bounce_{column}", "mail_bounce", [column])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("mail_bounce")
    op.drop_table("received_mail")
