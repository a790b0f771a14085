"""Indexes of words in incidents, their entries and the inbox, as 0032; those of SQLite are made by `make_missing`."""

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

_TEXTS = {
    "incident": ("reference", "title"),
    "incident_entry": ("text",),
    "inbox_report": ("reference", "subject", "what", "place", "sender"),
}


def upgrade() -> None:
    """Make the indexes."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for table, texts in _TEXTS.items():
        words = " || ' ' || ".join(texts)
        op.execute(
            f"CREATE INDEX ix_search_{table} ON {table} USING gin "
            f"(to_tsvector('pg_catalog.simple'::regconfig, search_fold({words})))"
        )
