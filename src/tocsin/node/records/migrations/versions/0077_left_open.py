"""Tasks that were left open when their incident ended, and notices that need no answer."""

import sqlalchemy as sa
from alembic import op

revision = "0077"
down_revision = "0076"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What has ended before was never asked about, so nothing of it is left open."""
    with op.batch_alter_table("incident_task") as table:
        table.add_column(sa.Column("left_open", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("incident_notice") as table:
        table.add_column(sa.Column("waived_at", sa.DateTime(timezone=True), nullable=True))
