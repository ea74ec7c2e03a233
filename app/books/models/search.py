"""The search's vocabulary, and the search's own SQL: folding, documents, learning words."""

from sqlalchemy import Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.books.models.works import Work
from app.db.base import Base, attach_sql


class SearchWord(Base):
    """The catalogue's vocabulary, against which a misspelt query is repaired."""

    __tablename__ = "search_words"
    __table_args__ = (
        Index(
            "ix_search_words_trigrams",
            "word",
            postgresql_using="gin",
            postgresql_ops={"word": "gin_trgm_ops"},
        ),
        Index("ix_search_words_sound", text("dmetaphone(word)")),
    )

    word: Mapped[str] = mapped_column(Text, primary_key=True)


CREATE_SEARCH_FUNCTIONS = (
    "CREATE EXTENSION IF NOT EXISTS unaccent",
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE EXTENSION IF NOT EXISTS fuzzystrmatch",
    # One spelling for what readers take as the same: no case, no accents, no punctuation; "&" is
    # "and", a possessive is one word, and so are initials ("J. R. R.", "J.R.R.", "JRR"). A sigma
    # at the end of a word is one (lower() makes "ΟΔΟΣ" end in the other).
    r"""
    CREATE OR REPLACE FUNCTION search_fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
      SELECT btrim(regexp_replace(regexp_replace(replace(translate(
          lower(public.unaccent('public.unaccent', normalize(value, NFKC))),
        U&'\03C2''\2019\2018\02BC\00B4`', U&'\03C3'), '&', ' and '), '[\s!-/:-@[-`{-~]+', ' ', 'g'),
        '\m([a-z]) (?=[a-z]\M)', '\1', 'g'))
    $$
    """,
    """
    CREATE OR REPLACE FUNCTION search_document(
      title text, subtitle text, author text, series text, series_number text
    )
    RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
      SELECT setweight(to_tsvector('pg_catalog.simple', search_fold(title)), 'A')
          || setweight(to_tsvector('pg_catalog.simple', search_fold(author)), 'B')
          || setweight(to_tsvector('pg_catalog.simple',
               search_fold(coalesce(series, '') || ' ' || coalesce(series_number, ''))), 'C')
          || setweight(to_tsvector('pg_catalog.simple', search_fold(coalesce(subtitle, ''))), 'D')
    $$
    """,
    # What is indexed of a work: its words, and a mark of its fame, which is the number of binary
    # digits of its popularity. The index finds the famous among a word's many works at once.
    """
    CREATE OR REPLACE FUNCTION search_index(vector tsvector, popularity integer) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
      SELECT vector || array_to_tsvector(
        ARRAY['=' || length(ltrim(greatest(popularity, 0)::bit(32)::text, '0'))])
    $$
    """,
    # Blurbs are long and come last: folded word by word, which costs a fifth of search_fold.
    """
    CREATE OR REPLACE FUNCTION search_prose(value text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
      SELECT to_tsvector('pg_catalog.simple', public.unaccent('public.unaccent', value))
    $$
    """,
)
DROP_SEARCH_FUNCTIONS = (
    "DROP FUNCTION IF EXISTS search_index(tsvector, integer)",
    "DROP FUNCTION IF EXISTS search_prose(text)",
    "DROP FUNCTION IF EXISTS search_document(text, text, text, text, text)",
    "DROP FUNCTION IF EXISTS search_fold(text)",
)
# A trigger, so that a work and its words become visible together. Sorted, so that two imports
# that bring the same new words cannot wait for each other.
CREATE_VOCABULARY_TRIGGER = (
    """
    CREATE OR REPLACE FUNCTION learn_search_words() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO search_words (word)
      SELECT DISTINCT lexeme FROM changed, unnest(changed.search_vector)
      WHERE lexeme !~ '^[0-9]+$' AND length(lexeme) <= 60
      ORDER BY lexeme
      ON CONFLICT DO NOTHING;
      RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER works_inserted AFTER INSERT ON works
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION learn_search_words()
    """,
    """
    CREATE TRIGGER works_updated AFTER UPDATE ON works
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION learn_search_words()
    """,
)
DROP_VOCABULARY_TRIGGER = (
    "DROP TRIGGER IF EXISTS works_updated ON works",
    "DROP TRIGGER IF EXISTS works_inserted ON works",
    "DROP FUNCTION IF EXISTS learn_search_words()",
)
attach_sql(Base.metadata, create=CREATE_SEARCH_FUNCTIONS, drop=DROP_SEARCH_FUNCTIONS)
attach_sql(
    Work.metadata.tables["works"], create=CREATE_VOCABULARY_TRIGGER, drop=DROP_VOCABULARY_TRIGGER
)
