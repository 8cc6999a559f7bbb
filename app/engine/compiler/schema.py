"""All the SQL that `catalog migrate` installs: the event store, then what the read models are compiled to."""

from collections.abc import Sequence

from app.engine.compiler.analyst_views import analyst_views
from app.engine.compiler.fold import fold_function
from app.engine.compiler.inline_writes import compile_inline, project_functions
from app.engine.compiler.personal_data import personal_functions
from app.engine.compiler.rebuild_steps import read_model_tables, rebuild_steps
from app.engine.compiler.rollups import compile_rollup
from app.engine.projection.rollup import AnyReadModel, projections_among, rollups_among
from app.engine.projection.rules import RuleError


def compile_read_models(read_models: Sequence[AnyReadModel]) -> str:
    """What of the read models' rules becomes SQL: their folds, tables, functions, views for analysts, of which those
    without a name of their own are about the first projection, and the steps of a rebuild. At last who may do what."""
    names = [each.name for each in read_models]
    assert len(set(names)) == len(names), f"two projections of one name: {names}"
    projections, rollups = projections_among(read_models), rollups_among(read_models)
    compiled = [projection for projection in projections if projection.compiles()]
    inline = [projection for projection in compiled if projection.lifecycle == "inline"]
    _check_relation_names([*inline, *rollups])
    events = [event for projection in projections for event in projection.registry.types.values()]
    parts = [personal_functions(dict.fromkeys(events)), *map(fold_function, compiled)]
    parts += [*map(compile_inline, inline), *map(compile_rollup, rollups), project_functions(inline)]
    parts += [analyst_views(inline, rollups), rebuild_steps([*inline, *rollups])]
    return "\n".join([*parts, "select catalog.grant_privileges();\n"])


def _check_relation_names(read_models: Sequence[AnyReadModel]) -> None:
    """Raises RuleError if a table and an index would have one name: whichever comes later would not be made."""
    tables = [table for each in read_models for table in read_model_tables(each)]
    named = [table.name for table in tables]
    named += [table.name + index.label for table in tables for index in table.indexes]
    if twice := [name for name in named if named.count(name) > 1]:
        raise RuleError(f"A table and an index would both be called {twice[0]}: give a read model another name.")
