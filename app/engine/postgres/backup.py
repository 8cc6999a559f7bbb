"""Back up the whole catalog by pg_dump while it serves, and restore a backup.

The programs are of the server's version or the next newer one found: an older pg_dump refuses a newer server. They get
a password in their environment, where other users of the machine do not see it.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.engine.postgres.embedded_programs import embedded_binaries
from app.engine.postgres.session_settings import connect
from app.errors import Conflict, SetupError

with suppress(ImportError):  # on Windows
    import fcntl

COUNT_EVENTS = "select count(*), coalesce(max(position), 0) from catalog.events"
IS_COMPLETE = """
select (select coalesce(sum(version), 0) from catalog.streams) = (select count(*) from catalog.events)
    and (select last_value from catalog.log_position_seq)
        >= (select coalesce(max(position), 1) from catalog.events)
"""
"""Each stream has as many events as its version says, and the sequence is not behind the log."""

IS_NOT_EMPTY = """
select format('the %s %I.%I', kind, nspname, name)
from (
    select 'relation' as kind, oid, relnamespace as namespace, relname as name from pg_class
    union all
    select 'function', oid, pronamespace, proname from pg_proc
) as found
join pg_namespace on pg_namespace.oid = found.namespace
where nspname !~ '^pg_' and nspname <> 'information_schema'
    and not exists (select from pg_depend where objid = found.oid and deptype = 'e')
order by nspname = 'catalog' desc, kind = 'relation' desc, name
limit 1
"""
"""Objects of extensions do not count, because some hosts install extensions in each database."""


class CatalogContents(Struct, frozen=True, kw_only=True):
    """The contents of a backup or of a restored catalog."""

    events: int
    last_position: int
    bytes: int | None = None
    """The length of the file."""


def back_up(conninfo: str, file: Path, binaries: Path | None = None) -> CatalogContents:
    """Write a dump of the catalog to `file`, which appears or replaces an older one when the dump is complete.

    Raises SetupError if pg_dump is missing or fails, or the file cannot be written; then no file is left behind.
    """
    with connect(conninfo) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        events, last_position = connection.execute(COUNT_EVENTS).fetchone() or (0, 0)
        (snapshot,) = connection.execute("select pg_export_snapshot()").fetchone() or ("",)
        pg_dump = find_program("pg_dump", connection.info.server_version // 10000, binaries)
        with _written_atomically(file) as part:
            _run([pg_dump, "--format=custom", f"--snapshot={snapshot}", f"--file={part}"], conninfo)
            length = part.stat().st_size
    return CatalogContents(events=events, last_position=last_position, bytes=length)


def check_empty(conninfo: str) -> None:
    """Raises Conflict if the database is not empty."""
    with connect(conninfo) as connection:
        found = connection.execute(IS_NOT_EMPTY).fetchone()
    if found:
        raise Conflict(f"The database is not empty, it holds {found[0]}: a backup is restored into an empty one only.")


def restore(conninfo: str, file: Path, binaries: Path | None = None) -> None:
    """Restore `file` into an empty database in one transaction.

    Owners and privileges are not restored, because their roles may not exist. Raises Conflict unless the database is
    empty, and SetupError if pg_restore is missing or fails.
    """
    check_empty(conninfo)
    with connect(conninfo) as connection:
        major = connection.info.server_version // 10000
    options = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
    _run([find_program("pg_restore", major, binaries), *options, str(file)], conninfo)


def contents(conninfo: str) -> CatalogContents:
    """Count the catalog's events. Raises Conflict if events are missing."""
    with connect(conninfo) as connection:
        if connection.execute(IS_COMPLETE).fetchone() != (True,):
            raise Conflict("The log is incomplete: some streams have more or fewer events than their version says.")
        events, last_position = connection.execute(COUNT_EVENTS).fetchone() or (0, 0)
    return CatalogContents(events=events, last_position=last_position)


def find_program(name: str, major: int, binaries: Path | None = None) -> str:
    """The path of a program of the server's major version or the next newer one found. Raises SetupError if none is
    found."""
    found: dict[int, str] = {}
    for folder in _folders(binaries):
        if path := shutil.which(name, path=str(folder)):
            found.setdefault(_major_version(path), path)
    usable = [version for version in found if version >= major]
    if not usable:
        others = f"; found: {', '.join(map(str, sorted(found)))}" if found else ""
        raise SetupError(
            f"the server is PostgreSQL {major}: put {name} of that version or a newer one on the PATH{others}"
        )
    return found[min(usable)]


def _folders(binaries: Path | None) -> Iterator[Path]:
    if binaries:
        yield binaries
    yield from map(Path, filter(None, os.environ.get("PATH", "").split(os.pathsep)))
    try:
        yield from embedded_binaries().parents[1].glob("pginstall*/bin")
    except SetupError:
        return


def _major_version(path: str) -> int:
    told = subprocess.run([path, "--version"], check=False, capture_output=True, text=True).stdout
    match = re.search(r"\) (\d+)", told)
    return int(match[1]) if match else 0


def _run(command: list[str], conninfo: str) -> None:
    given = conninfo_to_dict(conninfo)
    password = given.pop("password", None)
    environment = {**os.environ, "LC_ALL": "C", **({"PGPASSWORD": str(password)} if password else {})}
    target = f"--dbname={make_conninfo('', **given)}"
    done = subprocess.run([*command, target], check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it did not say why"]
        raise SetupError(f"{Path(command[0]).name} failed: {said[0]}")


@contextmanager
def _written_atomically(file: Path) -> Iterator[Path]:
    """A private file beside `file`, which replaces `file` at the end. The rest of a killed backup is overwritten."""
    part = file.with_name(f".{file.name}.part")
    try:
        with open(os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "rb+") as opened:
            _claim_part_file(opened.fileno(), file)
            try:
                yield part
                os.fsync(opened.fileno())
                part.replace(file)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        folder = os.open(file.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        raise SetupError(f"{file} cannot be written: {error.strerror}") from error


def _claim_part_file(part: int, file: Path) -> None:
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SetupError(f"another backup is writing {file}") from None
