"""Digests and reports of years are found by team and state, by time, and by feed, without a look at all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Indices of digests; of reports one by feed with what is summed up, of the few that are replays or prepared."""
    op.create_index("ix_delivery_team_id_state_channel", "delivery", ["team_id", "state", "channel"])
    op.create_index("ix_delivery_created_at", "delivery", ["created_at"])
    _create_partial("ix_delivery_repeats", "delivery", "repeats", "repeats IS NOT NULL")
    _create_partial("ix_delivery_released", "delivery", "team_id", "released_at IS NOT NULL")
    op.create_index("ix_ingest_of_feed", "ingest", ["feed_id", "started_at", "state", "replay_of", "rows"])
    op.drop_index("ix_ingest_feed_id_started_at", "ingest")
    op.drop_index("ix_ingest_replay_of", "ingest")
    _create_partial("ix_ingest_replay_of", "ingest", "replay_of", "replay_of IS NOT NULL")
    _create_partial("ix_ingest_prepared", "ingest", "number", "state = 'prepared'")


def _create_partial(name: str, table: str, column: str, condition: str) -> None:
    some = sa.text(condition)
    op.create_index(name, table, [column], sqlite_where=some, postgresql_where=some)
