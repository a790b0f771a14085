"""Items reach partners without a dispatch, too."""

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables."""
    with op.batch_alter_table("exchange_passing") as table:
        table.alter_column("outgoing_id", existing_type=sa.Integer(), nullable=True)
