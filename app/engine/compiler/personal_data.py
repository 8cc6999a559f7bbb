"""Compiles what the event types declare personal: the redacted event in the log, and the values stored beside it.

Always `data = redacted_event(type, data) || personal_values(type, data)`. Both functions are single expressions, so
that appends need no separate plan for them.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from app.engine.compiler.sql_text import comment, literal
from app.engine.events.event import type_tag
from app.engine.events.personal_data import FieldPath, impersonal_names, personal_paths
from app.engine.projection.check_names import READ_MODEL_NAME


def personal_functions(events: Iterable[type[Struct]]) -> str:
    """`redacted_event` and `personal_values`, for all event types."""
    personal = {event: paths for event in events if (paths := personal_paths(event))}
    forms = {event: _redacted_value(paths) for event, paths in personal.items()}
    parts = {event: _personal_values(event, paths) for event, paths in personal.items()}
    return f"""\
{_function("redacted_event", forms, "data")}
{comment("function catalog.redacted_event", "An event's data as the log holds it: the same names, nothing personal.")}

{_function("personal_values", parts, "null")}
{
        comment(
            "function catalog.personal_values",
            "What the log leaves out of an event: whole values of data; null for none.",
        )
    }
"""


def _function(name: str, by_event: dict[type[Struct], str], otherwise: str) -> str:
    cases = "".join(f"    when {literal(type_tag(event))} then {value}\n" for event, value in by_event.items())
    value = f"case type\n{cases}    else {otherwise}\nend" if cases else f"{otherwise}::jsonb"
    return f"""\
create or replace function catalog.{name}(type text, data jsonb) returns jsonb
language sql immutable parallel safe
return {value};"""


def _redacted_value(paths: Sequence[FieldPath]) -> str:
    form = "data"
    for path in paths:
        form = f"jsonb_set({form},\n        {_text_array(path)}, catalog.redact({_value_at(path)}), false)"
    return form


def _personal_values(event: type[Struct], paths: Sequence[FieldPath]) -> str:
    """All values of an event under names that may hold personal data; null if it holds none."""
    found = ",\n        ".join(_value_at(path, as_text=True) for path in paths)
    others = impersonal_names(event)
    whole = f"data - {_text_array(others)}" if others else "data"
    return f"case when coalesce(\n        {found}\n    ) is not null then {whole} end"


def _value_at(path: FieldPath, as_text: bool = False) -> str:
    arrow = ">>" if as_text else ">"
    return f"data #{arrow} {_text_array(path)}" if len(path) > 1 else f"data -{arrow} {literal(path[0])}"


def _text_array(names: Sequence[str]) -> str:
    return f"{literal('{' + ','.join(map(_array_element, names)) + '}')}::text[]"


def _array_element(name: str) -> str:
    """A text as an element of an array constant."""
    if READ_MODEL_NAME.fullmatch(name) and name != "null":
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
