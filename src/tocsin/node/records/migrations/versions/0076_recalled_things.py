"""What a recall ends: which events came of an item, and what of one is kept and why."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0076"
down_revision = "0075"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table of events by item; columns of what is kept in part."""
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.create_table(
        "exchange_item_origin",
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("exchange_item.id"), primary_key=True),
        sa.Column("thing", sa.Text(), primary_key=True),
    )
    op.add_column("exchange_recall_item", sa.Column("kept", json, nullable=False, server_default="{}"))
    op.add_column("exchange_passing", sa.Column("answer_kept", json, nullable=False, server_default="[]"))
