"""The Python fold, the SQL fold and the stored documents of a stream are equal."""

from datetime import datetime
from typing import Any

import psycopg
from hypothesis import strategies as st

from app.engine.projection.projection import AnyProjection, Projection
from tests.support.appending import append, history

group_sizes = st.lists(st.integers(1, 4), max_size=5)


def assert_one_fold(
    log: psycopg.Connection, projection: Projection[Any, Any], events: list[Any], together: list[int]
) -> int:
    """Append `events` in groups of the sizes `together`; compare the three folds at every version."""
    stream_id: int | None = None
    stored: dict[int, bytes] = {}
    left = list(events)
    while left:
        size = together.pop() if together else 1
        group, left = left[:size], left[size:]
        stream_id, version, _, _, documents = append(log, stream_id, group)
        stored[version] = projection.canonical_json(bytes(documents[projection.name]))
    assert stream_id is not None
    recorded = history(log, stream_id, projection.registry)
    in_sql = {
        version: (projection.canonical_json(document), upto, since)
        for version, document, upto, since in log.execute(
            f"select n, folded.document, folded.version, folded.valid_from from generate_series(1, %s) n"
            f" left join lateral catalog.fold_{projection.name}(%s, p_version => n) as folded on true",
            (len(events), stream_id),
        )
    }
    since: datetime | None = None
    for version, event in enumerate(recorded, 1):
        document = projection.fold(recorded[:version])
        in_python = projection.canonical_json(document)
        if type(event.event) in projection.by_event:
            since = event.recorded_at
        assert in_sql[version] == ((in_python, version, since) if document else (b"null", None, None))
        assert stored.get(version, in_python) == in_python
    assert_current(log, projection, stream_id, in_sql[len(events)])
    return stream_id


def assert_current(log: psycopg.Connection, projection: Projection[Any, Any], stream_id: int, expected: Any) -> None:
    """The table holds what the fold says, and folding it anew finds nothing to change."""
    query = f"select document, version, valid_from from catalog.{projection.name} where id = %s"
    document, version, since = log.execute(query, (stream_id,)).fetchone() or (None, None, None)
    assert (projection.canonical_json(document), version, since) == expected
    rebuilt = log.execute("select changed from catalog.rebuild_document(%s, %s)", (projection.name, stream_id))
    assert rebuilt.fetchone() == (False,)


def assert_one_fold_at_every_instant(log: psycopg.Connection, projection: AnyProjection, stream_id: int) -> None:
    """Python fold = SQL fold, at every version and at every instant; and = stored, also what was replaced."""
    recorded = history(log, stream_id, projection.registry)
    for version, event in enumerate(recorded, 1):
        in_python = projection().canonical_json(projection().fold(recorded[:version]))
        for bound, place in (("p_version", version), ("p_until", event.recorded_at)):
            query = f"select document from catalog.fold_{projection.name}(%s, {bound} => %s)"
            (in_sql,) = log.execute(query.encode(), (stream_id, place)).fetchone() or (None,)
            assert projection().canonical_json(in_sql) == in_python
        as_of = f"select document from catalog.{projection.name}_as_of(%s) where id = %s"
        (then,) = log.execute(as_of.encode(), (event.recorded_at, stream_id)).fetchone() or (None,)
        assert projection().canonical_json(then) == in_python
    query = "select changed from catalog.rebuild_document(%s, %s)"
    assert log.execute(query, (projection.name, stream_id)).fetchone() == (False,)
