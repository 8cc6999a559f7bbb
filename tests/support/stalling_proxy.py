"""A proxy in front of Postgres that can stall, as a broken load balancer does, or cut a connection after the server has
answered."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class StallingProxy:
    """Forwards bytes until it stalls: then it acknowledges them and drops them."""

    def __init__(self, conninfo: str) -> None:
        given = conninfo_to_dict(conninfo)
        self._server = str(Path(str(given["host"])) / f".s.PGSQL.{given.get('port', 5432)}")
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        self.conninfo = make_conninfo(conninfo, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable")
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._marker = b""
        self._until_marked = 0
        self._cut: set[socket.socket] = set()
        Thread(target=self._accept, daemon=True).start()

    def stall(self) -> int:
        """Stall all current connections, and close them at the server; how many there were."""
        stalled, self._pairs = self._pairs, []
        for _, server in stalled:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
        return len(stalled)

    def lose_the_reply_to(self, marker: bytes, time: int) -> None:
        """Forward the `time`-th message that contains `marker`, then cut its connection before the answer."""
        self._marker, self._until_marked = marker, time

    def close(self) -> None:
        self._listening.close()
        self.stall()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                self._pairs.append((client, server))
                Thread(target=self._swallow_or_pass_on, args=(client, server), daemon=True).start()
                Thread(target=self._answer, args=(client, server), daemon=True).start()

    def _swallow_or_pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError), client:
            while content := client.recv(65536):
                if self._until_marked and self._marker in content:
                    self._until_marked -= 1
                    if not self._until_marked:
                        self._cut.add(server)
                with suppress(OSError):
                    server.sendall(content)
            server.shutdown(socket.SHUT_RDWR)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        """The client is not told that the server closed the connection."""
        with suppress(OSError), server:
            while content := server.recv(65536):
                if server in self._cut:
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(content)


@contextmanager
def stalling_proxy(conninfo: str) -> Iterator[StallingProxy]:
    proxy = StallingProxy(conninfo)
    try:
        yield proxy
    finally:
        proxy.close()
