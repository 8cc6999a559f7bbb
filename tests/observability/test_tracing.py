"""Traces, when OpenTelemetry's environment asks for them: received by a real receiver, from a real service."""

import gzip
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from app.errors import SetupError
from app.observability.tracing import tracing_is_enabled
from tests.support.http_server import Answer, Request, http_server
from tests.support.patience import until
from tests.support.sample_items import an_item
from tests.support.service_process import running_service
from tests.support.workload import is_caught_up

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
PRIVATE = ("somebody", "a description that no trace may hold", "a-token-that-nobody-may-see", "searched-for", "52.51")


class Receiver:
    """An OTLP receiver over HTTP: what it was sent, as bytes and as spans."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.url = ""

    def respond(self, request: Request) -> Answer:
        is_compressed = request.headers.get("Content-Encoding") == "gzip"
        self.bodies.append(gzip.decompress(request.body) if is_compressed else request.body)
        return Answer(status=200, headers={"Content-Type": "application/x-protobuf"})

    @property
    def resources(self) -> list[dict[str, str]]:
        return [
            {each.key: each.value.string_value for each in resource.resource.attributes}
            for resource in self._resource_spans()
        ]

    @property
    def spans(self) -> list[Span]:
        return [span for resource in self._resource_spans() for scope in resource.scope_spans for span in scope.spans]

    def _resource_spans(self) -> list[Any]:
        return [each for body in self.bodies for each in ExportTraceServiceRequest.FromString(body).resource_spans]

    def of(self, kind: Span.SpanKind.ValueType) -> list[Span]:
        return [span for span in self.spans if span.kind == kind]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with http_server(receiver.respond) as receiver.url:
        yield receiver


@contextmanager
def traced(conninfo: str, receiver: Receiver, **environment: str) -> Iterator[httpx.Client]:
    """A client of a service whose spans are all received once this ends."""
    asked = {"DATABASE_URL": conninfo, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **environment}
    with (
        running_service(asked) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2", timeout=30) as client,
    ):
        yield client


def attributes(span: Span) -> dict[str, Any]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def test_a_request_is_a_span_of_its_callers_trace_and_its_database_calls_are_spans_of_it(
    conninfo: str, receiver: Receiver
) -> None:
    with traced(conninfo, receiver) as client:
        created = client.post("/items", json=an_item(), headers={"traceparent": TRACEPARENT, "X-Request-ID": "asked"})
        assert created.status_code == 201
    (request,) = receiver.of(Span.SPAN_KIND_SERVER)
    assert request.name == "POST /api/v2/items"
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, CALLER)
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "/api/v2/items",
        "http.response.status_code": 201,
    }
    calls = receiver.of(Span.SPAN_KIND_CLIENT)
    assert [call.name for call in calls] == ["select append_to_stream"]
    assert {(call.trace_id, call.parent_span_id) for call in calls} == {(request.trace_id, request.span_id)}
    assert "append_to_stream" in attributes(calls[0])["db.query.text"]
    assert receiver.resources[0]["service.name"] == "swappo-catalog"
    with psycopg.connect(conninfo) as connection:
        ((metadata,),) = connection.execute("select metadata from catalog.events").fetchall()
    assert metadata["traceparent"] == f"00-{TRACE}-{request.span_id.hex()}-01"


def test_events_belong_to_the_trace_that_begins_here(conninfo: str, receiver: Receiver) -> None:
    with traced(conninfo, receiver, OTEL_SERVICE_NAME="catalog-of-tests") as client:
        client.post("/items", json=an_item(), headers={"traceparent": "nonsense"})
    (request,) = receiver.of(Span.SPAN_KIND_SERVER)
    assert not request.parent_span_id
    with psycopg.connect(conninfo) as connection:
        ((metadata,),) = connection.execute("select metadata from catalog.events").fetchall()
    assert metadata["traceparent"].startswith(f"00-{request.trace_id.hex()}-{request.span_id.hex()}-")
    assert receiver.resources[0]["service.name"] == "catalog-of-tests"


def test_a_trace_that_its_caller_does_not_sample_is_not_exported_and_still_known(
    conninfo: str, receiver: Receiver
) -> None:
    with traced(conninfo, receiver) as client:
        client.post("/items", json=an_item(), headers={"traceparent": TRACEPARENT.removesuffix("1") + "0"})
    assert receiver.spans == []
    with psycopg.connect(conninfo) as connection:
        ((metadata,),) = connection.execute("select metadata from catalog.events").fetchall()
    assert metadata["traceparent"].startswith(f"00-{TRACE}-")


def test_no_span_holds_a_body_or_a_token_or_what_was_asked_for(conninfo: str, receiver: Receiver) -> None:
    owner, description, token, word, latitude = PRIVATE
    with traced(conninfo, receiver) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        item = client.post("/items", json=an_item(owner_id=owner, description=description)).json()
        client.put(f"/items/{item['id']}", json={"description": f"{description}!"}, params={"user_id": owner})
        client.post("/items", json=an_item(owner_id=owner, description=description, category=""))
        client.put(f"/items/{item['id']}", json={"name": owner}, headers={"If-Match": '"1"'})
        client.post("/items/import", json=[an_item(owner_id=owner, description=description)])
        client.get("/items", params={"search": word, "near": f"{latitude},13.4", "owner_id": owner, "limit": 1})
        client.get("/items", params={"owner_id": owner, "limit": 1, "as_of": item["created_at"]})
        client.get(f"/items/owner/{owner}")
        client.get(f"/owners/{owner}")
        client.get(f"/nothing/{owner}")
        client.get(f"/items/{item['id']}/history")
    names = {span.name for span in receiver.of(Span.SPAN_KIND_SERVER)}
    assert {"GET /api/v2/items/owner/{owner_id}", "PUT /api/v2/items/{item_id}", "GET"} <= {
        name.replace(":str", "").replace(":int", "") for name in names
    }
    everything = b"".join(receiver.bodies)
    assert [each for each in PRIVATE if each.encode() in everything] == []


def test_probes_and_scrapes_and_the_background_are_no_spans(conninfo: str, receiver: Receiver) -> None:
    with traced(conninfo, receiver) as client:
        for path in ("/health", "/health/live", "/health/ready", "/metrics"):
            assert client.get(client.base_url.join(path)).status_code == 200
        position = client.post("/items", json=an_item(owner_id="ann")).headers["X-Position"]
        until(lambda: is_caught_up(conninfo), "the item was not counted")
        assert client.get("/owners/ann", params={"min_position": position}).status_code == 200
    requests = receiver.of(Span.SPAN_KIND_SERVER)
    assert len(requests) == 2
    assert {span.trace_id for span in receiver.spans} == {request.trace_id for request in requests}


def test_what_fails_is_marked_without_its_message(conninfo: str, receiver: Receiver) -> None:
    with traced(conninfo, receiver) as client:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("alter table catalog.items rename to items_elsewhere")
            assert client.get("/items/1").status_code == 500
            connection.execute("alter table catalog.items_elsewhere rename to items")
        assert client.get("/items/1").status_code == 404
    failed = [span for span in receiver.spans if span.status.code == Status.STATUS_CODE_ERROR]
    assert sorted(span.name.partition(" ")[0] for span in failed) == ["GET", "select"]
    assert {attributes(span).get("error.type") for span in failed} == {None, "42P01"}
    assert {span.status.message for span in failed} == {""}
    assert not any(span.events for span in receiver.spans)


def test_a_collector_that_is_away_costs_no_answer_and_the_end_is_not_waited_for(conninfo: str) -> None:
    asked = {"DATABASE_URL": conninfo, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    with running_service(asked) as (url, process):
        assert httpx.post(f"{url}/api/v2/items", json=an_item()).status_code == 201
        process.terminate()
        assert process.wait(timeout=60) == 0


WITHOUT_THE_EXTRA = "import sys; sys.modules['opentelemetry'] = None; from app.cli.catalog import main; main()"


def test_without_the_extra_a_service_that_is_to_trace_says_what_to_install(conninfo: str) -> None:
    environment = {"DATABASE_URL": conninfo, "OTEL_TRACES_EXPORTER": "otlp"}
    command = [sys.executable, "-c", WITHOUT_THE_EXTRA, "serve", "--port", "0"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert "pip install 'swappo-catalog[otel]'" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_without_the_extra_a_service_that_is_not_to_trace_serves(conninfo: str) -> None:
    with running_service({"DATABASE_URL": conninfo}, WITHOUT_THE_EXTRA) as (url, _):
        assert httpx.get(f"{url}/api/v2/stats").status_code == 200


def test_nothing_of_it_is_imported_unless_asked_for() -> None:
    """Litestar by itself looks for a plugin of its own, and for the names of attributes; that is not ours to say."""
    program = (
        "import sys; sys.modules['opentelemetry.instrumentation'] = None;"
        "import app.cli.catalog; from app.main import create_app; from app.settings import Settings;"
        "create_app('host=nowhere', Settings());"
        "print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], env={}, capture_output=True, text=True, check=True)
    imported = set(ran.stdout.split())
    assert "app.observability.tracing" in imported
    assert not imported & {
        "app.observability.spans",
        *(f"opentelemetry.{part}" for part in ("sdk", "trace", "exporter", "context")),
    }


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "catalog"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, False),
    ],
    ids=str,
)
def test_opentelemetrys_own_environment_asks_for_traces(environment: dict[str, str], asked: bool) -> None:
    assert tracing_is_enabled(environment) is asked


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]
)
def test_what_cannot_be_exported_so_is_refused(name: str, value: str) -> None:
    with pytest.raises(SetupError, match=value):
        tracing_is_enabled({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", name: value})
