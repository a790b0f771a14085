"""The register of critical assets: assets, what operators say of theirs, what touched them, call sheets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _once() -> sa.Column[str]:
    return sa.Column("once", sa.Text, unique=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "asset",
        sa.Column("id", sa.Integer, primary_key=True),
        *map(_text, ("kind", "name")),
        sa.Column("team_id", sa.Integer, index=True),
        *map(_text, ("sector", "site", "product")),
        *map(_json, ("identifiers", "needs", "contacts")),
        *map(_text, ("impact", "note")),
        _time("made_at"),
        _time("confirmed_at", nullable=True),
        _text("confirmed_by"),
        _once(),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "asset_change",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("asset_id", sa.Integer, index=True),
        sa.Column("team_id", sa.Integer, nullable=False, index=True),
        _json("said"),
        sa.Column("state", sa.Text, nullable=False, index=True),
        _text("reason"),
        _time("made_at"),
        _text("made_by"),
        _time("decided_at", nullable=True),
        _text("decided_by"),
        _once(),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "asset_touch",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("asset_id", sa.Integer, sa.ForeignKey("asset.id"), nullable=False),
        sa.Column("incident_id", sa.Integer, index=True),
        sa.Column("count", sa.Integer, nullable=False),
        _time("first_at"),
        _time("last_at"),
        sa.Column("seen_at", sa.DateTime(timezone=True), index=True),
        _text("seen_by"),
        sa.Index("ix_asset_touch_asset", "asset_id", "incident_id"),
    )
    op.create_table(
        "asset_match",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("observable", sa.Integer, nullable=False),
        _text("identifiers"),
    )
    op.create_table(
        "call_sheet",
        sa.Column("id", sa.Integer, primary_key=True),
        _json("assets"),
        _text("holder"),
        _time("asked_at"),
        sa.Column("asked_by", sa.Integer, nullable=False),
        _time("approved_at", nullable=True),
        sa.Column("approved_by", sa.Integer),
        _time("printed_at", nullable=True),
        _time("destroyed_at", nullable=True),
        _text("destroyed_by"),
        _once(),
        sqlite_autoincrement=True,
    )
