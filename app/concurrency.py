"""Tasks that do end when they are told to, and computing that holds up nobody."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

CANCEL_AGAIN_SECONDS = 0.5

T = TypeVar("T")


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until they are done; what they raise is theirs.

    Once may not do: `wait_for` of Python 3.11, by which psycopg's pool waits, swallows a cancellation that comes at the
    same moment as what it waits for.
    """
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


async def run_in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run it in a loop and a thread of its own, so that its computing holds up nobody; cancelled with its caller."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)

    def run() -> T:
        try:
            return loop.run_until_complete(task)
        finally:
            loop.close()

    try:
        return await asyncio.to_thread(run)
    except asyncio.CancelledError:
        with suppress(RuntimeError):  # the loop is closed: it has just ended by itself
            loop.call_soon_threadsafe(task.cancel)
        raise
