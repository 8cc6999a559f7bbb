// The catalogue at any instant: its items, its numbers, an owner's shelf.

import { askAnew, get, leave } from "./api.js";
import { filterBar } from "./catalogue-filters.js";
import { announce, fill, h, setText } from "./dom.js";
import { keepUp } from "./event-stream.js";
import { cardOf } from "./item-card.js";
import { addressOf, change, note } from "./router.js";
import { TimeSlider, instantOf } from "./time-slider.js";
import { inWords, timeTag } from "./time.js";
import { emptiness, isAway, latest, requestsPanel, showFailure, skeletons } from "./view-state.js";

const PAGE = 24;
const LONGEST_PAGE = 100;
const MOST = 480;
const ASK_AGAIN = 5000;
const VIEW = "catalogue";

export function openCatalogue(main, state, { signIn }) {
  const view = { state, cards: new Map(), next: null, reached: null, closed: false };
  const slider = new TimeSlider({ move: (at, how) => moved(view, at, how) });
  view.slider = slider;
  view.filters = filterBar((changes) => change({ ...changes, shown: undefined }));
  view.heading = h("h1", { tabindex: -1 });
  view.numbers = h("dl", { class: "numbers" });
  view.shelf = h("div", {});
  view.grid = h("ul", { class: "grid", "aria-label": "Items" });
  view.notice = h("div", {});
  view.more = h("button", { type: "button", class: "more", onclick: () => showMore(view) }, "Show more");
  view.requests = requestsPanel(VIEW, () => slider.requests());
  view.signIn = signIn;
  view.refresh = latest((signal, options) => refresh(view, signal, options));
  const top = h("div", { class: "above" }, view.heading, view.numbers);
  main.replaceChildren(slider.element, top, view.shelf, view.filters.element, view.grid, view.notice, view.more, view.requests.element);
  view.more.hidden = true;
  fill(view.grid, skeletons(8));
  slider.load();
  const ready = update(view, state);
  const quit = keepUp({}, (position) => recorded(view, position));
  return {
    ready,
    update: (fresh) => update(view, fresh),
    retry() {
      view.refresh();
      slider.load();
    },
    close() {
      view.closed = true;
      quit();
      clearTimeout(view.later);
      view.filters.close();
      slider.close();
      leave(VIEW);
    },
  };
}

const instantIn = (state) => (Number.isNaN(Date.parse(state.at)) ? null : Date.parse(state.at));

function update(view, state) {
  view.state = state;
  view.filters.show(state);
  if (!view.slider.playing) view.slider.set(instantIn(state));
  setText(view.heading, state.owner ? `${state.owner}’s shelf` : "Catalogue");
  document.title = `${state.owner ? `${state.owner}’s shelf` : "Catalogue"} · Swappo`;
  return view.refresh();
}

/** The slider's: the address follows without a step back for every frame of it. */
async function moved(view, at, { playing = false, isStep = false } = {}) {
  const instant = instantOf(at);
  if (playing) {
    view.state = note({ at: instant, shown: undefined });
    return view.refresh({ playing });
  }
  change({ at: instant, shown: undefined }, { replace: !isStep });
  return null;
}

/** Now is live. */
function recorded(view, position) {
  view.reached = position;
  if (!view.state.at && !view.slider.playing && !document.hidden) view.refresh.calmly();
  view.slider.loadSoon();
}

function asked({ state, reached }) {
  const filters = { search: state.q?.trim(), category: state.category, owner_id: state.owner, near: state.near };
  const status = state.status ?? (state.owner ? "any" : "active");
  const within = state.near ? state.km : undefined;
  return { ...filters, within_km: within, status, sort: state.sort, ...momentOf({ state, reached }) };
}

/** Which instant; or the present, with all that the page has heard of. */
const momentOf = ({ state, reached }) => (state.at ? { as_of: state.at } : { min_position: reached });

async function refresh(view, signal, { playing = false } = {}) {
  const { state } = view;
  view.grid.setAttribute("aria-busy", "true");
  clearTimeout(view.later);
  askAnew(VIEW);
  const options = { view: VIEW, signal };
  try {
    const [items, counted] = await Promise.all([itemsOf(view, options), state.owner ? ownerOf(view, options) : statsOf(view, options)]);
    if (view.closed) return;
    view.shown = questionOf(state);
    showItems(view, items, playing);
    showNumbers(view, counted);
    fill(view.shelf, state.owner ? shelfOf(counted, state) : []);
    if (!playing) announce(`${items.length}${view.next ? " or more" : ""} items ${state.at ? `as of ${inWords(Date.parse(state.at))}` : "now"}`);
  } catch (error) {
    if (!view.closed && error.name !== "AbortError") failed(view, error);
  } finally {
    view.grid.removeAttribute("aria-busy");
    view.requests.refresh();
  }
}

