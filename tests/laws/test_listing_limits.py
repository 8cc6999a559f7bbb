"""Law 3 holds on both sides of every limit of a listing: of candidates, walks, replaced documents and indexed words."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

import app.engine.queries.listing
import app.engine.queries.search_terms
from app.domain.events import ItemChanges, ItemUpdated
from app.engine.queries.listing import Listing
from app.errors import TooExpensive
from projections.items import Items
from tests.support.appending import append, json_as_bytes
from tests.support.listing_checks import Reader, assert_listed, items_of, reader_of
from tests.support.lowered_limits import INSTALLED, LOWERED, install_word_limits
from tests.support.random_histories import FIRST_WORDS, LONG_TEXTS, OTHER_WORDS, many_long_items, searching_listings
from tests.support.reference_model import ReferenceModel, append_steps, empty_catalog, whole_log
from tests.support.workload import SPADE

READ_LIMITS = {
    "CANDIDATES_MAX": (0, 1, 3),
    "WALKED_MAX": (3, 9),
    "CANDIDATES_IN_LAST_STEP_MAX": (0, 2, 4),
    "RECENTLY_REPLACED_MAX": (0, 1, 3),
}
WORD_LIMITS = {"WORDS_MAX": (1, 2), "SHORT_WORDS_MAX": (1,)}
lowered_limits = st.fixed_dictionaries(
    {},
    optional={name: st.sampled_from(smaller) for name, smaller in (READ_LIMITS | WORD_LIMITS).items()},
)


@pytest.fixture(scope="module", params=[INSTALLED, LOWERED], ids=["installed", "lowered"])
def writer(request: pytest.FixtureRequest, module_conninfo: str) -> Iterator[psycopg.Connection]:
    """A connection to a database in which the search index holds as many words as it should, or few."""
    with psycopg.connect(module_conninfo, autocommit=True) as connection:
        install_word_limits(connection, request.param)
        json_as_bytes(connection)
        yield connection


@pytest.fixture(scope="module")
def reader(module_conninfo: str) -> Iterator[Reader]:
    with reader_of(module_conninfo) as opened:
        yield opened


def lower(patch: pytest.MonkeyPatch, limits: dict[str, int]) -> None:
    for name, value in limits.items():
        module = app.engine.queries.search_terms if name in WORD_LIMITS else app.engine.queries.listing
        patch.setattr(module, name, value)


@settings(max_examples=30)
@given(
    steps=many_long_items,
    chosen=st.tuples(st.integers(0, 50), st.sampled_from((-1, 0, 1))),
    asked=st.lists(searching_listings, min_size=3, max_size=6),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    limits=lowered_limits,
)
def test_a_listing_is_what_the_events_until_then_make_or_is_refused_because_it_meets_its_limits(
    reader: Reader,
    writer: psycopg.Connection,
    steps: list[Any],
    chosen: tuple[int, int],
    asked: list[Listing],
    sizes: list[int],
    limits: dict[str, int],
) -> None:
    """Texts have more words than the index holds, at once or one after the other; some words stand in replaced
    documents only."""
    empty_catalog(writer)
    streams = append_steps(writer, steps)
    log = whole_log(writer, Items.registry)
    with pytest.MonkeyPatch.context() as patch:
        lower(patch, limits)
        for listing in asked:
            try:
                assert_listed(reader, log, [chosen], [listing], sizes)
            except TooExpensive:
                assert meets_its_limits(listing, len(streams), len(log))


def meets_its_limits(asked: Listing, streams: int, events: int) -> bool:
    """Whether there are more documents than a walk compares, and more candidates than the last step does."""
    bounds = app.engine.queries.listing
    has_no_words = not any(map(str.isalnum, asked.search))
    too_many = (events if asked.near else streams) > bounds.CANDIDATES_IN_LAST_STEP_MAX
    return streams > bounds.WALKED_MAX // len(("active", "archived", "swapped")) and (too_many or has_no_words)


@pytest.mark.parametrize("limits", [{}, {"CANDIDATES_MAX": 0}, {"CANDIDATES_MAX": 0, "WALKED_MAX": 3}])
def test_a_text_of_too_many_words_is_found_before_and_after_it_is_replaced(
    reader: Reader, writer: psycopg.Connection, limits: dict[str, int]
) -> None:
    """The law above as examples to read: the long text is the first one, the last one, or made of two."""
    empty_catalog(writer)
    firsts = [LONG_TEXTS[2], "rake", FIRST_WORDS, FIRST_WORDS, "rake"]
    streams = [append(writer, None, [structs.replace(SPADE, name="thing", description=text)])[0] for text in firsts]
    for stream, text in zip(streams, ["rake", LONG_TEXTS[2], OTHER_WORDS, "rake", "brake"], strict=True):
        append(writer, stream, [ItemUpdated(changes=ItemChanges(description=text), previous_values=ItemChanges())])
    log = whole_log(writer, Items.registry)
    before, after = log[len(streams) - 1].recorded_at, log[-1].recorded_at
    with pytest.MonkeyPatch.context() as patch:
        lower(patch, limits)
        for search, *numbers in (("w0042", 3, 1), ("w0942", 1, 2), ("1799", 1, 2), ("rakes", 2, 2), ("w1800", 0, 0)):
            for number, instant in zip(numbers, (before, after), strict=True):
                asked = Listing(order="created_at", search=search, as_of=instant, limit=10)
                found = items_of(reader.run(reader.items.list_page(asked)), asked)
                assert found == ReferenceModel(log, instant).listed(asked)
                assert len(found) == number, (search, instant)
