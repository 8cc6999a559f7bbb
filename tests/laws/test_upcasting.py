"""Events stay readable in every shape that was ever stored; tests/golden holds one event of each shape permanently.

`<event_type>.<n>.json` is the data of an event in the n-th shape of its type, with every field. If you change a shape,
add the next file, and the upcasts that make the earlier files readable.
"""

import re
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from msgspec import Struct

from app.engine.events.upcasting import is_struct
from projections.items import Items
from tests.support.fold_checks import assert_one_fold
from tests.support.paths import GOLDEN_EVENTS

FILES = sorted(GOLDEN_EVENTS.iterdir())
TAGS = sorted(Items.registry.types)


def shapes(tag: str) -> list[Path]:
    """The golden files of an event type, the oldest first."""
    numbers = {int(found[1]): file for file in FILES if (found := re.fullmatch(rf"{tag}\.([1-9]\d*)\.json", file.name))}
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    return [numbers[number] for number in sorted(numbers)]


def test_every_event_type_has_a_golden_file_and_every_file_is_of_one() -> None:
    assert all(shapes(tag) for tag in TAGS)
    assert sorted(file for tag in TAGS for file in shapes(tag)) == FILES


def assert_all_fields(data: dict[str, Any], struct: type[Struct]) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(struct)}
    assert data.keys() == fields.keys()
    for name, annotation in fields.items():
        if is_struct(annotation):
            assert_all_fields(data[name], annotation)


@pytest.mark.parametrize("tag", TAGS)
def test_the_newest_golden_file_is_what_is_stored_today(tag: str) -> None:
    """If you changed a shape, this fails: add its golden file, and upcasts for the previous shape."""
    newest = shapes(tag)[-1].read_bytes()
    event = Items.registry.decode(tag, newest)
    (appended,) = msgspec.json.decode(Items.registry.encode([event]))
    assert appended == {"type": tag, **msgspec.json.decode(newest)}
    assert_all_fields(msgspec.json.decode(newest), Items.registry.types[tag])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_shape_so_far_is_read_and_folds_to_the_same_document_everywhere(
    log: psycopg.Connection, file: Path
) -> None:
    stored = [shapes("item_created")[-1], file]
    events = [{"type": each.name.partition(".")[0], **msgspec.json.decode(each.read_bytes())} for each in stored]
    assert_one_fold(log, Items(), events, [])
