"""The items of a long body, one by one while it arrives: the lines of NDJSON, or the elements of a JSON array."""

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
"""What JSON has for white space."""
JSON_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
"""A whole string, the beginning of one that goes on in the next chunk, or what makes the structure."""


class Row(Struct, frozen=True):
    """One item as it was sent."""

    kind: str
    """How people call it, and its number in a problem: `line` or `index`."""
    number: int
    content: bytes

    def decode(self, struct: type[S]) -> S:
        """Raises what `decode_strictly` does, with the number."""
        if len(self.content) > LARGEST_ITEM_BYTES:
            raise self.refused(InvalidInput(f"It is longer than {LARGEST_ITEM_BYTES} bytes."))
        try:
            return decode_strictly(self.content, struct, what="item")
        except CatalogError as error:
            raise self.refused(error) from None

    def refused(self, error: CatalogError) -> CatalogError:
        """The same refusal, naming the row."""
        detail = f"{self.kind.capitalize()} {self.number}: {error.detail}"
        return type(error)(detail, **{self.kind: self.number}, **error.facts)


class RowParser(Protocol):
    """Takes a body apart, chunk by chunk; keeps no more than one item and one chunk.

    Each chunk costs as much as what is kept; so give it large ones.
    """

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """The rows that end in this chunk. Raises CatalogError for one that is too long."""

    def end(self) -> Iterator[Row]:
        """The row that the body ends with, if there is one. Raises Malformed if it ended too early."""


class NdjsonParser:
    """NDJSON: an item a line, numbered from 1; blank lines are counted and passed over."""

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
    """A JSON array of items, numbered from 0."""

    def __init__(self) -> None:
        self._depth = 0
        self._closed = False
        self._index = 0
        self._rest = b""
        """What follows the last comma, or the opening bracket."""
        self._looked_at = 0
        """How much of that holds nothing of interest any more."""

    def feed(self, chunk: bytes) -> Iterator[Row]:
        text, begin, looked_at = self._rest + chunk, 0, self._looked_at
        for found in JSON_TOKEN.finditer(text, looked_at):
            token = found[0]
            if token == b'"':
                looked_at = found.start()
                break
            looked_at = found.end()
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
            looked_at = len(text)
        rest = text[begin:]
        self._rest = rest.lstrip(BLANKS) if len(rest) > LARGEST_ITEM_BYTES else rest
        self._looked_at = max(0, looked_at - begin - (len(rest) - len(self._rest)))
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
