"""Where a projection's documents live.

Beside the documents stand, for a temporal projection, those they have replaced, and for each search what it finds
them by, now or in the past: all words there ever were, and a row for each change of place.
"""

from collections.abc import Iterable

from app.engine.compiler.sql_text import literal
from app.engine.compiler.tables import Table, TableColumn, TableIndex
from app.engine.compiler.templates import fill_query
from app.engine.postgres.identifiers import LONGEST_BYTES, quoted_identifier, shortened
from app.engine.projection.check_indexes import sort_key
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rules import GeoSearch, Index, TextSearch, name_of

ID_COLUMN = TableColumn("id", "integer", "The stream the document is folded from.")
SINCE_COLUMN = TableColumn("since", "timestamptz", "When the event was recorded that made it so.")
VERSION_COLUMN = TableColumn("version", "integer", "The version of its stream; the last at which the document was so.")
VALID_FROM_COLUMN = TableColumn("valid_from", "timestamptz", "When the last event that it is folded from was recorded.")
VALID_TO_COLUMN = TableColumn("valid_to", "timestamptz", "When the event that replaced it was recorded.")


def replaced_at(instant: str) -> str:
    """`valid_to`, or what is compared with it, as an expression: the planner then takes the index of it for those
    queries only that ask for this."""
    return f"{instant} at time zone 'UTC'"


REPLACED_AT = replaced_at("valid_to")


def projection_tables(projection: AnyProjection) -> list[Table]:
    """Its documents first."""
    return [documents_table(projection), *(table for table, _ in derived_tables(projection))]


def documents_table(projection: AnyProjection) -> Table:
    return Table(
        name=projection.name,
        about=f"The current documents of the projection {projection.__name__}.",
        columns=(
            ID_COLUMN,
            VERSION_COLUMN,
            VALID_FROM_COLUMN,
            _document_column(projection),
            *_indexed_field_columns(projection),
        ),
        key=("id",),
        indexes=tuple(_listing_indexes(projection, "valid_from")),
        fillfactor=70,
    )


def history_table(projection: AnyProjection) -> Table:
    return Table(
        name=f"{projection.name}_history",
        about=f"The documents of {projection.__name__} that were replaced: each once, with both bounds, never updated.",
        columns=(
            ID_COLUMN,
            VERSION_COLUMN,
            VALID_FROM_COLUMN,
            VALID_TO_COLUMN,
            _document_column(projection),
            *_indexed_field_columns(projection),
        ),
        key=("id", "valid_from", "valid_to"),
        indexes=(
            *_listing_indexes(projection, "valid_from, valid_to"),
            TableIndex("_replaced", f"(({REPLACED_AT})) include (valid_to)", "Listings as of a moment ago."),
        ),
    )


def text_search_table(projection: AnyProjection, words: TextSearch) -> Table:
    found = "generated always as (catalog.search_vector(words)) stored"
    return Table(
        name=f"{projection.name}_words",
        about=f"The words that the searched texts of {projection.__name__} have ever had.",
        columns=(
            ID_COLUMN,
            TableColumn("words", "text[]", "Each once; {*} if they are too many."),
            TableColumn("found", "tsvector", "What they are found by.", found, is_generated=True),
        ),
        key=("id",),
        indexes=(TableIndex("_found", "using gin (found)", words.serves),),
    )


def geo_search_table(projection: AnyProjection, place: GeoSearch) -> Table:
    return Table(
        name=f"{projection.name}_places",
        about=f"Where the documents of {projection.__name__} have ever been; a row for each change of place.",
        columns=(ID_COLUMN, SINCE_COLUMN, TableColumn("place", "point", "Longitude and latitude in degrees.")),
        key=("id", "since"),
        indexes=(TableIndex("_found", "using gist (place)", place.serves),),
    )


def indexes_of_kind(
    projection: AnyProjection, kind: type[TextSearch] | type[GeoSearch]
) -> TextSearch | GeoSearch | None:
    """What the projection says about this kind of search."""
    return next((index for index in projection.indexes if isinstance(index, kind)), None)


def derived_tables(projection: AnyProjection) -> list[tuple[Table, str]]:
    """The tables beside the documents' own, each with the query over `versions` that says what is in it."""
    derived = []
    if projection.temporal:
        kept = "select id, version, valid_from, valid_to, document from versions where valid_to is not null"
        derived.append((history_table(projection), kept))
    for index in projection.indexes:
        if isinstance(index, TextSearch):
            derived.append((text_search_table(projection, index), _text_search_rows(index)))
        elif isinstance(index, GeoSearch):
            derived.append((geo_search_table(projection, index), _geo_search_rows(index)))
    return derived


