"""How an event that was stored in an older shape is read: said as data, honoured by Python and the compiled SQL alike.

    renamed("title", to="name")     what was stored as `title` is now the field `name`
    default("image_urls", ())       where the field was not stored yet, it is read as this
    dropped("colour")               was a field once and is none any more

An event type, or a struct that is a field of one, lists them as `upcasts`; `app.engine.projection.check_rules` refuses
what cannot be right. They speak of names, in no order: a field is what was stored under its own name, else under an
older one, the first that is listed first, else its default. So the present shape is read as it is, and the log is never
rewritten. What these words cannot say, another type or another meaning, is another event.
"""

import msgspec
from msgspec import Raw, Struct


class Renamed(Struct, frozen=True):
    old: str
    to: str


class Default(Struct, frozen=True):
    field: str
    value: object


class Dropped(Struct, frozen=True):
    old: str


Upcast = Renamed | Default | Dropped


def renamed(old: str, *, to: str) -> Renamed:
    return Renamed(old, to)


def default(field: str, value: object) -> Default:
    return Default(field, value)


def dropped(old: str) -> Dropped:
    return Dropped(old)


def upcasts_of(struct: type[Struct]) -> tuple[Upcast, ...]:
    found: tuple[Upcast, ...] = getattr(struct, "upcasts", ())
    return found


class Upcaster:
    """Reads the JSON object of a struct, in any shape it was ever stored in, as one of the present shape."""

    def __init__(self, struct: type[Struct]) -> None:
        upcasts = upcasts_of(struct)
        self.renamed = {each.old: each.to for each in upcasts if isinstance(each, Renamed)}
        self.defaults = {each.field: each.value for each in upcasts if isinstance(each, Default)}
        self.dropped_names = {each.old for each in upcasts if not isinstance(each, Default)}
        """The names under which nothing is stored any more."""
        within = {field.name: Upcaster(field.type) for field in msgspec.structs.fields(struct) if is_struct(field.type)}
        self.upcast_fields = {name: upcaster for name, upcaster in within.items() if upcaster}
        """Those of the fields that are structs with older shapes themselves."""
        self._defaults = {name: Raw(msgspec.json.encode(value)) for name, value in self.defaults.items()}

    def __bool__(self) -> bool:
        """Whether there is any older shape."""
        return bool(self.dropped_names or self.defaults or self.upcast_fields)

    def older_names(self, field: str) -> list[str]:
        return [old for old, to in self.renamed.items() if to == field]

    def __call__(self, stored: bytes) -> bytes:
        """Raises msgspec.ValidationError for JSON that is no object."""
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
