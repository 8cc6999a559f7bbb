// The projections view: position, lag and state of each projection, rebuild and verify with progress, and the high-water mark.

import { Problem, closeView, forgetReads, get } from "./api.js";
import { fill, h, setText } from "./dom.js";
import { ProjectionCard, WINDOW_SECONDS } from "./projection-card.js";
import { setTime } from "./time.js";
import { requestsPanel, showError, skeletons } from "./view-state.js";

const POLL_MS = 1000;
const RETRY_MS = 5000;
const REBUILD_POLL_MS = 200;
const VIEW = "projections";

export function openProjections(main, state, context) {
  const view = { cards: new Map(), samples: new Map(), context, timer: 0, pollNumber: 0 };
  view.mark = h("dl", { class: "numbers high-water-mark", hidden: true });
  view.markFields = buildMark(view.mark);
  view.notice = h("div", {});
  view.cardsBox = h("div", { class: "projection-list" }, skeletons(3, "wide"));
  view.requests = requestsPanel(VIEW);
  const head = h("div", { class: "view-head" }, h("h1", { tabindex: -1 }, "Projections"), view.mark);
  fill(main, head, h("p", { class: "muted" }, "Projections fold the events of the log into the documents that clients read. You can rebuild or verify a projection at any time: reads and writes continue."), view.notice, view.cardsBox, view.requests.element);
  document.title = "Projections · Swappo";
  poll(view);
  return {
    update() {},
    retry() {
      poll(view);
      view.samples.forEach((_, name) => loadLagHistory(view, name));
    },
    close() {
      view.pollNumber += 1;
      clearTimeout(view.timer);
      view.cards.forEach((card) => card.close());
      closeView(VIEW);
    },
  };
}

/** Poll the service, faster during a rebuild. A hidden tab sends no requests. */
async function poll(view) {
  clearTimeout(view.timer);
  const pollNumber = ++view.pollNumber;
  let pauseMs = POLL_MS;
  try {
    if (!document.hidden) {
      forgetReads(VIEW);
      const { data } = await get("projections", {}, { view: VIEW });
      if (pollNumber !== view.pollNumber) return;
      show(view, data);
      if (data.projections.some((projection) => projection.rebuild)) pauseMs = REBUILD_POLL_MS;
    }
  } catch (error) {
    if (pollNumber !== view.pollNumber || !handleError(view, error)) return;
    pauseMs = RETRY_MS;
  } finally {
    view.requests.refresh();
  }
  if (pollNumber === view.pollNumber) view.timer = setTimeout(() => poll(view), pauseMs);
}

/** Show an error. Returns whether to poll again: not without permission. Cards stay if polling continues. */
function handleError(view, error) {
  const isRetried = !(error instanceof Problem && error.needsToken);
  if (isRetried && view.cards.size) {
    if (error.status && view.notice.textContent !== error.message) fill(view.notice, h("p", { class: "problem", role: "alert" }, error.message));
    return true;
  }
  view.cards.forEach((card) => card.close());
  view.cards.clear();
  fill(view.cardsBox);
  view.mark.hidden = true;
  showError(view.notice, error, () => poll(view), view.context.signIn);
  return isRetried;
}

function show(view, status) {
  fill(view.notice);
  showMark(view, status);
  for (const state of status.projections) {
    if (!view.cards.has(state.name)) {
      view.cards.set(state.name, new ProjectionCard(state.name, { ...view.context, pollNow: () => poll(view) }));
      if (state.lifecycle === "async") loadLagHistory(view, state.name);
    }
    view.cards.get(state.name).show(state, addSample(view, state), status.head);
  }
  fill(view.cardsBox, status.projections.map((state) => view.cards.get(state.name).element));
}

/** Build the fields of the high-water mark and the leader once. Updates change their texts only. */
function buildMark(list) {
  const names = { head: "newest position", settled: "high-water mark", at: "mark reached at", leader: "leader" };
  const markFields = Object.fromEntries(Object.keys(names).map((key) => [key, h("dd", {})]));
  fill(list, Object.entries(names).map(([key, name]) => h("div", {}, markFields[key], h("dt", {}, name))));
  markFields.time = h("time", {});
  fill(markFields.at, markFields.time);
  return markFields;
}

function showMark({ mark, markFields }, status) {
  const behind = status.head - status.settled_position;
  mark.hidden = false;
  setText(markFields.head, status.head.toLocaleString());
  setText(markFields.settled, behind > 0 ? `${status.settled_position.toLocaleString()}, ${behind} pending` : "at the newest event");
  if (status.settled_instant) setTime(markFields.time, status.settled_instant, "exact");
  else setText(markFields.time, "never");
  setText(markFields.leader, status.has_leader ? "running" : "none");
  markFields.leader.parentElement.classList.toggle("alarm", !status.has_leader);
}

/** Load the lag that the service has sampled, by the browser's clock. Without it the chart has the polled samples only. */
async function loadLagHistory({ samples }, name) {
  const answer = await get(`projections/${name}/lag`, {}, { view: VIEW }).catch(() => null);
  if (!answer?.data.lag.length) return;
  const { data, headers } = answer;
  const clockOffsetMs = Date.now() - Date.parse(headers.get("Date"));
  const seenByService = data.lag.map(({ at, lag_seconds, lag_events }) => [(Date.parse(at) + clockOffsetMs) / 1000, lag_seconds, lag_events]);
  const seenHere = samples.get(name);
  samples.set(name, [...seenHere.filter(([at]) => at < seenByService[0][0]), ...seenByService, ...seenHere.filter(([at]) => at > seenByService.at(-1)[0])]);
}

/** Add a sample of the lag. Returns the last minutes for the chart: times, seconds, events. */
function addSample({ samples }, state) {
  const kept = samples.get(state.name) ?? [];
  const now = Date.now() / 1000;
  kept.push([now, state.lag_seconds, state.lag_events]);
  while (kept[0][0] < now - WINDOW_SECONDS) kept.shift();
  samples.set(state.name, kept);
  return [0, 1, 2].map((part) => kept.map((sample) => sample[part]));
}
