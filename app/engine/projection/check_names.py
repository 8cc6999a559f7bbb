"""Refuses names that no table, view or column can have, or that are taken, when Python makes a class."""

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
"""The endings of the other tables and of the keys of a read model, after its name."""
VIEW_NAME = re.compile(r"[a-z_][a-z0-9_]{0,46}")
"""A document's name in lower case begins the names of views and functions; the longest is `<name>_changes_between`."""
LONGEST_FIELD_BYTES = 40
"""The compiler appends up to ten bytes more: `<field>__versions`."""


def check_name(name: str) -> None:
    """Check the name of a read model: it names a table, and begins the names of other tables and of functions."""
    if not READ_MODEL_NAME.fullmatch(name) or name in RESERVED_NAMES:
        needed = f"a name matches {READ_MODEL_NAME.pattern} and is not one of the event store's"
        raise RuleError(f"{name!r} cannot name a table: {needed}")
    if name.endswith(RESERVED_ENDINGS):
        raise RuleError(f"{name!r} cannot name a table: {', '.join(RESERVED_ENDINGS)} end the names of other tables")
    if name in ("stream", "inline", "audit_trail") or name.startswith("new_"):
        taken = "refold_stream, project_inline, project_new_… and audit_trail"
        raise RuleError(f"{name!r} cannot name a table: the names {taken} are taken")


def check_view_name(document: type[Struct]) -> None:
    """Check the name of a document: in lower case it begins the names of the views and functions for analysts."""
    if not VIEW_NAME.fullmatch(document.__name__.lower()):
        raise RuleError(f"{document.__name__} cannot name a view: in lower case it must match {VIEW_NAME.pattern}")


def check_field_names(document: type[Struct]) -> None:
    """Check the names of a document's fields: they name columns, and begin the names of other columns.

    Keywords, capitals and letters of any alphabet are allowed.
    """
    for name in document.__struct_fields__:
        where = f"{document.__name__}.{name}"
        if not name.isidentifier() or name.startswith("_") or "__" in name:
            raise RuleError(
                f"{where} cannot name a column: a name begins with a letter and has no two underscores in a row"
            )
        if name.startswith(("p_", "v_")):
            raise RuleError(f"{where} cannot name a column: p_ and v_ begin the parameters and variables of functions")
        _check_length(name, where, LONGEST_FIELD_BYTES)


def check_event_names(event: type[Struct]) -> None:
    """Check the names of an event's fields: they name columns of the audit trail and keys of the stored JSON."""
    for field in msgspec.structs.fields(event):
        where = f"{event.__name__}.{field.name}"
        if field.encode_name != field.name:
            raise RuleError(f"{where} is stored under another name")
        _check_length(field.name, where, LONGEST_BYTES)


def _check_length(name: str, where: str, room_bytes: int) -> None:
    if (length := len(name.encode())) > room_bytes:
        raise RuleError(f"{where} cannot name a column: it has {length} bytes, and there is room for {room_bytes}")
