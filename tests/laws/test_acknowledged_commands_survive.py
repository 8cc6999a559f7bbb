"""Law 6: an acknowledged command survives `kill -9` of the service in the middle of writes."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx

from tests.support.ready_made import NewFolder
from tests.support.sample_items import an_item
from tests.support.service_process import running_service

WRITERS = 6
ENOUGH = 150


def test_every_acknowledged_command_is_there_after_the_service_was_killed(
    new_folder: NewFolder, tmp_path: Path
) -> None:
    """The embedded server has its own settings, with fsync on; the next service takes the server over."""
    environment = {"CATALOG_DATA_DIR": str(new_folder(tmp_path / "data"))}
    acknowledged: list[tuple[int, int]] = []
    enough = Event()

    with running_service(environment) as (url, process):

        def write(writer: int) -> None:
            """Create an item and rename it repeatedly until the end; note each acknowledged version."""
            with httpx.Client(base_url=f"{url}/api/v2") as client:
                try:
                    created = client.post("/items", json=an_item(owner_id=f"writer-{writer}")).json()
                    while True:
                        acknowledged.append((created["id"], created["version"]))
                        if len(acknowledged) > ENOUGH:
                            enough.set()
                        response = client.put(f"/items/{created['id']}", json={"name": f"v{created['version'] + 1}"})
                        created = response.json()
                except httpx.TransportError:
                    enough.set()

        with ThreadPoolExecutor(WRITERS) as pool:
            for writer in range(WRITERS):
                pool.submit(write, writer)
            assert enough.wait(60)
            process.send_signal(signal.SIGKILL)
    assert len(acknowledged) > ENOUGH

    with running_service(environment) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as client:
        for item_id, version in acknowledged:
            found = client.get(f"/items/{item_id}/versions/{version}").json()
            assert found["version"] == version
            assert version == 1 or found["name"] == f"v{version}"
        for item_id in {item_id for item_id, _ in acknowledged}:
            assert client.post(f"/items/{item_id}/rebuild").json()["changed"] is False
