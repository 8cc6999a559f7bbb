"""Parameters that handlers share are the fields of a struct, declared once; a handler takes the struct.

Litestar reports all failing parameters of one signature together. A dependency has a signature of its own, so its
failing parameters would be reported without the handler's. Therefore the fields join the handler's own signature.
"""

from collections.abc import Awaitable, Callable, Collection
from functools import wraps
from inspect import Parameter, signature
from typing import Any, TypeVar

from msgspec import Struct

T = TypeVar("T")


def grouped(
    *, without: Collection[str] = (), **groups: type[Struct]
) -> Callable[[Callable[..., Awaitable[T]]], Callable[..., Awaitable[T]]]:
    """Fill the handler's argument of each name with that struct, made of the request's parameters.

    To Litestar and to the OpenAPI document, the handler takes the struct's fields in the argument's place. The fields
    named in `without` keep their defaults.
    """

    def decorate(handler: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        own = signature(handler)
        fields = {
            name: [field for field in signature(struct).parameters.values() if field.name not in without]
            for name, struct in groups.items()
        }

        @wraps(handler)
        async def handle(self: Any, **arguments: Any) -> T:
            made = {
                name: struct(**{field.name: arguments[field.name] for field in fields[name]})
                for name, struct in groups.items()
            }
            kept = {name: arguments[name] for name in own.parameters if name in arguments}
            return await handler(self, **kept, **made)

        expanded: dict[str, Parameter] = {}
        for name, parameter in own.parameters.items():
            for each in fields.get(name, [parameter]):
                expanded[each.name] = each if name == "self" else each.replace(kind=Parameter.KEYWORD_ONLY)
        handle.__signature__ = own.replace(parameters=[*expanded.values()])  # type: ignore[attr-defined]
        handle.__annotations__ = {name: each.annotation for name, each in expanded.items() if name != "self"} | {
            "return": own.return_annotation
        }
        return handle

    return decorate
