"""Numbers that the audit log names do not come again on SQLite: of tokens, links and views, whose rows are deleted."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.numbering import continue_numbering, counted

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_NOUNS = {"api_token": "token", "welcome_link": "link", "event_view": "view"}


def upgrade() -> None:
    """Make the tables anew with AUTOINCREMENT, and count on from what the log names."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for name, noun in _NOUNS.items():
        with op.batch_alter_table(name, recreate="always", table_kwargs={"sqlite_autoincrement": True}):
            pass
        table = sa.Table(name, sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), **counted(noun))
        continue_numbering(op.get_bind(), table)


def downgrade() -> None:
    """Make them without."""
    if op.get_bind().dialect.name == "sqlite":
        for name in _NOUNS:
            with op.batch_alter_table(name, recreate="always", table_kwargs={"sqlite_autoincrement": False}):
                pass
