"""The caching table: each request by actor, time and condition, with what caches may do with its answer.

A new operation needs its lines here; `tests/http/test_caching_is_complete.py` says which.
"""

import json

from msgspec.structs import replace

from tests.support.authorization import OWNER as OWNER_ID
from tests.support.caching_rows import (
    ADMINS,
    AN_HOUR,
    ANYBODY,
    API,
    IGNORED_BY_READS,
    IMMUTABLE,
    NO_CACHE,
    NO_STORE,
    ONLY_ADMIN,
    ONLY_OWNER,
    OWNERS,
    PRIVATE,
    UNCONDITIONAL,
    Answer,
    Command,
    Row,
    commands,
    creations,
    reads,
    refusal,
    requests,
)
from tests.support.sample_items import an_item

LINKS = {"Accept": "application/link-format"}
NDJSON = {"Accept": "application/x-ndjson"}
PLAIN, ZIPPED = {"Accept-Encoding": "identity"}, {"Accept-Encoding": "gzip"}
PREFIX = {"X-Forwarded-Prefix": "/catalog", "X-Forwarded-Path": "/catalog"}
PREFLIGHT = {"Origin": "https://swappo.example", "Access-Control-Request-Method": "PUT"}
ACCEPT_DATETIME = {"Accept-Datetime": "Thu, 15 Jan 2026 10:30:00 GMT"}

now = Answer(status=200, cache_control=NO_CACHE)
unfinished = Answer(status=200, cache_control=NO_STORE)
fixed = Answer(status=200, cache_control=IMMUTABLE)
tagged_now = Answer(status=200, cache_control=NO_CACHE, tag="strong")
tagged_unfinished = Answer(status=200, cache_control=NO_STORE, tag="strong")
tagged_fixed = Answer(status=200, cache_control=IMMUTABLE, tag="strong")
private = Answer(status=200, cache_control=PRIVATE, vary="Authorization")
tagged_private = Answer(status=200, cache_control=PRIVATE, vary="Authorization", tag="strong")
page_file = Answer(status=200, cache_control=NO_CACHE, vary="Accept-Encoding", tag="strong")
swagger_file = Answer(status=200, cache_control=AN_HOUR)
malformed, not_found, invalid, busy = (refusal(status) for status in (400, 404, 422, 503))

ITEM = f"{API}/items/{{item_id}}"
ONE = f"{API}/items/{{id}}"
NO_ITEM = f"{API}/items/{{missing}}"
ITEMS = f"{API}/items"
ALL_OF_OWNER, SHELF = f"{API}/items/owner/{{owner_id}}", f"{API}/items/owner/{{owner}}"
NUMBERS, COUNTS = f"{API}/owners/{{owner_id}}", f"{API}/owners/{{owner}}"
CHANGES, DENSITY, EVENTS = f"{API}/changes", f"{API}/events/density", f"{API}/events"
PROJECTION, OWNERS_PROJECTION = f"{API}/projections/{{name}}", f"{API}/projections/owners"
NO_PROJECTION, CATEGORIES = f"{API}/projections/nothing", f"{API}/projections/categories"
IMPORT, MINE = f"{API}/items/import", an_item(owner_id=OWNER_ID, category="{category}")

