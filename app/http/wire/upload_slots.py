"""Limits the number, disk space and duration of uploads, so that no import blocks the others."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from litestar.exceptions import InternalServerException

from app.errors import Malformed, RequestTimeout, TooManyRequests, Unavailable

UPLOADS_MAX = 32
UPLOADS_PER_USER_MAX = 8
FULL_SIZE_UPLOADS = 4
"""The space for temporary files, in imports of the largest size; one user may fill half of it."""

UPLOAD_CHUNK_BYTES = 64 * 1024
SLOW_UPLOAD_SECONDS = 30.0
BYTES_PER_SECOND_MIN = 8 * 1024
UPLOAD_SECONDS_MAX = 1800.0


class UploadSlots:
    """Counts the uploads under way. Receiving costs little, so many may run; each user may have some of them."""

    def __init__(self, largest_import_bytes: int) -> None:
        self._room_bytes = largest_import_bytes * FULL_SIZE_UPLOADS
        self._held: Counter[str] = Counter()
        """Slots by user."""
        self._written: Counter[str] = Counter()
        """Bytes in temporary files by user."""

    @contextmanager
    def acquire(self, user_id: str) -> Iterator["UploadSlot"]:
        """Hold a slot for one import until it is stored or refused.

        Raises TooManyRequests while the user has too many imports, Unavailable while all users together have too many.
        """
        if self._held[user_id] >= UPLOADS_PER_USER_MAX:
            raise TooManyRequests(
                f"{user_id} has {UPLOADS_PER_USER_MAX} imports under way; nothing was stored."
                " Try again when one has ended."
            )
        if self._held.total() >= UPLOADS_MAX:
            raise Unavailable("Too many imports are under way; nothing was stored. Try again.")
        self._held[user_id] += 1
        slot = UploadSlot(self, user_id)
        try:
            yield slot
        finally:
            _release(self._held, user_id, 1)
            _release(self._written, user_id, slot.written_bytes)

    def write(self, user_id: str, size: int) -> None:
        """Count `size` more bytes of the user. Raises the errors of `UploadSlot.write`."""
        if self._written[user_id] + size > self._room_bytes // 2:
            raise TooManyRequests(
                f"The imports of {user_id} fill half of the disk that all may use; nothing was stored."
                " Try again when one has ended."
            )
        if self._written.total() + size > self._room_bytes:
            raise Unavailable("The imports under way fill the disk that they may use; nothing was stored. Try again.")
        self._written[user_id] += size


class UploadSlot:
    """One import under way."""

    def __init__(self, slots: UploadSlots, user_id: str) -> None:
        self._slots = slots
        self._user_id = user_id
        self.written_bytes = 0

    def write(self, size: int) -> None:
        """Reserve `size` more bytes for its file. Raises Unavailable or TooManyRequests if there is no room."""
        self._slots.write(self._user_id, size)
        self.written_bytes += size


def _release(counts: Counter[str], user_id: str, number: int) -> None:
    counts[user_id] -= number
    if not counts[user_id]:
        del counts[user_id]


class UploadPace:
    """Limits how slowly a body may arrive. Waiting uses up patience, and received bytes restore it.

    A body at the minimum rate may continue, and a pause is tolerated. A trickle is not, however fast it began.
    """

    def __init__(self) -> None:
        self._patience_seconds = SLOW_UPLOAD_SECONDS
        self._ends = time.monotonic() + UPLOAD_SECONDS_MAX

    async def next(self, arriving: AsyncIterator[bytes]) -> bytes | None:
        """The next piece of the body; None at its end. Raises RequestTimeout, or Malformed if the client leaves."""
        began = time.monotonic()
        left = self._ends - began
        try:
            async with asyncio.timeout(min(self._patience_seconds, left)):
                piece = await anext(arriving, None)
        except TimeoutError:
            raise (_took_too_long() if left < self._patience_seconds else _too_slow()) from None
        except InternalServerException as error:
            raise Malformed("The body ended before its end.") from error
        earned = len(piece or b"") / BYTES_PER_SECOND_MIN
        waited = time.monotonic() - began
        self._patience_seconds = min(SLOW_UPLOAD_SECONDS, self._patience_seconds - waited + earned)
        return piece


def _took_too_long() -> RequestTimeout:
    return RequestTimeout(f"The body took longer than {UPLOAD_SECONDS_MAX:g} seconds; nothing was stored.")


def _too_slow() -> RequestTimeout:
    return RequestTimeout(
        f"For {SLOW_UPLOAD_SECONDS:g} seconds the body came slower than {BYTES_PER_SECOND_MIN} bytes a second;"
        " nothing was stored."
    )


async def read_chunks(arriving: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Join a body's small chunks into large ones. Raises what UploadPace raises."""
    pace = UploadPace()
    gathered, size = [], 0
    while (piece := await pace.next(arriving)) is not None:
        gathered.append(piece)
        size += len(piece)
        if size >= UPLOAD_CHUNK_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    yield b"".join(gathered)
