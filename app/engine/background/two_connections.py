"""Runs work on two connections: one statement keeps only one core of the database busy."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from psycopg import AsyncConnection

from app.engine.postgres.connections import WatchedConnection
from app.engine.postgres.session_settings import REBUILD
from app.engine.store.high_water_mark import GATE_POLL_SECONDS

IDLE_CHECKS = 10
"""The second connection works once so many checks in a row have found no other client at work."""

DoNext = Callable[[WatchedConnection], Coroutine[Any, Any, bool]]
"""Does the next piece of the work; False if there was none."""


class TwoConnections:
    """A connection of a rebuild, and a second one that helps only while no other client works.

    So a rebuild leaves the other clients a core.
    """

    def __init__(self, conninfo: str, first: WatchedConnection) -> None:
        self.first = first
        self._conninfo = conninfo
        self._first_is_working = False

    async def run(self, do_next: DoNext) -> None:
        """Do all pieces of the work. Raises the first error of either connection."""
        async with await WatchedConnection.open(self._conninfo, REBUILD) as second:
            try:
                async with asyncio.TaskGroup() as tasks:
                    self._first_is_working = True
                    tasks.create_task(self._help(second, do_next))
                    while await do_next(self.first):
                        pass
                    self._first_is_working = False
            except BaseExceptionGroup as group:
                raise group.exceptions[0] from None

    async def _help(self, second: WatchedConnection, do_next: DoNext) -> None:
        await self._wait_for_turn(second)
        while await do_next(second):
            await self._wait_for_turn(second)

    async def _wait_for_turn(self, second: WatchedConnection) -> None:
        """Wait until no other client has worked for some checks, or the first connection is done."""
        others_are_active, idle_checks = await self._others_are_active(second), 0
        while others_are_active and self._first_is_working and idle_checks < IDLE_CHECKS:
            await asyncio.sleep(GATE_POLL_SECONDS)
            idle_checks = 0 if await self._others_are_active(second) else idle_checks + 1

    async def _others_are_active(self, second: AsyncConnection) -> bool:
        ours = [second.info.backend_pid, self.first.info.backend_pid]
        return await (await second.execute(OTHERS_ARE_ACTIVE, (ours,))).fetchone() == (True,)


OTHERS_ARE_ACTIVE = """
select exists (
    select from pg_stat_activity
    where state = 'active'
        and backend_type = 'client backend'
        and wait_event_type is distinct from 'Lock'
        and wait_event_type is distinct from 'Client'
        and pid <> all (%s)
)
"""
