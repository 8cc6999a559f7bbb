"""Checks the head of a request against RFC 9112, before the application sees it."""

import re

from app.errors import Malformed
from app.http.middleware.early_refusals import AddressTooLong, HeadTooLarge, MethodNotAllowed, VersionNotSupported
from app.http.server import limits

ABSOLUTE_FORM = re.compile(rb"https?://(?:[^/?#@]*@)?([^/?#@]+)(.*)", re.IGNORECASE | re.DOTALL)
HOST_HEADER = re.compile(rb"(?:[^:\[\]]*|\[[^\[\]]*\])(?::0*+(?P<port>\d{0,5}))?")
"""A host with or without a port (RFC 9112, 3.2). The characters of its name are checked later."""
LARGEST_PORT = 65535

Headers = list[tuple[bytes, bytes]]


def check_head(method: bytes, version: str, url: bytes, headers: Headers) -> bytes:
    """The address in origin form: `/path?query`. `headers` then names the host that the address named.

    Raises a CatalogError for a head that is too large, or that RFC 9112 does not allow.
    """
    hosts = [name for name, _ in headers].count(b"host")
    if len(url) > limits.ADDRESS_BYTES:
        raise address_too_long()
    if len(headers) > limits.FIELDS:
        raise HeadTooLarge(f"The request has more than {limits.FIELDS} header fields.")
    if version not in ("1.1", "1.0"):
        raise version_not_supported()
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise Malformed("A request has one Host field (RFC 9112, 3.2).")
    if not url.startswith(b"/"):
        url = _origin_form(method, url, headers)
    if not all(_is_host(value) for name, value in headers if name == b"host"):
        raise Malformed("The host of a request is a name or an address, perhaps with a port of 65535 at most.")
    return url


def _origin_form(method: bytes, url: bytes, headers: Headers) -> bytes:
    """Turn `GET http://host/path` into `GET /path` of that host. The only other form is `OPTIONS *`."""
    if method == b"CONNECT":
        raise MethodNotAllowed("This is no proxy: CONNECT is not allowed.")
    if url == b"*" and method == b"OPTIONS":
        return b"/"  # the request asks about the server as a whole
    absolute = ABSOLUTE_FORM.match(url)
    if absolute is None:
        raise Malformed("The address begins with a /, or with http:// and a host.")
    host, rest = absolute.groups()
    headers[:] = [(name, host if name == b"host" else value) for name, value in headers]
    return rest if rest.startswith(b"/") else b"/" + rest


def _is_host(value: bytes) -> bool:
    """A larger port would make the application fail when it builds the request's URL."""
    match = HOST_HEADER.fullmatch(value.strip(b" \t"))
    return match is not None and int(match["port"] or 0) <= LARGEST_PORT


def address_too_long() -> AddressTooLong:
    return AddressTooLong(f"The address is longer than {limits.ADDRESS_BYTES} bytes.")


def version_not_supported() -> VersionNotSupported:
    return VersionNotSupported("Send HTTP/1.1 or HTTP/1.0.")
