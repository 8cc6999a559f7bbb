"""Parts of requests as bytes, to put together right or wrong."""

import httpx

from tests.support.sample_items import an_item

HOST = b"Host: x\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
ALIVE = LIVE + b"\r\n"
ITEM = httpx.Request("POST", "http://x", json=an_item()).content
JSON = b"Content-Type: application/json\r\n"
POST = b"POST /api/v2/items HTTP/1.1\r\n" + HOST + JSON
PUT = b"PUT /api/v2/items/%d HTTP/1.1\r\n" + HOST + JSON
LENGTH = b"Content-Length: %d\r\n" % len(ITEM)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"5;ext=1\r\n%b\r\n%x\r\n%b\r\n0\r\nTrailer: 1\r\n\r\n" % (ITEM[:5], len(ITEM) - 5, ITEM[5:])
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
WEBSOCKET = b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eHl6\r\n"
WHOLE = LENGTH + b"\r\n" + ITEM
