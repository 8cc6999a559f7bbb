// Where one is, is the address: every state of the page is a permalink, and going back goes back.

import { normal } from "./time.js";

const INSTANTS = ["at", "from", "to"];
const listeners = new Set();
let told = location.search;

/** The present state: what the address says, all texts, instants as browsers read them; `view` is catalogue unless it says otherwise. */
export function here() {
  const said = Object.fromEntries(new URLSearchParams(location.search));
  for (const name of INSTANTS) if (said[name]) said[name] = normal(said[name]);
  const view = said.item ? "item" : said.view ?? "catalogue";
  return { ...said, view };
}

/** The address of a state; null, empty and the defaults are left out. */
export function addressOf(state) {
  const kept = Object.entries(state).filter(([name, value]) => isSaid(name, value));
  const query = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return query ? `?${query}` : "./";
}

function isSaid(name, value) {
  if (value === null || value === undefined || value === "") return false;
  return !(name === "view" && (value === "catalogue" || value === "item"));
}

/** Go there, as following a link does. */
export function go(state, { replace = false } = {}) {
  const address = addressOf(state);
  if (address === (location.search || "./")) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  tell();
}

/** Stay, with this changed. */
export function change(changes, options) {
  go({ ...here(), ...changes }, options);
}

/** The address follows what is shown already: nobody is told. Answers with the state. */
export function note(changes) {
  history.replaceState(null, "", addressOf({ ...here(), ...changes }));
  told = location.search;
  return here();
}

function tell() {
  told = location.search;
  listeners.forEach((listener) => listener(here()));
}

export function onChange(listener) {
  listeners.add(listener);
}

/** Links of the page lead on without loading it anew; those within it (to the content) lead nowhere else. */
export function followLinks() {
  addEventListener("popstate", () => location.search !== told && tell());
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-here]");
    if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const address = link.getAttribute("href");
    if (address !== (location.search || "./")) history.pushState(null, "", address);
    tell();
  });
}
