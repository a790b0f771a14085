"""Notices of entities; the basis on which each report of the inbox came, with consents and orders."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _of_report(*, once: bool) -> sa.Column[int]:
    of = sa.ForeignKey("inbox_report.id")
    return sa.Column("report_id", sa.Integer, of, nullable=False, index=not once, unique=once)


def upgrade() -> None:
    """Add the columns and make the tables."""
    for name, default in {"basis": "voluntary", "basis_act": ""}.items():
        op.add_column("inbox_report", sa.Column(name, sa.Text, nullable=False, server_default=default))
    op.create_table(
        "inbox_release",
        sa.Column("id", sa.Integer, primary_key=True),
        _of_report(once=False),
        *_texts("ground", "scope", "given_by", "means"),
        _time("given_at"),
        _time("recorded_at"),
        sa.Column("recorded_by", sa.Integer, nullable=False),
    )
    op.create_table(
        "incident_notice",
        sa.Column("id", sa.Integer, primary_key=True),
        _of_report(once=True),
        sa.Column("team_id", sa.Integer, nullable=False, index=True),
        *_texts("law", "kind"),
        sa.Column("chain", sa.Text, nullable=False, index=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("superseded", sa.Boolean, nullable=False),
        sa.Column("fields", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        *_texts("door"),
        _time("received_at"),
        *_texts("filed_by"),
        _time("answered_at", nullable=True),
    )
