// Where one is, is the address: every state of the page is a permalink, and going back goes back.

import { normalizeInstant } from "./time.js";

const INSTANT_PARAMETERS = ["at", "from", "to"];
/** Old addresses keep working: former view names and today's. */
const RENAMED_VIEWS = new Map([["machinery", "projections"]]);
const WRITE_INTERVAL_MS = 400;
const listeners = new Set();
let state = parseQuery(location.search);
let writtenAt = 0;
let writeTimer = 0;

/** What a query says, all texts, instants as browsers read them; `view` is catalogue unless it says otherwise. */
function parseQuery(query) {
  const found = Object.fromEntries(new URLSearchParams(query));
  for (const name of INSTANT_PARAMETERS) if (found[name]) found[name] = normalizeInstant(found[name]);
  const view = found.item ? "item" : found.view ?? "catalogue";
  return { ...found, view: RENAMED_VIEWS.get(view) ?? view };
}

/** The present state. */
export const currentState = () => state;

/** The address of a state; null, empty and the defaults are left out. */
export function hrefOf(fields) {
  const parameters = Object.entries(fields).filter(([name, value]) => isInAddress(name, value));
  const query = new URLSearchParams(parameters.map(([name, value]) => [name, String(value)])).toString();
  return query ? `?${query}` : "./";
}

function isInAddress(name, value) {
  if (value === null || value === undefined || value === "") return false;
  return !(name === "view" && (value === "catalogue" || value === "item"));
}

/** Stay, with this changed; by `replace` without a step to go back. */
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

/** The address follows what is shown already: those who show it are only told so. Answers with the state. */
export function updateAddress(changes) {
  state = withoutDefaults({ ...state, ...changes });
  scheduleWrite();
  notify({ isShown: true });
  return state;
}

const withoutDefaults = (fields) => Object.fromEntries(Object.entries(fields).filter(([name, value]) => name === "view" || isInAddress(name, value)));

/** A step that can be gone back, to where one was on the page. */
function goTo(target) {
  saveScroll();
  state = target;
  history.pushState(null, "", hrefOf(state));
  notify({});
}

/** Browsers take few changes of an address in a short time, and a slider makes many: the last one counts. */
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

/** Hear of each new state, and with it whether it `isShown` already, and how far one had `scrolled` when one was there. */
export function onStateChange(listener) {
  listeners.add(listener);
}

/** Links of the page lead on without loading it anew; those within it (to the content) lead nowhere else. */
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
