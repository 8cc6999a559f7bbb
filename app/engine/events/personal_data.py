"""What of an event is personal, said once, beside its field: it lies beside the log, so that it can be forgotten.

    name: Personal[str]                 a text: once forgotten it reads "(forgotten)"
    image_urls: Personal[tuple[…]]      a list: is then empty
    location_lat: Personal[float]       a number: is then rounded to a whole one

What is null or unset has nothing to forget, so `Personal[str] | None` is personal too; of a struct its own fields say
so. The log itself holds events in their forgotten form from the beginning, so it need not be touched to forget.
`app.engine.projection.check_personal_data` refuses what has no such form.
"""

from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from app.engine.events.upcasting import Upcaster, is_struct

T = TypeVar("T")

PERSONAL = Meta(extra={"personal": True})
Personal = Annotated[T, PERSONAL]
"""A field that holds something about a person."""

REDACTED = "(forgotten)"
"""What a text reads once it is forgotten; `catalog.redact` in schema.sql has it too."""

FieldPath = tuple[str, ...]
"""Where in the JSON of an event something is: the names that lead there."""


def is_personal(annotation: Any) -> bool:
    """Whether any of what a field may hold is personal."""
    if get_origin(annotation) is Annotated:
        return PERSONAL in annotation.__metadata__ or is_personal(get_args(annotation)[0])
    return any(is_personal(each) for each in get_args(annotation))


def personal_paths(struct: type[Struct]) -> tuple[FieldPath, ...]:
    """All places in a stored struct, in any shape it was ever stored in, where something personal may be.

    What is no field any more is taken for personal: nobody can tell, and nobody reads it.
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
    """The names at the top of a stored struct, in any shape, under which nothing personal is."""
    upcaster = Upcaster(struct)
    tops = {path[0] for path in personal_paths(struct)}
    names = [each for field in struct.__struct_fields__ for each in (field, *upcaster.older_names(field))]
    return tuple(name for name in names if name not in tops)
