"""A notification run may tell teams again of events that they were told of before."""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("notification_run", sa.Column("repeats", sa.Text, nullable=False, server_default=""))
