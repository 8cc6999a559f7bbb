"""A read model whose names are hard on SQL: reserved words, capitals, other alphabets, and the compiler's own names.

What could not be right in all compiled forms is refused at import: `tests/engine/projection/test_check_names.py`.
"""

from datetime import datetime
from typing import ClassVar, Literal

from msgspec import UNSET, Struct, UnsetType

from app.engine.events.personal_data import Personal
from app.engine.projection.projection import (
    RECORDED_AT,
    VERSION,
    GeoSearch,
    Index,
    Projection,
    TextSearch,
    always,
    copies,
    ends,
    ignores,
    merges,
    on,
    starts,
    the,
)
from app.engine.projection.rollup import Rollup, counts, earliest, keyed, latest

State = Literal["50 % off", "it's \\ $$ sold $$"]
STATES: tuple[State, ...] = ("50 % off", "it's \\ $$ sold $$")


class OrderPlaced(Struct, frozen=True, kw_only=True, tag="order $$ 'placed' 100%"):
    user: str
    limit: str
    Name: str
    name: str
    größe: Personal[str]
    document: str
    id: str
    key: str
    state: State
    is_new: Personal[float]
    valid_to: Personal[float]
    what_was_promised_to_whoever_came_first: str
    what_was_promised_to_whoever_came_second: str


class OrderTerms(Struct, frozen=True, kw_only=True):
    limit: str | UnsetType = UNSET
    Name: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    größe: Personal[str] | UnsetType = UNSET
    document: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    select: str | UnsetType | None = UNSET
    is_new: Personal[float] | UnsetType = UNSET
    valid_to: Personal[float] | UnsetType = UNSET


class OrderChanged(Struct, frozen=True, kw_only=True, tag="order_changed"):
    terms: OrderTerms


class OrderCounted(Struct, frozen=True, kw_only=True, tag="order_counted"):
    Group: int
    user: str
    state: State


class OrderTold(Struct, frozen=True, kw_only=True, tag="order_told"):
    """Nothing that the document has, but columns of the audit trail."""

    order: str
    Order: str
    ωmega: str


class OrderCancelled(Struct, frozen=True, kw_only=True, tag="order $fold$ $step$ 'cancelled'"):
    pass


OrderEvent = OrderPlaced | OrderChanged | OrderCounted | OrderTold | OrderCancelled


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    user: str
    limit: str
    Name: str
    name: str
    größe: str
    document: str
    id: str
    order_id: str = "of its own"
    select: str | None = None
    key: str
    state: State
    words: str = "50 % of $$ words"
    found: str = ""
    since: datetime
    Since: datetime
    place: datetime
    lowered: datetime
    valid_from: datetime
    is_new: float
    """Degrees east."""
    valid_to: float
    """Degrees north."""
    group: int = 7
    Group: int = 0
    version: int
    what_was_promised_to_whoever_came_first: str
    what_was_promised_to_whoever_came_second: str


class Orders(Projection[Order, OrderEvent]):
    name: ClassVar[str] = "order"
    rules = (
        starts(
            OrderPlaced,
            copies(
                OrderPlaced.user,
                OrderPlaced.limit,
                OrderPlaced.Name,
                OrderPlaced.name,
                OrderPlaced.größe,
                OrderPlaced.document,
                OrderPlaced.id,
                OrderPlaced.key,
                OrderPlaced.state,
                OrderPlaced.is_new,
                OrderPlaced.valid_to,
                OrderPlaced.what_was_promised_to_whoever_came_first,
                OrderPlaced.what_was_promised_to_whoever_came_second,
            ),
            the(Order.since).becomes(RECORDED_AT),
        ),
        on(OrderChanged, merges(OrderChanged.terms), the(Order.found).becomes("100 % $$")),
        on(
            OrderCounted,
            copies(OrderCounted.user, OrderCounted.state),
            the(Order.group).grows_by(1),
            the(Order.Group).grows_by(OrderCounted.Group),
        ),
        ends(OrderCancelled),
        ignores(OrderTold),
        always(
            the(Order.version).becomes(VERSION),
            the(Order.Since).becomes(RECORDED_AT),
            the(Order.place).becomes(RECORDED_AT),
            the(Order.lowered).becomes(RECORDED_AT),
            the(Order.valid_from).becomes(RECORDED_AT),
        ),
    )
    temporal = True
    indexes = (
        Index((Order.user, Order.state), newest_first=Order.since, serves="of a user"),
        Index((Order.state,), newest_first=Order.Since, serves="changed"),
        Index((), newest_first=Order.place, serves="in a place of its own"),
        Index((Order.key,), newest_first=Order.lowered, serves="lowered"),
        Index((Order.limit, Order.key), alphabetical=Order.Name, serves="by name"),
        Index((Order.größe,), alphabetical=Order.limit, serves="by limit"),
        Index((Order.what_was_promised_to_whoever_came_first, Order.user, Order.name), serves="too long"),
        Index((Order.what_was_promised_to_whoever_came_first, Order.user, Order.Name), serves="as long"),
        Index((Order.what_was_promised_to_whoever_came_second, Order.select, Order.found), serves="long"),
        TextSearch((Order.document, Order.id, Order.größe), serves="search"),
        GeoSearch(Order.valid_to, Order.is_new, serves="around a place"),
    )


class User(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    user: str
    Total: int
    by_state: dict[str, int]
    By_state: dict[str, int]
    größen: dict[str, int]
    first: datetime
    First: datetime
    all: datetime


class Users(Rollup[User, Order]):
    name: ClassVar[str] = "user"
    of = Orders
    by = Order.user
    rules = (
        keyed(User.user),
        counts(User.Total),
        counts(User.by_state, by=Order.state),
        counts(User.By_state, by=Order.Name),
        counts(User.größen, by=Order.limit),
        earliest(User.first, Order.since),
        latest(User.First, Order.Since),
        earliest(User.all, Order.Since),
    )


class Reading(Struct, frozen=True, kw_only=True):
    """Without a past: nothing but a text called `document`."""

    document: str


class Readings(Projection[Reading, OrderEvent]):
    name: ClassVar[str] = "select"
    rules = (
        starts(OrderPlaced, copies(OrderPlaced.document)),
        ends(OrderCancelled),
        ignores(OrderChanged, OrderCounted, OrderTold),
    )
    indexes = (TextSearch((Reading.document,), serves="search"),)


class DocumentsRead(Struct, frozen=True, kw_only=True):
    document: str
    key: int


class ByDocument(Rollup[DocumentsRead, Reading]):
    name: ClassVar[str] = "limit"
    of = Readings
    by = Reading.document
    rules = (keyed(DocumentsRead.document), counts(DocumentsRead.key))


READ_MODELS = (Orders, Readings, Users, ByDocument)
