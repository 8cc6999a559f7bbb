// The machinery: how each projection is, over the last minutes; rebuild and verify with progress; the settled mark.

import { Problem, askAnew, get, leave } from "./api.js";
import { fill, h } from "./dom.js";
import { ProjectionCard } from "./projection.js";
import { failure, requestsPanel, skeletons } from "./shell.js";
import { timeTag } from "./time.js";

const LOOK = 1000;
const LOOK_SELDOM = 5000;
const LOOK_CLOSELY = 200;
const WINDOW_SECONDS = 300;
const VIEW = "machinery";

export function openMachinery(main, state, context) {
  const view = { cards: new Map(), samples: new Map(), context, timer: 0, turn: 0 };
  view.mark = h("dl", { class: "numbers mark-numbers" });
  view.notice = h("div", {});
  view.cardsBox = h("div", { class: "projections" }, skeletons(3, "wide"));
  view.requests = requestsPanel(VIEW);
  const head = h("div", { class: "above" }, h("h1", { tabindex: -1 }, "The machinery"), view.mark);
  fill(main, head, h("p", { class: "muted" }, "What is read is folded from the log by projections. Each can be built anew while everybody goes on reading and writing, and compared with the log, event by event."), view.notice, view.cardsBox, view.requests.element);
  document.title = "The machinery · Swappo";
  look(view);
  return {
    update() {},
    retry: () => look(view),
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
    if (turn !== view.turn || !showFailure(view, error)) return;
    pause = LOOK_SELDOM;
  } finally {
    view.requests.refresh();
  }
  if (turn === view.turn) view.timer = setTimeout(() => look(view), pause);
}

/** What is shown stays while it cannot be asked; what was refused is the visitor's to ask again. Whether to go on asking. */
function showFailure(view, error) {
  const passes = !(error instanceof Problem && error.needsToken);
  if (passes && view.cards.size) {
    fill(view.notice, error.status === 0 ? null : h("p", { class: "problem", role: "alert" }, error.message));
    return true;
  }
  view.cards.forEach((card) => card.close());
  view.cards.clear();
  fill(view.cardsBox);
  fill(view.mark);
  fill(view.notice, failure(error, () => look(view), view.context.signIn));
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

function showMark(view, states) {
  const behind = states.head - states.settled_position;
  const settled = states.settled_instant;
  const parts = [
    ["newest event", states.head.toLocaleString()],
    ["settled up to", behind > 0 ? `${states.settled_position.toLocaleString()}, ${behind} open` : "all of it"],
    ["settled at", settled ? timeTag(settled, { style: "exact" }) : "never yet"],
    ["leader", states.has_leader ? "at work" : "nobody"],
  ];
  fill(view.mark, parts.map(([name, value]) => h("div", { class: name === "leader" && !states.has_leader ? "alarm" : null }, h("dd", {}, value), h("dt", {}, name))));
}

/** What the service saw before anybody looked here, by our clock. Without it the chart begins now. */
async function recall({ samples }, name) {
  const answer = await get(`projections/${name}/lag`, {}, { view: VIEW }).catch(() => null);
  if (!answer) return;
  const { data, headers } = answer;
  const ahead = Date.now() - Date.parse(headers.get("Date"));
  const known = samples.get(name);
  const before = data.lag.map(({ at, lag_seconds, lag_events }) => [(Date.parse(at) + ahead) / 1000, lag_seconds, lag_events]);
  known.unshift(...before.filter(([at]) => at < known[0][0]));
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
