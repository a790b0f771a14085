"""Keys of teams, and how a digest was protected."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import UTCDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the column."""
    op.create_table(
        "team_key",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uuid", sa.Uuid, nullable=False, unique=True),
        sa.Column("team_id", sa.Integer, sa.ForeignKey("team.id"), nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("any_mailbox", sa.Boolean, nullable=False),
        sa.Column("preferred", sa.Boolean, nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("said_by", sa.Text, nullable=False),
        sa.Column("recorded", UTCDateTime, nullable=False),
        sa.Column("withdrawn", UTCDateTime),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ix_team_key_team_id", "team_key", ["team_id"])
    op.create_index("ix_team_key_fingerprint", "team_key", ["fingerprint"])
    op.add_column("delivery", sa.Column("protection", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the table and the column."""
    op.drop_column("delivery", "protection")
    op.drop_table("team_key")
