"""Where a projection's documents live.

Beside the documents stand, for a temporal projection, those they have replaced, and for each search what it finds
them by, now or in the past: all words there ever were, and a row for each change of place.
"""

from collections.abc import Iterable

from app.engine.compiler.sql_text import literal
from app.engine.compiler.tables import Column, Table, TableIndex
from app.engine.postgres.identifiers import LONGEST_BYTES, fitting, quoted
from app.engine.projection.check_indexes import sort_key
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rules import Index, Place, Words, name_of

ID = Column("id", "integer", "The stream the document is folded from.")
SINCE = Column("since", "timestamptz", "When the event was recorded that made it so.")
VERSION = Column("version", "integer", "The version of its stream; the last at which the document was so.")
VALID_FROM = Column("valid_from", "timestamptz", "When the last event that it is folded from was recorded.")
VALID_TO = Column("valid_to", "timestamptz", "When the event that replaced it was recorded.")


def replaced_at(instant: str) -> str:
    """`valid_to`, or what is compared with it, as an expression: the planner then takes the index of it for those
    queries only that ask for this."""
    return f"{instant} at time zone 'UTC'"


REPLACED_AT = replaced_at("valid_to")


def tables_of(projection: AnyProjection) -> list[Table]:
    """Its documents first."""
    return [documents_table(projection), *(table for table, _ in derived_tables(projection))]


def documents_table(projection: AnyProjection) -> Table:
    return Table(
        name=projection.name,
        about=f"The current documents of the projection {projection.__name__}.",
        columns=(ID, VERSION, VALID_FROM, _document(projection), *_fields(projection)),
        key=("id",),
        indexes=tuple(_listing_indexes(projection, "valid_from")),
        fillfactor=70,
    )


def history_table(projection: AnyProjection) -> Table:
    return Table(
        name=f"{projection.name}_history",
        about=f"The documents of {projection.__name__} that were replaced: each once, with both bounds, never updated.",
        columns=(ID, VERSION, VALID_FROM, VALID_TO, _document(projection), *_fields(projection)),
        key=("id", "valid_from", "valid_to"),
        indexes=(
            *_listing_indexes(projection, "valid_from, valid_to"),
            TableIndex("_replaced", f"(({REPLACED_AT})) include (valid_to)", "Listings as of a moment ago."),
        ),
    )


def words_table(projection: AnyProjection, words: Words) -> Table:
    found = "generated always as (catalog.findable(words)) stored"
    return Table(
        name=f"{projection.name}_words",
        about=f"The words that the searched texts of {projection.__name__} have ever had.",
        columns=(
            ID,
            Column("words", "text[]", "Each once; {*} if they are too many."),
            Column("found", "tsvector", "What they are found by.", found, is_generated=True),
        ),
        key=("id",),
        indexes=(TableIndex("_found", "using gin (found)", words.serves),),
    )


def places_table(projection: AnyProjection, place: Place) -> Table:
    return Table(
        name=f"{projection.name}_places",
        about=f"Where the documents of {projection.__name__} have ever been; a row for each change of place.",
        columns=(ID, SINCE, Column("place", "point", "Longitude and latitude in degrees.")),
        key=("id", "since"),
        indexes=(TableIndex("_found", "using gist (place)", place.serves),),
    )


def searched(projection: AnyProjection, kind: type[Words] | type[Place]) -> Words | Place | None:
    """What the projection says about this kind of search."""
    return next((index for index in projection.indexes if isinstance(index, kind)), None)


def derived_tables(projection: AnyProjection) -> list[tuple[Table, str]]:
    """The tables beside the documents' own, each with the query over `versions` that says what is in it."""
    derived = []
    if projection.temporal:
        kept = "select id, version, valid_from, valid_to, document from versions where valid_to is not null"
        derived.append((history_table(projection), kept))
    for index in projection.indexes:
        if isinstance(index, Words):
            derived.append((words_table(projection, index), _all_words(index)))
        elif isinstance(index, Place):
            derived.append((places_table(projection, index), _all_places(index)))
    return derived


def _all_words(words: Words) -> str:
    """The row of a search table: the words of all texts there ever were. The texts are taken out first, so that no
    documents are sorted."""
    names = names_of(words.fields)
    taken = ", ".join(f"document ->> {literal(name)} as {_taken(name)}" for name in names)
    text = " || ' ' || ".join(f"string_agg(distinct {_taken(name)}, ' ')" for name in names)
    return f"""\
select id, catalog.words_in({text}) as words
    from (
        select id, {taken}
        from versions
        offset 0
    ) as version
    group by id"""


