"""Sends the rows of the caching table to a real service and keeps what was answered."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, get_args

import httpx
import psycopg
from msgspec import Struct
from msgspec.structs import replace

from app.domain.events import ItemChanges, ItemCreated, ItemUpdated
from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.appending import append
from tests.support.authorization import ADMIN_TOKEN, NEWEST_SECRET, OTHER, OWNER, token
from tests.support.caching_rows import ADMIN, ANONYMOUS, API, CONDITIONS, EXPECTED_VERSION, NO_STORE, NONE, Row
from tests.support.databases import database_like
from tests.support.operator_commands import fetch_value
from tests.support.patience import until
from tests.support.sample_items import an_item
from tests.support.service_process import running_service
from tests.support.workload import UNCATEGORISED, is_caught_up

READS_AT_ONCE, COMMANDS_AT_ONCE = 16, 6
"""One user may send eight imports at once."""
ENVIRONMENT = {
    "CATALOG_AUTH": "jwt",
    "CATALOG_JWT_SECRETS": NEWEST_SECRET,
    "CATALOG_ADMIN_TOKEN": ADMIN_TOKEN,
    "CATALOG_POOL_SIZE": "40",
}
BEARERS = {"owner": token(OWNER), "other": token(OTHER), ADMIN: ADMIN_TOKEN}
SPADE = ItemCreated(**an_item(owner_id=OWNER, image_urls=()))
DESCRIBED = ItemUpdated(
    changes=ItemChanges(description="Somebody was here."),
    previous_values=ItemChanges(description=SPADE.description),
)
HELD_OPEN = ("unsettled", "busy")
"""The cases of requests that are sent while an append is under way."""
Kind = Literal["as of now", "under way", "read", "command", "action"]
"""How a row is sent. The reads as of now are sent one by one: only in a quiet service is now settled at once, so that a
service that takes it for settled is found out."""
ENDLESS = f"{API}/events/stream"


class Received(Struct, frozen=True, kw_only=True):
    """A row and what was answered to it."""

    row: Row
    status: int
    headers: httpx.Headers
    content: bytes
    current_tag: str | None
    """The ETag that the condition was about."""
    version: int | None = None
    """The item's version afterwards, as in the row."""