ITEM_READS = (
    *reads(ITEM, "present", ONE, ANYBODY, tagged_now),
    *reads(ITEM, "present", f"{ONE}?min_position={{position}}", ANYBODY, tagged_now, conditions=UNCONDITIONAL),
    *reads(ITEM, "settled", f"{ONE}?as_of={{settled}}", ANYBODY, tagged_fixed),
    *reads(ITEM, "unsettled", f"{ONE}?as_of={{unsettled}}", ANYBODY, tagged_unfinished),
    *reads(ITEM, "future", f"{ONE}?as_of={{future}}", ANYBODY, malformed),
    *reads(ITEM, "missing", NO_ITEM, ANYBODY, not_found, conditions=IGNORED_BY_READS),
    *reads(ITEM, "missing", f"{ONE}?as_of={{before}}", ANYBODY, not_found),
    *reads(ITEM, "invalid", f"{ONE}?nonsense=1", ANYBODY, invalid),
    # A version never changes, but a missing one may still come.
    *reads(f"{ITEM}/versions/{{version}}", "settled", f"{ONE}/versions/2", ANYBODY, tagged_fixed),
    *reads(
        f"{ITEM}/versions/{{version}}", "settled", f"{ONE}/versions/1", ANYBODY, tagged_fixed, conditions=UNCONDITIONAL
    ),
    *reads(f"{ITEM}/versions/{{version}}", "missing", f"{ONE}/versions/3", ANYBODY, not_found),
    *reads(f"{ITEM}/versions/{{version}}", "missing", f"{NO_ITEM}/versions/1", ANYBODY, not_found),
    *reads(f"{ITEM}/versions/{{version}}", "invalid", f"{ONE}/versions/1?nonsense=1", ANYBODY, invalid),
    *reads(f"{ITEM}/diff", "present", f"{ONE}/diff?from=1", ANYBODY, now),
    *reads(f"{ITEM}/diff", "present", f"{ONE}/diff?from={{settled}}", ANYBODY, now),
    *reads(f"{ITEM}/diff", "settled", f"{ONE}/diff?from=1&to=2", ANYBODY, fixed),
    *reads(f"{ITEM}/diff", "settled", f"{ONE}/diff?from=1&to={{settled}}", ANYBODY, fixed),
    *reads(f"{ITEM}/diff", "settled", f"{ONE}/diff?from={{settled}}&to=2", ANYBODY, fixed),
    *reads(f"{ITEM}/diff", "unsettled", f"{ONE}/diff?from=1&to={{unsettled}}", ANYBODY, unfinished),
    *reads(f"{ITEM}/diff", "unsettled", f"{ONE}/diff?from={{unsettled}}&to=2", ANYBODY, unfinished),
    *reads(f"{ITEM}/diff", "unsettled", f"{ONE}/diff?from={{unsettled}}", ANYBODY, unfinished),
    *reads(f"{ITEM}/diff", "future", f"{ONE}/diff?from=1&to={{future}}", ANYBODY, malformed),
    *reads(f"{ITEM}/diff", "future", f"{ONE}/diff?from={{future}}&to=2", ANYBODY, malformed),
    *reads(f"{ITEM}/diff", "missing", f"{ONE}/diff?from=1&to=3", ANYBODY, not_found),
    *reads(f"{ITEM}/diff", "missing", f"{NO_ITEM}/diff?from={{settled}}", ANYBODY, not_found),
    *reads(f"{ITEM}/diff", "invalid", f"{ONE}/diff", ANYBODY, invalid),
)

history = Answer(status=200, cache_control=PRIVATE, vary="Accept, Authorization", tag="strong")
time_map = Answer(status=200, cache_control=NO_CACHE, vary="Accept", tag="strong")
time_gate = Answer(status=302, cache_control=NO_CACHE, vary="accept-datetime")
TRAVEL = f"{ITEM}/time-travel"
PAST_READS = (
    *reads(f"{ITEM}/history", "present", f"{ONE}/history", OWNERS, history),
    *reads(f"{ITEM}/history", "missing", f"{NO_ITEM}/history", ONLY_OWNER, not_found),
    *reads(f"{ITEM}/history", "invalid", f"{ONE}/history?nonsense=1", ONLY_OWNER, invalid),
    *reads(f"{ITEM}/history", "present", f"{ONE}/history", ANYBODY, time_map, headers=LINKS),
    *reads(f"{ITEM}/history", "missing", f"{NO_ITEM}/history", ANYBODY, not_found, headers=LINKS),
    *reads(f"{ITEM}/audit-trail", "present", f"{ONE}/audit-trail", OWNERS, tagged_private),
    *reads(f"{ITEM}/audit-trail", "missing", f"{NO_ITEM}/audit-trail", ONLY_OWNER, not_found),
    *reads(f"{ITEM}/audit-trail", "invalid", f"{ONE}/audit-trail?nonsense=1", ONLY_OWNER, invalid),
    *reads(TRAVEL, "present", f"{ONE}/time-travel", ANYBODY, time_gate, conditions=IGNORED_BY_READS),
    *reads(TRAVEL, "present", f"{ONE}/time-travel", ANYBODY, time_gate, headers=ACCEPT_DATETIME),
    *reads(TRAVEL, "settled", f"{ONE}/time-travel?timestamp={{settled}}", ANYBODY, tagged_fixed),
    *reads(TRAVEL, "unsettled", f"{ONE}/time-travel?timestamp={{unsettled}}", ANYBODY, tagged_unfinished),
    *reads(TRAVEL, "future", f"{ONE}/time-travel?timestamp={{future}}", ANYBODY, malformed),
    *reads(TRAVEL, "missing", f"{NO_ITEM}/time-travel", ANYBODY, not_found),
    *reads(TRAVEL, "missing", f"{ONE}/time-travel?timestamp={{before}}", ANYBODY, not_found),
    *reads(TRAVEL, "invalid", f"{ONE}/time-travel?nonsense=1", ANYBODY, invalid),
)

