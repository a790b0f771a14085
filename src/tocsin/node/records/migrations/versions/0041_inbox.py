"""The inbox takes in what comes by any door: who, by which door, what it names, and the mails that it came by."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def _of_report(*, index: bool) -> sa.Column[int]:
    return sa.Column("report_id", sa.Integer, sa.ForeignKey("inbox_report.id"), nullable=False, index=index)


def upgrade() -> None:
    """Add the columns and make the tables."""
    for name, default in {"door": "form", "sender": "", "phone": "", "subject": ""}.items():
        op.add_column("inbox_report", sa.Column(name, sa.Text, nullable=False, server_default=default))
    op.add_column("inbox_report", sa.Column("ring_back_at", sa.DateTime(timezone=True)))
    op.add_column("inbox_report", sa.Column("team_id", sa.Integer))
    op.create_index("ix_inbox_report_ring_back_at", "inbox_report", ["ring_back_at"])
    op.create_index("ix_inbox_report_mailbox", "inbox_report", ["mailbox"])
    op.create_index("ix_inbox_report_phone", "inbox_report", ["phone"])
    op.create_index("ix_incident_party_mailbox", "incident_party", ["mailbox"])
    op.create_index("ix_received_mail_message_id", "received_mail", ["message_id"])
    op.create_table(
        "inbox_observable",
        sa.Column("id", sa.Integer, primary_key=True),
        _of_report(index=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.UniqueConstraint("report_id", "kind", "value"),
        sa.Index("ix_inbox_observable_value", "value", "kind"),
    )
    op.create_table(
        "inbox_mail",
        sa.Column("id", sa.Integer, primary_key=True),
        _of_report(index=True),
        sa.Column("mail_id", sa.Integer, sa.ForeignKey("received_mail.id"), nullable=False, unique=True),
    )
