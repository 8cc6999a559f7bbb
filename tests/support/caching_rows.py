"""The shape of the caching table's rows, and the conditional headers that each read and each command is sent with."""

from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

Case = Literal["present", "settled", "unsettled", "future", "missing", "invalid", "busy"]
"""What a request is about: now, an instant or version that is fixed, an instant that an append may still change, the
future, something that does not exist, an unknown parameter, and a wait that ends with 503."""
Tag = Literal["strong", "none"]

NO_CACHE = "no-cache"
NO_STORE = "no-store"
IMMUTABLE = "public, max-age=31536000, immutable"
PRIVATE = "private, no-cache"
AN_HOUR = "public, max-age=3600"

ANONYMOUS, OWNER, OTHER, ADMIN = "anonymous", "owner", "other", "admin"
ANYBODY: dict[str, int] = dict.fromkeys((ANONYMOUS, OWNER), 0)
"""Who asks, and the status of the refusal; 0 is no refusal."""
OWNERS = {ANONYMOUS: 401, OTHER: 403, OWNER: 0, ADMIN: 0}
ADMINS = {ANONYMOUS: 401, OWNER: 403, ADMIN: 0}
CREATORS = {ANONYMOUS: 401, OTHER: 403, OWNER: 0}
ONLY_OWNER = {OWNER: 0}
ONLY_ADMIN = {ADMIN: 0}

API = "/api/v2"
EXPECTED_VERSION = "expected_version"


class Answer(Struct, frozen=True, kw_only=True):
    """What is answered. `tag` is the kind of its ETag; there are no weak ones."""

    status: int
    cache_control: str | None
    vary: str | None = None
    tag: Tag = "none"


class Row(Struct, frozen=True, kw_only=True):
    """One request, and its answer."""

    operation: str
    """The method and the path's template."""
    case: Case
    address: str
    who: str
    condition: str
    answer: Answer
    headers: dict[str, str] = {}
    body: Any = None
    version: int | None = None
    """The item's version afterwards, 0 if the creation is refused; None if the request is about no item of its own."""

    @property
    def told(self) -> str:
        """The row in a line, for the report of a failure."""
        headers = "".join(f" {name}: {value}" for name, value in self.headers.items())
        body = "" if self.body is None else f" {self.body!r:.60}"
        return f"{self.operation} ({self.case}) {self.address}{headers}{body} as {self.who}, {self.condition}"


NONE = "no condition"
CONDITIONS = {
    NONE: ("", ""),
    "If-Match equal": ("If-Match", "{tag}"),
    "If-Match stale": ("If-Match", '"{before}"'),
    "If-Match ahead": ("If-Match", '"{after}"'),
    "If-Match weak": ("If-Match", "W/{tag}"),
    "If-Match stale weak": ("If-Match", 'W/"{before}"'),
    "If-Match *": ("If-Match", "*"),
    "If-None-Match equal": ("If-None-Match", "{tag}"),
    "If-None-Match stale": ("If-None-Match", '"{before}"'),
    "If-None-Match weak": ("If-None-Match", "W/{tag}"),
    "If-None-Match *": ("If-None-Match", "*"),
    "If-Modified-Since": ("If-Modified-Since", "Fri, 31 Dec 2100 23:59:59 GMT"),
    "expected_version equal": (EXPECTED_VERSION, "{version}"),
    "expected_version stale": (EXPECTED_VERSION, "{before}"),
    "expected_version ahead": (EXPECTED_VERSION, "{after}"),
}
"""The header or the parameter of each condition. `{tag}` is the current ETag, `{version}` the current version."""

ON_READS = {
    NONE: 0,
    "If-None-Match equal": 304,
    "If-None-Match stale": 0,
    "If-None-Match weak": 304,
    "If-None-Match *": 304,
    "If-Match equal": 0,
    "If-Match stale": 412,
    "If-Match weak": 412,
    "If-Match *": 0,
    "If-Modified-Since": 0,
}
"""The conditions that a read with an ETag is sent, and the status if it is not the one without a condition.

No answer has a Last-Modified, so If-Modified-Since is ignored."""
IGNORED_BY_READS = dict.fromkeys(ON_READS, 0)
"""For a read whose answer without a condition is neither 2xx nor 412 (RFC 9110, 13.2.1)."""
UNCONDITIONAL = {NONE: 0}
ON_COMMANDS = {
    NONE: 0,
    "If-Match equal": 0,
    "If-Match stale": 412,
    "If-Match ahead": 412,
    "If-Match *": 0,
    "If-Match weak": 412,
    "If-Match stale weak": 412,
    "If-None-Match equal": 412,
    "If-None-Match stale": 0,
    "If-None-Match weak": 0,
    "If-None-Match *": 412,
}
"""The same of a command on an item. By the API's contract a weak tag never matches, not even in If-None-Match."""
ON_EXPECTED_VERSION = {"expected_version equal": 0, "expected_version stale": 409, "expected_version ahead": 409}
"""The twin of If-Match in the query."""
ON_CREATIONS = {
    NONE: 0,
    "If-Match equal": 412,
    "If-Match weak": 412,
    "If-Match *": 412,
    "If-None-Match equal": 0,
    "If-None-Match weak": 0,
    "If-None-Match *": 0,
}
"""The same of a creation: there is no item yet that a tag could match."""


