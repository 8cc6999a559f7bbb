// The timeline of an item's versions: an icon for each event, and the time between events.

import { fill, h } from "./dom.js";
import { eventIcon, eventTypeOf } from "./icons.js";
import { durationText, timeTag } from "./time.js";

const VERSIONS_MAX = 150;

export class VersionTimeline {
  constructor(onSelect) {
    this.onSelect = onSelect;
    this.count = 0;
    this.list = h("ol", { class: "versions", onkeydown: (event) => this.onKeyDown(event) });
    this.previousButton = h("button", { type: "button", class: "round", "aria-label": "Previous version", onclick: () => this.moveBy(-1) }, "‹");
    this.nextButton = h("button", { type: "button", class: "round", "aria-label": "Next version", onclick: () => this.moveBy(1) }, "›");
    this.element = h("nav", { class: "timeline", "aria-label": "Versions" }, this.previousButton, this.list, this.nextButton);
  }

  /** `events` have a version, an instant, and a type if known. Of very many, only those around the shown version appear. */
  show(events, version) {
    this.count = events.length;
    this.version = version;
    const first = Math.max(0, Math.min(events.length - VERSIONS_MAX, Math.max(version, 1) - VERSIONS_MAX / 2));
    const shown = events.slice(first, first + VERSIONS_MAX);
    const hadFocus = this.list.contains(document.activeElement);
    fill(this.list, shown.map((event, n) => this.versionItem(event, shown[n - 1] ?? events[first - 1])));
    this.previousButton.disabled = version <= 1;
    this.nextButton.disabled = version >= this.count;
    const currentButton = this.list.querySelector("[aria-current]");
    if (hadFocus) currentButton?.focus();
    if (currentButton) this.list.scrollLeft = currentButton.parentElement.offsetLeft - this.list.clientWidth / 2 + 40;
  }

  versionItem(event, previous) {
    const isCurrent = event.version === this.version;
    const eventType = eventTypeOf(event.type);
    const button = h(
      "button",
      { type: "button", "aria-current": isCurrent ? "step" : null, tabindex: isCurrent || (!this.version && event.version === 1) ? 0 : -1, "data-version": event.version, onclick: () => this.select(event.version) },
      eventIcon(event.type),
      h("span", { class: "number" }, `v${event.version}`),
      h("span", { class: "visually-hidden" }, ` ${eventType.name}`),
    );
    const gap = previous ? h("span", { class: "gap", title: "Time since the previous version" }, durationText(Date.parse(event.at) - Date.parse(previous.at))) : null;
    return h("li", {}, gap, button, h("span", { class: "date" }, timeTag(event.at)));
  }

  moveBy(distance) {
    this.select(this.version + distance);
  }

  select(version) {
    if (version < 1 || version > this.count) return;
    this.version = version;
    this.onSelect(version);
  }

  onKeyDown(event) {
    const target = { ArrowLeft: this.version - 1, ArrowRight: this.version + 1, Home: 1, End: this.count }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.select(target);
  }
}
