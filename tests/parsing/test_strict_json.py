"""Request bodies, decoded strictly."""

import pytest

from app.domain.item import CreateItem
from app.errors import CatalogError, InvalidInput, Malformed
from app.parsing.strict_json import NESTING_MAX, decode_strictly


def refusal(body: bytes) -> CatalogError:
    with pytest.raises(CatalogError) as refused:
        decode_strictly(body, CreateItem)
    return refused.value


@pytest.mark.parametrize("depth", [NESTING_MAX + 1, 1000, 5000, 30_000, 1_000_000])
@pytest.mark.parametrize(
    ("opening", "inner", "closing"),
    [(b"[", b"", b"]"), (b'{"a":', b"1", b"}"), (b"[", b"", b""), (b'{"name":[', b"", b"")],
    ids=["arrays", "objects", "truncated", "truncated, of both kinds"],
)
def test_what_is_nested_too_deeply_is_refused_so_on_every_interpreter(
    opening: bytes, inner: bytes, closing: bytes, depth: int
) -> None:
    refused = refusal(opening * depth + inner + closing * depth)
    assert isinstance(refused, Malformed)
    assert refused.detail == "The body is nested too deeply."


@pytest.mark.parametrize(
    "body", [b"[" * NESTING_MAX + b"]" * NESTING_MAX, b'{"name":' * NESTING_MAX + b"1" + b"}" * NESTING_MAX]
)
def test_what_is_nested_less_is_judged_by_its_fields(body: bytes) -> None:
    assert isinstance(refusal(body), InvalidInput)


@pytest.mark.parametrize("text", [b"[" * 5000, b'\\"[{' * 5000, b"\\\\"])
def test_brackets_within_strings_nest_nothing(text: bytes) -> None:
    assert isinstance(refusal(b'{"unknown": "' + text + b'"}'), InvalidInput)
