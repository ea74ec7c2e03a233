"""Search: works are indexed with their fame, blurbs are searched, short words are known.

Revision ID: 20261124_search
Revises: 20261124_imports
Create Date: 2026-11-24 19:20:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261124_search"
down_revision: str | Sequence[str] | None = "20261124_imports"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

FOLD = r"""
    CREATE OR REPLACE FUNCTION search_fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
      SELECT btrim(regexp_replace(regexp_replace(replace(translate(
          lower(public.unaccent('public.unaccent', normalize(value, NFKC))),
        U&'\03C2''\2019\2018\02BC\00B4`', U&'\03C3'), '&', ' and '), '[\s!-/:-@[-`{-~]+', ' ', 'g'),
        '\m([a-z]) (?=[a-z]\M)', '\1', 'g'))
    $$
"""
OLD_FOLD = r"""
    CREATE OR REPLACE FUNCTION search_fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
      SELECT btrim(regexp_replace(regexp_replace(replace(translate(
          lower(public.unaccent('public.unaccent', normalize(value, NFKC))),
        U&'''\2019\2018\02BC\00B4`', ''), '&', ' and '), '[\s!-/:-@[-`{-~]+', ' ', 'g'),
        '\m([a-z]) (?=[a-z]\M)', '\1', 'g'))
    $$
"""
FOLD_AGAIN = (
    "UPDATE works SET title = title, subtitle = subtitle, author = author, series = series"
    " WHERE concat_ws(' ', title, subtitle, author, series) ~ '[\u03c2\u03a3]'"
)
INDEX_FUNCTION = """
    CREATE OR REPLACE FUNCTION search_index(vector tsvector, popularity integer) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
      SELECT vector || array_to_tsvector(
        ARRAY['=' || length(ltrim(greatest(popularity, 0)::bit(32)::text, '0'))])
    $$
"""
PROSE_FUNCTION = """
    CREATE OR REPLACE FUNCTION search_prose(value text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
      SELECT to_tsvector('pg_catalog.simple', public.unaccent('public.unaccent', value))
    $$
"""
LEARN = """
    CREATE OR REPLACE FUNCTION learn_search_words() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO search_words (word)
      SELECT DISTINCT lexeme FROM changed, unnest(changed.search_vector)
      WHERE lexeme !~ '^[0-9]+$' AND length(lexeme) {lengths}
      ORDER BY lexeme
      ON CONFLICT DO NOTHING;
      RETURN NULL;
    END
    $$
"""
LEARN_SHORT_WORDS = """
    INSERT INTO search_words (word)
    SELECT DISTINCT lexeme FROM works, unnest(works.search_vector)
    WHERE lexeme !~ '^[0-9]+$' AND length(lexeme) < 3
    ORDER BY lexeme
    ON CONFLICT DO NOTHING
"""
FORGET_SHORT_WORDS = "DELETE FROM search_words WHERE length(word) < 3"


def upgrade() -> None:
    """Make the functions and the indexes, and fold again what is folded differently."""
    for statement in (FOLD, INDEX_FUNCTION, PROSE_FUNCTION, LEARN.format(lengths="<= 60")):
        op.execute(statement)
    op.execute(FOLD_AGAIN)
    op.execute(LEARN_SHORT_WORDS)
    op.drop_index("ix_works_search_vector", table_name="works", postgresql_using="gin")
    op.create_index(
        "ix_works_search",
        "works",
        [sa.literal_column("search_index(search_vector, popularity)")],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        "ix_works_description",
        "works",
        [sa.literal_column("search_prose(description)")],
        unique=False,
        postgresql_using="gin",
    )


def downgrade() -> None:
    """Go back."""
    op.drop_index("ix_works_description", table_name="works", postgresql_using="gin")
    op.drop_index("ix_works_search", table_name="works", postgresql_using="gin")
    op.create_index(
        "ix_works_search_vector", "works", ["search_vector"], unique=False, postgresql_using="gin"
    )
    op.execute(FORGET_SHORT_WORDS)
    op.execute(LEARN.format(lengths="BETWEEN 3 AND 60"))
    op.execute("DROP FUNCTION search_prose(text)")
    op.execute("DROP FUNCTION search_index(tsvector, integer)")
    op.execute(OLD_FOLD)
    op.execute(FOLD_AGAIN)
