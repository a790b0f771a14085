"""Which entries of an incident a person has seen; parties are found by their number."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the index."""
    op.create_table(
        "incident_look",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("incident_id", sa.Integer, sa.ForeignKey("incident.id"), nullable=False),
        sa.Column("person", sa.Integer, nullable=False),
        sa.Column("entry", sa.Integer, nullable=False),
        sa.UniqueConstraint("person", "incident_id", name="uq_incident_look_person"),
    )
    op.create_index("ix_incident_look_incident_id", "incident_look", ["incident_id"])
    op.create_index("ix_incident_party_phone", "incident_party", ["phone"])
