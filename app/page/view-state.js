// What all views share: skeletons, errors, empty states, and the panel of requests.

import { Problem, curlCommands } from "./api.js";
import { copyButton, fill, h } from "./dom.js";

const ABORT_AFTER_MS = 1000;

/** The list of a view's requests as curl commands. `more` returns further lines, such as that of a stream. */
export function requestsPanel(view, more = () => []) {
  const list = h("ol", { class: "requests" });
  const panel = h("details", { class: "requests-panel", ontoggle: show }, h("summary", {}, "Requests of this view"), list);
  function show() {
    if (!panel.open) return;
    const wanted = [...curlCommands(view), ...more()];
    if (list.dataset.shown === wanted.join("\n")) return;
    list.dataset.shown = wanted.join("\n");
    fill(list, wanted.map((line) => h("li", {}, h("code", { tabindex: 0 }, line), copyButton(() => line))));
  }
  return { element: panel, refresh: show };
}

/** Whether a failure is temporary: what is shown stays, and the view asks again. */
export const isTemporary = (error) => [0, 503, 504].includes(error.status);

/** Show an error with a button to try again or to enter a token. A repeated error is announced once. */
export function showError(place, error, retry, signIn) {
  const before = place.querySelector("[role=alert] p");
  if (before?.textContent !== error.message) fill(place, errorMessage(error, retry, signIn));
}

function errorMessage(error, retry, signIn) {
  const needsToken = error instanceof Problem && error.needsToken;
  const title = needsToken ? "A token is required" : error.status === 404 ? "Not found" : "The request failed";
  const action = needsToken
    ? h("button", { type: "button", class: "primary", onclick: signIn }, "Enter a token")
    : h("button", { type: "button", class: "primary", onclick: retry }, "Try again");
  return h("div", { class: "empty", role: "alert" }, h("h2", {}, title), h("p", {}, error.message), error.status === 404 ? null : action);
}

export function emptyState(title, text, ...more) {
  return h("div", { class: "empty" }, h("h2", {}, title), h("p", {}, text), more);
}

/** Placeholders for content that is loading. */
export function skeletons(count, kind = "card") {
  return Array.from({ length: count }, () => h("div", { class: `skeleton ${kind}`, "aria-hidden": "true" }));
}

/**
 * Run `work` once at a time. Of the calls during a run only the last is run next, so that a slider shows the instants it
 * passes. A call aborts a run that keeps the visitor waiting too long, by the signal that `work` gets first. A call of
 * `withoutAbort`, which no visitor waits for, lets the run end.
 */
export function latestOnly(work) {
  let running = null;
  let wanted = null;
  let aborter = null;
  async function run() {
    try {
      while (wanted) {
        const args = wanted;
        wanted = null;
        aborter = new AbortController();
        await work(aborter.signal, ...args);
      }
    } finally {
      running = null;
    }
  }
  function withoutAbort(...args) {
    wanted = args;
    running ??= run();
    return running;
  }
  function ask(...args) {
    if (running) setTimeout((aborted) => aborted.abort(), ABORT_AFTER_MS, aborter);
    return withoutAbort(...args);
  }
  return Object.assign(ask, { withoutAbort });
}
