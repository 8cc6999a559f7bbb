"""Conditional requests (RFC 9110, 13): parses and checks If-Match, If-None-Match and `expected_version`.

An item's entity tag is its version in quotes, and it is strong. Commands compare strongly: a weak tag never matches.
Reads compare If-None-Match weakly, as caches do.
"""

import re
from typing import Annotated, Any, NoReturn

from litestar import Request, Response
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Struct

from app.constraints import LARGEST_ID
from app.engine.store.command_handler import NO_STREAM
from app.engine.store.event_store import version_conflict
from app.errors import Malformed, PreconditionFailed, VersionConflict

ELEMENT = re.compile(r'[ \t]*+(?:(?P<tag>(?:W/)?+"[\x21\x23-\x7e\x80-\xff]*+")[ \t]*+)?+(?:,|\Z)')
"""One element of a list of entity tags, and the comma behind it. An element may be empty (RFC 9110, 5.6.1)."""
VERSION_TAG = re.compile(r"0|[1-9]\d{0,9}", re.ASCII)
ANY_TAG = "*"

ExpectedVersion = Annotated[
    int | None,
    QueryParameter(
        ge=1, le=LARGEST_ID, description="The version that the caller read; 409 if the item has another one."
    ),
]
IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        description='One or more ETags such as `"3"`, or `*`; 412 if none is the current one.',
    ),
]
IfNoneMatch = Annotated[
    str | None,
    HeaderParameter(name="If-None-Match", description="ETags the caller holds, or `*`; 304 if one is the current one."),
]
IfNoneMatchOnCommand = Annotated[
    str | None,
    HeaderParameter(name="If-None-Match", description="ETags, or `*`; 412 if one is current, and nothing changes."),
]
NOT_MODIFIED = {304: ResponseSpec(None, False, "If-None-Match names the current ETag")}
"""The OpenAPI entry of a read that takes If-None-Match."""


class EntityTags(Struct, frozen=True):
    """The entity tags of a condition, each as it was sent; `*` alone stands for any tag."""

    sent: tuple[str, ...]

    def matches(self, version: int) -> bool:
        """Whether a tag names this version, by strong comparison."""
        return self.sent == (ANY_TAG,) or f'"{version}"' in self.sent

    def matches_weakly(self, tag: str) -> bool:
        return self.sent == (ANY_TAG,) or tag in {sent.removeprefix("W/") for sent in self.sent}

    @property
    def version(self) -> int | None:
        """The version that they name if there is one tag and it is a version, else None."""
        text = self.sent[0].strip('"') if len(self.sent) == 1 else ""
        return int(text) if VERSION_TAG.fullmatch(text) else None


class Conditions(Struct, frozen=True, kw_only=True):
    """A command's conditions on the version of its item. All must hold; the headers are checked first."""

    if_match: EntityTags | None
    if_none_match: EntityTags | None
    expected_version: int | None

    def check(self, version: int) -> None:
        """Raises PreconditionFailed for a header that does not hold at `version`, VersionConflict for the parameter.

        NO_STREAM stands for an item that the command creates: no tag matches it, not even `*`.
        """
        if version == NO_STREAM:
            self._check_nothing_there()
            return
        if self.if_match is not None and not self.if_match.matches(version):
            self._refuse_if_match(self.if_match, version)
        if self.if_none_match is not None and self.if_none_match.matches(version):
            raise PreconditionFailed(
                f"If-None-Match names the item's current version {version}; nothing was changed.",
                current_version=version,
            )
        if self.expected_version not in (None, version):
            raise version_conflict(VersionConflict, self.expected_version, version)

    def _check_nothing_there(self) -> None:
        if self.if_match is not None:
            raise PreconditionFailed("If-Match cannot hold for an item that does not exist yet. Leave it out.")

    @staticmethod
    def _refuse_if_match(tags: EntityTags, version: int) -> NoReturn:
        if tags.version is not None:
            raise version_conflict(PreconditionFailed, tags.version, version)
        detail = f"No tag in If-Match names the item's current version {version}."
        if tags.matches_weakly(f'"{version}"'):
            detail = f'A weak tag in If-Match never matches: send "{version}", without W/.'
        raise PreconditionFailed(detail, current_version=version)


def parse_conditions(
    if_match: str | None, if_none_match: str | None, expected_version: int | None = None
) -> Conditions | None:
    """The conditions of a command's headers and `expected_version`; None if there are none.

    Raises Malformed for a header that is no list of entity tags.
    """
    if if_match is None and if_none_match is None and expected_version is None:
        return None
    return Conditions(
        if_match=_parse_header("If-Match", if_match),
        if_none_match=_parse_header("If-None-Match", if_none_match),
        expected_version=expected_version,
    )


class ReadContext(Struct, frozen=True, kw_only=True):
    """The request of a read, and its conditions."""

    request: Request[Any, Any, Any]
    if_match: IfMatch = None
    if_none_match: IfNoneMatch = None

    def respond(self, response: Response[Any]) -> Response[Any]:
        """Return `response`, which has an ETag, or 304 if the client holds that ETag (RFC 9110, 13.2.2).

        An unreadable If-None-Match is ignored: the client gets a whole response. Raises PreconditionFailed if If-Match
        does not hold, Malformed if it is unreadable.
        """
        tag = response.headers["ETag"]
        wanted = _parse_header("If-Match", self.if_match)
        if wanted is not None and wanted.sent != (ANY_TAG,) and tag not in wanted.sent:
            raise PreconditionFailed(f"No tag in If-Match is the current ETag {tag}.")
        held = parse_entity_tags(self.if_none_match or "")
        if held is None or not held.matches_weakly(tag):
            return response
        return Response(b"", status_code=304, media_type=response.media_type, headers=response.headers)


def _parse_header(name: str, text: str | None) -> EntityTags | None:
    """Raises Malformed for an unreadable list, and for one without a tag: it would not be a condition."""
    if text is None:
        return None
    tags = parse_entity_tags(text)
    if tags is None or not tags.sent:
        raise Malformed(
            f'{name} must be * or a list of ETags of this service, such as "3", "4"; it is {text or "empty"}.'
        )
    return tags


def parse_entity_tags(text: str) -> EntityTags | None:
    """Parse a list of entity tags; None if `text` is not one."""
    if text.strip(" \t") == ANY_TAG:
        return EntityTags((ANY_TAG,))
    tags, place = [], 0
    while place < len(text):
        element = ELEMENT.match(text, place)
        if element is None:
            return None
        if element["tag"]:
            tags.append(element["tag"])
        place = element.end()
    return EntityTags(tuple(tags))
