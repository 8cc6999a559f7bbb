"""A rebuild by the rules of another release is refused before it does anything."""

import asyncio

import psycopg
import pytest

from app.engine.background.progress import OnProgress
from app.engine.background.rebuild import rebuild
from app.engine.background.rebuild_status import RebuildFailed, RebuildProgress
from app.engine.projection.rollup import AnyReadModel
from app.main import PROJECTIONS
from tests.support.appending import append
from tests.support.workload import SPADE


@pytest.mark.parametrize("read_model", PROJECTIONS)
def test_a_rebuild_for_another_release_has_built_nothing_when_it_is_refused(
    connection: psycopg.Connection, read_model: AnyReadModel
) -> None:
    append(connection, None, [SPADE])
    reported: list[RebuildProgress] = []
    on_progress: OnProgress[RebuildProgress] = reported.append
    with pytest.raises(RebuildFailed, match="another release's schema"):
        asyncio.run(rebuild(connection.info.dsn, read_model, on_progress, release="another"))
    assert reported == []
