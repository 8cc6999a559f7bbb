"""Declares which fields of an event hold personal data; they are stored beside the log, so that they can be erased.

    name: Personal[str]                 a text: its redacted form reads "(forgotten)"
    image_urls: Personal[tuple[…]]      a list: its redacted form is empty
    location_lat: Personal[float]       a number: its redacted form is rounded to a whole number

`Personal[str] | None` is personal too: a value that is null or unset has nothing to erase. A nested struct declares its
own fields. The log holds events in their redacted form from the beginning, so an erasure does not
touch it. `app.engine.projection.check_personal_data` refuses a field that has no redacted form.
"""

from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from app.engine.events.upcasting import Upcaster, is_struct

T = TypeVar("T")

PERSONAL = Meta(extra={"personal": True})
Personal = Annotated[T, PERSONAL]
"""The type of a field that holds something about a person."""

REDACTED = "(forgotten)"
"""What an erased text reads; `catalog.redact` in schema.sql writes the same."""

FieldPath = tuple[str, ...]
"""The names that lead to a value in the JSON of an event."""


def is_personal(annotation: Any) -> bool:
    """Whether any member of a field's type is personal."""
    if get_origin(annotation) is Annotated:
        return PERSONAL in annotation.__metadata__ or is_personal(get_args(annotation)[0])
    return any(is_personal(each) for each in get_args(annotation))


def personal_paths(struct: type[Struct]) -> tuple[FieldPath, ...]:
    """All paths in a stored struct, in any of its shapes, where personal data may be.

    A dropped field counts as personal: nothing says what it held, and nobody reads it.
    """
    upcaster = Upcaster(struct)
    paths: list[FieldPath] = []
    for field in msgspec.structs.fields(struct):
        names = [field.name, *upcaster.older_names(field.name)]
        if is_struct(field.type):
            within = personal_paths(field.type)
            paths += [(name, *path) for name in names for path in within]
        elif is_personal(field.type):
            paths += [(name,) for name in names]
    return (*paths, *((name,) for name in sorted(upcaster.dropped_names - set(upcaster.renamed))))


def impersonal_names(struct: type[Struct]) -> tuple[str, ...]:
    """The top-level names of a stored struct, in any of its shapes, without personal data."""
    upcaster = Upcaster(struct)
    tops = {path[0] for path in personal_paths(struct)}
    names = [each for field in struct.__struct_fields__ for each in (field, *upcaster.older_names(field))]
    return tuple(name for name in names if name not in tops)
