"""A name that could not be right in all compiled forms is refused at import, with one sentence; any other one works.

What works is tried in `tests/engine/compiler/test_unusual_names.py`.
"""

import re
from datetime import datetime
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from app.engine.compiler.analyst_views import analyst_views
from app.engine.compiler.schema import compile_read_models
from app.engine.events.personal_data import Personal
from app.engine.events.upcasting import renamed
from app.engine.postgres.identifiers import LONGEST_BYTES, dollar_quoted, quoted_identifier, shortened
from app.engine.projection.check_personal_data import check_personal
from app.engine.projection.check_upcasts import check_union
from app.engine.projection.projection import RECORDED_AT, Index, Projection, RuleError, TextSearch, copies, starts, the
from app.engine.projection.rollup import Rollup, counts, keyed
from tests.support.unusual_names import Orders


class Made(Struct, frozen=True, tag="made"):
    name: str


def a_document(*names: str, **renamed: str) -> Any:
    """A document of text fields; some have another name in JSON."""
    fields = [(name, str, "") for name in names]
    fields += [(name, str, msgspec.field(default="", name=other)) for name, other in renamed.items()]
    return msgspec.defstruct("Thing", fields, frozen=True, kw_only=True)


def a_projection(document: Any, **members: Any) -> Any:
    bases = {"__orig_bases__": (Projection[document, Made],)}
    return type("Things", (Projection,), {**bases, "rules": (starts(Made),), **members})


def a_rollup(document: Any, of: Any, *rules: Any) -> Any:
    source = of.document
    bases = {"__orig_bases__": (Rollup[document, source],)}  # type: ignore[valid-type]
    return type("Counted", (Rollup,), {**bases, "of": of, "by": source.name, "rules": rules})


REFUSED = [
    ("Thing._name cannot name a column", a_document("_name")),
    ("Thing.na__me cannot name a column", a_document("na__me")),
    ("Thing.p_until cannot name a column: p_ and v_ begin the parameters", a_document("p_until")),
    ("Thing.v_after cannot name a column: p_ and v_ begin the parameters", a_document("v_after")),
    (f"Thing.{'n' * 41} cannot name a column: it has 41 bytes, and there is room for 40", a_document("n" * 41)),
    (f"Thing.{'ß' * 21} cannot name a column: it has 42 bytes", a_document("ß" * 21)),
    ("Thing.name is stored under another name", a_document(name="50%")),
    ("Thing.name is stored under another name", a_document(name="it's")),
]


@pytest.mark.parametrize(("sentence", "document"), REFUSED, ids=[sentence for sentence, _ in REFUSED])
def test_a_field_that_cannot_be_a_column_is_refused(sentence: str, document: Any) -> None:
    """… in a projection and in a rollup."""
    with pytest.raises(RuleError, match=re.escape(sentence)):
        a_projection(document)
    things = a_projection(a_document("name"))
    (field,) = document.__struct_fields__
    with pytest.raises(RuleError, match=re.escape(sentence)):
        a_rollup(document, things, keyed(getattr(document, field)))


@pytest.mark.parametrize("name", ["user", "order", "Name", "größe", "from", "class", "document", "n" * 40, "ß" * 20])
def test_any_other_name_is_one(name: str) -> None:
    things = a_projection(a_document(name, name.swapcase()), temporal=True)
    assert quoted_identifier(name) in compile_read_models([things])


OWN = ["id", "version", "valid_from", "valid_to", "document", "tableoid", "xmin", "xmax", "cmin", "cmax", "ctid"]


@pytest.mark.parametrize("name", OWN)
def test_a_column_that_every_table_has_is_not_indexed_but_searched_for_words(name: str) -> None:
    document = a_document(name)
    with pytest.raises(RuleError, match=f"Thing.{name} cannot be indexed: every table has a column of that name"):
        a_projection(document, indexes=(Index((getattr(document, name),)),))
    a_projection(document, indexes=(TextSearch((getattr(document, name),)),))


def test_two_indexes_of_one_name_are_refused() -> None:
    document = a_document("a", "b", "a_b")
    for indexes in ((Index((document.a, document.b)), Index((document.a_b,))), (Index((document.a,)),) * 2):
        with pytest.raises(RuleError, match="two of its indexes would be called …_by_a"):
            a_projection(document, indexes=indexes)


def test_a_field_in_the_way_of_the_column_of_an_order_is_refused() -> None:
    document = a_document("name", "name_sorted")
    with pytest.raises(RuleError, match=r"Thing.name_sorted has the name of the column for the order by name"):
        a_projection(document, indexes=(Index((), alphabetical=document.name),))


@pytest.mark.parametrize(
    "name", ["migrations", "rebuild_steps", "stream", "inline", "new_things", "audit_trail", "things_pkey"]
)
def test_a_read_model_is_not_called_as_something_of_the_store(name: str) -> None:
    with pytest.raises(RuleError, match=f"'{name}' cannot name a table"):
        a_projection(a_document("name"), name=name)


@pytest.mark.parametrize("name", ["Größe", "T" * 48])
def test_a_document_that_cannot_name_a_view_is_refused(name: str) -> None:
    document = msgspec.defstruct(name, [("name", str, "")])
    with pytest.raises(RuleError, match=f"{name} cannot name a view"):
        a_projection(document)


