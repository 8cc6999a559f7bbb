"""Random histories, by hypothesis: any events in any order, likely and unlikely ones."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from msgspec import UNSET

from app.events import Event, ItemChanges, ItemCreated, ItemDeleted, ItemRestored, ItemStatusChanged, ItemUpdated
from tests.toys import (
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