def _all_places(place: Place) -> str:
    """The rows of a search table: a version whose place is not as just before. It is taken out first, as texts are."""
    names = names_of((place.longitude, place.latitude))
    taken = ", ".join(f"document -> {literal(name)} as {_taken(name)}" for name in names)
    columns = [_taken(name) for name in names]
    moved = " or ".join(f"lag({column}) over in_order is distinct from {column}" for column in columns)
    longitude, latitude = (f"round({column}::numeric, 6)" for column in columns)
    return f"""\
select id, valid_from as since, {_point(longitude, latitude)} as place
    from (
        select id, valid_from, {", ".join(columns)},
            {moved}
                or lag(valid_to) over in_order is distinct from valid_from as is_new
        from (
            select id, valid_from, valid_to, {taken}
            from versions
            offset 0
        ) as version
        window in_order as (partition by id order by valid_from)
    ) as version
    where is_new"""


COLUMNS_OF_VERSIONS = {"id", "valid_from", "valid_to", "is_new"}
"""What the queries of search tables have beside the fields."""


def _taken(field: str) -> str:
    """The column of a field that is taken out of the documents of versions; no field has two underscores in a row."""
    return quoted(f"{field}__taken" if field in COLUMNS_OF_VERSIONS else field)


def place_of(place: Place, document: str = "document") -> tuple[str, str]:
    """What is compared of a document to see that its place has changed, and the place as a point."""
    names = names_of((place.longitude, place.latitude))
    compared = ", ".join(f"{document} -> {literal(name)}" for name in names)
    return f"row({compared})", _point(*(degrees(name, document) for name in names))


def _point(longitude: str, latitude: str) -> str:
    return f"('(' || {longitude} || ',' || {latitude} || ')')::point"


def degrees(field: str, document: str = "document") -> str:
    """A document field in degrees, to a tenth of a metre: Postgres refuses to multiply what is next to nothing."""
    return f"round(({document} ->> {literal(field)})::numeric, 6)"


def words_text(fields: Iterable[str], document: str = "document") -> str:
    """Some fields of a document, which is a column, a variable or a constant, as one text."""
    joined = " || ' ' || ".join(f"({document} ->> {literal(field)})" for field in fields)
    return f"({joined})"


def names_of(fields: Iterable[object]) -> list[str]:
    return [name_of(field) for field in fields]


def _document(projection: AnyProjection) -> Column:
    return Column("document", "jsonb", f"{projection.document.__name__}, as the API serves it.")


def _fields(projection: AnyProjection) -> list[Column]:
    """The document fields that indexes hold, as columns: equal in all sessions and locales, and plain to read."""
    found: dict[str, Column] = {}
    for index in projection.indexes:
        if not isinstance(index, Index):
            continue
        for name in names_of([*index.fields, *([index.newest_first] if index.newest_first is not None else [])]):
            found[name] = _generated(name, f"document ->> {literal(name)}", f"{name} of the document.")
        for name in names_of([] if index.alphabetical is None else [index.alphabetical]):
            lowered = f'lower((document ->> {literal(name)}) collate "C")'
            found[sort_key(name)] = _generated(sort_key(name), lowered, f"What an order by {name} compares.")
    return list(found.values())


def field_columns(projection: AnyProjection) -> list[Column]:
    """The columns that are a field of the document as it is."""
    return [column for column in _fields(projection) if column.name in projection.document.__struct_fields__]


def _generated(name: str, expression: str, about: str) -> Column:
    return Column(name, "text", about, f'collate "C" generated always as ({expression}) stored', is_generated=True)


def _listing_indexes(projection: AnyProjection, bounds: str) -> Iterable[TableIndex]:
    """The bounds of validity come last, so that the index decides what was valid, without looking at the rows.

    A label is as long as the longest table leaves room for: names that are cut off would be equal ones."""
    for index in projection.indexes:
        if isinstance(index, Index):
            order = ["id"]
            if index.newest_first is not None:
                order = [f"{quoted(name_of(index.newest_first))} desc", "id desc"]
            elif index.alphabetical is not None:
                order = [quoted(sort_key(name_of(index.alphabetical))), "id"]
            keys = ", ".join([*map(quoted, names_of(index.fields)), *order, bounds])
            label = fitting(index.label, LONGEST_BYTES - len(f"{projection.name}_history_next"))
            yield TableIndex(label, f"({keys})", index.serves)


CURRENT = "select id, version, valid_from, document from versions where valid_to is null"
"""What is in the table of the documents."""


def _columns(table: Table) -> list[str]:
    """Those that are written; the others follow from them."""
    return [column.quoted for column in table.columns if not column.is_generated]
