"""Who has a to-do item and until when it sleeps, and comments of staff on anything."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "todo_item",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("owner", sa.Integer, index=True),
        sa.Column("snoozed_until", _TIME),
        sa.Column("at", _TIME, nullable=False),
        sa.UniqueConstraint("kind", "subject"),
    )
    op.create_table(
        "comment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("subject", sa.Text, nullable=False, index=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("said_by", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
