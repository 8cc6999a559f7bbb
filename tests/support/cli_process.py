"""Run `catalog …` as a process, forked from one that has imported everything and compiled the read models: that takes
a second, once.

The forked command and service behave the same. Tests of the console script itself, and those with a pipe, a terminal or
a program of their own, start a new interpreter instead.
"""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from tempfile import TemporaryFile

from app.cli.catalog import main
from app.engine.compiler.rebuild_steps import fingerprint
from app.main import PROJECTIONS, schema_sql

DONE_WITHIN_SECONDS = 300
LONGEST_CALL = 100_000


def clean_environment() -> dict[str, str]:
    """Our environment without settings of the catalog."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("CATALOG_", "DATABASE_"))}


class Call:
    """`catalog …` with only these settings, in a process that is signalled and awaited like a `subprocess.Popen`."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], out: int = 1, err: int = 2) -> None:
        call = json.dumps([arguments, environment]).encode()
        assert len(call) < LONGEST_CALL
        self.returncode: int | None = None
        self._answers, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(_caller()[0], [call], [0, out, err, theirs.fileno()])
        self.pid = self._answer()

    def wait(self, timeout: float | None = None) -> int:
        """The status it ends with. Raises TimeoutError."""
        if self.returncode is None:
            self._answers.settimeout(timeout)
            self.returncode = self._answer()
            self._answers.close()
        return self.returncode

    def _answer(self) -> int:
        answer = self._answers.recv(4, socket.MSG_WAITALL)
        assert len(answer) == 4, "the process that forks calls has ended"
        return int.from_bytes(answer, signed=True)

    def poll(self) -> int | None:
        with suppress(BlockingIOError):
            self.wait(0)
        return self.returncode

    def send_signal(self, told: signal.Signals) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended, and is reaped
                os.kill(self.pid, told)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def catalog(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `catalog …` with only these settings to its end."""
    with TemporaryFile() as out, TemporaryFile() as err:
        call = Call(arguments, clean_environment() | environment, out.fileno(), err.fileno())
        try:
            status = call.wait(DONE_WITHIN_SECONDS)
        finally:
            call.kill()
            call.wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(arguments, status, out.read().decode(), err.read().decode())


def end_caller() -> None:
    """End the process that forks the calls, at the very end."""
    if _caller.cache_info().currsize:
        calls, process = _caller()
        calls.close()
        process.wait()
        _caller.cache_clear()


@cache
def _caller() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The process that forks the calls, and its socket. It ends when we do."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.support.cli_process", str(theirs.fileno())]
    process = subprocess.Popen(command, env=clean_environment(), pass_fds=[theirs.fileno()], stdout=subprocess.DEVNULL)
    theirs.close()
    return ours, process


def _become_a_call(calls: socket.socket) -> None:
    """Fork for each call. Returns in the child, which becomes the command; its parent reports the status."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    schema_sql()
    for projection in PROJECTIONS:
        fingerprint(projection)
    gc.freeze()
    while True:
        call, given, _, _ = socket.recv_fds(calls, LONGEST_CALL, 4)
        if not call:
            sys.exit()
        if not os.fork():
            break
        for descriptor in given:
            os.close(descriptor)
    calls.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *standard, answers = given
    if pid := os.fork():
        os.write(answers, pid.to_bytes(4, signed=True))
        _, status = os.waitpid(pid, 0)
        os.write(answers, os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))
        os._exit(0)
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
    os.closerange(3, 256)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    arguments, environment = json.loads(call)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments


if __name__ == "__main__":
    _become_a_call(socket.socket(fileno=int(sys.argv[1])))
    main(prog_name="catalog")
