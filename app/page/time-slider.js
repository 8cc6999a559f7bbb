// The time slider over the density of events. Its right end is now, and now is live.

import { closeView, curlCommands, get } from "./api.js";
import { densityChart } from "./charts.js";
import { h, setText, setValue } from "./dom.js";
import { DAY, HOUR, LATEST_FIELD_VALUE, MINUTE, SECOND, clockText, dayText, fromFieldValue, now, syncClock, toFieldValue, toInstant, utc } from "./time.js";

const VIEW = "time";
const BUCKETS = 160;
const INSET_PX = 10;
const FRAME_MS = 140;
const STEP_PAUSE_MS = SECOND;
const LOAD_INTERVAL_MS = 5 * SECOND;
const SPEEDS = [["Slow", 90], ["Medium", 45], ["Fast", 15]];

/** `on.move(instant)` is awaited before the next frame of a time lapse; null means now. */
export class TimeSlider {
  constructor(on) {
    this.on = on;
    this.at = null;
    this.startsAt = now() - DAY;
    this.endsAt = now();
    this.playing = null;
    this.isLoaded = false;
    this.movedAt = 0;
    this.loadTimer = 0;
    this.loadedAt = 0;
    this.build();
  }

  build() {
    this.day = h("span", { class: "day" });
    this.clock = h("span", { class: "clock" });
    this.playButton = h("button", { type: "button", class: "round primary", onclick: () => this.togglePlaying() });
    this.speed = h("select", { "aria-label": "Speed of the time lapse" }, SPEEDS.map(([name, s]) => h("option", { value: s, selected: name === "Medium" }, name)));
    this.field = h("input", { type: "datetime-local", step: 1, max: LATEST_FIELD_VALUE, "aria-label": "Go to an instant", onchange: () => this.onTyped(), onblur: () => this.show() });
    this.nowButton = h("button", { type: "button", class: "pill", onclick: () => this.move(null) }, h("span", { class: "dot", "aria-hidden": "true" }), "Now");
    this.range = h("input", { type: "range", class: "time-range", "aria-label": "Instant shown", step: 1, oninput: () => this.onDrag(), onkeydown: (event) => this.onKeyDown(event) });
    this.chartBox = h("div", { class: "density", "aria-hidden": "true" });
    this.laterMask = h("div", { class: "later-mask", "aria-hidden": "true" });
    this.caption = h("p", { class: "caption" });
    const head = h("div", { class: "instant" }, h("p", { class: "shown-instant" }, this.day, this.clock), h("div", { class: "controls" }, this.playButton, this.speed, this.field, this.nowButton));
    this.element = h("section", { class: "time-panel", "aria-label": "Time" }, head, h("div", { class: "track" }, this.chartBox, this.laterMask, this.range), this.caption);
    this.chart = densityChart(this.chartBox, INSET_PX);
    this.loadInterval = setInterval(() => document.hidden || this.load(), 30 * SECOND);
    this.range.disabled = this.playButton.disabled = true;
    this.showPlaying();
  }

  /** Load the density. Before the first load the slider is disabled, because the start of the log is unknown. */
  async load() {
    const askedAt = Date.now();
    this.loadedAt = askedAt;
    try {
      const { data } = await get("events/density", { buckets: BUCKETS }, { view: VIEW });
      this.showDensity(data, askedAt);
    } catch (error) {
      if (!this.isLoaded && error.name !== "AbortError") setText(this.caption, `The event density could not be loaded. ${error.message}`);
    }
  }

  showDensity(data, askedAt) {
    this.isLoaded = true;
    this.range.disabled = this.playButton.disabled = false;
    syncClock(data.to, askedAt);
    this.startsAt = Date.parse(data.from);
    this.endsAt = Date.parse(data.to);
    this.chart.show(data);
    setText(this.caption, `${data.total.toLocaleString()} events since ${dayText(this.startsAt)}. The height of a bar is the square root of its count.`);
    this.show();
  }

  /** Load the density after new events, at most once per interval. */
  scheduleLoad() {
    this.loadTimer ||= setTimeout(() => {
      this.loadTimer = 0;
      this.load();
    }, Math.max(0, this.loadedAt + LOAD_INTERVAL_MS - Date.now()));
  }

