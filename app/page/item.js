// The item view: timeline of versions, difference between two versions, events, and restore.

import { Problem, closeView, forgetReads, get, send } from "./api.js";
import { documentDiff } from "./document-diff.js";
import { announce, fill, h, setText } from "./dom.js";
import { watchEvents } from "./event-stream.js";
import { itemPicture, statusLabel } from "./icons.js";
import { eventList } from "./item-events.js";
import { restoreButton } from "./restore-button.js";
import { changeState, hrefOf } from "./router.js";
import { timeTag } from "./time.js";
import { VersionTimeline } from "./version-timeline.js";
import { isTemporary, latestOnly, requestsPanel, showError, skeletons } from "./view-state.js";

const VIEW = "item";
const RETRY_MS = 2000;
const NOT_FOUND_STATUSES = [404, 422];

export function openItem(main, state, context) {
  const view = { state, context, minPosition: null, closed: false };
  view.timeline = new VersionTimeline((version) => changeState({ v: version, with: undefined }));
  view.head = buildHead(view);
  view.notice = h("div", {});
  view.compare = h("section", { class: "panel", "aria-label": "Document" }, skeletons(1, "wide"));
  view.events = h("section", { class: "panel", "aria-label": "Events" }, skeletons(1, "wide"));
  view.requests = requestsPanel(VIEW);
  view.refresh = latestOnly((signal) => refresh(view, signal));
  fill(main, view.head, view.notice, view.timeline.element, h("div", { class: "columns" }, view.compare, view.events), view.requests.element);
  view.refresh();
  const stopWatching = watchEvents({ item_id: state.item }, (position) => {
    view.minPosition = position;
    if (!view.isMissing) view.refresh.withoutAbort();
  });
  return {
    update(newState) {
      view.state = newState;
      view.refresh();
    },
    retry: () => view.refresh(),
    close() {
      view.closed = true;
      stopWatching();
      clearTimeout(view.retryTimer);
      closeView(VIEW);
    },
  };
}

const itemPath = (id, ...parts) => ["items", id, ...parts].map(encodeURIComponent).join("/");

async function refresh(view, signal) {
  const { state } = view;
  const options = { view: VIEW, signal };
  clearTimeout(view.retryTimer);
  forgetReads(VIEW);
  try {
    const [now, history] = await Promise.all([get(itemPath(state.item), { min_position: view.minPosition }, options), loadHistory(state.item, options)]);
    const shown = await loadShown(state, now.data, options);
    const other = await loadOther(state, shown, now.data, options);
    if (view.closed) return;
    view.shown = hrefOf(state);
    view.isMissing = false;
    show(view, { now: now.data, history, shown, other });
    if (history.events.length < now.data.version) retryLater(view);
  } catch (error) {
    if (!view.closed && error.name !== "AbortError") handleError(view, error);
  } finally {
    view.requests.refresh();
  }
}

function retryLater(view) {
  view.retryTimer = setTimeout(() => view.refresh(), RETRY_MS);
}

/** Show an error. The item stays only if it belongs to the current address and the failure is temporary. */
function handleError(view, error) {
  if (isTemporary(error) && view.shown === hrefOf(view.state)) {
    if (error.status) retryLater(view);
    return;
  }
  view.shown = null;
  view.isMissing = NOT_FOUND_STATUSES.includes(error.status);
  showError(view.notice, error, () => view.refresh(), view.context.signIn);
  setHidden(view, true);
}

/** Load the item's events, or only the instants of its versions if the visitor may not read the events. */
async function loadHistory(id, options) {
  try {
    const { data } = await get(itemPath(id, "history"), {}, options);
    return { events: data.history.map((event) => ({ ...event, at: event.timestamp })) };
  } catch (error) {
    if (!(error instanceof Problem && error.needsToken)) throw error;
    const response = await send(itemPath(id, "history"), { headers: { Accept: "application/link-format" }, ...options });
    return { events: parseTimeMap(await response.text()), refusal: error };
  }
}

function parseTimeMap(links) {
  const found = links.matchAll(/versions\/(\d+)>; ?rel="[^"]*memento[^"]*"; ?datetime="([^"]*)"/g);
  return [...found].map(([, version, date]) => ({ version: Number(version), at: new Date(date).toISOString() }));
}

