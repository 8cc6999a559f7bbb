"""Cancel tasks reliably, and run coroutines that compute for long in a thread of their own."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

CANCEL_AGAIN_SECONDS = 0.5

T = TypeVar("T")


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until they are done, and ignore what they raise.

    A single cancellation may get lost: psycopg's pool waits with Python 3.11's `wait_for`, which swallows a
    cancellation that arrives together with the result.
    """
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


async def run_in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` in its own event loop and thread, so that it does not block this one. Its caller cancels it too."""
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
        with suppress(RuntimeError):  # the loop is closed: the work has just ended
            loop.call_soon_threadsafe(task.cancel)
        raise
