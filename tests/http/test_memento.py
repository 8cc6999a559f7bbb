"""Memento (RFC 7089): the official client walks an item's past, knowing nothing of us but the item's address."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
import requests
from memento_client import MementoClient
from msgspec import Struct
from psycopg.types.json import Jsonb

from tests.support.response_shapes import assert_problem
from tests.support.sample_items import an_item, created
from tests.support.service_process import running_service

LINK_FORMAT = "application/link-format"
IMMUTABLE = "public, max-age=31536000, immutable"
INSTANTS = [
    datetime.fromisoformat(text)
    for text in (
        *("2026-01-10T08:30:00.25Z", "2026-02-11T09:00:00Z", "2026-02-11T09:00:00.999999Z"),
        *("2026-03-12T10:15:00.5Z", "2026-03-12T10:15:01Z"),
    )
]
"""When the versions of the item of old were recorded; the second and the third in one second."""


class OldItem(Struct, frozen=True):
    api: httpx.Client
    address: str

    def version(self, number: int) -> str:
        return f"{self.address}/versions/{number}"

    @property
    def timegate(self) -> str:
        return f"{self.address}/time-travel"

    @property
    def timemap(self) -> str:
        return f"{self.address}/history"


@pytest.fixture(scope="module")
def old(module_conninfo: str) -> Iterator[OldItem]:
    """An item with a past of months, in a database of its own; nobody can wait that long, so it is written there."""
    with psycopg.connect(module_conninfo) as connection:
        query = "insert into catalog.streams (version, recorded_at) values (%s, %s) returning stream_id"
        (item_id,) = connection.execute(query, (len(INSTANTS), INSTANTS[-1])).fetchone() or (0,)
        for version, instant in enumerate(INSTANTS, 1):
            name = {"name": f"Spade {version}"}
            data = an_item() if version == 1 else {"changes": name, "previous_values": name}
            connection.execute(
                "insert into catalog.log (event_id, stream_id, version, type, data, metadata, recorded_at)"
                " values (gen_random_uuid(), %s, %s, %s, %s, %s, %s)",
                (
                    *(item_id, version, "item_created" if version == 1 else "item_updated"),
                    *(Jsonb(data), Jsonb({"user_id": "ann"}), instant),
                ),
            )
    with (
        running_service({"DATABASE_URL": module_conninfo}) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2", timeout=30) as api,
    ):
        assert api.post(f"/items/{item_id}/rebuild").json()["changed"] is True
        yield OldItem(api, f"{url}/api/v2/items/{item_id}")


@pytest.fixture
def client() -> Iterator[MementoClient]:
    with requests.Session() as session:
        session.trust_env = False
        yield MementoClient(timegate_uri="http://127.0.0.1:9/nobody/", session=session)


def second_of(instant: datetime) -> datetime:
    """As the client has it: whole seconds, UTC without saying so."""
    return instant.replace(microsecond=0, tzinfo=None)


def http_date(instant: datetime) -> str:
    written: str = MementoClient.convert_to_http_datetime(instant)
    return written


def links_of(text: str) -> dict[str, dict[str, list[str]]]:
    """`{address: {"rel": […], "datetime": […]}}`, as the official client reads links."""
    links: dict[str, dict[str, list[str]]] = MementoClient.parse_link_header(text)
    return links


def named(links: dict[str, dict[str, list[str]]]) -> dict[str, str]:
    """The address by each relation that only one has."""
    return {rel: address for address, link in links.items() for rel in link["rel"] if rel != "memento"}


def chosen(item: OldItem, accept_datetime: str | None) -> httpx.Response:
    headers = {} if accept_datetime is None else {"Accept-Datetime": accept_datetime}
    response = item.api.get(item.timegate, headers=headers)
    assert response.status_code == 302, response.text
    return response


@pytest.mark.parametrize(
    ("asked", "version"),
    [
        *((INSTANTS[number - 1], number) for number in (1, 3, 4, 5)),
        (INSTANTS[1] - timedelta(seconds=1), 1),
        (INSTANTS[2] + timedelta(days=3), 3),
        (datetime(2000, 1, 1), 1),
        (datetime(2100, 1, 1), 5),
    ],
)
def test_the_official_client_finds_the_version_of_a_time_and_those_around_it(
    old: OldItem, client: MementoClient, asked: datetime, version: int
) -> None:
    """A second counts as a whole: of two versions in it the later one is found. Before all, it is the first."""
    found = client.get_memento_info(old.address, asked.replace(tzinfo=None))
    around = {"closest": version, "first": 1, "last": len(INSTANTS), "prev": version - 1, "next": version + 1}
    assert {name: (each["uri"], each["datetime"]) for name, each in found["mementos"].items()} == {
        name: ([old.version(number)], second_of(INSTANTS[number - 1]))
        for name, number in around.items()
        if 1 <= number <= len(INSTANTS)
    }
    assert found["mementos"]["closest"]["http_status_code"] == 200
    assert (found["original_uri"], found["timegate_uri"]) == (old.address, old.timegate)


def test_the_official_client_walks_from_the_present_to_the_first_version(old: OldItem, client: MementoClient) -> None:
    """By the links of each version itself, which need not be told where the item is."""
    at = client.get_memento_info(old.address)["mementos"]["closest"]["uri"][0]
    walked = [at]
    while "prev" in (links := named(links_of(old.api.get(at).headers["Link"]))):
        at = links["prev"]
        walked.append(at)
    assert walked == [old.version(number) for number in (5, 4, 3, 2, 1)]
    for address in walked:
        assert client.is_memento(address)
        assert client.get_original_uri(address) == old.address
        assert client.get_memento_info(address, datetime(2026, 1, 20))["mementos"]["closest"]["uri"] == [walked[-1]]


def test_what_the_client_needs_is_what_its_own_checks_say(old: OldItem, client: MementoClient) -> None:
    assert client.is_timegate(old.timegate, session=client.session)
    assert not client.is_timegate(old.address, session=client.session)
    assert not client.is_memento(old.address)
    assert client.get_native_timegate_uri(old.address, datetime(2026, 2, 1)) == old.timegate


def test_the_item_tells_where_its_past_is(old: OldItem) -> None:
    links = links_of(old.api.get(old.address).headers["Link"])
    assert links == {
        old.timegate: {"rel": ["timegate"]},
        old.timemap: {"rel": ["timemap"], "type": [LINK_FORMAT]},
    }


def test_the_timegate_answers_as_the_standard_has_it(old: OldItem) -> None:
    response = chosen(old, http_date(INSTANTS[3]))
    assert response.headers["Location"] == old.version(4)
    assert "Memento-Datetime" not in response.headers
    assert response.content == b""
    assert named(links_of(response.headers["Link"])) == {
        "original": old.address,
        "timemap": old.timemap,
        "first": old.version(1),
        "prev": old.version(3),
        "next": old.version(5),
        "last": old.version(5),
    }
    assert old.api.head(old.timegate).headers["Location"] == chosen(old, None).headers["Location"] == old.version(5)


def test_an_instant_that_is_given_goes_before_accept_datetime(old: OldItem) -> None:
    response = old.api.get(
        old.timegate, params={"timestamp": "2026-02-01"}, headers={"Accept-Datetime": http_date(INSTANTS[3])}
    )
    assert (response.status_code, response.json()["state_at_time"]["event_version"]) == (200, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "now", "2026-01-15T10:30:00Z", "Thu, 15 Jan 2026 10:30:00", "Thu, 15 Jan 2026 10:30:00 CET"),
        *("Thu, 5 Jan 2026 10:30:00 GMT", "Thu, 15 Foo 2026 10:30:00 GMT", "Thu, 15 jan 2026 10:30:00 GMT"),
        *("Mon, 30 Feb 2026 10:30:00 GMT", "Thu, 15 Jan 2026 24:00:00 GMT", "Thu, 15 Jan 0000 10:30:00 GMT"),
        *("Thu, ١٥ Jan 2026 10:30:00 GMT", "Thursday, 15-Jan-26 10:30:00 GMT", "Thu, 15 Jan 2026 10:30:60 GMT"),
        *("Thu, 15 Jan 2026 10:30:00 GMT, Thu, 15 Jan 2026 10:30:00 GMT", "9" * 5000),
    ],
)
def test_an_accept_datetime_that_is_no_http_date_is_400(old: OldItem, wrong: str) -> None:
    problem = assert_problem(old.api.get(old.timegate, headers={b"Accept-Datetime": wrong.encode()}), 400)
    assert "Accept-Datetime" in problem["detail"]


@pytest.mark.parametrize("extreme", ["Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_the_ends_of_time_are_answered_too(old: OldItem, extreme: str) -> None:
    expected = 1 if "0001" in extreme else 5
    assert chosen(old, extreme).headers["Location"] == old.version(expected)


@pytest.mark.parametrize("number", range(1, 6))
def test_a_version_is_a_memento(old: OldItem, number: int) -> None:
    response = old.api.get(old.version(number))
    assert response.json()["version"] == number
    assert response.headers["Memento-Datetime"] == http_date(INSTANTS[number - 1])
    around = {"first": 1, "prev": number - 1, "next": number + 1}
    links = links_of(response.headers["Link"])
    assert named(links) == {
        "original": old.address,
        "timegate": old.timegate,
        "timemap": old.timemap,
        **{name: old.version(n) for name, n in around.items() if 1 <= n <= len(INSTANTS)},
    }
    for version in {number, *around.values()} & set(range(1, 6)):
        assert "memento" in links[old.version(version)]["rel"]
        assert links[old.version(version)]["datetime"] == [http_date(INSTANTS[version - 1])]
    unchanged = old.api.get(old.version(number), headers={"If-None-Match": f'"{number}"'})
    assert (unchanged.status_code, unchanged.headers["Memento-Datetime"]) == (304, response.headers["Memento-Datetime"])


def test_what_a_kept_memento_says_stays_true(api: httpx.Client) -> None:
    """Caches keep it for ever, so it may not say which version is the last; a next one may come."""
    path = f"/items/{created(api)['id']}"
    kept = api.get(f"{path}/versions/1")
    assert kept.headers["Cache-Control"] == IMMUTABLE
    for name in ("Spade", "Border spade"):
        api.put(path, json={"name": name})
    later = api.get(f"{path}/versions/1")
    assert "last" not in kept.headers["Link"]
    assert named(links_of(later.headers["Link"])).items() - named(links_of(kept.headers["Link"])).items() == {
        ("next", f"{api.base_url}{path[1:]}/versions/2")
    }
    assert later.content == kept.content


def test_the_timemap_lists_every_version_with_its_time(old: OldItem) -> None:
    response = old.api.get(old.timemap, headers={"Accept": LINK_FORMAT})
    assert response.headers["Content-Type"] == LINK_FORMAT
    links = links_of(response.text)
    mementos = {address: link for address, link in links.items() if "memento" in link["rel"]}
    assert mementos == {
        old.version(number): {"rel": rel, "datetime": [http_date(INSTANTS[number - 1])]}
        for number, rel in enumerate([["first", "memento"], *[["memento"]] * 3, ["last", "memento"]], 1)
    }
    for address, link in mementos.items():
        assert old.api.get(address).headers["Memento-Datetime"] == link["datetime"][0]
    assert links[old.address]["rel"] == ["original"]
    assert links[old.timegate]["rel"] == ["timegate"]
    assert links[old.timemap] == {
        "rel": ["self"],
        "type": [LINK_FORMAT],
        "from": [http_date(INSTANTS[0])],
        "until": [http_date(INSTANTS[-1])],
    }


def test_the_timemap_of_one_version_has_it_first_and_last(api: httpx.Client) -> None:
    path = f"/items/{created(api)['id']}"
    links = links_of(api.get(f"{path}/history", headers={"Accept": LINK_FORMAT}).text)
    assert links[f"{api.base_url}{path[1:]}/versions/1"]["rel"] == ["first", "last", "memento"]


@pytest.mark.parametrize(
    ("accept", "as_links"),
    [
        *((accept, True) for accept in (LINK_FORMAT, f"{LINK_FORMAT}, */*", f"a/b, {LINK_FORMAT.upper()} ; q=0.5")),
        *((accept, True) for accept in (f"{LINK_FORMAT};q=0.9, application/json;q=0.1", f"{LINK_FORMAT};x=1;q=0.001")),
        *((accept, False) for accept in ("*/*", "", "application/json", "application/*", "a/b", "x", ";", ",,;q=")),
        *((accept, False) for accept in (f"{LINK_FORMAT};q=0", f"{LINK_FORMAT};q=0.5, */*", f"{LINK_FORMAT}-2")),
        *((accept, False) for accept in (f"application/json, {LINK_FORMAT}", "a/b;q=inf, */*;q=1e400", "é" * 5000)),
    ],
)  # fmt: skip
def test_history_is_json_unless_links_are_liked_better(api: httpx.Client, accept: str, as_links: bool) -> None:
    path = f"/items/{created(api)['id']}"
    response = api.get(f"{path}/history", headers={b"Accept": accept.encode()})
    assert response.status_code == 200
    assert (response.headers["Content-Type"] == LINK_FORMAT) == as_links
    assert as_links or response.json()["event_count"] == 1


def test_an_accept_header_in_several_lines_is_one(api: httpx.Client) -> None:
    path = f"/items/{created(api)['id']}"
    response = api.get(f"{path}/history", headers=[("Accept", "*/*;q=0.1"), ("Accept", LINK_FORMAT)])
    assert response.headers["Content-Type"] == LINK_FORMAT


@pytest.mark.parametrize(("rest", "headers"), [("time-travel", {}), ("history", {"Accept": LINK_FORMAT})])
def test_an_item_that_never_was_has_neither(api: httpx.Client, rest: str, headers: dict[str, str]) -> None:
    assert_problem(api.get(f"/items/2147483647/{rest}", headers=headers), 404)


def test_the_links_are_where_the_public_finds_them(conninfo: str) -> None:
    environment = {"DATABASE_URL": conninfo, "CATALOG_PUBLIC_URL": "https://swappo.example/catalog/"}
    with running_service(environment) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as client:
        path = f"/items/{created(client)['id']}"
        answers: list[Any] = [client.get(f"{path}{rest}") for rest in ("", "/", "/time-travel", "/versions/1")]
        timemap = client.get(f"{path}/history", headers={"Accept": LINK_FORMAT}).text
    front = f"https://swappo.example/catalog/api/v2{path}"
    for text in [timemap, *(answer.headers["Link"] for answer in answers)]:
        assert all(address == front or address.startswith(f"{front}/") for address in links_of(text))
    assert answers[2].headers["Location"] == f"{front}/versions/1"


@pytest.mark.parametrize("host", ["x:y", "a b", "x/y", "@", "<x>; rel=y"])
def test_a_strange_host_does_not_get_into_a_link(api: httpx.Client, host: str) -> None:
    path = f"/items/{created(api)['id']}"
    for rest in ("", "/time-travel", "/versions/1"):
        response = api.get(f"{path}{rest}", headers={"Host": host})
        assert response.status_code in (200, 302, 400)
        links = links_of(response.headers.get("Link", ""))
        assert all(address.startswith("/api/v2/items/") for address in links or {})
