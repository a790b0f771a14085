"""What partners have shown us, such as a signed NDA."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    type_ = sa.JSON().with_variant(JSONB(), "postgresql")
    op.add_column("partner", sa.Column("attestations", type_, nullable=False, server_default="[]"))
