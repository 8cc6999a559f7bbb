"""Run the operators' commands as processes, also in the background, and read their output."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import psycopg
from msgspec import Struct
from psycopg import AsyncConnection

from app.domain.events import ItemChanges, ItemCreated, ItemStatusChanged, ItemUpdated
from app.engine.background.checkpoints import catch_up
from app.engine.store.high_water_mark import advance_mark
from app.main import PROJECTIONS
from tests.support.cli_process import catalog, clean_environment

SPADE = ItemCreated(
    name="Garden [red]spade",
    description="Sharp, hardly used.",
    category="tools",
    image_urls=("https://images.example/spade.jpg",),
    location_lat=52.52,
    location_lon=13.405,
    owner_id="alice",
    status="active",
)
RENAMED = ItemUpdated(changes=ItemChanges(name="Spade"), previous_values=ItemChanges(name="Garden [red]spade"))
SWAPPED = ItemStatusChanged(old_status="active", new_status="swapped", reason="for a rake")


class Ownerless(Struct, frozen=True, kw_only=True, tag="item_created"):
    """An event that stops the rollup `owners`, which finds no key for it."""

    name: str = "Nobody's"
    description: str = "."
    category: str = "tools"
    image_urls: tuple[str, ...] = ()
    location_lat: float = 0.5
    location_lon: float = 0.5
    status: Literal["active"] = "active"


@contextmanager
def running_command(*arguments: str, conninfo: str, **pipes: Any) -> Iterator[subprocess.Popen[str]]:
    """Run `catalog …` in the background, and kill it at the end."""
    command = [sys.executable, "-m", "app.cli", *arguments]
    with subprocess.Popen(
        command, env={**clean_environment(), "DATABASE_URL": conninfo}, text=True, **pipes
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def fetch_value(connection: psycopg.Connection, query: str, *parameters: Any) -> Any:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def is_caught_up(connection: psycopg.Connection) -> bool:
    return bool(fetch_value(connection, "select sum(lag_events) = 0 from catalog.projection_lag"))


def settle_now(connection: psycopg.Connection) -> None:
    """Settle and catch up once, as a projector does."""

    async def settled() -> None:
        async with await AsyncConnection.connect(connection.info.dsn, autocommit=True) as another:
            await advance_mark(another)
            for rollup in PROJECTIONS:
                if rollup.is_async():
                    await catch_up(another, rollup.name)

    asyncio.run(settled())


def json_answer(conninfo: str, *arguments: str, status: int = 0) -> Any:
    """The JSON that a command prints, and nothing else on stdout."""
    ran = catalog(*arguments, "--json", DATABASE_URL=conninfo)
    assert ran.returncode == status, ran.stderr
    return json.loads(ran.stdout)


def printed_text(conninfo: str, *arguments: str, status: int = 0) -> str:
    """The text that a command prints on stdout, or on stderr if it fails. It has no colours, because it is piped.

    The line that names the database is left out.
    """
    ran = catalog(*arguments, DATABASE_URL=conninfo)
    assert ran.returncode == status, ran.stderr
    assert "\x1b" not in ran.stdout
    assert "Traceback" not in ran.stderr
    return re.sub(r"^Database: .*\n", "", ran.stderr) if status and not ran.stdout else ran.stdout
