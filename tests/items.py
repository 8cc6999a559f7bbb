"""Items for tests: a plain one, and bodies by hypothesis."""

import itertools
from typing import Any

numbers = itertools.count(1)


def an_item(**fields: Any) -> dict[str, Any]:
    """The body of a POST that is accepted."""
    return {
        "name": "Garden spade",
        "description": "Sharp, hardly used.",
        "category": "tools",
        "image_urls": ["https://images.example/spade.jpg"],
        "location_lat": 52.52,
        "location_lon": 13.405,
        "owner_id": "alice",
        "status": "active",
        **fields,
    }


def some_name(kind: str) -> str:
    """A name that no other test uses."""
    return f"{kind}-{next(numbers)}"
