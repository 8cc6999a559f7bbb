"""Limits on what a client may send and how long it may take. No operator needs other values, so they are constants.

Each is read when it is used, so that a test can lower it.
"""

HEAD_BYTES = 32 * 1024
"""The request line and fields; also blank lines before a request, and the bytes between two chunks of a body."""
ADDRESS_BYTES = 16 * 1024
FIELDS = 100
PIECE_BYTES = 4096
"""Received bytes are parsed in pieces of this size, which bounds how many pipelined requests wait."""
CONNECTIONS = 4096
"""The most open connections; fewer if the process may not open so many files."""

FIRST_BYTE_SECONDS = 10.0
"""From the connection to its first request."""
KEEP_ALIVE_SECONDS = 75.0
"""From a response to the next request. The gateway keeps its connections for less (60 s), so it never sends into one
that the service closes."""
HEAD_SECONDS = 20.0
"""From the first byte of a head to its last."""
BODY_SILENT_SECONDS = 30.0
"""The longest pause within a body."""
BODY_SECONDS = 60.0
"""For a whole body that is not streamed, which has at most 64 KiB."""
STREAMED = frozenset(("/api/v2/items/import",))
"""Paths whose bodies may take longer; their handlers have limits of their own."""
STALLED_CLIENT_SECONDS = 60.0
"""How long a client may read nothing of a response. Event streams have a shorter limit, so they end in order."""
UNSENT_BYTES = 256 * 1024 * 1024
"""The most bytes of unsent responses, which are held in memory."""
LINGER_SECONDS = 5.0
"""After the last response, further bytes are read and discarded for so long. Closing at once would reset the
connection, and the client might lose the response."""
CONNECTION_CHECK_SECONDS = 1.0
"""How often connections are checked. A time limit may be exceeded by this much."""
