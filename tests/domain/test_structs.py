"""Events and commands never change, take their fields by name, and refuse fields that they do not have."""

from typing import get_args

import msgspec
import pytest
from msgspec import Struct

from app.domain.events import Event, ItemChanges
from app.domain.item import Command, ItemState, RestoreItem

EVENTS: list[type[Struct]] = [*get_args(Event), ItemChanges]
COMMANDS: list[type[Struct]] = [*get_args(Command)]


@pytest.mark.parametrize("struct", [*EVENTS, *COMMANDS, ItemState])
def test_it_never_changes(struct: type[Struct]) -> None:
    assert struct.__struct_config__.frozen


@pytest.mark.parametrize("struct", [*EVENTS, *COMMANDS, ItemState])
def test_its_fields_are_given_by_name(struct: type[Struct]) -> None:
    with pytest.raises(TypeError, match="positional"):
        struct("first")


@pytest.mark.parametrize("struct", [each for each in (*EVENTS, *COMMANDS) if each is not RestoreItem])
def test_it_refuses_a_field_that_it_does_not_have(struct: type[Struct]) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `colour`"):
        msgspec.convert({"colour": "red"}, struct)
