"""What an import may take while its body arrives: a slot, room on the disk, and time; so that none keeps others out."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from litestar.exceptions import InternalServerException

from app.errors import Malformed, RequestTimeout, TooManyRequests, Unavailable

AT_ONCE = 32
AT_ONCE_OF_A_USER = 8
FILES_OF_FULL_SIZE = 4
"""So many imports of the greatest size have room at once, and half of that those of one user."""

CHUNK_BYTES = 64 * 1024
PATIENCE_SECONDS = 30.0
SLOWEST_BYTES_A_SECOND = 8 * 1024
ARRIVES_WITHIN_SECONDS = 1800.0


class Slots:
    """Who imports just now: many at once, since what only arrives costs little, and each user a part of them."""

    def __init__(self, largest_import_bytes: int) -> None:
        self._room_bytes = largest_import_bytes * FILES_OF_FULL_SIZE
        self._held: Counter[str] = Counter()
        """Slots by user."""
        self._written: Counter[str] = Counter()
        """Bytes in temporary files by user."""

    @contextmanager
    def slot(self, user_id: str) -> Iterator["Slot"]:
        """For one import, until it is stored or refused.

        Raises TooManyRequests while the user has too many, and Unavailable while all users together have.
        """
        if self._held[user_id] >= AT_ONCE_OF_A_USER:
            raise TooManyRequests(
                f"{user_id} has {AT_ONCE_OF_A_USER} imports under way; nothing was stored."
                " Try again when one has ended."
            )
        if self._held.total() >= AT_ONCE:
            raise Unavailable("Too many imports are under way; nothing was stored. Try again.")
        self._held[user_id] += 1
        slot = Slot(self, user_id)
        try:
            yield slot
        finally:
            _give_back(self._held, user_id, 1)
            _give_back(self._written, user_id, slot.written_bytes)

    def write(self, user_id: str, size: int) -> None:
        """Raises what `Slot.write` does."""
        if self._written[user_id] + size > self._room_bytes // 2:
            raise TooManyRequests(
                f"The imports of {user_id} fill half of the disk that all may use; nothing was stored."
                " Try again when one has ended."
            )
        if self._written.total() + size > self._room_bytes:
            raise Unavailable("The imports under way fill the disk that they may use; nothing was stored. Try again.")
        self._written[user_id] += size


class Slot:
    """One import under way."""

    def __init__(self, slots: Slots, user_id: str) -> None:
        self._slots = slots
        self._user_id = user_id
        self.written_bytes = 0

    def write(self, size: int) -> None:
        """So many bytes more are to be written into its file. Raises Unavailable or TooManyRequests without room."""
        self._slots.write(self._user_id, size)
        self.written_bytes += size


def _give_back(counts: Counter[str], user_id: str, number: int) -> None:
    counts[user_id] -= number
    if not counts[user_id]:
        del counts[user_id]


class Pace:
    """How slowly a body may come: waiting uses up a patience that bytes give back.

    So what comes at the least rate may go on, a pause is forgiven, and a trickle is not, however fast it began.
    """

    def __init__(self) -> None:
        self._patience_seconds = PATIENCE_SECONDS
        self._ends = time.monotonic() + ARRIVES_WITHIN_SECONDS

    async def next(self, arriving: AsyncIterator[bytes]) -> bytes | None:
        """The next piece of the body, None at its end. Raises RequestTimeout, and Malformed if the client goes away."""
        began = time.monotonic()
        left = self._ends - began
        try:
            async with asyncio.timeout(min(self._patience_seconds, left)):
                piece = await anext(arriving, None)
        except TimeoutError:
            raise (_out_of_time() if left < self._patience_seconds else _out_of_patience()) from None
        except InternalServerException as error:
            raise Malformed("The body ended before its end.") from error
        earned = len(piece or b"") / SLOWEST_BYTES_A_SECOND
        waited = time.monotonic() - began
        self._patience_seconds = min(PATIENCE_SECONDS, self._patience_seconds - waited + earned)
        return piece


def _out_of_time() -> RequestTimeout:
    return RequestTimeout(f"The body took longer than {ARRIVES_WITHIN_SECONDS:g} seconds; nothing was stored.")


def _out_of_patience() -> RequestTimeout:
    return RequestTimeout(
        f"For {PATIENCE_SECONDS:g} seconds the body came slower than {SLOWEST_BYTES_A_SECOND} bytes a second;"
        " nothing was stored."
    )


async def chunks(arriving: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A body in large pieces, however small it arrives. Raises what Pace does, or its file would stay for ever."""
    pace = Pace()
    gathered, size = [], 0
    while (piece := await pace.next(arriving)) is not None:
        gathered.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    yield b"".join(gathered)
