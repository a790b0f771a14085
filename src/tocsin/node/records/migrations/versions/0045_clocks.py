"""Clock texts that a node adopted, its calendar, and the clocks of incidents."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def _number() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


def _key(name: str, table: str, *, needed: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(f"{table}.id"), nullable=not needed)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _times(*names: str, needed: bool = True) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=not needed) for name in names]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "clock_text",
        _number(),
        sa.Column("law", sa.Text, nullable=False, index=True),
        sa.Column("in_force", sa.Date),
        *_texts("edition", "content", "sha256", "checked_by", "note", "adopted_by"),
        *_times("adopted_at"),
        *_times("withdrawn_at", needed=False),
    )
    op.create_table(
        "clock_calendar",
        _number(),
        sa.Column("calendar", _JSON, nullable=False),
        *_times("set_at"),
        *_texts("set_by"),
    )
    op.create_table(
        "incident_clock",
        _number(),
        sa.Column("compartment_id", sa.Integer, nullable=False),
        _key("incident_id", "incident", needed=True),
        _key("text_id", "clock_text", needed=True),
        _key("party_id", "incident_party"),
        _key("entry_id", "incident_entry"),
        sa.Column("ours", sa.Boolean, nullable=False),
        *_texts("act", "rule", "title", "due_notice", "start", "state"),
        *_times("started_at", "made_at"),
        *_times("limit_start", "due_at", "half_at", "most_at", "ended_at", needed=False),
    )
    op.create_index("ix_incident_clock_incident", "incident_clock", ["incident_id"])
    op.create_index("ix_incident_clock_due", "incident_clock", ["state", "due_at"])
