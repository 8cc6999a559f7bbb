"""How many requests a second, and how long does one take? The ceilings: bare Litestar handlers of one statement each.

python -m bench.http        SCALE=small: within half a minute

The service and the bare handlers are processes of their own, served as `catalog serve` does it; this one is the client.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from subprocess import PIPE, STDOUT
from typing import IO

import msgspec
import psycopg
import uvloop

from app.engine.background.checkpoints import register
from app.main import PROJECTIONS
from bench.bare import TABLES
from bench.data import new_items
from bench.load import Sample, Target, at_rate, request, saturate
from bench.measure import FIRST_ROUND, a_database, console, progress, scaled
from bench.rows import Report, reporting

ROUNDS = scaled(tiny=1, small=3, full=9)
SLICE_SECONDS = scaled(tiny=0.02, small=0.1, full=0.5)
CONNECTIONS = (1, 16)
ITEMS = scaled(tiny=100, small=500, full=500)
API = "/api/v2"
NEW = new_items(ITEMS)
SATURATED, CONSTANT = "at saturation", "at half of that"

FILL = "select catalog.append_to_stream(null, null, jsonb_build_array(item), %s) from unnest(%s::jsonb[]) as item"
CHANGE = """
select count(catalog.append_to_stream(stream_id, null, jsonb_build_array(jsonb_build_object(
    'type', 'item_updated', 'previous_values', jsonb_build_object('category', 'x'),
    'changes', jsonb_build_object('category', 'category ' || change))), '{"user_id": "bench"}'))
from catalog.streams
cross join generate_series(2, 10) as change
"""
HALFWAY = "select stream_id, catalog.rfc3339(recorded_at) from catalog.events where version = 5"
LAG = "select coalesce(sum(lag_events), 0) from catalog.projection_lag"

Ways = Mapping[str, Target]
Samples = dict[tuple[str, int], list[Sample]]


def fill(connection: psycopg.Connection) -> list[tuple[int, str]]:
    """Items with ten events each: their ids, and an instant in the middle of each one's past."""
    connection.execute(TABLES)
    register(connection, PROJECTIONS)
    created = [json.dumps({"type": "item_created", **item}) for item in NEW]
    connection.execute(FILL, ('{"user_id": "bench"}', created))
    connection.execute(CHANGE)
    connection.execute("vacuum analyze")
    return connection.execute(HALFWAY).fetchall()


def readings(service: int, bare: int, pasts: list[tuple[int, str]]) -> Ways:
    def of(port: int, pattern: str) -> Target:
        return Target(port, cycle([request("GET", pattern.format(id, instant)) for id, instant in pasts]))

    return {
        "bare, one row (ceiling)": of(bare, "/items/{}"),
        "bare, a constant": of(bare, "/constant"),
        "GET item": of(service, f"{API}/items/{{}}"),
        "GET item, as_of": of(service, f"{API}/items/{{}}?as_of={{}}"),
        "GET item/time-travel": of(service, f"{API}/items/{{}}/time-travel?timestamp={{}}"),
        "GET item/history, 10 events": of(service, f"{API}/items/{{}}/history"),
        "GET items, 100 of them": of(service, f"{API}/items"),
    }


def writings(service: int, bare: int, pasts: list[tuple[int, str]]) -> Ways:
    bodies = [msgspec.json.encode(item) for item in NEW]
    names = [json.dumps({"name": f"Garden spade, number {number}"}).encode() for number in range(7)]
    updates = [request("PUT", f"{API}/items/{id}", name) for name in names for id, _ in pasts]
    return {
        "bare, one statement (ceiling)": Target(bare, cycle([request("POST", "/items", body) for body in bodies])),
        "POST item": Target(service, cycle([request("POST", f"{API}/items", body) for body in bodies])),
        "PUT item": Target(service, cycle(updates)),
    }


