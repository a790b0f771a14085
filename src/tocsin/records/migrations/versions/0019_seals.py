"""The tables of seals over the audit log, API tokens, passkeys and accounts elsewhere."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "audit_seal",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        _time("at"),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("ids", Json, nullable=False),
        sa.Column("top", sa.Integer, nullable=False),
        sa.Column("leaves", sa.LargeBinary, nullable=False),
        *(_text(name) for name in ("previous", "digest", "key", "signature")),
    )
    op.create_index("ix_audit_seal_at", "audit_seal", ["at"])
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer, primary_key=True),
        _person(),
        _text("name"),
        sa.Column("secret", sa.Text, nullable=False, unique=True),
        sa.Column("scopes", Json, nullable=False),
        *(_time(name) for name in ("made_at", "expires_at")),
        *(sa.Column(name, UTCDateTime) for name in ("used_at", "revoked_at")),
    )
    op.create_table(
        "passkey",
        sa.Column("id", sa.Integer, primary_key=True),
        _person(),
        _text("name"),
        sa.Column("credential", sa.Text, nullable=False, unique=True),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("uses", sa.Integer, nullable=False),
        _time("made_at"),
        sa.Column("used_at", UTCDateTime),
    )
    op.create_table(
        "account_elsewhere",
        sa.Column("id", sa.Integer, primary_key=True),
        _person(),
        *(_text(name) for name in ("issuer", "subject")),
        _time("made_at"),
        sa.UniqueConstraint("issuer", "subject"),
    )
    for table in ("api_token", "passkey", "account_elsewhere"):
        op.create_index(f"ix_{table}_person_id", table, ["person_id"])
    op.create_table(
        "used_once",
        sa.Column("secret", sa.Text, primary_key=True),
        _time("expires_at"),
    )
    op.create_index("ix_used_once_expires_at", "used_once", ["expires_at"])
    for column in ("word", "actor", "subject"):
        op.create_index(f"ix_audit_entry_{column}", "audit_entry", [column, "id"])


def downgrade() -> None:
    """Drop the tables."""
    for column in ("word", "actor", "subject"):
        op.drop_index(f"ix_audit_entry_{column}", "audit_entry")
    for table in ("used_once", "account_elsewhere", "passkey", "api_token", "audit_seal"):
        op.drop_table(table)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, UTCDateTime, nullable=False)


def _person() -> sa.Column[int]:
    return sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id"), nullable=False)