def test_two_read_models_with_views_of_one_name_are_refused() -> None:
    document = a_document("name")
    one, other = (a_projection(document, name=name, temporal=True) for name in ("one", "other"))
    with pytest.raises(RuleError, match="Two views would be called thing_versions"):
        analyst_views([one, other], [])
    with pytest.raises(RuleError, match="Two views would be called thing_events"):
        analyst_views([one, a_projection(document, name="thing_events")], [])


@pytest.mark.parametrize("name", ["things_by_name", "things_history_replaced", "things_words_found"])
def test_a_read_model_is_not_called_as_an_index_of_another(name: str) -> None:
    """Postgres would not create the index: `if not exists` skips it where a relation has its name."""
    document, other = a_document("name"), msgspec.defstruct("Other", [("name", str, "")])
    things = a_projection(document, temporal=True, indexes=(Index((document.name,)), TextSearch((document.name,))))
    for read_models in ([things, a_projection(other, name=name)], [a_projection(other, name=name), things]):
        with pytest.raises(RuleError, match=f"A table and an index would both be called {name}"):
            compile_read_models(read_models)


def test_a_field_of_an_event_is_stored_under_its_own_name_and_not_too_long() -> None:
    """… also of an event that no rule uses, because the audit trail has a column for it."""
    for sentence, fields in (
        ("Told.name is stored under another name", [("name", str, msgspec.field(name="50%"))]),
        (f"Told.{'n' * 64} cannot name a column: it has 64 bytes, and there is room for 63", [("n" * 64, str)]),
    ):
        event = msgspec.defstruct("Told", fields, tag="told")
        with pytest.raises(RuleError, match=re.escape(sentence)):
            check_union(event)


@pytest.mark.parametrize("text", ["to\x00ld", "to\ud800ld"])
def test_what_postgres_cannot_hold_is_no_tag_and_no_older_name(text: str) -> None:
    fields = [("name", str)]
    for event, where in (
        (msgspec.defstruct("Told", fields, tag=text), "the tag of Told"),
        (
            msgspec.defstruct("Told", fields, tag="told", namespace={"upcasts": (renamed(text, to="name"),)}),
            "the older names of Told",
        ),
    ):
        with pytest.raises(RuleError, match=re.escape(f"{text!r} does not fit {where}")):
            check_union(event)


def test_what_is_personal_is_not_hidden_under_another_name() -> None:
    """An erasure would not find it."""
    inner = msgspec.defstruct("Inner", [("name", Personal[str], msgspec.field(name="n"))])
    plain = msgspec.defstruct("Plain", [("name", Personal[str])])
    for event in (
        msgspec.defstruct("Told", [("inner", inner)], tag="told"),
        msgspec.defstruct("Told", [("inner", plain, msgspec.field(name="i"))], tag="told"),
    ):
        with pytest.raises(RuleError, match="stored under another name: an erasure would not find"):
            check_personal(event)


def test_no_name_that_is_compiled_is_cut_off_by_postgres() -> None:
    """The longest names there can be: of a read model, of its document, and of the fields of its indexes."""

    class Long(Struct, frozen=True, kw_only=True):
        text: str
        text_of_a_name_that_is_as_long_as_it_can: str = ""
        text_of_a_name_that_is_as_long_as_it_may: str = ""
        grown_of_a_name_that_is_as_long_as_it_ca: int = 0
        at: datetime

    Long.__name__ = "L" * 47
    longest = (Long.text_of_a_name_that_is_as_long_as_it_can, Long.text_of_a_name_that_is_as_long_as_it_may)
    members = {
        "name": "n" * 40,
        "rules": (starts(Made, the(Long.text).becomes(Made.name), the(Long.at).becomes(RECORDED_AT)),),
        "temporal": True,
        "indexes": (Index(longest, newest_first=Long.at), Index(longest, alphabetical=Long.text), TextSearch(longest)),
    }
    things = a_projection(Long, **members)
    words = re.findall(r"\w+", compile_read_models([Orders, things]))
    assert max(len(word.encode()) for word in words) <= LONGEST_BYTES


def test_a_name_that_does_not_fit_keeps_its_beginning_and_is_still_its_own() -> None:
    assert shortened("a" * 63) == "a" * 63
    long = [shortened("ß" * 40 + each) for each in ("one", "two")]
    assert all(len(name.encode()) <= LONGEST_BYTES and name.startswith("ß" * 26) for name in long)
    assert long[0] != long[1]


def test_a_body_may_have_what_quotes_it() -> None:
    assert dollar_quoted("select 1") == "$$select 1$$"
    assert dollar_quoted("select '$$', '$body$'") == "$bodybody$select '$$', '$body$'$bodybody$"


def test_fields_of_a_rollup_that_differ_in_case_only_have_columns_of_their_own() -> None:
    totals: Any = msgspec.defstruct("Totals", [("name", str), ("total", dict[str, int]), ("Total", dict[str, int])])
    things = a_projection(a_document("name"), rules=(starts(Made, copies(Made.name)),))
    by = things.document.name
    rollup = a_rollup(totals, things, keyed(totals.name), counts(totals.total, by=by), counts(totals.Total, by=by))
    compiled = compile_read_models([things, rollup])
    assert "as total__each" in compiled
    assert 'as "Total__each"' in compiled
