"""Settings come from the environment; a wrong one is named in one sentence."""

import re
from pathlib import Path

import msgspec
import pytest

from app.errors import SetupError
from app.settings import Settings, read_settings


def test_without_an_environment_the_defaults_hold() -> None:
    settings = read_settings({})
    assert settings == Settings()
    assert (settings.port, settings.database_url, settings.pool_size) == (8001, None, 4)


def test_every_setting_can_be_given() -> None:
    given = {
        "DATABASE_URL": "postgresql:///x",
        "CATALOG_PORT": "9000",
        "CATALOG_DATA_DIR": "/data",
        "CATALOG_POOL_TIMEOUT_SECONDS": "0.5",
        "PATH": "/bin",
        "CATALOG_PUBLIC_URL": "",
    }
    assert read_settings(given) == Settings(
        database_url="postgresql:///x",
        port=9000,
        data_dir=Path("/data"),
        pool_timeout_seconds=0.5,
    )


@pytest.mark.parametrize("name", ["CATALOG_PORT", "CATALOG_POOL_SIZE", "CATALOG_STATEMENT_TIMEOUT_SECONDS"])
@pytest.mark.parametrize("value", ["abc", "-1", "0", "1e999"])
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SetupError, match=f"^{name}='{value}' cannot be used: "):
        read_settings({name: value})


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("CATALOG_ENV", "prod", "it is one of development, production"),
        ("CATALOG_PAGE_IMAGES", "images.example", "it is origins (https://images.example, https://*.images.example)"),
        ("CATALOG_PAGE_IMAGES", "https://images.example/a", "it is origins"),
        ("CATALOG_PAGE_IMAGES", "*", "it is origins"),
    ],
)
def test_what_a_setting_may_be_is_said(name: str, value: str, wanted: str) -> None:
    with pytest.raises(SetupError, match=re.escape(f"{name}={value!r} cannot be used: {wanted}")):
        read_settings({name: value})


def test_every_setting_is_documented_with_its_variable() -> None:
    source = Path("app/settings.py").read_text(encoding="utf-8")
    for field in msgspec.structs.fields(Settings):
        assert f'"""{field.encode_name.upper()}: ' in source


@pytest.mark.parametrize("name", ["DATABASE_URL", "CATALOG_HOST", "CATALOG_LOG", "CATALOG_JWKS_URL", "CATALOG_AUTH"])
def test_bytes_that_are_no_text_are_refused(name: str) -> None:
    with pytest.raises(SetupError, match=f"^{name}='x.*' cannot be used: it is not in UTF-8$"):
        read_settings({name: "x\udcff"})


def test_a_folder_may_have_any_name() -> None:
    assert read_settings({"CATALOG_DATA_DIR": "x\udcff"}).data_dir == Path("x\udcff")
