"""The tables of what the public reported."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import UTCDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "inbox_report",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("reference", sa.Text, nullable=False, unique=True),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("act", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("happened", sa.Text, nullable=False),
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("owner", sa.Integer),
        sa.Column("received_at", UTCDateTime, nullable=False),
        sa.Column("changed_at", UTCDateTime, nullable=False),
    )
    op.create_index("ix_inbox_report_state", "inbox_report", ["state", "id"])
    op.create_index("ix_inbox_report_owner", "inbox_report", ["owner", "id"])
    op.create_index("ix_inbox_report_changed_at", "inbox_report", ["changed_at"])
    op.create_table(
        "inbox_entry",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("report_id", sa.Integer, sa.ForeignKey("inbox_report.id"), nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("person", sa.Integer),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("act", sa.Text, unique=True),
    )
    op.create_index("ix_inbox_entry_report_id", "inbox_entry", ["report_id"])
    op.create_table(
        "inbox_file",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("report_id", sa.Integer, sa.ForeignKey("inbox_report.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
    )
    op.create_index("ix_inbox_file_report_id", "inbox_file", ["report_id"])
    op.create_index("ix_inbox_file_sha256", "inbox_file", ["sha256"])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("inbox_file")
    op.drop_table("inbox_entry")
    op.drop_table("inbox_report")
