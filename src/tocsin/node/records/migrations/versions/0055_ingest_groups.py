"""Which commit of the event table an ingest belongs to: several small reports share one."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("ingest", sa.Column("shown_as", sa.Integer, nullable=True))
