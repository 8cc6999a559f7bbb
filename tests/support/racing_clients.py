"""Requests that many clients send at the same moment."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

Send = Callable[[httpx.AsyncClient, int], Coroutine[Any, Any, httpx.Response]]


def send_at_once(api: httpx.Client, count: int, send: Send) -> list[httpx.Response]:
    """Call `send` for `count` clients at once. All connections are open before the first client sends.

    The clients read no certificates: fifty of them would take seconds for that, one after the other.
    """

    async def race() -> list[httpx.Response]:
        barrier = asyncio.Event()
        ready = asyncio.Semaphore(0)

        async def run(number: int) -> httpx.Response:
            async with httpx.AsyncClient(base_url=api.base_url, verify=False) as client:
                await client.get("/stats")
                ready.release()
                await barrier.wait()
                return await send(client, number)

        running = [asyncio.create_task(run(number)) for number in range(count)]
        for _ in range(count):
            await ready.acquire()
        barrier.set()
        return await asyncio.gather(*running)

    return asyncio.run(race())
