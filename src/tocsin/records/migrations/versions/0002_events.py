"""The tables of the events room."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COUNTS = (
    "rows",
    "stored",
    "duplicates",
    "quarantined",
    "problems_new",
    "problems_continuing",
    "routed",
    "unrouted",
    "withheld",
    "deliveries",
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "feed",
        sa.Column("id", sa.Integer, primary_key=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("source", "code", "name", "provider", "tlp", "pap", "terms")
        ),
        sa.Column("cadence_hours", sa.Integer, nullable=False),
        sa.Column("duplicate_days", sa.Integer, nullable=False),
        sa.UniqueConstraint("source", "code"),
    )
    op.create_table(
        "ingest",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("feed.id"), nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", UTCDateTime, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("newest_event", UTCDateTime, nullable=True),
        sa.Column("replay_of", sa.Integer, nullable=True),
        sa.Column("directory_version", sa.Text, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in COUNTS),
        sa.Column("withheld_by_rule", Json, nullable=False),
        sa.Column("parts", Json, nullable=False),
        sa.UniqueConstraint("content_hash", "feed_id"),
    )
    op.create_index("ix_ingest_feed_id", "ingest", ["feed_id"])
    op.create_index("ix_ingest_started_at", "ingest", ["started_at"])
    op.create_table(
        "team_set",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("members", Json, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("team_set", "ingest", "feed"):
        op.drop_table(name)
