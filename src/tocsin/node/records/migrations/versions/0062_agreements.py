"""Agreements with partners, the signatures over them, what went under which, and what lists say of partners."""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _uuid(name: str, *, index: bool = False, key: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid, nullable=False, index=index, primary_key=key)


def upgrade() -> None:
    """Make the tables."""
    op.add_column("partner", sa.Column("closed", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "exchange_agreement",
        sa.Column("id", sa.Integer, primary_key=True),
        _uuid("agreement", index=True),
        sa.Column("edition", sa.Integer, nullable=False),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        *map(_text, ("content", "title", "type")),
        sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id")),
        _time("came_at", nullable=False),
        _text("came_by"),
        _time("adopted_at"),
        _text("adopted_by"),
        _time("refused_at"),
        *map(_text, ("refused_by", "reason")),
        _time("ended_at"),
        _text("ended_by"),
        sa.Column("once", sa.Text, unique=True),
    )
    op.create_table(
        "exchange_agreement_signature",
        sa.Column("agreement_id", sa.Integer, sa.ForeignKey("exchange_agreement.id"), primary_key=True),
        _uuid("node", key=True),
        *map(_text, ("key", "signature")),
        _time("at", nullable=False),
    )
    op.create_table(
        "exchange_ground",
        sa.Column("direction", sa.Text, primary_key=True),
        sa.Column("dispatch", sa.Integer, primary_key=True, autoincrement=False),
        _uuid("agreement", index=True),
        _text("type"),
    )
    op.create_table(
        "partner_listing",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), nullable=False),
        sa.Column("source", sa.Text, nullable=False, index=True),
        *map(_text, ("name", "mailbox", "countries", "website")),
        sa.Column("uuid", sa.Uuid),
        *map(_text, ("fingerprints", "groups", "sha256")),
        _time("came_at", nullable=False),
        _text("came_by"),
        _time("gone_at"),
        sa.UniqueConstraint("partner_id", "source"),
    )
