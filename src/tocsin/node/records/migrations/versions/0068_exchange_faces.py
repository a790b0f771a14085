"""Under which agreement something was pushed or read; which recalls leave others what they have; people in lists."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for table in ("exchange_passing", "exchange_taxii_incident"):
        op.add_column(table, sa.Column("agreement", sa.Uuid))
    op.add_column("exchange_recall", sa.Column("for_some", sa.Boolean, nullable=False, server_default=sa.false()))
    type_ = sa.JSON().with_variant(JSONB(), "postgresql")
    op.add_column("partner_listing", sa.Column("people", type_, nullable=False, server_default="[]"))
    recall = sa.table("exchange_recall", sa.column("code", sa.Text), sa.column("for_some", sa.Boolean))
    op.execute(recall.update().where(recall.c.code == "agreement-left").values(for_some=True))
