"""Request bodies: UTF-8, decoded strictly: a string is no number; all failing fields are told at once."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE
from collections.abc import Generator
from typing import Any, TypeVar

import msgspec
from litestar.datastructures import Headers
from litestar.dto import AbstractDTO
from litestar.dto.data_structures import DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition
from msgspec import Struct

from app.errors import CatalogError, Malformed
from app.http.problems import FieldProblem, invalid_input, sentence

S = TypeVar("S", bound=Struct)

UTF_8 = ("utf-8", "utf8")
WIDE_MARKS = (BOM_UTF16_LE, BOM_UTF16_BE, BOM_UTF32_BE)
"""The mark of UTF-32 in the other order begins with that of UTF-16."""

ANY_JSON = msgspec.json.Decoder(float_hook=float)
"""Takes 1e400 for infinity, so that it is told as a fault of its field rather than of the whole body."""


DEEPEST = 500
"""So deeply nested is what is decoded. Interpreters have limits of their own, each another one and all above this."""
BRACKET_OR_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', re.DOTALL)


class NotJson(CatalogError):
    """The body is not JSON"""

    status = 415


class Strict(AbstractDTO[S]):
    """`@post(dto=Strict[CreateItem])`: Litestar's own decoding takes `"12"` for 12.0 and stops at the first fault."""

    def decode_bytes(self, value: bytes) -> Any:
        check_media_type(self.asgi_connection.headers)
        return decode_strictly(as_utf8(value), self.model_type)

    @classmethod
    def create_for_field_definition(cls, *_: Any, **__: Any) -> None:
        """Nothing to prepare: the struct is its own decoder."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """Of the struct, also where a handler does without a body: `null` is none."""
        schema: Reference | Schema = schema_creator.for_field_definition(
            FieldDefinition.from_annotation(cls.model_type)
        )
        return schema

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Generator[DTOFieldDefinition, None, None]:
        raise NotImplementedError

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        raise NotImplementedError


def check_media_type(headers: Headers) -> None:
    """Raises NotJson for a body that says it is something else; one that says nothing is taken at its word."""
    media_type = media_type_of(headers)
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise NotJson(f"Send the body as application/json, not as {media_type}.")


def media_type_of(headers: Headers) -> str:
    """What the body says it is, else JSON. Raises NotJson for one that is compressed, or in another code than UTF-8."""
    encodings = ",".join(headers.getall("Content-Encoding", [])).lower()
    if encodings.strip() not in ("", "identity"):
        raise NotJson(f"Send the body as it is, without Content-Encoding {encodings}.")
    media_type, *parameters = headers.get("Content-Type", "").split(";")
    for name, _, value in (parameter.partition("=") for parameter in parameters):
        charset = value.strip().strip('"').lower()
        if name.strip().lower() == "charset" and charset not in UTF_8:
            raise NotJson(f"Send the body in UTF-8, not in {charset}.")
    return media_type.strip().lower() or "application/json"


def as_utf8(body: bytes) -> bytes:
    """The beginning of a body, without the byte order mark that editors and spreadsheets put there.

    Raises Malformed for UTF-16 and UTF-32, which a mark or a NUL among the first two bytes gives away.
    """
    if body.startswith(WIDE_MARKS) or b"\0" in body[:2]:
        raise Malformed("The body is in UTF-16 or UTF-32; send it in UTF-8.")
    return body.removeprefix(BOM_UTF8)


def decode_strictly(body: bytes, struct: type[S], what: str = "body") -> S:
    """`body` as `struct`. Raises Malformed if it is not JSON, InvalidInput naming every field that fails.

    `what` is what people call it.
    """
    try:
        return msgspec.json.decode(body, type=struct)
    except (msgspec.ValidationError, RecursionError):
        raise invalid_input(_failing_fields(_decode_loosely(body, what), struct, what), what) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The {what} is not JSON: {error}.") from None


def _decode_loosely(body: bytes, what: str) -> Any:
    if _nested_deeper_than(DEEPEST, body):
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
            problems.append(FieldProblem(pointer=_pointer(name) + _inner(where), detail=sentence(reason)))
    return problems


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _inner(where: str) -> str:
    """msgspec's `[3]` or `[...]` as a JSON pointer below the field; it does not always know the place."""
    return "".join(f"/{part.rstrip(']')}" for part in where.rstrip("`").split("[")[1:] if part.rstrip("]").isdigit())
