"""Each error's docstring is its title: one line, which may be shown to a client."""

from collections.abc import Iterator

import pytest

import app.cli.catalog  # imports every module that defines an error
from app.errors import CatalogError


def subclasses(of: type[CatalogError]) -> Iterator[type[CatalogError]]:
    for each in of.__subclasses__():
        yield each
        yield from subclasses(each)


@pytest.mark.parametrize("error", list(dict.fromkeys(subclasses(CatalogError))))
def test_a_title_is_one_line_without_a_full_stop(error: type[CatalogError]) -> None:
    assert app.cli.catalog
    assert "\n" not in error.title()
    assert not error.title().endswith(".")
