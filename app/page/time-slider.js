// The time machine's handle: a slider over the density of events. Its right end is now, and now is live.

import { get, leave, requestsOf } from "./api.js";
import { densityChart } from "./charts.js";
import { h, setText, setValue } from "./dom.js";
import { DAY, HOUR, LAST_YEAR, MINUTE, SECOND, clockOf, dayOf, fromField, learnClock, now, toField, toInstant, utc } from "./time.js";

const VIEW = "time";
const BUCKETS = 160;
const INSET = 10;
const FRAME = 140;
const REST = SECOND;
const LOAD_SELDOM = 5 * SECOND;
const SPEEDS = [["Slow", 90], ["Steady", 45], ["Fast", 15]];

/** `on.move(instant or null)` is awaited before the next step of a time lapse; null is now. */
export class TimeSlider {
  constructor(on) {
    this.on = on;
    this.at = null;
    this.begins = now() - DAY;
    this.ends = now();
    this.playing = null;
    this.isLoaded = false;
    this.movedAt = 0;
    this.later = 0;
    this.loadedAt = 0;
    this.build();
  }

  build() {
    this.day = h("span", { class: "day" });
    this.clock = h("span", { class: "clock" });
    this.play = h("button", { type: "button", class: "round primary", onclick: () => this.toggle() });
    this.speed = h("select", { "aria-label": "Speed of the time lapse" }, SPEEDS.map(([name, s]) => h("option", { value: s, selected: name === "Steady" }, name)));
    this.field = h("input", { type: "datetime-local", step: 1, max: LAST_YEAR, "aria-label": "Go to an instant", onchange: () => this.typed(), onblur: () => this.show() });
    this.nowButton = h("button", { type: "button", class: "pill", onclick: () => this.move(null) }, h("span", { class: "dot", "aria-hidden": "true" }), "Now");
    this.range = h("input", { type: "range", class: "time", "aria-label": "Instant shown", step: 1, oninput: () => this.dragged(), onkeydown: (event) => this.keyed(event) });
    this.canvas = h("div", { class: "density", "aria-hidden": "true" });
    this.veil = h("div", { class: "veil", "aria-hidden": "true" });
    this.caption = h("p", { class: "caption" });
    const head = h("div", { class: "instant" }, h("p", { class: "when" }, this.day, this.clock), h("div", { class: "controls" }, this.play, this.speed, this.field, this.nowButton));
    this.element = h("section", { class: "hero", "aria-label": "Time" }, head, h("div", { class: "track" }, this.canvas, this.veil, this.range), this.caption);
    this.chart = densityChart(this.canvas, INSET);
    this.refresh = setInterval(() => document.hidden || this.load(), 30 * SECOND);
    this.range.disabled = this.play.disabled = true;
    this.showPlaying();
  }

  /** Ask for the density anew; the right end moves with the clock. Until it is there, nobody knows where the past begins. */
  async load() {
    const askedAt = Date.now();
    this.loadedAt = askedAt;
    try {
      const { data } = await get("events/density", { buckets: BUCKETS }, { view: VIEW });
      this.loaded(data, askedAt);
    } catch (error) {
      if (!this.isLoaded && error.name !== "AbortError") setText(this.caption, `How many events there were cannot be had just now: ${error.message}`);
    }
  }

  loaded(data, askedAt) {
    this.isLoaded = true;
    this.range.disabled = this.play.disabled = false;
    learnClock(data.to, askedAt);
    this.begins = Date.parse(data.from);
    this.ends = Date.parse(data.to);
    this.chart.show(data);
    setText(this.caption, `${data.total.toLocaleString()} events since ${dayOf(this.begins)}. Bars grow with the square root, so that quiet days are seen.`);
    this.show();
  }

  /** The same after something was recorded; not for every event of a busy log. */
  loadSoon() {
    this.later ||= setTimeout(() => {
      this.later = 0;
      this.load();
    }, Math.max(0, this.loadedAt + LOAD_SELDOM - Date.now()));
  }

