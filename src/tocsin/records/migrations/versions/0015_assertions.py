"""Persons' words beside imports, decisions of conflicts, and merges of teams."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    for table, value in (("mailbox", ["address"]), ("constituency", ["kind", "value"])):
        op.add_column(table, sa.Column("word", sa.Text))
        op.add_column(table, sa.Column("reason", sa.Text))
        op.create_index(f"ix_{table}_value", table, value)
        op.create_index(f"ix_{table}_word", table, ["word"])
    op.create_table(
        "denial",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("team_id", sa.Integer, sa.ForeignKey("team.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        *_saying(),
        sa.Column("withdrawn", UTCDateTime),
    )
    op.create_index("ix_denial_team_id", "denial", ["team_id"])
    op.create_table(
        "directory_decision",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("teams", Json, nullable=False),
        sa.Column("against", Json, nullable=False),
        *_saying(),
        sa.Column("withdrawn", UTCDateTime),
    )
    op.create_index("ix_directory_decision_value", "directory_decision", ["kind", "value"])
    op.create_table(
        "team_merge",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("team_id", sa.Integer, sa.ForeignKey("team.id"), nullable=False),
        sa.Column("into_id", sa.Integer, sa.ForeignKey("team.id"), nullable=False),
        *_saying(),
        sa.Column("withdrawn", UTCDateTime),
    )
    for column in ("team_id", "into_id"):
        op.create_index(f"ix_team_merge_{column}", "team_merge", [column])
    op.create_table(
        "merge_refusal",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("one_id", sa.Integer, sa.ForeignKey("team.id"), nullable=False),
        sa.Column("other_id", sa.Integer, sa.ForeignKey("team.id"), nullable=False),
        *_saying(),
        sa.UniqueConstraint("one_id", "other_id"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("merge_refusal", "team_merge", "directory_decision", "denial"):
        op.drop_table(table)
    for table in ("constituency", "mailbox"):
        for index in ("word", "value"):
            op.drop_index(f"ix_{table}_{index}", table)
        for column in ("reason", "word"):
            op.drop_column(table, column)


def _saying() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("said_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("recorded", UTCDateTime, nullable=False),
    )
