"""A projection's fold at every version: SQL for each document that a stream ever had, with both bounds of its validity.

Where no field is counted, the document after an event is the patches so far, put on each other by Postgres's own
`jsonb_concat` as a running aggregate: every start writes all fields, so what came before it does not shine through.
A counter needs the step itself as the aggregate's transition, at half the speed.
"""

from app.engine.compiler.sql_text import comment, literal
from app.engine.compiler.step import patch_with_envelope, type_literals
from app.engine.compiler.templates import fill_query
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rule_analysis import personal_fields
from app.engine.projection.rules import GrowsBy


def versions_query(projection: AnyProjection, where: str) -> str:
    """Rows of (id, version, valid_from, valid_to, document) from the events that `where` selects, whole prefixes of
    streams; `valid_to` is null for the current document, `version` the last at which the document was so.

    All windows have one order, so that Postgres sorts once.
    """
    rules = projection.by_event
    starts = type_literals(event for event, rule in rules.items() if rule.verb == "starts")
    ends = type_literals(event for event, rule in rules.items() if rule.verb == "ends")
    bounds = f"max(version) filter (where type in ({starts})) over so_far as begun_at"
    if ends:
        bounds += f",\n        max(version) filter (where type in ({ends})) over so_far as ended_at"
    alive = "begun_at is not null" + (" and (ended_at is null or ended_at < begun_at)" if ends else "")
    return fill_query(
        "versions",
        document=_running_document(projection),
        bounds=bounds,
        log="catalog.events" if personal_fields(projection) else "catalog.log",
        where=where,
        types=type_literals(rules),
        alive=alive,
    )


def _running_document(projection: AnyProjection) -> str:
    if _counter_columns(projection):
        return f"catalog.aggregate_{projection.name}(stream_id, version, recorded_at, type, data)"
    cases = "\n".join(
        f"            when {literal(tag)} then {patch}" for tag, patch in patch_with_envelope(projection).items()
    )
    return f"catalog.jsonb_merge_agg(case type\n{cases}\n        end)"


def _counter_columns(projection: AnyProjection) -> bool:
    return any(isinstance(step, GrowsBy) for rule in projection.by_event.values() for step in rule.steps)


def folding_aggregate(projection: AnyProjection) -> list[str]:
    """`aggregate_<name>`: the step as a running aggregate; needed where a field is counted."""
    if not _counter_columns(projection):
        return []
    name = f"catalog.aggregate_{projection.name}"
    arguments = "integer, integer, timestamptz, text, jsonb"
    return [
        f"""\
create or replace aggregate {name}({arguments}) (
    sfunc = catalog.evolve_{projection.name},
    stype = jsonb
);
{comment(f"aggregate {name}({arguments})", f"The document of {projection.__name__} after each event of a stream.")}
"""
    ]
