"""A replica that was promoted has another history than the primary: nothing is read from it any more."""

from pathlib import Path

import httpx
import psycopg

from tests.support.patience import until
from tests.support.ready_made import NewFolder
from tests.support.replication import primary_and_replica, query_value
from tests.support.sample_items import created
from tests.support.service_process import running_service

FORGE = 'update catalog.items set document = document || \'{"name": "of another history"}\''
PATIENT = {"CATALOG_REPLICA_LAG_SECONDS": "3600"}
"""However long ago it was as fresh as the primary, that does not keep it in use."""
READS = 20


def test_a_promoted_replica_is_not_read_from(new_server_folder: NewFolder, tmp_path: Path) -> None:
    with primary_and_replica(tmp_path, new_server_folder) as pair:
        servers = {"DATABASE_URL": pair.primary.conninfo, "DATABASE_REPLICA_URL": pair.replica.conninfo}
        with running_service(servers | PATIENT) as (url, _), httpx.Client(base_url=url, timeout=30) as client:

            def state() -> str:
                told: str = client.get("/health/ready").json()["replica"]
                return told

            with httpx.Client(base_url=f"{url}/api/v2", timeout=30) as api:
                item = created(api, name="of our history")
                pair.until_replayed()
                until(lambda: state() == "ok")
                assert query_value(pair.replica, "select pg_promote()") is True
                with psycopg.connect(pair.replica.conninfo) as promoted:
                    promoted.execute(FORGE)
                until(lambda: state() == "away")
                names = {api.get(f"/items/{item['id']}").json()["name"] for _ in range(READS)}
                assert names == {"of our history"}
                assert state() == "away"
