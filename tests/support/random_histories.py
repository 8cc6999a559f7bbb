"""Random histories, by hypothesis: any events in any order, likely and unlikely ones."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from msgspec import UNSET

from app.domain.events import Event, ItemChanges, ItemCreated, ItemDeleted, ItemRestored, ItemStatusChanged, ItemUpdated
from app.engine.queries.listing import Listing, Near
from tests.support.reference_model import Step
from tests.support.toy_aggregate import (
    ToyBroken,
    ToyBuilt,
    ToyDated,
    ToyEvent,
    ToyFound,
    ToyLook,
    ToyPainted,
    ToyPlayed,
    ToyRepaired,
    ToySeen,
    ToyTraits,
)

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
urls = st.lists(texts, max_size=3).map(tuple)
statuses = st.sampled_from(("active", "archived", "swapped"))
reasons = st.none() | texts

item_created = st.builds(
    ItemCreated,
    name=texts,
    description=texts,
    category=texts,
    image_urls=urls,
    location_lat=latitudes,
    location_lon=longitudes,
    owner_id=texts,
    status=statuses,
)
changes = st.builds(
    ItemChanges,
    name=texts | st.just(UNSET),
    description=texts | st.just(UNSET),
    category=texts | st.just(UNSET),
    image_urls=urls | st.just(UNSET),
    location_lat=latitudes | st.just(UNSET),
    location_lon=longitudes | st.just(UNSET),
)
item_events: st.SearchStrategy[Event] = st.one_of(
    st.builds(ItemUpdated, changes=changes, previous_values=changes),
    st.builds(ItemStatusChanged, old_status=statuses, new_status=statuses, reason=reasons),
    st.builds(ItemDeleted, reason=reasons),
    st.builds(ItemRestored, status=statuses),
    st.builds(ItemUpdated, changes=changes, previous_values=changes),
)
item_histories: st.SearchStrategy[list[Event]] = st.tuples(item_created, st.lists(item_events, max_size=9)).map(
    lambda parts: [parts[0], *parts[1]]
)
"""Histories as items have them: created once, then anything."""

unlikely_item_histories: st.SearchStrategy[list[Event]] = st.lists(item_events | item_created, min_size=1, max_size=9)
"""Histories that no command leads to: changed before it was created, created twice."""

whole_numbers = st.integers(-(2**60), 2**60)
toy_events: st.SearchStrategy[ToyEvent] = st.one_of(
    st.builds(ToyBuilt, name=texts, weight=whole_numbers, box=texts),
    st.builds(
        ToyFound,
        name=texts,
        place=texts | st.just("50 % \\ 'street'"),
        look=st.builds(ToyLook, colour=st.none() | texts | st.just(UNSET)),
    ),
    st.builds(ToyDated, built_at=st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))),
    st.builds(
        ToyPainted,
        traits=st.builds(ToyTraits, name=texts | st.just(UNSET), colour=st.none() | texts | st.just(UNSET)),
        weight=whole_numbers,
    ),
    st.builds(ToyPlayed, minutes=whole_numbers),
    st.builds(ToyPlayed, minutes=whole_numbers),
    st.builds(ToyRepaired),
    st.builds(ToySeen, by=texts),
    st.just(ToyBroken()),
)
toy_histories: st.SearchStrategy[list[ToyEvent]] = st.tuples(
    st.builds(ToyBuilt, name=texts, weight=whole_numbers, box=texts) | toy_events, st.lists(toy_events, max_size=12)
).map(lambda parts: [parts[0], *parts[1]])


def stored(tag: str, required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Events as they were appended, in shapes that their types may no longer have."""
    return st.fixed_dictionaries({"type": st.just(tag), **required}, optional=optional)


colours = st.none() | texts
trims = st.fixed_dictionaries(
    {}, optional={"name": texts, "colour": colours, "color": colours, "hue": colours, "smell": texts}
)
ROAD = "50 % \\ 'road'"
labels = st.fixed_dictionaries({"words": texts}, optional={"size": whole_numbers}) | st.fixed_dictionaries(
    {"text": texts}, optional={"words": texts, "size": whole_numbers}
)
inks = {"ink": urls}
prints = st.fixed_dictionaries({"tag": labels}, optional=inks) | st.fixed_dictionaries({"label": labels}, optional=inks)
woven = stored("toy_woven", {"name": texts, "weight": whole_numbers}, {"loom": texts})
mended = {"place": texts, "street": texts, ROAD: texts, "minutes": whole_numbers, "by": st.none() | trims}
old_toy_events: st.SearchStrategy[dict[str, Any]] = st.one_of(
    stored("toy_mended", {"trim": trims}, {**mended, "look": trims}),
    stored("toy_mended", {"look": trims}, mended),
    stored("toy_printed", {"print": prints}, {}),
    woven,
)
old_toy_histories: st.SearchStrategy[list[Any]] = st.tuples(
    woven | toy_events,
    st.lists(old_toy_events | toy_events, max_size=12),
).map(lambda parts: [parts[0], *parts[1]])
"""Histories in which events of every shape lie that their types ever had, or might have had."""

