"""Where a projection's documents live.

Beside the documents stand, for a temporal projection, those they have replaced, and for each search what it finds
them by, now or in the past: all words there ever were, and a row for each change of place.
"""

from collections.abc import Iterable

from app.fold_sql import AnyProjection, literal
from app.rules import Index, Place, Words, name_of
from app.table_sql import Column, Table, TableIndex

ID = Column("id", "integer not null", "The stream the document is folded from.")
SINCE = Column("since", "timestamptz not null", "When the event was recorded that made it so.")
VERSION = Column("version", "integer not null", "The version of its stream; the last at which the document was so.")
VALID_FROM = Column("valid_from", "timestamptz not null", "When the last event that it is folded from was recorded.")
VALID_TO = Column("valid_to", "timestamptz not null", "When the event that replaced it was recorded.")
REPLACED_AT = "valid_to at time zone 'UTC'"
"""The same as an expression: the planner then takes the index of it for those queries only that ask for this."""


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
    found = "tsvector generated always as (catalog.findable(words)) stored"
    return Table(
        name=f"{projection.name}_words",
        about=f"The words that the searched texts of {projection.__name__} have ever had.",
        columns=(
            ID,
            Column("words", "text[] not null", "Each once; {*} if they are too many."),
            Column("found", found, "What they are found by."),
        ),
        key=("id",),
        indexes=(TableIndex("_found", "using gin (found)", words.serves),),
    )


def places_table(projection: AnyProjection, place: Place) -> Table:
    return Table(
        name=f"{projection.name}_places",
        about=f"Where the documents of {projection.__name__} have ever been; a row for each change of place.",
        columns=(ID, SINCE, Column("place", "point not null", "Longitude and latitude in degrees.")),
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
    taken = ", ".join(f"document ->> {literal(name)} as {name}" for name in names)
    text = " || ' ' || ".join(f"string_agg(distinct {name}, ' ')" for name in names)
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
    taken = ", ".join(f"document -> {literal(name)} as {name}" for name in names)
    moved = " or ".join(f"lag({name}) over in_order is distinct from {name}" for name in names)
    longitude, latitude = (f"round({name}::numeric, 6)" for name in names)
    return f"""\
select id, valid_from as since, {_point(longitude, latitude)} as place
    from (
        select id, valid_from, {", ".join(names)},
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


def place_of(place: Place) -> tuple[str, str]:
    """What is compared of a document to see that its place has changed, and the place as a point."""
    names = names_of((place.longitude, place.latitude))
    compared = ", ".join(f"document -> {literal(name)}" for name in names)
    return f"row({compared})", _point(*map(degrees, names))


def _point(longitude: str, latitude: str) -> str:
    return f"('(' || {longitude} || ',' || {latitude} || ')')::point"


def degrees(field: str) -> str:
    """A document field in degrees, to a tenth of a metre: Postgres refuses to multiply what is next to nothing."""
    return f"round((document ->> {literal(field)})::numeric, 6)"


def words_text(fields: Iterable[str]) -> str:
    """Some document fields as one text."""
    joined = " || ' ' || ".join(f"(document ->> {literal(field)})" for field in fields)
    return f"({joined})"


def names_of(fields: Iterable[object]) -> list[str]:
    return [name_of(field) for field in fields]


def _document(projection: AnyProjection) -> Column:
    return Column("document", "jsonb not null", f"{projection.document.__name__}, as the API serves it.")


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
    return Column(name, f'text collate "C" generated always as ({expression}) stored', about)


def sort_key(name: str) -> str:
    """The column that an alphabetical order by a field compares."""
    return f"{name}_sorted"


def _listing_indexes(projection: AnyProjection, bounds: str) -> Iterable[TableIndex]:
    """The bounds of validity come last, so that the index decides what was valid, without looking at the rows."""
    for index in projection.indexes:
        if isinstance(index, Index):
            names = names_of(index.fields)
            label, order = "_".join(names), ["id"]
            if index.newest_first is not None:
                (name,) = names_of([index.newest_first])
                label, order = f"{label}_{name}", [f"{name} desc", "id desc"]
            elif index.alphabetical is not None:
                (name,) = names_of([index.alphabetical])
                label, order = f"{label}_{name}", [sort_key(name), "id"]
            yield TableIndex(f"_by_{label}", f"({', '.join([*names, *order, bounds])})", index.serves)
