"""Limits that the domain, imports, tokens and parameters share."""

from typing import Annotated

from msgspec import Meta

LARGEST_ID = 2**31 - 1
LARGEST_POSITION = 2**63 - 1
MIB = 1024 * 1024
LARGEST_ITEM_BYTES = 64 * 1024
"""The limit for the JSON body of a request about one item, and for one row of an import."""

NO_CONTROL_CHARACTERS = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"
UserId = Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_CONTROL_CHARACTERS, examples=["alice"])]
