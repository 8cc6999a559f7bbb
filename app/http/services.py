"""The services that handlers use: the composition root builds them once, and one provider injects them."""

from msgspec import Struct

from app.domain.events import Event
from app.domain.item import Command, ItemState
from app.engine.background.projection_admin import ProjectionAdmin
from app.engine.background.projector import Projector
from app.engine.postgres.pool import Database
from app.engine.postgres.replica import Replica
from app.engine.queries.documents import Documents, RollupDocuments
from app.engine.queries.read_router import ReadRouter
from app.engine.store.bulk_append import BulkImporter
from app.engine.store.command_handler import CommandHandler
from app.engine.store.mark_watcher import MarkWatcher
from app.http.auth.tokens import Authenticator
from app.http.event_counter import EventCounter
from app.http.wire.time_parameters import AsOfResolver
from app.http.wire.upload_slots import UploadSlots
from app.observability.lag_history import LagHistory
from app.observability.metrics import Metrics
from app.settings import Settings

ItemCommandHandler = CommandHandler[Command, ItemState, Event]
ItemImporter = BulkImporter[Command, ItemState, Event]


class Services(Struct, frozen=True, kw_only=True):
    """The parts of the service that live as long as the process."""

    settings: Settings
    metrics: Metrics
    authenticator: Authenticator | None
    """None if authentication is off."""

    database: Database
    """The primary."""
    import_database: Database
    """A direct connection to the primary if a pooler keeps no sessions; otherwise `database` itself."""
    replica: Replica | None
    read_router: ReadRouter
    as_of_resolver: AsOfResolver

    command_handler: ItemCommandHandler
    bulk_importer: ItemImporter
    upload_slots: UploadSlots

    documents: Documents
    owners: RollupDocuments
    event_counter: EventCounter
    mark_watcher: MarkWatcher

    projector: Projector
    projection_admin: ProjectionAdmin
    lag_history: LagHistory
