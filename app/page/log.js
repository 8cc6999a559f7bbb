// The log view: live or paused, the newest event first, each event once and in order.

import { Problem, closeView, forgetReads, get } from "./api.js";
import { announce, fill, h, setText } from "./dom.js";
import { eventRow } from "./event-row.js";
import { follow, streamCurlCommand } from "./event-stream.js";
import { logFilters } from "./log-filters.js";
import { changeState, hrefOf, updateAddress } from "./router.js";
import { emptyState, requestsPanel, showError, skeletons } from "./view-state.js";

const PAGE_SIZE = 50;
const PAGE_SIZE_MAX = 1000;
const ROWS_MAX = 500;
const AFTER_LAST_POSITION = "9223372036854775807";
const VIEW = "log";
const STATUS_TEXTS = { connecting: "Connecting …", live: "Live", waiting: "Connection lost. Reconnecting …", paused: "Paused", ended: "Past events" };

export function openLog(main, state, context) {
  const view = { state, context, stopFollowing: null, loadNumber: 0 };
  view.filters = logFilters((changes) => changeState({ ...changes, event: undefined, shown: undefined }));
  view.status = h("span", { class: "log-status", role: "status" });
  view.live = h("button", { type: "button", class: "pill", role: "switch", onclick: () => togglePaused(view) }, h("span", { class: "dot", "aria-hidden": "true" }), "Live");
  view.newer = h("button", { type: "button", class: "more", onclick: () => loadNewer(view) }, "Newer");
  view.older = h("button", { type: "button", class: "more", onclick: () => loadOlder(view) }, "Older");
  view.list = h("ol", { class: "events log", "aria-label": "Events, newest first" });
  view.newerNotice = h("div", {});
  view.notice = h("div", {});
  view.requests = requestsPanel(VIEW, () => (view.stopFollowing ? [streamCurlCommand(filtersOf(view.state))] : []));
  const head = h("div", { class: "view-head" }, h("h1", { tabindex: -1 }, "Log"), h("div", { class: "controls" }, view.status, view.live));
  fill(main, head, view.filters.element, view.newer, view.newerNotice, view.list, view.notice, view.older, view.requests.element);
  document.title = "Log · Swappo";
  load(view);
  return {
    update(fresh) {
      view.state = fresh;
      load(view);
    },
    retry() {
      if (view.failed) load(view);
    },
    close() {
      view.loadNumber += 1;
      stop(view);
      closeView(VIEW);
    },
  };
}

const filtersOf = ({ type, subject, user, request }) => ({ type, item_id: subject, user_id: user, correlation_id: request });
const timeRangeOf = ({ from, to }) => ({ from, to });

function positionAfter(position) {
  if (!/^\d+$/.test(position)) throw new Problem(422, `“${position}” is not a position in the log. Use a whole number, such as 42.`);
  return String(BigInt(position) + 1n);
}

/** Load what the address names: one event with its neighbours, the log as paused, a past span, or else the live log. */
function load(view) {
  stop(view);
  const { state } = view;
  view.loadNumber += 1;
  view.newest = view.oldest = null;
  view.rowsMax = ROWS_MAX;
  view.fresh = 0;
  view.failed = false;
  view.filters.show(state);
  forgetReads(VIEW);
  fill(view.list, skeletons(6, "row"));
  fill(view.notice);
  fill(view.newerNotice);
  view.newer.hidden = view.older.hidden = true;
  view.live.disabled = true;
  if (state.event) runLoad(view, () => loadAround(view, state.event));
  else if (state.upto) runLoad(view, () => loadPage(view, state.upto, "paused"));
  else if (state.to) runLoad(view, () => loadPage(view, null, "ended"));
  else goLive(view);
}

/** Run a load and show its result, unless another load has started meanwhile. A failure ends the live stream. */
async function runLoad(view, work) {
  const loadNumber = view.loadNumber;
  try {
    const show = await work();
    if (loadNumber === view.loadNumber) show();
  } catch (error) {
    if (loadNumber === view.loadNumber) showFailed(view, error);
  } finally {
    view.requests.refresh();
  }
}

function showFailed(view, error) {
  stop(view);
  view.loadNumber += 1;
  view.failed = true;
  view.live.disabled = true;
  fill(view.list);
  showError(view.notice, error, () => load(view), view.context.signIn);
  setText(view.status, "");
}

/** Get the next page that has events. A page of a filtered log may be empty and still have a next page. */
async function getPage(view, params) {
  let page = await get("events", { ...filtersOf(view.state), ...timeRangeOf(view.state), limit: PAGE_SIZE, ...params }, { view: VIEW });
  while (!page.data.length && page.next) page = await get("events", page.next, { view: VIEW });
  return page;
}

/** Load the newest events up to a position, or of the whole log, as many as the address says. */
async function loadPage(view, upto, state) {
  const limit = Math.min(PAGE_SIZE_MAX, Math.max(PAGE_SIZE, Number(view.state.shown) || 0));
  const { data, next } = await getPage(view, { before: upto === null ? AFTER_LAST_POSITION : positionAfter(upto), limit });
  return () => {
    view.rowsMax = Math.max(ROWS_MAX, limit);
    show(view, data, Boolean(next), upto);
    view.newer.hidden = state !== "paused";
    showStatus(view, state);
  };
}

