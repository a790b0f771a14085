"""Evidence of incidents and legal holds."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def _own() -> list[sa.Column[int]]:
    return [
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("compartment_id", sa.Integer, nullable=False),
        sa.Column("incident_id", sa.Integer, sa.ForeignKey("incident.id"), nullable=False, index=True),
    ]


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "incident_evidence",
        *_own(),
        *_texts("name", "kind", "seal", "place", "tlp", "state", "destroy_by"),
        sa.Column("sha256", sa.Text, nullable=False, index=True),
        sa.Column("size", sa.BigInteger),
        sa.Column("kept", sa.Boolean, nullable=False),
        _time("added_at"),
    )
    op.create_table(
        "legal_hold",
        *_own(),
        *_texts("ordered_by", "order_reference"),
        _time("begun_at"),
        _time("until", nullable=True),
        _time("lifted_at", nullable=True),
    )
