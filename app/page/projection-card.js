// A projection's card: position, lag, state, rebuild, verify and resume.

import { actorField } from "./actor-field.js";
import { Problem, jsonLines, send } from "./api.js";
import { lagChart } from "./charts.js";
import { announce, confirmDialog, fill, h, setText } from "./dom.js";
import { Progress } from "./progress.js";
import { hrefOf } from "./router.js";
import { secondsText, timeTag } from "./time.js";

export const WINDOW_SECONDS = 300;
const PHASES = { folding: "Folding the log", indexing: "Building the indexes", swapping: "Waiting for other transactions before the swap" };
const DIFFERENCES_SHOWN_MAX = 20;

export class ProjectionCard {
  constructor(name, context) {
    this.name = name;
    this.context = context;
    this.aborter = new AbortController();
    this.state = h("span", { class: "status" });
    this.facts = h("dl", { class: "facts-list" });
    this.chartBox = h("div", { class: "lag-chart", "aria-hidden": "true" });
    this.lagText = h("p", { class: "caption" });
    this.chartKeys = h("p", { class: "caption", "aria-hidden": "true" }, h("span", { class: "legend-key" }), "lag in seconds", h("span", { class: "legend-key events" }), "lag in events");
    this.rebuildProgress = new Progress(`Progress of ${name}`);
    this.verifyProgress = new Progress(`Verification of ${name}`);
    this.result = h("div", { role: "status" });
    this.errorBox = h("div", {});
    this.rebuildButton = h("button", { type: "button", class: "quiet", onclick: () => this.rebuild() }, "Rebuild");
    this.verifyButton = h("button", { type: "button", class: "quiet", onclick: () => this.verify() }, "Verify");
    const head = h("div", { class: "panel-head" }, h("h2", {}, name), this.state);
    this.element = h("section", { class: "panel projection", "aria-label": `Projection ${name}` }, head, this.errorBox, this.chartBox, this.chartKeys, this.lagText, this.facts, this.rebuildProgress.element, this.verifyProgress.element, this.result, h("div", { class: "actions" }, this.verifyButton, this.rebuildButton));
  }

