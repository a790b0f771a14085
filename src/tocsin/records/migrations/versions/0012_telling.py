"""How teams are told: holds, the stop and the brake, what left for whom, how letters left."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import UTCDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and columns."""
    op.create_table(
        "posted",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("way", sa.Text, nullable=False),
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
    )
    op.create_index("ix_posted_way_at", "posted", ["way", "at"])
    op.create_table(
        "halt",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("mails", sa.Integer, nullable=False),
    )
    op.create_table(
        "brake_pass",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("until", UTCDateTime, nullable=False),
        sa.Column("mails", sa.Integer, nullable=False),
    )
    with op.batch_alter_table("delivery") as table:
        table.add_column(sa.Column("released_at", UTCDateTime, nullable=True))
    with op.batch_alter_table("letter") as table:
        table.add_column(sa.Column("channel", sa.Text, nullable=False, server_default=""))
        table.add_column(sa.Column("path", sa.Text, nullable=False, server_default=""))
        table.add_column(sa.Column("released_at", UTCDateTime, nullable=True))


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("letter") as table:
        table.drop_column("released_at")
        table.drop_column("path")
        table.drop_column("channel")
    with op.batch_alter_table("delivery") as table:
        table.drop_column("released_at")
    op.drop_table("brake_pass")
    op.drop_table("halt")
    op.drop_table("posted")
