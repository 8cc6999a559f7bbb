"""The limits of the search index, lowered in a database: the real schema with other numbers, installed over it."""

from dataclasses import dataclass

import psycopg

from tests.support.paths import SCHEMA_SQL


@dataclass(frozen=True)
class WordLimits:
    """How much the search index holds."""

    characters: int
    """Of the distinct words of a stream; with more it is {*}."""
    sorted_bytes: int
    """Of a text; its words are sorted in another way if it is longer."""
    suffix: int
    """How many characters of a suffix the index holds."""


INSTALLED = WordLimits(characters=8000, sorted_bytes=2000, suffix=24)
LOWERED = WordLimits(characters=24, sorted_bytes=12, suffix=4)
PLACES = (
    ("v_longest constant integer := {0.sorted_bytes};", 1),
    ("sum(length(word)) > {0.characters} then", 1),
    ("length(word)), {0.suffix})", 1),
    ("left(word, {0.suffix})", 2),
)
"""Where schema.sql has the limits, and how often."""


def install_word_limits(connection: psycopg.Connection, limits: WordLimits) -> None:
    """Install the event store's schema again, with these limits in the place of its own."""
    text = SCHEMA_SQL.read_text(encoding="utf-8")
    for place, times in PLACES:
        own = place.format(INSTALLED)
        assert text.count(own) == times, f"schema.sql has another limit than {own!r}"
        text = text.replace(own, place.format(limits))
    connection.execute(text.encode())
