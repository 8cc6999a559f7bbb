"""A hypothesis state machine over commands, reads, as-of reads, restarts and rebuilds, against a plain Python model.

All examples share one database. Each example marks the owners, categories and descriptions of its own items. There is
only one client here, so the model predicts each answer; the other laws test concurrent clients.
"""

import itertools
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from msgspec import Struct

from app.main import PROJECTIONS
from tests.support.in_memory_catalog import Document, Fact, Model, Refused, difference
from tests.support.response_shapes import assert_item, assert_problem
from tests.support.sample_items import an_item
from tests.support.service_process import Restartable
from tests.support.sse_client import until

NEVER_AN_ITEM = 2**31 - 1
KEY = "Idempotency-Key"
marks = itertools.count(1)

few = st.integers(0, 1)
"""The number of an item. Commands go to two items; the others exist only to be listed."""
statuses = st.sampled_from(("active", "archived", "swapped"))
categories = st.sampled_from(("tools", "toys"))
owners = st.sampled_from(("ann", "bob"))
names = st.lists(st.sampled_from(("spade", "Rake", "HOE", "50%")), min_size=1, max_size=2).map(" ".join)
new_items = st.fixed_dictionaries(
    {"owner_id": owners}, optional={"name": names, "category": categories, "status": statuses}
)
some_fields = st.fixed_dictionaries(
    {},
    optional={
        "name": names,
        "description": names,
        "category": categories,
        "image_urls": st.sampled_from((["1.jpg"], ["1.jpg", "2.jpg"])),
        "location_lat": st.sampled_from((0, -33.9)),
        "location_lon": st.sampled_from((0, 13.4)),
        "status": statuses,
    },
)
reasons = st.none() | st.just("why not")
versions = st.integers(0, 5)
"""A version of an item, counted backwards from its last one; sometimes the next one, which does not exist."""
instants = st.tuples(st.integers(0, 40), st.sampled_from((0, -1, 1)))
"""The instant of an event, counted backwards from the last one, or a microsecond before or after it."""
whens = st.none() | instants


class Sending(Struct, frozen=True):
    """How a command is sent: the user, the expected version relative to the current one, and whether it has a key."""

    user: str
    condition: tuple[str, int] | None
    has_key: bool


conditions = st.tuples(st.sampled_from(("If-Match", "expected_version")), st.sampled_from((0, -1, 1)))
sendings = st.builds(
    Sending, user=st.sampled_from(("ann", "eve")), condition=st.none() | st.none() | conditions, has_key=st.booleans()
)
STALE = {"If-Match": 412, "expected_version": 409}


