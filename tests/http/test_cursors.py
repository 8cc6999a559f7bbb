"""A cursor gives back what was written into it, and any other text is refused."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.constraints import LARGEST_ID
from app.engine.queries.listing import SortKey
from app.errors import InvalidInput
from app.http.wire.cursors import Cursor, listing_id, read_cursor, write_cursor

LISTING = listing_id("items", {"status": "active"}, "created_at")
NOON = datetime(2026, 1, 15, 12, 0, 0, 250_000, tzinfo=UTC)
NO_CURSOR = "cursor: This is not a cursor that a page of this listing gave."
OF_ANOTHER = "cursor: This cursor belongs to another listing: other filters or another order."

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def a_cursor(value: str | float = "spade", id: int = 7) -> Cursor:
    return Cursor(of=LISTING, as_of=NOON, value=value, id=id)


def encoded(fields: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def refusal(text: str, of: str = LISTING, kind: Any = str) -> str:
    with pytest.raises(InvalidInput) as refused:
        read_cursor(text, of, kind)
    assert [problem.pointer for problem in refused.value.facts["errors"]] == ["/cursor"]  # type: ignore[attr-defined]
    return refused.value.detail


@given(value=texts | st.floats(allow_nan=False, allow_infinity=False), id=st.integers(1, LARGEST_ID))
@example(value="", id=1)
@example(value="?>~", id=LARGEST_ID)
def test_what_was_written_is_read_from_text_that_needs_no_escaping(value: str | float, id: int) -> None:
    written = write_cursor(a_cursor(value, id))
    assert set(written) <= {*"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"}
    read = read_cursor(written, LISTING, str if isinstance(value, str) else float)
    assert (read.of, read.as_of, read.key) == (LISTING, NOON, SortKey(value, id))


def test_texts_of_every_length_are_read() -> None:
    """Base64 has one of three endings."""
    for length in range(6):
        assert read_cursor(write_cursor(a_cursor("x" * length)), LISTING, str).value == "x" * length


@pytest.mark.parametrize("text", ["", "x", "é", "AAAA", "e30", "W10", "bnVsbA", "=", "MQ==MQ=="])
def test_text_that_no_page_gave_is_refused(text: str) -> None:
    assert refusal(text) == NO_CURSOR


@pytest.mark.parametrize("odd", [" ", "\n", "=", "+", "/", "!", "é"])
def test_a_cursor_with_another_character_in_it_is_refused(odd: str) -> None:
    """Once, and so often that the length still fits."""
    written = write_cursor(a_cursor())
    assert refusal(written[:8] + odd + written[8:]) == NO_CURSOR
    assert refusal(written[:8] + odd * 4 + written[8:]) == NO_CURSOR


FIELDS: list[object] = [LISTING, "2026-01-15T12:00:00Z", "spade", 7]


ALTERED: list[tuple[int, object]] = [
    *((0, value) for value in (7, None)),
    *((1, value) for value in ("2026-01-01T00:00:00", "yesterday", None)),
    *((2, value) for value in (None, "\0", "a\0b", True)),
    *((3, value) for value in (0, -1, LARGEST_ID + 1, "1", None, 1.5)),
    (4, 1),
]


@pytest.mark.parametrize(("place", "value"), ALTERED)
def test_a_cursor_with_other_things_in_it_is_refused(place: int, value: object) -> None:
    assert read_cursor(encoded(FIELDS), LISTING, str).id == 7
    assert refusal(encoded([*FIELDS[:place], value, *FIELDS[place + 1 :]])) == NO_CURSOR


@pytest.mark.parametrize("text", [b'"\xff"', b'["\xff"]', b'["a", "b", "\xc3", 1]', b"\xff", b"\xef\xbb\xbf[]"])
def test_a_cursor_that_is_not_utf_8_is_refused(text: bytes) -> None:
    assert refusal(base64.urlsafe_b64encode(text).decode().rstrip("=")) == NO_CURSOR


def test_a_cursor_with_too_little_in_it_is_refused() -> None:
    assert refusal(encoded(FIELDS[:3])) == NO_CURSOR
    assert refusal(encoded(dict(zip(("of", "as_of", "value", "id"), FIELDS, strict=True)))) == NO_CURSOR


def test_a_cursor_of_another_listing_or_order_is_refused() -> None:
    assert refusal(write_cursor(a_cursor()), of=listing_id("items", {}, "created_at")) == OF_ANOTHER
    for other in ("", "0" * 12, "g" * 12):
        assert refusal(write_cursor(a_cursor()), of=other) == OF_ANOTHER
    assert refusal(write_cursor(a_cursor(value=1.5))) == OF_ANOTHER
    assert refusal(write_cursor(a_cursor()), kind=float) == OF_ANOTHER


def test_a_listing_has_one_short_id_and_another_listing_has_another() -> None:
    assert listing_id("items", {"status": "active"}, "created_at") == LISTING
    assert len(LISTING) == 12
    others = [("items", {"status": "active"}), ("items", "created_at", {"status": "active"}), ()]
    assert len({LISTING, *(listing_id(*other) for other in others)}) == 4


def test_a_cursor_never_changes_and_takes_its_fields_by_name() -> None:
    assert Cursor.__struct_config__.frozen
    with pytest.raises(TypeError, match="positional"):
        Cursor(LISTING, NOON, "spade", 7)  # type: ignore[call-arg]