class Catalog:
    """A service with authentication, items at version 2, a settled instant and one that is not settled."""

    def __init__(self, client: httpx.Client, connection: psycopg.Connection, conninfo: str, items: int) -> None:
        self.client = client
        self.connection = connection
        self.conninfo = conninfo
        with self.connection.transaction():
            made = [append(self.connection, None, [SPADE, DESCRIBED]) for _ in range(items + 2)]
        until(lambda: is_caught_up(conninfo))
        (shown, *spare) = [stream_id for stream_id, *_ in made]
        self.spare = iter(spare)
        self.created = {each["id"]: each["created_at"] for each in self.items_of_owner()}
        self.values = {
            "id": str(shown),
            "missing": str(2**31 - 1),
            "owner": OWNER,
            "position": str(made[-1][2]),
            "before": "2020-01-01",
            "future": "2999-01-01",
            "settled": self.clock(),
        }
        pages = self.next_pages("settled")
        for address in (f"{API}/stats?as_of={self.values['settled']}", *pages.values()):
            until(partial(self.is_settled, address))
        self.values |= pages

    def clock(self) -> str:
        query = "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        return str(fetch_value(self.connection, query))

    def is_settled(self, address: str) -> bool:
        return bool(self.client.get(address).headers["X-Settled"] == "true")

    def items_of_owner(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get(f"{API}/items/owner/{OWNER}").raise_for_status().json()
        return found

    def next_pages(self, name: str) -> dict[str, str]:
        """The addresses of second pages, which continue as of the instant of the first."""
        begins = {"page": f"{API}/items?owner_id={OWNER}&limit=1", "changes": f"{API}/changes?from=2020-01-01&limit=1"}
        return {
            f"{name}_{kind}": httpx.URL(self.client.get(address).links["next"]["url"]).raw_path.decode()
            for kind, address in begins.items()
        }

    @contextmanager
    def append_under_way(self) -> Iterator[None]:
        """Hold the append gate as a long append does, so that an instant taken meanwhile is not settled."""
        with psycopg.connect(self.conninfo) as appending:
            self.values["pending"] = str(append(appending, None, [SPADE])[2])
            self.values["unsettled"] = self.clock()
            self.values |= self.next_pages("unsettled")
            yield
            unsettled = "select instant < %s::timestamptz from catalog.settled"
            assert self.connection.execute(unsettled, (self.values["unsettled"],)).fetchone() == (True,)
            appending.rollback()

    def stop_categories(self) -> None:
        """Append an event that stops the projection `categories`, so that it can be resumed."""
        append(self.connection, int(self.values["id"]), [UNCATEGORISED])
        query = "select error is not null from catalog.projections where name = 'categories'"
        until(lambda: bool(fetch_value(self.connection, query)))

    def send(self, row: Row, values: dict[str, str], current_tag: str | None) -> Received:
        """Send one request. `current_tag` is the ETag that the condition is about."""
        version = int(current_tag.strip('"')) if current_tag and current_tag.strip('"').isdigit() else 2
        known = {"tag": current_tag, "version": version, "before": version - 1, "after": version + 1}
        header, value = CONDITIONS[row.condition]
        address, headers = row.address.format_map(self.values | values), dict(row.headers)
        if header == EXPECTED_VERSION:
            address += f"{'&' if '?' in address else '?'}{header}={value.format_map(known)}"
        elif header:
            headers[header] = value.format_map(known)
        if row.who != ANONYMOUS:
            headers["Authorization"] = f"Bearer {BEARERS[row.who]}"
        content = self.body(row, headers, values)
        with self.client.stream(row.operation.partition(" ")[0], address, headers=headers, content=content) as response:
            received = b"" if response.is_success and address == ENDLESS else response.read()
        return Received(
            row=row,
            status=response.status_code,
            headers=response.headers,
            content=received,
            current_tag=current_tag,
        )

    def body(self, row: Row, headers: dict[str, str], values: dict[str, str]) -> bytes | None:
        if row.body is None:
            return None
        headers.setdefault("Content-Type", "application/json")
        text = row.body if isinstance(row.body, str) else json.dumps(row.body)
        return str(text).replace("{category}", values.get("category", "")).encode()

    def send_reads(self, rows: Sequence[Row]) -> list[Received]:
        """First without conditions, to know the ETags that the conditions are about."""
        with ThreadPoolExecutor(READS_AT_ONCE) as pool:
            plain = [row for row in rows if row.condition == NONE]
            answered = list(pool.map(lambda row: self.send(row, {}, None), plain))
            tags = {_request(each.row): each.headers["ETag"] for each in answered if "ETag" in each.headers}
            conditional = [row for row in rows if row.condition != NONE]
            answered += pool.map(lambda row: self.send(row, {}, tags.get(_request(row), '"2"')), conditional)
        return answered

    def send_commands(self, rows: Sequence[Row]) -> list[Received]:
        """Each on an item of its own, or with a category of its own; and the item's version afterwards."""
        targets = [self._target(row, number) for number, row in enumerate(rows)]
        with ThreadPoolExecutor(COMMANDS_AT_ONCE) as pool:
            answered = list(pool.map(self.send, rows, targets, map(_tag_of, rows)))
        versions: dict[str, int] = {}
        for item in self.items_of_owner():
            versions |= {str(item["id"]): item["version"], item["category"]: item["version"]}
        return [
            replace(each, version=versions.get(target["item"], versions.get(target["category"], 0)))
            for each, target in zip(answered, targets, strict=True)
        ]

    def _target(self, row: Row, number: int) -> dict[str, str]:
        """An item that no other row is about; and a category, if the row creates an item."""
        item = next(self.spare) if "{item}" in row.address else 0
        created = self.created.get(item, self.values["settled"])
        return {"item": str(item), "created": created, "category": f"row {number}"}


def answers_to(table: Sequence[Row], server: EmbeddedPostgres, template: str) -> list[Received]:
    """Send the whole table: first the reads of what an append may still change, at the end actions on projections."""
    with (
        database_like(server, template) as conninfo,
        running_service({"DATABASE_URL": conninfo, **ENVIRONMENT}) as (url, _),
        httpx.Client(base_url=url, timeout=60) as client,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        catalog = Catalog(client, connection, conninfo, sum("{item}" in row.address for row in table))
        kinds = {kind: [row for row in table if kind_of(row) == kind] for kind in get_args(Kind)}
        answered = [catalog.send(row, {}, None) for row in kinds["as of now"]]
        with catalog.append_under_way():
            answered += catalog.send_reads(kinds["under way"])
        answered += catalog.send_reads(kinds["read"])
        answered += catalog.send_commands(kinds["command"])
        catalog.stop_categories()
        return answered + [catalog.send(row, {}, None) for row in kinds["action"]]


def kind_of(row: Row) -> Kind:
    if row.case in HELD_OPEN:
        return "under way"
    if _is_action(row):
        return "action"
    if _is_command(row):
        return "command"
    is_as_of_now = row.case == "present" and row.answer.cache_control == NO_STORE
    return "as of now" if is_as_of_now and row.answer.status == 200 else "read"


def _is_action(row: Row) -> bool:
    """Whether it is about a projection: a rebuild runs after its answer, and a verification beside it would fail."""
    return row.operation.startswith(f"POST {API}/projections/")


def _is_command(row: Row) -> bool:
    return row.version is not None or ("{missing}" in row.address and not row.operation.startswith("GET"))


def _tag_of(row: Row) -> str:
    """The ETag of the item that a command is about, or would create."""
    return '"2"' if "{item_id}" in row.operation else '"1"'


def _request(row: Row) -> tuple[str, str]:
    return row.address, repr(row.headers)
