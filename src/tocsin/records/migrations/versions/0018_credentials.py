"""The tables of second factors, recovery codes, links to accounts and limits on attempts."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; sessions begin anew, since none says yet how it was proved."""
    op.add_column("person", sa.Column("removed_at", UTCDateTime))
    op.drop_table("session")
    op.create_table(
        "session",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("secret", sa.Text, nullable=False, unique=True),
        sa.Column("made_at", UTCDateTime, nullable=False),
        sa.Column("seen_at", UTCDateTime, nullable=False),
        sa.Column("ends_at", UTCDateTime, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("proved_at", UTCDateTime, nullable=False),
        sa.Column("limited", sa.Boolean, nullable=False),
    )
    op.create_index("ix_session_person_id", "session", ["person_id"])
    op.create_table(
        "totp",
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id"), primary_key=True, autoincrement=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("made_at", UTCDateTime, nullable=False),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("used_at", UTCDateTime),
    )
    op.create_index("ix_recovery_code_person_id", "recovery_code", ["person_id"])
    op.create_table(
        "welcome_link",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id")),
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("teams", Json, nullable=False),
        sa.Column("made_at", UTCDateTime, nullable=False),
        sa.Column("ends_at", UTCDateTime, nullable=False),
        sa.Column("used_at", UTCDateTime),
    )
    op.create_index("ix_welcome_link_person_id", "welcome_link", ["person_id"])
    op.create_table(
        "attempt_bucket",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("level", sa.Double, nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
    )
    op.create_index("ix_attempt_bucket_at", "attempt_bucket", ["at"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("attempt_bucket", "welcome_link", "recovery_code", "totp"):
        op.drop_table(table)
