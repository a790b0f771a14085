"""How a mail came encrypted, and which known key signed it."""

import sqlalchemy as sa
from alembic import op

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What came before was read as it came."""
    for table in ("received_mail", "incident_mail"):
        op.add_column(table, sa.Column("encrypted", sa.Text(), nullable=False, server_default=""))
        op.add_column(table, sa.Column("signed_by", sa.Text(), nullable=False, server_default=""))
    op.add_column("letter", sa.Column("encrypted_for", sa.Text(), nullable=False, server_default=""))