def measure(report: Report, title: str, ways: Ways, connection: psycopg.Connection, peers: Sequence[str] = ()) -> None:
    """All ways in turns: first at full speed, then each at half its rate. Every way runs once before it counts."""
    at_most, at_half = _no_samples(ways), _no_samples(ways)
    with progress((2 * ROUNDS + 1) * len(at_most)) as step:
        for turn in range(FIRST_ROUND, ROUNDS + 1):
            for (name, connections), samples in at_most.items():
                step(f"{name}, {connections}, as fast as it goes")
                sample = uvloop.run(saturate(ways[name], connections, SLICE_SECONDS))
                if turn:
                    samples.append(sample)
                _wait_for_the_background(connection)
        for _ in range(ROUNDS):
            for (name, connections), samples in at_half.items():
                step(f"{name}, {connections}, at half of that")
                half = statistics.median(sample.per_second for sample in at_most[name, connections]) / 2
                samples.append(uvloop.run(at_rate(ways[name], connections, SLICE_SECONDS, half)))
                _wait_for_the_background(connection)
    for connections in CONNECTIONS:
        question = f"{title}, {connections} connection{'s' if connections > 1 else ''}"
        sizes = {"items": ITEMS, "connections": connections}
        report.loads(f"{question}, {SATURATED}", _of(at_most, connections), "requests", peers=peers, sizes=sizes)
        report.loads(f"{question}, {CONSTANT}", _of(at_half, connections), "requests", compared=False, sizes=sizes)


def _no_samples(ways: Ways) -> Samples:
    return {(name, connections): [] for connections in CONNECTIONS for name in ways}


def _of(samples: Samples, connections: int) -> dict[str, list[Sample]]:
    return {name: of_it for (name, of_connections), of_it in samples.items() if of_connections == connections}


def _wait_for_the_background(connection: psycopg.Connection) -> None:
    """Let the service finish its background work, so that it does not slow down the next turn."""
    while connection.execute(LAG).fetchone() != (0,):
        time.sleep(0.01)


@contextmanager
def serving(*command: str, **environment: str) -> Iterator[int]:
    """The port that one of our programs prints and serves on. Its further output is read, so that it never blocks.

    The settings of a service that runs on this machine do not apply to it.
    """
    program = [sys.executable, "-m", *command]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CATALOG_", "DATABASE_"))}
    with subprocess.Popen(program, env=inherited | environment, text=True, stdout=PIPE, stderr=STDOUT) as process:
        assert process.stdout is not None
        reading = threading.Thread(target=process.stdout.read)
        try:
            port = _port_of(process.stdout)
            reading.start()
            yield port
        finally:
            process.terminate()
            if reading.ident:
                reading.join()


def _port_of(said: IO[str]) -> int:
    """The port in the first line with an address. If the program ends without one, this program ends too."""
    lines = []
    for line in said:
        lines.append(line)
        if "http://127.0.0.1:" in line:
            return int(line.partition("http://127.0.0.1:")[2].split()[0])
    sys.exit(f"The program that is to be measured did not begin to serve: {''.join(lines)}")


def main() -> None:
    with a_database() as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        pasts = fill(connection)
        serve = ("app.cli", "serve", "--port", "0")
        with (
            reporting("http", connection) as report,
            serving(*serve, DATABASE_URL=conninfo) as service,
            serving("bench.bare", conninfo) as bare,
        ):
            _wait_for_the_background(connection)
            started, used = time.perf_counter(), time.process_time()
            measure(report, "Reading", readings(service, bare, pasts), connection, peers=["GET item"])
            measure(report, "Writing", writings(service, bare, pasts), connection)
            busy = (time.process_time() - used) / (time.perf_counter() - started)
    console.print(
        f"{os.cpu_count()} processors, shared by the client (busy for {busy:.0%} of the time), the server and Postgres."
        f" Medians of {ROUNDS} turns of {SLICE_SECONDS} s."
    )


if __name__ == "__main__":
    main()
