"""Compares every table of every read model with a recomputation in Python, and searches for all texts and places.

A verification computes the search tables by the SQL that writes them. Here they are computed from the texts in Python.
"""

import asyncio
import string
from collections.abc import Iterable
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from app.engine.compiler.rebuild_steps import read_model_tables
from app.engine.compiler.tables import Table, TableColumn
from app.engine.postgres.pool import Database
from app.engine.projection.check_indexes import sort_key
from app.engine.projection.rollup import AnyRollup, Rollup
from app.engine.projection.rules import name_of
from app.engine.queries.documents import Documents
from app.engine.queries.listing import Listing, Near
from app.main import PROJECTIONS
from app.settings import Settings
from projections.items import Item, Items
from tests.support.appending import json_as_bytes
from tests.support.history_checks import Kept, changed_values, folded_documents
from tests.support.reference_model import ReferenceModel, whole_log

Row = dict[str, Any]
NO_PUNCTUATION = str.maketrans(string.punctuation, " " * len(string.punctuation))


def assert_read_models(conninfo: str) -> None:
    """Every row and column is what the log says."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        json_as_bytes(connection)
        log = whole_log(connection, Items.registry)
        kept = folded_documents(Items, log)
        expected = {**_tables_of_items(kept), **_tables_of_rollups(ReferenceModel(log).items)}
        tables = [table for read_model in PROJECTIONS for table in read_model_tables(read_model)]
        assert {table.name for table in tables} == expected.keys(), "each table of a read model is compared"
        for table in tables:
            assert _stored(connection, table) == _in_order(table, expected[table.name]), table.name
        derived = "select count(*) from catalog.items_words where found is distinct from catalog.search_vector(words)"
        assert connection.execute(derived).fetchone() == (0,)


def _stored(connection: psycopg.Connection, table: Table) -> list[Row]:
    columns = [column for column in table.columns if column.name != "found"]
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    query = sql.SQL("select {} from {}").format(names, sql.Identifier("catalog", table.name))
    rows = connection.execute(query).fetchall()
    return _in_order(
        table, ({column.name: _plain(column, row[place]) for place, column in enumerate(columns)} for row in rows)
    )


def _plain(column: TableColumn, value: Any) -> Any:
    """A stored value: JSON decoded, a point as two numbers."""
    if column.type == "jsonb":
        return msgspec.json.decode(value)
    if column.type == "point":
        return tuple(map(float, value.strip("()").split(",")))
    return value


def _in_order(table: Table, rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: tuple(str(row[name]) for name in table.key))


def _tables_of_items(kept: list[Kept]) -> dict[str, list[Row]]:
    (table, *_) = read_model_tables(Items)
    generated = [column.name for column in table.columns if column.is_generated]
    documents, history = [], []
    for stream, version, valid_from, valid_to, encoded in kept:
        document = msgspec.json.decode(encoded)
        row = {"id": stream, "version": version, "valid_from": valid_from, "document": document}
        row |= {name: _generated_column(name, document) for name in generated}
        if valid_to is None:
            documents.append(row)
        else:
            history.append(row | {"valid_to": valid_to})
    places = changed_values(kept, "location_lon", "location_lat")
    return {
        "items": documents,
        "items_history": history,
        "items_words": [{"id": stream, "words": words} for stream, words in words_by_stream(kept).items()],
        "items_places": [{"id": stream, "since": since, "place": (lon, lat)} for stream, since, lon, lat in places],
    }


def _generated_column(name: str, document: Row) -> Any:
    """What a generated column beside a document holds of it."""
    lowered = {sort_key(field): field for field in Item.__struct_fields__}
    return _ascii_lower(document[lowered[name]]) if name in lowered else document[name]


def _ascii_lower(text: str) -> str:
    return text.translate(str.maketrans(string.ascii_uppercase, string.ascii_lowercase))


def words_by_stream(kept: Iterable[Kept]) -> dict[int, list[str]]:
    """All words that the name and the description of each item ever had."""
    found: dict[int, set[str]] = {}
    for stream, _, _, _, encoded in kept:
        item = msgspec.json.decode(encoded)
        text = f"{item['name']} {item['description']}".lower()
        found.setdefault(stream, set()).update(text.translate(NO_PUNCTUATION).split())
    return {stream: sorted(words) for stream, words in found.items()}


def _tables_of_rollups(items: dict[int, Item]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    rollups: list[Any] = [each for each in PROJECTIONS if issubclass(each, Rollup)]
    for rollup in rollups:
        found |= _tables_of_rollup(rollup, items)
    return found


def _tables_of_rollup(rollup: AnyRollup, items: dict[int, Item]) -> dict[str, list[Row]]:
    folded: dict[str, Any] = {**rollup().fold(items.values())}
    fields = {name_of(aggregate.of) for aggregate in rollup.rules if aggregate.of is not None}
    members = [
        {"id": stream, "key": getattr(item, name_of(rollup.by)), "part": _builtins(item, fields)}
        for stream, item in items.items()
    ]
    documents = [{"key": key, "document": _builtins(document)} for key, document in folded.items()]
    return {rollup.name: documents, f"{rollup.name}_members": members}


def _builtins(struct: Any, fields: Iterable[str] | None = None) -> Row:
    """The fields as they are stored; instants have six digits, as everywhere in documents."""
    encoded = (Items if isinstance(struct, Item) else _rollup_of(struct))().canonical_json(struct)
    document: Row = msgspec.json.decode(encoded)
    return document if fields is None else {name: document[name] for name in fields}


def _rollup_of(document: Any) -> Any:
    return next(each for each in PROJECTIONS if each.document is type(document))


def assert_everything_is_found(conninfo: str) -> int:
    """Search for each text, and around each place, that an item ever had, as of when it had it; and for each text now.

    Returns how many texts were found only in the past.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        json_as_bytes(connection)
        kept = folded_documents(Items, whole_log(connection, Items.registry))
    with asyncio.Runner() as runner:
        return runner.run(_search_for_everything(conninfo, kept))


async def _search_for_everything(conninfo: str, kept: list[Kept]) -> int:
    past = 0
    async with Database(conninfo, Settings().pool) as database:
        documents = Documents(database, Items)

        async def found(**asked: Any) -> set[int]:
            page = await documents.list_page(Listing(order="created_at", limit=100, **asked))
            return {each["id"] for each in msgspec.json.decode(page.json)}

        for stream, since, name, description in changed_values(kept, "name", "description"):
            for text in (name, description):
                assert await found(search=text, as_of=since) == _with_text(kept, text, since), text
                now = await found(search=text)
                assert now == _with_text(kept, text, None), text
                past += stream not in now
        for stream, since, longitude, latitude in changed_values(kept, "location_lon", "location_lat"):
            here = Near(latitude=latitude, longitude=longitude, within_km=0.1)
            assert stream in await found(near=here, as_of=since), here
    return past


def _with_text(kept: list[Kept], text: str, at: Any) -> set[int]:
    """The items that have the text as name or description at the instant, or now."""
    return {
        stream
        for stream, _, valid_from, valid_to, encoded in kept
        if (valid_to is None if at is None else valid_from <= at and (valid_to is None or valid_to > at))
        and f'"{text}"'.encode() in encoded
    }
