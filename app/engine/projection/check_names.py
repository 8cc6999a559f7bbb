"""A name that no table, view or column can have, or that is another's, is refused while its class is made."""

import re

import msgspec
from msgspec import Struct

from app.engine.postgres.identifiers import LONGEST_BYTES
from app.engine.projection.rules import RuleError

READ_MODEL_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
RESERVED_NAMES = {
    *("log", "personal", "events", "forgotten", "streams", "settled", "installed", "projections", "projection_lag"),
    *("idempotency_keys", "migrations", "rebuild_steps"),
}
RESERVED_ENDINGS = ("_next", "_live", "_members", "_history", "_words", "_places", "_pkey")
"""What the tables and keys are called that belong to a read model, beside the table of its name."""
VIEW_NAME = re.compile(r"[a-z_][a-z0-9_]{0,46}")
"""A document's name in lower case begins the names of views and functions, up to `<name>_changes_between`."""
LONGEST_FIELD_BYTES = 40
"""What is compiled adds up to ten more: `<field>__versions`."""


def check_name(name: str) -> None:
    """It names the table of a read model, and begins the names of others."""
    if not READ_MODEL_NAME.fullmatch(name) or name in RESERVED_NAMES:
        raise RuleError(f"{name!r} cannot name a table: {READ_MODEL_NAME.pattern}, and none of the event store's own")
    if name.endswith(RESERVED_ENDINGS):
        raise RuleError(f"{name!r} cannot name a table: {', '.join(RESERVED_ENDINGS)} end the names of others'")
    if name in ("stream", "inline", "audit_trail") or name.startswith("new_"):
        others = "refold_stream, project_inline, project_new_… and audit_trail"
        raise RuleError(f"{name!r} cannot name a table: {others} are others' names")


def check_view_name(document: type[Struct]) -> None:
    """It begins the names of what analysts read."""
    if not VIEW_NAME.fullmatch(document.__name__.lower()):
        raise RuleError(f"{document.__name__} cannot name a view: in lower case it has to be {VIEW_NAME.pattern}")


def check_field_names(document: type[Struct]) -> None:
    """They name columns, of views at least, and begin the names of others. Keywords, capitals and letters of any
    alphabet do no harm."""
    for name in document.__struct_fields__:
        where = f"{document.__name__}.{name}"
        if not name.isidentifier() or name.startswith("_") or "__" in name:
            raise RuleError(f"{where} cannot name a column: it begins with a letter, without two underscores in a row")
        if name.startswith(("p_", "v_")):
            raise RuleError(f"{where} cannot name a column: p_ and v_ begin the parameters and variables of functions")
        _check_length(name, where, LONGEST_FIELD_BYTES)


def check_event_names(event: type[Struct]) -> None:
    """The fields are columns of the audit trail, by the names that the stored JSON has."""
    for field in msgspec.structs.fields(event):
        where = f"{event.__name__}.{field.name}"
        if field.encode_name != field.name:
            raise RuleError(f"{where} is stored under another name")
        _check_length(field.name, where, LONGEST_BYTES)


def _check_length(name: str, where: str, room_bytes: int) -> None:
    if (length := len(name.encode())) > room_bytes:
        raise RuleError(f"{where} cannot name a column: it has {length} bytes, and there is room for {room_bytes}")