  show(state, lag, head) {
    const isBackground = state.lifecycle === "async";
    this.showLag(state, lag, isBackground);
    this.showStatus(state);
    this.showStopped(state);
    const share = head ? Math.floor((state.position / head) * 100) : 100;
    const facts = [["position", `${state.position.toLocaleString()} of ${head.toLocaleString()}${share < 100 ? ` (${share} %)` : ""}`]];
    facts.push(["rules", `version ${state.version}`], ["last rebuild", lastRebuildText(state.last_rebuild)]);
    if (state.skipped.length) facts.push(["skipped", state.skipped.map((each) => `${each.position ?? "?"} by ${each.by}`).join(", ")]);
    const text = JSON.stringify([state.position, head, state.version, state.last_rebuild, state.skipped]);
    if (this.shownFacts !== text) fill(this.facts, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
    this.shownFacts = text;
    this.showRebuild(state);
  }

  showLag(state, lag, isBackground) {
    this.chartBox.hidden = this.chartKeys.hidden = !isBackground;
    if (isBackground) {
      this.chart ??= lagChart(this.chartBox, WINDOW_SECONDS);
      this.chart.show(lag);
    }
    const minutes = Math.max(1, Math.round((lag[0].at(-1) - lag[0][0]) / 60));
    const highest = Math.max(...lag[1]);
    const lagEvents = state.lag_events > 100000 ? "more than 100,000" : state.lag_events.toLocaleString();
    setText(this.lagText, isBackground ? `Lag: ${secondsText(state.lag_seconds)} and ${lagEvents} ${state.lag_events === 1 ? "event" : "events"}; at most ${secondsText(highest)} in the last ${minutes === 1 ? "minute" : `${minutes} minutes`}.` : "Inline: written in the same transaction as the events, so it has no lag.");
  }

  showStatus(state) {
    const status = state.rebuild ? "rebuilding" : state.state;
    setText(this.state, status);
    this.state.className = `status ${{ running: "active", stopped: "deleted", rebuilding: "swapped" }[status] ?? ""}`;
    this.rebuildButton.disabled = Boolean(state.rebuild);
  }

  showStopped(state) {
    if (state.state !== "stopped") return fill(this.errorBox);
    if (this.errorBox.dataset.position === String(state.error_position) && this.errorBox.childNodes.length) return null;
    this.errorBox.dataset.position = state.error_position;
    const event = h("a", { "data-route": true, href: hrefOf({ view: "log", event: state.error_position }) }, `event ${state.error_position}`);
    const again = h("button", { type: "button", class: "quiet", onclick: () => this.resume(false) }, "Try again");
    const skip = h("button", { type: "button", class: "quiet", onclick: () => this.resume(true) }, "Skip this event");
    return fill(this.errorBox, h("div", { class: "problem", role: "alert" }, h("p", {}, "Stopped by ", event, `: ${state.error}`), again, skip));
  }

  showRebuild(state) {
    const rebuild = state.rebuild;
    if (rebuild) {
      const what = PHASES[rebuild.phase] ?? rebuild.phase;
      this.rebuildProgress.show({ what, done: rebuild.done, total: rebuild.events, unit: "events", elapsedSeconds: rebuild.seconds, hasEstimate: rebuild.phase === "folding" });
    } else if (this.wasRebuilding) {
      announce(`${this.name}: ${state.last_rebuild?.error ?? "rebuilt"}`);
      this.rebuildProgress.end();
    }
    this.wasRebuilding = Boolean(rebuild);
  }

  async rebuild() {
    const body = h("p", {}, `The rebuild folds all documents of ${this.name} from the log into new tables and then swaps them in. Reads and writes continue.`);
    const confirm = () => this.failureOf(() => send(`projections/${this.name}/rebuild`, { method: "POST", view: "projections" }));
    if (await confirmDialog({ title: `Rebuild ${this.name}?`, body, action: "Rebuild", confirm })) this.context.pollNow();
  }

  async verify() {
    this.verifyButton.disabled = true;
    fill(this.result, h("p", { class: "muted" }, "Comparing with the log …"));
    const startedAt = performance.now();
    this.isComplete = false;
    try {
      const request = { method: "POST", headers: { Accept: "application/x-ndjson" }, view: "projections", signal: this.aborter.signal, timeoutSeconds: 0 };
      const response = await send(`projections/${this.name}/verify`, request);
      for await (const line of jsonLines(response)) this.showVerification(line, (performance.now() - startedAt) / 1000);
      if (!this.isComplete) throw new Problem(0, "The verification ended early: the response is incomplete. Verify again.");
    } catch (error) {
      fill(this.result, h("p", { class: "problem" }, error instanceof Problem ? error.message : "The verification ended early: the connection was lost. Verify again."));
    } finally {
      this.verifyButton.disabled = false;
      this.verifyProgress.end();
    }
  }

  showVerification(line, elapsedSeconds) {
    if (line.of !== undefined) {
      fill(this.result);
      this.verifyProgress.show({ what: "Comparing with the log", done: line.streams, total: line.of, unit: "items", elapsedSeconds: line.seconds });
    } else if (line.detail) {
      throw new Problem(line.status, line.detail);
    } else {
      this.isComplete = true;
      const good = `✓ All ${line.checked.toLocaleString()} documents match the log (${secondsText(elapsedSeconds)}).`;
      const bad = `✗ ${line.differing_count.toLocaleString()} of ${line.checked.toLocaleString()} documents differ from the log. A rebuild corrects them:`;
      const differing = line.differing.slice(0, DIFFERENCES_SHOWN_MAX).map((each) => h("li", {}, `${each.of} of ${each.id}`));
      fill(this.result, h("p", { class: line.differing_count ? "problem" : "success" }, line.differing_count ? bad : good), line.differing_count ? h("ul", {}, differing) : null);
    }
  }

  async resume(skip) {
    const text = skip ? "The projection skips the event permanently. Your name is stored with the skip." : "The projection applies the event again.";
    const actor = skip ? actorField(this.context) : null;
    const params = () => (skip ? { skip, ...actor.params() } : {});
    const confirm = () => this.failureOf(() => send(`projections/${this.name}/resume`, { method: "POST", params: params(), view: "projections" }));
    if (await confirmDialog({ title: `Resume ${this.name}?`, body: h("div", {}, h("p", {}, text), actor?.element ?? ""), action: skip ? "Skip" : "Try again", danger: skip, confirm })) this.context.pollNow();
  }

  /** Run a command. Returns its error message for the dialog, which stays open, or null. */
  async failureOf(work) {
    try {
      await work();
      return null;
    } catch (error) {
      return error.message;
    }
  }

  close() {
    this.aborter.abort();
    this.chart?.close();
  }
}

function lastRebuildText(last) {
  if (!last) return "never";
  if (last.error) return [timeTag(last.ended_at), `: ${last.error}`];
  return [timeTag(last.ended_at), `, ${(last.events ?? 0).toLocaleString()} events in ${secondsText(last.seconds ?? 0)}, swapped in ${secondsText((last.swap_milliseconds ?? 0) / 1000)}`];
}