def _text_search_rows(words: TextSearch) -> str:
    """The row of a search table: the words of all texts there ever were. The texts are taken out first, so that no
    documents are sorted."""
    names = field_names(words.fields)
    taken = ", ".join(f"document ->> {literal(name)} as {_extracted_column(name)}" for name in names)
    text = " || ' ' || ".join(f"string_agg(distinct {_extracted_column(name)}, ' ')" for name in names)
    return fill_query("text_search_rows", text=text, taken=taken)


def _geo_search_rows(place: GeoSearch) -> str:
    """The rows of a search table: a version whose place is not as just before. It is taken out first, as texts are."""
    names = field_names((place.longitude, place.latitude))
    taken = ", ".join(f"document -> {literal(name)} as {_extracted_column(name)}" for name in names)
    columns = [_extracted_column(name) for name in names]
    moved = " or ".join(f"lag({column}) over in_order is distinct from {column}" for column in columns)
    longitude, latitude = (f"round({column}::numeric, 6)" for column in columns)
    point = _point(longitude, latitude)
    return fill_query("geo_search_rows", point=point, columns=", ".join(columns), moved=moved, taken=taken)


COLUMNS_OF_VERSIONS = {"id", "valid_from", "valid_to", "is_new"}
"""What the queries of search tables have beside the fields."""


def _extracted_column(field: str) -> str:
    """The column of a field that is taken out of the documents of versions; no field has two underscores in a row."""
    return quoted_identifier(f"{field}__taken" if field in COLUMNS_OF_VERSIONS else field)


def compared_and_point(place: GeoSearch, document: str = "document") -> tuple[str, str]:
    """What is compared of a document to see that its place has changed, and the place as a point."""
    names = field_names((place.longitude, place.latitude))
    compared = ", ".join(f"{document} -> {literal(name)}" for name in names)
    return f"row({compared})", _point(*(degrees(name, document) for name in names))


def _point(longitude: str, latitude: str) -> str:
    return f"('(' || {longitude} || ',' || {latitude} || ')')::point"


def degrees(field: str, document: str = "document") -> str:
    """A document field in degrees, to a tenth of a metre: Postgres refuses to multiply what is next to nothing."""
    return f"round(({document} ->> {literal(field)})::numeric, 6)"


def searched_text(fields: Iterable[str], document: str = "document") -> str:
    """Some fields of a document, which is a column, a variable or a constant, as one text."""
    joined = " || ' ' || ".join(f"({document} ->> {literal(field)})" for field in fields)
    return f"({joined})"


def field_names(fields: Iterable[object]) -> list[str]:
    return [name_of(field) for field in fields]


def _document_column(projection: AnyProjection) -> TableColumn:
    return TableColumn("document", "jsonb", f"{projection.document.__name__}, as the API serves it.")


def _indexed_field_columns(projection: AnyProjection) -> list[TableColumn]:
    """The document fields that indexes hold, as columns: equal in all sessions and locales, and plain to read."""
    found: dict[str, TableColumn] = {}
    for index in projection.indexes:
        if not isinstance(index, Index):
            continue
        for name in field_names([*index.fields, *([index.newest_first] if index.newest_first is not None else [])]):
            found[name] = _generated(name, f"document ->> {literal(name)}", f"{name} of the document.")
        for name in field_names([] if index.alphabetical is None else [index.alphabetical]):
            lowered = f'lower((document ->> {literal(name)}) collate "C")'
            found[sort_key(name)] = _generated(sort_key(name), lowered, f"What an order by {name} compares.")
    return list(found.values())


def field_columns(projection: AnyProjection) -> list[TableColumn]:
    """The columns that are a field of the document as it is."""
    return [
        column for column in _indexed_field_columns(projection) if column.name in projection.document.__struct_fields__
    ]


def _generated(name: str, expression: str, about: str) -> TableColumn:
    return TableColumn(name, "text", about, f'collate "C" generated always as ({expression}) stored', is_generated=True)


def _listing_indexes(projection: AnyProjection, bounds: str) -> Iterable[TableIndex]:
    """The bounds of validity come last, so that the index decides what was valid, without looking at the rows.

    A label is as long as the longest table leaves room for: names that are cut off would be equal ones."""
    for index in projection.indexes:
        if isinstance(index, Index):
            order = ["id"]
            if index.newest_first is not None:
                order = [f"{quoted_identifier(name_of(index.newest_first))} desc", "id desc"]
            elif index.alphabetical is not None:
                order = [quoted_identifier(sort_key(name_of(index.alphabetical))), "id"]
            keys = ", ".join([*map(quoted_identifier, field_names(index.fields)), *order, bounds])
            label = shortened(index.label, LONGEST_BYTES - len(f"{projection.name}_history_next"))
            yield TableIndex(label, f"({keys})", index.serves)


CURRENT_VERSIONS = "select id, version, valid_from, document from versions where valid_to is null"
"""What is in the table of the documents."""


def _written_columns(table: Table) -> list[str]:
    """Those that are written; the others follow from them."""
    return [column.quoted for column in table.columns if not column.is_generated]