const wantedOf = (state) => Math.min(MOST, Math.max(PAGE, Math.floor(Number(state.shown)) || 0));

/** As many as the address has; `view.next` are the parameters of what follows them. */
async function itemsOf(view, options) {
  const wanted = wantedOf(view.state);
  const items = [];
  let params = asked(view);
  while (params && items.length < wanted) {
    const page = await get("items", { ...params, limit: Math.min(LONGEST_PAGE, wanted - items.length) }, options);
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
    if (before?.version === item.version) cards.set(item.id, before.key === key ? before : before.moved(view.state, key, item));
    else cards.set(item.id, cardOf(item, view.state, key, Boolean(view.cards.size) && !playing));
  }
  view.cards = cards;
  fill(view.grid, [...cards.values()].map((card) => card.element));
  const isFull = view.next && items.length >= MOST;
  fill(view.notice, items.length ? isFull && h("p", { class: "muted" }, `These are the first ${MOST}. A search, a category or another order shows others.`) : nothingHere(view));
  const hadFocus = document.activeElement === view.more;
  view.more.hidden = !view.next || isFull;
  if (hadFocus && view.more.hidden) view.grid.querySelector(".card:last-child h2 a")?.focus();
}

function nothingHere({ state }) {
  const filtered = ["q", "category", "owner", "status", "near"].some((name) => state[name]);
  if (filtered) {
    const all = h("a", { class: "button", "data-here": true, href: addressOf({ at: state.at }) }, "Show everything");
    return emptiness("Nothing like that", state.at ? "No item matched at this instant." : "No item matches.", all);
  }
  if (state.at) return emptiness("Nothing yet", "At this instant there was nothing on offer.");
  return emptiness("The catalogue is empty", "Items appear here as soon as somebody puts one in, by POST /api/v2/items. To look around, `catalog serve --demo` fills an embedded catalogue with a year of a small town.");
}

function showNumbers(view, { total_items, by_status, by_category }) {
  const pairs = [["on offer", by_status.active], ["swapped", by_status.swapped], ["archived", by_status.archived], ["in all", total_items]];
  fill(view.numbers, pairs.map(([name, count]) => h("div", {}, h("dd", {}, (count ?? 0).toLocaleString()), h("dt", {}, name))));
  view.filters.categories(by_category, view.state);
}

async function statsOf(view, options) {
  const { data } = await get("stats", momentOf(view), options);
  const by_status = { active: data.active_items, swapped: data.swapped_items, archived: data.archived_items };
  return { ...data, by_status };
}

/** What a state asks for; how many of it is no other question. */
const questionOf = (state) => addressOf({ ...state, shown: undefined });

/** Nothing stands under an instant or a filter that it is not of. */
function failed(view, error) {
  if (view.slider.playing) view.slider.pause();
  if (isAway(error) && view.shown === questionOf(view.state)) {
    if (error.status) askLater(view);
    return;
  }
  view.shown = null;
  view.cards.clear();
  fill(view.grid, []);
  fill(view.numbers, []);
  fill(view.shelf, []);
  view.more.hidden = true;
  showFailure(view.notice, error, () => view.refresh(), view.signIn);
}

function askLater(view) {
  view.later = setTimeout(() => view.refresh(), ASK_AGAIN);
}

function showMore(view) {
  change({ shown: wantedOf(view.state) + PAGE }, { replace: true });
}

/**
 * Their numbers as the background has them; none for an owner whom nobody knew yet. If it does not keep up, what it has
 * serves meanwhile.
 */
async function ownerOf(view, options) {
  const of = (moment) => get(`owners/${encodeURIComponent(view.state.owner)}`, moment, options);
  try {
    return (await of(momentOf(view))).data;
  } catch (error) {
    if (error.status === 404 || error.status === 422) return { total_items: 0, by_status: {}, by_category: {} };
    if (error.status !== 503 || view.state.at || !view.reached) throw error;
    askLater(view);
    return (await of({})).data;
  }
}

function shelfOf(owner, state) {
  const kinds = Object.entries(owner.by_category).map(([name, count]) => `${name} ${count}`);
  const last = owner.latest_activity_at;
  return h(
    "div",
    { class: "shelf" },
    h("span", { class: "avatar", "aria-hidden": "true" }, [...state.owner][0].toUpperCase()),
    h("p", {}, h("strong", {}, `${owner.total_items} item${owner.total_items === 1 ? "" : "s"}`), kinds.length ? `: ${kinds.join(", ")}` : "", last ? [". Last change ", timeTag(last), "."] : "."),
    h("a", { class: "button quiet", "data-here": true, href: addressOf({ at: state.at }) }, "All owners"),
  );
}