/** Load one event, opened, with its neighbours. */
async function loadAround(view, event) {
  const [older, newer] = await Promise.all([getPage(view, { before: positionAfter(event) }), getPage(view, { after: event, limit: 10 })]);
  return () => {
    show(view, [...newer.data.reverse(), ...older.data], Boolean(older.next), event);
    view.newer.hidden = !newer.next;
    showStatus(view, "paused");
    view.list.querySelector("details[open]")?.scrollIntoView({ block: "center" });
  };
}

/** Follow the log. Events up to the stream's start come as a page. Events that arrive earlier wait for that page. */
function goLive(view) {
  const loadNumber = view.loadNumber;
  let earlyEvents = [];
  const isOpen = () => loadNumber === view.loadNumber;
  async function loadFirstPage(position) {
    const showPage = await loadPage(view, position, "live");
    return () => {
      showPage();
      earlyEvents.forEach((event) => eventArrived(view, event));
      earlyEvents = null;
    };
  }
  view.stopFollowing = follow(filtersOf(view.state), {
    starts(position) {
      if (!isOpen()) return null;
      if (view.newest !== null) return load(view);
      view.newest = position;
      return runLoad(view, () => loadFirstPage(position));
    },
    event(event) {
      if (!isOpen()) return null;
      return earlyEvents ? earlyEvents.push(event) : eventArrived(view, event);
    },
    state(state, problem) {
      if (!isOpen()) return null;
      return state === "refused" ? showFailed(view, problem) : showStatus(view, state);
    },
  });
}

function eventArrived(view, event) {
  if (Date.parse(event.time) < Date.parse(view.state.from)) return;
  fill(view.notice);
  view.newest = event.position;
  view.list.prepend(eventRow(event, view.state, true));
  while (view.list.children.length > view.rowsMax && !view.older.disabled) dropOldest(view);
  view.fresh += 1;
  announce(`${view.fresh} new event${view.fresh === 1 ? "" : "s"}`);
}

function dropOldest(view) {
  view.list.lastChild.remove();
  view.oldest = view.list.lastChild.dataset.position;
  view.older.hidden = false;
}

/** `upto` is the position up to which the log was read, with or without matching events. */
function show(view, events, hasOlder, upto) {
  fill(view.list, events.map((event) => eventRow(event, view.state)));
  view.oldest = events.at(-1)?.position ?? null;
  view.newest = events[0]?.position ?? upto ?? "0";
  if (upto !== null && BigInt(upto) > BigInt(view.newest)) view.newest = upto;
  view.older.hidden = !hasOlder;
  view.live.disabled = Boolean(view.state.to);
  if (events.length) return;
  const filtered = Object.values({ ...filtersOf(view.state), ...timeRangeOf(view.state) }).some(Boolean);
  const all = h("a", { class: "button", "data-route": true, href: hrefOf({ view: "log" }) }, "Show all events");
  fill(view.notice, filtered ? emptyState("No events found", "No event matches the filters.", all) : emptyState("The log is empty", "The first event will appear here."));
}

/** Load older events. They stay, however many new events arrive. */
function loadOlder(view) {
  return loadMore(view, view.older, view.notice, { before: view.oldest }, ({ data, next }) => {
    view.list.append(...data.map((event) => eventRow(event, view.state)));
    view.oldest = data.at(-1)?.position ?? view.oldest;
    view.older.hidden = !next;
    view.rowsMax += data.length;
    if (!view.state.event) view.state = updateAddress({ shown: view.list.children.length });
  });
}

function loadNewer(view) {
  return loadMore(view, view.newer, view.newerNotice, { after: view.newest }, ({ data, next }) => {
    if (data.length) fill(view.notice);
    view.list.prepend(...data.reverse().map((event) => eventRow(event, view.state)));
    view.newest = data[0]?.position ?? view.newest;
    view.newer.hidden = !next && Boolean(view.state.event);
    if (!view.state.event) view.state = updateAddress({ upto: view.newest, shown: view.list.children.length });
    if (!data.length) fill(view.newerNotice, h("p", { class: "muted" }, "No newer events yet."));
    announce(data.length ? `${data.length} newer events` : "No newer events");
  });
}

/** Load one more page for a button. If that fails, the rows stay and the button can be pressed again. */
async function loadMore(view, button, place, params, add) {
  const loadNumber = view.loadNumber;
  const hadFocus = button === document.activeElement;
  button.disabled = true;
  fill(place);
  try {
    const answer = await getPage(view, params);
    if (loadNumber === view.loadNumber) add(answer);
  } catch (error) {
    if (loadNumber === view.loadNumber) fill(place, h("p", { class: "problem", role: "alert" }, error.message));
  } finally {
    button.disabled = false;
    if (hadFocus) button.focus();
    view.requests.refresh();
  }
}

/** Pause or resume. The address keeps the pause position. Resuming shows the newest events. */
function togglePaused(view) {
  if (!view.stopFollowing) return changeState({ event: undefined, upto: undefined, shown: undefined });
  stop(view);
  view.state = updateAddress({ upto: view.newest });
  view.newer.hidden = false;
  return showStatus(view, "paused");
}

function stop(view) {
  view.stopFollowing?.();
  view.stopFollowing = null;
}

function showStatus(view, state) {
  setText(view.status, STATUS_TEXTS[state]);
  view.status.classList.toggle("visually-hidden", state === "live");
  view.status.dataset.state = state;
  view.live.setAttribute("aria-checked", String(Boolean(view.stopFollowing)));
  view.requests.refresh();
}
