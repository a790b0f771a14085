"""Indexes of words for the search: on PostgreSQL GIN of an expression; those of SQLite are made by `make_missing`."""

import unicodedata

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_TEXTS = {"team": ("key", "name", "organisation"), "delivery": ("reference", "subject"), "answer": ("note",)}
_SIGNS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~«»“”„‘’–—·…¿¡،؛؟'  # noqa: RUF001 (all signs that may stand between words)
_ACCENTS = {
    letter: plain
    for letter in map(chr, range(0xC0, 0x180))
    if (plain := unicodedata.normalize("NFD", letter)[0].lower()).isascii()
}


def upgrade() -> None:
    """Make the indexes."""
    if op.get_bind().dialect.name == "sqlite":
        return
    letters, plain = "".join(_ACCENTS), "".join(_ACCENTS.values())
    op.execute(
        "CREATE FUNCTION search_fold(text) RETURNS text IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql AS "
        f"$fold$ SELECT translate(lower($1), '''{_SIGNS}{letters}', '{' ' * (len(_SIGNS) + 1)}{plain}') $fold$"
    )
    for table, columns in _TEXTS.items():
        words = " || ' ' || ".join(columns)
        op.execute(
            f"CREATE INDEX ix_search_{table} ON {table} USING gin "
            f"(to_tsvector('pg_catalog.simple'::regconfig, search_fold({words})))"
        )
