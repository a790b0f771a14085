"""What keys of partners say of those that replace them."""

import sqlalchemy as sa
from alembic import op

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "partner_key_notice",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("old", "new", "content", "signature")),
        sa.Column("came_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("partner_id", "old", "new"),
        sqlite_autoincrement=True,
    )
