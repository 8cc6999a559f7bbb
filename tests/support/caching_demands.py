"""The rows that the caching table must have, derived from the OpenAPI document and the application's routes."""

from collections.abc import Iterator, Sequence
from typing import Any

from tests.support.caching_rows import (
    ANONYMOUS,
    API,
    EXPECTED_VERSION,
    NONE,
    ON_COMMANDS,
    ON_CREATIONS,
    ON_EXPECTED_VERSION,
    ON_READS,
    OWNER,
    Row,
)

INSTANTS = ("as_of", "timestamp", "from", "to")
IN_TIME = ("settled", "unsettled", "future")
WITHOUT_MEANING = {"user_id", EXPECTED_VERSION, "reason"}
"""Parameters of commands that change neither what is done nor what is answered."""
METHODS = ("get", "post", "put", "patch", "delete")


def missing_rows(document: dict[str, Any], undocumented: Sequence[str], table: Sequence[Row]) -> list[str]:
    """What the table lacks, each as a sentence that says what to add.

    `document` is the OpenAPI document. `undocumented` has the operations that it leaves out, such as `GET /`.
    """
    lacks = []
    for operation, described in _operations(document):
        rows = [row for row in table if row.operation == operation]
        demands = _demands_of_read if operation.startswith("GET ") else _demands_of_command
        lacks += [f"{operation}: {each}" for each in demands(operation, described, rows)]
    for operation in undocumented:
        rows = [row for row in table if row.operation == operation]
        lacks += [f"{operation}: {each}" for each in _demands_of_anybody(rows)]
    return [f"add to tests/support/caching_table.py {each}" for each in lacks]


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, described in document["paths"].items():
        for method in METHODS:
            if method in described:
                yield f"{method.upper()} {path}", described[method]


def _demands_of_anybody(rows: Sequence[Row]) -> Iterator[str]:
    for who in (ANONYMOUS, OWNER):
        if not any(row.who == who for row in rows):
            yield f"a row as {who}"


def _demands_of_every_operation(operation: str, described: dict[str, Any], rows: Sequence[Row]) -> Iterator[str]:
    """Both actors, and the refusals: of the token, of the actor, of an unknown parameter, of a missing thing."""
    yield from _demands_of_anybody(rows)
    statuses = {row.answer.status for row in rows}
    if not any(status < 400 for status in statuses):
        yield "a row that is not refused"
    for status in (401, 403):
        if str(status) in described["responses"] and status not in statuses:
            yield f"a row that is refused with {status}"
    if "404" in described["responses"] and not any(row.case == "missing" for row in rows):
        yield "a missing row"
    if f" {API}/" in operation and not any(row.case == "invalid" for row in rows):
        yield "an invalid row, with a parameter that does not exist"
    for media_type in _media_types(described)[1:]:
        if not any(media_type == row.headers.get("Accept") for row in rows):
            yield f"a row with Accept: {media_type}"


def _demands_of_read(operation: str, described: dict[str, Any], rows: Sequence[Row]) -> Iterator[str]:
    yield from _demands_of_every_operation(operation, described, rows)
    answered = [row for row in rows if row.answer.status < 400]
    usual = "settled" if "{version}" in operation else "present"
    if not any(row.case == usual for row in answered):
        yield f"a {usual} row"
    yield from _demands_of_times(_parameters(described), rows)
    is_conditional = "304" in described["responses"]
    if is_conditional != any(row.answer.tag == "strong" for row in answered):
        yield "an ETag, or no 304 in the document"
    if is_conditional:
        for who, case in sorted({(row.who, row.case) for row in answered if row.answer.tag == "strong"}):
            given = {row.condition for row in answered if (row.who, row.case) == (who, case)}
            given |= {row.condition for row in rows if (row.who, row.case, row.answer.status) == (who, case, 412)}
            yield from (f"a {case} row as {who}, {name}" for name in ON_READS if name not in given)


def _demands_of_times(parameters: set[str], rows: Sequence[Row]) -> Iterator[str]:
    for name in INSTANTS:
        for case in IN_TIME:
            if name in parameters and not any(
                row.case == case and f"{name}={{{case}}}" in row.address and row.condition == NONE for row in rows
            ):
                yield f"a row with {name}={{{case}}} in its address"
    if "cursor" in parameters:
        for case in ("settled", "unsettled"):
            if not any(row.address in (f"{{{case}_page}}", f"{{{case}_changes}}") for row in rows):
                yield f"a row with the second page as of the {case} instant"
    if "min_position" in parameters and not any("min_position={position}" in row.address for row in rows):
        yield "a row with min_position={position} in its address"


def _demands_of_command(operation: str, described: dict[str, Any], rows: Sequence[Row]) -> Iterator[str]:
    yield from _demands_of_every_operation(operation, described, rows)
    parameters = _parameters(described)
    done = [row for row in rows if row.answer.status < 300]
    for name in sorted(parameters & _in_query(described) - WITHOUT_MEANING):
        if not any(f"{name}=" in row.address for row in done):
            yield f"a row with {name}= in its address"
    if "requestBody" in described and not any(row.body is not None for row in done):
        yield "a row with a body"
    if "If-Match" not in parameters:
        return
    demanded = ON_COMMANDS if "{item_id}" in operation else ON_CREATIONS
    demanded = demanded | (ON_EXPECTED_VERSION if EXPECTED_VERSION in parameters else {})
    cases = ("present", "missing") if "{item_id}" in operation else ("present",)
    for variant in sorted({_variant(row) for row in done}):
        for case in cases:
            given = {row.condition for row in rows if _variant(row) == variant and row.case == case}
            yield from (f"a {case} row {variant}, {name}" for name in demanded if name not in given)


def _variant(row: Row) -> str:
    """The way in which a command is sent: its query and its body."""
    query, headers = row.address.partition("?")[2], row.headers.get("Content-Type", "")
    return f"with the query {query!r} and the body {headers} {row.body!r}"


def _parameters(described: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in described.get("parameters", [])}


def _in_query(described: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in described.get("parameters", []) if parameter["in"] == "query"}


def _media_types(described: dict[str, Any]) -> list[str]:
    return [name for status in ("200",) for name in described["responses"].get(status, {}).get("content", {})]