  /** Show an instant in milliseconds, or null for now. */
  set(at) {
    this.at = at;
    this.show();
  }

  show() {
    const at = this.at ?? this.endsAt;
    Object.assign(this.range, { min: Math.floor(this.startsAt / 1000), max: Math.ceil(this.endsAt / 1000) });
    this.range.value = this.at === null ? this.range.max : Math.floor(at / 1000);
    const share = Math.min(1, Math.max(0, (at - this.startsAt) / (this.endsAt - this.startsAt || 1)));
    this.element.style.setProperty("--share", share);
    setText(this.day, this.at === null ? "Now" : dayText(at));
    setText(this.clock, this.at === null ? "live" : clockText(at));
    this.clock.title = utc(at);
    this.day.title = utc(at);
    this.range.setAttribute("aria-valuetext", this.at === null ? "Now, live" : `${dayText(at)}, ${clockText(at)}`);
    this.element.classList.toggle("live", this.at === null);
    this.nowButton.setAttribute("aria-pressed", String(this.at === null));
    if (document.activeElement !== this.field) setValue(this.field, toFieldValue(at));
  }

  /** Move to an instant; the right end is now. Moves in quick succession share one history entry. */
  move(at) {
    const first = this.isLoaded ? this.first() : at;
    const target = at === null || at >= now() ? null : Math.max(at, first);
    if (this.playing) this.pause();
    this.set(target);
    const isStep = Date.now() - this.movedAt > STEP_PAUSE_MS;
    this.movedAt = Date.now();
    return this.on.move(target, { isStep });
  }

  onDrag() {
    const chosen = Number(this.range.value);
    this.move(chosen >= Number(this.range.max) ? null : chosen * 1000);
  }

  onTyped() {
    const at = fromFieldValue(this.field.value);
    if (Number.isFinite(at)) this.move(at);
  }

  /** Arrow keys move by a day, in a short log by an hour or less. Page keys move by seven of these. */
  onKeyDown(event) {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -7, PageUp: 7 };
    if (event.key === "Home") this.move(this.first());
    else if (event.key === "End") this.move(null);
    else if (steps[event.key]) this.move((this.at ?? this.endsAt) + steps[event.key] * this.step());
    else return;
    event.preventDefault();
  }

  /** The first whole second after the first event. */
  first() {
    return Math.ceil(this.startsAt / SECOND) * SECOND;
  }

  step() {
    const length = this.endsAt - this.startsAt;
    return [DAY, HOUR, MINUTE].find((unit) => length > 30 * unit) ?? SECOND;
  }

  togglePlaying() {
    if (this.playing) return this.pause();
    if (this.at === null || this.endsAt - this.at < this.step()) this.set(this.first());
    this.playing = Symbol("a run of the time lapse");
    this.showPlaying();
    this.run(this.playing);
  }

  pause() {
    this.playing = null;
    this.showPlaying();
  }

  /** Run the time lapse. A frame starts after the previous one is shown and moves by the time passed. */
  async run(run) {
    let last = performance.now();
    while (this.playing === run) {
      await this.on.move(this.at, { playing: true });
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, FRAME_MS - (performance.now() - last))));
      if (this.playing !== run) return;
      const elapsed = performance.now() - last;
      last = performance.now();
      const at = this.at + ((this.endsAt - this.startsAt) * elapsed) / (Number(this.speed.value) * 1000);
      if (at >= this.endsAt) return this.move(null);
      this.set(at);
    }
  }

  showPlaying() {
    setText(this.playButton, this.playing ? "❚❚" : "▶");
    this.playButton.setAttribute("aria-label", this.playing ? "Pause the time lapse" : "Play a time lapse");
    this.element.classList.toggle("playing", Boolean(this.playing));
  }

  close() {
    this.pause();
    clearInterval(this.loadInterval);
    clearTimeout(this.loadTimer);
    this.chart.close();
    closeView(VIEW);
  }

  requests() {
    return curlCommands(VIEW);
  }
}

export const instantOf = (at) => (at === null ? undefined : toInstant(at));
