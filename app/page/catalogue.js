// The catalogue view: items and counts as of an instant, of all owners or of one.

import { closeView, forgetReads, get } from "./api.js";
import { filterBar } from "./catalogue-filters.js";
import { announce, fill, h, setText } from "./dom.js";
import { watchEvents } from "./event-stream.js";
import { itemCard } from "./item-card.js";
import { changeState, hrefOf, updateAddress } from "./router.js";
import { TimeSlider, instantOf } from "./time-slider.js";
import { dateTimeText, timeTag } from "./time.js";
import { emptyState, isTemporary, latestOnly, requestsPanel, showError, skeletons } from "./view-state.js";

const PAGE_SIZE = 24;
const PAGE_SIZE_MAX = 100;
const ITEMS_MAX = 480;
const RETRY_MS = 5000;
const VIEW = "catalogue";

export function openCatalogue(main, state, { signIn }) {
  const view = { state, cards: new Map(), next: null, minPosition: null, closed: false };
  const slider = new TimeSlider({ move: (at, how) => sliderMoved(view, at, how) });
  view.slider = slider;
  view.filters = filterBar((changes) => changeState({ ...changes, shown: undefined }));
  view.heading = h("h1", { tabindex: -1 });
  view.numbers = h("dl", { class: "numbers" });
  view.ownerBox = h("div", {});
  view.grid = h("ul", { class: "grid", "aria-label": "Items" });
  view.notice = h("div", {});
  view.more = h("button", { type: "button", class: "more", onclick: () => showMore(view) }, "Show more");
  view.requests = requestsPanel(VIEW, () => slider.requests());
  view.signIn = signIn;
  view.refresh = latestOnly((signal, options) => refresh(view, signal, options));
  const head = h("div", { class: "view-head" }, view.heading, view.numbers);
  main.replaceChildren(slider.element, head, view.ownerBox, view.filters.element, view.grid, view.notice, view.more, view.requests.element);
  view.more.hidden = true;
  fill(view.grid, skeletons(8));
  slider.load();
  const ready = update(view, state);
  const stopWatching = watchEvents({}, (position) => eventRecorded(view, position));
  return {
    ready,
    update: (newState) => update(view, newState),
    retry() {
      view.refresh();
      slider.load();
    },
    close() {
      view.closed = true;
      stopWatching();
      clearTimeout(view.retryTimer);
      view.filters.close();
      slider.close();
      closeView(VIEW);
    },
  };
}

const instantOfState = (state) => (Number.isNaN(Date.parse(state.at)) ? null : Date.parse(state.at));

function update(view, state) {
  view.state = state;
  view.filters.show(state);
  if (!view.slider.playing) view.slider.set(instantOfState(state));
  setText(view.heading, state.owner ? `Items of ${state.owner}` : "Catalogue");
  document.title = `${state.owner ? `Items of ${state.owner}` : "Catalogue"} · Swappo`;
  return view.refresh();
}

/** Handle a move of the slider. The frames of a time lapse add no history entries. */
async function sliderMoved(view, at, { playing = false, isStep = false } = {}) {
  const instant = instantOf(at);
  if (playing) {
    view.state = updateAddress({ at: instant, shown: undefined });
    return view.refresh({ playing });
  }
  changeState({ at: instant, shown: undefined }, { replace: !isStep });
  return null;
}

/** Reload after a new event if the view shows the present. */
function eventRecorded(view, position) {
  view.minPosition = position;
  if (!view.state.at && !view.slider.playing && !document.hidden) view.refresh.withoutAbort();
  view.slider.scheduleLoad();
}

function listingParams({ state, minPosition }) {
  const filters = { search: state.q?.trim(), category: state.category, owner_id: state.owner, near: state.near };
  const status = state.status ?? (state.owner ? "any" : "active");
  const within = state.near ? state.km : undefined;
  return { ...filters, within_km: within, status, sort: state.sort, ...readPoint({ state, minPosition }) };
}

/** The instant to read as of, or for the present the position that the read must include. */
const readPoint = ({ state, minPosition }) => (state.at ? { as_of: state.at } : { min_position: minPosition });

async function refresh(view, signal, { playing = false } = {}) {
  const { state } = view;
  view.grid.setAttribute("aria-busy", "true");
  clearTimeout(view.retryTimer);
  forgetReads(VIEW);
  const options = { view: VIEW, signal };
  try {
    const [items, totals] = await Promise.all([loadItems(view, options), state.owner ? loadOwner(view, options) : loadStats(view, options)]);
    if (view.closed) return;
    view.shown = queryKey(state);
    showItems(view, items, playing);
    showNumbers(view, totals);
    fill(view.ownerBox, state.owner ? ownerPanel(totals, state) : []);
    if (!playing) announce(`${items.length}${view.next ? " or more" : ""} items ${state.at ? `as of ${dateTimeText(Date.parse(state.at))}` : "now"}`);
  } catch (error) {
    if (!view.closed && error.name !== "AbortError") handleError(view, error);
  } finally {
    view.grid.removeAttribute("aria-busy");
    view.requests.refresh();
  }
}

