"""The roles of teams that must know, and notifications that a person made by telephone or letter."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0074"
down_revision = "0073"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is noted already keeps its sets without roles: each problem gets them with its next sighting."""
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.add_column("team_set", sa.Column("informed", json, nullable=True))
    op.add_column("team_set", sa.Column("muted", json, nullable=False, server_default="[]"))
    op.create_table(
        "manual_notification",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uuid", sa.Uuid, nullable=False, unique=True),
        sa.Column("team_id", sa.Integer, nullable=False),
        sa.Column("way", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_by", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("problems", json, nullable=False),
        sa.Column("key", sa.Text, nullable=False, unique=True),
    )
