"""The tables of every room, from the SQL beside this file: where all homes that were made since begin."""

from pathlib import Path

from alembic import op

revision = "0028"
down_revision = None
branch_labels = None
depends_on = None

_KINDS = {
    "sqlite": {
        "number": "INTEGER NOT NULL PRIMARY KEY",
        "counted": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",  # a number never comes again
        "time": "DATETIME",
        "json": "JSON",
        "uuid": "CHAR(32)",
        "bytes": "BLOB",
        "double": "DOUBLE",
    },
    "postgresql": {
        "number": "SERIAL PRIMARY KEY",
        "counted": "SERIAL PRIMARY KEY",
        "time": "TIMESTAMP WITH TIME ZONE",
        "json": "JSONB",
        "uuid": "UUID",
        "bytes": "BYTEA",
        "double": "DOUBLE PRECISION",
    },
}


def upgrade() -> None:
    """Make the tables; one comes after those whose rows it names."""
    connection = op.get_bind()
    tables = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in tables.format_map(_KINDS[connection.dialect.name]).split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
