"""Parameters that many handlers share are declared once and reach a handler as one value.

Litestar reports all failing parameters of one signature together. A dependency has a signature of its own, so its
failing parameters would be reported without the handler's. Therefore shared parameters join the handler's signature.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import Parameter, Signature, get_annotations, signature
from typing import Any, TypeVar

T = TypeVar("T")


def grouped(
    **groups: Callable[..., Any],
) -> Callable[[Callable[..., Awaitable[T]]], Callable[..., Awaitable[T]]]:
    """Give a handler's argument `name` the result of `groups[name]`, called with the request's parameters.

    To Litestar and the OpenAPI document, the handler takes the parameters of these functions in the argument's place.
    """

    def decorate(handler: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        own = {name: each for name, each in signature(handler).parameters.items() if name not in groups}
        shared = {name: signature(group).parameters for name, group in groups.items()}

        @wraps(handler)
        async def handle(self: Any, **arguments: Any) -> T:
            given = {name: arguments[name] for name in own if name != "self"}
            values = {name: group(**{each: arguments[each] for each in shared[name]}) for name, group in groups.items()}
            return await handler(self, **given, **values)

        parameters: dict[str, Parameter] = dict(own)
        annotations = get_annotations(handler)
        for name, group in groups.items():
            parameters |= {each: parameter for each, parameter in shared[name].items() if each not in parameters}
            annotations |= {each: kind for each, kind in get_annotations(group).items() if each != "return"}
            del annotations[name]
        handle.__annotations__ = annotations
        handle.__signature__ = Signature(  # type: ignore[attr-defined]
            [each if each.name == "self" else each.replace(kind=Parameter.KEYWORD_ONLY) for each in parameters.values()]
        )
        return handle

    return decorate
