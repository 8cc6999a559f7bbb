"""Parse the items of a long body while it arrives: the lines of NDJSON, or the elements of a JSON array."""

import re
from collections.abc import Iterator
from typing import Protocol, TypeVar

from msgspec import Struct

from app.constraints import LARGEST_ITEM_BYTES
from app.errors import CatalogError, InvalidInput, Malformed
from app.parsing.strict_json import decode_strictly

S = TypeVar("S", bound=Struct)

NDJSON = "application/x-ndjson"

BLANKS = b" \t\r\n"
"""White space in JSON."""
JSON_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
"""A whole string, the opening quote of one that continues in the next chunk, or a structural character."""


class Row(Struct, frozen=True):
    """One item as it was sent."""

    kind: str
    """What its number counts, in messages and in the problem's members: `line` or `index`."""
    number: int
    content: bytes

    def decode(self, struct: type[S]) -> S:
        """The item. Raises the errors of `decode_strictly`, with the row's number."""
        if len(self.content) > LARGEST_ITEM_BYTES:
            raise self.refused(InvalidInput(f"It is longer than {LARGEST_ITEM_BYTES} bytes."))
        try:
            return decode_strictly(self.content, struct, what="item")
        except CatalogError as error:
            raise self.refused(error) from None

    def refused(self, error: CatalogError) -> CatalogError:
        """The same error, with the row's number."""
        detail = f"{self.kind.capitalize()} {self.number}: {error.detail}"
        return type(error)(detail, **{self.kind: self.number}, **error.facts)


class RowParser(Protocol):
    """Splits a body into rows, chunk by chunk, and buffers at most one item and one chunk.

    Each call also costs the length of the buffer, so feed large chunks.
    """

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """The rows that end in this chunk. Raises CatalogError for a row that is too long."""

    def end(self) -> Iterator[Row]:
        """The last row, if one is buffered. Raises Malformed if the body ended too early."""


class NdjsonParser:
    """Parses NDJSON: one item per line, numbered from 1. Blank lines are counted and skipped."""

    def __init__(self) -> None:
        self._number = 0
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[Row]:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            yield from self._line(line)
        if len(self._rest) > LARGEST_ITEM_BYTES:
            self._rest = self._rest.strip(BLANKS) or b" "
        if len(self._rest) > LARGEST_ITEM_BYTES:
            yield from self._line(self._rest)

    def end(self) -> Iterator[Row]:
        yield from self._line(self._rest)

    def _line(self, line: bytes) -> Iterator[Row]:
        self._number += 1
        if line := line.strip(BLANKS):
            yield Row("line", self._number, line)


class JsonArrayParser:
    """Parses a JSON array of items, numbered from 0."""

    def __init__(self) -> None:
        self._depth = 0
        self._closed = False
        self._index = 0
        self._rest = b""
        """The bytes after the last comma, or after the opening bracket."""
        self._scanned = 0
        """How many bytes of `_rest` have been scanned."""

    def feed(self, chunk: bytes) -> Iterator[Row]:
        text, begin, scanned = self._rest + chunk, 0, self._scanned
        for found in JSON_TOKEN.finditer(text, scanned):
            token = found[0]
            if token == b'"':
                scanned = found.start()
                break
            scanned = found.end()
            if self._depth == 0:
                self._open(token, text[begin : found.start()])
                begin = found.end()
            elif self._depth == 1 and token in (b",", b"]"):
                yield from self._element(text[begin : found.start()], is_last=token == b"]")
                begin = found.end()
            elif token in (b"{", b"["):
                self._depth += 1
            elif token in (b"}", b"]"):
                self._depth -= 1
        else:
            scanned = len(text)
        rest = text[begin:]
        self._rest = rest.lstrip(BLANKS) if len(rest) > LARGEST_ITEM_BYTES else rest
        self._scanned = max(0, scanned - begin - (len(rest) - len(self._rest)))
        if len(self._rest.rstrip(BLANKS)) > LARGEST_ITEM_BYTES:
            yield Row("index", self._index, self._rest)

    def _open(self, token: bytes, before: bytes) -> None:
        if self._closed:
            raise Malformed("Something follows the array of items.")
        if token != b"[" or before.strip(BLANKS):
            raise Malformed("The body must be a JSON array of items.")
        self._depth = 1

    def _element(self, content: bytes, is_last: bool) -> Iterator[Row]:
        content = content.strip(BLANKS)
        if is_last:
            self._depth, self._closed = 0, True
        if content or self._index or not is_last:
            yield Row("index", self._index, content)
            self._index += 1

    def end(self) -> Iterator[Row]:
        if not self._closed and (self._depth or self._rest.strip(BLANKS)):
            if self._depth == 0:
                raise Malformed("The body must be a JSON array of items.")
            raise Malformed("The body ends before its array does.", index=self._index)
        if not self._closed:
            raise Malformed("The body is empty; it must be a JSON array of items.")
        if self._rest.strip(BLANKS):
            raise Malformed("Something follows the array of items.")
        yield from ()