LISTINGS = (
    *reads(ITEMS, "present", f"{ITEMS}?owner_id={{owner}}", ANYBODY, now),
    *reads(ITEMS, "present", f"{ITEMS}?owner_id={{owner}}&min_position={{position}}", ANYBODY, now),
    *reads(ITEMS, "settled", f"{ITEMS}?owner_id={{owner}}&as_of={{settled}}", ANYBODY, fixed),
    *reads(ITEMS, "settled", "{settled_page}", ANYBODY, fixed),
    *reads(ITEMS, "unsettled", f"{ITEMS}?owner_id={{owner}}&as_of={{unsettled}}", ANYBODY, unfinished),
    *reads(ITEMS, "unsettled", "{unsettled_page}", ANYBODY, unfinished),
    *reads(ITEMS, "future", f"{ITEMS}?as_of={{future}}", ANYBODY, malformed),
    *reads(ITEMS, "invalid", f"{ITEMS}?nonsense=1", ANYBODY, invalid),
    *reads(ALL_OF_OWNER, "present", SHELF, ANYBODY, now),
    *reads(ALL_OF_OWNER, "present", f"{SHELF}?min_position={{position}}", ANYBODY, now),
    *reads(ALL_OF_OWNER, "settled", f"{SHELF}?as_of={{settled}}", ANYBODY, fixed),
    *reads(ALL_OF_OWNER, "unsettled", f"{SHELF}?as_of={{unsettled}}", ANYBODY, unfinished),
    *reads(ALL_OF_OWNER, "future", f"{SHELF}?as_of={{future}}", ANYBODY, malformed),
    *reads(ALL_OF_OWNER, "invalid", f"{SHELF}?nonsense=1", ANYBODY, invalid),
    *reads(NUMBERS, "present", COUNTS, ANYBODY, now),
    *reads(NUMBERS, "present", f"{COUNTS}?min_position={{position}}", ANYBODY, now),
    *reads(NUMBERS, "settled", f"{COUNTS}?as_of={{settled}}", ANYBODY, fixed),
    *reads(NUMBERS, "unsettled", f"{COUNTS}?as_of={{unsettled}}", ANYBODY, unfinished),
    *reads(NUMBERS, "future", f"{COUNTS}?as_of={{future}}", ANYBODY, malformed),
    *reads(NUMBERS, "missing", f"{API}/owners/nobody", ANYBODY, not_found),
    *reads(NUMBERS, "missing", f"{COUNTS}?as_of={{before}}", ANYBODY, not_found),
    *reads(NUMBERS, "invalid", f"{COUNTS}?nonsense=1", ANYBODY, invalid),
    *reads(f"{API}/stats", "present", f"{API}/stats", ANYBODY, now),
    *reads(f"{API}/stats", "present", f"{API}/stats?min_position={{position}}", ANYBODY, now),
    *reads(f"{API}/stats", "settled", f"{API}/stats?as_of={{settled}}", ANYBODY, fixed),
    *reads(f"{API}/stats", "unsettled", f"{API}/stats?as_of={{unsettled}}", ANYBODY, unfinished),
    *reads(f"{API}/stats", "busy", f"{API}/stats?min_position={{pending}}", ANYBODY, busy),
    *reads(f"{API}/stats", "future", f"{API}/stats?as_of={{future}}", ANYBODY, malformed),
    *reads(f"{API}/stats", "invalid", f"{API}/stats?nonsense=1", ANYBODY, invalid),
)

