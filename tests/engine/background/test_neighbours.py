"""What another catalog on the same server does is not told of this one, though both take the same advisory locks."""

import asyncio

import psycopg
from psycopg.types.json import Jsonb

from app.cli.log_queries import read_projection_statuses
from app.engine.postgres.advisory_locks import LEADER_LOCK, rebuild_lock_key
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.main import PROJECTIONS
from tests.support.databases import database_like

PROGRESS = {"phase": "folding", "events": 2, "done": 1, "seconds": 0.5}


def test_the_leader_and_the_rebuilds_of_another_database_are_not_ours(
    connection: psycopg.Connection, server: EmbeddedPostgres, template: str
) -> None:
    """Rebuilds that were killed have left their progress here."""
    locks = [LEADER_LOCK, *(rebuild_lock_key(each.name) for each in PROJECTIONS)]
    for each in PROJECTIONS:
        connection.execute("select catalog.record_rebuild_progress(%s, %s)", (each.name, Jsonb(PROGRESS)))
    with database_like(server, template) as other, psycopg.connect(other) as neighbour:
        for conninfo, is_ours in ((other, True), (connection.info.dsn, False)):
            neighbour.execute("select pg_advisory_xact_lock(lock) from unnest(%s::bigint[]) as lock", (locks,))
            status = asyncio.run(read_projection_statuses(conninfo, PROJECTIONS))
            assert status.has_leader is is_ours
            assert [each.rebuild for each in status.projections] == [None] * len(PROJECTIONS)
    with psycopg.connect(connection.info.dsn) as leader:
        leader.execute("select pg_advisory_xact_lock(lock) from unnest(%s::bigint[]) as lock", (locks,))
        status = asyncio.run(read_projection_statuses(connection.info.dsn, PROJECTIONS))
        assert status.has_leader is True
        assert None not in [each.rebuild for each in status.projections]
