"""How a mail came encrypted, and which known key signed it."""

import sqlalchemy as sa
from alembic import op

revision = "0080"
down_revision = "0077"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What came before was read as it came."""
    op.add_column("received_mail", sa.Column("encrypted", sa.Text(), nullable=False, server_default=""))
    op.add_column("received_mail", sa.Column("signed_by", sa.Text(), nullable=False, server_default=""))
