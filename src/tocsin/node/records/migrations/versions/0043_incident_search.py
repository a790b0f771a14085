"""Indexes of words in incidents, their entries and the inbox, as 0032; those of SQLite are made by `make_missing`."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

_TEXTS = {
    "incident": ("reference", "title"),
    "incident_entry": ("text",),
    "inbox_report": ("reference", "what", "place"),
}


def upgrade() -> None:
    """Make the indexes."""
    columns = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("letter")}
    if "about" not in columns:  # the threads of incidents came first, or not
        op.add_column("letter", sa.Column("team_id", sa.Integer))
        op.add_column("letter", sa.Column("about", sa.Text, nullable=False, server_default=""))
    if op.get_bind().dialect.name == "sqlite":
        return
    for table, texts in _TEXTS.items():
        words = " || ' ' || ".join(texts)
        op.execute(
            f"CREATE INDEX ix_search_{table} ON {table} USING gin "
            f"(to_tsvector('pg_catalog.simple'::regconfig, search_fold({words})))"
        )
