"""A digest keeps within how many days it asked for a fix: a date that was mailed stands."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0075"
down_revision = "0074"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of digests that were made before, it is not known."""
    op.add_column("delivery", sa.Column("asked_days", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")))
