"""Started by root, the embedded Postgres runs as another user, with a capability only where the way is closed."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.postgres.embedded_programs import embedded_binaries
from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support import paths
from tests.support.embedded_services import DEBIAN_15, FAST, ROOT, execute, postmaster, refusal

DAC_OVERRIDE, DAC_READ_SEARCH = 1 << 1, 1 << 2
as_root = pytest.mark.skipif(not ROOT, reason="only root runs Postgres as somebody else")


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    """A folder with what the wheel installs, but for the headers."""
    with tempfile.TemporaryDirectory() as place:
        program_folder = embedded_binaries().parent
        package = program_folder.parent
        (Path(place) / package.name / program_folder.name).mkdir(parents=True)
        subprocess.run(["cp", "-a", package.with_name(f"{package.name}.libs"), place], check=True)
        for part in ("bin", "lib", "share"):
            subprocess.run(
                ["cp", "-a", program_folder / part, Path(place) / package.name / program_folder.name], check=True
            )
        yield Path(place)


@pytest.fixture
def home(installed: Path) -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's own, with server binaries and a place for data. The files of
    the binaries are shared: their rights may not be changed, unlike the folders'."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        (Path(place) / "work").mkdir(0o755)
        subprocess.run(["cp", "-al", installed, Path(place) / "code"], check=True)
        (Path(place) / "code").chmod(0o755)
        yield Path(place)


def programs(home: Path, within: str = "code") -> Path:
    (found,) = home.glob(f"{within}/*/pginstall18/bin")
    return found


@as_root
@pytest.mark.parametrize(
    ("binaries", "closed"),
    [
        *((None, closed) for closed in ((), ("work",), ("code",), ("code", "work"), (".",))),
        *((DEBIAN_15, closed) for closed in ((), ("work",))),
    ],
)
def test_as_root_the_server_gets_a_capability_only_where_the_way_is_closed(
    home: Path, binaries: Path | None, closed: tuple[str, ...]
) -> None:
    """Closed are the folders above the data, above the server's programs, or both."""
    if binaries and not binaries.exists():
        pytest.skip(f"there is no {binaries}")
    for name in closed:
        (home / name).chmod(0o700)
    with EmbeddedPostgres(home / "work" / "data", binaries=binaries or programs(home), settings=FAST) as postgres:
        assert execute(postgres.conninfo, "select 42") == 42
        rights = rights_of_the_server(home / "work" / "data")
    assert rights == (DAC_READ_SEARCH if closed else 0)
    for name in (*closed, "work"):
        assert (home / name).stat().st_mode & 0o777 == (0o700 if name in closed else 0o755)
        assert (home / name).stat().st_uid == 0


@as_root
def test_as_root_programs_that_only_root_may_execute_take_the_next_capability(home: Path) -> None:
    """pip with umask 077 installs them so. The first capability passes folders, but executes no file."""
    subprocess.run(["cp", "-a", home / "code", home / "closed"], check=True)
    subprocess.run(["chmod", "-R", "go=", home / "closed"], check=True)
    with EmbeddedPostgres(home / "work" / "data", binaries=programs(home, "closed"), settings=FAST):
        assert rights_of_the_server(home / "work" / "data") == DAC_OVERRIDE


@as_root
def test_as_root_without_the_right_to_set_securebits_closed_data_are_served_and_closed_programs_refused(
    home: Path,
) -> None:
    """A container may drop that right; access(2) then ignores the capability that passes the folders."""
    without = ["setpriv", "--bounding-set=-setpcap", "--inh-caps=-setpcap"]
    binaries = programs(home)
    (home / "work").chmod(0o700)
    assert started_by(without, home / "work" / "data", binaries) == ""
    (home / "code").chmod(0o700)
    said = started_by(without, home / "work" / "data", binaries)
    assert 'program "postgres" is needed by initdb' in said
    assert "set DATABASE_URL to a PostgreSQL server" in said


@as_root
def test_in_a_container_that_knows_root_alone_it_is_said_that_nobody_else_can_run_it(home: Path) -> None:
    said = started_by(["unshare", "--user", "--map-root-user"], home / "work" / "data", embedded_binaries())
    assert "cannot be given to the user" in said
    assert "set DATABASE_URL to a PostgreSQL server" in said


def rights_of_the_server(folder: Path) -> int:
    """The capabilities of the running server, as bits; the server must not run as root."""
    status = Path(f"/proc/{postmaster(folder)}/status").read_text()
    effective, permitted = (int(re.findall(rf"{name}:\s+(\w+)", status)[0], 16) for name in ("CapEff", "CapPrm"))
    assert effective == permitted
    assert "Uid:\t0" not in status
    return effective


START = """
import sys
from pathlib import Path
from app.errors import SetupError
from app.cli.console import naming_other_servers
from app.engine.postgres.embedded_server import EmbeddedPostgres
try:
    folder, binaries = map(Path, sys.argv[1:])
    with naming_other_servers(), EmbeddedPostgres(folder, binaries=binaries, settings={"fsync": "off"}):
        pass
except SetupError as error:
    print(error.detail)
"""


def started_by(wrapper: list[str], folder: Path, binaries: Path) -> str:
    """The error of a start in a process begun by `wrapper`; empty if the start succeeds."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(paths.ROOT), *sys.path])}
    command = [*wrapper, sys.executable, "-c", START, str(folder), str(binaries)]
    ran = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    if ran.stderr.startswith("unshare: "):
        pytest.skip(f"a container or chroot may not do this: {ran.stderr.strip()}")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@as_root
def test_without_proc_it_is_refused_at_once_and_another_server_named(tmp_path: Path) -> None:
    """macOS has no /proc."""
    without_proc = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
    said = started_by(without_proc, tmp_path / "data", embedded_binaries())
    assert "needs Linux with /proc mounted" in said
    assert "set DATABASE_URL to a PostgreSQL server" in said
    assert not (tmp_path / "data").exists()


@as_root
def test_as_root_without_setpriv_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    said = refusal(EmbeddedPostgres(tmp_path / "data"))
    assert "there is no setpriv" in said
    assert "set DATABASE_URL to a PostgreSQL server" in said


@as_root
def test_as_root_without_a_user_to_run_it_as_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr("pwd.getpwnam", unknown)
    said = refusal(EmbeddedPostgres(tmp_path / "data"))
    assert "there is no user postgres or nobody" in said
    assert "set DATABASE_URL to a PostgreSQL server" in said
