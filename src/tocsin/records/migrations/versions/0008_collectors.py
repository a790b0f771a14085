"""What collectors remember, the columns of reports, and the alarms of feeds."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "column_set",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("names", Json, nullable=False),
    )
    with op.batch_alter_table("ingest") as ingest:
        ingest.add_column(sa.Column("column_set", sa.Integer))
    op.create_table(
        "feed_alarm",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("feed.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("alarm_key", sa.Text, unique=True),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("ingest", sa.Integer),
        sa.Column("opened_at", UTCDateTime, nullable=False),
        sa.Column("closed_at", UTCDateTime),
        sa.Column("acknowledged_at", UTCDateTime),
        sa.Column("acknowledged_by", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("ix_feed_alarm_feed_id", "feed_alarm", ["feed_id"])
    op.create_table(
        "collector",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("last_try_at", UTCDateTime),
        sa.Column("last_success_at", UTCDateTime),
        sa.Column("last_report_at", UTCDateTime),
        sa.Column("next_try_at", UTCDateTime),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("cursor", Json, nullable=False),
    )
    op.create_table(
        "collected",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("collector", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("refused", sa.Text, nullable=False),
        sa.UniqueConstraint("collector", "key"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("collected", "collector", "feed_alarm", "column_set"):
        op.drop_table(name)
    with op.batch_alter_table("ingest") as ingest:
        ingest.drop_column("column_set")