# Both answer as of an instant even without `to`: as of now, which is not settled.
SPANS = (
    *reads(CHANGES, "present", f"{CHANGES}?from={{settled}}", ANYBODY, unfinished),
    *reads(CHANGES, "settled", f"{CHANGES}?from={{before}}&to={{settled}}", ANYBODY, fixed),
    *reads(CHANGES, "settled", f"{CHANGES}?from={{settled}}&to={{settled}}", ANYBODY, fixed),
    *reads(CHANGES, "settled", "{settled_changes}", ANYBODY, fixed),
    *reads(CHANGES, "unsettled", f"{CHANGES}?from={{before}}&to={{unsettled}}", ANYBODY, unfinished),
    *reads(CHANGES, "unsettled", f"{CHANGES}?from={{unsettled}}", ANYBODY, unfinished),
    *reads(CHANGES, "unsettled", "{unsettled_changes}", ANYBODY, unfinished),
    *reads(CHANGES, "future", f"{CHANGES}?from={{future}}", ANYBODY, malformed),
    *reads(CHANGES, "future", f"{CHANGES}?from={{settled}}&to={{future}}", ANYBODY, malformed),
    *reads(CHANGES, "invalid", CHANGES, ANYBODY, invalid),
    *reads(DENSITY, "present", DENSITY, ANYBODY, unfinished),
    *reads(DENSITY, "present", f"{DENSITY}?from={{before}}", ANYBODY, unfinished),
    *reads(DENSITY, "present", f"{DENSITY}?to={{settled}}", ANYBODY, unfinished),
    *reads(DENSITY, "settled", f"{DENSITY}?from={{before}}&to={{settled}}", ANYBODY, fixed),
    *reads(DENSITY, "settled", f"{DENSITY}?from={{settled}}&to={{settled}}", ANYBODY, fixed),
    *reads(DENSITY, "unsettled", f"{DENSITY}?from={{before}}&to={{unsettled}}", ANYBODY, unfinished),
    *reads(DENSITY, "unsettled", f"{DENSITY}?from={{unsettled}}", ANYBODY, unfinished),
    *reads(DENSITY, "future", f"{DENSITY}?from={{future}}", ANYBODY, malformed),
    *reads(DENSITY, "future", f"{DENSITY}?from={{settled}}&to={{future}}", ANYBODY, malformed),
    *reads(DENSITY, "invalid", f"{DENSITY}?nonsense=1", ANYBODY, invalid),
)

ADMIN_READS = (
    *reads(EVENTS, "present", EVENTS, ADMINS, private),
    *reads(EVENTS, "settled", f"{EVENTS}?from={{settled}}", ONLY_ADMIN, private),
    *reads(EVENTS, "settled", f"{EVENTS}?to={{settled}}", ONLY_ADMIN, private),
    *reads(EVENTS, "unsettled", f"{EVENTS}?from={{unsettled}}", ONLY_ADMIN, private),
    *reads(EVENTS, "unsettled", f"{EVENTS}?to={{unsettled}}", ONLY_ADMIN, private),
    *reads(EVENTS, "future", f"{EVENTS}?from={{future}}", ONLY_ADMIN, malformed),
    *reads(EVENTS, "future", f"{EVENTS}?to={{future}}", ONLY_ADMIN, malformed),
    *reads(EVENTS, "invalid", f"{EVENTS}?nonsense=1", ONLY_ADMIN, invalid),
    *reads(f"{EVENTS}/stream", "present", f"{EVENTS}/stream", ADMINS, private),
    *reads(f"{EVENTS}/stream", "invalid", f"{EVENTS}/stream?nonsense=1", ONLY_ADMIN, invalid),
    *reads(f"{API}/projections", "present", f"{API}/projections", ADMINS, private),
    *reads(f"{API}/projections", "invalid", f"{API}/projections?nonsense=1", ONLY_ADMIN, invalid),
    *reads(PROJECTION, "present", OWNERS_PROJECTION, ADMINS, private),
    *reads(PROJECTION, "missing", NO_PROJECTION, ONLY_ADMIN, not_found),
    *reads(PROJECTION, "invalid", f"{OWNERS_PROJECTION}?nonsense=1", ONLY_ADMIN, invalid),
    *reads(f"{PROJECTION}/lag", "present", f"{OWNERS_PROJECTION}/lag", ADMINS, private),
    *reads(f"{PROJECTION}/lag", "missing", f"{NO_PROJECTION}/lag", ONLY_ADMIN, not_found),
    *reads(f"{PROJECTION}/lag", "invalid", f"{OWNERS_PROJECTION}/lag?nonsense=1", ONLY_ADMIN, invalid),
)

redirect = Answer(status=307, cache_control=NO_CACHE)
BESIDE_THE_API = (
    *(
        row
        for path in ("/health", "/health/ready", "/health/live")
        for row in reads(path, "present", path, ANYBODY, now)
    ),
    *reads("/metrics", "present", "/metrics", ANYBODY, now),
    *reads("/schema", "present", "/schema", ANYBODY, now),
    *reads("/schema/openapi.json", "present", "/schema/openapi.json", ANYBODY, now),
    *reads("/schema/{path}", "missing", "/schema/nothing", ANYBODY, not_found),
    *reads("/assets/{name}", "present", "/assets/swagger-ui.css", ANYBODY, swagger_file),
    *reads("/assets/{name}", "missing", "/assets/nothing", ANYBODY, not_found),
    *reads("/schema/assets/{name}", "present", "/schema/assets/swagger-ui.css", ANYBODY, swagger_file),
    *reads("/schema/assets/{name}", "missing", "/schema/assets/nothing", ANYBODY, not_found),
    *reads("/", "present", "/", ANYBODY, page_file, headers=PLAIN),
    *reads("/", "present", "/", ANYBODY, page_file, headers=ZIPPED),
    *reads("/", "present", "/", ANYBODY, redirect, headers=PREFIX),
    *reads("/page/{path}", "present", "/page/main.js", ANYBODY, page_file, headers=PLAIN),
    *reads("/page/{path}", "present", "/page/main.js", ANYBODY, page_file, headers=ZIPPED),
    *reads("/page/{path}", "missing", "/page/nothing.js", ANYBODY, not_found),
)

