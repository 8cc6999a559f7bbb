"""Spans of requests and of their database calls; the only module that imports OpenTelemetry (extra `otel`).

A span holds only what many requests share: the route's template and the text of a query, never a path, a body, a token
or a parameter's value. Only database calls within a traced request are spans. The background work reads the log many
times a second; `/metrics` observes it.
"""

import asyncio
import re
import threading
from functools import lru_cache
from importlib.metadata import version
from typing import Any, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from psycopg import AsyncCursor
from psycopg.sql import Composable

from app.engine.postgres.connections import PooledCursor
from app.observability.metrics import KNOWN_METHODS

UNTRACED = ("/health", "/metrics", "/api/v2/events/stream")
"""Probes and scrapes are of no interest. An event stream lasts for hours, and its span would appear at its end."""
PROPAGATED = (b"traceparent", b"tracestate")
FLUSHES_WITHIN_SECONDS = 5.0
"""Spans that the collector has not taken by then, at the end, are dropped."""
CATALOG_NAME = re.compile(r'\bcatalog"?\."?(\w+)')


class Tracing:
    """Traces requests. Leaving its `async with` block exports the remaining spans."""

    def __init__(self) -> None:
        named = Resource({"service.name": "swappo-catalog", "service.version": version("swappo-catalog")})
        resource = named.merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("catalog")

    async def __aenter__(self) -> "Tracing":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Export in a thread of its own, which is abandoned if it takes too long."""
        flushing = threading.Thread(target=self._provider.shutdown, daemon=True)
        flushing.start()
        await asyncio.to_thread(flushing.join, FLUSHES_WITHIN_SECONDS)

    def with_tracing(self, app: ASGIApp) -> ASGIApp:
        """Wrap `app`: each request gets a span in the caller's trace, and `app` sees that span as its parent."""
        return _tracing_requests(app, self._tracer)

    @property
    def cursor_class(self) -> type[AsyncCursor[Any]]:
        """A cursor class that makes a span of each statement within a request."""
        return _tracing_cursor(self._tracer)


def _tracing_requests(app: ASGIApp, tracer: Tracer) -> ASGIApp:
    async def traced(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(UNTRACED):
            await app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in KNOWN_METHODS else "_OTHER"
        caller = TraceContextTextMapPropagator().extract(
            {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in PROPAGATED}
        )
        with tracer.start_as_current_span(
            method, caller, SpanKind.SERVER, {"http.request.method": method}, record_exception=False
        ) as span:
            inner: dict[str, Any] = {**scope, "headers": _with_span_as_parent(scope)}
            try:
                await app(cast(Scope, inner), receive, _recording_status(span, send))
            finally:
                if route := inner.get("path_template"):
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)

    return traced


def _with_span_as_parent(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The request's headers with our span as parent, so that log lines and events belong to this trace."""
    ours: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(ours)
    others = [(name, value) for name, value in scope["headers"] if name not in PROPAGATED]
    return [*others, *((name.encode(), value.encode("latin-1")) for name, value in ours.items())]


def _recording_status(span: Span, send: Send) -> Send:
    async def send_and_record(message: Message) -> None:
        if message["type"] == "http.response.start":
            span.set_attribute("http.response.status_code", message["status"])
            if message["status"] >= 500:
                span.set_status(StatusCode.ERROR)
        await send(message)

    return send_and_record


def _tracing_cursor(tracer: Tracer) -> type[AsyncCursor[Any]]:
    class TracingCursor(PooledCursor):
        """Makes a span of each statement. It records only the class of an error: a message may quote a row."""

        async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            if not get_current_span().is_recording():
                return await super().execute(query, params, **options)
            text = _text_of(query, self)
            with tracer.start_as_current_span(
                _summary(text),
                kind=SpanKind.CLIENT,
                attributes={"db.system.name": "postgresql", "db.query.text": text},
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                try:
                    return await super().execute(query, params, **options)
                except Exception as error:
                    span.set_attribute("error.type", getattr(error, "sqlstate", None) or type(error).__qualname__)
                    span.set_status(StatusCode.ERROR)
                    raise

    return TracingCursor


def _text_of(query: Any, cursor: AsyncCursor[Any]) -> str:
    """The text of a query with its placeholders, without values."""
    if isinstance(query, Composable):
        return query.as_string(cursor)
    return query.decode() if isinstance(query, bytes) else str(query)


@lru_cache(1000)
def _summary(text: str) -> str:
    """A statement's verb and our first object that it names: `select append_to_stream`."""
    verb, target = text.split(maxsplit=1)[:1], CATALOG_NAME.search(text)
    return " ".join([*verb, *([target[1]] if target else [])]) or "postgresql"
