"""Threads of incidents: their addresses, mails and drafts; letters know for which team, and what they are about."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def _number() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


def _compartment() -> sa.Column[int]:
    return sa.Column("compartment_id", sa.Integer, nullable=False)


def _of(table: str, name: str, *, index: bool = False, unique: bool = False) -> sa.Column[int]:
    key = sa.ForeignKey(f"{table}.id")
    return sa.Column(f"{name}_id", sa.Integer, key, nullable=False, index=index, unique=unique or None)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _times(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "incident_thread",
        _number(),
        _compartment(),
        _of("incident", "incident", index=True),
        _of("incident_party", "party", unique=True),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("number", sa.Text, nullable=False, unique=True),
        sa.Column("turn", sa.Text, nullable=False, index=True),
        *_times("turn_since"),
        sa.Column("senders", _JSON, nullable=False),
    )
    op.create_table(
        "incident_mail",
        _number(),
        _compartment(),
        _of("incident", "incident"),
        _of("incident_thread", "thread"),
        sa.Column("ours", sa.Boolean, nullable=False),
        sa.Column("sha256", sa.Text, unique=True),
        sa.Column("message_id", sa.Text, nullable=False, index=True),
        *_texts("state", "kind", "matched_by", "answers", "address", "subject", "text", "quoted", "tlp", "by"),
        *_texts("letter", "why"),
        sa.Column("files", _JSON, nullable=False),
        *_times("at"),
        sa.Column("once", sa.Text, unique=True),
        sa.Index("ix_incident_mail_thread", "thread_id", "id"),
    )
    op.create_table(
        "incident_draft",
        _number(),
        _compartment(),
        _of("incident", "incident"),
        _of("incident_party", "party"),
        sa.Column("person", sa.Integer, nullable=False),
        *_texts("subject", "text"),
        *_times("begun_at", "changed_at"),
        sa.UniqueConstraint("party_id", "person"),
    )
    op.add_column("letter", sa.Column("team_id", sa.Integer))
    op.add_column("letter", sa.Column("about", sa.Text, nullable=False, server_default=""))
