"""Fills the SQL templates of the folder `templates`: longer statements, in which the compiler's expressions stand.

A template has a place `{name}` for each value, as `str.format` writes it. That is safe: every value is SQL that the
compiler makes at migration from the code's own classes, out of names that `check_names` allows or `quoted_identifier`
quotes, and of constants that `literal` quotes. Nothing of a request or of an event reaches a template, and `str.format`
does not look for places within a value.
"""

from functools import cache
from pathlib import Path

from app.engine.postgres.identifiers import dollar_quoted

FOLDER = Path(__file__).with_name("templates")


def fill_query(template: str, /, **values: str) -> str:
    """A query, or another part of a statement, without a newline at its end."""
    return _read_template(template).format(**values).removesuffix("\n")


def fill_function(template: str, /, **values: str) -> str:
    """Statements of which one is a function with its body between `$$`; a body that has `$$` in it gets another tag."""
    before, body, after = (part.format(**values) for part in _read_template(template).split("$$"))
    return before + dollar_quoted(body) + after


@cache
def _read_template(name: str) -> str:
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
