"""Who takes gzip, and who would rather have another media type (RFC 9110, 12.5)."""

import pytest

from app.http.wire.content_negotiation import EXACT_MATCH, media_type_preference, wants_gzip

TAKEN = [
    *("gzip", "GZIP", "x-gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8, *;q=0.1", "gzip;q=0.001", "*", "*;q=0.5"),
    *("gzip;q=1", "gzip ; Q=1.000", "\tgzip\t;\tq=0.5", "identity;q=0.5, gzip;q=0.5", "identity;q=0, gzip", ",,gzip,"),
    *("*;q=0, gzip", "identity;q=0, *", "br, *;q=0.1", "gzip;q=0.3, identity;q=0.2, *;q=0"),
]
REFUSED = [
    *("", "identity", "br", "deflate, br;q=0.5", "gzip;q=0", "gzip;q=0.0", "gzip;q=0.000", "GZip ; Q=0", "gzip;q=0, *"),
    *("*;q=0", "x-gzip;q=0", "gzip;q=0.4, identity", "*;q=0.4, identity;q=0.5", "gzipped", "not-gzip", "gzip-2;q=1"),
    *("gzip;q=", "gzip;q=x", "gzip;q=2", "gzip;q=-1", "gzip;q=0.0001", "gzip;q = 1", "identity;q=0", "gzip;q=nan"),
]


@pytest.mark.parametrize("header", TAKEN)
def test_gzip_is_sent_to_whom_it_is_at_least_as_welcome(header: str) -> None:
    assert wants_gzip(header)


@pytest.mark.parametrize("header", REFUSED)
def test_gzip_is_not_sent_to_others(header: str) -> None:
    assert not wants_gzip(header)


@pytest.mark.parametrize(
    ("accept", "liking"),
    [
        ("a/b", (1.0, EXACT_MATCH)),
        ("A/B;q=0.5", (0.5, EXACT_MATCH)),
        ("a/b;version=1;q=0.25", (0.25, EXACT_MATCH)),
        ("a/*;q=0.5, */*", (0.5, 2)),
        ("*/*", (1.0, 1)),
        ("*/*, a/b;q=0", (0.0, EXACT_MATCH)),
        ("a/b;q=x", (0.0, EXACT_MATCH)),
        ("b/a, text/html", (0.0, 0)),
        ("", (0.0, 0)),
    ],
)
def test_the_most_exact_range_says_how_much_a_type_is_liked(accept: str, liking: tuple[float, int]) -> None:
    assert media_type_preference(accept, "a/b") == liking
