// One item: its versions on a line, its document then and now, what happened to it, and the way back.

import { Problem, askAnew, get, leave, send } from "./api.js";
import { compared } from "./document-diff.js";
import { announce, fill, h, setText } from "./dom.js";
import { keepUp } from "./event-stream.js";
import { picture, statusOf } from "./icons.js";
import { eventList } from "./item-events.js";
import { restoreButton } from "./restore-button.js";
import { addressOf, change } from "./router.js";
import { timeTag } from "./time.js";
import { Steps } from "./version-timeline.js";
import { isAway, latest, requestsPanel, showFailure, skeletons } from "./view-state.js";

const VIEW = "item";
const ASK_AGAIN = 2000;
const NOT_THERE = [404, 422];

export function openItem(main, state, context) {
  const view = { state, context, reached: null, closed: false };
  view.steps = new Steps((version) => change({ v: version, with: undefined }));
  view.head = headOf(view);
  view.notice = h("div", {});
  view.compare = h("section", { class: "panel", "aria-label": "Document" }, skeletons(1, "wide"));
  view.events = h("section", { class: "panel", "aria-label": "Events" }, skeletons(1, "wide"));
  view.requests = requestsPanel(VIEW);
  view.refresh = latest((signal) => refresh(view, signal));
  fill(main, view.head, view.notice, view.steps.element, h("div", { class: "columns" }, view.compare, view.events), view.requests.element);
  view.refresh();
  const quit = keepUp({ item_id: state.item }, (position) => {
    view.reached = position;
    if (!view.isNowhere) view.refresh.calmly();
  });
  return {
    update(fresh) {
      view.state = fresh;
      view.refresh();
    },
    retry: () => view.refresh(),
    close() {
      view.closed = true;
      quit();
      clearTimeout(view.later);
      leave(VIEW);
    },
  };
}

const path = (id, ...parts) => ["items", id, ...parts].map(encodeURIComponent).join("/");

async function refresh(view, signal) {
  const { state } = view;
  const options = { view: VIEW, signal };
  clearTimeout(view.later);
  askAnew(VIEW);
  try {
    const [now, past] = await Promise.all([get(path(state.item), { min_position: view.reached }, options), pastOf(state.item, options)]);
    const shown = await shownOf(state, now.data, options);
    const other = await otherOf(state, shown, now.data, options);
    if (view.closed) return;
    view.shown = addressOf(state);
    view.isNowhere = false;
    show(view, { now: now.data, past, shown, other });
    if (past.events.length < now.data.version) askLater(view);
  } catch (error) {
    if (!view.closed && error.name !== "AbortError") failed(view, error);
  } finally {
    view.requests.refresh();
  }
}

function askLater(view) {
  view.later = setTimeout(() => view.refresh(), ASK_AGAIN);
}

/** Nothing stands under a version or an instant that it is not of. */
function failed(view, error) {
  if (isAway(error) && view.shown === addressOf(view.state)) {
    if (error.status) askLater(view);
    return;
  }
  view.shown = null;
  view.isNowhere = NOT_THERE.includes(error.status);
  showFailure(view.notice, error, () => view.refresh(), view.context.signIn);
  setHidden(view, true);
}

/** All its events; or, for those who may not see them, when its versions were, which everybody may. */
async function pastOf(id, options) {
  try {
    const { data } = await get(path(id, "history"), {}, options);
    return { events: data.history.map((event) => ({ ...event, at: event.timestamp })) };
  } catch (error) {
    if (!(error instanceof Problem && error.needsToken)) throw error;
    const response = await send(path(id, "history"), { headers: { Accept: "application/link-format" }, ...options });
    return { events: mementos(await response.text()), refused: error };
  }
}

function mementos(links) {
  const found = links.matchAll(/versions\/(\d+)>; ?rel="[^"]*memento[^"]*"; ?datetime="([^"]*)"/g);
  return [...found].map(([, version, date]) => ({ version: Number(version), at: new Date(date).toISOString() }));
}