  /** As the address says: an instant in milliseconds, or null for now. */
  set(at) {
    this.at = at;
    this.show();
  }

  show() {
    const at = this.at ?? this.ends;
    Object.assign(this.range, { min: Math.floor(this.begins / 1000), max: Math.ceil(this.ends / 1000) });
    this.range.value = this.at === null ? this.range.max : Math.floor(at / 1000);
    const share = Math.min(1, Math.max(0, (at - this.begins) / (this.ends - this.begins || 1)));
    this.element.style.setProperty("--share", share);
    setText(this.day, this.at === null ? "Now" : dayOf(at));
    setText(this.clock, this.at === null ? "live" : clockOf(at));
    this.clock.title = utc(at);
    this.day.title = utc(at);
    this.range.setAttribute("aria-valuetext", this.at === null ? "Now, live" : `${dayOf(at)}, ${clockOf(at)}`);
    this.element.classList.toggle("live", this.at === null);
    this.nowButton.setAttribute("aria-pressed", String(this.at === null));
    if (document.activeElement !== this.field) setValue(this.field, toField(at));
  }

  /** Go there; the right end is now. After a rest it is a step that can be gone back, else part of the one before. */
  move(at) {
    const first = this.isLoaded ? this.first() : at;
    const known = at === null || at >= now() ? null : Math.max(at, first);
    if (this.playing) this.pause();
    this.set(known);
    const isStep = Date.now() - this.movedAt > REST;
    this.movedAt = Date.now();
    return this.on.move(known, { isStep });
  }

  dragged() {
    const chosen = Number(this.range.value);
    this.move(chosen >= Number(this.range.max) ? null : chosen * 1000);
  }

  typed() {
    const at = fromField(this.field.value);
    if (Number.isFinite(at)) this.move(at);
  }

  /** A day by an arrow where the log is long, an hour or less where it is short; a week or so by page. */
  keyed(event) {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -7, PageUp: 7 };
    if (event.key === "Home") this.move(this.first());
    else if (event.key === "End") this.move(null);
    else if (steps[event.key]) this.move((this.at ?? this.ends) + steps[event.key] * this.step());
    else return;
    event.preventDefault();
  }

  /** The first whole second at which there was something. */
  first() {
    return Math.ceil(this.begins / SECOND) * SECOND;
  }

  step() {
    const length = this.ends - this.begins;
    return [DAY, HOUR, MINUTE].find((unit) => length > 30 * unit) ?? SECOND;
  }

  toggle() {
    if (this.playing) return this.pause();
    if (this.at === null || this.ends - this.at < this.step()) this.set(this.first());
    this.playing = Symbol("a run of the time lapse");
    this.showPlaying();
    this.run(this.playing);
  }

  pause() {
    this.playing = null;
    this.showPlaying();
  }

  /** Frame after frame: each as far as the speed has it, and none before the last one is there to see. */
  async run(run) {
    let last = performance.now();
    while (this.playing === run) {
      await this.on.move(this.at, { playing: true });
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, FRAME - (performance.now() - last))));
      if (this.playing !== run) return;
      const passed = performance.now() - last;
      last = performance.now();
      const at = this.at + ((this.ends - this.begins) * passed) / (Number(this.speed.value) * 1000);
      if (at >= this.ends) return this.move(null);
      this.set(at);
    }
  }

  showPlaying() {
    setText(this.play, this.playing ? "❚❚" : "▶");
    this.play.setAttribute("aria-label", this.playing ? "Pause the time lapse" : "Play a time lapse");
    this.element.classList.toggle("playing", Boolean(this.playing));
  }

  close() {
    this.pause();
    clearInterval(this.refresh);
    clearTimeout(this.later);
    this.chart.close();
    leave(VIEW);
  }

  requests() {
    return requestsOf(VIEW);
  }
}

export const instantOf = (at) => (at === null ? undefined : toInstant(at));
