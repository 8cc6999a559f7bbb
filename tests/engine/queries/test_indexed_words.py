"""The index holds a text's words up to a limit, and finds every fragment of a text whatever its length."""

from typing import Any

import psycopg
import pytest

from app.engine.queries.search_terms import HAS_STEMS, SearchTerms
from tests.support.lowered_limits import INSTALLED, LOWERED, WordLimits, install_word_limits

LONGEST_LEXEME_BYTES = 2046
"""Postgres refuses a longer word in a tsvector, and its English parser passes over it."""


@pytest.fixture(params=[INSTALLED, LOWERED], ids=["installed", "lowered"])
def limits(request: pytest.FixtureRequest, connection: psycopg.Connection) -> WordLimits:
    given: WordLimits = request.param
    install_word_limits(connection, given)
    return given


def words_of(connection: psycopg.Connection, text: str) -> list[str]:
    ((words,),) = connection.execute("select catalog.tokens_of(%s)", (text,)).fetchall()
    return list(words)


def may_match(connection: psycopg.Connection, text: str, condition: str, given: dict[str, Any]) -> bool:
    query = f"select {condition} from (select catalog.search_vector(catalog.tokens_of(%(text)s)) as found) as row"
    ((found,),) = connection.execute(query.encode(), {**given, "text": text}).fetchall()
    return bool(found)


def is_candidate(connection: psycopg.Connection, text: str, search: str) -> bool:
    terms = SearchTerms(search)
    assert terms.candidate_condition is not None
    return may_match(connection, text, terms.candidate_condition, terms.parameters())


def in_order(words: set[str]) -> list[str]:
    return sorted(words, key=str.encode)


def numbered_words(total_characters: int) -> list[str]:
    """Distinct words of six characters, the last one shorter or longer, so that they have so many together."""
    words = [f"w{number:05}" for number in range(total_characters // 6)]
    return [*words[:-1], words[-1] + "x" * (total_characters % 6)]


def test_words_are_distinct_and_in_byte_order_below_and_above_the_length_that_is_sorted_faster(
    connection: psycopg.Connection, limits: WordLimits
) -> None:
    for length in (limits.sorted_bytes, limits.sorted_bytes + 1):
        text = ("Zoë-ab,b Ω é a " * limits.sorted_bytes).encode()[:length].decode(errors="ignore")
        text += "a" * (length - len(text.encode()))
        assert len(text.encode()) == length
        assert words_of(connection, text) == in_order({*text.lower().replace("-", " ").replace(",", " ").split()})


def test_as_many_characters_as_the_index_holds_are_words_and_one_more_stands_for_any(
    connection: psycopg.Connection, limits: WordLimits
) -> None:
    words = numbered_words(limits.characters)
    assert sum(map(len, words)) == limits.characters
    text = " ".join([*words, *words])
    assert words_of(connection, text) == in_order({*words})
    assert words_of(connection, text + "y") == ["*"]
    assert words_of(connection, text + " y") == ["*"]


@pytest.mark.parametrize("length", [LONGEST_LEXEME_BYTES, LONGEST_LEXEME_BYTES + 1, 5000, 8000])
def test_a_word_of_any_length_is_stored_and_its_fragments_are_found(
    connection: psycopg.Connection, length: int
) -> None:
    word = "".join(chr(0x10000 + number % 1000) for number in range(length - 1)) + "z"
    assert words_of(connection, word) == [word]
    for fragment in (word, word[length // 2 :], word[-1], word[-25:], word[3:30]):
        assert is_candidate(connection, word, fragment)
    assert not is_candidate(connection, word, "zz")


def test_every_fragment_of_a_word_is_found_however_long(connection: psycopg.Connection, limits: WordLimits) -> None:
    """Also those that are longer than what the index holds of a suffix; other words are not found."""
    word = "abcdefghijklmnopqrstuvwxyz0123456789"[: limits.characters]
    for length in range(1, len(word) + 1):
        for start in range(len(word) - length + 1):
            assert is_candidate(connection, word, word[start : start + length])
    for other in ("ba", f"q{word[:2]}", f"{word[: limits.suffix - 2]}q"):
        assert not is_candidate(connection, word, other)


def test_of_a_word_that_must_be_the_end_as_much_is_compared_as_the_index_holds(
    connection: psycopg.Connection, limits: WordLimits
) -> None:
    word = "abcdefghijklmnopqrstuvwxyz0123456789"[: limits.characters]
    for length in range(1, len(word) + 1):
        assert is_candidate(connection, word, word[-length:] + "+")
    assert not is_candidate(connection, word, word[: limits.suffix - 1] + "+")


def test_what_has_more_words_than_the_index_holds_may_match_any_search(
    connection: psycopg.Connection, limits: WordLimits
) -> None:
    """By the longest words, by the ends of words and by the stems; with one character less, none of them."""
    words = numbered_words(limits.characters)
    for text, marked in ((" ".join(words), False), (" ".join([*words, "y"]), True)):
        for search in ("no-such", "spades", "c++", "no", "w0_"):
            assert is_candidate(connection, text, search) is marked, search
        assert may_match(connection, text, HAS_STEMS, {"search": "running"}) is marked
