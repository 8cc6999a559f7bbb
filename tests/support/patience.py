"""How long tests wait before they call it hanging: long enough for a machine whose cores are all busy.

Nothing that a test proves depends on these seconds. A test of a time limit sets that limit itself.
"""

import time
from collections.abc import Callable
from inspect import signature
from typing import Any, TypeVar

import httpx

from app.settings import Settings

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.02
LONGEST_TOLD = 2000
"""Characters of what was last seen."""

LIMIT_SECONDS = 30.0
PATIENT_LIMITS = {f"CATALOG_{limit}_TIMEOUT_SECONDS": str(LIMIT_SECONDS) for limit in ("POOL", "STATEMENT", "LOCK")}
"""The settings of a service whose time limits are not what is tested."""
PRODUCT_LIMITS = dict.fromkeys(PATIENT_LIMITS, "")
"""The settings of a service with the limits that it has by default."""


def patient_settings(**further: Any) -> Settings:
    """The same for a pool within the test's own process."""
    limits = {
        "pool_timeout_seconds": LIMIT_SECONDS,
        "statement_timeout_seconds": LIMIT_SECONDS,
        "lock_timeout_seconds": LIMIT_SECONDS,
    }
    return Settings(**{**limits, **further})


def until(look: Callable[[], T | None], what: str = "it did not come about", seconds: float = PATIENCE_SECONDS) -> T:
    """Look again and again until what is seen is true; what was seen."""
    seen: T = _until(look, bool, what, seconds)
    return seen


def until_equal(look: Callable[[], object], wanted: object, what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Look again and again until exactly the wanted is seen."""
    _until(look, lambda seen: seen == wanted, f"{what}: {wanted!r} was wanted", seconds)


def _until(look: Callable[[], Any], is_wanted: Callable[[Any], bool], what: str, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not is_wanted(seen := look()):
        assert time.monotonic() < deadline, f"{what}; last seen after {seconds:g} s: {repr(seen)[:LONGEST_TOLD]}"
        time.sleep(POLL_SECONDS)
    return seen


def _let_httpx_wait() -> None:
    """httpx gives up after 5 seconds unless it is told otherwise. All its functions and clients share that default."""
    default, *others = (
        signature(each).parameters["timeout"].default for each in (httpx.get, httpx.Client, httpx.AsyncClient)
    )
    for limit in ("connect", "read", "write", "pool"):
        setattr(default, limit, PATIENCE_SECONDS)
    assert all(other is default for other in others)


_let_httpx_wait()