/** Load what the address names: a version, the document as of an instant, or now. Null if the item did not exist. */
async function loadShown(state, now, options) {
  if (state.v && Number(state.v) !== now.version) return loadVersion(state, state.v, options);
  if (state.v || !state.at) return now;
  try {
    return (await get(itemPath(state.item), { as_of: state.at }, options)).data;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** Load the document to compare with: the chosen version, else the current one; for the current one, the previous. */
async function loadOther(state, shown, now, options) {
  const wanted = state.with ? Number(state.with) || now.version : shown && shown.version === now.version ? now.version - 1 : now.version;
  if (wanted === now.version) return now;
  return wanted < 1 ? null : loadVersion(state, wanted, options);
}

const loadVersion = async (state, version, options) => (await get(itemPath(state.item, "versions", version), {}, options)).data;

function setHidden(view, hidden) {
  for (const part of [view.compare, view.events, view.timeline.element]) part.hidden = hidden;
}

function show(view, { now, history, shown, other }) {
  const { state } = view;
  fill(view.notice);
  setHidden(view, false);
  showHead(view, now, shown);
  const at = state.v ? null : state.at;
  const versions = [now.version, history.events.length, history.refusal?.status, history.refusal?.message];
  const diffKey = [...versions, shown?.version, other?.version, at];
  if (hasChanged(view, "compare", diffKey)) {
    view.timeline.show(history.events, shown?.version ?? 0);
    fill(view.compare, documentDiff({ now, shown, other, versions: history.events.length, at }), restoreArea(view, now, shown));
  }
  if (hasChanged(view, "events", versions)) fill(view.events, eventList(history, now, view.context));
  announce(shown ? `Version ${shown.version} of ${now.version}, ${shown.name}` : "No version existed at this instant");
}

/** Build the head once: its elements keep the focus when the data arrives. */
function buildHead(view) {
  view.back = h("a", { class: "back", "data-route": true });
  view.title = h("h1", { tabindex: -1 }, `Item ${view.state.item}`);
  view.picture = h("div", { class: "frame" });
  view.facts = h("p", { class: "facts" });
  view.since = h("p", { class: "muted" });
  return h("header", { class: "item-head" }, view.back, h("div", { class: "item-summary" }, view.picture, h("div", {}, view.title, view.facts, view.since)));
}

/** Whether a part must be redrawn. A part that is not redrawn keeps its opened events and the focus. */
function hasChanged(view, part, key) {
  view.shownKeys ??= {};
  const before = view.shownKeys[part];
  view.shownKeys[part] = JSON.stringify(key);
  return before !== view.shownKeys[part];
}

function showHead(view, now, shown) {
  const { state } = view;
  const item = shown ?? now;
  document.title = `${item.name} · Swappo`;
  setText(view.title, item.name);
  view.back.setAttribute("href", hrefOf({ at: state.at }));
  setText(view.back, state.at ? "← Catalogue at this instant" : "← Catalogue");
  if (view.shownPictures !== JSON.stringify(item.image_urls)) fill(view.picture, itemPicture(item));
  view.shownPictures = JSON.stringify(item.image_urls);
  const owner = h("a", { "data-route": true, href: hrefOf({ owner: item.owner_id, at: state.at }) }, item.owner_id);
  const where = `${item.location_lat.toFixed(3)}, ${item.location_lon.toFixed(3)}`;
  fill(view.facts, shown ? statusLabel(item) : h("span", { class: "status" }, "Did not exist"), h("span", {}, item.category), h("span", {}, "owned by ", owner), h("span", {}, where), h("span", {}, `item ${item.id}`));
  fill(view.since, "Created ", timeTag(now.created_at), item.deleted_at ? [", deleted ", timeTag(item.deleted_at)] : "");
}

function restoreArea(view, now, shown) {
  if (!shown || (shown.version === now.version && !shown.deleted_at)) return null;
  if (shown.deleted_at) return h("p", { class: "muted" }, "This version is deleted. To restore the item, choose an earlier version.");
  return restoreButton({ now, shown, context: view.context, done: () => view.closed || changeState({ v: undefined, at: undefined, with: undefined }) });
}
