// What all views share: how they load, fail and wait, and the requests behind them.

import { Problem, requestsOf } from "./api.js";
import { copyButton, fill, h } from "./dom.js";

const PATIENCE = 1000;

/** Under a view: what it asked, for a terminal. `more` are further lines, such as that of a stream. */
export function requestsPanel(view, more = () => []) {
  const list = h("ol", { class: "requests" });
  const panel = h("details", { class: "behind", ontoggle: show }, h("summary", {}, "The requests behind this view"), list);
  function show() {
    if (!panel.open) return;
    const wanted = [...requestsOf(view), ...more()];
    if (list.dataset.shown === wanted.join("\n")) return;
    list.dataset.shown = wanted.join("\n");
    fill(list, wanted.map((line) => h("li", {}, h("code", { tabindex: 0 }, line), copyButton(() => line))));
  }
  return { element: panel, refresh: show };
}

/** What is away for a moment: what is shown already stays, and it is asked again. */
export const isAway = (error) => [0, 503, 504].includes(error.status);

/** What went wrong, for people; with a way on. Said once, however often it happens. */
export function showFailure(place, error, again, signIn) {
  const before = place.querySelector("[role=alert] p");
  if (before?.textContent !== error.message) fill(place, failure(error, again, signIn));
}

function failure(error, again, signIn) {
  const isRefused = error instanceof Problem && error.needsToken;
  const title = isRefused ? "This needs a token" : error.status === 404 ? "There is nothing here" : "That did not work";
  const action = isRefused
    ? h("button", { type: "button", class: "primary", onclick: signIn }, "Enter a token")
    : h("button", { type: "button", class: "primary", onclick: again }, "Try again");
  return h("div", { class: "empty", role: "alert" }, h("h2", {}, title), h("p", {}, error.message), error.status === 404 ? null : action);
}

export function emptiness(title, text, ...more) {
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
export function latest(work) {
  let running = null;
  let wanted = null;
  let aborter = null;
  async function run() {
    try {
      while (wanted) {
        const given = wanted;
        wanted = null;
        aborter = new AbortController();
        await work(aborter.signal, ...given);
      }
    } finally {
      running = null;
    }
  }
  function calmly(...given) {
    wanted = given;
    running ??= run();
    return running;
  }
  function ask(...given) {
    if (running) setTimeout((held) => held.abort(), PATIENCE, aborter);
    return calmly(...given);
  }
  return Object.assign(ask, { calmly });
}
