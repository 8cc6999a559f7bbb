// The log: live while one wants, backwards as far as it goes. Each event once, in order, the newest on top.

import { Problem, askAnew, get, leave } from "./api.js";
import { announce, fill, h, setText } from "./dom.js";
import { entryOf } from "./event-row.js";
import { curlOfStream, follow } from "./event-stream.js";
import { logFilters } from "./log-filters.js";
import { addressOf, change, note } from "./router.js";
import { emptiness, requestsPanel, showFailure, skeletons } from "./view-state.js";

const PAGE = 50;
const LONGEST_PAGE = 1000;
const KEPT = 500;
const BEHIND_ALL = "9223372036854775807";
const VIEW = "log";
const WORDS = { connecting: "Connecting …", live: "Live", waiting: "Connection lost; trying again …", paused: "Paused", ended: "A span of the past" };

export function openLog(main, state, context) {
  const view = { state, context, quit: null, turn: 0 };
  view.filters = logFilters((changes) => change({ ...changes, event: undefined, shown: undefined }));
  view.status = h("span", { class: "state", role: "status" });
  view.live = h("button", { type: "button", class: "pill", role: "switch", onclick: () => toggle(view) }, h("span", { class: "dot", "aria-hidden": "true" }), "Live");
  view.newer = h("button", { type: "button", class: "more", onclick: () => loadNewer(view) }, "Newer");
  view.older = h("button", { type: "button", class: "more", onclick: () => loadOlder(view) }, "Older");
  view.list = h("ol", { class: "events log", "aria-label": "Events, the newest first" });
  view.above = h("div", {});
  view.notice = h("div", {});
  view.requests = requestsPanel(VIEW, () => (view.quit ? [curlOfStream(filtersOf(view.state))] : []));
  const head = h("div", { class: "above" }, h("h1", { tabindex: -1 }, "The log"), h("div", { class: "controls" }, view.status, view.live));
  fill(main, head, view.filters.element, view.newer, view.above, view.list, view.notice, view.older, view.requests.element);
  document.title = "The log · Swappo";
  begin(view);
  return {
    update(fresh) {
      view.state = fresh;
      begin(view);
    },
    retry() {
      if (view.failed) begin(view);
    },
    close() {
      view.turn += 1;
      stop(view);
      leave(VIEW);
    },
  };
}

const filtersOf = ({ type, subject, user, request }) => ({ type, item_id: subject, user_id: user, correlation_id: request });
const spanOf = ({ from, to }) => ({ from, to });

function behind(position) {
  if (!/^\d+$/.test(position)) throw new Problem(422, `“${position}” is no position in the log.`);
  return String(BigInt(position) + 1n);
}

/** As the address says: one event among its neighbours, what was up to where somebody paused, a span that has ended; everything else is live. */
function begin(view) {
  stop(view);
  const { state } = view;
  view.turn += 1;
  view.newest = view.oldest = null;
  view.kept = KEPT;
  view.fresh = 0;
  view.failed = false;
  view.filters.show(state);
  askAnew(VIEW);
  fill(view.list, skeletons(6, "row"));
  fill(view.notice);
  fill(view.above);
  view.newer.hidden = view.older.hidden = true;
  view.live.disabled = true;
  if (state.event) attempt(view, () => around(view, state.event));
  else if (state.upto) attempt(view, () => page(view, state.upto, "paused"));
  else if (state.to) attempt(view, () => page(view, null, "ended"));
  else goLive(view);
}

/** What is asked and then shown, unless the view has gone elsewhere meanwhile; a failure ends what was live. */
async function attempt(view, work) {
  const turn = view.turn;
  try {
    const show = await work();
    if (turn === view.turn) show();
  } catch (error) {
    if (turn === view.turn) fail(view, error);
  } finally {
    view.requests.refresh();
  }
}

function fail(view, error) {
  stop(view);
  view.turn += 1;
  view.failed = true;
  view.live.disabled = true;
  fill(view.list);
  showFailure(view.notice, error, () => begin(view), view.context.signIn);
  setText(view.status, "");
}

/** A page without events that has a next one has only passed over others: what is sought may be on the next. */
async function ask(view, params) {
  let page = await get("events", { ...filtersOf(view.state), ...spanOf(view.state), limit: PAGE, ...params }, { view: VIEW });
  while (!page.data.length && page.next) page = await get("events", page.next, { view: VIEW });
  return page;
}

/** The newest ones up to a position, or of all; as many as the address has. */
async function page(view, upto, state) {
  const limit = Math.min(LONGEST_PAGE, Math.max(PAGE, Number(view.state.shown) || 0));
  const { data, next } = await ask(view, { before: upto === null ? BEHIND_ALL : behind(upto), limit });
  return () => {
    view.kept = Math.max(KEPT, limit);
    show(view, data, Boolean(next), upto);
    view.newer.hidden = state !== "paused";
    say(view, state);
  };
}

