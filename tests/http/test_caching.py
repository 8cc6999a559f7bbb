"""What caches may keep and what conditions do: one table of every request, sent to a real service."""

from collections.abc import Sequence

import httpx
import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.caching_requests import Received, answers_to
from tests.support.caching_rows import ADMINS, NONE, OWNERS, PRIVATE, Row
from tests.support.caching_table import TABLE
from tests.support.sample_items import created

OPERATIONS = sorted({row.operation for row in TABLE})
REFUSED_BY_CONDITION = (409, 412)


@pytest.fixture(scope="module")
def answers(server: EmbeddedPostgres, template: str) -> list[Received]:
    return answers_to(TABLE, server, template)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_request_is_answered_and_cached_as_the_table_says(answers: list[Received], operation: str) -> None:
    received = [each for each in answers if each.row.operation == operation]
    assert len(received) == sum(row.operation == operation for row in TABLE)
    assert [fault for each in received for fault in faults_of(each)] == []


def test_representations_of_one_address_have_etags_of_their_own(answers: list[Received]) -> None:
    """JSON and links, plain and compressed: a strong ETag names bytes."""
    tags: dict[str, dict[str, str]] = {}
    for each in answers:
        if each.row.condition == NONE and each.row.operation.startswith("GET") and "ETag" in each.headers:
            tags.setdefault(each.row.address, {})[repr(each.row.headers)] = each.headers["ETag"]
    several = {address: given for address, given in tags.items() if len(given) > 1}
    assert len(several) >= 3
    assert [address for address, given in several.items() if len(set(given.values())) < len(given)] == []


def faults_of(received: Received) -> list[str]:
    """A sentence for each difference from the row."""
    row, headers = received.row, received.headers
    differences = {
        "status": (received.status, row.answer.status),
        "Cache-Control": (headers.get("Cache-Control"), row.answer.cache_control),
        "Vary": (varies(headers.get("Vary")), varies(row.answer.vary)),
        "ETag": (kind_of(headers.get("ETag")), row.answer.tag),
        "Last-Modified": (headers.get("Last-Modified"), None),
        "version afterwards": (received.version if row.version is not None else None, row.version),
        **differences_of_condition(received),
    }
    return [
        f"{row.told}: {name} is {found!r}, not {expected!r}"
        for name, (found, expected) in differences.items()
        if found != expected
    ]


def differences_of_condition(received: Received) -> dict[str, tuple[object, object]]:
    """What a condition adds: the current ETag, no body of a 304, the current version in a refusal of a command."""
    row = received.row
    given: dict[str, tuple[object, object]] = {}
    if row.answer.status == 304:
        given["body"] = (received.content, b"")
    if row.answer.tag == "strong" and row.operation.startswith("GET") and row.condition != NONE:
        given["current ETag"] = (received.headers.get("ETag"), received.current_tag)
    if row.answer.tag == "strong" and row.version:
        given["ETag of the version"] = (received.headers.get("ETag"), f'"{row.version}"')
    if row.version and row.answer.status in REFUSED_BY_CONDITION and received.status == row.answer.status:
        given["current_version"] = (httpx.Response(200, content=received.content).json().get("current_version"), 2)
    return given


def varies(vary: str | None) -> set[str]:
    """The names in a Vary header, which are a set without regard to case."""
    return {name.strip().lower() for name in (vary or "").split(",")} - {""}


def kind_of(tag: str | None) -> str:
    if tag is None:
        return "none"
    return "weak" if tag.startswith("W/") else "strong"


def guarded(rows: Sequence[Row]) -> list[Row]:
    """The reads that need a token."""
    refused = {row.operation for row in rows if row.answer.status == 401}
    wanted = [row for row in rows if row.operation in refused and row.answer.cache_control == PRIVATE]
    return [
        row for row in wanted if row.operation.startswith("GET") and row.case == "present" and row.condition == NONE
    ]


def test_what_needs_a_token_is_private_even_while_authentication_is_off(service: str, api: httpx.Client) -> None:
    item = created(api)
    rows = {row.address: row for row in guarded(TABLE)}
    assert len(rows) >= len({*OWNERS, *ADMINS})
    for address, row in rows.items():
        with httpx.stream("GET", service + address.format(id=item["id"])) as response:
            assert response.status_code == 200, address
            assert response.headers["Cache-Control"] == PRIVATE, address
            assert varies(response.headers["Vary"]) == varies(row.answer.vary), address
