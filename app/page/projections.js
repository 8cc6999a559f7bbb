// The machinery: how each projection is, over the last minutes; rebuild and verify with progress; the settled mark.

import { Problem, askAnew, get, leave } from "./api.js";
import { fill, h, setText } from "./dom.js";
import { ProjectionCard, WINDOW_SECONDS } from "./projection-card.js";
import { setTime } from "./time.js";
import { requestsPanel, showFailure, skeletons } from "./view-state.js";

const LOOK = 1000;
const LOOK_SELDOM = 5000;
const LOOK_CLOSELY = 200;
const VIEW = "machinery";

export function openMachinery(main, state, context) {
  const view = { cards: new Map(), samples: new Map(), context, timer: 0, turn: 0 };
  view.mark = h("dl", { class: "numbers mark-numbers", hidden: true });
  view.marks = marksOf(view.mark);
  view.notice = h("div", {});
  view.cardsBox = h("div", { class: "projections" }, skeletons(3, "wide"));
  view.requests = requestsPanel(VIEW);
  const head = h("div", { class: "above" }, h("h1", { tabindex: -1 }, "The machinery"), view.mark);
  fill(main, head, h("p", { class: "muted" }, "What is read is folded from the log by projections. Each can be built anew while everybody goes on reading and writing, and compared with the log, event by event."), view.notice, view.cardsBox, view.requests.element);
  document.title = "The machinery · Swappo";
  look(view);
  return {
    update() {},
    retry() {
      look(view);
      view.samples.forEach((_, name) => recall(view, name));
    },
    close() {
      view.turn += 1;
      clearTimeout(view.timer);
      view.cards.forEach((card) => card.close());
      leave(VIEW);
    },
  };
}

/** Again and again, more closely while something is being rebuilt; not while nobody looks. */
async function look(view) {
  clearTimeout(view.timer);
  const turn = ++view.turn;
  let pause = LOOK;
  try {
    if (!document.hidden) {
      askAnew(VIEW);
      const { data } = await get("projections", {}, { view: VIEW });
      if (turn !== view.turn) return;
      show(view, data);
      if (data.projections.some((each) => each.rebuild)) pause = LOOK_CLOSELY;
    }
  } catch (error) {
    if (turn !== view.turn || !failed(view, error)) return;
    pause = LOOK_SELDOM;
  } finally {
    view.requests.refresh();
  }
  if (turn === view.turn) view.timer = setTimeout(() => look(view), pause);
}

/** What is shown stays while it cannot be asked; what was refused is the visitor's to ask again. Whether to go on asking. */
function failed(view, error) {
  const passes = !(error instanceof Problem && error.needsToken);
  if (passes && view.cards.size) {
    if (error.status && view.notice.textContent !== error.message) fill(view.notice, h("p", { class: "problem", role: "alert" }, error.message));
    return true;
  }
  view.cards.forEach((card) => card.close());
  view.cards.clear();
  fill(view.cardsBox);
  view.mark.hidden = true;
  showFailure(view.notice, error, () => look(view), view.context.signIn);
  return passes;
}

function show(view, states) {
  fill(view.notice);
  showMark(view, states);
  for (const state of states.projections) {
    if (!view.cards.has(state.name)) {
      view.cards.set(state.name, new ProjectionCard(state.name, { ...view.context, lookNow: () => look(view) }));
      if (state.lifecycle === "async") recall(view, state.name);
    }
    view.cards.get(state.name).show(state, remembered(view, state), states.head);
  }
  fill(view.cardsBox, states.projections.map((state) => view.cards.get(state.name).element));
}

/** The settled mark and who moves it: what stays the same is left alone, so that one can rest on it. */
function marksOf(list) {
  const names = { head: "newest event", settled: "settled up to", at: "settled at", leader: "leader" };
  const marks = Object.fromEntries(Object.keys(names).map((key) => [key, h("dd", {})]));
  fill(list, Object.entries(names).map(([key, name]) => h("div", {}, marks[key], h("dt", {}, name))));
  marks.time = h("time", {});
  fill(marks.at, marks.time);
  return marks;
}

function showMark({ mark, marks }, states) {
  const behind = states.head - states.settled_position;
  mark.hidden = false;
  setText(marks.head, states.head.toLocaleString());
  setText(marks.settled, behind > 0 ? `${states.settled_position.toLocaleString()}, ${behind} open` : "the newest");
  if (states.settled_instant) setTime(marks.time, states.settled_instant, "exact");
  else setText(marks.time, "never yet");
  setText(marks.leader, states.has_leader ? "at work" : "nobody");
  marks.leader.parentElement.classList.toggle("alarm", !states.has_leader);
}

/** What the service saw when nobody looked here, by our clock; without it the chart has what was seen here. */
async function recall({ samples }, name) {
  const answer = await get(`projections/${name}/lag`, {}, { view: VIEW }).catch(() => null);
  if (!answer?.data.lag.length) return;
  const { data, headers } = answer;
  const ahead = Date.now() - Date.parse(headers.get("Date"));
  const seen = data.lag.map(({ at, lag_seconds, lag_events }) => [(Date.parse(at) + ahead) / 1000, lag_seconds, lag_events]);
  const ours = samples.get(name);
  samples.set(name, [...ours.filter(([at]) => at < seen[0][0]), ...seen, ...ours.filter(([at]) => at > seen.at(-1)[0])]);
}

/** The lag of the last minutes, as the charts have it: times, seconds behind, events behind. */
function remembered({ samples }, state) {
  const known = samples.get(state.name) ?? [];
  const now = Date.now() / 1000;
  known.push([now, state.lag_seconds, state.lag_events]);
  while (known[0][0] < now - WINDOW_SECONDS) known.shift();
  samples.set(state.name, known);
  return [0, 1, 2].map((part) => known.map((sample) => sample[part]));
}
