"""A long body is taken apart alike however it is cut into chunks, and what is wrong in it is named by its place."""

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.constraints import LARGEST_ITEM_BYTES
from app.domain.item import CreateItem
from app.errors import CatalogError, Malformed
from app.parsing.rows import JsonArrayParser, NdjsonParser, Row, RowParser
from tests.support.sample_items import an_item

anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
cuts = st.lists(st.integers(0, 400), max_size=9)


def rows_in(rows: RowParser, body: bytes, cuts: list[int] | None = None) -> list[Row]:
    found: list[Row] = []
    places = [0, *sorted(min(cut, len(body)) for cut in cuts or []), len(body)]
    for begin, end in pairwise(places):
        found += rows.feed(body[begin:end])
    return [*found, *rows.end()]


@given(st.lists(anything), cuts, st.booleans(), st.sampled_from([None, 1]))
def test_an_array_has_its_elements_however_it_is_cut(
    values: list[Any], cuts: list[int], ascii_only: bool, indent: int | None
) -> None:
    body = json.dumps(values, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    found = rows_in(JsonArrayParser(), body, cuts)
    assert [row.number for row in found] == [*range(len(values))]
    assert [json.loads(row.content.decode("utf-8", "surrogatepass")) for row in found] == values


@given(st.lists(anything), cuts, st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_lines_are_found_however_they_are_cut(values: list[Any], cuts: list[int], between: str) -> None:
    body = between.join(json.dumps(value) for value in values).encode()
    found = rows_in(NdjsonParser(), body, cuts)
    step = between.count("\n")
    assert [row.number for row in found] == [1 + n * step for n in range(len(values))]
    assert [json.loads(row.content) for row in found] == values


@given(st.binary(max_size=60), cuts)
def test_no_bytes_are_taken_for_an_array_that_is_none(body: bytes, cuts: list[int]) -> None:
    """What is taken apart without a complaint, and whose parts are JSON, is JSON as a whole."""
    try:
        values = [msgspec.json.decode(row.content) for row in rows_in(JsonArrayParser(), b"[" + body, cuts)]
    except (CatalogError, msgspec.DecodeError, UnicodeDecodeError):
        return
    assert msgspec.json.decode(b"[" + body) == values


@pytest.mark.parametrize("body", [b"", b"  ", b"{}", b'{"a": [1]}', b"1", b"[", b"[1", b"[1]]", b"[1] 2", b'["', b"]"])
def test_what_is_no_array_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        rows_in(JsonArrayParser(), body)


@pytest.mark.parametrize("kind", [NdjsonParser, JsonArrayParser])
def test_a_row_that_never_ends_is_refused_and_not_kept(kind: type[RowParser]) -> None:
    rows = kind()
    first = json.dumps(an_item()).encode()
    [*_] = rows.feed(first + b"\n" if kind is NdjsonParser else b"[" + first + b",")
    (row,) = rows.feed(b'{"name": "' + b"a" * LARGEST_ITEM_BYTES)
    with pytest.raises(CatalogError, match=r"(Line 2|Index 1): It is longer than 65536 bytes") as refused:
        row.decode(CreateItem)
    assert refused.value.status == 422


@pytest.mark.parametrize("body", [b"[%b1]", b"[1,%b2]", b"[1]%b", b"[1%b]"], ids=["first", "between", "after", "last"])
def test_white_space_around_the_elements_may_be_as_long_as_one_likes(body: bytes) -> None:
    blanks = b" \n" * LARGEST_ITEM_BYTES
    found = rows_in(JsonArrayParser(), body % blanks, [*range(0, 3 * LARGEST_ITEM_BYTES, LARGEST_ITEM_BYTES // 2)])
    assert [row.content for row in found] == [b"1", b"2"][: len(found)]
    assert len(found) == 1 + (b"," in body)


def test_a_blank_line_may_be_as_long_as_one_likes_and_counts_as_one() -> None:
    lines = NdjsonParser()
    kept = 0
    for _ in range(40):
        assert list(lines.feed(b" " * LARGEST_ITEM_BYTES)) == []
        kept = max(kept, len(lines._rest))
    assert kept <= LARGEST_ITEM_BYTES
    assert [row.number for row in [*lines.feed(b"\n{}"), *lines.end()]] == [2]
