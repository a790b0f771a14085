"""Whose turn it is to take reports in, where several machines may, and which numbers of ingests are passed over."""

import sqlalchemy as sa
from alembic import op

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables, empty: nobody has taken over, and no number was reserved."""
    op.create_table(
        "writer_term",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("term", "reserved", "checked")),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_table("passed_number", sa.Column("number", sa.Integer, primary_key=True, autoincrement=False))


def downgrade() -> None:
    """Take them out."""
    op.drop_table("passed_number")
    op.drop_table("writer_term")
