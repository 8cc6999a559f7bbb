"""What the state machines share: the service, the model, the counts, and how a command is sent and checked.

All examples share one database. Each example marks the owners, categories and descriptions of its own items. There is
only one client here, so the model predicts each answer; the other laws test concurrent clients.
"""

import itertools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from msgspec import Struct

from tests.support.in_memory_catalog import Fact, Model, Refused, Version
from tests.support.machine_counts import Counts
from tests.support.response_shapes import assert_item, assert_problem
from tests.support.service_process import Restartable

T = TypeVar("T")
KEY = "Idempotency-Key"
MICROSECOND = timedelta(microseconds=1)
STALE = {"If-Match": 412, "expected_version": 409}
TOLD = ("ETag", "X-Position", "Location")
"""The headers that tell the outcome of a command."""
marks = itertools.count(1)


class Sending(Struct, frozen=True):
    """How a command is sent: by whom, on which condition, with a key or without, and what is sent at once after it."""

    user: str = "ann"
    condition: tuple[str, int] | None = None
    """Where the expected version stands, and how far it is from the current one."""
    has_key: bool = False
    follow_ups: tuple[str, ...] = ()
    """With a key: `same`, the same request again; `other`, another request with the same key."""


conditions = st.tuples(st.sampled_from(tuple(STALE)), st.sampled_from((0, -1, 1)))
sendings = st.builds(
    Sending,
    user=st.sampled_from(("ann", "eve")),
    condition=st.none() | st.none() | conditions,
    has_key=st.booleans(),
    follow_ups=st.sampled_from(((), ("same",), ("other",), ("other", "same"))),
)
PLAIN = Sending()


def some(data: st.DataObject, pool: Sequence[T]) -> T:
    return data.draw(st.sampled_from(pool))


