"""Incidents: compartments, entries, parties, tasks, observables; reports of the inbox get a compartment."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def _number() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


def _compartment() -> sa.Column[int]:
    return sa.Column("compartment_id", sa.Integer, nullable=False)


def _of_incident(*, index: bool = True) -> sa.Column[int]:
    return sa.Column("incident_id", sa.Integer, sa.ForeignKey("incident.id"), nullable=False, index=index)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Make the tables."""
    op.create_table("compartment", _number(), _time("made_at"), sqlite_autoincrement=True)
    op.create_table(
        "compartment_member",
        _number(),
        sa.Column("compartment_id", sa.Integer, sa.ForeignKey("compartment.id"), nullable=False, index=True),
        sa.Column("person", sa.Integer, nullable=False),
        _time("added_at"),
        *_texts("added_by"),
        _time("until", nullable=True),
        *_texts("reason"),
        sa.Column("reviewed_by", sa.Integer),
        sa.Index("ix_compartment_member_person", "person", "compartment_id"),
    )
    op.create_table(
        "incident",
        _number(),
        _compartment(),
        sa.Column("uuid", sa.Uuid, nullable=False, unique=True),
        sa.Column("reference", sa.Text, nullable=False, unique=True),
        *_texts("title", "rsit_type", "severity", "tlp", "state", "waiting_for"),
        _time("waiting_until", nullable=True),
        sa.Column("lead", sa.Integer),
        sa.Column("merged_into", sa.Integer, sa.ForeignKey("incident.id"), index=True),
        _time("opened_at"),
        _time("changed_at"),
        _time("closed_at", nullable=True),
        sa.Index("ix_incident_queue", "compartment_id", "state", "changed_at"),
        sa.Index("ix_incident_lead", "lead", "state"),
    )
    op.create_table(
        "incident_party",
        _number(),
        _compartment(),
        _of_incident(),
        *_texts("role", "name", "mailbox", "phone", "language", "ceiling"),
        sa.Column("team_id", sa.Integer, index=True),
        _time("added_at"),
        _time("left_at", nullable=True),
    )
    op.create_table(
        "incident_entry",
        _number(),
        _compartment(),
        _of_incident(index=False),
        *_texts("kind", "by", "text", "tlp", "sha256"),
        _time("happened_at"),
        _time("recorded_at"),
        sa.Column("data", _JSON, nullable=False),
        sa.Column("party_id", sa.Integer, sa.ForeignKey("incident_party.id")),
        sa.Column("supersedes", sa.Integer, sa.ForeignKey("incident_entry.id")),
        sa.Column("once", sa.Text, unique=True),
        sa.Index("ix_incident_entry_incident", "incident_id", "id"),
    )
    op.create_table(
        "incident_alias",
        _number(),
        _compartment(),
        _of_incident(),
        sa.Column("name", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "incident_report",
        _number(),
        _compartment(),
        _of_incident(),
        sa.Column("report_id", sa.Integer, sa.ForeignKey("inbox_report.id"), nullable=False),
        sa.UniqueConstraint("report_id", "incident_id"),
    )
    op.create_table(
        "incident_task",
        _number(),
        _compartment(),
        _of_incident(),
        *_texts("text", "state", "result"),
        sa.Column("owner", sa.Integer),
        _time("due_at", nullable=True),
        _time("made_at"),
        _time("ended_at", nullable=True),
        sa.Index("ix_incident_task_owner", "owner", "state"),
    )
    op.create_table(
        "incident_observable",
        _number(),
        _compartment(),
        _of_incident(),
        *_texts("kind", "value", "role", "tlp"),
        _time("added_at"),
        _time("valid_until", nullable=True),
        _time("withdrawn_at", nullable=True),
        sa.UniqueConstraint("incident_id", "kind", "value"),
        sa.Index("ix_incident_observable_value", "value", "kind"),
    )
    op.add_column("inbox_report", sa.Column("compartment_id", sa.Integer, nullable=False, server_default="0"))
