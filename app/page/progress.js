// The progress of a long operation: done of total, speed and time left.

import { fill, h, setText } from "./dom.js";
import { secondsText } from "./time.js";

export class Progress {
  constructor(label) {
    this.bar = h("progress", { "aria-label": label });
    this.caption = h("p", { class: "caption" });
    this.element = h("div", {});
  }

  /** `unit` names what is counted. `hasEstimate` is false in a phase whose time left is unknown. */
  show({ what, done, total, unit, elapsedSeconds, hasEstimate = true }) {
    const rate = elapsedSeconds > 0 ? done / elapsedSeconds : 0;
    const secondsLeft = hasEstimate && rate > 0 ? (total - done) / rate : null;
    this.bar.max = Math.max(1, total);
    this.bar.value = done;
    const speed = rate > 0 ? ` · ${Math.round(rate).toLocaleString()} ${unit}/s` : "";
    const remaining = secondsLeft === null ? "" : ` · ${secondsText(secondsLeft)} left`;
    setText(this.caption, `${what}: ${done.toLocaleString()} of ${total.toLocaleString()} ${unit} · ${secondsText(elapsedSeconds)}${speed}${remaining}`);
    fill(this.element, this.bar, this.caption);
  }

  end() {
    fill(this.element);
  }
}
