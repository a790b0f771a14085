"""The tables of people and sessions."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "person",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("mailbox", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("teams", Json, nullable=False),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("theme", sa.Text, nullable=False),
        sa.Column("made_at", UTCDateTime, nullable=False),
        sa.Column("blocked_at", UTCDateTime),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("secret", sa.Text, nullable=False, unique=True),
        sa.Column("made_at", UTCDateTime, nullable=False),
        sa.Column("seen_at", UTCDateTime, nullable=False),
        sa.Column("ends_at", UTCDateTime, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
    )
    op.create_index("ix_session_person_id", "session", ["person_id"])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("session")
    op.drop_table("person")