class Catalog(RuleBasedStateMachine):
    def __init__(self, service: Restartable) -> None:
        super().__init__()
        self.service = service
        self.service.ensure_running()
        self.model = Model()
        self.ids: list[int] = []
        self.mark = f"example{next(marks):06}"
        self.keys = itertools.count(1)
        self.answered: list[tuple[dict[str, Any], httpx.Response]] = []
        """The successful commands that had a key, with their answers."""
        self.position = 0
        self.restarts = 0

    @property
    def api(self) -> httpx.Client:
        return self.service.client

    def get(self, path: str, **params: Any) -> httpx.Response:
        given = {name: value for name, value in params.items() if value is not None}
        return self.api.get(path, params=given)

    def marked(self, given: dict[str, Any]) -> dict[str, Any]:
        """The same fields, with the mark of this example in their texts."""
        marked = [name for name in ("owner_id", "category", "description") if given.get(name) is not None]
        return given | {name: f"{given[name]} {self.mark}" for name in marked}

    def instant(self, when: tuple[int, int] | None) -> datetime | None:
        if when is None:
            return None
        recorded = sorted(each.recorded_at for versions in self.model.items.values() for each in versions)
        return recorded[-1 - when[0] % len(recorded)] + timedelta(microseconds=when[1])

    def picked(self, which: int) -> int:
        return self.ids[which % len(self.ids)]

    def some_version(self, item_id: int, back: int) -> int:
        last = len(self.model.items[item_id])
        return (last - 1 - back) % (last + 1) + 1

    @initialize(item=new_items)
    def begin(self, item: dict[str, Any]) -> None:
        """The database already holds items of earlier examples."""
        self.others = self.get("/stats").json()
        self.create(item, Sending("ann", None, False))
        stale = Sending("ann", ("If-Match", 1), False)
        self.command("PUT", NEVER_AN_ITEM, "", stale, lambda: self.model.updated(NEVER_AN_ITEM, {}), {})

    @rule(item=new_items, sending=sendings)
    def create(self, item: dict[str, Any], sending: Sending) -> None:
        body = self.marked(an_item(**item))
        response = self.send("POST", "/items", sending, body)
        assert response.status_code == 201, response.text
        item_id = response.json()["id"]
        assert item_id not in self.model.items
        assert response.headers["Location"].endswith(f"/api/v2/items/{item_id}")
        self.ids.append(item_id)
        self.recorded(response, item_id, [("item_created", body)], sending.user)

    @rule(items=st.lists(new_items, min_size=1, max_size=3), is_spoiled=st.booleans(), sending=sendings)
    def import_some(self, items: list[dict[str, Any]], is_spoiled: bool, sending: Sending) -> None:
        bodies = [self.marked(an_item(**item)) for item in items]
        spoiled = [*bodies, {**bodies[0], "name": ""}] if is_spoiled else bodies
        response = self.send("POST", "/items/import", sending, spoiled)
        if is_spoiled:
            assert assert_problem(response, 422)["index"] == len(bodies)
            return
        assert (response.status_code, response.json()["created"]) == (200, len(bodies)), response.text
        there = self.get("/items", search=self.mark, status="any", sort="newest").json()
        new = sorted({item["id"] for item in there} - set(self.ids))
        assert len(new) == len(bodies)
        self.ids += new
        for item_id, body in zip(new, bodies, strict=True):
            self.recorded(None, item_id, [("item_created", body)], sending.user)
        self.position = response.json()["last_position"]

    @rule(which=few, changes=some_fields, sending=sendings)
    def update(self, which: int, changes: dict[str, Any], sending: Sending) -> None:
        body, item_id = self.marked(changes), self.picked(which)
        self.command("PUT", item_id, "", sending, lambda: self.model.updated(item_id, body), body)

    @rule(which=few)
    def rename(self, which: int) -> None:
        """Rename an item, so that items have many different versions."""
        self.update(which, {"name": f"name {len(self.model.items[self.picked(which)])}"}, Sending("ann", None, False))

    @rule(which=few, status=statuses, reason=reasons, in_body=st.booleans(), sending=sendings)
    def change_status(self, which: int, status: str, reason: str | None, in_body: bool, sending: Sending) -> None:
        item_id = self.picked(which)
        given = {"new_status": status} | ({} if reason is None else {"reason": reason})
        foretold = partial(self.model.status_changed, item_id, status, reason)
        where: dict[str, Any] = {"body": given} if in_body else {"params": given}
        self.command("PATCH", item_id, "/status", sending, foretold, **where)

    @rule(which=few, reason=reasons, sending=sendings)
    def delete(self, which: int, reason: str | None, sending: Sending) -> None:
        item_id = self.picked(which)
        foretold = partial(self.model.deleted, item_id, reason)
        self.command("DELETE", item_id, "", sending, foretold, params={} if reason is None else {"reason": reason})

    @rule(which=few, moment=versions | instants, sending=sendings)
    def restore(self, which: int, moment: int | tuple[int, int], sending: Sending) -> None:
        item_id = self.picked(which)
        then = self.some_version(item_id, moment) if isinstance(moment, int) else self.instant(moment)
        params = {"version" if isinstance(then, int) else "as_of": str(then)}
        target = self.at(item_id, then)
        if target is None:
            assert_problem(self.send("POST", f"/items/{item_id}/restore", sending, params=params), 404)
            return
        foretold = partial(self.model.restored, item_id, target)
        self.command("POST", item_id, "/restore", sending, foretold, params=params)

    @precondition(lambda self: self.deleted())
    @rule(which=few, version=st.sampled_from((2, 3, 1, 0)), sending=sendings)
    def restore_what_is_deleted(self, which: int, version: int, sending: Sending) -> None:
        item_id = self.deleted()[which % len(self.deleted())]
        self.restore(self.ids.index(item_id), version, sending)

    def deleted(self) -> list[int]:
        return [item_id for item_id in self.ids if self.model.now(item_id)["deleted_at"]]

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
        response = self.send(method, f"/items/{item_id}{path}", sending, body, params, item_id)
        if status:
            assert_problem(response, status)
            return
        assert response.status_code == (204 if method == "DELETE" else 200), response.text
        self.recorded(response, item_id, facts, sending.user)

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

    def send(
        self,
        method: str,
        path: str,
        sending: Sending,
        body: Any = None,
        params: dict[str, str] | None = None,
        item_id: int | None = None,
    ) -> httpx.Response:
        request: dict[str, Any] = {"method": method, "url": path, "json": body, "headers": {}}
        request["params"] = {"user_id": sending.user, **(params or {})}
        if sending.condition and item_id is not None:
            name, offset = sending.condition
            version = max(1, len(self.model.items.get(item_id, ())) + offset)
            where, value = ("headers", f'"{version}"') if name == "If-Match" else ("params", str(version))
            request[where][name] = value
        if sending.has_key:
            request["headers"][KEY] = f"{self.mark}-{next(self.keys)}"
        response = self.api.request(**request)
        assert "Idempotent-Replayed" not in response.headers
        if sending.has_key and response.is_success:
            self.answered.append((request, response))
        return response

    def recorded(self, response: httpx.Response | None, item_id: int, facts: list[Fact], user: str) -> None:
        """Check that exactly these events were recorded, and that the item is folded from them."""
        entries = self.get(f"/items/{item_id}/history").json()["history"]
        known = len(self.model.items.get(item_id, ()))
        self.model.happened(item_id, facts, [entry["timestamp"] for entry in entries[known:]], user)
        self.check_history(item_id)
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

    @precondition(lambda self: self.answered)
    @rule(which=st.integers(0, 20), is_another=st.booleans())
    def send_again(self, which: int, is_another: bool) -> None:
        """A repeated key gets the first answer, and another request with it is refused; neither records an event."""
        request, first = self.answered[which % len(self.answered)]
        if is_another:
            who, key = ({name: request[where][name]} for where, name in (("params", "user_id"), ("headers", KEY)))
            other = self.api.put(f"/items/{self.ids[0]}", json={"name": "Another"}, params=who, headers=key)
            assert assert_problem(other, 422)["type"].endswith("key-reused")
        else:
            again = self.api.request(**request)
            assert (again.status_code, again.content) == (first.status_code, first.content)
            assert again.headers["Idempotent-Replayed"] == "true"
            told = ("ETag", "X-Position", "Location")
            assert [again.headers.get(name) for name in told] == [first.headers.get(name) for name in told]
        for item_id in self.ids:
            self.check_history(item_id)

    def check_history(self, item_id: int) -> None:
        answer = self.get(f"/items/{item_id}/history").json()
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

    @rule(which=few, when=whens)
    def read_an_item(self, which: int, when: tuple[int, int] | None) -> None:
        item_id, at = self.picked(which), self.instant(when)
        answers = [(self.get(f"/items/{item_id}", as_of=at, min_position=self.position), "")]
        if at:
            answers.append((self.get(f"/items/{item_id}/time-travel", timestamp=at), "state_at_time"))
        for response, member in answers:
            try:
                then = self.model.as_of(item_id, at)
            except Refused as refused:
                assert_problem(response, refused.status)
            else:
                assert response.status_code == 200, response.text
                assert then.items() <= (response.json()[member] if member else response.json()).items()

    @rule(
        when=whens,
        search=st.sampled_from(("", "spade", "PAD", "rake hoe", "%")),
        category=st.none() | categories,
        owner=st.none() | owners,
        status=st.just("any") | statuses,
        sort=st.sampled_from(("newest", "updated", "name")),
        limit=st.integers(1, 3),
    )
    def list_items(
        self,
        when: tuple[int, int] | None,
        search: str,
        category: str | None,
        owner: str | None,
        status: str,
        sort: str,
        limit: int,
    ) -> None:
        """Read all pages of a listing."""
        at = self.instant(when)
        given = self.marked({"category": category, "owner_id": owner})
        asked = f"{search} {self.mark}".strip()
        response = self.get("/items", search=asked, status=status, sort=sort, limit=limit, as_of=at, **given)
        found = list(response.raise_for_status().json())
        while following := response.links.get("next"):
            response = self.api.get(following["url"])
            found += response.raise_for_status().json()
        of_status = {} if status == "any" else {"status": status}
        expected = self.model.listed(at, sort, asked, **given, **of_status)
        assert found == expected
        if owner is not None:
            shelf = self.get(f"/items/owner/{given['owner_id']}", status=status, as_of=at)
            assert shelf.raise_for_status().json() == self.model.listed(at, owner_id=given["owner_id"], **of_status)

    @rule(owner=owners, when=whens)
    def read_the_numbers(self, owner: str, when: tuple[int, int] | None) -> None:
        at = self.instant(when)
        self.read_an_owner(f"{owner} {self.mark}", at)
        self.read_the_stats(at)

    def read_an_owner(self, name: str, at: datetime | None) -> None:
        """The rollup may be behind, so the read names the position of the last command."""
        answer: Callable[[], httpx.Response] = partial(
            self.get, f"/owners/{name}", as_of=at, min_position=self.position
        )
        response = until(lambda: found if (found := answer()).status_code != 503 else None, "owners did not catch up")
        try:
            assert self.model.owner(name, at) == response.json()
        except Refused as refused:
            assert_problem(response, refused.status)

    def read_the_stats(self, at: datetime | None) -> None:
        stats = self.get("/stats", as_of=at).raise_for_status().json()
        items = self.model.all(at)
        by_status = Counter(item["status"] for item in items)
        of_others = {name: count for name, count in stats["by_category"].items() if self.mark not in name}
        assert of_others == self.others["by_category"]
        assert Counter(stats["by_category"]) - Counter(of_others) == Counter(item["category"] for item in items)
        expected = {"total_items": len(items)} | {f"{status}_items": by_status[status] for status in by_status}
        for name in ("total_items", "active_items", "swapped_items", "archived_items"):
            assert stats[name] - self.others[name] == expected.get(name, 0)

    def check_version(self, item_id: int, version: int) -> None:
        response = self.get(f"/items/{item_id}/versions/{version}")
        try:
            assert self.model.version(item_id, version) == response.json()
        except Refused as refused:
            assert_problem(response, refused.status)

    @rule(which=few, first=versions | instants, second=versions | whens)
    def read_a_difference(self, which: int, first: int | tuple[int, int], second: int | tuple[int, int] | None) -> None:
        """Compare the difference between two moments, and the versions that the answer names."""
        item_id = self.picked(which)
        moments = [
            self.some_version(item_id, each) if isinstance(each, int) else self.instant(each)
            for each in (first, second)
        ]
        response = self.get(f"/items/{item_id}/diff", **dict(zip(("from", "to"), moments, strict=True)))
        before, after = (self.at(item_id, moment) for moment in moments)
        if any(isinstance(moment, int) and self.at(item_id, moment) is None for moment in moments):
            assert_problem(response, 404)
        else:
            assert response.raise_for_status().json() == difference(before or {}, after or {})
        for version in moments:
            if isinstance(version, int):
                self.check_version(item_id, version)

    def at(self, item_id: int, moment: int | datetime | None) -> Document | None:
        """The item at a moment; None before its creation, and for a version that does not exist."""
        try:
            if isinstance(moment, int):
                return self.model.version(item_id, moment)
            return self.model.as_of(item_id, moment)
        except Refused:
            return None

    @precondition(lambda self: self.restarts < 1)
    @rule(told=st.sampled_from((signal.SIGTERM, signal.SIGKILL)))
    def restart(self, told: signal.Signals) -> None:
        self.restarts += 1
        self.service.restart(told)

    @rule(name=st.sampled_from([each.name for each in PROJECTIONS]))
    def rebuild_and_verify(self, name: str) -> None:
        before = self.get(f"/projections/{name}").json()["last_rebuild"]
        assert self.api.post(f"/projections/{name}/rebuild").status_code == 202

        def ended() -> Any:
            state = self.get(f"/projections/{name}").json()
            return state["last_rebuild"] if state["last_rebuild"] != before and not state["rebuild"] else None

        assert until(ended, "the rebuild did not end")["error"] is None
        assert self.api.post(f"/projections/{name}/verify").raise_for_status().json()["differing"] == []

    @rule(which=few)
    def rebuild_an_item(self, which: int) -> None:
        item_id = self.picked(which)
        answer = self.api.post(f"/items/{item_id}/rebuild").raise_for_status().json()
        assert answer["changed"] is False
        assert answer["item"] == self.model.now(item_id)

    def teardown(self) -> None:
        """At the end, every version of every item can still be read as it was."""
        for item_id, versions in self.model.items.items():
            for version in range(1, len(versions) + 2):
                self.check_version(item_id, version)


@pytest.fixture
def restartable(conninfo: str) -> Iterator[Restartable]:
    with Restartable({"DATABASE_URL": conninfo}) as running:
        yield running


def run(restartable: Restartable, examples: int, steps: int) -> None:
    profile = settings(max_examples=examples, stateful_step_count=steps, suppress_health_check=tuple(HealthCheck))

    def catalog() -> Catalog:
        return Catalog(restartable)

    run_state_machine_as_test(catalog, settings=profile)  # type: ignore[arg-type]


def test_the_service_answers_as_the_model_says(restartable: Restartable) -> None:
    run(restartable, examples=25, steps=40)


@pytest.mark.soak
def test_the_service_answers_as_the_model_says_at_length(restartable: Restartable) -> None:
    run(restartable, examples=400, steps=80)
