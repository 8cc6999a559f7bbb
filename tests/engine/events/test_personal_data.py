"""Personal values are found under every name that they were ever stored under, at every depth."""

from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct, UnsetType

from app.engine.events.personal_data import Personal, impersonal_names, is_personal, personal_paths
from app.engine.events.upcasting import Default, Dropped, Renamed, Upcaster
from tests.support.toy_aggregate import ToyBuilt, ToyMended, ToyPlayed, ToyPrinted


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Personal[str], True),
        (Personal[str] | None, True),
        (Personal[str] | UnsetType, True),
        (tuple[Personal[str], ...], True),
        (Annotated[Personal[str] | None, Meta(description="who")], True),
        (Annotated[str, Meta(max_length=5)], False),
        (str, False),
        (str | None, False),
        (tuple[str, ...], False),
    ],
)
def test_a_type_is_personal_if_a_member_is(annotation: Any, expected: bool) -> None:
    assert is_personal(annotation) is expected


def test_every_name_of_every_shape_is_found() -> None:
    road = "50 % \\ 'road'"
    within = ("colour", "color", "hue", "smell")
    trims = {(outer, inner) for outer in ("trim", "look") for inner in within}
    assert {*personal_paths(ToyMended)} == {("place",), ("street",), (road,), *trims, ("by",)}
    assert len(personal_paths(ToyMended)) == 12
    assert impersonal_names(ToyMended) == ("minutes",)


def test_structs_within_structs_are_looked_into() -> None:
    labels = {("print", outer, inner) for outer in ("label", "tag") for inner in ("text", "words")}
    assert {*personal_paths(ToyPrinted)} == {*labels, ("print", "ink")}
    assert impersonal_names(ToyPrinted) == ()


def test_what_is_not_personal_is_left_where_it_is() -> None:
    assert personal_paths(ToyBuilt) == (("name",), ("box",))
    assert impersonal_names(ToyBuilt) == ("weight",)
    assert personal_paths(ToyPlayed) == ()
    assert impersonal_names(ToyPlayed) == ("minutes",)


def test_the_older_names_of_a_field_are_its_own() -> None:
    upcaster = Upcaster(ToyMended)
    assert upcaster.older_names("place") == ["street", "50 % \\ 'road'"]
    assert upcaster.older_names("trim") == ["look"]
    assert upcaster.older_names("minutes") == []


@pytest.mark.parametrize("struct", [Renamed, Default, Dropped])
def test_an_upcast_never_changes(struct: type[Struct]) -> None:
    assert struct.__struct_config__.frozen
