"""A small HTTP server within a test, whose answers the test decides."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
from msgspec import Struct


class Request(Struct, frozen=True, kw_only=True):
    method: str
    path: str
    headers: httpx.Headers
    body: bytes


class Answer(Struct, frozen=True, kw_only=True):
    status: int
    reason: str | None = None
    headers: dict[str, str] = {}
    body: bytes = b""


@contextmanager
def http_server(respond: Callable[[Request], Answer]) -> Iterator[str]:
    """The address of a server that answers each request with the result of `respond`."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = httpx.Headers(self.headers.items())
            given = respond(Request(method=self.command, path=self.path, headers=headers, body=body))
            self.send_response(given.status, given.reason)
            for name, value in given.headers.items():
                self.send_header(name, value)
            if given.status not in (204, 304):
                self.send_header("Content-Length", str(len(given.body)))
            self.end_headers()
            self.wfile.write(given.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
