"""The reads of the state machines: items, listings, numbers and differences, now and as of any instant."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import httpx
from hypothesis import strategies as st
from msgspec import Struct, structs

from tests.support.catalog_machine import some
from tests.support.in_memory_catalog import Around, Document, Refused, Version, difference, distance_km
from tests.support.machine_commands import Commands
from tests.support.machine_words import OWNERS, RADII_KM, WORDS
from tests.support.response_shapes import assert_problem
from tests.support.sse_client import until

SORTS = ("newest", "updated", "name", "nearest")
READS = ("list_items", "read_an_item", "read_the_numbers", "read_a_difference")
"""What a turn reads besides a listing."""
FILTERS = ("category", "owner_id", "status", "search", "around")
COMBINATIONS: tuple[tuple[str, ...], ...] = (
    *(("search",),) * 4,
    *(("search", other) for other in FILTERS),
    *((other,) for other in FILTERS),
    *(("status", other) for other in FILTERS),
    (),
)
"""The filters of a listing."""


class Asked(Struct, frozen=True, kw_only=True):
    """A listing."""

    at: datetime | None
    sort: str
    words: str = ""
    """What it searches for, without the mark of the example."""
    search: str = ""
    around: Around | None = None
    equal: dict[str, str]

    def parameters(self) -> dict[str, Any]:
        given: dict[str, Any] = {
            "as_of": self.at,
            "sort": self.sort,
            "search": self.search or None,
            "status": "any",
        } | self.equal
        if self.around is not None:
            given["near"] = f"{self.around.latitude},{self.around.longitude}"
            given["within_km"] = self.around.within_km
        return given


class Reads(Commands):
    def read_an_item(self, data: st.DataObject) -> None:
        item_id = self.some_item(data)
        at = some(data, (self.some_instant(data, self.some_version(data, item_id)), None))
        answers = [(self.get(f"/items/{item_id}", as_of=at, min_position=self.position), "")]
        if at:
            answers.append((self.get(f"/items/{item_id}/time-travel", timestamp=at), "state_at_time"))
        for response, member in answers:
            try:
                then = self.model.as_of(item_id, at)
            except Refused as refused:
                assert_problem(response, refused.status)
                self.counts.add("an item was read before its creation")
            else:
                assert response.status_code == 200, response.text
                assert then.items() <= (response.json()[member] if member else response.json()).items()
                if then != self.model.now(item_id):
                    self.counts.add("a replaced document was read")

    def list_items(self, data: st.DataObject) -> None:
        """Read all pages of a listing, and sometimes change one of its items after the first page."""
        asked, limit = self.some_listing(data), some(data, (1, 2, 3, 100))

        def change(expected: list[Document]) -> None:
            if len(expected) > limit and data.draw(st.booleans()):
                self.change_while_listed(expected[-1]["id"], data)

        self.read_a_listing(asked, limit, change)
        if owner := asked.equal.get("owner_id"):
            self.read_a_shelf(owner, asked)

    def read_a_listing(
        self, asked: Asked, limit: int = 100, change: Callable[[list[Document]], None] = lambda _: None
    ) -> None:
        """Compare all pages with the model; `change` is called with the expected items after the first page."""
        expected = self.expected(asked)
        response = self.get("/items", limit=limit, **asked.parameters())
        found, pages = list(response.raise_for_status().json()), 1
        change(expected)
        while following := response.links.get("next"):
            response = self.api.get(following["url"])
            found += response.raise_for_status().json()
            pages += 1
        if asked.around is not None:
            for item in found:
                assert abs(item.pop("distance_km") - distance_km(item, asked.around)) < 0.002
        assert found == expected
        self.note(asked, expected, pages)

    def some_listing(self, data: st.DataObject) -> Asked:
        """A listing that a version of an item belongs to, around the time of this version or now; or one beside it."""
        version = self.some_version(data)
        item = version.document
        filters, sort = some(data, COMBINATIONS), some(data, SORTS)
        other = self.some_version(data).document if some(data, (False, False, False, True)) else item
        equal: dict[str, str] = {
            field: other[field] for field in ("category", "owner_id", "status") if field in filters
        }
        words = self.some_search(data, version) if "search" in filters else ""
        around = None
        if sort == "nearest" or "around" in filters:
            radius = some(data, RADII_KM) if "around" in filters else None
            around = Around(other["location_lat"], other["location_lon"], radius)
        is_ours = equal.keys() & {"category", "owner_id"}
        search = words if is_ours else f"{words} {self.mark}".strip()
        at = some(data, (self.some_instant(data, version), self.some_instant(data, version), None))
        return Asked(at=at, sort=sort, words=words, search=search, around=around, equal=equal)

    def some_search(self, data: st.DataObject, version: Version) -> str:
        """One or two words or fragments of words of a version, in any case; rarely a word that it may not have."""
        words = self.words_of(version.document)
        chosen = [some(data, words) for _ in range(some(data, (1, 1, 2)))]
        if some(data, (False, False, False, False, True)):
            chosen.append(some(data, WORDS))
        return " ".join(self.some_fragment(data, word) for word in chosen)

    def words_of(self, item: Document) -> list[str]:
        return [word for word in f"{item['name']} {item['description']}".split() if word != self.mark]

    def some_fragment(self, data: st.DataObject, word: str) -> str:
        length = data.draw(st.integers(2, len(word)))
        begin = data.draw(st.integers(0, len(word) - length))
        return some(data, (str.lower, str.upper))(word[begin : begin + length])

    def expected(self, asked: Asked) -> list[Document]:
        return self.model.listed(asked.at, asked.sort, asked.search, asked.around, **asked.equal)

    def change_while_listed(self, item_id: int, data: st.DataObject) -> None:
        if self.model.now(item_id)["deleted_at"]:
            return
        status = some(data, ("active", "archived", "swapped"))
        self.edit(item_id, {"name": "50% moved", "location_lat": 10, "status": status})
        self.counts.add("an item was changed between the pages of a listing")

    def note(self, asked: Asked, expected: list[Document], pages: int) -> None:
        """Count what this listing could have found wrong."""
        past = " as of an instant" if asked.at else ""
        self.counts.add(f"a listing{past} was not empty", bool(expected))
        self.counts.add(f"a listing{past} had several pages", pages > 1)
        replaced = [item for item in expected if item != self.model.now(item["id"])]
        self.counts.add("a listing held a replaced document", bool(replaced))
        lost = [item for item in replaced if self.lacks(self.model.now(item["id"]), asked.words)]
        self.counts.add("a search found a text that was replaced", bool(lost))
        for name in FILTERS:
            without = structs.replace(asked, equal={**asked.equal})
            without.equal.pop(name, None)
            if name == "search":
                without = structs.replace(without, search=self.mark)
            elif name == "around" and asked.around is not None:
                without = structs.replace(without, around=structs.replace(asked.around, within_km=None))
            left_out = len(self.expected(without)) > len(expected) > 0
            self.counts.add(f"the filter {name}{past} left something out", left_out)
        in_other_order = self.expected(structs.replace(asked, sort="newest"))
        unusual = in_other_order if asked.sort != "newest" else sorted(expected, key=lambda item: item["name"])
        self.counts.add(f"the order {asked.sort}{past} made a difference", expected != unusual)
        if asked.words and asked.at is None:
            gone = {v.document["id"] for v in self.model.replaced() if not self.lacks(v.document, asked.words)}
            self.counts.add(
                "a search found no item that only once had the words", bool(gone - {i["id"] for i in expected})
            )

    def lacks(self, item: Document, words: str) -> bool:
        text = f"{item['name']} {item['description']}".lower()
        return any(word not in text for word in words.lower().split())

    def read_a_shelf(self, owner: str, asked: Asked) -> None:
        equal: dict[str, Any] = {name: value for name, value in asked.equal.items() if name != "category"}
        status = asked.equal.get("status", "any")
        shelf = self.get(f"/items/owner/{owner}", status=status, as_of=asked.at)
        assert shelf.raise_for_status().json() == self.model.listed(asked.at, **equal)

    def read_the_numbers(self, data: st.DataObject) -> None:
        version = self.some_version(data)
        owner = some(data, (version.document["owner_id"], self.with_mark(OWNERS[0])))
        at = some(data, (None, self.some_instant(data, version)))
        self.read_an_owner(owner, at)
        self.read_the_stats(at)

    def read_an_owner(self, name: str, at: datetime | None) -> None:
        """The rollup may be behind, so the read names the position of the last command."""
        answer: Callable[[], httpx.Response] = partial(
            self.get, f"/owners/{name}", as_of=at, min_position=self.position
        )
        response = until(lambda: found if (found := answer()).status_code != 503 else None, "owners did not catch up")
        try:
            numbers = self.model.owner(name, at)
        except Refused as refused:
            assert_problem(response, refused.status)
        else:
            assert numbers == response.json()
            is_past = at is not None and numbers != self.model.owner(name, None)
            self.counts.add(f"the {'past' if is_past else 'present'} numbers of an owner were read")

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
        then = self.model.at(item_id, version)
        if then is None:
            assert_problem(response, 404)
        else:
            assert then == response.json()

    def read_a_difference(self, data: st.DataObject) -> None:
        """Compare the difference between two moments, and the versions that the answer names."""
        item_id = self.some_item(data)
        moments = [self.some_moment(data, item_id) for _ in range(2)]
        response = self.get(f"/items/{item_id}/diff", **dict(zip(("from", "to"), moments, strict=True)))
        before, after = (self.model.at(item_id, moment) for moment in moments)
        if any(isinstance(moment, int) and self.model.at(item_id, moment) is None for moment in moments):
            assert_problem(response, 404)
        else:
            assert response.raise_for_status().json() == difference(before or {}, after or {})
            self.counts.add("a difference was not empty", before != after)
        for version in moments:
            if isinstance(version, int):
                self.check_version(item_id, version)

    def some_moment(self, data: st.DataObject, item_id: int) -> int | datetime:
        if data.draw(st.booleans()):
            return data.draw(st.integers(1, len(self.model.items[item_id]) + 1))
        return self.some_instant(data, self.some_version(data, item_id))

    def teardown(self) -> None:
        """At the end, every version of every item can still be read as it was."""
        for item_id, versions in self.model.items.items():
            for version in range(1, len(versions) + 2):
                self.check_version(item_id, version)
