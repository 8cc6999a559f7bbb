"""Lists the items that differ between two instants, with the fields that differ."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from app.engine.queries.changes import DocumentChange
from app.http.controllers.item_diff import FieldDiff, diff_documents
from app.http.services import Services
from app.http.wire.cursors import Cursor, listing_id, read_cursor, write_cursor
from app.http.wire.links import next_page_header
from app.http.wire.listing_parameters import CursorText, ExactFilter, Limit, StatusFilter, equality_filters
from app.http.wire.problem_details import error_responses, invalid_parameter
from app.http.wire.responses import json_response
from app.http.wire.time_parameters import PointInTime

INSTANT_DESCRIPTION = "An instant in RFC 3339; UTC if it has no offset; a date means its midnight."
From = Annotated[str | None, QueryParameter(name="from", description=INSTANT_DESCRIPTION)]
To = Annotated[str | None, QueryParameter(name="to", description=f"{INSTANT_DESCRIPTION} The default is now.")]


class ItemChange(Struct, frozen=True, kw_only=True):
    """An item that differs between the two instants."""

    item_id: int
    changed_at: datetime | None
    """When it last changed before or at the later instant."""
    diff: dict[str, FieldDiff]


class ChangesController(Controller):
    path = "/changes"
    tags = ("time",)

    @get(summary="Items that changed between two instants", responses=error_responses())
    async def changes(
        self,
        request: Request[Any, Any, Any],
        services: NamedDependency[Services],
        since: From = None,
        until: To = None,
        category: ExactFilter = None,
        owner_id: ExactFilter = None,
        status: StatusFilter = "any",
        limit: Limit = 100,
        cursor: CursorText = None,
    ) -> Response[list[ItemChange]]:
        """Lists the items whose document differs between `from` and `to`; a change that was reverted is omitted.

        A filter matches if it held at either instant. `Link: rel="next"` leads to the next page with the same `to`. A
        page may have fewer than `limit` items, or none, if many unchanged items lie between.
        """
        documents, as_of_resolver = services.documents, services.as_of_resolver
        if since is None:
            raise invalid_parameter("from", "This parameter is required.")
        given = equality_filters(category, owner_id, status)
        listing = listing_id("changes", since, until, sorted(given.items()))
        page = read_cursor(cursor, listing, str) if cursor is not None else None
        first = await as_of_resolver.resolve(since)
        if page:
            last = await as_of_resolver.resolve_cursor(page.as_of)
        else:
            last = await as_of_resolver.resolve(until) if until is not None else await as_of_resolver.resolve_now()
        assert first.instant is not None
        assert last.instant is not None
        if last.instant < first.instant:
            raise invalid_parameter("to", "This is before `from`.")
        found = await documents.changed_between(first.instant, last.instant, given, page.id if page else 0, limit)
        headers = PointInTime(
            last.instant, first.settled and last.settled and (until is not None or page is not None)
        ).headers
        if found.upto is not None:
            next_cursor = write_cursor(Cursor(of=listing, as_of=last.instant, value="", id=found.upto))
            query = {"from": since, "to": until, **given, "limit": limit, "cursor": next_cursor}
            headers |= next_page_header(request, services.settings, **query)
        return json_response(msgspec.json.encode([_item_change(change) for change in found.changes]), headers=headers)


def _item_change(change: DocumentChange) -> ItemChange:
    return ItemChange(item_id=change.id, changed_at=change.valid_from, diff=diff_documents(change.before, change.after))
