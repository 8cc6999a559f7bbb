"""The search index holds the words of all texts that an item ever had, or a mark that these are too many."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from msgspec import structs

from app.domain.events import ItemChanges, ItemUpdated
from projections.items import Items
from tests.support.appending import append, json_as_bytes
from tests.support.history_checks import (
    assert_rebuild_changes_nothing,
    assert_refolds_change_nothing,
    changed_values,
    folded_documents,
)
from tests.support.lowered_limits import INSTALLED, LOWERED, WordLimits, install_word_limits
from tests.support.random_histories import FIRST_WORDS, LONG_TEXTS, OTHER_WORDS, many_long_items
from tests.support.reference_model import append_steps, empty_catalog, whole_log
from tests.support.workload import SPADE

Limited = tuple[psycopg.Connection, WordLimits]


@pytest.fixture(scope="module", params=[INSTALLED, LOWERED], ids=["installed", "lowered"])
def limited(request: pytest.FixtureRequest, module_conninfo: str) -> Iterator[Limited]:
    """A connection to a database whose index holds as many words as it should, or few; and which it is."""
    with psycopg.connect(module_conninfo, autocommit=True) as connection:
        install_word_limits(connection, request.param)
        json_as_bytes(connection)
        yield connection, request.param


def words_ever(connection: psycopg.Connection, limits: WordLimits) -> dict[int, list[str]]:
    """The indexed words of each item by the log, in plain Python: the texts here are split at spaces, - and %."""
    found: dict[int, set[str]] = {}
    kept = folded_documents(Items, whole_log(connection, Items.registry))
    for stream, _, *texts in changed_values(kept, "name", "description"):
        words = " ".join(texts).lower().replace("-", " ").replace("%", " ").split()
        found.setdefault(stream, set()).update(words)
    return {
        stream: ["*"] if sum(map(len, words)) > limits.characters else sorted(words, key=str.encode)
        for stream, words in found.items()
    }


def indexed_words(connection: psycopg.Connection) -> dict[int, list[str]]:
    return dict(connection.execute("select id, words from catalog.items_words").fetchall())


@settings(max_examples=20)
@given(steps=many_long_items)
def test_the_words_of_all_texts_are_indexed_or_marked_as_too_many_and_a_refold_writes_the_same(
    limited: Limited, steps: list[Any]
) -> None:
    connection, limits = limited
    empty_catalog(connection)
    append_steps(connection, steps)
    assert indexed_words(connection) == words_ever(connection, limits)
    assert_refolds_change_nothing(connection, Items)


def test_a_rebuild_marks_what_the_appends_marked(limited: Limited) -> None:
    """The law above as examples to read: nothing is long, the first text is, the last one, or two are together."""
    connection, limits = limited
    empty_catalog(connection)
    long = LONG_TEXTS[2]
    histories = ["rake", "brake"], [long, "rake"], ["rake", long], [FIRST_WORDS, OTHER_WORDS], [FIRST_WORDS, "rake"]
    for first, then in histories:
        replaced = ItemUpdated(changes=ItemChanges(description=then), previous_values=ItemChanges())
        append(connection, None, [structs.replace(SPADE, name="thing", description=first), replaced])
    indexed = indexed_words(connection)
    assert indexed == words_ever(connection, limits)
    marked = [stream for stream, words in indexed.items() if words == ["*"]]
    assert sorted(marked) == ([2, 3, 4] if limits is INSTALLED else [2, 3, 4, 5])
    assert_rebuild_changes_nothing(connection, Items)
