"""Duty: rosters with their changes, hand-over notes, call-out rules and call-outs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def _number() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


def _of(table: str, name: str, *, index: bool = False, needed: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(f"{table}.id"), nullable=not needed, index=index)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _times(*names: str, needed: bool = True) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=not needed) for name in names]


def _people(*names: str, needed: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer, nullable=not needed) for name in names]


def upgrade() -> None:
    """Make the tables."""
    _make_rosters()
    _make_call_outs()


def _make_rosters() -> None:
    op.create_table(
        "duty_roster",
        _number(),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        *_people("keeper"),
        sa.Column("always", sa.Boolean, nullable=False),
        *_times("made_at"),
        *_times("retired_at", needed=False),
    )
    op.create_table(
        "duty_roster_version",
        _number(),
        _of("duty_roster", "roster_id", index=True),
        *_texts("text"),
        sa.Column("people", _JSON, nullable=False),
        *_times("at"),
        *_texts("by"),
    )
    op.create_table(
        "duty_change",
        _number(),
        _of("duty_roster", "roster_id"),
        *_texts("kind"),
        *_times("starts_at", "ends_at"),
        *_people("add", "remove"),
        sa.Column("only", sa.Boolean, nullable=False),
        *_texts("why", "state"),
        *_times("at"),
        *_texts("by"),
        sa.Index("ix_duty_change_roster", "roster_id", "ends_at"),
    )
    op.create_table(
        "duty_hand_over",
        _number(),
        _of("duty_roster", "roster_id", index=True),
        *_texts("text"),
        *_times("at"),
        *_people("by", needed=True),
        *_times("read_at", needed=False),
        *_people("read_by"),
    )
    op.create_table(
        "duty_contact",
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id"), primary_key=True, autoincrement=False),
        *_texts("phone"),
        sa.Column("calendar", sa.Text, nullable=False, index=True),
    )


def _make_call_outs() -> None:
    op.create_table(
        "call_out_rule",
        _number(),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        _of("duty_roster", "roster_id"),
        _of("duty_roster", "second_id", needed=False),
        sa.Column("people", _JSON, nullable=False),
        sa.Column("kinds", _JSON, nullable=False),
        *_texts("severity"),
        sa.Column("minutes", sa.Integer, nullable=False),
        sa.Column("channels", _JSON, nullable=False),
        *_texts("quiet_from", "quiet_to", "quiet_below"),
        *_times("at"),
        *_texts("by"),
        *_times("ended_at", needed=False),
    )
    op.create_table(
        "call_out",
        _number(),
        sa.Column("compartment_id", sa.Integer, nullable=False),
        _of("call_out_rule", "rule_id"),
        _of("incident", "incident_id", index=True, needed=False),
        *_texts("subject", "level"),
        sa.Column("live_key", sa.Text, unique=True),
        *_texts("state"),
        *_times("opened_at"),
        *_times("next_at", "acknowledged_at", needed=False),
        *_texts("acknowledged_by", "note"),
        sa.Index("ix_call_out_state", "state", "next_at"),
    )
    op.create_table(
        "call_out_call",
        _number(),
        _of("call_out", "call_out_id", index=True),
        *_people("person", needed=True),
        *_texts("channel"),
        sa.Column("state", sa.Text, nullable=False, index=True),
        *_times("at"),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("secret", sa.Text, nullable=False, unique=True),
        sa.Column("code", sa.Text, nullable=False, index=True),
        *_texts("error"),
        sa.UniqueConstraint("call_out_id", "person", "channel"),
    )
