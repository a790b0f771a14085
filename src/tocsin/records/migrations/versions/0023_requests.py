"""The tables of reports sent in and of requests made once."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "upload",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uuid", sa.Uuid, nullable=False, unique=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("feed", sa.Text, nullable=False),
        sa.Column("files", Json, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("sent_by", sa.Text, nullable=False),
        sa.Column("sent_at", UTCDateTime, nullable=False),
        sa.Column("begun_after", sa.Integer),
        sa.Column("done_at", UTCDateTime),
        sa.Column("ingests", Json, nullable=False),
        sa.Column("counts", Json, nullable=False),
        sa.Column("failed", Json, nullable=False),
    )
    op.create_index("ix_upload_state", "upload", ["state"])
    op.create_table(
        "request_once",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", Json, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("actor", "key"),
    )
    op.create_index("ix_request_once_at", "request_once", ["at"])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("request_once")
    op.drop_table("upload")
