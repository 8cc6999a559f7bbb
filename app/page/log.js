// The log: live while one wants, backwards as far as it goes. Each event once, in order, the newest on top.

import { forgetRequests, get } from "./api.js";
import { announce, fill, h, setText } from "./dom.js";
import { logFilters } from "./log-filters.js";
import { entryOf } from "./entry.js";
import { emptiness, failure, requestsPanel, skeletons } from "./shell.js";
import { addressOf, change } from "./state.js";
import { curlOfStream, follow } from "./stream.js";

const PAGE = 50;
const AT_MOST = 500;
const VIEW = "log";
const WORDS = { connecting: "Connecting …", live: "Live", waiting: "Connection lost; trying again …", paused: "Paused", ended: "A span of the past" };

export function openLog(main, state, context) {
  const view = { state, context, newest: null, oldest: null, quit: null, closed: false, turn: 0, fresh: 0 };
  view.filters = logFilters((changes) => change({ ...changes, event: undefined }));
  view.status = h("span", { class: "state", role: "status" });
  view.live = h("button", { type: "button", class: "pill", role: "switch", onclick: () => toggle(view) }, h("span", { class: "dot", "aria-hidden": "true" }), "Live");
  view.newer = h("button", { type: "button", class: "more", onclick: () => loadNewer(view) }, "Newer");
  view.older = h("button", { type: "button", class: "more", onclick: () => loadOlder(view) }, "Older");
  view.list = h("ol", { class: "events log", "aria-label": "Events, the newest first" });
  view.notice = h("div", {});
  view.requests = requestsPanel(VIEW, () => (view.quit ? [curlOfStream(filtersOf(view.state))] : []));
  const head = h("div", { class: "above" }, h("h1", { tabindex: -1 }, "The log"), h("div", { class: "controls" }, view.status, view.live));
  fill(main, head, view.filters.element, view.newer, view.list, view.notice, view.older, view.requests.element);
  document.title = "The log · Swappo";
  begin(view);
  return {
    update(fresh) {
      view.state = fresh;
      begin(view);
    },
    retry() {
      if (!view.quit && !view.list.children.length) begin(view);
    },
    close() {
      view.closed = true;
      stop(view);
      forgetRequests(VIEW);
    },
  };
}

const filtersOf = ({ type, subject, user, request }) => ({ type, item_id: subject, user_id: user, correlation_id: request });
const spanOf = ({ from, to }) => ({ from, to });

/** From the address: a span that has ended or one event is shown as it is, everything else is live. */
async function begin(view) {
  stop(view);
  const turn = ++view.turn;
  view.newest = view.oldest = null;
  view.filters.show(view.state);
  fill(view.list, skeletons(6, "row"));
  fill(view.notice);
  view.newer.hidden = view.older.hidden = true;
  view.live.disabled = Boolean(view.state.to);
  if (view.state.event) await attempt(view, () => around(view, turn));
  else if (view.state.to) await attempt(view, () => page(view, turn, null, "ended"));
  else goLive(view, turn);
}

async function attempt(view, work) {
  try {
    await work();
  } catch (error) {
    if (view.closed) return;
    fill(view.list);
    fill(view.notice, failure(error, () => begin(view), view.context.signIn));
    setText(view.status, "");
  } finally {
    view.requests.refresh();
  }
}

const ask = (view, params) => get("events", { ...filtersOf(view.state), ...spanOf(view.state), limit: PAGE, ...params }, { view: VIEW });

/** The newest ones up to a position, or of all. */
async function page(view, turn, upto, state) {
  const { data, next } = await ask(view, { before: upto === null ? "9223372036854775807" : String(BigInt(upto) + 1n) });
  if (turn !== view.turn) return;
  fill(view.list, data.map((event) => entryOf(event, view.state)));
  learn(view, data, Boolean(next), upto);
  say(view, state);
}

