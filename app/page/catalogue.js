// The catalogue at any instant: its items, its numbers, an owner's shelf.

import { forgetRequests, get } from "./api.js";
import { cardOf } from "./cards.js";
import { announce, fill, h, setText } from "./dom.js";
import { filterBar } from "./filters.js";
import { emptiness, failure, latest, requestsPanel, skeletons } from "./shell.js";
import { TimeSlider, instantOf } from "./slider.js";
import { addressOf, change } from "./state.js";
import { follow } from "./stream.js";
import { inWords, timeTag } from "./time.js";

const PAGE = 24;
const QUIET = 400;
const ASK_AGAIN = 5000;
const VIEW = "catalogue";

export function openCatalogue(main, state, { signIn }) {
  const view = { state, cards: new Map(), next: null, closed: false };
  const slider = new TimeSlider({ move: (at, how) => moved(view, at, how) });
  view.slider = slider;
  view.filters = filterBar((changes) => change({ ...changes, shown: undefined }));
  view.heading = h("h1", { tabindex: -1 });
  view.numbers = h("dl", { class: "numbers" });
  view.shelf = h("div", {});
  view.grid = h("ul", { class: "grid", "aria-label": "Items" });
  view.notice = h("div", {});
  view.more = h("button", { type: "button", class: "more", onclick: () => showMore(view) }, "Show more");
  view.requests = requestsPanel(VIEW);
  view.signIn = signIn;
  view.refresh = latest((options) => refresh(view, options));
  const top = h("div", { class: "above" }, view.heading, view.numbers);
  main.replaceChildren(slider.element, top, view.shelf, view.filters.element, view.grid, view.notice, view.more, view.requests.element);
  view.more.hidden = true;
  fill(view.grid, skeletons(8));
  slider.load().catch(() => {}).then(() => slider.set(instantIn(view.state)));
  update(view, state);
  const quit = beLive(view);
  return {
    update: (fresh) => update(view, fresh),
    retry: () => Promise.all([view.refresh(), slider.load()]),
    close() {
      view.closed = true;
      quit();
      slider.close();
      forgetRequests(VIEW);
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
async function moved(view, at, { playing = false } = {}) {
  const instant = instantOf(at);
  if (playing) {
    view.state = { ...view.state, at: instant };
    history.replaceState(null, "", addressOf(view.state));
    return view.refresh({ playing });
  }
  change({ at: instant, shown: undefined }, { replace: true });
  return null;
}

function asked(state) {
  const filters = { search: state.q, category: state.category, owner_id: state.owner, near: state.near };
  const status = state.status ?? (state.owner ? "any" : "active");
  const within = state.near ? state.km : undefined;
  return { ...filters, within_km: within, status, sort: state.sort, as_of: state.at, limit: PAGE };
}

async function refresh(view, { playing = false } = {}) {
  const { state } = view;
  view.grid.setAttribute("aria-busy", "true");
  try {
    const numbers = state.owner ? ownerAt(state) : statsAt(state);
    const [items, counted] = await Promise.all([get("items", asked(state), { view: VIEW }), numbers]);
    if (view.closed) return;
    view.next = items.next;
    const pages = await furtherPages(view, items);
    showItems(view, pages.flat(), playing);
    showNumbers(view, counted);
    fill(view.shelf, state.owner ? shelfOf(counted, state) : []);
    if (!playing) announce(`${pages.flat().length}${view.next ? " or more" : ""} items ${state.at ? `as of ${inWords(Date.parse(state.at))}` : "now"}`);
  } catch (error) {
    if (!view.closed) showFailure(view, error);
  } finally {
    view.grid.removeAttribute("aria-busy");
    view.requests.refresh();
  }
}

/** As many pages as the address has. */
async function furtherPages(view, first) {
  const pages = [first.data];
  const wanted = Number(view.state.shown) || PAGE;
  while (view.next && pages.length * PAGE < wanted) {
    const page = await get("items", view.next, { view: VIEW });
    pages.push(page.data);
    view.next = page.next;
  }
  return pages;
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
  fill(view.notice, items.length ? [] : nothingHere(view));
  view.more.hidden = !view.next;
}

function nothingHere({ state }) {
  const filtered = ["q", "category", "owner", "status", "near"].some((name) => state[name]);
  if (filtered) {
    const all = h("a", { class: "button", "data-here": true, href: addressOf({ at: state.at }) }, "Show everything");
    return emptiness("Nothing like that", state.at ? "No item was so at this instant." : "No item is so.", all);
  }
  if (state.at) return emptiness("Nothing yet", "At this instant there was nothing on offer.");
  return emptiness("The catalogue is empty", "Items appear here as soon as somebody puts one in: by POST /api/v2/items, or run `catalog serve --demo` for a year of a small town.");
}

function showNumbers(view, { total_items, by_status, by_category }) {
  const pairs = [["on offer", by_status.active], ["swapped", by_status.swapped], ["archived", by_status.archived], ["in all", total_items]];
  fill(view.numbers, pairs.map(([name, count]) => h("div", {}, h("dd", {}, (count ?? 0).toLocaleString()), h("dt", {}, name))));
  view.filters.categories(by_category, view.state);
}

async function statsAt(state) {
  const { data } = await get("stats", { as_of: state.at }, { view: VIEW });
  const by_status = { active: data.active_items, swapped: data.swapped_items, archived: data.archived_items };
  return { ...data, by_status };
}

function showFailure(view, error) {
  if (error.status === 0 && view.cards.size) return;
  view.cards.clear();
  fill(view.grid, []);
  view.more.hidden = true;
  fill(view.notice, failure(error, () => view.refresh(), view.signIn));
}

function showMore(view) {
  change({ shown: (Number(view.state.shown) || PAGE) + PAGE }, { replace: true });
}

/** Their numbers as the background has them; none for an owner whom nobody knew yet. */
async function ownerAt(state) {
  try {
    const { data } = await get(`owners/${encodeURIComponent(state.owner)}`, { as_of: state.at }, { view: VIEW });
    return data;
  } catch (error) {
    if (error.status === 404 || error.status === 422) return { total_items: 0, by_status: {}, by_category: {} };
    throw error;
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

/** Now is live: by the log where one may read it, else by asking every few seconds. */
function beLive(view) {
  let waiting = 0, polling = 0;
  const isNow = () => !view.state.at && !view.slider.playing && !document.hidden;
  const again = () => {
    waiting ||= setTimeout(() => {
      waiting = 0;
      if (isNow()) view.refresh();
      view.slider.loadSoon();
    }, QUIET);
  };
  const onState = (state) => {
    if (state === "refused") polling = setInterval(() => isNow() && view.refresh(), ASK_AGAIN);
  };
  const quit = follow({}, null, { event: again, begins: again, state: onState });
  return () => {
    quit();
    clearTimeout(waiting);
    clearInterval(polling);
  };
}
