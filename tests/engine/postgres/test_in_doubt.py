"""The errors after which a command may have been carried out."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import AsyncConnection, errors

from app.engine.postgres.in_doubt import COMMIT_DOUBT, CommitDoubt, commit_is_in_doubt, committing


@pytest.fixture
def doubt() -> Iterator[None]:
    """A running request."""
    token = COMMIT_DOUBT.set(CommitDoubt())
    yield
    COMMIT_DOUBT.reset(token)


@pytest.mark.parametrize(
    ("error", "is_there"),
    [
        (errors.UniqueViolation(), False),
        (errors.QueryCanceled(), False),
        (errors.ProtocolViolation("server conn crashed?"), True),
        (errors.ConnectionFailure(), True),
        (psycopg.OperationalError("server closed the connection unexpectedly"), True),
    ],
)
@pytest.mark.anyio
async def test_an_error_that_the_server_answered_has_undone_it_and_one_of_a_pooler_has_not(
    conninfo: str, doubt: None, error: psycopg.Error, is_there: bool
) -> None:
    """PgBouncer reports a lost server on a connection that stays open."""
    async with await AsyncConnection.connect(conninfo) as connection:
        with pytest.raises(type(error)), committing(connection):
            raise error
    assert commit_is_in_doubt() is is_there