/** One event, open, between its neighbours. */
async function around(view, turn) {
  const { event } = view.state;
  const [older, newer] = await Promise.all([ask(view, { before: String(BigInt(event) + 1n) }), ask(view, { after: event, limit: 10 })]);
  if (turn !== view.turn) return;
  const all = [...newer.data.reverse(), ...older.data];
  fill(view.list, all.map((each) => entryOf(each, view.state)));
  learn(view, all, Boolean(older.next), event);
  view.newer.hidden = !newer.next;
  say(view, "paused");
  view.list.querySelector("details[open]")?.scrollIntoView({ block: "center" });
}

/** The stream says where it begins; what is before that comes as a page, so that nothing is missed or shown twice. */
function goLive(view, turn) {
  const known = view.newest;
  const begins = (position) => {
    if (turn !== view.turn || view.newest !== null) return;
    view.newest = position;
    attempt(view, () => page(view, turn, position, "live"));
  };
  view.quit = follow(filtersOf(view.state), known, {
    event: (event) => turn === view.turn && arrived(view, event),
    begins,
    state: (state, problem) => turn === view.turn && heard(view, state, problem),
  });
  view.newer.hidden = true;
}

function heard(view, state, problem) {
  if (state !== "refused") return say(view, state);
  view.quit = null;
  say(view, "paused");
  fill(view.list);
  fill(view.notice, failure(problem, () => begin(view), view.context.signIn));
}

function arrived(view, event) {
  if (view.state.from && event.time < view.state.from) return;
  fill(view.notice);
  view.newest = event.position;
  view.list.prepend(entryOf(event, view.state, true));
  while (view.list.children.length > AT_MOST) dropOldest(view);
  view.fresh += 1;
  announce(`${view.fresh} new event${view.fresh === 1 ? "" : "s"}`);
}

function dropOldest(view) {
  view.list.lastChild.remove();
  view.oldest = view.list.lastChild.dataset.position;
  view.older.hidden = false;
}

function learn(view, events, hasOlder, upto) {
  view.oldest = events.at(-1)?.position ?? view.oldest;
  view.newest = events[0]?.position ?? view.newest;
  if (upto !== null && (view.newest === null || BigInt(upto) > BigInt(view.newest))) view.newest = String(upto);
  view.older.hidden = !hasOlder;
  if (events.length) return;
  const filtered = Object.values({ ...filtersOf(view.state), ...spanOf(view.state) }).some(Boolean);
  const all = h("a", { class: "button", "data-here": true, href: addressOf({ view: "log" }) }, "Show all events");
  fill(view.notice, filtered ? emptiness("No such event", "Nothing that was recorded is so.", all) : emptiness("The log is empty", "The first command will show up here."));
}

async function loadOlder(view) {
  const turn = view.turn;
  await attempt(view, async () => {
    const { data, next } = await ask(view, { before: view.oldest });
    if (turn !== view.turn) return;
    view.list.append(...data.map((event) => entryOf(event, view.state)));
    view.oldest = data.at(-1)?.position ?? view.oldest;
    view.older.hidden = !next;
  });
}

async function loadNewer(view) {
  const turn = view.turn;
  await attempt(view, async () => {
    const { data, next } = await ask(view, { after: view.newest });
    if (turn !== view.turn) return;
    view.list.prepend(...data.reverse().map((event) => entryOf(event, view.state)));
    view.newest = data[0]?.position ?? view.newest;
    view.newer.hidden = !next;
    announce(data.length ? `${data.length} newer events` : "There are no newer ones");
  });
}

/** Paused, the log itself keeps what comes; going on begins behind the newest that is shown. */
function toggle(view) {
  if (view.quit) {
    stop(view);
    say(view, "paused");
    view.newer.hidden = false;
  } else if (view.newest === null) {
    begin(view);
  } else {
    view.fresh = 0;
    goLive(view, view.turn);
  }
}

function stop(view) {
  view.quit?.();
  view.quit = null;
}

function say(view, state) {
  setText(view.status, WORDS[state]);
  view.status.classList.toggle("hidden", state === "live");
  view.status.dataset.state = state;
  view.live.setAttribute("aria-checked", String(Boolean(view.quit)));
  view.requests.refresh();
}
