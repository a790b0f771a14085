"""Which set-aside rows a replay read, which were left aside by a person; and what today's figures are found by."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, the column and the indexes."""
    op.create_table(
        "left_aside",
        sa.Column("ingest", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("said_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    with op.batch_alter_table("ingest") as table:
        table.add_column(sa.Column("replay_places", Json, nullable=True))
        table.create_index("ix_ingest_quarantined", ["quarantined"])
        table.create_index("ix_ingest_replay_of", ["replay_of"])
    op.create_index("ix_delivery_sent_at", "delivery", ["sent_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_delivery_sent_at", "delivery")
    with op.batch_alter_table("ingest") as table:
        table.drop_index("ix_ingest_replay_of")
        table.drop_index("ix_ingest_quarantined")
        table.drop_column("replay_places")
    op.drop_table("left_aside")
