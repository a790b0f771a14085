"""What is owed to whom is counted from an index alone."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_INDEX = "ix_delivery_item_owed"


def upgrade() -> None:
    """Make the index."""
    op.create_index(_INDEX, "delivery_item", ["state", "team_id", "due_at", "events"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index(_INDEX, "delivery_item")
