"""Playbooks in editions, and how far one is on an incident."""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def _of(table: str, name: str, *, index: bool = False, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(f"{table}.id"), nullable=nullable, index=index)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=nullable)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "playbook",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("playbook", sa.Text, nullable=False, index=True),
        sa.Column("sha256", sa.Text, nullable=False, unique=True),
        *_texts("key", "content", "added_by"),
        sa.Column("listed", sa.Boolean, nullable=False),
        _time("added_at"),
    )
    op.create_table(
        "incident_playbook",
        sa.Column("id", sa.Integer, primary_key=True),
        _number("compartment_id"),
        _of("incident", "incident_id", index=True),
        _of("playbook", "edition_id"),
        _time("started_at"),
        _time("ended_at", nullable=True),
        sa.Column("stopped", sa.Boolean, nullable=False),
    )
    op.create_table(
        "incident_playbook_step",
        sa.Column("id", sa.Integer, primary_key=True),
        _number("compartment_id"),
        _of("incident", "incident_id", index=True),
        _of("incident_playbook", "run_id"),
        _number("number"),
        _number("within", nullable=True),
        *_texts("step", "outcome"),
        sa.Column("ended", sa.Boolean, nullable=False),
        _of("incident_task", "task_id", nullable=True),
        sa.UniqueConstraint("run_id", "number"),
        sa.Index("ix_incident_playbook_step_task", "task_id"),
    )
