"""The domain: given what happened, when somebody commands, then this follows, or nothing, or a refusal."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.events import Event, ItemChanges, ItemCreated, ItemDeleted, ItemRestored, ItemStatusChanged, ItemUpdated
from app.domain.item import (
    ChangeStatus,
    Command,
    CreateItem,
    DeleteItem,
    ItemIsDeleted,
    ItemNotFound,
    ItemState,
    ItemWasDeleted,
    RestoreItem,
    UpdateItem,
    decide,
    evolve,
)
from app.engine.events.event import Metadata, Recorded
from app.errors import CatalogError
from tests.support.random_histories import item_histories
from tests.support.sample_items import an_item

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
CREATED = ItemCreated(**{**an_item(), "image_urls": ("https://images.example/spade.jpg",)})
DELETED = ItemDeleted(reason="gone")


def state_after(*events: Event) -> ItemState | None:
    state: ItemState | None = None
    for version, event in enumerate(events, 1):
        recorded = Recorded(
            position=version,
            event_id=UUID(int=version),
            stream_id=1,
            version=version,
            recorded_at=NOON,
            metadata=Metadata(user_id="tester"),
            event=event,
        )
        state = evolve(state, recorded)
    return state


def swapped(status: str) -> ItemStatusChanged:
    return ItemStatusChanged(old_status="active", new_status=status)  # type: ignore[arg-type]


def restored_to(*events: Event) -> RestoreItem:
    """Back to how it was after these."""
    state = state_after(*events)
    assert state is not None
    return RestoreItem(to=state)


RENAMED = ItemUpdated(changes=ItemChanges(name="Spade"), previous_values=ItemChanges(name="Garden spade"))
NAMED_BACK = ItemUpdated(changes=ItemChanges(name="Garden spade"), previous_values=ItemChanges(name="Spade"))

STORIES: list[tuple[str, list[Event], Command, list[Event]]] = [
    (
        "a field that differs is recorded with its previous value",
        [CREATED],
        UpdateItem(name="Spade"),
        [
            ItemUpdated(
                changes=ItemChanges(name="Spade"),
                previous_values=ItemChanges(name="Garden spade"),
            )
        ],
    ),
    ("a field that is as it was is not", [CREATED], UpdateItem(name=CREATED.name), []),
    (
        "of several fields only those that differ are",
        [CREATED],
        UpdateItem(name="Spade", category="tools", location_lat=52.52, image_urls=("a", "b")),
        [
            ItemUpdated(
                changes=ItemChanges(name="Spade", image_urls=("a", "b")),
                previous_values=ItemChanges(name="Garden spade", image_urls=CREATED.image_urls),
            )
        ],
    ),
    ("nothing given, then nothing happened", [CREATED], UpdateItem(), []),
    ("a negative zero is a zero", [ItemCreated(**an_item(location_lat=0.0))], UpdateItem(location_lat=-0.0), []),
    (
        "a status beside other fields is a second event",
        [CREATED],
        UpdateItem(name="Spade", status="archived"),
        [
            ItemUpdated(changes=ItemChanges(name="Spade"), previous_values=ItemChanges(name="Garden spade")),
            ItemStatusChanged(old_status="active", new_status="archived", reason=None),
        ],
    ),
    ("the same status again, then nothing happened", [CREATED], ChangeStatus(new_status="active", reason="x"), []),
    (
        "a new status is recorded with the old one and the reason",
        [CREATED],
        ChangeStatus(new_status="swapped", reason="for a rake"),
        [ItemStatusChanged(old_status="active", new_status="swapped", reason="for a rake")],
    ),
    (
        "any status may become any other",
        [CREATED, swapped("swapped")],
        ChangeStatus(new_status="active"),
        [ItemStatusChanged(old_status="swapped", new_status="active", reason=None)],
    ),
    ("an item can be deleted", [CREATED], DeleteItem(reason="broken"), [ItemDeleted(reason="broken")]),
    ("deleting again, then nothing happened", [CREATED, DELETED], DeleteItem(), []),
    ("restored to how it is, then nothing happened", [CREATED], restored_to(CREATED), []),
    (
        "a restore records the fields that differ, and the status",
        [CREATED, RENAMED, swapped("swapped")],
        restored_to(CREATED),
        [NAMED_BACK, ItemStatusChanged(old_status="swapped", new_status="active", reason=None)],
    ),
    (
        "a restore of a deleted item undoes that",
        [CREATED, DELETED],
        restored_to(CREATED),
        [ItemRestored(status="active")],
    ),
    (
        "also to archived, which it is while deleted",
        [CREATED, swapped("archived"), DELETED],
        restored_to(CREATED, swapped("archived")),
        [ItemRestored(status="archived")],
    ),
    (
        "and brings its fields back",
        [CREATED, RENAMED, DELETED],
        restored_to(CREATED),
        [ItemRestored(status="active"), NAMED_BACK],
    ),
    (
        "what was restored can be changed, and deleted again",
        [CREATED, DELETED, ItemRestored(status="swapped")],
        DeleteItem(),
        [ItemDeleted(reason=None)],
    ),
]


@pytest.mark.parametrize(("history", "command", "then"), [s[1:] for s in STORIES], ids=[s[0] for s in STORIES])
def test_given_when_then(history: list[Event], command: Command, then: list[Event]) -> None:
    assert list(decide(command, state_after(*history))) == then


def test_creating_records_every_field() -> None:
    (created,) = decide(CreateItem(**{**an_item(), "image_urls": CREATED.image_urls}), None)
    assert created == CREATED


REFUSALS: list[tuple[str, list[Event], Command, type[CatalogError]]] = [
    ("an item that is not there cannot be updated", [], UpdateItem(name="x"), ItemNotFound),
    ("an item that is not there has no status", [], ChangeStatus(new_status="active"), ItemNotFound),
    ("an item that is not there cannot be deleted", [], DeleteItem(), ItemNotFound),
    ("a deleted item cannot be updated", [CREATED, DELETED], UpdateItem(name="x"), ItemIsDeleted),
    ("not even to what it is", [CREATED, DELETED], UpdateItem(), ItemIsDeleted),
    ("a deleted item's status cannot be changed", [CREATED, DELETED], ChangeStatus(new_status="active"), ItemIsDeleted),
    ("an item that is not there cannot be restored", [], restored_to(CREATED), ItemNotFound),
    ("what was deleted cannot be restored", [CREATED], restored_to(CREATED, DELETED), ItemWasDeleted),
    ("not even if it is deleted now", [CREATED, DELETED], restored_to(CREATED, DELETED), ItemWasDeleted),
]


@pytest.mark.parametrize(("history", "command", "refusal"), [r[1:] for r in REFUSALS], ids=[r[0] for r in REFUSALS])
def test_given_when_then_refused(history: list[Event], command: Command, refusal: type[CatalogError]) -> None:
    with pytest.raises(refusal):
        decide(command, state_after(*history))


@given(
    history=item_histories,
    name=st.text(min_size=1, max_size=5),
    category=st.text(min_size=1, max_size=5),
    status=st.sampled_from(("active", "archived", "swapped")),
)
def test_after_a_command_the_item_is_as_commanded(history: list[Event], name: str, category: str, status: str) -> None:
    """… and commanding it again records nothing: `decide` and `evolve` agree."""
    before = state_after(*history)
    assert before is not None
    command = UpdateItem(name=name, category=category, status=status)  # type: ignore[arg-type]
    if before.deleted_at is not None:
        return
    after = state_after(*history, *decide(command, before))
    assert after is not None
    assert (after.name, after.category, after.status) == (name, category, status)
    assert (after.description, after.owner_id) == (before.description, before.owner_id)
    assert decide(command, after) == ()


@given(history=item_histories, data=st.data())
def test_after_a_restore_the_item_is_as_it_was(history: list[Event], data: st.DataObject) -> None:
    """… at whichever version of its past, deleted since or not; and restoring it again records nothing."""
    then = state_after(*history[: data.draw(st.integers(1, len(history)), "version")])
    before = state_after(*history)
    assert then is not None
    command = RestoreItem(to=then)
    if then.deleted_at is not None:
        with pytest.raises(ItemWasDeleted):
            decide(command, before)
        return
    after = state_after(*history, *decide(command, before))
    assert after == then
    assert decide(command, after) == ()