deleted = Answer(status=204, cache_control=PRIVATE, vary="Authorization", tag="strong")
created = Answer(status=201, cache_control=PRIVATE, vary="Authorization", tag="strong")
put, patch = Command(method="PUT", path=ITEM), Command(method="PATCH", path=f"{ITEM}/status")
restore = Command(method="POST", path=f"{ITEM}/restore")
rebuild = Command(method="POST", path=f"{ITEM}/rebuild", who=ADMINS, version=2, has_expected_version=False)
COMMANDS = (
    *commands(replace(put, body={"name": "Spade"}), tagged_private),
    *commands(replace(put, body={}, version=2), tagged_private),
    *commands(replace(patch, query="?new_status=swapped"), tagged_private),
    *commands(replace(patch, body={"new_status": "swapped"}), tagged_private),
    *commands(Command(method="DELETE", path=ITEM), deleted),
    *commands(replace(restore, query="?version=1"), tagged_private),
    *commands(replace(restore, query="?version=2", version=2), tagged_private),
    *commands(replace(restore, query="?as_of={created}"), tagged_private),
    *commands(rebuild, tagged_private),
    *creations(ITEMS, MINE, created),
    *creations(IMPORT, [MINE], private),
    *creations(IMPORT, json.dumps(MINE), private, {"Content-Type": "application/x-ndjson"}),
)

begun = Answer(status=202, cache_control=PRIVATE, vary="Authorization")
progress = Answer(status=200, cache_control=NO_STORE, vary="Authorization")
preflight = Answer(status=204, cache_control=None)
OTHER_REQUESTS = (
    *requests(f"POST {PROJECTION}/verify", "present", f"{OWNERS_PROJECTION}/verify", ADMINS, private),
    *requests(f"POST {PROJECTION}/verify", "present", f"{OWNERS_PROJECTION}/verify", ADMINS, progress, NDJSON),
    *requests(f"POST {PROJECTION}/verify", "missing", f"{NO_PROJECTION}/verify", ONLY_ADMIN, not_found),
    *requests(f"POST {PROJECTION}/verify", "invalid", f"{OWNERS_PROJECTION}/verify?nonsense=1", ONLY_ADMIN, invalid),
    *requests(f"POST {PROJECTION}/resume", "present", f"{CATEGORIES}/resume?skip=true", ADMINS, private),
    *requests(f"POST {PROJECTION}/resume", "present", f"{CATEGORIES}/resume", ONLY_ADMIN, refusal(409)),
    *requests(f"POST {PROJECTION}/resume", "missing", f"{NO_PROJECTION}/resume", ONLY_ADMIN, not_found),
    *requests(f"POST {PROJECTION}/resume", "invalid", f"{OWNERS_PROJECTION}/resume?nonsense=1", ONLY_ADMIN, invalid),
    *requests(f"POST {PROJECTION}/rebuild", "missing", f"{NO_PROJECTION}/rebuild", ONLY_ADMIN, not_found),
    *requests(f"POST {PROJECTION}/rebuild", "invalid", f"{OWNERS_PROJECTION}/rebuild?nonsense=1", ONLY_ADMIN, invalid),
    *requests(f"POST {PROJECTION}/rebuild", "present", f"{OWNERS_PROJECTION}/rebuild", ADMINS, begun),
    *requests(f"OPTIONS {ITEM}", "present", ONE, ANYBODY, preflight, PREFLIGHT),
    *requests(f"OPTIONS {EVENTS}", "present", EVENTS, ANYBODY, preflight, PREFLIGHT),
    *requests("OPTIONS /page/{path}", "present", "/page/main.js", ANYBODY, preflight, PREFLIGHT),
    *requests("PUT /metrics", "present", "/metrics", ANYBODY, refusal(405)),
)

TABLE: tuple[Row, ...] = (
    *(*ITEM_READS, *PAST_READS, *LISTINGS, *SPANS, *ADMIN_READS, *BESIDE_THE_API),
    *(*COMMANDS, *OTHER_REQUESTS),
)
"""All rows."""
