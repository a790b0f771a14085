"""Affected systems of incidents, their texts in notifications, and sightings of observables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def _content(*, index: bool = True) -> list[sa.Column[int]]:
    incident = sa.ForeignKey("incident.id")
    return [
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("compartment_id", sa.Integer, nullable=False),
        sa.Column("incident_id", sa.Integer, incident, nullable=False, index=index),
    ]


def _time(name: str, *, nullable: bool = False, index: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, index=index)


def upgrade() -> None:
    """Make the tables, and the columns of observables."""
    op.create_table(
        "incident_population",
        *_content(),
        sa.Column("query", _JSON, nullable=False),
        sa.Column("keys", sa.Text, nullable=False),
        _time("added_at"),
        _time("frozen_at", nullable=True),
    )
    op.create_table(
        "incident_text",
        *_content(index=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("language", "text", "tlp")),
        _time("set_at"),
        _time("withdrawn_at", nullable=True),
        sa.UniqueConstraint("incident_id", "language"),
    )
    op.create_table(
        "incident_sighting",
        *_content(),
        sa.Column("observable_id", sa.Integer, sa.ForeignKey("incident_observable.id"), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        _time("first_at"),
        _time("last_at"),
        sa.Column("sets", _JSON, nullable=False),
        sa.UniqueConstraint("observable_id", "day"),
    )
    op.add_column("incident_observable", sa.Column("checked_to", sa.Integer))
    op.add_column("incident_observable", _time("unreviewed_since", nullable=True))
    op.add_column("incident_observable", sa.Column("noted_on", sa.Date))
    for name in ("checked_to", "unreviewed_since"):
        op.create_index(f"ix_incident_observable_{name}", "incident_observable", [name])
