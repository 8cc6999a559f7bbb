"""Every refusal a caller can meet is a class here: one title, one HTTP status, the facts as attributes.

    CatalogError                500
    ├── Malformed               400   the request cannot be read
    ├── Unauthenticated         401   nobody knows who asks; missing, bad or expired tokens and nothing else
    ├── Forbidden               403   it is known who asks, and they may not
    ├── InvalidInput            422   it can be read and breaks rules; carries every failing field
    │   └── TooExpensive        422   a query that reads more than one request may
    ├── NotFound                404   no such thing, or not yet at that instant
    ├── Conflict                409   it contradicts the present state
    │   └── VersionConflict     409   somebody else's event came first
    │       └── PreconditionFailed  412   a condition in the headers does not hold
    ├── RequestTimeout          408   the request comes too slowly to wait for it
    ├── TooManyRequests         429   whoever asks has too much under way; try again
    ├── Unavailable             503   the database is away or too busy; try again
    └── SetupError              500   configuration, server binaries or schema; said at start-up, in one sentence

A class's docstring is its title, for ever the same; the sentence about this case is `detail`.
Domain errors (`ItemNotFound`, …) extend these next to the code that raises them.
"""

from typing import ClassVar


class CatalogError(Exception):
    """The catalog failed"""

    status: ClassVar[int] = 500

    def __init_subclass__(cls, status: int | None = None) -> None:
        if status is not None:
            cls.status = status

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts

    @classmethod
    def title(cls) -> str:
        assert cls.__doc__, f"{cls.__name__} needs a docstring: it is the title"
        return cls.__doc__


class Malformed(CatalogError, status=400):
    """The request cannot be read"""


class Unauthenticated(CatalogError, status=401):
    """A valid token is needed"""


class Forbidden(CatalogError, status=403):
    """You may not do this"""


class InvalidInput(CatalogError, status=422):
    """The input breaks the rules"""


class TooExpensive(InvalidInput):
    """The query would take too long"""

    def __init__(self, parameter: str, detail: str, source: str = "query") -> None:
        """`detail` says what would be accepted; `parameter` is the one of the query, or path, that makes it so."""
        problem = {"pointer": f"/{parameter}", "detail": detail, "source": source}
        super().__init__(f"{parameter}: {detail}", errors=[problem])


class NotFound(CatalogError, status=404):
    """There is no such thing"""


class Conflict(CatalogError, status=409):
    """The request contradicts the present state"""


class VersionConflict(Conflict):
    """Somebody else was first"""


class PreconditionFailed(VersionConflict, status=412):
    """The precondition does not hold"""


class RequestTimeout(CatalogError, status=408):
    """The request takes too long to arrive"""


class TooManyRequests(CatalogError, status=429):
    """You have too much under way"""


class Unavailable(CatalogError, status=503):
    """The service cannot answer just now"""

    def __init__(self, detail: str, *, outcome_is_unknown: bool = False, **facts: object) -> None:
        """`outcome_is_unknown`: `detail` says that a command may have been carried out."""
        super().__init__(detail, **facts)
        self.outcome_is_unknown = outcome_is_unknown


class SetupError(CatalogError):
    """The service cannot start"""


def first_line(error: Exception) -> str:
    """What an error says first; its kind if it says nothing. Further lines of Postgres's may quote rows."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
