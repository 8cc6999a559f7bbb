"""docs/psql.md is complete: it names each view and function of the schema public, and each SQLSTATE."""

import re

import psycopg

from tests.support.doc_pages import page
from tests.support.paths import SCHEMA_SQL

PSQL = page("docs/psql.md")
IN_PUBLIC = """
select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v'
union all
select proname from pg_proc where pronamespace = 'public'::regnamespace
"""


def test_each_view_and_function_is_named(connection: psycopg.Connection) -> None:
    named = {code.partition("(")[0] for code in PSQL.inline_code()}
    assert {name for (name,) in connection.execute(IN_PUBLIC)} <= named


def test_each_sqlstate_is_named() -> None:
    raised = set(re.findall(r"errcode = '(SW\d{3})'", SCHEMA_SQL.read_text(encoding="utf-8")))
    assert raised == set(re.findall(r"`(SW\d{3})`", PSQL.text))
