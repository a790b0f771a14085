"""What partners' programs wrote in the shapes of MISP."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0064"
down_revision = "0063a"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "misp_record",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), nullable=False),
        _text("kind"),
        sa.Column("uuid", sa.Uuid, nullable=False),
        sa.Column("target", sa.Uuid, nullable=False, index=True),
        sa.Column("event_id", sa.Integer),
        sa.Column("object_id", sa.Integer),
        *map(_text, ("name", "value", "digest")),
        sa.Column("timestamp", sa.Integer, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("content", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.UniqueConstraint("partner_id", "kind", "uuid"),
    )
    op.create_index("ix_misp_record_event", "misp_record", ["event_id", "kind", "id"])
    op.create_index("ix_misp_record_digest", "misp_record", ["partner_id", "digest"])