/** One event, open, between its neighbours. */
async function around(view, event) {
  const [older, newer] = await Promise.all([ask(view, { before: behind(event) }), ask(view, { after: event, limit: 10 })]);
  return () => {
    show(view, [...newer.data.reverse(), ...older.data], Boolean(older.next), event);
    view.newer.hidden = !newer.next;
    say(view, "paused");
    view.list.querySelector("details[open]")?.scrollIntoView({ block: "center" });
  };
}

/** The stream says where it begins; what is up to there comes as a page, and what arrives before that waits for it. */
function goLive(view) {
  const turn = view.turn;
  let early = [];
  const isOpen = () => turn === view.turn;
  async function first(position) {
    const filled = await page(view, position, "live");
    return () => {
      filled();
      early.forEach((event) => arrived(view, event));
      early = null;
    };
  }
  view.quit = follow(filtersOf(view.state), {
    begins(position) {
      if (!isOpen()) return null;
      if (view.newest !== null) return begin(view);
      view.newest = position;
      return attempt(view, () => first(position));
    },
    event(event) {
      if (!isOpen()) return null;
      return early ? early.push(event) : arrived(view, event);
    },
    state(state, problem) {
      if (!isOpen()) return null;
      return state === "refused" ? fail(view, problem) : say(view, state);
    },
  });
}

function arrived(view, event) {
  if (Date.parse(event.time) < Date.parse(view.state.from)) return;
  fill(view.notice);
  view.newest = event.position;
  view.list.prepend(entryOf(event, view.state, true));
  while (view.list.children.length > view.kept && !view.older.disabled) dropOldest(view);
  view.fresh += 1;
  announce(`${view.fresh} new event${view.fresh === 1 ? "" : "s"}`);
}

function dropOldest(view) {
  view.list.lastChild.remove();
  view.oldest = view.list.lastChild.dataset.position;
  view.older.hidden = false;
}

/** `upto` is how far the log was read, whether or not there was anything to show. */
function show(view, events, hasOlder, upto) {
  fill(view.list, events.map((event) => entryOf(event, view.state)));
  view.oldest = events.at(-1)?.position ?? null;
  view.newest = events[0]?.position ?? upto ?? "0";
  if (upto !== null && BigInt(upto) > BigInt(view.newest)) view.newest = upto;
  view.older.hidden = !hasOlder;
  view.live.disabled = Boolean(view.state.to);
  if (events.length) return;
  const filtered = Object.values({ ...filtersOf(view.state), ...spanOf(view.state) }).some(Boolean);
  const all = h("a", { class: "button", "data-here": true, href: addressOf({ view: "log" }) }, "Show all events");
  fill(view.notice, filtered ? emptiness("No such event", "Nothing that was recorded matches these filters.", all) : emptiness("The log is empty", "The first command will show up here."));
}

/** Whoever has asked for older ones keeps them, however many arrive. */
function loadOlder(view) {
  return more(view, view.older, view.notice, { before: view.oldest }, ({ data, next }) => {
    view.list.append(...data.map((event) => entryOf(event, view.state)));
    view.oldest = data.at(-1)?.position ?? view.oldest;
    view.older.hidden = !next;
    view.kept += data.length;
    if (!view.state.event) view.state = note({ shown: view.list.children.length });
  });
}

function loadNewer(view) {
  return more(view, view.newer, view.above, { after: view.newest }, ({ data, next }) => {
    if (data.length) fill(view.notice);
    view.list.prepend(...data.reverse().map((event) => entryOf(event, view.state)));
    view.newest = data[0]?.position ?? view.newest;
    view.newer.hidden = !next && Boolean(view.state.event);
    if (!view.state.event) view.state = note({ upto: view.newest, shown: view.list.children.length });
    if (!data.length) fill(view.above, h("p", { class: "muted" }, "There are no newer ones yet."));
    announce(data.length ? `${data.length} newer events` : "There are no newer ones");
  });
}

/** One page at a time by a button, which can be pressed again if it failed; what is shown stays. */
async function more(view, button, place, params, add) {
  const turn = view.turn;
  const hadFocus = button === document.activeElement;
  button.disabled = true;
  fill(place);
  try {
    const answer = await ask(view, params);
    if (turn === view.turn) add(answer);
  } catch (error) {
    if (turn === view.turn) fill(place, h("p", { class: "problem", role: "alert" }, error.message));
  } finally {
    button.disabled = false;
    if (hadFocus) button.focus();
    view.requests.refresh();
  }
}

/** Paused, the log itself keeps what comes, and the address where one paused; going on shows the newest. */
function toggle(view) {
  if (!view.quit) return change({ event: undefined, upto: undefined, shown: undefined });
  stop(view);
  view.state = note({ upto: view.newest });
  view.newer.hidden = false;
  return say(view, "paused");
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
