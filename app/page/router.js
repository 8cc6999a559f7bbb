// Where one is, is the address: every state of the page is a permalink, and going back goes back.

import { normal } from "./time.js";

const INSTANTS = ["at", "from", "to"];
const SELDOM = 400;
const listeners = new Set();
let state = said(location.search);
let written = 0;
let waiting = 0;

/** What a query says, all texts, instants as browsers read them; `view` is catalogue unless it says otherwise. */
function said(query) {
  const found = Object.fromEntries(new URLSearchParams(query));
  for (const name of INSTANTS) if (found[name]) found[name] = normal(found[name]);
  return { ...found, view: found.item ? "item" : found.view ?? "catalogue" };
}

/** The present state. */
export const here = () => state;

/** The address of a state; null, empty and the defaults are left out. */
export function addressOf(given) {
  const kept = Object.entries(given).filter(([name, value]) => isSaid(name, value));
  const query = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return query ? `?${query}` : "./";
}

function isSaid(name, value) {
  if (value === null || value === undefined || value === "") return false;
  return !(name === "view" && (value === "catalogue" || value === "item"));
}

/** Stay, with this changed; by `replace` without a step to go back. */
export function change(changes, { replace = false } = {}) {
  const before = addressOf(state);
  const wanted = stateOf({ ...state, ...changes });
  if (addressOf(wanted) === before) return;
  if (replace) {
    state = wanted;
    writeSoon();
    tell({});
  } else {
    lead(wanted);
  }
}

/** The address follows what is shown already: those who show it are only told so. Answers with the state. */
export function note(changes) {
  state = stateOf({ ...state, ...changes });
  writeSoon();
  tell({ isShown: true });
  return state;
}

const stateOf = (given) => Object.fromEntries(Object.entries(given).filter(([name, value]) => name === "view" || isSaid(name, value)));

/** A step that can be gone back, to where one was on the page. */
function lead(wanted) {
  leave();
  state = wanted;
  history.pushState(null, "", addressOf(state));
  tell({});
}

/** Browsers take few changes of an address in a short time, and a slider makes many: the last one counts. */
function writeSoon() {
  if (Date.now() - written > SELDOM) write();
  else waiting ||= setTimeout(write, SELDOM);
}

function write() {
  clearTimeout(waiting);
  waiting = 0;
  written = Date.now();
  if (addressOf(state) !== addressOf(said(location.search))) history.replaceState(null, "", addressOf(state));
}

function leave() {
  write();
  history.replaceState({ scrolled: scrollY }, "");
}

function tell(how) {
  listeners.forEach((listener) => listener(state, how));
}

/** Hear of each new state, and with it whether it `isShown` already, and how far one had `scrolled` when one was there. */
export function onChange(listener) {
  listeners.add(listener);
}

/** Links of the page lead on without loading it anew; those within it (to the content) lead nowhere else. */
export function followLinks() {
  history.scrollRestoration = "manual";
  addEventListener("pagehide", leave);
  addEventListener("popstate", (event) => {
    clearTimeout(waiting);
    waiting = 0;
    if (addressOf(said(location.search)) === addressOf(state)) return;
    state = said(location.search);
    tell({ scrolled: event.state?.scrolled });
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-here]");
    if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const wanted = said(new URL(link.href).search);
    if (addressOf(wanted) === addressOf(state)) tell({});
    else lead(wanted);
  });
}
