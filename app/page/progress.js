// How far something is that takes a while: done of all, how fast, and how long it will still take.

import { fill, h, setText } from "./dom.js";
import { seconds } from "./time.js";

export class Progress {
  constructor(label) {
    this.bar = h("progress", { "aria-label": label });
    this.words = h("p", { class: "caption" });
    this.element = h("div", {});
  }

  /** `things` is what is counted, `passed` the seconds since it began; when it ends, one can say only while it `goesOn`. */
  show({ what, done, all, things, passed, goesOn = true }) {
    const rate = passed > 0 ? done / passed : 0;
    const left = goesOn && rate > 0 ? (all - done) / rate : null;
    this.bar.max = Math.max(1, all);
    this.bar.value = done;
    const speed = rate > 0 ? ` · ${Math.round(rate).toLocaleString()} ${things}/s` : "";
    const rest = left === null ? "" : ` · ${seconds(left)} left`;
    setText(this.words, `${what}: ${done.toLocaleString()} of ${all.toLocaleString()} ${things} · ${seconds(passed)}${speed}${rest}`);
    fill(this.element, this.bar, this.words);
  }

  end() {
    fill(this.element);
  }
}
