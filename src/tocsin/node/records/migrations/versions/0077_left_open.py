"""Tasks that were left open when their incident ended, and notices that need no answer."""

import sqlalchemy as sa
from alembic import op

revision = "0077"
down_revision = "0076"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What has ended before was never asked about, so nothing of it is left open."""
    op.add_column("incident_task", sa.Column("left_open", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("incident_notice", sa.Column("waived_at", sa.DateTime(timezone=True), nullable=True))
