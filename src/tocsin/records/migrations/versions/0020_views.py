"""The table of saved views of events."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import UTCDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "event_view",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("shared", sa.Boolean, nullable=False),
        sa.Column("made_at", UTCDateTime, nullable=False),
    )
    op.create_index("ix_event_view_person_id", "event_view", ["person_id"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("event_view")
