"""Content negotiation (RFC 9110, 12.5): reads a client's preference for a media type or a content coding."""

import re
from typing import NamedTuple

QUALITY = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
EXACT_MATCH = 3


class Preference(NamedTuple):
    """A client's preference. Preferences compare by weight, then by exactness."""

    weight: float
    """From 0, not acceptable, to 1."""
    exactness: int
    """EXACT_MATCH if the header names it, less if a range includes it, 0 if neither."""


def media_type_preference(accept: str, media_type: str) -> Preference:
    """The preference for a media type in an Accept header."""
    return _preference(accept, {"*/*": 1, f"{media_type.partition('/')[0]}/*": 2, media_type: EXACT_MATCH})


def wants_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header accepts gzip, and does not prefer `identity` to it."""
    zipped = _preference(accept_encoding, {"*": 1, "gzip": EXACT_MATCH, "x-gzip": EXACT_MATCH})
    plain = _preference(accept_encoding, {"identity": EXACT_MATCH})
    return zipped.weight > 0 and zipped.weight >= plain.weight


def _preference(header: str, ranges: dict[str, int]) -> Preference:
    liked = Preference(0.0, 0)
    for each in header.lower().split(","):
        name, *parameters = (part.strip() for part in each.split(";"))
        exactness = ranges.get(name, 0)
        if exactness > liked.exactness:
            liked = Preference(_weight(parameters), exactness)
    return liked


def _weight(parameters: list[str]) -> float:
    """The `q` parameter; 1 if there is none, 0 if it is unreadable: the client then gets the default response."""
    weights = [part for part in parameters if part.partition("=")[0].strip() == "q"]
    match = QUALITY.fullmatch(weights[0]) if weights else None
    if match:
        return float(match[1])
    return 0.0 if weights else 1.0
