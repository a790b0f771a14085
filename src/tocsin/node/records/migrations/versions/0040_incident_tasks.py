"""Tasks of incidents are found by when they are due, and all incidents are listed by when they changed."""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indexes."""
    op.create_index("ix_incident_task_due", "incident_task", ["state", "due_at"])
    op.create_index("ix_incident_changed", "incident", ["changed_at", "id"])
