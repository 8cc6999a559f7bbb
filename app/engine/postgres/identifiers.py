"""SQL identifiers: quoted where necessary, and never longer than Postgres keeps them."""

import hashlib
import re

LONGEST_BYTES = 63
"""Postgres keeps this many bytes of a name and cuts the rest off without an error."""
PLAIN_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
KEYWORD_LIST = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast
    char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable
    desc distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group
    grouping having ilike in initially inner inout int integer intersect interval into is isnull join json json_array
    json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize json_table json_value
    lateral leading least left like limit localtime localtimestamp merge_action national natural nchar none normalize
    not notnull null nullif numeric offset on only or order out outer overlaps overlay placing position precision
    primary real references returning right row select session_user setof similar smallint some substring symmetric
    system_user table tablesample then time timestamp to trailing treat trim true union unique user using values
    varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest
    xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
KEYWORDS = frozenset(KEYWORD_LIST.split())
"""Words that PostgreSQL 15 to 18 do not accept everywhere as a name: `pg_get_keywords` without category U."""


def quoted_identifier(name: str) -> str:
    """A name as Postgres's `quote_ident` writes it: quoted only if necessary."""
    if PLAIN_IDENTIFIER.fullmatch(name) and name not in KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def shortened(name: str, room_bytes: int = LONGEST_BYTES) -> str:
    """A name of at most `room_bytes` bytes; a longer name becomes its beginning and a digest of the whole."""
    encoded = name.encode()
    if len(encoded) <= room_bytes:
        return name
    digest = "_" + hashlib.sha256(encoded).hexdigest()[:8]
    return encoded[: room_bytes - len(digest)].decode(errors="ignore") + digest


def dollar_quoted(text: str, tag: str = "") -> str:
    """A text between `$tag$` and `$tag$`, such as a function's body; the tag is extended if the text contains it."""
    while f"${tag}$" in text:
        tag += "body"
    return f"${tag}${text}${tag}$"
