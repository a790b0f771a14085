"""The tables of the directory room."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    state = op.create_table(
        "directory_state",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version", sa.Text, nullable=False),
    )
    op.bulk_insert(state, [{"id": 1, "version": "empty"}])
    op.create_table(
        "team",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uuid", sa.Uuid, nullable=False, unique=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("country", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("interval", sa.Text, nullable=False),
        sa.Column("formats", Json, nullable=False),
        sa.Column("ceiling", sa.Text, nullable=False),
        sa.Column("encrypt", sa.Boolean, nullable=False),
        sa.Column("recorded", UTCDateTime, nullable=False),
    )
    op.create_table(
        "mailbox",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("team_id", sa.Integer, sa.ForeignKey("team.id"), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        *_assertion(),
    )
    op.create_table(
        "constituency",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("team_id", sa.Integer, sa.ForeignKey("team.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        *_assertion(),
    )
    for table in ("mailbox", "constituency"):
        op.create_index(f"ix_{table}_team_id", table, ["team_id"])
        op.create_index(f"ix_{table}_source", table, ["source", "withdrawn"])
    op.create_table(
        "mute",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("team_id", sa.Integer, sa.ForeignKey("team.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("until", UTCDateTime),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
    )
    op.create_index("ix_mute_team_id", "mute", ["team_id"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("mute", "constituency", "mailbox", "team", "directory_state"):
        op.drop_table(table)


def _assertion() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("as_of", sa.Date),
        sa.Column("confidence", sa.Integer),
        sa.Column("said_by", sa.Text, nullable=False),
        sa.Column("recorded", UTCDateTime, nullable=False),
        sa.Column("withdrawn", UTCDateTime),
    )
