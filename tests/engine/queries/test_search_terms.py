"""A listing matches a text as `catalog.matches_search` does, and asks the index only for words that it holds."""

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from app.engine.queries import search_terms
from app.engine.queries.search_terms import SHORT_WORDS_MAX, WORDS_MAX, SearchTerms
from tests.support.lowered_limits import INSTALLED, LOWERED, install_word_limits

WORDS = ("the", "running", "Runs", "run", "C++", "c", "++", "a+b", "spade's", "spades", "spade", "Größe", "größe", "_")
phrases = st.lists(st.sampled_from(WORDS) | st.text("ab+-. ", max_size=4), max_size=8).map(" ".join)

EVERYWHERE = """
select catalog.matches_search(%(content)s, %(whole_search)s), {matches}, {matches_unasked}, {may_match}
from (
    select %(content)s::text as content, lower(%(content)s) as lowered,
        catalog.search_vector(catalog.tokens_of(%(content)s)) as found
) as said
"""


lowered_limits = st.fixed_dictionaries(
    {},
    optional={
        "WORDS_MAX": st.integers(1, 2),
        "SHORT_WORDS_MAX": st.just(1),
        "SHORT_WORD_CHARACTERS": st.sampled_from((0, 1, 4)),
    },
)


@pytest.fixture(scope="module", params=[INSTALLED, LOWERED], ids=["installed", "lowered"])
def shared(request: pytest.FixtureRequest, module_conninfo: str) -> Iterator[psycopg.Connection]:
    """A connection to a database whose index holds as many words as it should, or few."""
    with psycopg.connect(module_conninfo, autocommit=True) as connection:
        install_word_limits(connection, request.param)
        yield connection


@settings(max_examples=200)
@given(content=phrases, search=phrases.filter(str.strip), limits=lowered_limits)
def test_the_condition_of_a_listing_is_text_matches_and_the_index_misses_nothing(
    shared: psycopg.Connection, content: str, search: str, limits: dict[str, int]
) -> None:
    """Also if the index is asked for only some words of the search: the comparison checks the others."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in limits.items():
            patch.setattr(search_terms, name, value)
        terms = SearchTerms(search)
    query = EVERYWHERE.format(
        matches=terms.match_condition("content", "lowered", "true"),
        matches_unasked=terms.match_condition("content", "lowered"),
        may_match=terms.candidate_condition or "true",
    )
    given = {**terms.parameters(), "content": content, "whole_search": " ".join(search.split())}
    row = shared.execute(sql.SQL(query), given).fetchone()
    assert row is not None
    rightful, asked, unasked, may_match = row
    assert asked == unasked == rightful
    assert may_match or not rightful


def test_the_index_is_asked_for_the_longest_words_and_for_few_short_ones() -> None:
    assert SearchTerms("do dog dog").words == ["dog"]
    assert SearchTerms("++ -- +").candidate_condition is None
    assert SearchTerms("d o g s").words == ["d", "o", "g"][:SHORT_WORDS_MAX]
    assert SearchTerms("a b-c d").words == []
    many = [f"word{'x' * n}" for n in range(12)]
    assert SearchTerms(" ".join(many)).words == many[::-1][:WORDS_MAX]


def test_a_word_that_punctuation_follows_ends_a_word_of_the_text() -> None:
    for search, words, ends in (("C++", [], ["C"]), ("ook+c+ +d", ["d"], ["ook", "c"]), ("a-b", [], ["a"])):
        terms = SearchTerms(search)
        assert set(terms.words) <= set(words)
        assert terms.ends == ends


def test_a_term_that_is_repeated_is_asked_for_once() -> None:
    assert SearchTerms(" + ".join(["+"] * 64)).terms == ["+"]
