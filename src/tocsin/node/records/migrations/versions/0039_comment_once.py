"""A comment carries the key of the form that it came by."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; comments from before have none."""
    op.add_column("comment", sa.Column("key", sa.Text))
    op.create_index("ix_comment_key", "comment", ["key"], unique=True)
