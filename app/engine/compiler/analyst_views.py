"""What analysts find in psql, in the schema `public`: typed columns instead of JSON, and any instant of the past.

A view for each read model, with a column for each field of its document. Beside a temporal projection moreover, named
after its document, here Item: `item_versions`, `item_events`, `audit_trail`, and the functions `items_as_of`,
`item_at`, `item_diff` and `changes_between`. They are made of the views, so that whoever may read those may call them.

`set catalog.as_of = '2026-01-15'` moves a session into the past: every view then shows that instant. What it is set to
is asked once per query, by a subquery, and the history is left alone unless it is set.
"""

from collections.abc import Callable, Sequence
from typing import get_type_hints

from app.engine.compiler.document_tables import field_columns
from app.engine.compiler.rollups import aggregate_query, stored_member_columns
from app.engine.compiler.sql_text import comment, indent, literal
from app.engine.compiler.step import type_literals
from app.engine.compiler.views import (
    INSTANT_TYPE,
    ViewColumn,
    cast_field,
    column_names,
    create_function,
    create_view,
    field_columns_of_view,
    singular_name,
    sql_type,
    view_column_name,
)
from app.engine.postgres.identifiers import dollar_quoted
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rollup import AnyRollup
from app.engine.projection.rules import RuleError

SESSION_INSTANT = "(select catalog.as_of())"
"""The instant that a session looks at; `infinity` for the present."""
IN_THE_PAST = f"{SESSION_INSTANT} < 'infinity'"


def analyst_views(inline: Sequence[AnyProjection], rollups: Sequence[AnyRollup]) -> str:
    """All views and functions. The first temporal projection is what the catalog is about: only of others do the audit
    trail and the changes bear the name, so that a further one renames nothing."""
    temporal = [projection for projection in inline if projection.temporal]
    _check_view_names([*inline, *rollups], temporal)
    parts = [current_view(projection) for projection in inline]
    for projection in temporal:
        prefix = "" if projection is temporal[0] else f"{singular_name(projection)}_"
        parts += [
            versions_view(projection),
            events_view(projection),
            audit_trail_view(projection, f"{prefix}audit_trail"),
        ]
        parts += [as_of_view_function(projection), document_at_function(projection), diff_function(projection)]
        parts.append(changes_function(projection, f"{prefix}changes_between"))
        parts.append(changed_between_function(projection))
    return "\n".join([*parts, *map(rollup_view, rollups)])


def _check_view_names(read_models: Sequence[AnyProjection | AnyRollup], temporal: Sequence[AnyProjection]) -> None:
    """Raises RuleError if two views would have one name: the later one would take the place of the other."""
    named = [each.name for each in read_models]
    named += [f"{singular_name(each)}_{what}" for each in temporal for what in ("versions", "events", "audit_trail")]
    if twice := [name for name in named if named.count(name) > 1]:
        raise RuleError(f"Two views would be called {twice[0]}: give a read model, or its document, another name.")


def current_view(projection: AnyProjection) -> str:
    """The view `<name>`: the documents of now, or of the session's instant."""
    name = projection.name
    stored = ", ".join(["id", "document", *(column.quoted for column in field_columns(projection))])
    if projection.temporal:
        source = f"""\
    select {stored}
    from catalog.{name}
    where valid_from <= {SESSION_INSTANT}
    union all
    select {stored}
    from catalog.{name}_history
    where valid_from <= {SESSION_INSTANT}
        and valid_to > {SESSION_INSTANT}
        and {IN_THE_PAST}"""
        about = f"The documents of {projection.__name__}, now or as of catalog.as_of."
    else:
        source = (
            f"    select {stored}\n    from catalog.{name}\n    where (select catalog.require_present({literal(name)}))"
        )
        about = f"The current documents of {projection.__name__}, which keeps no past."
    return create_view(name, about, field_columns_of_view(projection), f"(\n{source}\n) as stored")