const wantedCount = (state) => Math.min(ITEMS_MAX, Math.max(PAGE_SIZE, Math.floor(Number(state.shown)) || 0));

/** Load as many items as the address says. `view.next` keeps the parameters of the next page. */
async function loadItems(view, options) {
  const wanted = wantedCount(view.state);
  const items = [];
  let params = listingParams(view);
  while (params && items.length < wanted) {
    const page = await get("items", { ...params, limit: Math.min(PAGE_SIZE_MAX, wanted - items.length) }, options);
    items.push(...page.data);
    params = page.next;
  }
  view.next = params;
  return items;
}

function showItems(view, items, playing) {
  const cards = new Map();
  for (const item of items) {
    const before = view.cards.get(item.id);
    const key = `${item.version} ${view.state.at ?? ""} ${item.distance_km ?? ""}`;
    if (before?.version === item.version) cards.set(item.id, before.key === key ? before : before.update(view.state, key, item));
    else cards.set(item.id, itemCard(item, view.state, key, Boolean(view.cards.size) && !playing));
  }
  view.cards = cards;
  fill(view.grid, [...cards.values()].map((card) => card.element));
  const isFull = view.next && items.length >= ITEMS_MAX;
  fill(view.notice, items.length ? isFull && h("p", { class: "muted" }, `The list shows the first ${ITEMS_MAX} items. Search or choose a category to see others.`) : emptyNotice(view));
  const hadFocus = document.activeElement === view.more;
  view.more.hidden = !view.next || isFull;
  if (hadFocus && view.more.hidden) view.grid.querySelector(".card:last-child h2 a")?.focus();
}

function emptyNotice({ state }) {
  const filtered = ["q", "category", "owner", "status", "near"].some((name) => state[name]);
  if (filtered) {
    const all = h("a", { class: "button", "data-route": true, href: hrefOf({ at: state.at }) }, "Clear the filters");
    return emptyState("No items found", state.at ? "No item matched the filters at this instant." : "No item matches the filters.", all);
  }
  if (state.at) return emptyState("No items yet", "No item was on offer at this instant.");
  return emptyState("The catalogue is empty", "Create an item with POST /api/v2/items. For sample data, start `catalog serve --demo`.");
}

function showNumbers(view, { total_items, by_status, by_category }) {
  const pairs = [["on offer", by_status.active], ["swapped", by_status.swapped], ["archived", by_status.archived], ["total", total_items]];
  fill(view.numbers, pairs.map(([name, count]) => h("div", {}, h("dd", {}, (count ?? 0).toLocaleString()), h("dt", {}, name))));
  view.filters.categories(by_category, view.state);
}

async function loadStats(view, options) {
  const { data } = await get("stats", readPoint(view), options);
  const by_status = { active: data.active_items, swapped: data.swapped_items, archived: data.archived_items };
  return { ...data, by_status };
}

/** Identifies what a state shows, whatever the number of items. */
const queryKey = (state) => hrefOf({ ...state, shown: undefined });

/** Show an error. Items stay only if they belong to the current instant and filters and the failure is temporary. */
function handleError(view, error) {
  if (view.slider.playing) view.slider.pause();
  if (isTemporary(error) && view.shown === queryKey(view.state)) {
    if (error.status) retryLater(view);
    return;
  }
  view.shown = null;
  view.cards.clear();
  fill(view.grid, []);
  fill(view.numbers, []);
  fill(view.ownerBox, []);
  view.more.hidden = true;
  showError(view.notice, error, () => view.refresh(), view.signIn);
}

function retryLater(view) {
  view.retryTimer = setTimeout(() => view.refresh(), RETRY_MS);
}

function showMore(view) {
  changeState({ shown: wantedCount(view.state) + PAGE_SIZE }, { replace: true });
}

/** Load the owner's counts. An unknown owner has none. If the projection lags, its older counts are shown meanwhile. */
async function loadOwner(view, options) {
  const request = (params) => get(`owners/${encodeURIComponent(view.state.owner)}`, params, options);
  try {
    return (await request(readPoint(view))).data;
  } catch (error) {
    if (error.status === 404 || error.status === 422) return { total_items: 0, by_status: {}, by_category: {} };
    if (error.status !== 503 || view.state.at || !view.minPosition) throw error;
    retryLater(view);
    return (await request({})).data;
  }
}

function ownerPanel(owner, state) {
  const parts = Object.entries(owner.by_category).map(([name, count]) => `${name} ${count}`);
  const last = owner.latest_activity_at;
  return h(
    "div",
    { class: "owner-panel" },
    h("span", { class: "avatar", "aria-hidden": "true" }, [...state.owner][0].toUpperCase()),
    h("p", {}, h("strong", {}, `${owner.total_items} item${owner.total_items === 1 ? "" : "s"}`), parts.length ? `: ${parts.join(", ")}` : "", last ? [". Last change ", timeTag(last), "."] : "."),
    h("a", { class: "button quiet", "data-route": true, href: hrefOf({ at: state.at }) }, "All owners"),
  );
}
