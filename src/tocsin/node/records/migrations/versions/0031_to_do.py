"""Items that a person accepted as they are, runs that route stored events again, and what the gate kept from whom."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "acceptance",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False, index=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("until", _TIME),
        sa.Column("said_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "withheld_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("ingest", sa.Integer, nullable=False, index=True),
        sa.Column("team_id", sa.Integer, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("tlp", sa.Text, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
    )
    op.create_table(
        "notification_run",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("parts", _JSON, nullable=False),
        sa.Column("replaced", _JSON, nullable=False),
    )