/** What the address names: a version, an instant, or else now; null if it was not there then. */
async function shownOf(state, now, options) {
  if (state.v && Number(state.v) !== now.version) return versionOf(state, state.v, options);
  if (state.v || !state.at) return now;
  try {
    return (await get(path(state.item), { as_of: state.at }, options)).data;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** Beside it stands now; beside now, what was before it; or what one chooses. */
async function otherOf(state, shown, now, options) {
  const wanted = state.with ? Number(state.with) || now.version : shown && shown.version === now.version ? now.version - 1 : now.version;
  if (wanted === now.version) return now;
  return wanted < 1 ? null : versionOf(state, wanted, options);
}

const versionOf = async (state, version, options) => (await get(path(state.item, "versions", version), {}, options)).data;

function setHidden(view, hidden) {
  for (const part of [view.compare, view.events, view.steps.element]) part.hidden = hidden;
}

function show(view, { now, past, shown, other }) {
  const { state } = view;
  fill(view.notice);
  setHidden(view, false);
  showHead(view, now, shown);
  const at = state.v ? null : state.at;
  const versions = [now.version, past.events.length, past.refused?.status, past.refused?.message];
  const pair = [...versions, shown?.version, other?.version, at];
  if (differs(view, "compare", pair)) {
    view.steps.show(past.events, shown?.version ?? 0);
    fill(view.compare, compared({ now, shown, other, versions: past.events.length, at }), footOf(view, now, shown));
  }
  if (differs(view, "events", versions)) fill(view.events, eventList(past, now, view.context));
  announce(shown ? `Version ${shown.version} of ${now.version}, ${shown.name}` : "It did not exist then");
}

/** Once: what is in the page already keeps its focus when the rest comes. */
function headOf(view) {
  view.back = h("a", { class: "back", "data-here": true });
  view.title = h("h1", { tabindex: -1 }, `Item ${view.state.item}`);
  view.picture = h("div", { class: "frame" });
  view.facts = h("p", { class: "facts" });
  view.since = h("p", { class: "muted" });
  return h("header", { class: "item-head" }, view.back, h("div", { class: "lead" }, view.picture, h("div", {}, view.title, view.facts, view.since)));
}

/** What is as it was shown stays: opened events stay open, and the focus where it is. */
function differs(view, part, key) {
  view.known ??= {};
  const before = view.known[part];
  view.known[part] = JSON.stringify(key);
  return before !== view.known[part];
}

function showHead(view, now, shown) {
  const { state } = view;
  const item = shown ?? now;
  document.title = `${item.name} · Swappo`;
  setText(view.title, item.name);
  view.back.setAttribute("href", addressOf({ at: state.at }));
  setText(view.back, state.at ? "← Catalogue at this instant" : "← Catalogue");
  if (view.pictured !== JSON.stringify(item.image_urls)) fill(view.picture, picture(item));
  view.pictured = JSON.stringify(item.image_urls);
  const owner = h("a", { "data-here": true, href: addressOf({ owner: item.owner_id, at: state.at }) }, item.owner_id);
  const where = `${item.location_lat.toFixed(3)}, ${item.location_lon.toFixed(3)}`;
  fill(view.facts, shown ? statusOf(item) : h("span", { class: "status" }, "Not there yet"), h("span", {}, item.category), h("span", {}, "of ", owner), h("span", {}, where), h("span", {}, `item ${item.id}`));
  fill(view.since, "In the catalogue since ", timeTag(now.created_at), item.deleted_at ? [", deleted ", timeTag(item.deleted_at)] : "");
}

function footOf(view, now, shown) {
  if (!shown || (shown.version === now.version && !shown.deleted_at)) return null;
  if (shown.deleted_at) return h("p", { class: "muted" }, "It was deleted then; a version to restore is one before that.");
  return restoreButton({ now, shown, context: view.context, done: () => view.closed || change({ v: undefined, at: undefined, with: undefined }) });
}
