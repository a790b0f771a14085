"""Teams as RFC 2350 describes them: what is said about a team, profiles issued, what a mailbox is for."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.add_column("mailbox", sa.Column("purpose", sa.Text))
    op.create_table(
        "team_fact",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("team_id", sa.Integer, sa.ForeignKey("team.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("as_of", sa.Date),
        sa.Column("confidence", sa.Integer),
        sa.Column("said_by", sa.Text, nullable=False),
        sa.Column("recorded", UTCDateTime, nullable=False),
        sa.Column("withdrawn", UTCDateTime),
    )
    op.create_index("ix_team_fact_team_id", "team_fact", ["team_id"])
    op.create_index("ix_team_fact_source", "team_fact", ["source", "withdrawn"])
    op.create_table(
        "team_profile",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("team_id", sa.Integer, sa.ForeignKey("team.id"), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("dated", sa.Date, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("issued_by", sa.Text, nullable=False),
        sa.Column("recorded", UTCDateTime, nullable=False),
    )
    op.create_index("ix_team_profile_team_id", "team_profile", ["team_id"])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("team_profile")
    op.drop_table("team_fact")
    op.drop_column("mailbox", "purpose")
