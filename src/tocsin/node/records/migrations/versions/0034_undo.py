"""What acts changed, kept so that it can be undone; how long a halt still holds; who approved a held mail."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table and the columns."""
    op.create_table(
        "undo",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("permission", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("until", _TIME, nullable=False, index=True),
        sa.Column("subjects", _JSON, nullable=False),
        sa.Column("changes", _JSON, nullable=False),
        sa.Column("undone_at", _TIME),
        sqlite_autoincrement=True,
    )
    op.add_column("halt", sa.Column("until", _TIME))
    op.add_column("delivery", sa.Column("approved_by", sa.Text))
    op.add_column("letter", sa.Column("approved_by", sa.Text))
