// What all views share: how they load, fail and wait, and the requests behind them.

import { Problem, curlCommands } from "./api.js";
import { copyButton, fill, h } from "./dom.js";

const ABORT_AFTER_MS = 1000;

/** Under a view: what it asked, for a terminal. `more` are further lines, such as that of a stream. */
export function requestsPanel(view, more = () => []) {
  const list = h("ol", { class: "requests" });
  const panel = h("details", { class: "requests-panel", ontoggle: show }, h("summary", {}, "The requests behind this view"), list);
  function show() {
    if (!panel.open) return;
    const wanted = [...curlCommands(view), ...more()];
    if (list.dataset.shown === wanted.join("\n")) return;
    list.dataset.shown = wanted.join("\n");
    fill(list, wanted.map((line) => h("li", {}, h("code", { tabindex: 0 }, line), copyButton(() => line))));
  }
  return { element: panel, refresh: show };
}

/** What is away for a moment: what is shown already stays, and it is asked again. */
export const isTemporary = (error) => [0, 503, 504].includes(error.status);

/** What went wrong, for people; with a way on. Said once, however often it happens. */
export function showError(place, error, retry, signIn) {
  const before = place.querySelector("[role=alert] p");
  if (before?.textContent !== error.message) fill(place, errorMessage(error, retry, signIn));
}

function errorMessage(error, retry, signIn) {
  const needsToken = error instanceof Problem && error.needsToken;
  const title = needsToken ? "This needs a token" : error.status === 404 ? "There is nothing here" : "That did not work";
  const action = needsToken
    ? h("button", { type: "button", class: "primary", onclick: signIn }, "Enter a token")
    : h("button", { type: "button", class: "primary", onclick: retry }, "Try again");
  return h("div", { class: "empty", role: "alert" }, h("h2", {}, title), h("p", {}, error.message), error.status === 404 ? null : action);
}

export function emptyState(title, text, ...more) {
  return h("div", { class: "empty" }, h("h2", {}, title), h("p", {}, text), more);
}

/** Grey shapes where something is to come. */
export function skeletons(count, kind = "card") {
  return Array.from({ length: count }, () => h("div", { class: `skeleton ${kind}`, "aria-hidden": "true" }));
}

/**
 * Never two at once: of the calls that come while `work` is at it, the last is next, so that a slider shows what it
 * passes. Work that keeps a visitor waiting for too long is called off, by the signal that it is given first; what comes
 * by itself, `calmly`, waits for its end.
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
