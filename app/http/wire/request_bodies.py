"""Decodes request bodies strictly: UTF-8, no string for a number, and all failing fields reported together."""

from collections.abc import Generator
from typing import Any, TypeVar

from litestar.datastructures import Headers
from litestar.dto import AbstractDTO
from litestar.dto.data_structures import DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition
from msgspec import Struct

from app.parsing.strict_json import UTF_8_NAMES, NotJson, as_utf8, decode_strictly

S = TypeVar("S", bound=Struct)


class StrictJsonDTO(AbstractDTO[S]):
    """Decodes a body strictly: `@post(dto=StrictJsonDTO[CreateItem])`.

    Litestar's own decoding accepts `"12"` for 12.0 and stops at the first fault.
    """

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
        """The struct's schema, without `null` even if the handler's body is optional: `null` is not a body."""
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
    """Raises NotJson for a body of another media type; a body without a media type is read as JSON."""
    media_type = media_type_of(headers)
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise NotJson(f"Send the body as application/json, not as {media_type}.")


def media_type_of(headers: Headers) -> str:
    """The body's media type; JSON if it names none. Raises NotJson for a compressed body or another charset."""
    encodings = ",".join(headers.getall("Content-Encoding", [])).lower()
    if encodings.strip() not in ("", "identity"):
        raise NotJson(f"Send the body uncompressed, without Content-Encoding {encodings}.")
    media_type, *parameters = headers.get("Content-Type", "").split(";")
    for name, _, value in (parameter.partition("=") for parameter in parameters):
        charset = value.strip().strip('"').lower()
        if name.strip().lower() == "charset" and charset not in UTF_8_NAMES:
            raise NotJson(f"Send the body in UTF-8, not in {charset}.")
    return media_type.strip().lower() or "application/json"
