"""`catalog demo`: show the life of one item over HTTP, and compare every answer with the right one."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
from rich.box import SIMPLE_HEAD
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from app.demo.own_service import own_service
from app.engine.events.timestamps import rfc3339
from app.errors import Unavailable
from app.terminal import output
from app.visible_text import visible

Rows = list[dict[str, Any]]
SPADE: Any = {"name": "Garden spade", "description": "Sharp, hardly used.", "category": "demo", "owner_id": "alice"}
SPADE |= {"image_urls": ["https://images.example/spade.jpg"], "location_lat": 52.52, "location_lon": 13.405}


def run_demo(url: str | None) -> bool:
    """Whether every answer was right. Raises Unavailable or SetupError if there is no service."""
    with nullcontext(url) if url else own_service() as address:
        root = (address if "://" in address else f"http://{address}").rstrip("/").removesuffix("/api/v2")
        try:
            with httpx.Client(timeout=10, trust_env=False) as client:
                if (health := client.get(f"{root}/health").status_code) != 200:
                    raise Unavailable(f"{root}/health answered {health}: no healthy catalog is there.")
                return Story(client, f"{root}/api/v2").run()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"The service at {root} cannot be reached: {error}.") from error


class Story:
    """The chapters of the demo. The first wrong answer is printed beside the right one and ends it."""

    def __init__(self, client: httpx.Client, api: str) -> None:
        self.client, self.api, self.item = client, api, "/items"
        self.checks = 0

    def run(self) -> bool:
        """Whether every check held. A chapter's docstring is its heading."""
        paste = Text(f"Against a service that stays, paste API={self.api} first, then any request below.")
        output.print(Panel(paste, title="The life of one item"))
        chapters = (self.create, self.update, self.change_status, self.read, self.history, self.audit, self.rebuild)
        more = (self.travel_in_time, self.lose_no_update, self.delete, self.look_back)
        try:
            for number, chapter in enumerate(chapters + more, 1):
                title, _, proves = str(chapter.__doc__).partition(". ")
                output.print()
                output.rule(Text(f"{number}. {title}", "bold"), align="left", style="cyan")
                output.print(proves, style="italic")
                chapter()
        except (WrongAnswer, AttributeError, LookupError, TypeError, ValueError) as error:
            malformed = f"an answer\n    expected  another shape ({error!r})\n    came      {visible(self.last.text)}"
            wrong = error if isinstance(error, WrongAnswer) else malformed
            output.print(Text(f"  ✗ {wrong}", "bold red"), soft_wrap=True)
            return False
        output.print(Panel(f"Every answer was right: {self.checks} checks held.", style="bold green"))
        output.print("To walk through that year in the browser: `catalog serve --demo`, `make town`.")
        return True

    def create(self) -> None:
        """Create an item. One command makes one event, and the event makes the item."""
        item = self.ask("POST", "?user_id=alice", SPADE, 201, ("id", "name", "status", "version", "created_at"))
        self.item = f"/items/{item['id']}"
        made = {**SPADE, "status": "active", "version": 1}
        self.check("it is what was sent, and active", made, pick(item, *made))

    def update(self) -> None:
        """Update it. Only what differs is recorded, with what was there before; if nothing differs, nothing is."""
        sent = {"name": "Sharp spade", "description": SPADE["description"]}
        self.ask("PUT", "?user_id=alice", sent, show=("name", "version"))
        recorded = self.look("/audit-trail")["audit_trail"][-1]
        self.show({"recorded": recorded["changes"], "instead of": recorded["previous_values"]})
        both = {"changes": {"name": "Sharp spade"}, "previous_values": {"name": "Garden spade"}}
        self.check("of two fields sent, only the name is recorded, and the name it had", both, pick(recorded, *both))
        came = [self.ask("PUT", "?user_id=alice", sent)["version"], self.look("/history")["event_count"]]
        self.check("sent once more: still version 2, still two events", [2, 2], came)

    def change_status(self) -> None:
        """Change its status. A swap is an event of its own, with who and why."""
        swap = {"new_status": "swapped", "reason": "for a rake"}
        answer = self.ask("PATCH", "/status?user_id=bob", swap, show=("message", "version"))
        self.check("it is swapped, at version 3", ["swapped", 3], [answer["new_status"], answer["version"]])

    def read(self) -> None:
        """Read it. A read takes one row and replays nothing; its ETag makes the next one cheaper still."""
        item = self.ask("GET", show=("name", "status", "version", "updated_at"))
        after = {**SPADE, "name": "Sharp spade", "status": "swapped", "version": 3}
        self.check("it is what the three commands made of it", after, pick(item, *after))
        self.check("its ETag is its version", '"3"', self.last.headers["ETag"])
        again = self.ask("GET", expect=304, If_None_Match=self.last.headers["ETag"])
        self.check("while it is unchanged it is not sent again", None, again)

    def history(self) -> None:
        """Its history. The events are the truth: all that ever happened to it, in order."""
        answer = self.ask("GET", "/history")
        rows = [pick(event, "sequence", "type", "timestamp", "user") for event in answer["history"]]
        self.table(rows)
        types = ["item_created", "item_updated", "item_status_changed"]
        self.check("these three, in this order", [types, 3], [[row["type"] for row in rows], answer["event_count"]])
        ends = [answer["created_at"], answer["last_modified_at"]]
        self.check("its dates are those of its events", [rows[0]["timestamp"], rows[-1]["timestamp"]], ends)

    def audit(self) -> None:
        """Its audit trail. Who did what, and why, and what was there before."""
        entries = self.ask("GET", "/audit-trail")["audit_trail"]
        swap = {"old_status": "active", "new_status": "swapped", "reason": "for a rake"}
        rows = [pick(entry, "version", "user_id", "event_type") for entry in entries]
        for row, entry in zip(rows, entries, strict=True):
            told = [key for key in ("changes", "previous_values", *swap) if key in entry]
            row["and"] = "\n".join(f"{key}: {plain(entry[key])}" for key in told)
        self.table(rows)
        self.check("each says who", ["alice", "alice", "bob"], [row["user_id"] for row in rows])
        self.check("the swap says from what, to what, and why", swap, pick(entries[-1], *swap))

    def rebuild(self) -> None:
        """Rebuild its document. What is stored for reading is what the events say, and nothing else."""
        stored, answer = self.look(), self.ask("POST", "/rebuild", show=("message", "changed"))
        self.check("the stored document was right", False, answer["changed"])
        self.check("and is the same as before", stored, answer["item"])

    def travel_in_time(self) -> None:
        """Travel in time. Every instant has its answer, exact to the microsecond."""
        instants = [datetime.fromisoformat(event["timestamp"]) for event in self.look("/history")["history"]]
        between = [this + (following - this) / 2 for this, following in pairwise(instants)]
        travel = "/time-travel?timestamp={}"
        self.ask("GET", travel.format(rfc3339(instants[0] - timedelta(microseconds=1))), expect=404, show=("detail",))
        self.print_request("GET", travel.format(rfc3339(instants[0])))
        rows = Rows()
        for index, moment in enumerate(sorted([*instants, *between])):
            state, version = self.look(travel.format(rfc3339(moment)))["state_at_time"], index // 2 + 1
            expected = [version, content(self.look(f"/versions/{version}"))]
            self.check(f"the item at {moment}", expected, [state["event_version"], content(state)], printed=False)
            row = {"instant": f"{moment:%H:%M:%S.%f}Z", "which is": "in between" if index % 2 else f"version {version}"}
            rows.append(row | pick(state, "event_version", "name", "status"))
        self.table(rows)
        self.check("all five are, field by field, the version of their instant", 5, len(rows))

    def lose_no_update(self) -> None:
        """Lose no update. Two people change what both have read: one gets a 412, and no change is lost."""
        seen = f'"{self.look()["version"]}"'
        edits = {"alice": {"name": "Steel spade"}, "bob": {"description": "Hardly used, new handle."}}
        for user, edit in edits.items():
            self.print_request("PUT", f"?user_id={user}", edit, If_Match=seen)
        with ThreadPoolExecutor() as at_once:
            tries = [at_once.submit(self.send, "PUT", f"?user_id={u}", edits[u], If_Match=seen) for u in edits]
        answers = {user: attempt.result() for user, attempt in zip(edits, tries, strict=True)}
        self.show({user: f"{answer.status_code} {answer.reason_phrase}" for user, answer in answers.items()})
        loser = max(answers, key=lambda user: answers[user].status_code)
        refusal = answers[loser].json()
        self.show(pick(refusal, "detail"))
        statuses = sorted(answer.status_code for answer in answers.values())
        self.check("sent at once, one is accepted and one is not", [200, 412], statuses)
        self.check(f"{loser} learns the current version", 4, refusal["current_version"])
        both, current = {**edits["alice"], **edits["bob"], "version": 5}, f'"{self.look()["version"]}"'
        item = self.ask("PUT", f"?user_id={loser}", edits[loser], show=both, If_Match=current)
        self.check(f"{loser} has read again and retried: both changes are in", both, pick(item, *both))

    def delete(self) -> None:
        """Delete it. That is one more event: the item stays readable, and accepts only a restore."""
        self.ask("DELETE", "?user_id=alice&reason=broken", expect=204)
        item = self.ask("GET", show=("name", "status", "version", "deleted_at"))
        deleted = {"name": "Steel spade", "status": "archived", "version": 6, "deleted_at": item["updated_at"]}
        self.check("it reads as archived, with the instant of its end", deleted, pick(item, *deleted))
        self.ask("PUT", "?user_id=bob", {"name": "Ghost"}, expect=409, show=("detail",))
        self.check("the refused command changed nothing", item, self.look())

    def look_back(self) -> None:
        """Look back. Every version is still there, and differs from the one before as its event says."""
        self.print_request("GET", "/versions/1")
        rows, before = Rows(), dict[str, Any]()
        for version, entry in enumerate(self.look("/audit-trail")["audit_trail"], 1):
            item = self.look(f"/versions/{version}")
            new = {key: value for key, value in content(item).items() if key not in before or before[key] != value}
            said = {
                "item_created": {**content(item), "created_at": entry["timestamp"]},
                "item_updated": entry.get("changes"),
                "item_status_changed": {"status": entry.get("new_status")},
                "item_deleted": {"status": "archived", "deleted_at": entry["timestamp"]},
            }
            came = [item["version"], item["updated_at"], new]
            expected = [version, entry["timestamp"], said[entry["event_type"]]]
            self.check(f"version {version}", expected, came, printed=False)
            what = "\n".join(f"{key}: {plain(before[key])} → {plain(value)}" for key, value in new.items() if before)
            row = {"#": version, "event": f"{entry['event_type']}\n{entry['timestamp'][11:]}", "who": entry["user_id"]}
            then = f"{item['name']}\n{item['status']}"
            rows.append(row | {"what changed": what or "all of it", "item then": then})
            before = content(item)
        self.table(rows)
        self.check("all six differ from the one before by just what their event says", 6, len(rows))

    def ask(
        self, method: str, path: str = "", body: Any = None, expect: int = 200, show: Any = (), **headers: str
    ) -> Any:
        """The JSON answer to a request to the item, or to `path` below it. Prints the request and the answer."""
        self.print_request(method, path, body, **headers)
        answer = self.send(method, path, body, **headers)
        etag = f"   ETag: {answer.headers['ETag']}" if "ETag" in answer.headers else ""
        self.check(f"{answer.status_code} {answer.reason_phrase}{etag}", expect, answer.status_code)
        came = answer.json() if answer.content else None
        self.show(pick(came, *show))
        return came

    def look(self, path: str = "") -> Any:
        """The JSON answer to a GET, without printing."""
        self.check(f"GET {self.item}{path}", 200, self.send("GET", path).status_code, printed=False)
        return self.last.json()

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.last = self.client.request(method, f"{self.api}{self.item}{path}", json=body, headers=named)
        return self.last

    def print_request(self, method: str, path: str, body: Any = None, **headers: str) -> None:
        """Print a request as a curl command, for a shell in which API is set."""
        parts = [f'curl -i {"" if method == "GET" else f"-X {method} "}"$API{self.item}{path}"']
        parts += [f"-H '{name.replace('_', '-')}: {value}'" for name, value in headers.items()]
        if body is not None:
            fields = ",\n         ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in body.items())
            parts += ["-H 'Content-Type: application/json'", f"-d '{{{fields}}}'"]
        output.print(Text("\n  " + " \\\n    ".join(parts), "cyan"), soft_wrap=True)

    def check(self, claim: str, expected: Any, came: Any, *, printed: bool = True) -> None:
        right, said = (json.dumps(value, sort_keys=True, ensure_ascii=False) for value in (expected, came))
        if said != right:
            raise WrongAnswer(f"{visible(claim)}\n    expected  {right}\n    came      {visible(said)}")
        self.checks += 1
        if printed:
            output.print(Text(f"  ✓ {visible(claim)}", "green"))

    def show(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            output.print(Text.assemble((f"    {name:12}", "dim"), plain(value)))

    def table(self, rows: Rows) -> None:
        table = Table(*rows[0], box=SIMPLE_HEAD, header_style="dim")
        for row in rows:
            table.add_row(*(Text(in_lines(cell), overflow="fold") for cell in row.values()))
        output.print(table)


class WrongAnswer(Exception):
    """An answer is not what it must be"""


def pick(item: Any, *fields: str) -> dict[str, Any]:
    return {field: item[field] for field in fields}


def content(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in ("version", "updated_at", "as_of", "event_version")}


def plain(value: Any) -> str:
    return visible(value if isinstance(value, str) else json.dumps(value))


def in_lines(value: Any) -> str:
    """A value as text that keeps its line ends."""
    return "\n".join(map(plain, value.split("\n"))) if isinstance(value, str) else plain(value)
