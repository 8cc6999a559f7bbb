// An item's versions in steps: a marker for each event, by shape and colour, and how long it was until the next.

import { fill, h } from "./dom.js";
import { kindOf, mark } from "./icons.js";
import { span, timeTag } from "./time.js";

const AT_ONCE = 150;

export class Steps {
  constructor(choose) {
    this.choose = choose;
    this.count = 0;
    this.list = h("ol", { class: "steps", onkeydown: (event) => this.keyed(event) });
    this.before = h("button", { type: "button", class: "round", "aria-label": "Previous version", onclick: () => this.by(-1) }, "‹");
    this.after = h("button", { type: "button", class: "round", "aria-label": "Next version", onclick: () => this.by(1) }, "›");
    this.element = h("nav", { class: "timeline", "aria-label": "Versions" }, this.before, this.list, this.after);
  }

  /** `events` have a version, a type if it is known, and when they were. Of very many those around the shown one. */
  show(events, version) {
    this.count = events.length;
    this.version = version;
    const first = Math.max(0, Math.min(events.length - AT_ONCE, Math.max(version, 1) - AT_ONCE / 2));
    const seen = events.slice(first, first + AT_ONCE);
    const hadFocus = this.list.contains(document.activeElement);
    fill(this.list, seen.map((event, n) => this.step(event, seen[n - 1] ?? events[first - 1])));
    this.before.disabled = version <= 1;
    this.after.disabled = version >= this.count;
    const chosen = this.list.querySelector("[aria-current]");
    if (hadFocus) chosen?.focus();
    if (chosen) this.list.scrollLeft = chosen.parentElement.offsetLeft - this.list.clientWidth / 2 + 40;
  }

  step(event, previous) {
    const chosen = event.version === this.version;
    const kind = kindOf(event.type);
    const button = h(
      "button",
      { type: "button", "aria-current": chosen ? "step" : null, tabindex: chosen || (!this.version && event.version === 1) ? 0 : -1, "data-version": event.version, onclick: () => this.go(event.version) },
      mark(event.type),
      h("span", { class: "number" }, `v${event.version}`),
      h("span", { class: "hidden" }, ` ${kind.name}`),
    );
    const gap = previous ? h("span", { class: "gap", title: "Time since the version before" }, span(Date.parse(event.at) - Date.parse(previous.at))) : null;
    return h("li", {}, gap, button, h("span", { class: "date" }, timeTag(event.at)));
  }

  by(steps) {
    this.go(this.version + steps);
  }

  go(version) {
    if (version < 1 || version > this.count) return;
    this.version = version;
    this.choose(version);
  }

  keyed(event) {
    const target = { ArrowLeft: this.version - 1, ArrowRight: this.version + 1, Home: 1, End: this.count }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.go(target);
  }
}
