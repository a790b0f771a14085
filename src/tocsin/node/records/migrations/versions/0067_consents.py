"""What sources let go on to whom, questions about it, and partners that are one person."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and add the columns."""
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.create_table(
        "exchange_consent",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("item", sa.Uuid, nullable=False, index=True),
        sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), nullable=False),
        sa.Column("to", json, nullable=False),
        sa.Column("up_to", sa.Text, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("way", "reference", "who", "said")),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_by", sa.Text, nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )
    op.add_column("exchange_message", sa.Column("consent", json))
    op.add_column("exchange_message", sa.Column("about_partner", sa.Integer))
    op.add_column("partner", sa.Column("person_of", sa.Integer))
