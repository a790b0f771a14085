"""Digests and reports of years are found by team and state, by time, and by feed, without a look at all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Indices of digests; of reports one by feed with what is summed up, and one of those that were read again."""
    op.create_index("ix_delivery_team_id_state", "delivery", ["team_id", "state"])
    op.create_index("ix_delivery_created_at", "delivery", ["created_at"])
    _create_partial("delivery", "repeats")
    op.create_index("ix_ingest_of_feed", "ingest", ["feed_id", "started_at", "state", "replay_of", "rows"])
    op.drop_index("ix_ingest_feed_id_started_at", "ingest")
    op.drop_index("ix_ingest_replay_of", "ingest")
    _create_partial("ingest", "replay_of")


def _create_partial(table: str, column: str) -> None:
    some = sa.text(f"{column} IS NOT NULL")
    op.create_index(f"ix_{table}_{column}", table, [column], sqlite_where=some, postgresql_where=some)