def refusal(status: int) -> Answer:
    """An error, which no cache may keep."""
    return Answer(status=status, cache_control=NO_STORE)


def reads(
    path: str,
    case: Case,
    address: str,
    who: dict[str, int],
    answer: Answer,
    *,
    headers: dict[str, str] | None = None,
    conditions: dict[str, int] | None = None,
) -> list[Row]:
    """The rows of one GET: everybody, and for those who are answered each condition.

    Without `conditions` an answer with an ETag is sent all of them, another one none.
    """
    sent = conditions or (ON_READS if answer.tag == "strong" else UNCONDITIONAL)
    return [
        Row(
            operation=f"GET {path}",
            case=case,
            address=address,
            who=name,
            condition=condition,
            answer=refusal(refused) if refused else _on_read(answer, status),
            headers=headers or {},
        )
        for name, refused in who.items()
        for condition, status in (UNCONDITIONAL if refused else sent).items()
    ]


def _on_read(answer: Answer, status: int) -> Answer:
    """A 304 repeats the headers of the 200 (RFC 9110, 15.4.5)."""
    if status == 304:
        return Answer(status=304, cache_control=answer.cache_control, vary=answer.vary, tag=answer.tag)
    return refusal(status) if status else answer


class Command(Struct, frozen=True, kw_only=True):
    """A way to send a command on an item at version 2."""

    method: str
    path: str
    query: str = ""
    body: Any = None
    who: dict[str, int] = field(default_factory=OWNERS.copy)
    version: int = 3
    """The item's version after it was carried out."""
    has_expected_version: bool = True

    @property
    def conditions(self) -> dict[str, int]:
        return ON_COMMANDS | (ON_EXPECTED_VERSION if self.has_expected_version else {})


def commands(command: Command, answer: Answer) -> list[Row]:
    """The rows of one command: each condition on an item, on a missing one, and by those who may not send it.

    A missing item is 404 and a forbidden one 403, whatever the condition (RFC 9110, 13.2.1).
    """
    allowed = OWNER if command.who.get(OWNER) == 0 else ADMIN
    rows = [
        _command_row(command, allowed, name, refusal(status) if status else answer, 2 if status else command.version)
        for name, status in command.conditions.items()
    ]
    rows += [_command_row(command, allowed, name, refusal(404), None) for name in command.conditions]
    nonsense = "&nonsense=1" if command.query else "?nonsense=1"
    refused = _command_row(command, allowed, NONE, refusal(422), 2)
    rows.append(replace(refused, case="invalid", address=refused.address + nonsense))
    for who, status in command.who.items():
        if status:
            rows += [_command_row(command, who, name, refusal(status), 2) for name in (NONE, "If-Match stale weak")]
        elif who != allowed:
            rows.append(_command_row(command, who, NONE, answer, command.version))
    return rows


def creations(path: str, body: Any, answer: Answer, headers: dict[str, str] | None = None) -> list[Row]:
    """The rows of a request that creates an item of the owner, in a category of its own."""

    def row(who: str, condition: str, answered: Answer, query: str = "") -> Row:
        return Row(
            operation=f"POST {path}",
            case="invalid" if query else "present",
            address=path + query,
            who=who,
            condition=condition,
            answer=answered,
            headers=headers or {},
            body=body,
            version=1 if answered.status < 300 else 0,
        )

    return [
        *(row(OWNER, name, refusal(status) if status else answer) for name, status in ON_CREATIONS.items()),
        *(
            row(who, name, refusal(status))
            for who, status in CREATORS.items()
            if status
            for name in (NONE, "If-Match *")
        ),
        row(OWNER, NONE, refusal(422), "?nonsense=1"),
    ]


def requests(
    operation: str,
    case: Case,
    address: str,
    who: dict[str, int],
    answer: Answer,
    headers: dict[str, str] | None = None,
) -> list[Row]:
    """The rows of a request that takes no condition."""
    return [
        Row(
            operation=operation,
            case=case,
            address=address,
            who=name,
            condition=NONE,
            answer=refusal(refused) if refused else answer,
            headers=headers or {},
        )
        for name, refused in who.items()
    ]


def _command_row(command: Command, who: str, condition: str, answer: Answer, version: int | None) -> Row:
    address = command.path.replace("{item_id}", "{item}" if version else "{missing}")
    return Row(
        operation=f"{command.method} {command.path}",
        case="present" if version else "missing",
        address=address + command.query,
        who=who,
        condition=condition,
        answer=answer,
        body=command.body,
        version=version,
    )
