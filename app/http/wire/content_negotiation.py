"""Content negotiation (RFC 9110, 12.5): how much a client likes a media type or a content coding, from 0 to 1."""

import re
from typing import NamedTuple

QUALITY = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
EXACT_MATCH = 3


class Preference(NamedTuple):
    """How much something is liked; of two that are liked alike, the one that is named more exactly goes first."""

    weight: float
    exactness: int
    """EXACT_MATCH, less for a range that it is in, 0 for not at all."""


def media_type_preference(accept: str, media_type: str) -> Preference:
    """By an Accept header."""
    return _preference(accept, {"*/*": 1, f"{media_type.partition('/')[0]}/*": 2, media_type: EXACT_MATCH})


def wants_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header likes gzip, and at least as much as `identity` if it names that."""
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
    """1 unless a parameter says otherwise. One that cannot be read is 0: then the client gets what everybody gets."""
    weights = [part for part in parameters if part.partition("=")[0].strip() == "q"]
    match = QUALITY.fullmatch(weights[0]) if weights else None
    if match:
        return float(match[1])
    return 0.0 if weights else 1.0
