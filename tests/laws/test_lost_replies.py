"""Law 6 with idempotency keys: a client that lost a reply repeats its command, and nothing is done twice."""

import httpx
import psycopg
import pytest

from tests.support.patience import until
from tests.support.response_shapes import assert_problem
from tests.support.sample_items import an_item
from tests.support.service_process import running_service
from tests.support.stalling_proxy import stalling_proxy

RECALL, APPEND = 1, 2
"""The numbers of the statements that contain the key, in the order in which they are sent to the database."""


@pytest.mark.parametrize(
    ("time_", "was_carried_out"), [(RECALL, False), (APPEND, True)], ids=["before the commit", "after the commit"]
)
def test_a_command_whose_reply_was_lost_is_sent_again_and_carried_out_once(
    conninfo: str, time_: int, was_carried_out: bool
) -> None:
    with (
        stalling_proxy(conninfo) as proxy,
        running_service({"DATABASE_URL": proxy.conninfo, "CATALOG_PROJECTOR": "off"}) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2", timeout=30, headers={"Idempotency-Key": "lost-and-found"}) as client,
    ):
        proxy.lose_the_reply_to(b"lost-and-found", time_)
        problem = assert_problem(client.post("/items", json=an_item()), 503)
        assert ("unknown" in problem["detail"]) is was_carried_out
        assert ("nothing was changed" in problem["detail"]) is not was_carried_out
        with psycopg.connect(conninfo) as connection:
            events = connection.execute("select count(*) from catalog.events").fetchone()
        assert events == (int(was_carried_out),)
        again = answered(client)
        assert again.status_code == 201
        assert ("Idempotent-Replayed" in again.headers) is was_carried_out
        history = client.get(f"/items/{again.json()['id']}/history").json()
        assert history["event_count"] == 1
        assert len(client.get("/items").json()) == 1


def test_a_read_whose_reply_was_lost_has_changed_nothing(conninfo: str) -> None:
    with (
        stalling_proxy(conninfo) as proxy,
        running_service({"DATABASE_URL": proxy.conninfo, "CATALOG_PROJECTOR": "off"}) as (url, _),
    ):
        proxy.lose_the_reply_to(b"select version, valid_from, document", 1)
        problem = assert_problem(httpx.get(f"{url}/api/v2/items/1"), 503)
        assert problem["detail"] == "The database went away; nothing was changed. Try again."


def answered(client: httpx.Client) -> httpx.Response:
    """Send the command as a client does: again, until the database is back."""

    def answer() -> httpx.Response | None:
        response = client.post("/items", json=an_item())
        return response if response.status_code != 503 else None

    return until(answer, "the database did not come back")
