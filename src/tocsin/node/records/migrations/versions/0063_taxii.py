"""What partners read at TAXII; an item may be passed without a dispatch."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0063a"
down_revision = "0063"
branch_labels = None
depends_on = None


def _partner() -> sa.Column[int]:
    return sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), primary_key=True, autoincrement=False)


def _number(name: str, *, key: bool = False, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=key, nullable=nullable, autoincrement=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True))


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "exchange_taxii_collection",
        _partner(),
        _number("number"),
        *map(_time, ("added_at", "seen_to")),
        _text("seen"),
    )
    op.create_table(
        "exchange_taxii_incident",
        _partner(),
        _number("incident_id", key=True),
        _text("digest"),
    )
    op.create_table(
        "exchange_taxii_object",
        _partner(),
        _number("number", key=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        _number("incident_id", nullable=True),
        *map(_text, ("object", "type", "version", "hash", "content")),
        *(sa.Column(name, sa.Boolean, nullable=False) for name in ("newest", "revoked", "passed")),
    )
    for name, columns in (
        ("object", ["partner_id", "object", "number"]),
        ("type", ["partner_id", "type", "number"]),
        ("added", ["partner_id", "added_at"]),
        ("incident", ["incident_id", "partner_id"]),
    ):
        op.create_index(f"ix_exchange_taxii_object_{name}", "exchange_taxii_object", columns)
    op.create_table(
        "exchange_taxii_status",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), nullable=False, index=True),
        sa.Column("item_id", sa.Integer, sa.ForeignKey("exchange_item.id")),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False) for name in ("good", "bad")),
    )
    op.add_column("exchange_item", sa.Column("way", sa.Text, nullable=False, server_default=""))
    with op.batch_alter_table("exchange_passing") as passing:
        passing.alter_column("outgoing_id", existing_type=sa.Integer, nullable=True)