class CatalogMachine(RuleBasedStateMachine):
    def __init__(self, service: Restartable, counts: Counts) -> None:
        super().__init__()
        self.service = service
        self.service.ensure_running()
        self.counts = counts
        self.model = Model()
        self.ids: list[int] = []
        self.mark = f"example{next(marks):06}"
        self.keys = itertools.count(1)
        self.answered: list[tuple[dict[str, Any], httpx.Response]] = []
        """The successful commands that had a key, with their answers."""
        self.position = 0

    @property
    def api(self) -> httpx.Client:
        return self.service.client

    def get(self, path: str, **params: Any) -> httpx.Response:
        given = {name: value for name, value in params.items() if value is not None}
        return self.api.get(path, params=given)

    def marked(self, given: dict[str, Any]) -> dict[str, Any]:
        """The same fields, with the mark of this example in their texts."""
        marked = [name for name in ("owner_id", "category", "description") if given.get(name) is not None]
        return given | {name: self.with_mark(given[name]) for name in marked}

    def with_mark(self, text: str) -> str:
        return text if text.endswith(self.mark) else f"{text} {self.mark}"

    def some_version(self, data: st.DataObject, item_id: int | None = None) -> Version:
        """A version of that item or of any; a replaced one more often than a current one."""
        replaced, current = self.model.replaced(), self.model.current()
        if item_id is not None:
            *replaced, last = self.model.items[item_id]
            current = [last]
        is_replaced = bool(replaced) and some(data, (True, True, True, False))
        return some(data, replaced if is_replaced else current)

    def some_instant(self, data: st.DataObject, version: Version) -> datetime:
        """The first or the last instant of a version, or the one before or after these."""
        begin, end = version.recorded_at, self.model.replaced_at(version)
        within, beside = [begin], [begin - MICROSECOND]
        if end is not None:
            within, beside = [begin, end - MICROSECOND], [*beside, end]
        return some(data, [*within, *within, *within, *beside])

    def command(
        self,
        method: str,
        item_id: int,
        path: str,
        sending: Sending,
        foretold: Callable[[], list[Fact]],
        body: Any = None,
        params: dict[str, str] | None = None,
    ) -> None:
        """Send a command and compare with the prediction: the refusal, or the events and the resulting item."""
        facts, status = self.foretell(item_id, sending, foretold)
        request = self.request(method, f"/items/{item_id}{path}", sending, body, params, item_id)
        response = self.send(request)
        if status:
            assert_problem(response, status)
            self.counts.refused(status, sending.condition, is_known=item_id in self.model.items)
            if sending.has_key and "same" in sending.follow_ups:
                assert_problem(self.send(request), status)
                self.counts.add("a refused command with a key was refused again")
            return
        assert response.status_code == (204 if method == "DELETE" else 200), response.text
        self.counts.carried_out(method, path, bool(facts), sending.has_key, sending.condition is not None)
        self.recorded(response, item_id, facts, sending.user)
        self.follow_up(request, response, sending, item_id)

    def foretell(
        self, item_id: int, sending: Sending, foretold: Callable[[], list[Fact]]
    ) -> tuple[list[Fact], int | None]:
        try:
            version = self.model.now(item_id)["version"]
            if sending.condition and max(1, version + sending.condition[1]) != version:
                raise Refused(STALE[sending.condition[0]])
            return foretold(), None
        except Refused as refused:
            return [], refused.status

    def request(
        self,
        method: str,
        path: str,
        sending: Sending,
        body: Any = None,
        params: dict[str, str] | None = None,
        item_id: int | None = None,
    ) -> dict[str, Any]:
        request: dict[str, Any] = {"method": method, "url": path, "json": body, "headers": {}}
        request["params"] = {"user_id": sending.user, **(params or {})}
        if sending.condition and item_id is not None:
            name, offset = sending.condition
            version = max(1, len(self.model.items.get(item_id, ())) + offset)
            where, value = ("headers", f'"{version}"') if name == "If-Match" else ("params", str(version))
            request[where][name] = value
        if sending.has_key:
            request["headers"][KEY] = f"{self.mark}-{next(self.keys)}"
        return request

    def send(self, request: dict[str, Any]) -> httpx.Response:
        """Send it for the first time, or again after a refusal: it is not answered from what was stored."""
        response = self.api.request(**request)
        assert "Idempotent-Replayed" not in response.headers
        return response

    def recorded(self, response: httpx.Response | None, item_id: int, facts: list[Fact], user: str) -> None:
        """Check that exactly these events were recorded, and that the item is folded from them."""
        answer = self.get(f"/items/{item_id}/history").json()
        entries, known = answer["history"], len(self.model.items.get(item_id, ()))
        self.model.happened(item_id, facts, [entry["timestamp"] for entry in entries[known:]], user)
        self.check_history(item_id, answer)
        now = self.model.now(item_id)
        assert now == self.get(f"/items/{item_id}").json()
        if facts:
            self.position = entries[-1]["sequence"]
        if response is None:
            return
        assert response.headers["ETag"] == f'"{now["version"]}"'
        assert response.headers.get("X-Position") == (str(self.position) if facts else None)
        if response.request.method == "PATCH":
            assert response.json() == {
                "message": f"Item {item_id} status changed to {now['status']}",
                "item_id": item_id,
                "new_status": now["status"],
                "version": now["version"],
            }
        elif response.request.method != "DELETE":
            assert_item(response.json())
            assert response.json() == now

    def check_history(self, item_id: int, answer: Any = None) -> None:
        answer = answer or self.get(f"/items/{item_id}/history").json()
        versions = self.model.items[item_id]
        assert answer["current"] == versions[-1].document
        assert answer["event_count"] == len(versions)
        assert answer["created_at"] == versions[0].document["created_at"]
        assert answer["last_modified_at"] == (versions[-1].document["updated_at"] if versions[1:] else None)
        assert [(entry["type"], entry["changes"]) for entry in answer["history"]] == [each.fact for each in versions]
        assert [entry["user"] for entry in answer["history"]] == [each.user for each in versions]
        for before, after in itertools.pairwise(answer["history"]):
            assert before["sequence"] < after["sequence"]
            assert datetime.fromisoformat(before["timestamp"]) < datetime.fromisoformat(after["timestamp"])

    def follow_up(self, request: dict[str, Any], first: httpx.Response, sending: Sending, item_id: int) -> None:
        """What is sent at once after a successful command with a key."""
        if not sending.has_key:
            return
        self.answered.append((request, first))
        for what in sending.follow_ups:
            if what == "same":
                self.replay(request, first)
                self.counts.add("a command with a key was replayed at once")
            else:
                self.use_key_for_another_request(request)
            self.check_history(item_id)

    def replay(self, request: dict[str, Any], first: httpx.Response) -> None:
        again = self.api.request(**request)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert [again.headers.get(name) for name in TOLD] == [first.headers.get(name) for name in TOLD]

    def use_key_for_another_request(self, request: dict[str, Any]) -> None:
        """With another body, or, where the request has none, to another address."""
        given: dict[str, Any] = request | {"json": another_body(request["json"])}
        if not request["json"]:
            to_another = {"url": f"/items/{self.ids[0]}", "params": {"user_id": request["params"]["user_id"]}}
            given |= {"method": "PUT", "json": {"name": "Another"}, **to_another}
        response = self.api.request(**given)
        assert assert_problem(response, 422)["type"].endswith("key-reused")
        self.counts.add("a key was refused for another request")


def another_body(body: Any) -> Any:
    """A body that would be accepted too."""
    if isinstance(body, list):
        return [*body, body[0]]
    if body and "new_status" in body:
        return body | {"reason": "another"}
    return (body or {}) | {"description": "Another"}
