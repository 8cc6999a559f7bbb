"""A dump, restored into a fresh server, is the same catalog: the same past, the same documents, and it goes on."""

import subprocess
from pathlib import Path

import httpx

from app.main import install
from app.postgres import EmbeddedPostgres, embedded_binaries
from tests.conftest import binaries_under_test, running_service
from tests.crash.clients import Clients, writing


def test_a_restored_dump_is_verified_and_goes_on(tmp_path: Path) -> None:
    """Dumped while people write: what was acknowledged before is in it."""
    tools = binaries_under_test() or embedded_binaries()
    dump = tmp_path / "catalog.dump"
    with (
        EmbeddedPostgres(tmp_path / "data", binaries=binaries_under_test()) as server,
        EmbeddedPostgres(tmp_path / "other", binaries=binaries_under_test()) as other,
    ):
        install(server.conninfo)
        with running_service({"DATABASE_URL": server.conninfo}) as (url, _), writing(url) as clients:
            before = told(clients)
            subprocess.run(
                [tools / "pg_dump", "--format=custom", f"--file={dump}", f"--dbname={server.conninfo}"], check=True
            )
        subprocess.run([tools / "pg_restore", "--exit-on-error", f"--dbname={other.conninfo}", dump], check=True)
        with running_service({"DATABASE_URL": other.conninfo}) as (url, _):
            with httpx.Client(base_url=f"{url}/api/v2", timeout=60) as api:
                for item_id, names in before.items():
                    at_last = api.get(f"/items/{item_id}/versions/{len(names)}").json()
                    assert at_last["name"] == names[-1]
                for projection in ("items", "owners", "categories"):
                    verified = api.post(f"/projections/{projection}/verify").json()
                    assert verified["checked"] > 0
                    assert verified["differing_count"] == 0
            with writing(url):
                pass


def told(clients: Clients) -> dict[int, list[str]]:
    """The names of each item's acknowledged versions, so far."""
    return {story.item_id: list(story.names) for story in clients.stories}