def versions_view(projection: AnyProjection) -> str:
    """The view `<singular_name>_versions`: each document that ever was, and from when until when."""
    name = projection.name
    stored = ", ".join(["id", "document", *(column.quoted for column in field_columns(projection)), "valid_from"])
    source = f"""\
    select {stored}, null::timestamptz as valid_to
    from catalog.{name}
    where valid_from <= {SESSION_INSTANT}
    union all
    select {stored}, case when valid_to <= {SESSION_INSTANT} then valid_to end
    from catalog.{name}_history
    where valid_from <= {SESSION_INSTANT}"""
    return create_view(
        f"{singular_name(projection)}_versions",
        f"Every document that {projection.__name__} ever had, each from when it was recorded until it was replaced.",
        _version_columns(projection),
        f"(\n{source}\n) as stored",
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
    found: dict[str, str] = {}
    for event in projection.registry.types.values():
        rule = projection.by_event.get(event)
        for field, hint in get_type_hints(event).items() if rule is None or rule.verb != "starts" else ():
            kind = sql_type(hint)
            found[field] = kind if found.get(field, kind) == kind else "jsonb"
    taken = {column.name for column in columns}
    columns += [
        ViewColumn(field, kind, cast_field("data", field, kind), f"{field} of the event, if it has one.")
        for field, kind in found.items()
        if field not in taken
    ]
    about = f"Who did what to the documents of {projection.__name__}: a row for each event, up to catalog.as_of."
    return create_view(name, about, columns, _log_source(projection))


def as_of_view_function(projection: AnyProjection) -> str:
    """`<name>_as_of(instant)`."""
    fields = field_columns_of_view(projection)
    return create_function(
        f"{projection.name}_as_of",
        {"p_instant": INSTANT_TYPE},
        f"The documents of {projection.__name__} as of an instant.",
        fields,
        f"select {column_names(fields)}\nfrom public.{singular_name(projection)}_versions\n"
        f"where {_valid_at(projection, 'p_instant')}",
    )


def document_at_function(projection: AnyProjection) -> str:
    """`<singular_name>_value_at(id, instant)`."""
    fields = field_columns_of_view(projection)
    return create_function(
        f"{singular_name(projection)}_at",
        {"p_id": "integer", "p_instant": INSTANT_TYPE},
        f"One document of {projection.__name__} as of an instant: no row if there was none.",
        fields,
        f"select {column_names(fields)}\nfrom public.{projection.name}_as_of(p_instant)\n"
        f"where {_id_column(fields)} = p_id",
    )


DIFF_COLUMNS = [
    ViewColumn("field", "text", "", ""),
    ViewColumn("before", "jsonb", "", ""),
    ViewColumn("after", "jsonb", "", ""),
]


def diff_function(projection: AnyProjection) -> str:
    """`<singular_name>_diff(id, from, until)`: the fields that differ; `before` is null where there was no document."""
    version = f"select {view_column_name(projection, 'document')} from public.{singular_name(projection)}_versions"
    is_it = f"{_id_column(field_columns_of_view(projection))} = p_id"
    before, after = (
        f"({version} where {is_it} and {_valid_at(projection, instant)})" for instant in ("p_from", "p_until")
    )
    return create_function(
        f"{singular_name(projection)}_diff",
        {"p_id": "integer", "p_from": INSTANT_TYPE, "p_until": INSTANT_TYPE},
        f"The fields in which a document of {projection.__name__} differs between two instants.",
        DIFF_COLUMNS,
        _differing_fields(before, after),
    )


def changes_function(projection: AnyProjection, name: str) -> str:
    """The fields of all documents that differ between two instants."""
    one, id = singular_name(projection), _id_column(field_columns_of_view(projection))
    own = [(view_column_name(projection, name), name) for name in ("valid_from", "document")]
    columns = ", ".join(column if column == name else f"{column} as {name}" for column, name in own)
    ids = f"""\
select distinct {one}_id as id
    from public.{one}_events
    where recorded_at > p_from
        and recorded_at <= p_until"""
    changed = _changed_rows(
        ids,
        lambda instant: (
            f"select {columns} from public.{one}_versions as version"
            f" where version.{id} = touched.id and {_valid_at(projection, instant)}"
        ),
    )
    differing = indent(_differing_fields("changed.before", "changed.after"))
    return create_function(
        name,
        {"p_from": INSTANT_TYPE, "p_until": INSTANT_TYPE},
        f"The fields in which documents of {projection.__name__} differ between two instants.",
        [ViewColumn("id", "integer", "", ""), *DIFF_COLUMNS],
        f"select changed.id, difference.field, difference.before, difference.after\n"
        f"from (\n{indent(changed)}\n) as changed\n"
        f"cross join lateral (\n{differing}\n) as difference (field, before, after)",
    )


def changed_between_function(projection: AnyProjection) -> str:
    """`catalog.<name>_changed_between(from, until)`: whole documents, for the service."""
    name = projection.name
    ids = f"""\
select distinct stream_id as id
    from catalog.events
    where recorded_at > p_from
        and recorded_at <= p_until
        and type in ({type_literals(projection.by_event)})"""
    changed = _changed_rows(
        ids,
        lambda instant: (
            f"select valid_from, document from catalog.{name}_as_of({instant}) as stored where stored.id = touched.id"
        ),
    )
    about = f"The documents of {projection.__name__} that differ between two instants; null where there is none."
    body = f"\n{changed}\n"
    return f"""\
create or replace function catalog.{name}_changed_between(p_from timestamptz, p_until timestamptz)
returns table (id integer, valid_from timestamptz, before jsonb, after jsonb)
language sql stable parallel safe as {dollar_quoted(body)};
{comment(f"function catalog.{name}_changed_between", about)}
"""


def rollup_view(rollup: AnyRollup) -> str:
    """The view `<name>`: as kept up in the background; in the past added up from the documents as of then."""
    source, fields = rollup.of, []
    for name, hint in get_type_hints(rollup.document).items():
        kind = sql_type(hint)
        keyed = any(tally.verb == "keyed" and tally.field.__name__ == name for tally in rollup.rules)
        value = "key" if keyed else cast_field("document", name, kind)
        fields.append(ViewColumn(name, kind, value, f"{name} of the document."))
    if not source.temporal:
        present = (
            f"    select key, document\n    from catalog.{rollup.name}\n    where (select catalog.require_present("
        )
        return create_view(
            rollup.name,
            f"The current documents of {rollup.__name__}, which keeps no past.",
            fields,
            f"(\n{present}{literal(rollup.name)}))\n) as stored",
        )
    members = f"""\
(
    select id, {stored_member_columns(rollup)}
    from catalog.{source.name}
    where valid_from <= {SESSION_INSTANT}
        and {IN_THE_PAST}
    union all
    select id, {stored_member_columns(rollup)}
    from catalog.{source.name}_history
    where valid_from <= {SESSION_INSTANT}
        and valid_to > {SESSION_INSTANT}
        and {IN_THE_PAST}
) as member (id, key, part)"""
    stored = f"""\
(
    select key, document
    from catalog.{rollup.name}
    where {SESSION_INSTANT} = 'infinity'
    union all
{indent(aggregate_query(rollup, members))}
) as stored (key, document)"""
    return create_view(rollup.name, f"The documents of {rollup.__name__}, now or as of catalog.as_of.", fields, stored)


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


def _id_column(fields: Sequence[ViewColumn]) -> str:
    """The column of a view that says which stream a document is of."""
    return next(field.quoted for field in fields if field.value == "id")


def _valid_at(projection: AnyProjection, instant: str) -> str:
    """A condition on the view of versions: which one holds at an instant."""
    valid_from, valid_to = (view_column_name(projection, name) for name in ("valid_from", "valid_to"))
    return f"{valid_from} <= {instant} and ({valid_to} is null or {valid_to} > {instant})"


def _changed_rows(ids: str, document_at: Callable[[str], str]) -> str:
    """A query for (id, valid_from, before, after) in the order of the ids, so that a page looks up its own documents
    only; `limit 1` has each looked up by its id."""
    return f"""\
select touched.id, after.valid_from, before.document as before, after.document as after
from (
    {ids}
    order by id
) as touched
left join lateral (
    {document_at("p_from")}
    limit 1
) as before on true
left join lateral (
    {document_at("p_until")}
    limit 1
) as after on true
where before.document is distinct from after.document"""


def _differing_fields(before: str, after: str) -> str:
    return f"""\
select field, was.value, became.value
from jsonb_each({before}) as was (field, value)
full join jsonb_each({after}) as became (field, value) using (field)
where coalesce(was.value, 'null') <> coalesce(became.value, 'null')"""
