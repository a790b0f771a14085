"""An answer can be withdrawn by an entry of its own, which names it."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the column."""
    op.add_column("answer", sa.Column("withdraws", sa.Integer))