VOCABULARY = ("spade", "Spades", "rake", "rakes", "brake", "Running", "runs", "the", "and", "50%", "b-rake", "Ω")
"""Few enough words for random items to share them; `tests.support.reference_model` knows their stems."""
SEARCHES = ("spade", "SPADES", "pad", "ake", "run", "running", "the", "50%", "%", "b-r", "rake", "ω", "ß", "no-such")
PLACES = (
    (52.52, 13.405),
    (52.5205, 13.4049),
    (48.8566, 2.3522),
    (0.0, 179.9),
    (0.1, -179.95),
    (89.9, 10.0),
    (89.8, -150.0),
    (-33.8688, 151.2093),
    (-90.0, 0.0),
)
"""Close together, across the 180th meridian, around the poles, far away."""
ELSEWHERE = ((12.0, 170.0), (-60.0, 30.0), (0.0, -179.99))
RADII_KM = (0.05, 1.0, 30.0, 900.0, 8000.0, 20000.0)

phrases = st.lists(st.sampled_from(VOCABULARY), max_size=3).map(" ".join)
owners = st.sampled_from(("ann", "Ann", "zoë"))
categories = st.sampled_from(("tools", "toys"))


def offers(descriptions: st.SearchStrategy[str]) -> st.SearchStrategy[Event]:
    return st.builds(
        lambda place, **fields: ItemCreated(location_lat=place[0], location_lon=place[1], **fields),
        place=st.sampled_from(PLACES),
        name=phrases,
        description=descriptions,
        category=categories,
        image_urls=st.just(()),
        owner_id=owners,
        status=statuses,
    )


def changes_of_items(descriptions: st.SearchStrategy[str]) -> st.SearchStrategy[Event]:
    """What happens to an item that is there."""
    edited = st.builds(
        lambda place, **fields: ItemUpdated(
            changes=ItemChanges(location_lat=place[0], location_lon=place[1], **fields), previous_values=ItemChanges()
        ),
        place=st.just((UNSET, UNSET)) | st.sampled_from(PLACES),
        name=phrases | st.just(UNSET),
        description=descriptions | st.just(UNSET),
        category=categories | st.just(UNSET),
    )
    return st.one_of(
        edited,
        st.builds(ItemStatusChanged, old_status=statuses, new_status=statuses),
        st.builds(ItemDeleted),
        st.builds(ItemRestored, status=statuses),
    )


def histories_of_many(begins: st.SearchStrategy[Any], goes_on: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Appends to several streams, interleaved, at instants that are often equal."""
    new = st.lists(goes_on, max_size=2).flatmap(lambda rest: begins.map(lambda first: [first, *rest]))
    more = st.lists(goes_on, min_size=1, max_size=3)
    ticks = st.sampled_from((0, 0, 1, 1, 5))
    first = st.builds(Step, stream=st.just(-1), events=new, microseconds=ticks)
    step = st.builds(Step, stream=st.integers(0, 7), events=new | more, microseconds=ticks)
    return st.lists(first | step | step, max_size=20) | st.lists(first | step, min_size=12, max_size=20)


many_items = histories_of_many(offers(phrases), changes_of_items(phrases))

FIRST_WORDS, OTHER_WORDS = (" ".join(f"w{number:04}" for number in range(start, start + 900)) for start in (0, 900))
"""The search index holds the words of either text, and not of both."""
LONG_TEXTS = (FIRST_WORDS, OTHER_WORDS, f"{FIRST_WORDS} {OTHER_WORDS}")
LONG_SEARCHES = ("w0042", "0042", "w0942", "94", "spade w0942", "spades w1799", "rake 42", "w1800")
"""Words of long texts, and parts of them; nothing has the last one."""
long_phrases = st.tuples(phrases, st.just("") | st.sampled_from(LONG_TEXTS)).map(" ".join)
many_long_items = histories_of_many(offers(long_phrases), changes_of_items(long_phrases))
many_toys = histories_of_many(
    st.builds(ToyBuilt, name=phrases, weight=whole_numbers, box=texts)
    | st.builds(ToyFound, name=phrases, place=phrases, look=st.just(ToyLook())),
    toy_events | st.builds(ToyPainted, traits=st.builds(ToyTraits, name=phrases), weight=whole_numbers),
)
nearby = st.builds(
    lambda place, within_km: Near(latitude=place[0], longitude=place[1], within_km=within_km),
    place=st.sampled_from((*PLACES, *ELSEWHERE)),
    within_km=st.none() | st.sampled_from(RADII_KM),
)
equalities = st.fixed_dictionaries({}, optional={"category": categories, "owner_id": owners, "status": statuses})
searches = st.lists(st.sampled_from(SEARCHES), min_size=1, max_size=2).map(" ".join)


def listings_of(searches: st.SearchStrategy[str]) -> st.SearchStrategy[Listing]:
    """Any query of a collection, except its instant and page."""
    return st.one_of(
        st.builds(
            Listing,
            order=st.sampled_from(("created_at", "updated_at", "name")),
            equal=equalities,
            search=searches,
            near=st.none() | st.none() | nearby,
            limit=st.just(1),
        ),
        st.builds(Listing, order=st.none(), equal=equalities, search=searches, near=nearby, limit=st.just(1)),
    )


listings = listings_of(st.just("") | searches)
searching_listings = listings_of(searches | searches | st.sampled_from(LONG_SEARCHES) | st.just(""))
