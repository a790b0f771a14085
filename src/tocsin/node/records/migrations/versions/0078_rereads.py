"""Reports that were read again, and digests that correct what earlier ones told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0078"
down_revision = "0077"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing was read again before."""
    kind = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.create_table(
        "reread",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("of", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.Column("parts", kind, nullable=False),
        sa.Column("replaced", kind, nullable=False),
        sa.Column("corrections", kind, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_reread")),
        sa.UniqueConstraint("of", name=op.f("uq_reread_of")),
    )
    op.add_column("delivery", sa.Column("corrections", kind, nullable=True))
