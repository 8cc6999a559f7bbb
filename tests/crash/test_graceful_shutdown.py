"""SIGTERM under load, with open event streams: each committed command is answered, streams end, and the exit is 0."""

import signal
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import psycopg

from tests.support.patience import PATIENCE_SECONDS
from tests.support.sample_items import an_item
from tests.support.service_process import ENDS_WITHIN_SECONDS, running_service
from tests.support.sse_client import following

WRITERS, FOLLOWERS, ENOUGH = 6, 3, 30
HAS_TIME_TO_STOP = (
    "import app.http.server.server as server; server.STOPS_WITHIN_SECONDS = 600; "
    "from app.cli.catalog import main; main()"
)
"""On a loaded machine what is running may need more than the ten seconds that the product gives it."""


def write(url: str, lined_up: Barrier) -> int:
    """Send commands until the service is gone; returns how many were answered."""
    answered = 0
    with httpx.Client(base_url=f"{url}/api/v2") as client:
        while True:
            try:
                response = client.post("/items", json=an_item())
            except httpx.TransportError:
                return answered
            assert response.status_code == 201, response.text
            answered += 1
            if answered == ENOUGH:
                lined_up.wait()


def follow(url: str, lined_up: Barrier) -> int:
    """Follow the stream to its end; returns the number of events."""
    seen = 0
    with following(url, "0") as follower:
        for _ in follower.seen():
            seen += 1
            if seen == ENOUGH:
                lined_up.wait()
    return seen


def test_nothing_that_was_carried_out_goes_unanswered(conninfo: str) -> None:
    lined_up = Barrier(WRITERS + FOLLOWERS + 1)
    with ThreadPoolExecutor(WRITERS + FOLLOWERS) as pool:
        with running_service({"DATABASE_URL": conninfo}, HAS_TIME_TO_STOP) as (url, process):
            writers = [pool.submit(write, url, lined_up) for _ in range(WRITERS)]
            followers = [pool.submit(follow, url, lined_up) for _ in range(FOLLOWERS)]
            lined_up.wait(PATIENCE_SECONDS)
            process.send_signal(signal.SIGTERM)
            assert process.wait(ENDS_WITHIN_SECONDS) == 0
        answered = sum(writer.result() for writer in writers)
        assert min(follower.result() for follower in followers) >= ENOUGH
    with psycopg.connect(conninfo) as connection:
        assert connection.execute("select count(*) from catalog.events").fetchone() == (answered,)
