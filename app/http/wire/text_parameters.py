"""Query parameters that hold text."""

from litestar.params import QueryParameter

from app.constraints import NO_CONTROL_CHARACTERS


def text_parameter(description: str, max_length: int) -> QueryParameter:
    """A query parameter of 1 to `max_length` characters, none of which Postgres could not store."""
    return QueryParameter(min_length=1, max_length=max_length, pattern=NO_CONTROL_CHARACTERS, description=description)
