"""Take-downs of incidents: what is asked to be removed, of whom, and what was seen of it."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def _of(table: str, name: str, *, index: bool = True) -> sa.Column[int]:
    return sa.Column(f"{name}_id", sa.Integer, sa.ForeignKey(f"{table}.id"), nullable=False, index=index)


def _numbers() -> list[sa.Column[int]]:
    return [
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("compartment_id", sa.Integer, nullable=False),
    ]


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _time(name: str, *, needed: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not needed)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "incident_takedown",
        *_numbers(),
        _of("incident", "incident", index=False),
        _of("incident_observable", "observable"),
        *_texts("ground", "basis", "necessity", "pap", "address"),
        sa.Column("host", sa.Text, nullable=False, index=True),
        *_texts("state"),
        _time("proposed_at", needed=True),
        *(_time(name) for name in ("asked_at", "gone_at", "due_at")),
        sa.Column("objected_at", sa.DateTime(timezone=True), index=True),
        _time("answered_at"),
        sa.UniqueConstraint("incident_id", "observable_id"),
    )
    op.create_index("ix_incident_takedown_state", "incident_takedown", ["state", "due_at"])
    op.create_table(
        "incident_takedown_recipient",
        *_numbers(),
        _of("incident", "incident"),
        _of("incident_takedown", "takedown"),
        *_texts("role"),
        sa.Column("team_id", sa.Integer),
        *_texts("name", "mailbox", "language", "reason"),
        sa.Column("party_id", sa.Integer, sa.ForeignKey("incident_party.id")),
        _time("asked_at"),
    )
    op.create_table(
        "incident_takedown_sighting",
        *_numbers(),
        _of("incident", "incident"),
        _of("incident_takedown", "takedown"),
        _time("at", needed=True),
        *_texts("seen", "how", "place", "by"),
    )
