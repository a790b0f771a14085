"""The tables of the drafting room."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import UTCDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "draft_text",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("source_name", sa.Text, nullable=False),
        sa.Column("source_sha256", sa.Text, nullable=False),
        sa.Column("source", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_draft_text_source_sha256", "draft_text", ["source_sha256"])
    op.create_table(
        "draft_step",
        sa.Column("text_id", sa.Text, sa.ForeignKey("draft_text.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("prev", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=True),
        sa.Column("origin", sa.Text, nullable=True),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("draft_step")
    op.drop_table("draft_text")
