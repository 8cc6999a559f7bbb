"""Compiles the views that analysts read in psql, in the schema `public`: typed columns, as of any instant.

Each read model has a view with a column for each field of its document. A temporal projection has more views, named
after its document, here Item: `item_versions`, `item_events` and `audit_trail`; `app.engine.compiler.analyst_functions`
adds functions over them.

`set catalog.as_of = '2026-01-15'` moves a session into the past: every view then shows that instant. A subquery reads
the setting once per query, and the history is not read unless it is set.
"""

from collections.abc import Sequence
from typing import get_type_hints

from app.engine.compiler.analyst_functions import analyst_functions
from app.engine.compiler.document_tables import field_columns
from app.engine.compiler.rollups import aggregate_query, stored_member_columns
from app.engine.compiler.sql_text import indent, literal
from app.engine.compiler.step import type_literals
from app.engine.compiler.templates import fill_query
from app.engine.compiler.views import (
    INSTANT_TYPE,
    ViewColumn,
    cast_field,
    create_view,
    field_columns_of_view,
    singular_name,
    sql_type,
    view_column_name,
)
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rollup import AnyRollup
from app.engine.projection.rules import RuleError

SESSION_INSTANT = "(select catalog.as_of())"
"""The instant that a session reads as of; `infinity` for the present."""
INSTANTS = {"instant": SESSION_INSTANT, "in_the_past": f"{SESSION_INSTANT} < 'infinity'"}
"""The values of the templates that read as of it."""


def analyst_views(inline: Sequence[AnyProjection], rollups: Sequence[AnyRollup]) -> str:
    """All views and functions. The audit trail and `changes_between` of the first temporal projection have no prefix;
    those of others begin with the document's name, so that adding a projection renames nothing."""
    temporal = [projection for projection in inline if projection.temporal]
    _check_view_names([*inline, *rollups], temporal)
    parts = [current_view(projection) for projection in inline]
    for projection in temporal:
        prefix = "" if projection is temporal[0] else f"{singular_name(projection)}_"
        parts += [
            versions_view(projection),
            events_view(projection),
            audit_trail_view(projection, f"{prefix}audit_trail"),
            *analyst_functions(projection, prefix),
        ]
    return "\n".join([*parts, *map(rollup_view, rollups)])


def _check_view_names(read_models: Sequence[AnyProjection | AnyRollup], temporal: Sequence[AnyProjection]) -> None:
    """Raises RuleError if two views would have one name: the second would replace the first."""
    named = [each.name for each in read_models]
    named += [f"{singular_name(each)}_{what}" for each in temporal for what in ("versions", "events", "audit_trail")]
    if twice := [name for name in named if named.count(name) > 1]:
        raise RuleError(f"Two views would be called {twice[0]}: give a read model, or its document, another name.")


def current_view(projection: AnyProjection) -> str:
    """The view `<name>`: the documents of now, or of the session's instant."""
    name = projection.name
    columns = ", ".join(["id", "document", *(column.quoted for column in field_columns(projection))])
    if projection.temporal:
        source = fill_query("current_documents", columns=columns, name=name, **INSTANTS)
        about = f"The documents of {projection.__name__}, now or as of catalog.as_of."
    else:
        source = _present_documents(name, columns)
        about = f"The current documents of {projection.__name__}, which keeps no past."
    return create_view(name, about, field_columns_of_view(projection), source)


def _present_documents(name: str, columns: str) -> str:
    """Without a past: the query raises if the session's instant is set."""
    return fill_query("present_documents", columns=columns, name=name, name_literal=literal(name))


def versions_view(projection: AnyProjection) -> str:
    """The view `<singular_name>_versions`: each document that ever was, and from when until when."""
    columns = ", ".join(["id", "document", *(column.quoted for column in field_columns(projection)), "valid_from"])
    return create_view(
        f"{singular_name(projection)}_versions",
        f"Every document that {projection.__name__} ever had, each from when it was recorded until it was replaced.",
        _version_columns(projection),
        fill_query("all_versions", columns=columns, name=projection.name, instant=SESSION_INSTANT),
    )


