"""Builds the JSON schemas of structs for the OpenAPI document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition
from msgspec import Raw, Struct


class ReadySchema(Schema):
    """A finished JSON schema, which Litestar puts into the OpenAPI document as it is."""

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__(title=given.get("title"))
        self.given = given

    def to_schema(self) -> dict[str, Any]:
        return self.given

    __hash__ = Schema.__hash__


class StructSchemas(OpenAPISchemaPlugin):
    """Describes structs by msgspec's schemas: with their limits, and closed to unknown fields.

    `documents` maps a placeholder such as ItemDocument to the struct that only the composition root knows.
    """

    def __init__(self, documents: Mapping[Any, type[Struct]]) -> None:
        self._documents = documents

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        return isinstance(value, type) and issubclass(value, Struct)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:
        annotation = field_definition.annotation
        return ReadySchema(json_schema(self._documents.get(annotation, annotation)))


def also_as(media_type: str) -> type[Operation]:
    """An `operation_class` whose 200 response may also be text of that media type."""

    @dataclass
    class AlternativeOperation(Operation):
        def __post_init__(self) -> None:
            response = (self.responses or {})["200"]
            assert isinstance(response, OpenAPIResponse)
            assert response.content is not None
            response.content[media_type] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))

    return AlternativeOperation


def json_schema(struct: type[Struct]) -> dict[str, Any]:
    """The JSON schema of a struct, with the schemas of inner structs inlined. A `Raw` field may be any JSON."""
    anything: dict[type, dict[str, Any]] = {Raw: {}}
    (outer,), parts = msgspec.json.schema_components(
        [struct], schema_hook=lambda kind: anything[kind], ref_template="{name}"
    )
    inlined = _inline_references(outer, parts)
    assert isinstance(inlined, dict)
    return inlined


def _inline_references(node: Any, parts: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inline_references(each, parts) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inline_references(parts[node["$ref"]], parts)
    return {name: _inline_references(value, parts) for name, value in node.items()}
