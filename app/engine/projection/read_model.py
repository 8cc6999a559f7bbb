"""What projections and rollups have in common, and what the checks ask of a projection's class."""

from typing import Any, ClassVar, Generic, Literal, TypeVar, cast

import msgspec
from msgspec import Struct

from app.engine.events.event import EventRegistry
from app.engine.projection.rules import GeoSearch, Index, Rule, TextSearch

D = TypeVar("D", bound=Struct)


class ReadModel(Generic[D]):
    """A read model is a class: its attributes configure it, and its instances fold."""

    name: ClassVar[str]
    """The name of its table and functions in the database; by default the class's, in lower case."""
    version: ClassVar[int] = 1
    """Raise it to rebuild the documents although the rules have not changed."""
    lifecycle: ClassVar[Literal["inline", "live", "async"]]
    """inline: written in the transaction of the append; live: folded when read; async: written in the background."""
    document: ClassVar[type[Struct]]

    @classmethod
    def is_async(cls) -> bool:
        """Whether it is written in the background, from a checkpoint of its own."""
        return cls.lifecycle == "async"

    def canonical_json(self, document: bytes | D | None) -> bytes:
        """One byte string per meaning: keys sorted, numbers and instants as msgspec writes them, `null` for None."""
        if isinstance(document, bytes):
            document = cast("D | None", msgspec.json.decode(document, type=self.document | None))
        return msgspec.json.encode(document, order="sorted")


class RuleSet(ReadModel[D]):
    """What the class of a projection declares, which the checks read before the projection exists."""

    rules: ClassVar[tuple[Rule, ...]] = ()
    lifecycle: ClassVar[Literal["inline", "live"]] = "inline"
    temporal: ClassVar[bool] = False
    """Whether replaced documents are kept, so that a collection can be read as of any past instant."""
    indexes: ClassVar[tuple[Index | TextSearch | GeoSearch, ...]] = ()
    registry: ClassVar[EventRegistry[Any]]
    by_event: ClassVar[dict[type[Struct], Rule]]
    """The rule of each used event type, including the steps of `always`."""


AnyRuleSet = type[RuleSet[Any]]
