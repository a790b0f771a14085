"""What people typed, and their names at this machine, beside the audit log, which names them by reference."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "audit_aside",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_aside_text", "audit_aside", ["text"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("audit_aside")
