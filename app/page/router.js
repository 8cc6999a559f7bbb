// The page's state is its address: every state is a permalink, and the back button returns to the previous state.

import { normalizeInstant } from "./time.js";

const INSTANT_PARAMETERS = ["at", "from", "to"];
/** Old addresses keep working: former view names and today's. */
const RENAMED_VIEWS = new Map([["machinery", "projections"]]);
const WRITE_INTERVAL_MS = 400;
const listeners = new Set();
let state = parseQuery(location.search);
let writtenAt = 0;
let writeTimer = 0;

/** Parse a query into a state. Values are texts, instants are normalized, the default view is the catalogue. */
function parseQuery(query) {
  const found = Object.fromEntries(new URLSearchParams(query));
  for (const name of INSTANT_PARAMETERS) if (found[name]) found[name] = normalizeInstant(found[name]);
  const view = found.item ? "item" : found.view ?? "catalogue";
  return { ...found, view: RENAMED_VIEWS.get(view) ?? view };
}

/** The current state. */
export const currentState = () => state;

/** The address of a state, without null, empty and default values. */
export function hrefOf(fields) {
  const parameters = Object.entries(fields).filter(([name, value]) => isInAddress(name, value));
  const query = new URLSearchParams(parameters.map(([name, value]) => [name, String(value)])).toString();
  return query ? `?${query}` : "./";
}

function isInAddress(name, value) {
  if (value === null || value === undefined || value === "") return false;
  return !(name === "view" && (value === "catalogue" || value === "item"));
}

/** Change the state within the view. With `replace` no history entry is added. */
export function changeState(changes, { replace = false } = {}) {
  const before = hrefOf(state);
  const target = withoutDefaults({ ...state, ...changes });
  if (hrefOf(target) === before) return;
  if (replace) {
    state = target;
    scheduleWrite();
    notify({});
  } else {
    goTo(target);
  }
}

/** Update the address to what the view already shows; listeners get `isShown`. Returns the state. */
export function updateAddress(changes) {
  state = withoutDefaults({ ...state, ...changes });
  scheduleWrite();
  notify({ isShown: true });
  return state;
}

const withoutDefaults = (fields) => Object.fromEntries(Object.entries(fields).filter(([name, value]) => name === "view" || isInAddress(name, value)));

/** Go to a state with a new history entry. The previous entry keeps the scroll position. */
function goTo(target) {
  saveScroll();
  state = target;
  history.pushState(null, "", hrefOf(state));
  notify({});
}

/** Write the last of several addresses: browsers limit how often a page changes its address, and a slider does so often. */
function scheduleWrite() {
  if (Date.now() - writtenAt > WRITE_INTERVAL_MS) write();
  else writeTimer ||= setTimeout(write, WRITE_INTERVAL_MS);
}

function write() {
  clearTimeout(writeTimer);
  writeTimer = 0;
  writtenAt = Date.now();
  if (hrefOf(state) !== hrefOf(parseQuery(location.search))) history.replaceState(null, "", hrefOf(state));
}

function saveScroll() {
  write();
  history.replaceState({ scrolled: scrollY }, "");
}

function notify(options) {
  listeners.forEach((listener) => listener(state, options));
}

/** Call `listener` with each new state, whether it `isShown` already, and the `scrolled` position to return to. */
export function onStateChange(listener) {
  listeners.add(listener);
}

/** Follow links with `data-route` without a reload. Other links, such as the one to the content, stay the browser's. */
export function interceptLinks() {
  history.scrollRestoration = "manual";
  if (RENAMED_VIEWS.has(new URLSearchParams(location.search).get("view"))) history.replaceState(history.state, "", hrefOf(state));
  addEventListener("pagehide", saveScroll);
  addEventListener("popstate", (event) => {
    clearTimeout(writeTimer);
    writeTimer = 0;
    if (hrefOf(parseQuery(location.search)) === hrefOf(state)) return;
    state = parseQuery(location.search);
    notify({ scrolled: event.state?.scrolled });
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-route]");
    if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const target = parseQuery(new URL(link.href).search);
    if (hrefOf(target) === hrefOf(state)) notify({});
    else goTo(target);
  });
}
