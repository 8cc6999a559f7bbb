"""Events of older shapes are read as the current one, and wrong upcasts are refused at import."""

import re
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import UNSET, Meta, Struct, UnsetType

from app.domain.events import ItemCreated
from app.engine.events.event import EventRegistry
from app.engine.events.upcasting import default, dropped, renamed
from app.engine.projection.check_upcasts import check_union
from app.engine.projection.projection import Projection, RuleError, copies, starts
from tests.support.sample_items import an_item


class Trim(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    upcasts = (renamed("color", to="colour"), dropped("smell"))

    colour: str | UnsetType = UNSET


class Made(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="made"):
    upcasts = (
        renamed("title", to="name"),
        renamed("label", to="name"),
        renamed("urls", to="image_urls"),
        default("image_urls", ()),
        dropped("weight"),
    )

    name: str
    image_urls: tuple[str, ...]
    trim: Trim = Trim()
    note: str = "none"


class Lost(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="lost"):
    reason: str | None = None


TAGS: EventRegistry[Made | Lost] = EventRegistry(Made | Lost)
RED = Trim(colour="red")
NEW = Made(name="duck", image_urls=("u",), trim=RED, note="new")

READ: list[tuple[dict[str, Any], Made]] = [
    ({"name": "duck", "image_urls": ["u"], "trim": {"colour": "red"}, "note": "new"}, NEW),
    ({"title": "duck"}, Made(name="duck", image_urls=())),
    ({"label": "duck", "image_urls": ["u"]}, Made(name="duck", image_urls=("u",))),
    ({"label": "goose", "title": "duck", "weight": 3}, Made(name="duck", image_urls=())),
    ({"title": "goose", "label": "goose", "name": "duck"}, Made(name="duck", image_urls=())),
    ({"name": "duck", "urls": ["u"]}, Made(name="duck", image_urls=("u",))),
    ({"name": "duck", "urls": ["v"], "image_urls": []}, Made(name="duck", image_urls=())),
    ({"name": "duck", "trim": {"color": "red", "smell": {}}}, Made(name="duck", image_urls=(), trim=RED)),
    ({"name": "duck", "trim": {"color": "blue", "colour": "red"}}, Made(name="duck", image_urls=(), trim=RED)),
]


@pytest.mark.parametrize(("stored", "event"), READ, ids=[str(stored) for stored, _ in READ])
def test_an_older_shape_is_read_as_the_current_one(stored: dict[str, Any], event: Made) -> None:
    """A field's current name comes before its older names, in listing order, and those before its default."""
    assert TAGS.decode("made", msgspec.json.encode(stored)) == event


@pytest.mark.parametrize("stored", [stored for stored, _ in READ], ids=str)
def test_the_current_shape_is_read_as_it_is(stored: dict[str, Any]) -> None:
    once = TAGS.upcast_json("made", msgspec.json.encode(stored))
    assert msgspec.json.decode(TAGS.upcast_json("made", once)) == msgspec.json.decode(once)
    assert not {"title", "label", "urls", "weight", "color", "smell"} & set(re.findall(r'"(\w+)":', once.decode()))


def test_values_pass_through_as_they_are_stored() -> None:
    stored = b'{"label": 123456789012345678901234567890.10, "note": "\\u00e9", "image_urls": null}'
    assert TAGS.upcast_json("made", stored) == (
        b'{"image_urls":null,"name":123456789012345678901234567890.10,"note":"\\u00e9"}'
    )


def test_data_of_a_type_without_older_shapes_is_not_even_parsed() -> None:
    stored = b'{ "whatever": 1 }'
    assert TAGS.upcast_json("lost", stored) is stored
    assert TAGS.upcast_json("nobody_knows", stored) is stored


@pytest.mark.parametrize("stored", [b"[]", b"7", b'{"trim": 7}', b"{}", b'{"name": "x", "smell": 1}'])
def test_data_that_never_had_the_shape_is_refused(stored: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        TAGS.decode("made", stored)


def test_an_item_created_before_there_were_images_is_read_with_none(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = msgspec.json.encode({name: value for name, value in an_item().items() if name != "image_urls"})
    with pytest.raises(msgspec.ValidationError, match="image_urls"):
        EventRegistry(ItemCreated).decode("item_created", stored)
    monkeypatch.setattr(ItemCreated, "upcasts", (default("image_urls", ()),), raising=False)
    assert EventRegistry(ItemCreated).decode("item_created", stored) == ItemCreated(**{**an_item(), "image_urls": ()})


class Plain(Struct, frozen=True):
    colour: str = "white"


def event(fields: list[Any], *upcasts: Any, called: str = "upcasts") -> type[Struct]:
    """An event type with wrong upcasts."""
    return msgspec.defstruct("Happened", fields, namespace={called: upcasts}, kw_only=True, tag="happened")


NAME = ("name", str)
Others = msgspec.defstruct("Others", [("trims", list[Trim])])
Wrong = msgspec.defstruct("Wrong", [], namespace={"upcasts": (default("x", 1),)})
REFUSED: list[tuple[str, type[Struct]]] = [
    ("Happened has no field 'title'", event([NAME], renamed("label", to="title"))),
    ("Happened has no field 'title'", event([NAME], default("title", ""))),
    ("Happened.name is still a field, so it cannot be an older name", event([NAME], renamed("name", to="name"))),
    ("Happened.name is still a field, so it cannot be an older name", event([NAME], dropped("name"))),
    ("7 does not fit Happened.name", event([NAME], default("name", 7))),
    ("0 does not fit Happened.size", event([("size", Annotated[int, Meta(ge=1)])], default("size", 0))),
    ("1 does not fit Happened.share", event([("share", float)], default("share", 1))),
    ("does not fit Happened.name", event([NAME], default("name", "$fold$"))),
    ("'$fold$' does not fit the older names of Happened", event([NAME], dropped("$fold$"))),
    ("Happened.name has a default of its own", event([("name", str, "x")], default("name", "y"))),
    ("Happened.name has a default of its own", event([("name", str | UnsetType, UNSET)], default("name", "y"))),
    ("Happened has two upcasts for the older name 'x'", event([NAME], renamed("x", to="name"), dropped("x"))),
    ("Happened has two upcasts for the default of 'name'", event([NAME], default("name", "x"), default("name", "y"))),
    ("Happened.upcast: `upcasts` is a tuple of upcasts", event([NAME], dropped("x"), called="upcast")),
    ("Happened.upcasts: `upcasts` is a tuple of upcasts", event([NAME], "x")),
    ("Happened.upcasts: `upcasts` is a tuple of upcasts", event([("upcasts", str)], called="_")),
    ("Trim has upcasts, but Happened.trim is not exactly of that", event([("trim", Trim | None)])),
    (
        "Trim has upcasts, but Happened.trims is not exactly of that",
        event([("trims", dict[str, tuple[Trim, ...]])]),
    ),
    ("Trim has upcasts, but Others.trims is not exactly of that", event([("others", Others)])),
    ("Trim has upcasts, but Happened.others is not exactly of that", event([("others", Others | None)])),
    ("Wrong has no field 'x'", event([("wrong", Wrong)])),
]


@pytest.mark.parametrize(("sentence", "wrong"), REFUSED, ids=[f"{n} {said}" for n, (said, _) in enumerate(REFUSED)])
def test_upcasts_that_cannot_be_right_are_refused(sentence: str, wrong: type[Struct]) -> None:
    with pytest.raises(RuleError) as refusal:
        check_union(Lost | wrong)
    assert sentence in str(refusal.value)


def test_upcasts_are_looked_at_when_a_projection_is_made() -> None:
    wrong = event([NAME], dropped("name"))
    given = {"rules": (starts(wrong, copies(wrong.name)),), "__orig_bases__": (Projection[Plain, wrong],)}  # type: ignore[valid-type, attr-defined]
    with pytest.raises(RuleError, match="is still a field, so it cannot be an older name"):
        type("Things", (Projection,), given)


def test_upcasts_that_can_be_right_import() -> None:
    check_union(Made | Lost)
    check_union(event([NAME, ("plain", Plain)], renamed("colour", to="plain"), default("plain", Plain())))
