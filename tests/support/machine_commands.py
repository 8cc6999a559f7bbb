"""The commands of the state machines, with arguments drawn from what the model has."""

from datetime import datetime
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize

from tests.support.catalog_machine import PLAIN, CatalogMachine, Sending, some
from tests.support.in_memory_catalog import Document
from tests.support.machine_words import new_items, new_values, reasons, some_fields, statuses
from tests.support.response_shapes import assert_problem

NEVER_AN_ITEM = 2**31 - 1
ITEMS_MAX = 8
COMMANDED = 3
"""Most commands go to so many items; the others exist only to be listed."""
COMMANDS = (
    *("update",) * 5,
    *("change_status", "delete", "restore", "restore"),
    *("create", "import_some", "send_again"),
)
"""The commands of a turn, each as often as it shall come."""


class Commands(CatalogMachine):
    def some_item(self, data: st.DataObject) -> int:
        return some(data, self.ids[:COMMANDED])

    @initialize(items=st.lists(new_items, min_size=COMMANDED, max_size=COMMANDED))
    def begin(self, items: list[Document]) -> None:
        """The database already holds items of earlier examples."""
        self.others = self.get("/stats").json()
        for item in items:
            self.create_one(item, PLAIN)
        nothing = partial(self.model.updated, NEVER_AN_ITEM, {})
        self.command("PUT", NEVER_AN_ITEM, "", Sending(condition=("If-Match", 1)), nothing, {})

    def create(self, data: st.DataObject, sending: Sending) -> None:
        if len(self.ids) < ITEMS_MAX:
            self.create_one(data.draw(new_items), sending)

    def create_one(self, item: Document, sending: Sending) -> None:
        body = self.marked(item)
        request = self.request("POST", "/items", sending, body)
        response = self.send(request)
        assert response.status_code == 201, response.text
        item_id = response.json()["id"]
        assert item_id not in self.model.items
        assert response.headers["Location"].endswith(f"/api/v2/items/{item_id}")
        self.ids.append(item_id)
        self.counts.carried_out("POST", "", True, sending.has_key)
        self.recorded(response, item_id, [("item_created", body)], sending.user)
        self.follow_up(request, response, sending, item_id)
        self.check_ids()

    def import_some(self, data: st.DataObject, sending: Sending) -> None:
        if len(self.ids) >= ITEMS_MAX:
            return
        bodies = [self.marked(data.draw(new_items)) for _ in range(data.draw(st.integers(1, 3)))]
        is_spoiled = some(data, (False, False, True))
        request = self.request(
            "POST", "/items/import", sending, [*bodies, {**bodies[0], "name": ""}] if is_spoiled else bodies
        )
        response = self.send(request)
        if is_spoiled:
            assert assert_problem(response, 422)["index"] == len(bodies)
            self.counts.add("a spoiled import was refused")
            self.check_ids()
            return
        assert (response.status_code, response.json()["created"]) == (200, len(bodies)), response.text
        new = sorted(self.found_ids() - set(self.ids))
        assert len(new) == len(bodies)
        self.ids += new
        self.counts.carried_out("POST", "/import", True, sending.has_key)
        for item_id, body in zip(new, bodies, strict=True):
            self.recorded(None, item_id, [("item_created", body)], sending.user)
        self.position = response.json()["last_position"]
        self.follow_up(request, response, sending, new[0])
        self.check_ids()

    def found_ids(self) -> set[int]:
        return {item["id"] for item in self.get("/items", search=self.mark, status="any").json()}

    def check_ids(self) -> None:
        """No other item of this example was recorded."""
        assert self.found_ids() == set(self.ids)

    def update(self, data: st.DataObject, sending: Sending) -> None:
        """Set some fields to new values, to those of some version, or to those that the item has."""
        item_id, fields = self.some_item(data), data.draw(some_fields)
        source = some(data, ("new", "new", "new", "once", "now"))
        if source == "new":
            changes = {field: data.draw(new_values[field]) for field in fields}
        else:
            then = self.some_version(data).document if source == "once" else self.model.now(item_id)
            changes = {field: then[field] for field in fields}
        self.edit(item_id, changes, sending)

    def edit(self, item_id: int, changes: Document, sending: Sending = PLAIN) -> None:
        body = self.marked(changes)
        self.command("PUT", item_id, "", sending, lambda: self.model.updated(item_id, body), body)

    def change_status(self, data: st.DataObject, sending: Sending) -> None:
        """The status and the reason stand in the body or in the address."""
        item_id, status, reason = self.some_item(data), data.draw(statuses), data.draw(reasons)
        given = {"new_status": status} | ({} if reason is None else {"reason": reason})
        foretold = partial(self.model.status_changed, item_id, status, reason)
        where: dict[str, Any] = {some(data, ("body", "params")): given}
        self.command("PATCH", item_id, "/status", sending, foretold, **where)

    def delete(self, data: st.DataObject, sending: Sending) -> None:
        item_id, reason = self.some_item(data), data.draw(reasons)
        foretold = partial(self.model.deleted, item_id, reason)
        self.command("DELETE", item_id, "", sending, foretold, params={} if reason is None else {"reason": reason})

    def restore(self, data: st.DataObject, sending: Sending) -> None:
        """Restore a deleted item, if there is one, or any; rarely to a version that it never had."""
        deleted = [item_id for item_id in self.ids[:COMMANDED] if self.model.now(item_id)["deleted_at"]]
        item_id = some(data, deleted) if deleted else self.some_item(data)
        version = self.some_version(data, item_id)
        if item_id in deleted and some(data, (True, False)):
            version = some(data, [each for each in self.model.items[item_id] if not each.document["deleted_at"]])
        moments: list[int | datetime] = [version.document["version"], self.some_instant(data, version)]
        then = some(data, [*moments, *moments, len(self.model.items[item_id]) + 1])
        params = {"version" if isinstance(then, int) else "as_of": str(then)}
        target = self.model.at(item_id, then)
        if target is None:
            assert_problem(self.send(self.request("POST", f"/items/{item_id}/restore", sending, params=params)), 404)
            self.counts.add("a restore to a time without the item was refused")
            return
        foretold = partial(self.model.restored, item_id, target)
        self.command("POST", item_id, "/restore", sending, foretold, params=params)
        is_back = item_id in deleted and not self.model.now(item_id)["deleted_at"]
        self.counts.add("a deleted item was restored", is_back)

    def send_again(self, data: st.DataObject, _: Sending) -> None:
        """Some time later a repeated key gets the first answer, and another request with it is refused."""
        if not self.answered:
            return
        request, first = some(data, self.answered)
        if some(data, (True, True, False)):
            self.replay(request, first)
            self.counts.add("a command with a key was replayed later")
        else:
            self.use_key_for_another_request(request)
        for item_id in self.ids[:COMMANDED]:
            self.check_history(item_id)
        self.check_ids()
