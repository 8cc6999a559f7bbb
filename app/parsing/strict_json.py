"""Decode JSON strictly: a string is never taken for a number, and all failing fields are reported together."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from app.errors import CatalogError, InvalidInput, Malformed


class FieldProblem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field that breaks the rules."""

    pointer: str
    """A JSON pointer into the body (RFC 6901), or `/name` of a query parameter."""
    detail: str
    source: str | None = None
    """`query` or `path` where the field is not in the body."""


def readable_reason(reason: str) -> str:
    """msgspec's message about a value, as a sentence for people."""
    if "matching regex" in reason:
        return "Control characters other than newline and tab are not allowed."
    return reason.rstrip(".") + "."


def invalid_input(problems: list[FieldProblem], what: str = "body") -> InvalidInput:
    """An InvalidInput with all problems. Its sentence names the first field, because some clients show nothing else."""
    first, others = problems[0], len(problems) - 1
    name = first.pointer.removeprefix("/") or f"the {what}"
    more = f" ({others} more)" if others else ""
    return InvalidInput(f"{name}: {first.detail}{more}", errors=problems)


S = TypeVar("S", bound=Struct)

UTF_8_NAMES = ("utf-8", "utf8")
UTF_16_AND_32_MARKS = (BOM_UTF16_LE, BOM_UTF16_BE, BOM_UTF32_BE)
"""The little-endian mark of UTF-32 begins with the one of UTF-16."""

ANY_JSON = msgspec.json.Decoder(float_hook=float)
"""Reads 1e400 as infinity, so that it is reported as a fault of its field and not of the whole body."""


NESTING_MAX = 500
"""The deepest nesting that is decoded. Python interpreters have limits of their own, all of them higher than this."""
BRACKET_OR_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', re.DOTALL)


class NotJson(CatalogError, status=415):
    """The body is not JSON"""


def as_utf8(body: bytes) -> bytes:
    """Remove the byte order mark that editors and spreadsheets write.

    Raises Malformed for UTF-16 and UTF-32: they have another mark, or a NUL among the first two bytes.
    """
    if body.startswith(UTF_16_AND_32_MARKS) or b"\0" in body[:2]:
        raise Malformed("The body is in UTF-16 or UTF-32; send it in UTF-8.")
    return body.removeprefix(BOM_UTF8)


def decode_strictly(body: bytes, struct: type[S], what: str = "body") -> S:
    """Decode `body` to a `struct`. Raises Malformed if it is not JSON, and InvalidInput with every field that fails.

    `what` names the body in messages.
    """
    try:
        return msgspec.json.decode(body, type=struct)
    except (msgspec.ValidationError, RecursionError):
        raise invalid_input(_failing_fields(_decode_loosely(body, what), struct, what), what) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The {what} is not JSON: {error}.") from None


def _decode_loosely(body: bytes, what: str) -> Any:
    if _nested_deeper_than(NESTING_MAX, body):
        raise Malformed(f"The {what} is nested too deeply.")
    try:
        return ANY_JSON.decode(body)
    except msgspec.ValidationError as error:
        raise Malformed(f"The {what} holds what cannot be read: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The {what} is not JSON: {error}.") from None


def _nested_deeper_than(limit: int, body: bytes) -> bool:
    depth = 0
    for found in BRACKET_OR_STRING.finditer(body):
        if found[0] in (b"{", b"["):
            depth += 1
            if depth > limit:
                return True
        elif found[0] in (b"}", b"]"):
            depth -= 1
    return False


def _failing_fields(body: Any, struct: type[Struct], what: str) -> list[FieldProblem]:
    if not isinstance(body, dict):
        return [FieldProblem(pointer="", detail=f"The {what} must be a JSON object.")]
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    problems = [
        FieldProblem(pointer=_pointer(name), detail="There is no such field.") for name in body if name not in fields
    ]
    for name, field in fields.items():
        if name not in body:
            if field.required:
                problems.append(FieldProblem(pointer=_pointer(name), detail="This field is required."))
            continue
        try:
            msgspec.convert(body[name], field.type)
        except msgspec.ValidationError as error:
            reason, _, where = str(error).partition(" - at `$")
            problems.append(
                FieldProblem(pointer=_pointer(name) + _inner_pointer(where), detail=readable_reason(reason))
            )
    return problems


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _inner_pointer(where: str) -> str:
    """The JSON pointer below a field for msgspec's `[3]`. msgspec writes `[...]` where it does not know the index."""
    return "".join(f"/{part.rstrip(']')}" for part in where.rstrip("`").split("[")[1:] if part.rstrip("]").isdigit())
