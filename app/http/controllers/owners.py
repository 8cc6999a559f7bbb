"""Serves an owner's numbers: the rollup's stored document, which may lag briefly behind the last command."""

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from msgspec import Struct

from app.engine.events.timestamps import shortest_rfc3339
from app.errors import NotFound
from app.http.services import Services
from app.http.wire.listing_parameters import OwnerId
from app.http.wire.parameter_groups import grouped
from app.http.wire.problem_details import error_responses
from app.http.wire.responses import json_response
from app.http.wire.time_parameters import TimeParameters


class OwnerDocument(Struct):
    """Stands for an owner's document in the OpenAPI description; the composition root supplies its schema."""


class OwnerNotFound(NotFound):
    """There is no such owner"""


class OwnerQueries(Controller):
    path = "/owners"
    tags = ("queries",)

    @get("/{owner_id:str}", summary="An owner's item counts", responses=error_responses(404, 409))
    @grouped(time=TimeParameters)
    async def owner_in_numbers(
        self, owner_id: OwnerId, services: NamedDependency[Services], time: TimeParameters
    ) -> Response[OwnerDocument]:
        """An owner exists once it has an item. The numbers may lag briefly behind a command: see `min_position`."""
        point = await services.as_of_resolver.resolve(time.as_of, time.min_position, services.owners.name)
        found = await services.owners.get(owner_id, point.instant)
        if found is None:
            when = f"at {shortest_rfc3339(point.instant)}" if point.instant else "yet"
            raise OwnerNotFound(f"This owner does not exist, or did not exist {when}.")
        return json_response(found, headers=point.headers)
