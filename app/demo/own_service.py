"""A service for the demo alone: `catalog serve --demo` in a process and a temporary folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

import httpx

from app.errors import SetupError
from app.terminal import STOP_SIGNALS, console, notify_user

ROOT = Path(__file__).parents[2]


@contextmanager
def own_service() -> Iterator[str]:
    """Run `catalog serve --demo` in a process and a temporary folder; end both, whatever happens."""
    for number in STOP_SIGNALS:
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"http://127.0.0.1:{(port := probe.getsockname()[1])}"
    command = [sys.executable, "-m", "app.cli", "serve", "--demo", "--host", "127.0.0.1", "--port", str(port)]
    with TemporaryDirectory(prefix="catalog-demo-") as folder, TemporaryFile() as log:
        own = {"DATABASE_URL": "", "CATALOG_POSTGRES_PORT": "", "CATALOG_PUBLIC_URL": "", "CATALOG_DATA_DIR": folder}
        notify_user("Database: an embedded Postgres in a temporary folder, with a service of the demo's own.")
        service = subprocess.Popen(command, env=os.environ | own, cwd=ROOT, stdout=log, stderr=log, process_group=0)
        try:
            with console.status("Starting a service of its own …"):
                wait_until_healthy(url, service, log)
            yield url
        finally:
            service.send_signal(signal.SIGINT)  # it stops its Postgres on Ctrl-C, even while it is starting
            service.wait()


def wait_until_healthy(url: str, service: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    while service.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/health", trust_env=False).status_code == 200:
                return
        time.sleep(0.05)
    log.seek(0)
    *_, last = log.read().decode(errors="backslashreplace").strip().splitlines() or ["it gave no reason"]
    raise SetupError(f"The demo's own service did not start: {last}")
