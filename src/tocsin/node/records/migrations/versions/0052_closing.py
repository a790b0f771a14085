"""Incidents have a root cause, and may count in the figures though restricted; tasks that are lessons outlive them."""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("incident", sa.Column("root_cause", sa.Text, nullable=False, server_default=""))
    op.add_column("incident", sa.Column("in_figures", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("ix_incident_root_cause", "incident", ["root_cause"])
    op.add_column("incident_task", sa.Column("lesson", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("ix_incident_task_lesson", "incident_task", ["lesson", "due_at"])
