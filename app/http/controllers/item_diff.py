"""Compares one item at two versions or instants."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from app.domain.item import ItemNotFound
from app.engine.queries.documents import Bound
from app.http.services import Services
from app.http.wire.problem_details import error_responses, invalid_parameter
from app.http.wire.responses import IMMUTABLE, NO_STORE, json_response
from app.http.wire.time_parameters import AsOfResolver
from app.http.wire.version_or_instant import no_such_version, parse_version_or_instant

VERSION_OR_INSTANT_DESCRIPTION = "A version, if it is an integer; otherwise an instant in RFC 3339."
From = Annotated[str | None, QueryParameter(name="from", description=VERSION_OR_INSTANT_DESCRIPTION)]
To = Annotated[
    str | None, QueryParameter(name="to", description=f"{VERSION_OR_INSTANT_DESCRIPTION} The default is now.")
]

PRESENT = Bound()


class FieldDiff(Struct, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """A field's two values. Before its creation an item's fields are null."""

    before: Any
    after: Any


class ItemDiff(Controller):
    path = "/items/{item_id:int}"
    tags = ("time",)

    @get("/diff", summary="The differences between two versions or instants", responses=error_responses(404))
    async def diff(
        self, item_id: FromPath[int], services: NamedDependency[Services], since: From = None, until: To = None
    ) -> Response[dict[str, FieldDiff]]:
        """Returns only the fields that differ, including `version` and `updated_at`.

        If the item did not exist at `from`, every field's old value is null; fields that are still null are omitted.
        """
        if since is None:
            raise invalid_parameter("from", "This parameter is required.")
        requested = [parse_version_or_instant(text) for text in (since, until) if text is not None]
        bounds = [*map(_bound_of, requested), PRESENT][:2]
        cache_headers = await _cache_headers(bounds, services.as_of_resolver)
        found = await services.documents.get_at_two(item_id, bounds[0], bounds[1])
        for version, document in zip(requested, found, strict=False):
            if isinstance(version, int) and (document is None or document.version != version):
                raise no_such_version(item_id, version)
        if found == (None, None) and await services.documents.get(item_id) is None:
            raise ItemNotFound("There is no such item.")
        before, after = (None if document is None else document.json for document in found)
        return json_response(msgspec.json.encode(diff_documents(before, after)), headers=cache_headers)


def _bound_of(version_or_instant: int | datetime) -> Bound:
    if isinstance(version_or_instant, int):
        return Bound(version=version_or_instant)
    return Bound(until=version_or_instant)


def diff_documents(before: bytes | None, after: bytes | None) -> dict[str, FieldDiff]:
    """The fields that differ between two stored documents; None is a document without fields."""
    old, new = (msgspec.json.decode(document or b"{}", type=dict[str, Any]) for document in (before, after))
    return {
        field: FieldDiff(before=old.get(field), after=new.get(field))
        for field in old | new
        if old.get(field) != new.get(field)
    }


async def _cache_headers(ends: list[Bound], as_of_resolver: AsOfResolver) -> dict[str, str]:
    """Cacheable permanently if no later event can change either end, not at all if an instant is not settled.

    It is called before the documents are read: a replica that cannot say so hands the request to the primary.
    """
    instants = [await as_of_resolver.resolve(end.until) for end in ends if end.until is not None]
    if not all(instant.settled for instant in instants):
        return {"Cache-Control": NO_STORE}
    is_present = any(not end.is_fixed and end.until is None for end in ends)
    return {} if is_present else {"Cache-Control": IMMUTABLE}
