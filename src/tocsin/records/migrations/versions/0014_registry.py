"""What registries say."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of answers over RDAP."""
    op.create_table(
        "rdap_answer",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("what", sa.Text, nullable=False, unique=True),
        sa.Column("asked_at", UTCDateTime, nullable=False),
        sa.Column("answer", Json, nullable=False),
    )
    op.create_index("ix_rdap_answer_asked_at", "rdap_answer", ["asked_at"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("rdap_answer")
