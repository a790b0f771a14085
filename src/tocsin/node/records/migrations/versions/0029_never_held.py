"""References to what must never be held, and the sealed messages to the hotline."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "never_held_references",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("class", sa.Text, nullable=False),
        sa.Column("report_id", sa.Text, nullable=False),
        sa.Column("at", time, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("url_hmac", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("same", sa.Text, unique=True),
        sqlite_autoincrement=True,  # a number never comes again
    )
    op.create_index("ix_never_held_references_at", "never_held_references", ["at"])
    op.create_index("ix_never_held_references_state", "never_held_references", ["state"])
    op.create_table(
        "hotline_messages",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("reference_id", sa.Integer, sa.ForeignKey("never_held_references.id"), nullable=False, unique=True),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("sealed_at", time, nullable=False),
        sa.Column("due_at", time, nullable=False),
        sa.Column("sent_at", time),
        sa.Column("received_at", time),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )
