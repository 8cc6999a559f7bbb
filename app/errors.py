"""Every error that a caller can get is a class here, with one title, one HTTP status, and facts as attributes.

    CatalogError                500
    ├── Malformed               400   the request cannot be read
    ├── Unauthenticated         401   the token is missing, wrong or expired; nothing else is 401
    ├── Forbidden               403   the caller is known and may not do this
    ├── InvalidInput            422   the input can be read and breaks rules; lists every failing field
    │   └── TooExpensive        422   the query would read more than one request may
    ├── NotFound                404   the thing does not exist, or did not exist at that instant
    ├── Conflict                409   the request contradicts the current state
    │   └── VersionConflict     409   another event was appended first
    │       └── PreconditionFailed  412   a condition in the headers does not hold
    ├── RequestTimeout          408   the request arrives too slowly
    ├── TooManyRequests         429   the caller has too many requests in progress; try again
    ├── Unavailable             503   the database is away or too busy; try again
    └── SetupError              500   configuration, server binaries or schema are wrong; one sentence at start-up

A class's docstring is its title, which clients see and which never changes. `detail` describes the one case.
Domain errors (`ItemNotFound`, …) are defined next to the code that raises them.
"""

from typing import ClassVar


class CatalogError(Exception):
    """The catalog failed"""

    status: ClassVar[int] = 500

    def __init_subclass__(cls, status: int | None = None) -> None:
        super().__init_subclass__()
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
        """`parameter` is the query or path parameter that is too expensive; `detail` says what is accepted."""
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
        """`outcome_is_unknown`: the command may have been carried out, and `detail` says so."""
        super().__init__(detail, **facts)
        self.outcome_is_unknown = outcome_is_unknown


class SetupError(CatalogError):
    """The service cannot start"""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its class. Further lines of a Postgres error may quote rows."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