def events_view(projection: AnyProjection) -> str:
    """The view `<singular_name>_events`: the log."""
    columns = [
        ViewColumn("position", "bigint", "position", "Place in the whole log; grows, may have gaps."),
        ViewColumn("event_id", "uuid", "event_id", "UUIDv7."),
        _stream_source(projection),
        ViewColumn("version", "integer", "version", "1 is its first event; without gaps."),
        ViewColumn("type", "text", "type", "The tag of the event type."),
        ViewColumn(
            "recorded_at", INSTANT_TYPE, "recorded_at", "When it was recorded; strictly grows with the version."
        ),
        *(
            ViewColumn(name, "text", f"metadata ->> {literal(name)}", about)
            for name, about in (
                ("user_id", "Who did it."),
                ("correlation_id", "The request that it belongs to."),
                ("causation_id", "What led to it."),
            )
        ),
        ViewColumn("data", "jsonb", "data", "The fields of the event."),
        ViewColumn("metadata", "jsonb", "metadata", "All that is known of who and why."),
    ]
    about = f"The events of {projection.__name__}, up to catalog.as_of if it is set."
    return create_view(f"{singular_name(projection)}_events", about, columns, _log_source(projection))


def audit_trail_view(projection: AnyProjection, name: str) -> str:
    """Who did what, a row for each event, with a column for each field of the events that change a document."""
    columns = [
        _stream_source(projection),
        ViewColumn("position", "bigint", "position", "Place in the whole log; grows, may have gaps."),
        ViewColumn("version", "integer", "version", "1 is its first event; without gaps."),
        ViewColumn("event_type", "text", "type", "What happened."),
        ViewColumn("recorded_at", INSTANT_TYPE, "recorded_at", "When it was recorded."),
        ViewColumn("user_id", "text", "metadata ->> 'user_id'", "Who did it."),
    ]
    taken = {column.name for column in columns}
    columns += [
        ViewColumn(field, kind, cast_field("data", field, kind), f"{field} of the event, if it has one.")
        for field, kind in _types_of_changed_fields(projection).items()
        if field not in taken
    ]
    about = f"Who did what to the documents of {projection.__name__}: a row for each event, up to catalog.as_of."
    return create_view(name, about, columns, _log_source(projection))


def _types_of_changed_fields(projection: AnyProjection) -> dict[str, str]:
    """The SQL type of each field of the events that do not start a document; jsonb where two events differ."""
    found: dict[str, str] = {}
    for event in projection.registry.types.values():
        rule = projection.by_event.get(event)
        if rule is None or rule.verb != "starts":
            for field, hint in get_type_hints(event).items():
                kind = sql_type(hint)
                found[field] = kind if found.get(field, kind) == kind else "jsonb"
    return found


def rollup_view(rollup: AnyRollup) -> str:
    """The view `<name>`: the stored documents now; in the past, aggregates of the source's documents as of then."""
    source, fields = rollup.of, []
    for name, hint in get_type_hints(rollup.document).items():
        kind = sql_type(hint)
        keyed = any(tally.verb == "keyed" and tally.field.__name__ == name for tally in rollup.rules)
        value = "key" if keyed else cast_field("document", name, kind)
        fields.append(ViewColumn(name, kind, value, f"{name} of the document."))
    if not source.temporal:
        about = f"The current documents of {rollup.__name__}, which keeps no past."
        return create_view(rollup.name, about, fields, _present_documents(rollup.name, "key, document"))
    members = fill_query("past_members", columns=stored_member_columns(rollup), projection=source.name, **INSTANTS)
    documents = fill_query(
        "rollup_documents",
        name=rollup.name,
        instant=SESSION_INSTANT,
        aggregated=indent(aggregate_query(rollup, members)),
    )
    about = f"The documents of {rollup.__name__}, now or as of catalog.as_of."
    return create_view(rollup.name, about, fields, documents)


def _stream_source(projection: AnyProjection) -> ViewColumn:
    return ViewColumn(
        f"{singular_name(projection)}_id", "integer", "stream_id", f"The {singular_name(projection)} that it is about."
    )


def _log_source(projection: AnyProjection) -> str:
    types = type_literals(projection.registry.types.values())
    return f"catalog.events\nwhere recorded_at <= {SESSION_INSTANT}\n    and type in ({types})"


def _version_columns(projection: AnyProjection) -> list[ViewColumn]:
    return [
        *field_columns_of_view(projection),
        ViewColumn(view_column_name(projection, "valid_from"), INSTANT_TYPE, "valid_from", "When it was recorded."),
        ViewColumn(
            view_column_name(projection, "valid_to"),
            INSTANT_TYPE,
            "valid_to",
            "When it was replaced; null if it still holds.",
        ),
        ViewColumn(
            view_column_name(projection, "document"),
            "jsonb",
            "document",
            f"{projection.document.__name__}, as the API serves it.",
        ),
    ]
