"""The pages that are made of the code are as `make docs` writes them."""

import pytest

from app.cli.catalog import main as catalog
from app.settings import Settings
from docs.generate import HERE, all_settings, pages


@pytest.mark.parametrize("name", pages())
def test_the_page_is_as_the_code_makes_it(name: str) -> None:
    assert (HERE / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


def test_every_setting_is_listed_once() -> None:
    listed = [setting.variable for setting in all_settings()]
    assert len(set(listed)) == len(listed) == len(Settings.__struct_fields__)


def test_every_command_has_a_section() -> None:
    assert [name for name in catalog.commands if f"\n## catalog {name}\n" not in pages()["cli.md"]] == []
