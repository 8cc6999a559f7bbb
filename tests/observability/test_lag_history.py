"""The history of the lag keeps the newest samples, and no more than it should."""

import asyncio

import pytest

from app.engine.postgres.pool import Database
from app.observability import lag_history
from app.observability.lag_history import LagHistory
from tests.support.patience import patient_settings

SAMPLES = 5


@pytest.mark.parametrize("kept", [1, 3, SAMPLES, lag_history.SAMPLES_KEPT])
def test_the_newest_samples_are_kept_oldest_first(conninfo: str, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag_history, "SAMPLES_KEPT", kept)

    async def run() -> None:
        async with Database(conninfo, patient_settings().pool) as database:
            history = LagHistory(database)
            instants = []
            for _ in range(SAMPLES):
                await history._sample()
                instants.append(history.samples_of("owners")[-1].at)
            assert [sample.at for sample in history.samples_of("owners")] == instants[-kept:]
            assert instants == sorted(set(instants))
            assert history.samples_of("items") == []

    asyncio.run(run())
