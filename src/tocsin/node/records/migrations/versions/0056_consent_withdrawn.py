"""Consent can be withdrawn; events of voluntary reports are kept from supervisors and police."""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add when consent was withdrawn, and what events were made of voluntary reports up to now."""
    op.add_column("inbox_release", sa.Column("withdrawn_at", sa.DateTime(timezone=True)))
    op.create_table(
        "withheld_report",
        sa.Column("report", sa.Text, primary_key=True),
        sa.Column("authority", sa.Boolean, nullable=False),
        sa.Column("police", sa.Boolean, nullable=False),
    )
    held = (
        "r.basis = 'voluntary' AND NOT EXISTS (SELECT 1 FROM inbox_release l WHERE l.report_id = r.id AND l.scope IN "
    )
    op.execute(
        f"INSERT INTO withheld_report (report, authority, police) SELECT r.reference, {held}('authority', 'both')), "
        f"{held}('police', 'both')) FROM inbox_report r "
        "WHERE EXISTS (SELECT 1 FROM inbox_entry e WHERE e.report_id = r.id AND e.kind = 'event')"
    )
