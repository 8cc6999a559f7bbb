"""The files that take longest. Workers begin with them, since whatever begins last is what the others wait for."""

import pytest

SLOWEST_FIRST = (
    "tests/http/test_schemathesis.py",
    "tests/laws/test_model_based.py",
    "tests/laws/test_one_fold.py",
    "tests/laws/test_erasure.py",
    "tests/http/test_event_stream.py",
    "tests/http/test_projections.py",
    "tests/laws/test_collections_as_of.py",
    "tests/laws/test_high_water_mark.py",
    "tests/crash/",
    "tests/page/",
    "tests/laws/test_background.py",
    "tests/laws/test_bulk_append.py",
    "tests/http/test_bulkheads.py",
    "tests/http/test_read_replica.py",
    "tests/database/test_session_settings.py",
    "tests/engine/background/test_rebuild.py",
    "tests/engine/postgres/",
)


def place(item: pytest.Item) -> int:
    """Where an item's file is in the list, or behind it."""
    return next((n for n, path in enumerate(SLOWEST_FIRST) if item.nodeid.startswith(path)), len(SLOWEST_FIRST))
