"""Reads events that were stored in an older shape: upcasts are data, which Python and the compiled SQL both apply.

    renamed("title", to="name")     `title` was stored; the field is now `name`
    default("image_urls", ())       the field's value in events that were stored without it
    dropped("colour")               `colour` was stored; it is no longer a field

An event type, or a struct that is a field of one, lists them in its attribute `upcasts`. Their order does not matter,
except among the older names of one field. A field's value is looked up under its current name, then under its older
names in listing order, then its default is taken. So events of the current shape are read as they are, and the log is
never rewritten. A change of type or of meaning needs a new event type. `app.engine.projection.check_upcasts` refuses
upcasts that cannot be right.
"""

import msgspec
from msgspec import Raw, Struct


class Renamed(Struct, frozen=True):
    """A field that has an older name."""

    old: str
    """The name under which it was stored."""
    to: str
    """The field's current name."""


class Default(Struct, frozen=True):
    """A field that events were once stored without."""

    field: str
    value: object
    """What the field is in those events."""


class Dropped(Struct, frozen=True):
    """A field that no longer exists."""

    old: str
    """The name under which it was stored."""


Upcast = Renamed | Default | Dropped


def renamed(old: str, *, to: str) -> Renamed:
    return Renamed(old, to)


def default(field: str, value: object) -> Default:
    return Default(field, value)


def dropped(old: str) -> Dropped:
    return Dropped(old)


def upcasts_of(struct: type[Struct]) -> tuple[Upcast, ...]:
    """The upcasts that a struct lists."""
    found: tuple[Upcast, ...] = getattr(struct, "upcasts", ())
    return found


class Upcaster:
    """Brings the JSON object of a struct from any of its older shapes to the current one."""

    def __init__(self, struct: type[Struct]) -> None:
        upcasts = upcasts_of(struct)
        self.renamed = {each.old: each.to for each in upcasts if isinstance(each, Renamed)}
        self.defaults = {each.field: each.value for each in upcasts if isinstance(each, Default)}
        self.dropped_names = {each.old for each in upcasts if not isinstance(each, Default)}
        """The names that are no longer written."""
        within = {field.name: Upcaster(field.type) for field in msgspec.structs.fields(struct) if is_struct(field.type)}
        self.upcast_fields = {name: upcaster for name, upcaster in within.items() if upcaster}
        """The fields that are structs with older shapes of their own."""
        self._defaults = {name: Raw(msgspec.json.encode(value)) for name, value in self.defaults.items()}

    def __bool__(self) -> bool:
        """Whether the struct has any older shape."""
        return bool(self.dropped_names or self.defaults or self.upcast_fields)

    def older_names(self, field: str) -> list[str]:
        return [old for old, to in self.renamed.items() if to == field]

    def __call__(self, stored: bytes) -> bytes:
        """Raises msgspec.ValidationError for JSON that is not an object."""
        found = msgspec.json.decode(stored, type=dict[str, Raw])
        present = dict(self._defaults)
        present |= {to: found[old] for old, to in reversed(self.renamed.items()) if old in found}
        present |= {name: value for name, value in found.items() if name not in self.dropped_names}
        present |= {
            name: Raw(read(bytes(present[name]))) for name, read in self.upcast_fields.items() if name in present
        }
        return msgspec.json.encode(present)


def is_struct(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Struct)
