"""Run `catalog serve` as a process: wait until it is healthy, and end it at the end."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from psycopg.conninfo import conninfo_to_dict

from app.engine.postgres.connections import as_service_role
from tests.support.cli_process import Call, clean_environment
from tests.support.patience import PATIENCE_SECONDS, PATIENT_LIMITS

STARTS_WITHIN_SECONDS = ENDS_WITHIN_SECONDS = PATIENCE_SECONDS

Process = Call | subprocess.Popen[bytes]
"""A service's."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def service_environment(environment: dict[str, str]) -> dict[str, str]:
    """All that a service finds in its environment: its settings, and patience where no limit is set."""
    return {**clean_environment(), **PATIENT_LIMITS, **with_a_services_rights(environment)}


def with_a_services_rights(environment: dict[str, str]) -> dict[str, str]:
    """The same, with a database given as the service is to use it; unless it is given with options."""
    url = environment.get("DATABASE_URL")
    if not url or "options" in conninfo_to_dict(url):
        return environment
    return {**environment, "DATABASE_URL": as_service_role(url)}


@contextmanager
def running_service(environment: dict[str, str], program: str = "") -> Iterator[tuple[str, Process]]:
    """`catalog serve`, or a program that ends in it, in a process of its own: its address, and the process, which is
    ended at the end."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments, given = ["serve", "--port", str(port)], service_environment(environment)
    process: Process = (
        subprocess.Popen([sys.executable, "-c", program, *arguments], env=given) if program else Call(arguments, given)
    )
    try:
        wait_until_healthy(url, process)
        yield url, process
    finally:
        process.terminate()
        process.wait(timeout=ENDS_WITHIN_SECONDS)


class Restartable:
    """A service that can be restarted at the same address, with a client. Use it with `with`."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = service_environment(environment)
        self._port = free_port()
        self._process: Call | None = None
        self.url = f"http://127.0.0.1:{self._port}"
        self.client = httpx.Client(base_url=f"{self.url}/api/v2", timeout=PATIENCE_SECONDS)

    def ensure_running(self) -> None:
        if self._process is None:
            self._process = Call(["serve", "--port", str(self._port)], self._environment)
            wait_until_healthy(self.url, self._process)

    def end(self, told: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(told)
            self._process.wait(timeout=ENDS_WITHIN_SECONDS)
            self._process = None

    def restart(self, told: signal.Signals) -> None:
        self.end(told)
        self.ensure_running()

    def __enter__(self) -> "Restartable":
        self.ensure_running()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.end()


def wait_until_healthy(url: str, process: Process | subprocess.Popen[str]) -> None:
    """Poll with one client without certificates, because reading those takes longer than a start."""
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    with httpx.Client(verify=False) as client:
        while time.monotonic() < deadline:
            assert process.poll() is None, "the service ended while starting; its last words are above"
            try:
                if client.get(f"{url}/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
    raise AssertionError("the service did not become healthy")


def resident_mebibytes(pid: int) -> float:
    (line,) = [each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS")]
    return int(line.split()[1]) / 1024
