"""What was seen of contacts, questions to their holders, and claims of operators."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "contact_fact",
        sa.Column("id", sa.Integer, primary_key=True),
        _text("mailbox"),
        sa.Column("team_id", sa.Integer),
        _text("kind"),
        _time("at"),
        _text("via"),
        sa.Column("permanent", sa.Boolean, nullable=False),
        sa.Column("told_at", UTCDateTime),
        _text("detail"),
    )
    for name, columns in (("mailbox", ["mailbox"]), ("team_id", ["team_id"]), ("kind_at", ["kind", "at"])):
        op.create_index(f"ix_contact_fact_{name}", "contact_fact", columns)
    op.create_table(
        "verification",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        _text("mailbox"),
        *(sa.Column(name, Json, nullable=False) for name in ("teams", "networks")),
        sa.Column("networks_all", sa.Integer, nullable=False),
        *(_time(name) for name in ("asked_at", "expires_at")),
        sa.Column("reminders", sa.Integer, nullable=False),
        sa.Column("used_at", UTCDateTime),
        *(_text(name) for name in ("outcome", "via", "note")),
    )
    for name in ("mailbox", "asked_at"):
        op.create_index(f"ix_verification_{name}", "verification", [name])
    op.create_table(
        "claim",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uuid", sa.Uuid, nullable=False, unique=True),
        sa.Column("team_id", sa.Integer, sa.ForeignKey("team.id"), nullable=False),
        *(_text(name) for name in ("kind", "value", "mailbox", "claimed_by")),
        *(_time(name) for name in ("made_at", "expires_at")),
        _text("state"),
        sa.Column("dns_value", sa.Text, nullable=False, unique=True),
        _text("code"),
        sa.Column("asked", Json, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        _text("proof"),
        sa.Column("proved_at", UTCDateTime),
        *(_text(name) for name in ("evidence", "decided_by")),
        sa.Column("decided_at", UTCDateTime),
        _text("reason"),
    )
    for name in ("team_id", "state"):
        op.create_index(f"ix_claim_{name}", "claim", [name])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("claim", "verification", "contact_fact"):
        op.drop_table(table)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, UTCDateTime, nullable=False)
