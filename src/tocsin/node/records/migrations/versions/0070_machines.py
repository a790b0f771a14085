"""Machines over one PostgreSQL, who does which chore, and word of what pages show to all of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None

_SHOWN = ("audit_entry", "ingest", "delivery")


def upgrade() -> None:
    """Make the tables; on PostgreSQL, let a new row of what the page of today looks at be heard of."""
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    time = sa.DateTime(timezone=True)
    op.create_table(
        "machine",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("worker", sa.String, nullable=False),
        sa.Column("started_at", time, nullable=False),
        sa.Column("seen_at", time, nullable=False),
        sa.Column("ahead", sa.Double, nullable=False),
        sa.Column("tables", json, nullable=False),
        sa.Column("files", json, nullable=False),
    )
    op.create_table(
        "chore",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("machine", sa.String, nullable=False),
        sa.Column("at", time),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("hint", sa.Text, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION tocsin_changed() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_notify('tocsin_changed', ''); RETURN NULL; END $$"
        )
        for table in _SHOWN:
            op.execute(
                f"CREATE TRIGGER tocsin_changed AFTER INSERT ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION tocsin_changed()"
            )
